"""The demo in words: what happens, and how it ended."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Change, Evidence
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.times import format_duration, format_instant
from aegisflow.offline.demo.score import AFTERMATH_S, Score

_WORDS = {
    Change.RAISED: "ALARM",
    Change.ESCALATED: "WORSE",
    Change.RETYPED: "RENAMED",
    Change.CLEARED: "over",
}
_SENSORS_TOLD = 3


def tell(event: AlarmEvent, plant: PlantSpec) -> str | None:
    """Return an event as one line, dated as the store and the tools date it, or None where there is nothing to tell."""
    word = _WORDS.get(event.change)
    if word is None:
        return None
    alarm = event.alarm
    what = f"{alarm.severity}, {alarm.fault_type.replace('_', ' ')}"
    if event.change is Change.CLEARED:
        detail = f"after {format_duration(event.at - alarm.raised_at)} ({what})"
    else:
        detail = f"{what}: {', '.join(_explain(alarm, plant))}"
    return f"{format_instant(event.at)}  {word:<7}  {alarm.device_id:<14} {detail}"


def _explain(alarm: Alarm, plant: PlantSpec) -> list[str]:
    device = plant.devices.get(alarm.device_id)
    told = []
    for evidence in alarm.evidence[:_SENSORS_TOLD]:
        spec = device.sensors.get(evidence.sensor) if device else None
        told.append(_sensor(evidence, spec.unit if spec else ""))
    if len(alarm.evidence) > _SENSORS_TOLD:
        told.append("and more")
    return told


def _sensor(evidence: Evidence, unit: str) -> str:
    name = evidence.sensor.replace("_", " ")
    return f"{name} {evidence.value:.4g} {unit} (was {evidence.baseline:.4g}, too {evidence.direction})"


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """The figures of a demo that came to its end."""

    simulated_s: float
    seconds: float
    devices: int
    sent: int
    """Readings that the broker acknowledged."""
    received: int
    """Messages that came in; more than sent where the broker delivered some twice."""
    stored: int
    """Readings counted in the store."""
    refused: Mapping[str, int]
    """Reason to messages."""
    score: Score
    alarms_stored: int


def summarise(outcome: DemoOutcome) -> str:
    """Return the end of the story as lines for a terminal."""
    refused = ", ".join(f"{count:,} {reason}" for reason, count in outcome.refused.items()) or "0"
    lost = max(0, outcome.sent - outcome.stored)
    lines = [
        f"The day is over: {outcome.simulated_s / 3600:.3g} h of {outcome.devices} machines in "
        f"{format_duration(outcome.seconds)}.",
        "",
        f"  sent      {outcome.sent:>9,}  readings, acknowledged by the broker",
        f"  received  {outcome.received:>9,}",
        f"  stored    {outcome.stored:>9,}",
        f"  lost      {lost:>9,}" + ("" if not lost else "  (sent, but not in the store)"),
        f"  refused   {refused:>9}",
        "",
        *_faults(outcome),
        "",
        *_alarms(outcome),
    ]
    return "\n".join(lines)


def _faults(outcome: DemoOutcome) -> list[str]:
    score = outcome.score
    seen = [noticed for noticed in score.faults if noticed.alarm is not None]
    lines = [f"Noticed {len(seen)} of {len(score.faults)} scripted faults:", ""]
    rows = [("fault", "machine", "from", "noticed", "as")]
    for noticed in score.faults:
        truth, alarm = noticed.truth, noticed.alarm
        start = format_instant(truth.start)
        when = "not at all" if noticed.delay_s is None else f"after {format_duration(noticed.delay_s)}"
        called = "" if alarm is None else f"{alarm.fault_type.replace('_', ' ')}, {alarm.severity}"
        rows.append((truth.fault_type.replace("_", " "), truth.device_id, start, when, called))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return lines


def _alarms(outcome: DemoOutcome) -> list[str]:
    score = outcome.score
    lines = [
        f"Alarms: {outcome.alarms_stored:,} in the store; {len(score.during):,} raised during a fault of their "
        f"machine, {len(score.after):,} within {format_duration(AFTERMATH_S)} after one, "
        f"{len(score.false):,} false."
    ]
    kinds = Counter((alarm.device_id, alarm.fault_type) for alarm in score.false)
    lines += [
        f"  false: {count:,} × {device_id}, {fault_type.replace('_', ' ')}"
        for (device_id, fault_type), count in sorted(kinds.items())
    ]
    return lines
