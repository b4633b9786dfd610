"""From the plant's pictures to what an agent reads; whatever somebody wrote stands apart."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from aegisflow.api.text import clean, clean_lines, describe_limits, maybe, shorten, z_score
from aegisflow.domain.alarms.model import Alarm, Evidence
from aegisflow.domain.commands.model import CommandReceipt, DeviceCommands
from aegisflow.domain.equipment import DeviceSpec, Limits, SensorSpec
from aegisflow.domain.incidents.model import Incident, Pattern, SimilarIncident
from aegisflow.domain.incidents.similarity import pattern_line
from aegisflow.domain.readings import Quality
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import DeviceStatus, Passage, SensorStatus, SensorSummary, SeriesPoint
from aegisflow.mcp.schemas import (
    AlarmItem,
    CommandAnswer,
    DeviceDetail,
    DeviceLine,
    EvidenceItem,
    IncidentItem,
    PassageItem,
    PastAlarm,
    ReportWords,
    SensorNow,
    SensorTrend,
    Series,
    SimilarItem,
    StoredIncident,
    UntrustedText,
)

NOTE_BYTES = 500
JUSTIFICATION_BYTES = 1_000
REPORT_BYTES = 1_000
"""Of each longer part of an incident report."""
SIMILAR_BYTES = 240
"""Of all that is told of a report beside an alarm."""
PASSAGE_BYTES = 6_000
MAX_EVIDENCE = 8
MAX_UNAVAILABLE = 10
MAX_COUNTS = 10
MAX_SENSORS_NOW = 40
MAX_COMMANDS = 5
MAX_PATTERNS = 5
_VERDICTS = {"allow": "allowed", "ask": "an operator decides", "deny": "denied"}


def moment(at: float | None) -> str | None:
    """Return ``at`` as ISO 8601, if there is one."""
    return None if at is None else format_instant(at)


def unavailable(names: Mapping[str, str]) -> dict[str, str]:
    """Return who could not be asked, with the rest counted where there are many."""
    shown = {name: clean(why, 120) for name, why in islice(names.items(), MAX_UNAVAILABLE)}
    if len(names) > MAX_UNAVAILABLE:
        shown["others"] = f"{len(names) - MAX_UNAVAILABLE} more"
    return shown


def most_frequent(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the largest counts, the largest first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(ordered[:MAX_COUNTS])


# --- alarms -----------------------------------------------------------------------------------


def alarm_item(alarm: Alarm, similar: Sequence[SimilarIncident] = (), patterns: Sequence[Pattern] = ()) -> AlarmItem:
    """Return an alarm with the evidence of the sensors that deviate most, and what of the past is like it."""
    strongest = _strongest(alarm)
    left_out = len(strongest) - MAX_EVIDENCE
    return AlarmItem(
        alarm_id=alarm.alarm_id,
        device_id=alarm.device_id,
        fault_type=alarm.fault_type,
        first_type=alarm.first_type if alarm.first_type != alarm.fault_type else None,
        severity=alarm.severity,
        state=alarm.state,
        detector=alarm.detector,
        raised_at=format_instant(alarm.raised_at),
        changed_at=format_instant(alarm.changed_at),
        cleared_at=moment(alarm.cleared_at),
        acknowledged_at=moment(alarm.acknowledged_at),
        acknowledged_by=clean(alarm.acknowledged_by, 100) or None,
        untrusted_note=_note(alarm),
        repeats=alarm.repeats,
        reasons=[clean(reason, 200) for reason in alarm.reasons[:6]],
        evidence=[_evidence_item(item) for item in strongest[:MAX_EVIDENCE]],
        more_evidence=left_out if left_out > 0 else None,
        patterns=pattern_lines(patterns) or None,
        similar_incidents=[similar_item(one) for one in similar] or None,
    )


def past_alarm(alarm: Alarm) -> PastAlarm:
    """Return an alarm in short."""
    return PastAlarm(
        alarm_id=alarm.alarm_id,
        device_id=alarm.device_id,
        fault_type=alarm.fault_type,
        first_type=alarm.first_type if alarm.first_type != alarm.fault_type else None,
        severity=alarm.severity,
        state=alarm.state,
        raised_at=format_instant(alarm.raised_at),
        cleared_at=moment(alarm.cleared_at),
        acknowledged_by=clean(alarm.acknowledged_by, 100) or None,
        untrusted_note=_note(alarm),
        sensors=[
            f"{item.sensor} {shorten(item.value):g} (z {z_score(item.z):g}, {item.direction})"
            for item in _strongest(alarm)[:MAX_EVIDENCE]
        ],
    )


def alarm_line(alarm: Alarm) -> str:
    """Return an alarm in a few words: ``critical thermal_runaway (unacknowledged) pump-01@...``."""
    return f"{alarm.severity} {alarm.fault_type} ({alarm.state}) {alarm.alarm_id}"


def _strongest(alarm: Alarm) -> list[Evidence]:
    return sorted(alarm.evidence, key=lambda item: -abs(item.z))


def _note(alarm: Alarm) -> UntrustedText | None:
    if not alarm.note:
        return None
    return UntrustedText(words=clean(alarm.note, NOTE_BYTES), origin=clean(alarm.acknowledged_by, 100))


def _evidence_item(item: Evidence) -> EvidenceItem:
    return EvidenceItem(
        sensor=item.sensor,
        detector=item.detector,
        value=shorten(item.value),
        baseline=shorten(item.baseline),
        spread=shorten(item.spread),
        z=z_score(item.z),
        direction=item.direction,
        since=format_instant(item.since),
    )


# --- readings and devices ---------------------------------------------------------------------


def merge_points(points: Sequence[SeriesPoint], most: int) -> list[SeriesPoint]:
    """Return ``points`` in at most ``most`` buckets of equally many neighbours; extremes are kept."""
    if most <= 0:
        return []
    width = -(-len(points) // most)
    return [_merged(points[first : first + width]) for first in range(0, len(points), width or 1)]


def _merged(points: Sequence[SeriesPoint]) -> SeriesPoint:
    count = sum(point.count for point in points)
    mean = sum(point.mean * point.count for point in points) / count if count else points[0].mean
    return SeriesPoint(
        points[0].at, count, mean, min(point.min for point in points), max(point.max for point in points)
    )


def series(points: Sequence[SeriesPoint], start: float, most: int) -> Series | None:
    """Return a sensor's series in at most ``most`` buckets, each by its seconds after ``start``; None for no bucket."""
    merged = merge_points(points, most)
    if not merged:
        return None
    return Series(
        offset_s=[round(point.at - start) for point in merged],
        mean=[shorten(point.mean) for point in merged],
        min=[shorten(point.min) for point in merged],
        max=[shorten(point.max) for point in merged],
    )


