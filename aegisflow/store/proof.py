"""The proof of a command: one file with all that led to it and came of it, which holds by the public key alone.

::

    rows of the audit ──each sealed──► the command's record ──digest──► approvals bound to it
            │                                                policies that it was judged by
            └──► the head that was exported with its last row           readings before and after
    all of it, sealed once more when it was exported

The file is text in one canonical form, so that there is no other file that says the same.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from aegisflow.domain.audit import row_hash, sealed_head, sealed_row, text_digest
from aegisflow.domain.commands.model import CommandRecord
from aegisflow.domain.commands.writing import WRITTEN
from aegisflow.domain.times import Period, format_instant
from aegisflow.errors import StoreError, UnknownNameError
from aegisflow.store.archive import Archive
from aegisflow.store.chain import AuditRowRead, Head, audit_rows
from aegisflow.store.connection import Connection
from aegisflow.store.rows import from_json
from aegisflow.store.seals import Seal, Seals

__all__ = ["Proved", "check_proof", "export_proof"]

FORMAT = "aegisflow proof of a command, 1"
_BEFORE_S, _AFTER_S = 3_600.0, 60.0
_READINGS = 200
_POLICY = "policy_in_force"


class Proved(NamedTuple):
    """What a file proves, or why it proves nothing."""

    why_not: str
    """Empty where everything holds."""
    summary: tuple[str, ...] = ()


def export_proof(connection: Connection, heads: Sequence[Head], command_id: str, seals: Seals) -> str:
    """Return the proof of a command as text.

    Args:
        connection: to the store.
        heads: that were exported.
        command_id: of the command.
        seals: seals the whole.

    Raises:
        UnknownNameError: the store has no such command.
        StoreError: there is no key to seal it with.
    """
    if not seals.key_id:
        raise StoreError("a proof is sealed, and there is no key; aegisflow audit key FILE makes one")
    with connection.transaction():
        found = connection.run("SELECT record, published_at FROM commands WHERE command_id = ?", command_id).fetchone()
        if found is None:
            known = connection.run("SELECT command_id FROM commands ORDER BY proposed_at DESC LIMIT 10").fetchall()
            raise UnknownNameError("command", command_id, [row[0] for row in known])
        every = list(audit_rows(connection))
        rows = [row for row in every if _about(row) == command_id]
        cited = {json.loads(row.detail).get("policy_sha256") for row in rows}
        policies = [row for row in every if row.act == _POLICY and json.loads(row.detail)["policy_sha256"] in cited]
        command = from_json(found[0], CommandRecord).command
        period = Period(command.proposed_at - _BEFORE_S, (rows[-1].at if rows else command.proposed_at) + _AFTER_S)
        readings = Archive(connection).readings(command.device_id, period, _READINGS)
    last = rows[-1].number if rows else 0
    body = {
        "format": FORMAT,
        "command_id": command_id,
        "record": found[0],
        "published_at": found[1],
        "rows": [_listed(row) for row in rows],
        "policies": [_listed(row) for row in policies],
        "readings": [[one.at, dict(one.values)] for one in readings],
        "head": next((head.line for head in heads if head.row == last), ""),
    }
    seal = seals.seal(_sealed(body))
    return _canonical({**body, "key_id": seal.key_id, "seal": seal.signature})


def check_proof(text: bytes, seals: Seals) -> Proved:
    """Return what a file proves by the public keys that are known; it needs no store."""
    try:
        found = json.loads(text)
        if _canonical(found).encode() != text or found["format"] != FORMAT:
            return Proved("it is no proof of a command, or not as it was exported")
        body = {name: value for name, value in found.items() if name not in ("key_id", "seal")}
        why = seals.why_not(Seal(found["key_id"], found["seal"]), _sealed(body))
        if why:
            return Proved(f"the whole {why}")
        rows, policies = ([_read(row) for row in found[name]] for name in ("rows", "policies"))
        record = from_json(found["record"], CommandRecord)
        mistakes = _mistakes(found, record, rows, policies, seals)
        return Proved(next(mistakes, ""), tuple(_told(found, record, rows)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, msgspec.DecodeError):
        return Proved("it is no proof of a command, or damaged")


def _mistakes(
    found: dict[str, Any],
    record: CommandRecord,
    rows: list[AuditRowRead],
    policies: list[AuditRowRead],
    seals: Seals,
) -> Iterator[str]:
    for row in (*rows, *policies):
        if row_hash(row.before, row.at, row.actor, row.act, row.subject, row.detail) != row.digest:
            yield f"row {row.number} was changed after it was written"
        why = seals.why_not(row.seal, sealed_row(row.digest))
        if why:
            yield f"row {row.number} {why}"
    for row, after in itertools.pairwise(rows):
        if after.number <= row.number or (after.number == row.number + 1 and after.before != row.digest):
            yield f"row {after.number} does not follow row {row.number}"
    details = [json.loads(row.detail) for row in rows]
    command_id = found["command_id"]
    if not rows or record.command.command_id != command_id or any(one["command_id"] != command_id for one in details):
        yield "it is not all about one command"
    if details[-1].get("record_sha256") != text_digest(found["record"]):
        yield "the command is not as the audit has it"
    if record.digest and record.digest not in {one.get("digest") for one in details}:
        yield "the approvals are bound to another command"
    gave = [row.actor for row in rows if row.act in ("command_approval_given", "command_approved")]
    if set(record.approved_by) - set(gave):
        yield "somebody is said to have approved it, and no row of the audit says so"
    known = {text_digest("\n".join(one["lines"])) for one in (json.loads(row.detail) for row in policies)}
    if {one["policy_sha256"] for one in details if "policy_sha256" in one} - known:
        yield "it was judged by a policy that is not among it"
    head = Head.of(found["head"])
    if found["head"] and (head is None or (head.row, head.digest) != (rows[-1].number, rows[-1].digest)):
        yield "the exported head is not that of its last row"
    if head is not None and seals.why_not(head.seal, sealed_head(head.row, head.digest, head.at)):
        yield "the exported head is not sealed as it should be"


def _told(found: dict[str, Any], record: CommandRecord, rows: list[AuditRowRead]) -> Iterator[str]:
    command = record.command
    said = ", ".join(f"{name} {value}" for name, value in command.parameters.items())
    what = f"{command.command}{f' ({said})' if said else ''}"
    yield f"{command.command_id}: {what} on {command.device_id}: {record.stage}"
    yield f"proposed by {command.proposed_by.kind} {command.proposed_by.name} at {format_instant(command.proposed_at)}"
    if record.approved_by:
        yield f"approved by {', '.join(record.approved_by)}, bound to {record.digest}"
    if found["published_at"] is not None:
        yield f"published at {format_instant(found['published_at'])}"
    for detail in (json.loads(row.detail) for row in rows if row.act == WRITTEN):
        yield f"written to {detail['topic']}: {detail.get('payload') or detail.get('payload_hex')}"
    yield f"{len(rows)} rows of the audit, each sealed; {len(found['readings'])} readings"
    yield f"head of the chain: {found['head'] or 'none was exported with its last row'}"


def _about(row: AuditRowRead) -> str:
    return str(json.loads(row.detail).get("command_id", "")) if '"command_id"' in row.detail else ""


def _listed(row: AuditRowRead) -> list[object]:
    return [*row[:-1], *row.seal]


def _read(listed: list[Any]) -> AuditRowRead:
    number, at, actor, act, subject, detail, before, digest, key_id, signature = listed
    return AuditRowRead(number, at, actor, act, subject, detail, before, digest, Seal(key_id, signature))


def _sealed(body: dict[str, Any]) -> str:
    return f"aegisflow proof {text_digest(_canonical(body))}"


def _canonical(value: object) -> str:
    """Return the one text that stands for a value."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, indent=1, allow_nan=False) + "\n"
