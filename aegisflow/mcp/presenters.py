"""From the shapes that everybody sees to what an agent reads: less of them, and whatever somebody wrote apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from aegisflow.api.next_steps import for_agents
from aegisflow.api.schemas.alarms import AlarmDetail, AlarmSummary, SensorEvidence
from aegisflow.api.schemas.base import Shape
from aegisflow.api.schemas.commands import CommandSummary
from aegisflow.api.schemas.devices import DeviceSummary, SensorState
from aegisflow.api.schemas.incidents import IncidentDetail, SimilarIncidentSummary
from aegisflow.api.text import clean, clean_lines, clip, describe_limits, maybe, shorten, z_score
from aegisflow.domain.alarms.deviation import describe_deviation
from aegisflow.domain.alarms.model import Alarm, Timeliness
from aegisflow.domain.commands.model import CommandReceipt, DeviceCommands
from aegisflow.domain.diagnosis import AlarmDiagnosis, Basis
from aegisflow.domain.equipment import DeviceSpec, FaultResponse, Limits
from aegisflow.domain.incidents.model import Pattern
from aegisflow.domain.incidents.similarity import pattern_line
from aegisflow.domain.readings import Quality
from aegisflow.domain.times import format_duration, format_instant
from aegisflow.domain.views import NO_CHANGE_YET, Answer, DeviceStatus, Passage, SensorSummary
from aegisflow.mcp.schemas import (
    Acknowledgement,
    AlarmItem,
    CommandAnswer,
    DeviceDetail,
    DeviceLine,
    EvidenceItem,
    FinishedCommand,
    IncidentItem,
    Part,
    PassageItem,
    PastAlarm,
    ReportWords,
    SensorNow,
    SensorTrend,
    SimilarItem,
    StoredIncident,
    UntrustedText,
)

P = TypeVar("P", bound=Part)
T = TypeVar("T")

NOTE_BYTES = 500
MODEL_BYTES = 600
"""Of a model's diagnosis."""
RULES_BYTES = 300
"""Of a diagnosis by rules, which repeats no evidence."""
REPORT_BYTES = 1_000
"""Of each longer part of an incident report."""
SIMILAR_BYTES = 240
"""Of all that is said of a report beside an alarm."""
ACTION_BYTES = 400
"""Of what to do about an alarm; a longer text is for people, on the page."""
PASSAGE_BYTES = 6_000
MAX_EVIDENCE = 8
MAX_UNAVAILABLE = 10
MAX_COUNTS = 10
MAX_SENSORS_NOW = 40
MAX_STALE = 10
MAX_COMMANDS = 5
MAX_NOTES = 5
MAX_PATTERNS = 5
_VERDICTS = {"allow": "allowed", "ask": "an operator decides", "deny": "denied"}


def trimmed(part: type[P], shape: Shape, **own: object) -> P:
    """Return a part of an answer: what it has in common with the shape that everybody sees, and ``own`` beside it."""
    common = part.model_fields.keys() & type(shape).model_fields.keys() - own.keys()
    return part(**{name: getattr(shape, name) for name in common}, **own)


def unavailable(names: Mapping[str, str]) -> dict[str, str]:
    """Return who could not be asked, with the rest counted where there are many."""
    shown = {name: clean(why, 120) for name, why in islice(names.items(), MAX_UNAVAILABLE)}
    if len(names) > MAX_UNAVAILABLE:
        shown["others"] = f"{len(names) - MAX_UNAVAILABLE} more"
    return shown


def broker_away(answer: Answer[T]) -> str | None:
    """Return since when no machine can be heard, and what that means for whoever reads that they are silent."""
    if answer.broker_away_since is None:
        return None
    since = format_instant(answer.broker_away_since)
    return (
        f"since {since} no machine can be heard: that they are silent is no fault of theirs, and values are of before"
    )


