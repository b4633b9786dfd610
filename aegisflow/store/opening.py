"""How a store is opened: checked, locked against a second writer, and of this version's schema."""

import time
from pathlib import Path

from peewee import PeeweeException

from aegisflow.domain.credentials import Credential
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import StoreError, StoreHeldError, StoreLostError
from aegisflow.models import AuditRow, CredentialRow
from aegisflow.store.connection import Connection, check_url, redacted
from aegisflow.store.lock import AdvisoryLock, Fence, FileLock, WriterLock
from aegisflow.store.readings import newest_instant
from aegisflow.store.rows import audit_entry_of, credential_of
from aegisflow.store.schema import prepare_schema


class Store:
    """An open store: nobody else may write to it until ``close``."""

    def __init__(self, url: str, lock: WriterLock, fence: Fence) -> None:
        self.url = url
        self._lock = lock
        self._fence = fence

    def writer(self) -> Connection:
        """Return the connection of the one writer, which proves its right in every transaction.

        Raises:
            StoreLostError: another process has the lock by now.
        """
        try:
            self._lock.ensure()
        except StoreHeldError as error:
            raise StoreLostError(redacted(self.url), f"it is in use by {error.holder}") from error
        return Connection(self.url, read_only=False, prove=self._fence.prove)

    def reader(self) -> Connection:
        """Return a connection that can only read."""
        return Connection(self.url, read_only=True)

    def newest_instant(self) -> float | None:
        """Return the instant of the newest reading, UTC epoch seconds; None for an empty store."""
        connection = self.reader()
        try:
            return newest_instant(connection)
        finally:
            connection.close()

    def credentials(self) -> tuple[Credential, ...]:
        """Return what is kept of tokens."""
        connection = self.reader()
        try:
            return tuple(credential_of(row) for row in CredentialRow.select().execute(connection.database))
        finally:
            connection.close()

    def newest_audit(self, act: str) -> AuditEntry | None:
        """Return the newest row of the audit that tells of an act; None without one."""
        connection = self.reader()
        try:
            query = AuditRow.select().where(AuditRow.act == act).order_by(AuditRow.id.desc()).limit(1)
            return next((audit_entry_of(row) for row in query.execute(connection.database)), None)
        finally:
            connection.close()

    def close(self) -> None:
        """Give the store up, so that another process may write to it."""
        self._lock.release()


def open_store(url: str) -> Store:
    """Open a store for its one writer and any number of readers, creating or migrating it as needed.

    Raises:
        StoreHeldError: another process writes to it.
        StoreNewerError: a later version of AegisFlow wrote it.
        StoreError: it cannot be used; says why.
    """
    check_url(url)
    connection = Connection(url, read_only=False)
    lock: WriterLock | None = None
    try:
        # Before the schema is looked at: two processes must not migrate it side by side.
        lock = _lock(url, connection)
        prepare_schema(connection, time.time())
        fence = Fence(connection, lock)
    except (PeeweeException, OSError) as error:
        if lock is not None:
            lock.release()
        raise StoreError(f"the store {redacted(url)} cannot be opened: {error}") from error
    except StoreError:
        if lock is not None:
            lock.release()
        raise
    finally:
        connection.close()
    return Store(url, lock, fence)


def _lock(url: str, connection: Connection) -> WriterLock:
    if not connection.is_sqlite:
        return AdvisoryLock(url)
    file = Path(str(connection.database.database)).absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(file)
