"""Why an alarm was raised in a backtest, and what would have prevented it: tried, not guessed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aegisflow.domain.alarms.deviation import NEVER_MOVED, describe_deviation
from aegisflow.domain.alarms.model import Alarm, Evidence
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, Limits, PlantSpec, SensorSpec
from aegisflow.domain.times import format_duration, format_instant
from aegisflow.errors import UnknownNameError
from aegisflow.offline.backtest.run import Observer, Replay
from aegisflow.offline.recordings.options import ReadingOptions

AROUND_S = 900.0
"""An alarm of the device raised so near the first counts as the same one."""
_ON_DELAYS = (6, 12, 36, 120)
"""On-delays that are tried, in intervals of the recording."""
_STILL_READINGS = 20
"""Fewer equal ones may be chance."""
_SHARES = (1.0, 1.25, 1.6, 2.0, 3.0)
"""Of the deviation that the alarm was raised for: deadbands that are tried."""


def explain(
    path: Path,
    plant: PlantSpec | None,
    alarms: Mapping[str, Alarm],
    alarm_id: str,
    options: ReadingOptions | None = None,
) -> str:
    """Return why an alarm was raised, and which single change of plant.yaml would have prevented it.

    Each candidate is tried on the recording: a longer on-delay, a wider deadband, an alarm limit further
    out. A change that hides this alarm may hide a fault, too; only who knows the machine can tell.

    Raises:
        UnknownNameError: the backtest raised no such alarm.
    """
    alarm = alarms.get(alarm_id)
    if alarm is None:
        raise UnknownNameError("alarm", alarm_id, list(alarms))
    lines = [
        f"{alarm.alarm_id}: {alarm.severity} {alarm.first_type}"
        + (f", later {alarm.fault_type}" if alarm.fault_type != alarm.first_type else "")
        + f", raised {format_instant(alarm.raised_at)}"
        + ("" if alarm.cleared_at is None else f", over after {format_duration(alarm.cleared_at - alarm.raised_at)}"),
        "why:",
        *(f"  {reason}" for reason in alarm.reasons),
    ]
    replay = Replay(path, plant, alarm.device_id, options)
    history = _History(alarm.evidence)
    replay.alarms(replay.spec, alarm.raised_at, history)
    lines += [
        f"  {item.sensor} ({item.detector}): {item.value:.4g}, {_deviation(item, history.stood_still(item.sensor))}, "
        f"{item.direction} since {format_instant(item.since)}"
        for item in alarm.evidence
    ]
    lines.append("what would have prevented it (each tried alone, on this recording):")
    candidates = _candidates(replay.spec, alarm, replay.interval_s)
    found = [what for what, spec in candidates if not _raised(replay, spec, alarm)]
    lines += [f"  {what}" for what in found] or ["  none of the changes tried: the alarm does not hang on one setting"]
    return "\n".join(lines)


class _History(Observer):
    """Since when the sensors of an alarm have moved at all."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self._since = {item.sensor: item.since for item in evidence}
        self._first: dict[str, float] = {}
        self._moved_at: dict[str, float] = {}
        self._still: dict[str, int] = dict.fromkeys(self._since, 0)

    def take(self, device: Device, at: float, values: dict[str, float]) -> None:
        for name in self._since:
            if name not in values or name in self._moved_at:
                continue
            if self._first.setdefault(name, values[name]) == values[name]:
                self._still[name] += 1
            else:
                self._moved_at[name] = at

    def pass_over(self, device_id: str) -> None:
        """Take a refused row for no move."""

    def stood_still(self, sensor: str) -> bool:
        """Return whether a sensor had shown one value only, until it made the move that the alarm is about."""
        moved_at = self._moved_at.get(sensor)
        if moved_at is None or self._still[sensor] < _STILL_READINGS:
            return False
        return moved_at >= self._since[sensor] - AROUND_S


def _deviation(item: Evidence, stood_still: bool) -> str:
    """Return how far a value lies from what is usual, as a person can read it."""
    told = NEVER_MOVED if stood_still else describe_deviation(item.value, item.baseline, item.spread, item.z)
    if told == NEVER_MOVED:
        return f"{told} from {item.baseline:.4g}"
    return f"usual {item.baseline:.4g} ± {item.spread:.2g}, {told}"


def _raised(replay: Replay, spec: DeviceSpec, alarm: Alarm) -> bool:
    until = alarm.raised_at + AROUND_S
    return any(abs(other.raised_at - alarm.raised_at) <= AROUND_S for other in replay.alarms(spec, until))


def _candidates(spec: DeviceSpec, alarm: Alarm, interval_s: float) -> Iterator[tuple[str, DeviceSpec]]:
    """Yield changes, of each kind the smallest first."""
    before_s = spec.alarm.on_delay(interval_s).seconds
    for count in _ON_DELAYS:
        on_delay_s = count * interval_s
        if on_delay_s > before_s:
            what = f"alarm.on_delay: {_duration(on_delay_s)} instead of {_duration(before_s)}"
            yield what, replace(spec, alarm=replace(spec.alarm, on_delay_s=on_delay_s))
    for item in alarm.evidence:
        sensor = spec.sensors.get(item.sensor)
        if sensor is None:
            continue
        size = abs(item.value - item.baseline)
        for share in _SHARES:
            deadband = float(f"{size * share:.2g}")
            if size and deadband > (sensor.deadband or 0.0):
                what = f"sensors.{item.sensor}.deadband: {deadband:g} instead of {sensor.deadband or 'none'}"
                yield what, _with(spec, replace(sensor, deadband=deadband))
        if item.detector == "limit":
            yield (
                f"sensors.{item.sensor}.alarm: none, only its trip limit",
                _with(spec, replace(sensor, alarm=Limits())),
            )


def _duration(seconds: float) -> str:
    """Return a duration as it can be written into a plant file."""
    return format_duration(seconds).replace(" ", "")


def _with(spec: DeviceSpec, sensor: SensorSpec) -> DeviceSpec:
    return replace(spec, sensors={**spec.sensors, sensor.name: sensor})
