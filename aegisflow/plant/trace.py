"""The story of an alarm, from the reading that began it to what the machine did, read from the store alone."""

from dataclasses import dataclass

from aegisflow.config import StoreSettings
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.commands.model import CommandRecord
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.tracing import TraceParent, of_alarm
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import UnknownNameError
from aegisflow.plant.audit import read_only, story_in
from aegisflow.store.archive import Archive
from aegisflow.store.rows import from_json

__all__ = ["AlarmStory", "TracedCommand", "story_of_alarm"]


@dataclass(frozen=True, slots=True)
class TracedCommand:
    """A command in the trace of an alarm."""

    record: CommandRecord
    published_at: float | None
    steps: tuple[AuditEntry, ...]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class AlarmStory:
    """All that is stored of an alarm and what was done about it."""

    trace_id: str
    events: tuple[AlarmEvent, ...]
    """At least one, oldest first."""
    diagnosis: AlarmDiagnosis | None
    commands: tuple[TracedCommand, ...]
    """Oldest first."""


def story_of_alarm(store: StoreSettings, alarm_id: str) -> AlarmStory:
    """Return the story of an alarm.

    Raises:
        StoreError: the store cannot be read.
        UnknownNameError: it tells of no such alarm.
    """
    connection = read_only(store)
    try:
        archive = Archive(connection)
        events = archive.alarm_history(alarm_id)
        if not events:
            newest = "SELECT alarm_id FROM anomalies ORDER BY raised_at DESC LIMIT 10"
            raise UnknownNameError("alarm", alarm_id, [row[0] for row in connection.run(newest).fetchall()])
        trace_id = of_alarm(alarm_id).trace_id
        rows = connection.run(
            "SELECT record, published_at FROM commands WHERE device_id = ? ORDER BY proposed_at, command_id",
            events[0].alarm.device_id,
        ).fetchall()
        found = [(from_json(text, CommandRecord), published_at) for text, published_at in rows if trace_id in text]
        commands = tuple(
            TracedCommand(record, published_at, story_in(connection, record.command.command_id))
            for record, published_at in found
            if (place := TraceParent.parse(record.command.traceparent)) is not None and place.trace_id == trace_id
        )
        return AlarmStory(trace_id, events, archive.diagnoses((alarm_id,)).get(alarm_id), commands)
    finally:
        connection.close()
