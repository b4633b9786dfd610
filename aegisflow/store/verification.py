"""Is the audit whole? The chain, the seals, the exported heads, and the records that the rows speak of."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from aegisflow.domain.audit import GENESIS, OF_COMMAND, OF_TOKEN, row_hash, sealed_head, sealed_row, text_digest
from aegisflow.domain.commands.model import CommandRecord
from aegisflow.domain.times import format_instant
from aegisflow.store.chain import AuditRowRead, Head, audit_rows, newest_head
from aegisflow.store.connection import Connection
from aegisflow.store.covered import Acts, changed_by_nobody
from aegisflow.store.rows import command_row, from_json
from aegisflow.store.seals import Seals

__all__ = ["SEALED_FROM_HERE", "Verified", "verify"]

SEALED_FROM_HERE = "audit_sealed"
"""The act of the first row that is sealed in an audit that began without: it stands for the rows before it."""
_MAX_BEHIND = 1_000
"""Rows without a head that a process may leave that was killed between a commit and its export."""
_COLUMNS = ("device_id", "command", "proposer_kind", "proposed_at", "stage", "stage_at", "send_by")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the whole audit found."""

    rows: int
    exported: int
    """Heads that were exported and found in the chain."""
    broken: str = ""
    """Where and how it is broken; empty when it is not."""
    behind: int = 0
    """Rows after the newest exported head: one that is missing behind them would not be noticed."""
    sealed: int = 0
    """Rows whose seal was checked."""


@dataclass(slots=True)
class _Walk:
    """What is known on the way through the chain."""

    seals: Seals
    exported: dict[int, str]
    before: str = GENESIS
    last: int = 0
    rows: int = 0
    found: int = 0
    behind: int = 0
    sealed: int = 0
    records: dict[str, str] = field(default_factory=dict)
    """What a record is of, to the digest of it that the newest row about it has."""
    acts: Acts = field(default_factory=Acts)

    def step(self, row: AuditRowRead) -> str:
        """Take the next row; return what is wrong with it, empty for nothing."""
        self.rows += 1
        if row.before != self.before:
            return f"does not follow row {self.last}: a row between was removed or slipped in"
        if row_hash(row.before, row.at, row.actor, row.act, row.subject, row.detail) != row.digest:
            return "was changed after it was written"
        # Whoever can write to the database can hash everything anew from some row on, and the chain is whole in
        # itself. Only what was exported before can tell.
        if self.exported.get(row.number, row.digest) != row.digest:
            return "is not the one whose hash was exported: the chain was rewritten"
        why = self._seal(row)
        if why:
            return why
        self._cover(row)
        is_exported = row.number in self.exported
        self.found += is_exported
        self.behind = 0 if is_exported else self.behind + 1
        self.before, self.last = row.digest, row.number
        return ""

    def _seal(self, row: AuditRowRead) -> str:
        # Rows from before the first seal have none; from there on each must have one.
        if not self.seals.can_check or not (row.seal.key_id or self.sealed):
            return ""
        why = self.seals.why_not(row.seal, sealed_row(row.digest))
        if not why and not self.sealed and self.rows > 1 and row.act != SEALED_FROM_HERE:
            return "is sealed, and those before it are not"
        self.sealed += 1
        return why

    def _cover(self, row: AuditRowRead) -> None:
        self.acts.note(row.at, row.actor, row.act, row.subject, row.detail)
        # Most rows speak of no record, and are spared the parsing.
        if '"record_sha256"' not in row.detail:
            return
        detail = json.loads(row.detail)
        self.records[str(detail.get("record_of"))] = str(detail.get("record_sha256"))


