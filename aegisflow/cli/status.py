"""How the plant and its machines are, from the command line, through a running plant."""

from collections.abc import Iterable
from typing import Annotated

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.devices import DeviceBrief, DeviceSummary, SensorState
from aegisflow.api.schemas.plant import PlantStatus
from aegisflow.cli.arguments import DEFAULT_PLANT, AsJson, PlantPath, ServeUrl
from aegisflow.cli.client import OperatorClient, print_answer
from aegisflow.domain.times import format_duration, parse_instant

__all__ = ["status"]


def status(
    device: Annotated[str | None, Parameter(help="this one with its sensors; left out, the whole plant")] = None,
    *,
    every: Annotated[bool, Parameter(name="--all", negative="", help="also the machines that are normal")] = False,
    as_json: AsJson = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Print what is wrong and what waits, or one machine; return the exit code, 1 while the plant is not watched."""
    client = OperatorClient(plant, url)
    if device is not None:
        found = client.call(ends.SHOW_DEVICE, {"id": device})
        print_answer(found, _machine(found), as_json=as_json)
        return 0
    answer = client.call(ends.SHOW_STATUS)
    print_answer(answer, _plant(answer, every=every), as_json=as_json)
    return 0 if answer.ok else 1


def _plant(answer: PlantStatus, *, every: bool) -> Iterable[str]:
    yield f"{'watched' if answer.ok else 'NOT WATCHED'}, {answer.as_of}"
    yield from (f"  {reason}" for reason in answer.reasons)
    counts = ", ".join(f"{count} {severity}" for severity, count in answer.alarms.items() if count)
    waiting = f"; {answer.unacknowledged} not acknowledged" if answer.unacknowledged else ""
    aside = f"; {answer.suppressed} suppressed" if answer.suppressed else ""
    yield f"alarms     {counts or 'none'}{waiting}{aside}"
    waits = "cannot be told" if answer.approvals is None else f"{answer.approvals} for approval"
    yield f"waits      {waits}"
    allowed = {None: "cannot be told", True: "may propose commands", False: "STOPPED"}
    yield f"agents     {allowed[answer.agents_allowed]}"
    abnormal = [one for one in answer.devices if not one.is_normal]
    yield f"machines   {len(answer.devices)}, {len(answer.devices) - len(abnormal)} of them normal"
    yield from _machines(answer.devices if every else abnormal, answer.as_of)
    yield from (f"did not answer: {name}: {why}" for name, why in answer.unavailable.items())


def _machines(devices: Iterable[DeviceBrief], as_of: str) -> Iterable[str]:
    line = None
    for one in devices:
        if one.line != line:
            line = one.line
            yield line
        yield f"  {one.device_id:<20} {', '.join(_said_of(one, as_of))}"


def _said_of(one: DeviceBrief, as_of: str) -> Iterable[str]:
    if not one.answers:
        yield "does not answer"
    else:
        yield one.mode.replace("_", " ")
    if one.severity:
        more = f" and {one.alarms - 1} more" if one.alarms > 1 else ""
        seen = " NOT ACKNOWLEDGED" if one.unacknowledged else ""
        yield f"{one.severity} {one.fault_type.replace('_', ' ')}{more}{seen}"
    if one.learning:
        yield one.learning
    if one.silent:
        yield "SILENT"
    if one.answers:
        yield _age(one.latest_at, as_of)
    if one.refused:
        yield f"{one.refused} refused"


def _age(latest_at: str | None, as_of: str) -> str:
    if latest_at is None:
        return "no reading yet"
    return f"newest reading {format_duration(max(0.0, parse_instant(as_of) - parse_instant(latest_at)))} ago"


def _machine(one: DeviceSummary) -> Iterable[str]:
    silent = ", SILENT" if one.silent else ""
    at = f", newest reading at {one.latest_at}" if one.latest_at else ", no reading yet"
    yield f"{one.device_id}, {one.kind} on {one.line}: {one.mode.replace('_', ' ')}{silent}{at}"
    width = max((len(sensor.sensor) for sensor in one.sensors), default=0)
    yield from (f"  {sensor.sensor:<{width}}  {_sensor(sensor)}" for sensor in one.sensors)
    for alarm in one.alarms:
        yield f"  {alarm.severity} {alarm.fault_type.replace('_', ' ')}, {alarm.state}  {alarm.alarm_id}"
    yield from (f"  {note}" for note in one.notes)
    yield from (f"  refused: {count} × {reason}" for reason, count in one.readings_refused.items())


def _sensor(one: SensorState) -> str:
    """Return ``8.4 mm/s (normal up to 3, alarm limit up to 7.1, trip up to 11), mean 1.5``."""
    value = "no value" if one.value is None else f"{one.value:.5g} {one.unit}".strip()
    limits = (("normal", one.normal), ("alarm limit", one.alarm), ("trip", one.trip))
    beside = ", ".join(f"{name} {limit}" for name, limit in limits if limit)
    mean = f", mean {one.mean:.5g}" if one.mean is not None else ""
    quality = f", {one.quality}: {one.quality_reason}" if one.quality_reason else ""
    return f"{value}{f' ({beside})' if beside else ''}{mean}{quality}"
