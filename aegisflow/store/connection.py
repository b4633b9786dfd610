"""A connection to the store's database, and what differs between SQLite and PostgreSQL."""

import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from peewee import PeeweeException, PostgresqlDatabase, SqliteDatabase
from playhouse.db_url import connect, parse

from aegisflow.errors import StoreError

BUSY_TIMEOUT_S = 0.5
"""How long a statement waits for another's lock before it fails."""
_WAL_PAGES = 4000
"""Pages (of 4 KiB) in the write-ahead log before they are copied into the database."""
_WRITER_PRAGMAS = {
    "journal_mode": "wal",
    # A message is acknowledged once it is committed. NORMAL does not sync each commit, and lost some in modelled
    # power cuts.
    "synchronous": "full",
    # Negative means KiB and not pages.
    "cache_size": -64 * 1024,
    "wal_autocheckpoint": _WAL_PAGES,
    # SQLite reuses a log that has grown behind a long read, but makes it smaller only if told to.
    "journal_size_limit": 64 * 1024 * 1024,
    # Debian's SQLite has it on: each reading that is folded would be overwritten with zeros where it lay first.
    "secure_delete": "off",
}
_READER_PRAGMAS = {"query_only": 1, "cache_size": -16 * 1024}


class _Sqlite(SqliteDatabase):
    """SQLite, which on a full disk rolls back by itself: trying it again would hide what was wrong."""

    def rollback(self) -> None:
        """Roll back what there is to roll back."""
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()


class _Writer(_Sqlite):
    """SQLite, which makes a new file so that its free pages can be given back, a few at a time."""

    def _add_conn_hooks(self, conn: sqlite3.Connection) -> None:
        # Only a new file takes this, and only before anything else. Asked of one that has it already it is a write,
        # and a store of a newer version must be left alone.
        if conn.execute("PRAGMA page_count").fetchone() == (0,):
            conn.execute("PRAGMA auto_vacuum = incremental")
        super()._add_conn_hooks(conn)  # type: ignore[misc]  # its stubs leave it out


class Connection:
    """A connection for one thread at a time, opened when first used.

    A statement that fails raises one of peewee's errors; after that, ``close`` and go on: the next
    statement connects again.
    """

    def __init__(
        self,
        url: str,
        *,
        read_only: bool,
        label: str = "aegisflow",
        prove: Callable[["Connection"], None] | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: of the store.
            read_only: whether the database shall refuse every change.
            label: what PostgreSQL shows of this session.
            prove: called at the beginning of every transaction; raises what takes it back.
        """
        self.url = url
        self._prove = prove
        self.is_sqlite = urlsplit(url).scheme == "sqlite"
        self.database: Any = self._sqlite(read_only) if self.is_sqlite else self._postgresql(read_only, label)

    def _sqlite(self, read_only: bool) -> SqliteDatabase:
        return (_Sqlite if read_only else _Writer)(
            **parse(self.url),
            pragmas=_READER_PRAGMAS if read_only else _WRITER_PRAGMAS,
            # A transaction that writes begins with a read, the proof. Deferred, it would have to turn its lock
            # into a writer's, which SQLite may refuse at once instead of waiting.
            lock_type="DEFERRED" if read_only else "IMMEDIATE",
            timeout=BUSY_TIMEOUT_S,
            # An actor's turns run on any thread of the pool, but never two at a time.
            thread_safe=False,
            check_same_thread=False,
        )

    def _postgresql(self, read_only: bool, label: str) -> PostgresqlDatabase:
        mode = " -c default_transaction_read_only=on" if read_only else " -c synchronous_commit=on"
        database: PostgresqlDatabase = connect(
            self.url,
            unquote_user=True,
            unquote_password=True,
            # A reader's answer is of one moment. The writer must see what others commit meanwhile, above all a
            # later epoch.
            isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
            prefer_psycopg3=True,
            application_name=label,
            connect_timeout=5,
            options=f"-c statement_timeout=30000 -c lock_timeout={BUSY_TIMEOUT_S * 1000:.0f}{mode}",
            thread_safe=False,
        )
        return database

    def run(self, sql: str, *values: Any) -> Any:
        """Execute a statement with ``?`` for values and return its cursor."""
        if not self.is_sqlite:
            sql = sql.replace("?", "%s")
        return self.database.execute_sql(sql, values)

    def value(self, sql: str, *values: Any) -> Any:
        """Return the first column of the first row; None where there is no row."""
        row = self.run(sql, *values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block does, or nothing of it; within another one it is a savepoint."""
        # A savepoint needs no proof of its own: the lock of the first one lasts until the outer transaction ends.
        begins = not self.database.transaction_depth()
        with self.database.atomic():
            if begins and self._prove is not None:
                self._prove(self)
            yield

    def give_back(self) -> None:
        """Give back the memory of pages that SQLite keeps; they are read anew from the file when they are needed."""
        if self.is_sqlite:
            self.run("PRAGMA shrink_memory")

    def checkpoint_after(self, pages: int = _WAL_PAGES) -> None:
        """Have the commit that fills SQLite's log with so many pages copy them into the database."""
        if self.is_sqlite:
            self.run(f"PRAGMA wal_autocheckpoint = {pages}")

    def close(self) -> None:
        """Close; errors do not matter any more."""
        try:
            # peewee refuses to close while it counts a transaction as open; the database takes it back by itself.
            while self.database.transaction_depth():
                self.database.pop_transaction()
            self.database.close()
        except PeeweeException:
            pass


def check_url(url: str) -> str:
    """Return the URL if it names a store that can be used.

    Raises:
        StoreError: it does not.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        # Each connection would have a database in memory of its own.
        if not parts.path.strip("/") or ":memory:" in url:
            raise StoreError(f"the store {url!r} names no file; expected sqlite:///var/aegisflow.db or the like")
    elif parts.scheme in ("postgresql", "postgres"):
        if not parts.path.strip("/"):
            raise StoreError(f"the store {redacted(url)!r} names no database; expected postgresql://host/database")
    else:
        raise StoreError(f"the store {redacted(url)!r} cannot be used; expected sqlite:///file or postgresql://...")
    return url


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite store; None for another store."""
    name = url.removeprefix("sqlite:///").partition("?")[0]
    return None if name == url else Path(name)


def redacted(url: str) -> str:
    """Return the URL without its password, for people and logs."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def this_process() -> str:
    """Return who we are, for those who find the store held."""
    command = os.path.basename(sys.argv[0] or "python") + "".join(f" {word}" for word in sys.argv[1:2])
    return f"pid {os.getpid()} ({command[:60]}) on {socket.gethostname()}"


def describe(error: BaseException) -> str:
    """Return an error in one line of bounded length."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
