"""From incident reports to what an agent reads; whatever somebody wrote stands apart."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aegisflow.api.text import clean
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.incidents.model import Incident, Pattern, SimilarIncident
from aegisflow.domain.incidents.similarity import pattern_line, patterns_of
from aegisflow.domain.times import format_instant
from aegisflow.errors import UnavailableError
from aegisflow.mcp.alarm_answers import SimilarItem
from aegisflow.mcp.answers import IncidentItem, ReportWords, StoredIncident, UntrustedText
from aegisflow.plant.protocol import Plant

__all__ = ["incident_item", "past_of", "pattern_lines", "similar_item", "stored_incident"]

REPORT_BYTES = 1_000
"""Of each longer part of an incident report."""
SIMILAR_BYTES = 240
"""Of all that is told of a report beside an alarm."""
MAX_COMMANDS = 5
MAX_PATTERNS = 5


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


class Past(NamedTuple):
    """What of the past is known for some alarms, each by its id."""

    similar: Mapping[str, Sequence[SimilarIncident]]
    patterns: Mapping[str, list[str]]
    unavailable: Mapping[str, str]
    """Why it is not known."""


def past_of(plant: Plant, alarms: Sequence[Alarm]) -> Past:
    """Return what alarms are like and which patterns they are a part of; they are told also where nobody knows."""
    if not alarms:
        return Past({}, {}, {})
    try:
        similar, patterns = plant.similar_incidents(alarms), plant.patterns()
    except UnavailableError as error:
        return Past({}, {}, {"incident reports": str(error)})
    kinds = {name: spec.kind for name, spec in plant.inventory().devices.items()}
    lines = {one.alarm_id: pattern_lines(patterns_of(one, kinds.get(one.device_id, ""), patterns)) for one in alarms}
    return Past(similar, lines, {})


def _commands(incident: Incident) -> list[str]:
    return [f"{command.command_id} {clean(str(command), 100)}" for command in incident.commands[-MAX_COMMANDS:]]
