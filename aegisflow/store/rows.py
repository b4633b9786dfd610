"""Alarms, commands and audit entries as rows, and back."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from peewee import AutoField, Model

from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Evidence, Severity, Timeliness
from aegisflow.domain.alarms.outbox import Delivery
from aegisflow.domain.audit import row_hash, sealed_row, text_digest
from aegisflow.domain.commands.model import CommandReceipt, CommandRecord
from aegisflow.domain.credentials import Credential
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.learning import KeptLearning, Learning
from aegisflow.domain.readings import DeadLetter
from aegisflow.domain.views import AuditEntry
from aegisflow.models import (
    AlarmChange,
    Anomaly,
    AuditRow,
    CredentialRow,
    DeadLetterRow,
    DeliveryRow,
    DiagnosisRow,
    LearningRow,
    LevelRow,
    StoredCommand,
)
from aegisflow.store.seals import Seals

Row = dict[str, Any]
T = TypeVar("T")


def to_json(value: object) -> str:
    """Return a value as compact JSON text; what JSON does not know becomes its text."""
    return msgspec.json.encode(value, enc_hook=str).decode()


def from_json(text: str, kind: type[T]) -> T:
    """Return a value from its JSON text."""
    return msgspec.json.decode(text, type=kind)


def columns(model: type[Model]) -> tuple[str, ...]:
    """Return the names of a table's columns but a number that the database gives."""
    return tuple(field.column_name for field in model._meta.sorted_fields if not isinstance(field, AutoField))


_ALARM_COLUMNS = {
    field.name: field.column_name for field in Anomaly._meta.sorted_fields if field.name in Alarm.__dataclass_fields__
}
"""Field of an alarm to its column, which may be known by an older name."""


def anomaly_row(alarm: Alarm) -> Row:
    """Return an alarm as a row of ``anomalies``."""
    row = {column: getattr(alarm, name) for name, column in _ALARM_COLUMNS.items()}
    return row | {
        "severity": str(alarm.severity),
        "severity_rank": alarm.severity.rank,
        "state": str(alarm.state),
        "timeliness": str(alarm.timeliness),
        "evidence": to_json(alarm.evidence),
        "reasons": to_json(alarm.reasons),
    }


def alarm_of(row: Anomaly) -> Alarm:
    """Return a row of ``anomalies`` as an alarm."""
    fields: Row = {name: getattr(row, name) for name in Alarm.__dataclass_fields__}
    fields |= {
        "severity": Severity(row.severity),
        "state": AlarmState(row.state),
        "timeliness": Timeliness(row.timeliness),
        "evidence": from_json(row.evidence, tuple[Evidence, ...]),
        "reasons": from_json(row.reasons, tuple[str, ...]),
    }
    return Alarm(**fields)


def alarm_change_row(event: AlarmEvent) -> Row:
    """Return an event as a row of ``alarm_events``."""
    return {
        "alarm_id": event.alarm.alarm_id,
        "at": event.at,
        "change": str(event.change),
        "by": event.by,
        "alarm": _alarm_json(event.alarm),
    }


def alarm_event_of(row: AlarmChange) -> AlarmEvent:
    """Return a row of ``alarm_events`` as an event."""
    return AlarmEvent(Change(row.change), row.at, _alarm_from_json(row.alarm), row.by)


def _alarm_json(alarm: Alarm) -> str:
    # Under the names of the columns, some of which are older than those of the fields: stores hold events with
    # them.
    fields = msgspec.to_builtins(alarm, enc_hook=str)
    return to_json({_ALARM_COLUMNS[name]: value for name, value in fields.items()})


def _alarm_from_json(text: str) -> Alarm:
    # An event of before a field existed has not got it; the field's default stands for it.
    stored = from_json(text, dict[str, Any])
    return msgspec.convert({name: stored[column] for name, column in _ALARM_COLUMNS.items() if column in stored}, Alarm)


def command_row(record: CommandRecord) -> Row:
    """Return a command at its stage as a row of ``commands``.

    Raises:
        ValueError: it could not be read again.
    """
    command, text = record.command, to_json(record)
    try:
        from_json(text, CommandRecord)
    except msgspec.ValidationError as error:  # better no row than one that fails whoever looks at it later
        raise ValueError(str(error)) from error
    return {
        "command_id": command.command_id,
        "device_id": command.device_id,
        "command": str(command.command),
        "proposer_kind": str(command.proposed_by.kind),
        "proposed_at": command.proposed_at,
        "stage": str(record.stage),
        "stage_at": record.stage_at,
        "send_by": record.send_by,
        "record": text,
    }