def sensor_trend(summary: SensorSummary, normal: Limits, quality: Quality | None) -> SensorTrend:
    """Return a sensor over a period, without its series."""
    return SensorTrend(
        sensor=summary.sensor,
        unit=summary.unit,
        quality_now=quality,
        normal=describe_limits(normal),
        raw_values=summary.count,
        mean=maybe(summary.mean),
        spread=maybe(summary.spread),
        min=maybe(summary.min),
        min_at=moment(summary.min_at),
        max=maybe(summary.max),
        max_at=moment(summary.max_at),
        slope_per_hour=maybe(summary.slope_per_hour),
        first=maybe(summary.first),
        last=maybe(summary.last),
        outside_normal=summary.outside_normal,
    )


def device_line(status: DeviceStatus) -> DeviceLine:
    """Return a device in a line; when all of it is silent, its sensors are not named one by one."""
    stale = [sensor.spec.name for sensor in status.sensors if sensor.quality is not Quality.GOOD and not status.silent]
    return DeviceLine(
        device_id=status.device_id,
        line=status.line,
        kind=status.kind,
        mode=status.mode,
        silent=status.silent,
        latest_at=moment(status.latest_at),
        stale_sensors=stale[:10] or None,
        alarms=[alarm_line(alarm) for alarm in status.alarms[:3]] or None,
    )


def device_detail(
    status: DeviceStatus, spec: DeviceSpec | None, commands: DeviceCommands | None = None
) -> DeviceDetail:
    """Return a device in full; ``spec`` adds its setpoints and its manual, ``commands`` what is open and allowed."""
    parameters = spec.parameters.values() if spec else ()
    return DeviceDetail(
        device_id=status.device_id,
        line=status.line,
        kind=status.kind,
        mode=status.mode,
        silent=status.silent,
        latest_at=moment(status.latest_at),
        sensors=[_sensor_now(sensor) for sensor in status.sensors[:MAX_SENSORS_NOW]],
        alarms=[alarm_line(alarm) for alarm in status.alarms[:10]],
        parameters={
            item.name: f"{describe_limits(item.limits) or 'any value'} {item.unit}" for item in islice(parameters, 20)
        },
        manual=(spec.manual or None) if spec else None,
        readings_accepted=status.accepted,
        readings_refused=most_frequent(status.refused),
        open_commands=[open_command(receipt) for receipt in commands.open[:5]] if commands else [],
        commands_now=command_options(commands) if commands else {},
    )


def raw_values(statuses: Iterable[DeviceStatus]) -> int:
    """Return how many readings stand in the windows of these devices."""
    return sum(sensor.count for status in statuses for sensor in status.sensors)


def _sensor_now(status: SensorStatus) -> SensorNow:
    spec: SensorSpec = status.spec
    return SensorNow(
        sensor=spec.name,
        unit=spec.unit,
        quality=status.quality,
        value=maybe(status.value),
        at=moment(status.at),
        mean=maybe(status.mean),
        spread=maybe(status.spread),
        z=None if status.z is None else z_score(status.z),
        window=status.count,
        normal=describe_limits(spec.normal),
        alarm=describe_limits(spec.alarm),
        trip=describe_limits(spec.trip),
    )


