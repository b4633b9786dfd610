"""What /metrics shows of the plant itself: its alarms, its machines, what waits, and what sensors show."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from aegisflow.domain.alarms.model import Alarm, AlarmState, Severity
from aegisflow.domain.commands.model import AgentWrites, CommandView
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.readings import Quality
from aegisflow.domain.views import Answer, DeviceStatus
from aegisflow.errors import AegisFlowError
from aegisflow.telemetry.metrics import LabelledGauge

__all__ = ["AskedPlant", "plant_gauges"]

Values = Mapping[tuple[str, ...], float]


class AskedPlant(Protocol):
    """What these gauges ask a plant."""

    def inventory(self) -> PlantSpec:
        """Return its lines and devices as configured now."""

    def active_alarms(self) -> Answer[tuple[Alarm, ...]]:
        """Return the alarms that are not history."""

    def all_status(self) -> Answer[tuple[DeviceStatus, ...]]:
        """Return every device that answers in time."""

    def approvals(self) -> Answer[tuple[CommandView, ...]]:
        """Return the commands that wait for a person."""

    def agent_writes(self) -> AgentWrites:
        """Return whether agents may propose commands now."""


def plant_gauges(plant: AskedPlant, *, sensors: bool) -> Iterable[LabelledGauge]:
    """Yield the gauges of a plant; those of its sensors, one for each, where they are wanted.

    A plant that does not answer makes no value and no failure of the other metrics.
    """
    for name, help_text, labels, values in (
        ("alarms", "Alarms that are not history", ("severity", "line", "state"), _alarms),
        ("devices_silent", "Devices that were heard before and are not any more", ("line",), _silent),
        ("approvals_waiting", "Commands that wait for a person", (), _waiting),
        ("agents_allowed", "Whether agents may propose commands", (), _agents),
    ):
        yield LabelledGauge(f"aegisflow_{name}", help_text, labels, _unless_away(plant, values))
    if sensors:
        text = "Newest usable value of a sensor, in its unit"
        labels = ("device", "sensor", "unit")
        yield LabelledGauge("aegisflow_sensor_value", text, labels, _unless_away(plant, _values))


def _unless_away(plant: AskedPlant, values: Callable[[AskedPlant], Values]) -> Callable[[], Values]:
    def ask() -> Values:
        try:
            return values(plant)
        except AegisFlowError:
            return {}

    return ask


def _alarms(plant: AskedPlant) -> Values:
    spec = plant.inventory()
    answer = plant.active_alarms()
    found = Counter((str(alarm.severity), spec.line_of(alarm.device_id), str(alarm.state)) for alarm in answer.value)
    # A series that only comes with the first alarm has no 0 before it, from which a rule could see it rise. Of a line
    # whose devices do not all answer, nobody knows that there is none.
    lines = spec.lines.keys() - set(map(spec.line_of, answer.unavailable))
    states = [state for state in AlarmState if state is not AlarmState.NORMAL]
    none: Values = {(str(one), line, str(state)): 0.0 for line in lines for one in Severity for state in states}
    return {**none, **{labels: float(count) for labels, count in found.items()}}


def _silent(plant: AskedPlant) -> Values:
    found = Counter(status.line for status in plant.all_status().value if status.silent)
    return {(line,): float(found[line]) for line in plant.inventory().lines}


def _waiting(plant: AskedPlant) -> Values:
    return {(): float(len(plant.approvals().value))}


def _agents(plant: AskedPlant) -> Values:
    return {(): float(plant.agent_writes().allowed)}


def _values(plant: AskedPlant) -> Values:
    """Return values that are of now: what is stale or was refused is absent, not a flat line."""
    return {
        (status.device_id, sensor.spec.name, sensor.spec.unit): sensor.value
        for status in plant.all_status().value
        for sensor in status.sensors
        if sensor.value is not None and sensor.quality is Quality.GOOD
    }
