"""What is asked often finds its rows by an index, and is not slower the longer the plant has run."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import MODE_STATED, Stage
from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery, AuditEntry, AuditQuery
from aegisflow.store import Store, open_store
from aegisflow.store.archive import Archive
from aegisflow.store.connection import Connection
from aegisflow.store.recall import recall_commands, recall_device, recall_open_alarms
from aegisflow.store.writer import Writer

DAY = Period(1e9, 1e9 + 86400)
DEVICE = ("pump-01",)
QUESTIONS: dict[str, Callable[[Archive, Writer], object]] = {
    "commands of a device": lambda archive, _: archive.commands("pump-01", 50),
    "ended commands of a device": lambda archive, _: archive.commands("pump-01", 50, (Stage.VERIFIED, Stage.DENIED)),
    "commands of agents": lambda archive, _: archive.commands(None, 50, of=CallerKind.AGENT),
    "commands that wait": lambda archive, _: archive.commands(None, 50, (Stage.AWAITING_APPROVAL,)),
    "alarms of a day": lambda archive, _: archive.alarms(AlarmQuery(DAY)),
    "bad alarms of a device": lambda archive, _: archive.alarms(AlarmQuery(DAY, DEVICE, min_severity=Severity.HIGH)),
    "figures of a day": lambda archive, _: archive.alarm_kpis(DAY, 1),
    "audit of a day": lambda archive, _: archive.audit_page(AuditQuery(DAY)),
    "audit by a word": lambda archive, _: archive.audit_page(AuditQuery(DAY, text="pump")),
    "newest of an act": lambda archive, _: archive.audit("command_denied", 50),
    "a device begins again": lambda _, writer: recall_device(writer, "pump-01", 50, 0.0),
    "the guard begins again": lambda _, writer: recall_commands(writer.connection, 0.0),
    "the notifier begins again": lambda _, writer: recall_open_alarms(writer.connection),
    "once for a subject": lambda _, writer: writer.append_once(
        AuditEntry(1e9, "ann", MODE_STATED, "pump-01", {"n": 1}), "n"
    ),
}
SMALL = ("devices", "fresh_readings", "anomalies USING INDEX anomalies_open", "t1 USING INDEX anomalies_open")
"""What is read as a whole: tables that do not grow with time."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path_factory.mktemp('plans')}/store.db")) as opened:
        yield opened


@pytest.fixture
def asked(store: Store) -> Iterator[tuple[Archive, Writer]]:
    archive, writer = Archive(store.reader()), Writer(store.writer())
    yield archive, writer
    archive.close()
    writer.connection.close()


def plans(connection: Connection, ask: Callable[[], object]) -> list[tuple[str, list[str]]]:
    """Ask, and return each statement with its plan."""
    said: list[str] = []
    database = connection.database.connection()
    database.set_trace_callback(said.append)
    ask()
    database.set_trace_callback(None)
    reads = [sql for sql in said if sql.lstrip().startswith("SELECT")]
    return [(sql, [row[-1] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}")]) for sql in reads]


@pytest.mark.parametrize("what", QUESTIONS)
def test_a_question_reads_only_what_it_is_about(asked: tuple[Archive, Writer], what: str) -> None:
    archive, writer = asked
    for connection in (archive.connection, writer.connection):
        for sql, plan in plans(connection, lambda: QUESTIONS[what](archive, writer)):
            for step in plan:
                through_all = step.startswith("SCAN ") and not step.removeprefix("SCAN ").startswith(SMALL)
                assert not through_all, f"{step}\n{sql}"


@pytest.mark.parametrize("what", ["commands of a device", "ended commands of a device", "commands of agents"])
def test_the_newest_commands_are_read_in_their_order_and_not_sorted(asked: tuple[Archive, Writer], what: str) -> None:
    archive, writer = asked
    found = plans(archive.connection, lambda: QUESTIONS[what](archive, writer))
    assert found
    assert not [sql for sql, plan in found if any("ORDER BY" in step for step in plan)]
