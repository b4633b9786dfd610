"""Alarms, commands and audit entries as rows, and back."""

from typing import Any, TypeVar

import msgspec
from peewee import Model

from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Evidence, Severity
from aegisflow.domain.audit import row_hash
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Command, CommandName, CommandReceipt, CommandRecord, Expectation, Stage
from aegisflow.domain.readings import DeadLetter
from aegisflow.domain.views import AuditEntry
from aegisflow.models import AlarmChange, Anomaly, AuditRow, DeadLetterRow, StoredCommand

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
    return tuple(field.column_name for field in model._meta.sorted_fields if field.column_name not in ("id", "key"))


def anomaly_row(alarm: Alarm) -> Row:
    """Return an alarm as a row of ``anomalies``."""
    row = {name: getattr(alarm, name) for name in columns(Anomaly) if hasattr(alarm, name)}
    return row | {
        "severity": str(alarm.severity),
        "severity_rank": alarm.severity.rank,
        "state": str(alarm.state),
        "evidence": to_json(alarm.evidence),
        "reasons": to_json(alarm.reasons),
    }


def alarm_of(row: Anomaly) -> Alarm:
    """Return a row of ``anomalies`` as an alarm."""
    fields: Row = {name: getattr(row, name) for name in Alarm.__dataclass_fields__}
    fields |= {
        "severity": Severity(row.severity),
        "state": AlarmState(row.state),
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
        "alarm": to_json(event.alarm),
    }


def alarm_event_of(row: AlarmChange) -> AlarmEvent:
    """Return a row of ``alarm_events`` as an event."""
    return AlarmEvent(Change(row.change), row.at, from_json(row.alarm, Alarm), row.by)


def command_row(record: CommandRecord) -> Row:
    """Return a command at its stage as a row of ``commands``."""
    receipt, command = record.receipt, record.command
    return {
        "command_id": command.command_id,
        "device_id": command.device_id,
        "command": str(command.command),
        "parameters": to_json(command.parameters),
        "proposer": command.proposed_by.name,
        "proposer_kind": str(command.proposed_by.kind),
        "justification": command.justification,
        "proposed_at": command.proposed_at,
        "stage": str(receipt.stage),
        "stage_at": record.stage_at,
        "reasons": to_json(receipt.reasons),
        "next_step": receipt.next_step,
        "expires_at": receipt.expires_at,
        "digest": record.digest,
        "state_version": record.state_version,
        "approvals_needed": record.approvals_needed,
        "approved_by": to_json(record.approved_by),
        "facts": to_json(record.facts),
        "send_by": record.send_by,
        "expectation": to_json(record.expectation),
    }


def record_of(row: StoredCommand) -> CommandRecord:
    """Return a row of ``commands`` as all that is kept of the command."""
    return CommandRecord(
        receipt_of(row),
        row.stage_at,
        row.digest,
        row.state_version,
        row.approvals_needed,
        from_json(row.approved_by, tuple[str, ...]),
        from_json(row.facts, tuple[str, ...]),
        row.send_by,
        msgspec.json.decode(row.expectation, type=Expectation | None),
    )


def receipt_of(row: StoredCommand) -> CommandReceipt:
    """Return a row of ``commands`` as the command at its stage."""
    command = Command(
        row.command_id,
        row.device_id,
        CommandName(row.command),
        from_json(row.parameters, dict[str, str | float]),
        Caller(row.proposer, CallerKind.of(row.proposer_kind)),
        row.justification,
        row.proposed_at,
    )
    return CommandReceipt(
        command, Stage(row.stage), from_json(row.reasons, tuple[str, ...]), row.next_step, row.expires_at
    )


def audit_row(entry: AuditEntry, before: str) -> Row:
    """Return an audit entry as a row of ``audit``, chained to the hash of the row before."""
    detail = to_json(entry.detail)
    digest = row_hash(before, entry.at, entry.actor, entry.act, entry.subject, detail)
    return {
        "at": float(entry.at),
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "detail": detail,
        "prev_hash": before,
        "hash": digest,
    }


def audit_entry_of(row: AuditRow) -> AuditEntry:
    """Return a row of ``audit`` as the entry."""
    return AuditEntry(row.at, row.actor, row.act, row.subject, from_json(row.detail, dict[str, object]))


def dead_letter_row(letter: DeadLetter) -> Row:
    """Return a refused message as a row of ``dead_letters``."""
    return {name: getattr(letter, name) for name in columns(DeadLetterRow)}
