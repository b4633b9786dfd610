"""The audit's chain in the database, and its head in a file outside of it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aegisflow.domain.audit import GENESIS, row_hash
from aegisflow.domain.times import format_instant
from aegisflow.store.connection import Connection, file_of

__all__ = ["Head", "HeadFile", "Verified", "guard_audit", "newest_head", "rehash", "verify"]

# Some 100 bytes a line, so the file stays below 2 MB.
_MAX_LINES = 20_000
_PAGE = 2_000
_SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER audit_keeps_{what.lower()} BEFORE {what} ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    for what in ("UPDATE", "DELETE")
)
_POSTGRES_GUARDS = (
    "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger AS "
    "'BEGIN RAISE EXCEPTION ''the audit is append-only''; END' LANGUAGE plpgsql",
    "CREATE TRIGGER audit_keeps BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()",
)


class Head(NamedTuple):
    """The newest row of the audit."""

    row: int
    digest: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the whole chain found."""

    rows: int
    exported: int
    """Heads that were exported and found in the chain."""
    broken: str = ""
    """Where and how it is broken; empty when it is not."""
    behind: int = 0
    """Rows after the newest exported head: one that is missing behind them would not be noticed."""


class HeadFile:
    """Heads exported outside of the database, a line each: row, hash and time. Never fails a commit."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.failure = ""
        """Why the newest head is not exported; empty when it is."""
        self._lines: int | None = None

    @classmethod
    def beside(cls, url: str, configured: Path | None = None) -> "HeadFile":
        """Return the file that is configured, else one beside an SQLite store; none where there is no such place."""
        file = file_of(url)
        return cls(configured or (None if file is None else file.with_name(f"{file.name}.audit-head")))

    def export(self, head: Head, at: float) -> None:
        """Append a head; it is on disk when this returns, or ``failure`` says why not."""
        if self.path is None:
            return
        try:
            if self._lines is None or self._lines >= _MAX_LINES:
                self._shorten()
            with self.path.open("a", encoding="ascii") as file:
                file.write(f"{head.row} {head.digest} {format_instant(at)}\n")
                file.flush()
                os.fsync(file.fileno())
            self._lines = (self._lines or 0) + 1
            self.failure = ""
        # A full disk or a folder that is gone must not keep readings from being committed; health tells of it
        # instead.
        except OSError as error:
            self.failure = f"the head of the audit could not be exported to {self.path}: {error.strerror}"

    def heads(self) -> list[Head]:
        """Return what was exported, oldest first; a line that was cut short by a crash does not count."""
        if self.path is None or not self.path.exists():
            return []
        found = []
        for line in self.path.read_text("ascii", "replace").splitlines():
            parts = line.split()
            # 64 hexadecimal digits are a whole SHA-256.
            if len(parts) == 3 and parts[0].isdigit() and len(parts[1]) == 64:
                found.append(Head(int(parts[0]), parts[1]))
        return found

    def _shorten(self) -> None:
        """Keep the newer half of a long file; the last line is always among it."""
        assert self.path is not None
        lines = self.path.read_text("ascii", "replace").splitlines(keepends=True) if self.path.exists() else []
        if len(lines) >= _MAX_LINES:
            lines = lines[-_MAX_LINES // 2 :]
            # Written beside and then renamed, so that a process that is killed here leaves one whole file.
            part = self.path.with_name(self.path.name + ".part")
            part.write_text("".join(lines), "ascii")
            part.replace(self.path)
        self._lines = len(lines)


def guard_audit(connection: Connection) -> None:
    """Have the database itself refuse to change or remove rows of the audit."""
    for statement in _SQLITE_GUARDS if connection.is_sqlite else _POSTGRES_GUARDS:
        connection.run(statement)


def newest_head(connection: Connection) -> Head:
    """Return the newest row and its hash."""
    row = connection.run("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return Head(0, GENESIS) if row is None else Head(int(row[0]), str(row[1]))


def rehash(connection: Connection) -> None:
    """Give rows of before the chain their hashes."""
    before = GENESIS
    for number, at, actor, act, subject, detail, _, _ in _rows(connection):
        digest = row_hash(before, at, actor, act, subject, detail)
        connection.run("UPDATE audit SET prev_hash = ?, hash = ? WHERE id = ?", before, digest, number)
        before = digest


def verify(
    connection: Connection, heads: list[Head], progress: Callable[[float], None] = lambda share: None
) -> Verified:
    """Walk the whole chain and hold it against the exported heads; tell the first thing that is wrong."""
    newest = max(1, newest_head(connection).row)
    exported = {head.row: head.digest for head in heads}
    before, last, count, found, behind = GENESIS, 0, 0, 0, 0
    for number, at, actor, act, subject, detail, said_before, said in _rows(connection):
        count += 1
        where = f"row {number} ({format_instant(at)}, {act} of {subject} by {actor})"
        why = ""
        if said_before != before:
            why = f"does not follow row {last}: a row between was removed or slipped in"
        elif row_hash(before, at, actor, act, subject, detail) != said:
            why = "was changed after it was written"
        # Whoever can write to the database can hash everything anew from some row on, and the chain is whole in
        # itself. Only what was exported before can tell.
        elif exported.get(number, said) != said:
            why = "is not the one whose hash was exported: the chain was rewritten"
        if why:
            return Verified(count, found, f"{where} {why}")
        found += number in exported
        behind = 0 if number in exported else behind + 1
        before, last = said, number
        progress(number / newest)
    # A chain whose end was cut off is whole as well.
    missing = [row for row in exported if row > last]
    if missing:
        why = f"the audit ends at row {last}, but row {max(missing)} was exported: its end is cut off"
        return Verified(count, found, why)
    return Verified(count, found, behind=behind)


_Row = tuple[int, float, str, str, str, str, str, str]


def _rows(connection: Connection) -> Iterator[_Row]:
    last = 0
    while True:
        page = connection.run(
            "SELECT id, at, actor, act, subject, detail, prev_hash, hash FROM audit WHERE id > ? ORDER BY id LIMIT ?",
            last,
            _PAGE,
        ).fetchall()
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1][0]
