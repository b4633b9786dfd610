"""How a store is opened: checked, locked against a second writer, and of this version's schema."""

import time
from pathlib import Path

from peewee import PeeweeException

from aegisflow.domain.credentials import Credential
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import StoreError, StoreHeldError, StoreLostError
from aegisflow.models import AuditRow, CredentialRow
from aegisflow.store.chain import HeadFile, newest_head, restore_guards
from aegisflow.store.connection import Connection, check_url, redacted
from aegisflow.store.lock import AdvisoryLock, Fence, FileLock, WriterLock
from aegisflow.store.readings import newest_instant
from aegisflow.store.rows import audit_entry_of, credential_of
from aegisflow.store.schema import prepare_schema
from aegisflow.store.verification import SEALED_FROM_HERE
from aegisflow.store.writer import Writer


class Store:
    """An open store: nobody else may write to it until ``close``."""

    def __init__(self, url: str, lock: WriterLock, fence: Fence, guards_restored: bool = False) -> None:
        self.url = url
        self._lock = lock
        self._fence = fence
        self.heads: HeadFile | None = None
        """Where the audit's heads go and what seals them, if not simply beside the store."""
        self.guards_restored = guards_restored
        """Whether the database had lost what keeps the audit append-only."""

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

    def begin_seals(self, at: float) -> int:
        """Seal an audit that began without, and return how many rows it has that nothing proves.

        Its first sealed row stands for all before it.

        Nothing is sealed where a sealed head was exported before: then the seals are not yet to come, but gone.
        """
        heads = self.heads
        if heads is None or not heads.seals.key_id or any(head.seal.key_id for head in heads.heads()):
            return 0
        connection = self.writer()
        try:
            writer = Writer(connection, heads)
            rows = connection.value("SELECT count(*) FROM audit")
            if rows and not connection.value("SELECT count(*) FROM audit WHERE key_id <> ''"):
                detail = {"rows": rows, "sha256": newest_head(connection).digest, "public_key": heads.seals.public}
                with writer.audited():
                    writer.put_audit((AuditEntry(at, "aegisflow", SEALED_FROM_HERE, "audit", detail),))
                return int(rows)
            return 0
        finally:
            connection.close()

    def warnings(self) -> tuple[str, ...]:
        """Return what speaks against where the store lies, and who may read it."""
        return self._lock.warnings()

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
        restored = restore_guards(connection)
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
    return Store(url, lock, fence, restored)


def _lock(url: str, connection: Connection) -> WriterLock:
    if not connection.is_sqlite:
        return AdvisoryLock(url)
    file = Path(str(connection.database.database)).absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(file)
