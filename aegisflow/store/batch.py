"""What is committed together, sorted by where it goes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from aegisflow.actors.messages.store import AppendAudit, DeadLetter, StoreDeadLetters, StoreRecords
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.readings import Reading
from aegisflow.domain.views import AuditEntry

Record = StoreRecords | StoreDeadLetters | AppendAudit
"""What the store takes in."""


@dataclass(slots=True)
class Batch:
    """Rows to be, each kind in the order it came."""

    readings: list[Reading] = field(default_factory=list)
    events: list[AlarmEvent] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)


def gather(records: Iterable[Record]) -> Batch:
    """Return what these messages want stored."""
    batch = Batch()
    for record in records:
        if isinstance(record, StoreRecords):
            batch.readings += record.readings
            batch.events += record.alarms
        elif isinstance(record, StoreDeadLetters):
            batch.letters += record.letters
        else:
            batch.audit.append(record.entry)
    return batch