def most_frequent(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the largest counts, the largest first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(ordered[:MAX_COUNTS])


# --- alarms -----------------------------------------------------------------------------------


def alarm_item(
    alarm: AlarmDetail,
    similar: Sequence[SimilarIncidentSummary] = (),
    patterns: Sequence[str] = (),
    diagnosis: AlarmDiagnosis | None = None,
    response: FaultResponse | None = None,
) -> AlarmItem:
    """Return an alarm with the evidence of the sensors that deviate most, what of the past is like it, and why."""
    left_out = len(alarm.evidence) - MAX_EVIDENCE
    return trimmed(
        AlarmItem,
        alarm,
        first_type=_first_type(alarm),
        acknowledged_by=alarm.acknowledged_by or None,
        untrusted_note=_note(alarm),
        evidence=[_evidence_item(one) for one in alarm.evidence[:MAX_EVIDENCE]],
        more_evidence=left_out if left_out > 0 else None,
        patterns=list(patterns[:MAX_PATTERNS]) or None,
        similar_incidents=[similar_item(one) for one in similar] or None,
        untrusted_diagnosis=None if diagnosis is None else _diagnosis(diagnosis),
        what_to_do=None if response is None else _what_to_do(response),
    )


def _what_to_do(response: FaultResponse) -> str | None:
    """Return the action of the plant's own master alarm table; a part of it could say the opposite of the whole."""
    if not response.action or len(response.action.encode()) > ACTION_BYTES:
        return None
    within = response.respond_within_s
    action = clean(response.action, ACTION_BYTES)
    return f"within {format_duration(within)}: {action}" if within else action


def past_alarm(alarm: AlarmDetail) -> PastAlarm:
    """Return an alarm in short."""
    return trimmed(
        PastAlarm,
        alarm,
        first_type=_first_type(alarm),
        timeliness=None if alarm.timeliness is Timeliness.LIVE else alarm.timeliness.value,
        acknowledged_by=alarm.acknowledged_by or None,
        untrusted_note=_note(alarm),
        sensors=[
            " ".join(f"{one.sensor} {shorten(one.value):g} {one.unit} ({_deviation(one)}, {one.direction})".split())
            for one in alarm.evidence[:MAX_EVIDENCE]
        ],
    )


def _deviation(one: SensorEvidence) -> str:
    return describe_deviation(one.value, one.baseline, one.spread, one.z)


def acknowledgement(alarm: AlarmDetail, as_of: str) -> Acknowledgement:
    """Return what acknowledging an alarm did, and what it did not."""
    if alarm.state.is_active:
        effect = "acknowledged, not cleared: the alarm stays active until its sensors return to normal"
    else:
        effect = "acknowledged; its sensors had already returned to normal"
    return trimmed(Acknowledgement, alarm, as_of=as_of, effect=effect)


def alarm_line(alarm: AlarmSummary | Alarm) -> str:
    """Return an alarm in a few words: ``critical thermal_runaway (unacknowledged) pump-01@...``."""
    return f"{alarm.severity} {alarm.fault_type} ({alarm.state}) {alarm.alarm_id}"


def _first_type(alarm: AlarmDetail) -> str | None:
    return alarm.first_type if alarm.first_type != alarm.fault_type else None


def _diagnosis(diagnosis: AlarmDiagnosis) -> UntrustedText:
    """Return what is not in the alarm already; under a field of its own even by rules, for manuals name sections."""
    by_model = diagnosis.basis is Basis.MODEL
    said = diagnosis if by_model else replace(diagnosis, readings=(), incidents=())
    return UntrustedText(
        words=clean(said.line, MODEL_BYTES if by_model else RULES_BYTES), origin=clean(said.source, 120)
    )


def _note(alarm: AlarmDetail) -> UntrustedText | None:
    return UntrustedText(words=clip(alarm.note, NOTE_BYTES), origin=alarm.acknowledged_by) if alarm.note else None


def _evidence_item(evidence: SensorEvidence) -> EvidenceItem:
    return trimmed(
        EvidenceItem,
        evidence,
        unit=evidence.unit or None,
        value=shorten(evidence.value),
        baseline=shorten(evidence.baseline),
        spread=shorten(evidence.spread),
        z=z_score(evidence.z),
    )


# --- readings and devices ---------------------------------------------------------------------


def sensor_trend(
    summary: SensorSummary, start: float, normal: Limits, quality: Quality | None, device_id: str | None = None
) -> SensorTrend:
    """Return a sensor over a period that begins at ``start``, without its series.

    The device is named where several are compared.
    """
    return SensorTrend(
        device_id=device_id,
        sensor=summary.sensor,
        unit=summary.unit,
        quality_now=quality,
        normal=describe_limits(normal),
        raw_values=summary.count,
        mean=maybe(summary.mean),
        spread=maybe(summary.spread),
        min=maybe(summary.min),
        min_s=None if summary.min_at is None else round(summary.min_at - start),
        max=maybe(summary.max),
        max_s=None if summary.max_at is None else round(summary.max_at - start),
        slope_per_hour=maybe(summary.slope_per_hour),
        first=maybe(summary.first),
        last=maybe(summary.last),
        outside_normal=summary.outside_normal,
    )


def device_line(device: DeviceSummary) -> DeviceLine:
    """Return a device in a line; when all of it is silent, its sensors are not named one by one."""
    known = device.sensors if not device.silent else []
    stale = [one.sensor for one in known if one.quality is not Quality.GOOD and one.quality_reason != NO_CHANGE_YET]
    return trimmed(
        DeviceLine,
        device,
        stale_sensors=stale[:MAX_STALE] or None,
        alarms=[alarm_line(alarm) for alarm in device.alarms[:3]] or None,
    )


def device_detail(
    device: DeviceSummary,
    spec: DeviceSpec | None,
    commands: DeviceCommands | None = None,
    finished: Sequence[CommandReceipt] = (),
) -> DeviceDetail:
    """Return a device in full.

    Args:
        device: as it is now.
        spec: adds its setpoints and its manual.
        commands: what is open and what is allowed.
        finished: commands of late that are over, the newest first.
    """
    parameters = spec.parameters.values() if spec else ()
    return trimmed(
        DeviceDetail,
        device,
        notes=[clean(note, 200) for note in device.notes[:MAX_NOTES]],
        sensors=[_sensor_now(one, device) for one in device.sensors[:MAX_SENSORS_NOW]],
        interval_s=maybe(device.interval_s),
        alarms=[alarm_line(alarm) for alarm in device.alarms[:10]],
        parameters={
            item.name: f"{describe_limits(item.limits) or 'any value'} {item.unit}" for item in islice(parameters, 20)
        },
        manual=(spec.manual or None) if spec else None,
        readings_refused=most_frequent(device.readings_refused),
        open_commands=[open_command(CommandSummary.of(one)) for one in commands.open[:5]] if commands else [],
        finished_commands=[finished_command(CommandSummary.of(one)) for one in finished[:MAX_COMMANDS]],
        commands_now=command_options(commands) if commands else {},
    )


def raw_values(statuses: Iterable[DeviceStatus]) -> int:
    """Return how many readings stand in the windows of these devices."""
    return sum(sensor.count for status in statuses for sensor in status.sensors)


def _sensor_now(sensor: SensorState, device: DeviceSummary) -> SensorNow:
    return trimmed(
        SensorNow,
        sensor,
        value=maybe(sensor.value),
        mean=maybe(sensor.mean),
        spread=maybe(sensor.spread),
        interval_s=None if sensor.interval_s == device.interval_s else maybe(sensor.interval_s),
        z=None if sensor.z is None else z_score(sensor.z),
    )


# --- commands ---------------------------------------------------------------------------------


def open_command(command: CommandSummary) -> str:
    """Return a command that is not over in one line."""
    next_step = for_agents(command.stage, command.next_step)
    return f"{command.command_id} {command.command} {command.stage}: {next_step}"[:300]


def finished_command(command: CommandSummary) -> FinishedCommand:
    """Return how a command ended and when; why, apart: an operator or the machine may have said it."""
    values = ", ".join(f"{name} {value}" for name, value in command.parameters.items())
    what = f"{command.command_id} {command.command}{f' ({values})' if values else ''}"
    return FinishedCommand(
        command=clean(f"{what} {command.stage} at {command.stage_at}", 200),
        untrusted_why=clean("; ".join(command.policy), 300),
    )


def command_options(commands: DeviceCommands) -> dict[str, str]:
    """Return what the policy would say to each command now; to reduce_load, up to which reduction."""
    found: dict[str, str] = {}
    for option in commands.options:
        name = option.command if option.up_to_pct is None else f"{option.command} to {option.up_to_pct:g} %"
        why = f": {option.reasons[0]}" if option.verdict == "deny" and option.reasons else ""
        found[name] = f"{_VERDICTS[option.verdict]}{why}"[:200]
    return found


def command_answer(command: CommandSummary, as_of: str) -> CommandAnswer:
    """Return how far a command came."""
    words = command.words_not_facts
    return trimmed(
        CommandAnswer,
        command,
        as_of=as_of,
        reasons=[clean(reason, 300) for reason in command.policy[:10]],
        next_step=clean(for_agents(command.stage, command.next_step), 500),
        proposed_by=words.of,
        untrusted_justification=UntrustedText(words=words.text, origin=words.of),
    )


# --- incident reports -------------------------------------------------------------------------


def incident_item(incident: IncidentDetail, why: Sequence[str] = ()) -> IncidentItem:
    """Return an incident report with its author's words in a field of their own."""
    words = incident.words_not_facts
    return trimmed(
        IncidentItem,
        incident,
        reviewed_by=clip(incident.reviewed_by, 100) or None,
        commands=_commands(incident),
        alike="; ".join(why) or None,
        untrusted_words=ReportWords(
            author=clip(incident.author, 100),
            title=clip(words.title, 200),
            root_cause=clip(words.root_cause, REPORT_BYTES),
            actions_taken=clip(words.actions_taken, REPORT_BYTES),
            outcome=clip(words.outcome, REPORT_BYTES),
        ),
    )


def stored_incident(incident: IncidentDetail) -> StoredIncident:
    """Return what the store made of a report."""
    return trimmed(StoredIncident, incident, commands=_commands(incident))


def similar_item(similar: SimilarIncidentSummary) -> SimilarItem:
    """Return in short what was done about something like an alarm, and how it ended."""
    state = "reviewed by a person" if similar.reviewed else "not reviewed"
    where = f"#{similar.incident_id} on {similar.device_id}, {similar.occurred_at}, {state}"
    done = "".join(f"; {command}" for command in similar.commands[-MAX_COMMANDS:])
    words = similar.words_not_facts
    return SimilarItem(
        facts=clean(f"{where}: {', '.join(similar.alike)}{done}", 2 * SIMILAR_BYTES),
        untrusted_words=None
        if words is None
        else UntrustedText(
            words=f"{clip(words.actions_taken, SIMILAR_BYTES // 2)} -> {clip(words.outcome, SIMILAR_BYTES // 2 - 4)}",
            origin=clip(words.of, 100),
        ),
    )


def pattern_lines(patterns: Iterable[Pattern]) -> list[str]:
    """Return the most frequent patterns, one line for each."""
    return [pattern_line(pattern) for pattern in patterns][:MAX_PATTERNS]


def _commands(incident: IncidentDetail) -> list[str]:
    named = (command.partition(" ") for command in incident.commands[-MAX_COMMANDS:])
    return [f"{command_id} {clip(what, 100)}" for command_id, _, what in named]


# --- manuals ----------------------------------------------------------------------------------


def passage_item(passage: Passage) -> PassageItem:
    """Return a passage of a manual with as much of its text as any answer may hold."""
    return PassageItem(
        manual=passage.manual,
        title=clean(passage.title, 120),
        revision=clean(passage.revision, 40),
        section=clean(passage.section, 200),
        origin="shipped" if passage.is_ours else "added by the plant",
        score=round(passage.score, 3),
        text=clean_lines(passage.text, PASSAGE_BYTES),
    )
