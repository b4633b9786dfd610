"""What is committed together, sorted by the table where it goes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.alarms.outbox import Delivery
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.learning import KeptLearning
from aegisflow.domain.readings import DeadLetter, Reading
from aegisflow.domain.views import AuditEntry
from aegisflow.store.rows import OF_LEARNING, OF_LEVEL, covering, level_row, to_json

NO_LEARNING: Mapping[str, KeptLearning | None] = MappingProxyType({})
"""Of records that are about none."""


class Record(NamedTuple):
    """Rows that are stored together, or together become a dead letter because one of them never can be."""

    source: object
    """What brought it; handed back with it, and what a dead letter would show."""
    device_id: str | None = None
    """The device whose past it belongs to."""
    readings: Sequence[Reading] = ()
    events: Sequence[AlarmEvent] = ()
    letters: Sequence[DeadLetter] = ()
    audit: Sequence[AuditEntry] = ()
    deliveries: Sequence[Delivery] = ()
    dropped_deliveries: Sequence[str] = ()
    """Keys of the deliveries that are no longer owed."""
    levels: Sequence[AcceptedLevel] = ()
    dropped_levels: Sequence[str] = ()
    """Keys of the levels that were taken back."""
    learning: Mapping[str, KeptLearning | None] = NO_LEARNING
    """Device to its commissioning period; None where it was thrown away."""
    diagnoses: Sequence[AlarmDiagnosis] = ()


@dataclass(slots=True)
class Batch:
    """Rows to be, each kind in the order it came."""

    readings: list[Reading] = field(default_factory=list)
    events: list[AlarmEvent] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    deliveries: dict[str, Delivery | None] = field(default_factory=dict)
    """Key to the newest; None where it is dropped."""
    levels: dict[str, AcceptedLevel | None] = field(default_factory=dict)
    """The same for accepted levels."""
    learning: dict[str, KeptLearning | None] = field(default_factory=dict)
    """Device to its newest commissioning period; None where it was thrown away."""
    diagnoses: dict[str, AlarmDiagnosis] = field(default_factory=dict)
    """Alarm to the newest."""


def gather(records: Iterable[Record]) -> Batch:
    """Return the rows of all these records."""
    batch = Batch()
    for record in records:
        batch.readings += record.readings
        batch.events += record.events
        batch.letters += record.letters
        batch.audit += _covered(record) if record.audit else ()
        batch.deliveries |= {delivery.key: delivery for delivery in record.deliveries}
        batch.deliveries |= dict.fromkeys(record.dropped_deliveries)
        batch.levels |= {level.key: level for level in record.levels}
        batch.levels |= dict.fromkeys(record.dropped_levels)
        batch.learning |= record.learning
        batch.diagnoses |= {diagnosis.alarm_id: diagnosis for diagnosis in record.diagnoses}
    return batch


def _covered(record: Record) -> Sequence[AuditEntry]:
    """Return a record's rows of the audit with the digests of the levels, or of the learning, that they speak of."""
    if record.levels or record.dropped_levels:
        kept: dict[str, str | None] = dict.fromkeys(record.dropped_levels)
        kept |= {level.key: level_row(level)["record"] for level in record.levels}
        covered = (covering((entry,), OF_LEVEL + entry.subject, kept[entry.subject]) for entry in record.audit)
        return [entry for entries in covered for entry in entries]
    for device_id, learning in record.learning.items():
        return covering(record.audit, OF_LEARNING + device_id, None if learning is None else to_json(learning.period))
    return record.audit