def verify(
    connection: Connection,
    heads: Iterable[Head],
    progress: Callable[[float], None] = lambda share: None,
    seals: Seals | None = None,
    rows_before: int | None = None,
) -> Verified:
    """Walk the whole chain and hold it against seals, exported heads and records; tell the first thing that is wrong.

    Args:
        connection: to the store; it sees one state of it from the first row to the last.
        heads: that were exported, wherever they were kept.
        progress: told how much of it is done, from 0 to 1.
        seals: whose seals count; without any key none is checked.
        rows_before: number of the newest row before the heads were read; None for that of now.
    """
    seals = seals or Seals()
    exported: dict[int, str] = {}
    walk = _Walk(seals, exported)
    is_sealed = False
    for head in heads:
        is_sealed = is_sealed or bool(head.seal.key_id)
        why = seals.why_not(head.seal, sealed_head(head.row, head.digest, head.at)) if seals.can_check else ""
        # Heads from before the first key have no seal; after one that has, none may be without.
        if why and (head.seal.key_id or is_sealed):
            return Verified(0, 0, f"the exported head of row {head.row} {why}")
        if exported.setdefault(head.row, head.digest) != head.digest:
            return Verified(0, 0, f"two exported heads of row {head.row} contradict each other: the chain was forked")
    with connection.transaction():
        newest = newest_head(connection).row
        rows_before = newest if rows_before is None else rows_before
        for row in audit_rows(connection):
            why = walk.step(row)
            if why:
                where = f"row {row.number} ({format_instant(row.at)}, {row.act} of {row.subject} by {row.actor})"
                return Verified(walk.rows, walk.found, f"{where} {why}")
            progress(row.number / max(1, newest))
        why = _end(walk, is_sealed, rows_before) or _records(connection, walk)
    return Verified(walk.rows, walk.found, why, behind=walk.behind, sealed=walk.sealed)


def _end(walk: _Walk, is_sealed: bool, rows_before: int) -> str:
    """Return what is wrong with the end of the chain, or with all of it; empty for nothing."""
    # A chain whose end was cut off is whole as well.
    missing = [row for row in walk.exported if row > walk.last]
    if missing:
        return f"the audit ends at row {walk.last}, but row {max(missing)} was exported: its end is cut off"
    if walk.seals.can_check and is_sealed and walk.rows and not walk.sealed:
        return "its heads were sealed, and no row is: the chain was rewritten"
    if walk.sealed and not walk.exported and rows_before:
        return "its rows are sealed, and no exported head is there: they were removed"
    newest = max(walk.exported, default=rows_before)
    if walk.sealed and rows_before - newest > _MAX_BEHIND:
        return (
            f"its newest exported head is of row {newest}, and {rows_before - newest:,} rows came after it: newer "
            "heads were removed, or older ones put back"
        )
    return ""


def _records(connection: Connection, walk: _Walk) -> str:
    """Return which record is not as the audit has it; empty for none."""
    left = dict.fromkeys(name for name in walk.records if name.startswith((OF_COMMAND, OF_TOKEN)))
    query = f"SELECT command_id, record, {', '.join(_COLUMNS)} FROM commands"  # noqa: S608 - columns are ours
    for command_id, record, *columns in connection.run(query).fetchall():
        if not walk.rows:
            return f"it is empty, and the store has commands, such as {command_id}: all of it was removed"
        left.pop(OF_COMMAND + command_id, None)
        why = _changed(walk, command_id, record, columns)
        if why:
            return f"the command {command_id} {why}"
    if "credentials" in connection.database.get_tables():
        for digest, record in connection.run("SELECT token_sha256, record FROM credentials").fetchall():
            left.pop(OF_TOKEN + digest, None)
            if walk.records.get(OF_TOKEN + digest) != text_digest(record):
                return f"the token {digest[:12]}… was not made as the audit has it, or changed since"
    if left:
        return f"what the audit speaks of is gone from the store: {next(iter(left))[:40]}"
    return next(changed_by_nobody(connection, walk.acts, walk.records), "")


def _changed(walk: _Walk, command_id: str, record: str, columns: list[object]) -> str:
    known = walk.records.get(OF_COMMAND + command_id)
    try:
        read = from_json(record, CommandRecord)
        row = command_row(read)
    except (ValueError, msgspec.DecodeError):
        return "cannot be read"
    if known is None:
        # A command from before rows had the digest of its record is told of at least.
        return "" if OF_COMMAND + command_id in walk.acts.told else "stands in no row of the audit"
    if known != text_digest(record) or [row[name] for name in _COLUMNS] != columns:
        return "was changed in the store after the audit told of it"
    return ""
