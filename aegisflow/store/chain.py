"""The audit's chain in the database, and its head in a file outside of it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from aegisflow.domain.audit import GENESIS, row_hash, sealed_head
from aegisflow.domain.times import format_instant
from aegisflow.errors import AegisFlowError
from aegisflow.store.connection import Connection, file_of
from aegisflow.store.seals import UNSEALED, Seal, Seals

__all__ = ["AuditRowRead", "Head", "HeadFile", "audit_rows", "guard_audit", "newest_head", "rehash", "restore_guards"]

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
    """The newest row of the audit, as the database has it or as it was exported."""

    row: int
    digest: str
    at: str = ""
    """When it was exported, as ISO 8601."""
    seal: Seal = UNSEALED

    @property
    def line(self) -> str:
        """The head as a line of text."""
        return " ".join((str(self.row), self.digest, self.at, *(self.seal if self.seal.key_id else ())))

    @classmethod
    def of(cls, line: str) -> "Head | None":
        """Return what a line says; None for one that was cut short."""
        parts = line.split()
        # Five with a seal and three without; 64 hexadecimal digits are a whole SHA-256.
        if len(parts) not in (3, 5) or not parts[0].isdigit() or len(parts[1]) != 64:
            return None
        return cls(int(parts[0]), parts[1], parts[2], Seal(*parts[3:]) if len(parts) == 5 else UNSEALED)


class HeadFile:
    """Heads exported outside of the database, a line each: row, hash and time. Never fails a commit."""

    def __init__(
        self, path: Path | None, seals: Seals | None = None, witness: Callable[[str], None] | None = None
    ) -> None:
        """Export nothing yet.

        Args:
            path: of the file; None for none.
            seals: seal each head.
            witness: told each head as a line, to keep it off this machine; raises AegisFlowError where it cannot.
        """
        self.path = path
        self.seals = seals or Seals()
        self._witness = witness
        self.failure = ""
        """Why the newest head is not exported; empty when it is."""
        self._lines: int | None = None

    @classmethod
    def beside(
        cls,
        url: str,
        configured: Path | None = None,
        seals: Seals | None = None,
        witness: Callable[[str], None] | None = None,
    ) -> "HeadFile":
        """Return the file that is configured, else one beside an SQLite store; none where there is no such place."""
        file = file_of(url)
        beside = None if file is None else file.with_name(f"{file.name}.audit-head")
        return cls(configured or beside, seals, witness)

    def export(self, head: Head, at: float) -> None:
        """Append a head; it is on disk when this returns, or ``failure`` says why not."""
        when = format_instant(at)
        line = Head(head.row, head.digest, when, self.seals.seal(sealed_head(head.row, head.digest, when))).line
        self.failure = self._append(line)
        if self._witness is not None:
            try:
                self._witness(line)
            except AegisFlowError as error:
                self.failure = f"the head of the audit could not be sent to its witness: {error}"

    def _append(self, line: str) -> str:
        if self.path is None:
            return ""
        try:
            if self._lines is None or self._lines >= _MAX_LINES:
                self._shorten()
            with open(self.path, "a", encoding="ascii", opener=_for_us_alone) as file:
                file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
            self._lines = (self._lines or 0) + 1
        # A full disk or a folder that is gone must not keep readings from being committed; health tells of it
        # instead.
        except OSError as error:
            return f"the head of the audit could not be exported to {self.path}: {error.strerror}"
        return ""

    def heads(self) -> list[Head]:
        """Return what was exported, oldest first; a line that was cut short by a crash does not count."""
        if self.path is None or not self.path.exists():
            return []
        found = map(Head.of, self.path.read_text("ascii", "replace").splitlines())
        return [head for head in found if head is not None]

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


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def guard_audit(connection: Connection) -> None:
    """Have the database itself refuse to change or remove rows of the audit."""
    for statement in _SQLITE_GUARDS if connection.is_sqlite else _POSTGRES_GUARDS:
        connection.run(statement)


def restore_guards(connection: Connection) -> bool:
    """Make again what keeps the audit append-only, where it is not as we made it; return whether it was not."""
    with connection.transaction():
        if connection.is_sqlite:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
            found = dict(connection.run(query).fetchall())
            # By their text: a trigger of the same name may do nothing.
            if sorted(found.values()) == sorted(_SQLITE_GUARDS):
                return False
            for name in found:
                connection.run(f'DROP TRIGGER "{name}"')
        else:
            query = (
                "SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = "
                "'audit'::regclass AND t.tgname = 'audit_keeps' AND t.tgenabled IN ('O', 'A') "
                "AND p.proname = 'audit_is_append_only' AND p.prosrc LIKE '%RAISE EXCEPTION%'"
            )
            # In psycopg a single percent sign begins a parameter.
            if connection.value(query.replace("%", "%%")):
                return False
            connection.run("DROP TRIGGER IF EXISTS audit_keeps ON audit")
        guard_audit(connection)
    return True


def newest_head(connection: Connection) -> Head:
    """Return the newest row and its hash."""
    row = connection.run("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return Head(0, GENESIS) if row is None else Head(int(row[0]), str(row[1]))


def rehash(connection: Connection) -> None:
    """Give rows of before the chain their hashes."""
    before = GENESIS
    for number, at, actor, act, subject, detail, *_ in audit_rows(connection):
        digest = row_hash(before, at, actor, act, subject, detail)
        connection.run("UPDATE audit SET prev_hash = ?, hash = ? WHERE id = ?", before, digest, number)
        before = digest


class AuditRowRead(NamedTuple):
    """A row as it stands in the database."""

    number: int
    at: float
    actor: str
    act: str
    subject: str
    detail: str
    before: str
    digest: str
    seal: Seal = UNSEALED


def audit_rows(connection: Connection) -> Iterator[AuditRowRead]:
    """Yield every row of the audit, oldest first; a schema of before seals has none."""
    columns = "id, at, actor, act, subject, detail, prev_hash, hash"
    names = {column.name for column in connection.database.get_columns("audit")}
    columns += ", key_id, seal" if "seal" in names else ", '', ''"
    last = 0
    while True:
        query = f"SELECT {columns} FROM audit WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - columns are ours
        page = connection.run(query, last, _PAGE).fetchall()
        for *row, key_id, signature in page:
            number, at, actor, act, subject, detail, before, digest = row
            seal = Seal(key_id, signature)
            yield AuditRowRead(number, at, actor, act, subject, detail, before, digest, seal)
        if len(page) < _PAGE:
            return
        last = page[-1][0]
