import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from peewee import OperationalError

from aegisflow.errors import StoreError, StoreHeldError, StoreNewerError
from aegisflow.models import ALARM_IS_OPEN, SCHEMA_VERSION
from aegisflow.store import Store, open_store
from aegisflow.store.batch import Record
from aegisflow.store.connection import Connection, redacted
from aegisflow.store.schema import prepare_schema
from aegisflow.store.step_shelving import add_shelving
from aegisflow.store.writer import Writer
from tests.support.store_samples import T0, reading

HOLD = """
import sys
from aegisflow.store.connection import Connection
from aegisflow.store import open_store
store = open_store(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def hold(url: str) -> subprocess.Popen[str]:
    """Open the store in another process; return once that has it."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def test_a_second_process_is_told_who_holds_the_store(store_url: str) -> None:
    child = hold(store_url)
    try:
        with pytest.raises(StoreHeldError) as caught:
            open_store(store_url)
        assert f"pid {child.pid} " in caught.value.holder
    finally:
        end(child)


def test_the_lock_ends_with_its_process_even_by_kill_9(store_url: str) -> None:
    child = hold(store_url)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    for _ in range(1000):  # PostgreSQL needs a moment to see that its client is gone
        try:
            open_store(store_url).close()
            return
        except StoreHeldError:
            continue
    pytest.fail("still held by a dead process")


def test_a_store_that_was_closed_can_be_opened_again(store_url: str) -> None:
    open_store(store_url).close()
    open_store(store_url).close()


def test_what_was_committed_is_there_after_opening_again(store_url: str) -> None:
    first = open_store(store_url)
    writer = Writer(first.writer())
    writer.commit([Record(None, "pump-01", [reading(T0)])], T0)
    writer.connection.close()
    first.close()
    second = open_store(store_url)
    reader = second.reader()
    assert reader.value("SELECT count(*) FROM fresh_readings") == 1
    reader.close()
    second.close()


def test_a_reader_can_not_write(store: Store) -> None:
    reader = store.reader()
    with pytest.raises(Exception, match=r"read-?only"):
        reader.run("DELETE FROM devices")
    reader.close()


def test_sqlite_syncs_every_commit_to_disk(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    writer = store.writer()
    assert writer.value("PRAGMA journal_mode") == "wal"
    assert writer.value("PRAGMA synchronous") == 2
    writer.close()
    store.close()


def test_a_store_of_a_later_version_is_refused_and_left_alone(store_url: str) -> None:
    open_store(store_url).close()
    later = Connection(store_url, read_only=False)
    later.run("INSERT INTO schema_version (version, applied_at) VALUES (?, ?)", SCHEMA_VERSION + 1, T0)
    with pytest.raises(StoreNewerError) as caught:
        open_store(store_url)
    assert (caught.value.found, caught.value.known) == (SCHEMA_VERSION + 1, SCHEMA_VERSION)
    assert later.value("SELECT max(version) FROM schema_version") == SCHEMA_VERSION + 1
    later.close()


def make_version_1(path: Path) -> str:
    """Write a store of version 1 by hand: what its readings looked like, and one of them."""
    with sqlite3.connect(path) as file:
        file.executescript(f"""
            CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, applied_at REAL NOT NULL);
            INSERT INTO schema_version VALUES (1, {T0});
            CREATE TABLE devices (key INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL);
            INSERT INTO devices VALUES (1, 'pump-01');
        """)
    file.close()
    return f"sqlite:///{path}"


def add_site(connection: Connection) -> None:
    connection.run("ALTER TABLE devices ADD COLUMN site TEXT NOT NULL DEFAULT 'home'")


def add_then_fail(connection: Connection) -> None:
    add_site(connection)
    connection.run("INSERT INTO no_such_table VALUES (1)")


def test_an_older_store_is_brought_up_to_date_step_by_step(tmp_path: Path) -> None:
    connection = Connection(make_version_1(tmp_path / "old.db"), read_only=False)
    steps = {2: add_site, 3: lambda old: old.run("UPDATE devices SET site = 'works'")}
    prepare_schema(connection, T0, version=3, migrations=steps)
    assert connection.run("SELECT name, site FROM devices").fetchall() == [("pump-01", "works")]
    assert connection.value("SELECT max(version) FROM schema_version") == 3
    connection.close()


def test_alarms_of_version_1_become_alarms_that_can_be_set_aside(tmp_path: Path) -> None:
    url = make_version_1(tmp_path / "old.db")
    old = Connection(url, read_only=False)
    old.run("CREATE TABLE anomalies (alarm_id TEXT NOT NULL PRIMARY KEY, device_id TEXT NOT NULL, state TEXT NOT NULL)")
    old.run("INSERT INTO anomalies VALUES ('pump-01@1', 'pump-01', 'acknowledged')")
    old.run("CREATE INDEX anomalies_open ON anomalies (device_id) WHERE state IN ('unacknowledged', 'acknowledged')")
    prepare_schema(old, T0, version=3, migrations={2: lambda before: None, 3: add_shelving})
    found = old.run("SELECT set_aside_by, set_aside_reason, shelved_until FROM anomalies").fetchall()
    assert found == [("", "", None)]
    sql = old.value("SELECT sql FROM sqlite_master WHERE name = 'anomalies_open'")
    assert ALARM_IS_OPEN.sql in sql
    old.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    connection = Connection(make_version_1(tmp_path / "old.db"), read_only=False)
    with pytest.raises(OperationalError):
        prepare_schema(connection, T0, version=2, migrations={2: add_then_fail})
    assert connection.run("SELECT * FROM devices").fetchall() == [(1, "pump-01")]
    assert connection.value("SELECT max(version) FROM schema_version") == 1
    connection.close()


def test_a_database_of_something_else_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE audit (id INTEGER, what TEXT)")
    file.close()
    with pytest.raises(StoreError, match="no AegisFlow store"):
        open_store(f"sqlite:///{path}")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at as if it were one\n" * 100)
    with pytest.raises(StoreError, match=r"notes\.txt.*not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database")


@pytest.mark.parametrize(
    "url", ["sqlite:///", "sqlite:///:memory:", "mysql://localhost/x", "postgresql://localhost", "var/aegisflow.db", ""]
)
def test_a_url_that_names_no_store_is_refused_with_what_is_expected(url: str) -> None:
    with pytest.raises(StoreError, match=r"expected sqlite:///|expected postgresql://"):
        open_store(url)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StoreError, match=r"postgresql://me:\*\*\*@127\.0\.0\.1:1/plant cannot be opened") as caught:
        open_store("postgresql://me:secret@127.0.0.1:1/plant")
    assert "secret" not in str(caught.value)
    assert redacted("sqlite:///x.db") == "sqlite:///x.db"


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/a/b/store.db").close()
    assert (tmp_path / "a/b/store.db").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/store\.db cannot be opened"):
        open_store(f"sqlite:///{tmp_path}/file/store.db")


def test_who_comes_after_a_closed_store_need_not_wait_for_the_end_of_its_session(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(postgres_url)
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "close", lambda connection: None)  # as late as the server may notice it
        store.close()
    open_store(postgres_url).close()
