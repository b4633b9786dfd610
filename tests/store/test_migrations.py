"""A store that an older version wrote opens, with all that is in it."""

import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from aegisflow.config.services import StoreSettings
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.commands.model import CommandName, Mode, Stage
from aegisflow.domain.incidents.model import IncidentQuery
from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery
from aegisflow.models import SCHEMA_VERSION
from aegisflow.store import Store, open_store
from aegisflow.store.archive import Archive
from aegisflow.store.chain import HeadFile
from aegisflow.store.committer import Committer
from aegisflow.store.connection import Connection
from aegisflow.store.verification import verify
from tests.support.store_samples import T0, step

VERSIONS = Path(__file__).parent / "versions"


def restore(url: str, version: int) -> None:
    """Put a store of this version into an empty database."""
    if url.startswith("sqlite:"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            file.executescript((VERSIONS / f"{version}-sqlite.sql").read_text())
        file.close()
    else:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute((VERSIONS / f"{version}-postgresql.sql").read_text())


@pytest.fixture
def old(store_url: str) -> Iterator[Store]:
    """A store of version 4, opened."""
    restore(store_url, 4)
    store = open_store(store_url)
    yield store
    store.close()


@pytest.fixture
def archive(old: Store) -> Iterator[Archive]:
    opened = Archive(old.reader())
    yield opened
    opened.close()


@pytest.fixture
def committer(old: Store) -> Iterator[Committer]:
    made = Committer(old, StoreSettings(url=old.url))
    made.start()
    yield made
    made.close()


def schema(connection: Connection) -> dict[str, object]:
    """What a database is made of, without what only its kind calls differently."""
    if not connection.is_sqlite:
        columns = (
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
            "WHERE table_schema = 'public'"
        )
        indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
        return {
            "columns": {(table, name): rest for table, name, *rest in connection.run(columns).fetchall()},
            "indexes": sorted(row[0] for row in connection.run(indexes).fetchall()),
        }
    found: dict[str, object] = {}
    for (table,) in connection.run("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns_of = connection.run(f"SELECT name, \"notnull\", pk FROM pragma_table_info('{table}')").fetchall()
        names = connection.run(f"SELECT name, \"unique\", partial FROM pragma_index_list('{table}')").fetchall()
        found[table] = (
            {name: rest for name, *rest in columns_of},
            {
                index: (*rest, connection.run(f"SELECT name FROM pragma_index_info('{index}')").fetchall())
                for index, *rest in names
            },
        )
    return found


def test_the_tables_of_an_older_store_become_those_of_a_new_one(
    old: Store, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with ExitStack() as stack:
        migrated = stack.enter_context(closing(old.reader()))
        assert migrated.value("SELECT max(version) FROM schema_version") == SCHEMA_VERSION
        url = f"sqlite:///{tmp_path}/new.db"
        if not migrated.is_sqlite:
            url = stack.enter_context(request.getfixturevalue("databases").empty())
        new = stack.enter_context(closing(open_store(url)))
        fresh = stack.enter_context(closing(new.reader()))
        assert schema(migrated) == schema(fresh)


def test_commands_of_an_older_store_are_all_there_and_go_on(committer: Committer, archive: Archive) -> None:
    page = archive.commands(None, 10)
    assert [(one.command.command_id, one.command.command, one.stage) for one in page.commands] == [
        ("cmd-000000000004", CommandName.RESTART, Stage.DISPATCHED),
        ("cmd-000000000003", CommandName.EMERGENCY_SHUTDOWN, Stage.AWAITING_APPROVAL),
        ("cmd-000000000002", CommandName.SET_PARAMETER, Stage.DENIED),
        ("cmd-000000000001", CommandName.REDUCE_LOAD, Stage.VERIFIED),
    ]
    assert page.commands[0].command.justification == "pressure falls; 30 % is the mildest ‘reduction’"
    assert page.commands[2].command.parameters == {"name": "speed", "value": 1480.0}
    past = committer.recall_commands(T0)
    waiting, under_way = past.records
    assert (waiting.digest, waiting.approvals_needed, waiting.approved_by, waiting.facts) == (
        "d3",
        2,
        ("ada",),
        ("a", "b"),
    )
    assert (waiting.receipt.expires_at, under_way.send_by) == (T0 + 930, T0 + 70)
    assert past.dispatches == ((T0 + 10, "pump-01"),)  # the restart was an operator's
    assert committer.recall_device("pump-02", 10).open_command == under_way


def test_the_mode_of_a_device_outlives_the_change_of_the_tables(committer: Committer) -> None:
    past = committer.recall_device("pump-01", 3)
    assert (past.mode, past.reduction_pct, past.mode_since, past.full_load) == (
        Mode.REDUCED_LOAD,
        30.0,
        T0 + 10,
        20.0,
    )


def test_readings_alarms_reports_and_audit_of_an_older_store_are_all_there(
    committer: Committer, archive: Archive, old: Store
) -> None:
    assert [one.at for one in archive.readings("pump-01", Period(T0, T0 + 60), 99)] == [
        T0 + 5 * n + 1 / 3 for n in range(12)
    ]
    assert [one.values for one in committer.recall_device("pump-02", 9).readings] == [{"temperature": 71.0}]
    alarms = archive.alarms(AlarmQuery()).alarms
    assert [(one.alarm_id, one.state) for one in alarms] == [
        ("pump-02@20260131T080100", AlarmState.ACKNOWLEDGED),
        ("pump-01@20260131T080000", AlarmState.UNACKNOWLEDGED),
    ]
    assert len(archive.alarm_history("pump-02@20260131T080100")) == 1
    (report,) = archive.incidents(IncidentQuery()).incidents
    assert (report.root_cause, report.revision, report.reviewed_by) == ("seal ring worn", 2, "ada")
    assert [(one.command_id, one.stage) for one in report.commands] == [
        ("cmd-000000000001", Stage.VERIFIED),
        ("cmd-000000000002", Stage.DENIED),
        ("cmd-000000000003", Stage.AWAITING_APPROVAL),
    ]
    assert archive.incident(1).revisions[0].values["root_cause"] == "seal worn"
    reader = old.reader()
    found = verify(reader, HeadFile(None).heads())
    reader.close()
    assert (found.rows, found.broken) == (8, "")


def test_an_older_store_can_be_written_to(committer: Committer) -> None:
    waiting = committer.recall_commands(T0).records[0]
    rejected = step(dataclasses.replace(waiting.receipt, stage=Stage.REJECTED), waiting, T0 + 60).transition
    assert committer.move(rejected).ok
    assert [record.stage for record in committer.recall_commands(T0).records] == [Stage.DISPATCHED]