# --- commands ---------------------------------------------------------------------------------


def open_command(receipt: CommandReceipt) -> str:
    """Return a command that is not over in one line."""
    command = receipt.command
    return f"{command.command_id} {command.command} {receipt.stage}: {receipt.next_step}"[:300]


def command_options(commands: DeviceCommands) -> dict[str, str]:
    """Return command to what policy would say; of reduce_load, up to which reduction."""
    found: dict[str, str] = {}
    for option in commands.options:
        name = option.command if option.up_to_pct is None else f"{option.command} to {option.up_to_pct:g} %"
        why = f": {option.reasons[0]}" if option.verdict == "deny" and option.reasons else ""
        found[name] = f"{_VERDICTS[option.verdict]}{why}"[:200]
    return found


def command_answer(receipt: CommandReceipt, now: float) -> CommandAnswer:
    """Return how far a command came."""
    command = receipt.command
    by = f"{command.proposed_by.kind} {clean(command.proposed_by.name, 100)}"
    return CommandAnswer(
        as_of=format_instant(now),
        command_id=command.command_id,
        device_id=command.device_id,
        command=command.command,
        parameters=dict(command.parameters),
        stage=receipt.stage,
        reasons=[clean(reason, 300) for reason in receipt.reasons[:10]],
        next_step=clean(receipt.next_step, 500),
        expires_at=None if receipt.expires_at is None else format_instant(receipt.expires_at),
        proposed_by=by,
        untrusted_justification=UntrustedText(words=clean(command.justification, JUSTIFICATION_BYTES), origin=by),
    )


# --- incident reports -------------------------------------------------------------------------


def incident_item(incident: Incident, why: Sequence[str] = ()) -> IncidentItem:
    """Return an incident report, its author's words apart."""
    return IncidentItem(
        incident_id=incident.incident_id,
        device_id=incident.device_id,
        alarm_id=incident.alarm_id,
        fault_type=incident.fault_type,
        severity=incident.severity,
        occurred_at=format_instant(incident.occurred_at),
        origin=incident.origin,
        reviewed=incident.reviewed,
        reviewed_by=clean(incident.reviewed_by, 100) or None,
        commands=_commands(incident),
        alike="; ".join(why) or None,
        untrusted_words=ReportWords(
            author=clean(incident.author, 100),
            title=clean(incident.title, 200),
            root_cause=clean(incident.root_cause, REPORT_BYTES),
            actions_taken=clean(incident.actions_taken, REPORT_BYTES),
            outcome=clean(incident.outcome, REPORT_BYTES),
        ),
    )


def stored_incident(incident: Incident) -> StoredIncident:
    """Return what the store made of a report."""
    return StoredIncident(
        incident_id=incident.incident_id,
        origin=incident.origin,
        reviewed=incident.reviewed,
        commands=_commands(incident),
    )


def similar_item(similar: SimilarIncident) -> SimilarItem:
    """Return in short what was done about something like an alarm, and how it ended."""
    incident = similar.incident
    state = "reviewed by a person" if incident.reviewed else "not reviewed"
    where = f"#{incident.incident_id} on {incident.device_id}, {format_instant(incident.occurred_at)}, {state}"
    done = "".join(f"; {command}" for command in incident.commands[-MAX_COMMANDS:])
    words = f"{clean(incident.actions_taken, SIMILAR_BYTES // 2)} -> {clean(incident.outcome, SIMILAR_BYTES // 2 - 4)}"
    return SimilarItem(
        facts=clean(f"{where}: {', '.join(similar.why)}{done}", 2 * SIMILAR_BYTES),
        untrusted_words=UntrustedText(words=words, origin=clean(f"{incident.origin} {incident.author}", 100)),
    )


def pattern_lines(patterns: Iterable[Pattern]) -> list[str]:
    """Return the most frequent patterns in a line each."""
    return [pattern_line(pattern) for pattern in patterns][:MAX_PATTERNS]


def _commands(incident: Incident) -> list[str]:
    return [f"{command.command_id} {clean(str(command), 100)}" for command in incident.commands[-MAX_COMMANDS:]]


# --- manuals ----------------------------------------------------------------------------------


def passage_item(passage: Passage) -> PassageItem:
    """Return a passage of a manual, its text at its longest."""
    return PassageItem(
        manual=passage.manual,
        title=clean(passage.title, 120),
        revision=clean(passage.revision, 40),
        section=clean(passage.section, 200),
        origin="shipped" if passage.is_ours else "added by the plant",
        score=round(passage.score, 3),
        text=clean_lines(passage.text, PASSAGE_BYTES),
    )
