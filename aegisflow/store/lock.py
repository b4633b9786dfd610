"""Only one process writes: a lock keeps the second one out, and a fence stops the first one once it has lost it.

::

    open_store ──► lock ──► claim: the epoch in the database is raised, and remembered here
                                        │
    every transaction that writes ──────┴──► prove: is it still my epoch, does my session still hold the lock?
                                                 │ yes: go on          │ no: nothing of it is written

A lock alone is not enough. A session of PostgreSQL takes its lock with it when the server restarts or the
connection breaks, and somebody else may have written since; a file can be removed with the lock that stands on it.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from peewee import OperationalError, PeeweeException

from aegisflow.errors import StoreError, StoreHeldError, StoreLostError
from aegisflow.store.connection import Connection, redacted, this_process

__all__ = ["AdvisoryLock", "Fence", "FileLock", "WriterLock", "network_file_system", "open_to_others"]

_ADVISORY_KEY = 0x6165676973  # "aegis"
# pg_locks shows a key of 64 bits as two numbers of 32.
_KEY_HALVES = (_ADVISORY_KEY >> 32, _ADVISORY_KEY & 0xFFFFFFFF)
_HOLDER = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ? AND l.objid = ?
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_HELD_BY = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = ? AND l.objid = ?
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.pid = ? AND a.backend_start::text = ?
"""
_MYSELF = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ? AND backend_start::text = ?"
_CLAIMS = 20
"""Times that the epoch is claimed: a writer under way, which must be waited for, may hold it for a moment."""


_HELD: set[tuple[int, int] | None] = set()
"""Device and inode of each file that this process has locked."""
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "fuse.sshfs")
"""Types of file systems, as in /proc/mounts, whose locks may not reach other hosts."""