def record_of(row: StoredCommand) -> CommandRecord:
    """Return a row of ``commands`` as all that is kept of the command."""
    return from_json(row.record, CommandRecord)


def receipt_of(row: StoredCommand) -> CommandReceipt:
    """Return a row of ``commands`` as how far the command came, and since when it stands there."""
    record = record_of(row)
    return replace(record.receipt, stage_at=record.stage_at)


def audit_row(entry: AuditEntry, before: str, seals: Seals) -> Row:
    """Return an audit entry as a row of ``audit``, chained to the hash of the row before."""
    detail = to_json(entry.detail)
    digest = row_hash(before, entry.at, entry.actor, entry.act, entry.subject, detail)
    seal = seals.seal(sealed_row(digest))
    return {
        "at": float(entry.at),
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "detail": detail,
        "prev_hash": before,
        "hash": digest,
        "key_id": seal.key_id,
        "seal": seal.signature,
    }


OF_INCIDENT, OF_LEVEL, OF_LEARNING = "incident ", "level ", "learning "
"""Before the id of a record, as ``domain.audit.OF_COMMAND`` is."""


def covering(entries: Sequence[AuditEntry], what: str, record: str | None) -> tuple[AuditEntry, ...]:
    """Return rows of the audit of which the last one has the digest of the record that they speak of.

    Args:
        entries: the rows.
        what: the record, such as ``incident 7``.
        record: it as text; None where it is gone now.
    """
    *first, last = entries
    covered = {"record_of": what, "record_sha256": "" if record is None else text_digest(record)}
    return (*first, replace(last, detail={**last.detail, **covered}))


def audit_entry_of(row: AuditRow) -> AuditEntry:
    """Return a row of ``audit`` as the entry."""
    return AuditEntry(row.at, row.actor, row.act, row.subject, from_json(row.detail, dict[str, object]))


def dead_letter_row(letter: DeadLetter) -> Row:
    """Return a refused message as a row of ``dead_letters``."""
    return {name: getattr(letter, name) for name in columns(DeadLetterRow)}


def delivery_row(delivery: Delivery) -> Row:
    """Return a delivery of a notification as a row of ``deliveries``."""
    return {"key": delivery.key, "record": to_json(delivery)}


def delivery_of(row: DeliveryRow) -> Delivery:
    """Return a row of ``deliveries`` as the delivery."""
    return from_json(row.record, Delivery)


def level_row(level: AcceptedLevel) -> Row:
    """Return an accepted level as a row of ``levels``."""
    return {"key": level.key, "device_id": level.device_id, "record": to_json(level)}


def learning_row(kept: KeptLearning) -> Row:
    """Return a commissioning period as a row of ``learning``."""
    return {
        "device_id": kept.period.device_id,
        "period": to_json(kept.period),
        "at": kept.at,
        "learned": _packed(kept.learned),
        "before": None if kept.before is None else _packed(kept.before),
    }


def learning_of(row: LearningRow) -> KeptLearning:
    """Return a row of ``learning`` as the commissioning period."""
    before = None if row.before is None else _unpacked(row.before)
    return KeptLearning(from_json(row.period, Learning), row.at, _unpacked(row.learned), before)


def _packed(value: object) -> bytes:
    # Not JSON, which has no infinity, and which would write every byte of the kept readings as text.
    return zlib.compress(msgspec.msgpack.encode(value), 1)


def _unpacked(data: bytes) -> Any:
    return msgspec.msgpack.decode(zlib.decompress(data))


def level_of(row: LevelRow) -> AcceptedLevel:
    """Return a row of ``levels`` as the accepted level."""
    return from_json(row.record, AcceptedLevel)


def diagnosis_row(diagnosis: AlarmDiagnosis) -> Row:
    """Return a diagnosis as a row of ``diagnoses``."""
    return {"alarm_id": diagnosis.alarm_id, "record": to_json(diagnosis)}


def diagnosis_of(row: DiagnosisRow) -> AlarmDiagnosis:
    """Return a row of ``diagnoses`` as the diagnosis."""
    return from_json(row.record, AlarmDiagnosis)


def credential_row(credential: Credential) -> Row:
    """Return what is kept of a token as a row of ``credentials``."""
    return {"token_sha256": credential.token_sha256, "record": to_json(credential)}


def credential_of(row: CredentialRow) -> Credential:
    """Return a row of ``credentials`` as what is kept of the token."""
    return from_json(row.record, Credential)
