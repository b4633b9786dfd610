"""Reading the audit beside a running plant: is it whole, and what is the story of one command?"""

from collections.abc import Callable
from pathlib import Path

from aegisflow.config import StoreSettings
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import StoreError, UnknownNameError
from aegisflow.models import AuditRow
from aegisflow.store.chain import HeadFile, Verified, verify
from aegisflow.store.connection import Connection, file_of, redacted
from aegisflow.store.rows import audit_entry_of

__all__ = ["Verified", "head_file", "story_of", "verify_audit"]


def verify_audit(store: StoreSettings, progress: Callable[[float], None] = lambda share: None) -> Verified:
    """Walk the audit of a store and hold it against the exported heads.

    Raises:
        StoreError: the store cannot be read.
    """
    connection = _connection(store)
    try:
        return verify(connection, HeadFile.beside(store.url, store.audit_head).heads(), progress)
    finally:
        connection.close()


def head_file(store: StoreSettings) -> Path | None:
    """Return where the heads of a store's audit are exported to; None if they are not exported at all."""
    return HeadFile.beside(store.url, store.audit_head).path


def story_of(store: StoreSettings, command_id: str) -> tuple[AuditEntry, ...]:
    """Return every row about a command, oldest first.

    Raises:
        StoreError: the store cannot be read.
        UnknownNameError: no row tells of such a command.
    """
    connection = _connection(store)
    try:
        # Roughly by the text, which both databases can do, and then exactly: the id may stand in a reason, too.
        query = AuditRow.select().where(AuditRow.detail.contains(command_id)).order_by(AuditRow.id)
        entries = (audit_entry_of(row) for row in query.execute(connection.database))
        found = tuple(entry for entry in entries if entry.detail.get("command_id") == command_id)
        if found:
            return found
        rows = connection.run("SELECT command_id FROM commands ORDER BY proposed_at DESC LIMIT 10").fetchall()
        raise UnknownNameError("command", command_id, [row[0] for row in rows])
    finally:
        connection.close()


def _connection(store: StoreSettings) -> Connection:
    file = file_of(store.url)
    # SQLite would make an empty one and find the audit whole.
    if file is not None and not file.exists():
        raise StoreError(f"there is no store {redacted(store.url)}; nothing was ever recorded there")
    return Connection(store.url, read_only=True)