def network_file_system(path: Path) -> str:
    """Return the type of the network's file system that a path lies on; empty for none that is known."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""  # no Linux
    best, kind = "", ""
    for line in mounts:
        place, found = line.split(" ")[1:3]
        place = place.replace("\\040", " ").rstrip("/") + "/"
        if f"{path}/".startswith(place) and len(place) >= len(best):
            best, kind = place, found
    return kind if kind in _NETWORK or kind.startswith("fuse.glusterfs") else ""


def open_to_others(path: Path) -> tuple[str, ...]:
    """Return a warning for a file that others than its owner may read or write; nothing for any other."""
    try:
        mode = path.stat().st_mode & 0o077
    except OSError:
        return ()
    return (
        (f"{path} is open to other users of this host (mode {path.stat().st_mode & 0o777:04o}): chmod 600",)
        if mode
        else ()
    )


class WriterLock(Protocol):
    """Held from its making until ``release``."""

    def warnings(self) -> tuple[str, ...]:
        """Return what speaks against the place of the store, in a sentence each."""

    def ensure(self) -> None:
        """Take the lock again where it was lost; StoreHeldError when somebody else has it by now."""

    def prove(self, connection: Connection) -> None:
        """Raise StoreError unless the lock is held at this moment; called within a transaction."""

    def release(self) -> None:
        """Give the lock up, so that another process may write."""


class FileLock:
    """A lock on the SQLite file itself, by whichever name it is reached, and on a file beside it that says who has it.

    The lock belongs to device and inode: a symlink, a hard link or a folder that is mounted twice leads to the
    same one. Where the file lies on a network's file system, only the file beside it is locked, for there a
    lock on the store itself would be one of those by which SQLite keeps its readers apart.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        real = Path(os.path.realpath(store))
        self._path = real.with_name(real.name + ".lock")
        self.network = network_file_system(real)
        """Type of the network's file system that the store lies on; empty for none that is known."""
        self._identity: tuple[int, int] | None = None
        """Device and inode of the store's file, once there is one."""
        self._own = -1
        self._file = self._open(self._path)
        if not self._take(self._file):
            holder = os.pread(self._file, 500, 0).decode("utf-8", "replace").strip()
            os.close(self._file)
            raise StoreHeldError(str(store), holder or "another process")
        self._lock_itself(real)
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{this_process()}\n".encode(), 0)

    def _lock_itself(self, real: Path) -> None:
        """Lock the store's file, which is made where there is none."""
        existing = _identity_of(real)
        # Closing any descriptor of a file drops the locks that SQLite holds on it in this process, so a store that
        # this process has open already must not be opened again to see whether it is locked.
        held = existing in _HELD
        self._own = -1 if held else self._open(real)
        if self.network:
            return
        if held or not self._take(self._own):
            os.close(self._file)
            if self._own >= 0:
                os.close(self._own)
            raise StoreHeldError(str(self._store), "another process, which reaches it by another name")
        _HELD.add(_identity_of(real))

    def _open(self, path: Path) -> int:
        try:
            # Not inherited: a broker or another program that we start must not hold the lock after we have ended.
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the store {self._store} cannot be locked: {error.strerror} ({path})") from None

    @staticmethod
    def _take(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def warnings(self) -> tuple[str, ...]:
        """Return what speaks against the place of the store, in a sentence each."""
        found = []
        if self.network:
            found.append(
                f"the store {self._store} lies on {self.network}, where a lock may fail to keep a second writer out"
            )
        with suppress(OSError):
            state = self._store.stat()
            if state.st_nlink > 1:
                found.append(
                    f"the store {self._store} has {state.st_nlink} hard links; SQLite is safe by one name only"
                )
        return (*found, *open_to_others(self._store))

    def ensure(self) -> None:
        """Do nothing: a lock on a file stays until it is released."""

    def prove(self, connection: Connection) -> None:
        """Raise StoreLostError where the store's file was removed or replaced: what we write, nobody would find."""
        found = _identity_of(self._store)
        # SQLite makes the file only when it first writes.
        if self._identity is None:
            self._identity = found
        elif found != self._identity:
            raise StoreLostError(str(self._store), "its file was removed or replaced")

    def release(self) -> None:
        """Let others write; the file stays, for removing it would race with the next holder."""
        if self._file >= 0:
            if self._own >= 0:
                _HELD.discard((os.fstat(self._own).st_dev, os.fstat(self._own).st_ino))
                os.close(self._own)
            os.close(self._file)
            self._file = self._own = -1


class _Session(NamedTuple):
    """One session of a PostgreSQL server; its process id alone could be another's by now."""

    pid: int
    began: str


class AdvisoryLock:
    """A session's advisory lock in the PostgreSQL database; its application name says who holds it."""

    def __init__(self, url: str) -> None:
        self._url = url
        # PostgreSQL cuts an application name off after 63 bytes.
        self._connection = Connection(url, read_only=False, label=this_process()[:63])
        self._session: _Session | None = None
        self._acquire()

    def _acquire(self) -> None:
        connection = self._connection
        if not connection.value("SELECT pg_try_advisory_lock(?)", _ADVISORY_KEY) and not self._outlive_ourselves():
            holder = connection.value(_HOLDER, *_KEY_HALVES)
            connection.close()
            raise StoreHeldError(redacted(self._url), holder or "another session")
        self._session = _Session(*connection.run(_MYSELF).fetchone())

    def _outlive_ourselves(self) -> bool:
        """Take the lock from our own session of before, which the server does not know to be dead yet.

        It would keep the lock until the network gives the connection up, which can take hours.
        """
        connection, before = self._connection, self._session
        if before is None or not connection.value(_HELD_BY, *_KEY_HALVES, *before):
            return False
        connection.run(_END, *before)
        try:
            connection.run("SELECT pg_advisory_lock(?)", _ADVISORY_KEY)  # waits no longer than lock_timeout
        except OperationalError:
            return False
        return True

    def ensure(self) -> None:
        """Take it again when its session was lost."""
        try:
            if self._session is not None and self._connection.value(_HELD_BY, *_KEY_HALVES, *self._session):
                return
        except PeeweeException:
            # The session is gone with its connection, and the lock with it: taken again on a new one below.
            pass
        self._connection.close()
        self._acquire()

    def prove(self, connection: Connection) -> None:
        """Raise StoreError where the session that holds the lock is gone; ``ensure`` may take it again."""
        if self._session is None or not connection.value(_HELD_BY, *_KEY_HALVES, *self._session):
            raise StoreError("the session that held the writer's lock has ended")

    def warnings(self) -> tuple[str, ...]:
        """Return nothing: where the database lies is the server's affair."""
        return ()

    def release(self) -> None:
        """Let others write, from this moment on: the server notices only later that a connection was closed."""
        with suppress(PeeweeException):
            self._connection.run("SELECT pg_advisory_unlock(?)", _ADVISORY_KEY)
        self._connection.close()


class Fence:
    """The epoch that a writer has claimed: as long as no other has claimed a later one, it may write."""

    def __init__(self, connection: Connection, lock: WriterLock) -> None:
        """Claim the next epoch, which ends the right of whoever had the one before.

        Raises:
            StoreError: a transaction of another writer does not come to its end.
        """
        self._url = redacted(connection.url)
        self._lock = lock
        self._select = "SELECT epoch, holder FROM writer WHERE id = 1"
        if not connection.is_sqlite:
            # Whoever claims the next epoch has to wait for the end of this transaction, and so writes after it.
            self._select += " FOR SHARE"
        self._epoch = self._claim(connection)

    def _claim(self, connection: Connection) -> int:
        for left in range(_CLAIMS, 0, -1):
            try:
                with connection.transaction():
                    connection.run(
                        "UPDATE writer SET epoch = epoch + 1, holder = ?, since = ? WHERE id = 1",
                        this_process(),
                        time.time(),
                    )
                    return int(connection.value("SELECT epoch FROM writer WHERE id = 1"))
            except OperationalError as error:  # the lock of a transaction under way
                connection.close()
                if left == 1:
                    raise StoreError(f"the store {self._url} is still written to by another: {error}") from error
        raise AssertionError

    def prove(self, connection: Connection) -> None:
        """Make sure, within a transaction, that nobody else has written since the epoch was claimed, or could now.

        Raises:
            StoreLostError: somebody has claimed the store; this writer must never write again.
            StoreError: the lock was lost and must be taken again first.
        """
        found = connection.run(self._select).fetchone()
        if found is None:
            raise StoreLostError(self._url, "its row of the writer is gone")
        epoch, holder = found
        if epoch != self._epoch:
            raise StoreLostError(self._url, f"it was taken over by {holder}")
        # Last, while the row is locked: nobody can claim the store between this answer and the commit.
        self._lock.prove(connection)


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
