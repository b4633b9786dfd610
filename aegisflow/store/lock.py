"""The lock that makes a second writer impossible; it ends with its process, however that ends."""

import fcntl
import os
from pathlib import Path
from typing import Protocol

from peewee import PeeweeException

from aegisflow.errors import StoreError, StoreHeldError
from aegisflow.store.connection import Connection, redacted, this_process

_ADVISORY_KEY = 0x6165676973  # "aegis"
_HOLDER = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ? AND l.objid = ?
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class WriterLock(Protocol):
    """Held from its making until ``release``."""

    def ensure(self) -> None:
        """Make sure that it is still held; StoreHeldError when somebody else has it by now."""

    def release(self) -> None:
        """Let others write."""


class FileLock:
    """A lock on a file beside the SQLite file; its text says who holds it."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(store.name + ".lock")
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"the store {store} cannot be locked: {error.strerror} ({self._path})") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._file, 500, 0).decode("utf-8", "replace").strip()
            os.close(self._file)
            raise StoreHeldError(str(store), holder or "another process") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{this_process()}\n".encode(), 0)

    def ensure(self) -> None:
        """A lock on a file stays until it is released."""

    def release(self) -> None:
        """Let others write; the file stays, for removing it would race with the next holder."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class AdvisoryLock:
    """A session's advisory lock in the PostgreSQL database; its application name says who holds it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = Connection(url, read_only=False, label=this_process()[:63])
        self._acquire()

    def _acquire(self) -> None:
        if self._connection.value("SELECT pg_try_advisory_lock(?)", _ADVISORY_KEY):
            return
        holder = self._connection.value(_HOLDER, _ADVISORY_KEY >> 32, _ADVISORY_KEY & 0xFFFFFFFF)
        self._connection.close()
        raise StoreHeldError(redacted(self._url), holder or "another session")

    def ensure(self) -> None:
        """Take it again when its session was lost."""
        try:
            self._connection.run("SELECT 1")
        except PeeweeException:
            self._connection.close()
            self._acquire()

    def release(self) -> None:
        """Let others write."""
        self._connection.close()
