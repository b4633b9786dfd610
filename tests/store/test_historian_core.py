import dataclasses
import sqlite3
from collections.abc import Iterator

import pytest

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.gateway import RecordsCommitted
from aegisflow.actors.messages.guard import AuditCommitted, CommandsRecalled, TransitionStored
from aegisflow.actors.messages.store import (
    AppendAudit,
    CommitAudit,
    FlushStore,
    ReadStoreHealth,
    RecallCommands,
    StoreDeadLetters,
    StoreIncident,
)
from aegisflow.domain.alarms.model import AlarmEvent, AlarmState, Change, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import MODE_STATED, CommandName, Mode, Stage
from aegisflow.domain.incidents.model import Incident, NewIncident
from aegisflow.domain.readings import DeadLetter, Reading, Receipt
from aegisflow.domain.views import AuditEntry, StoreHealth
from aegisflow.errors import StoreError, StoreHeldError
from aegisflow.store import Store, open_store
from aegisflow.store.committer import Pace
from aegisflow.store.connection import Connection
from tests.support.store_bench import BrokenStore, StoreBench
from tests.support.store_samples import T0, alarm, audit, command, raised, reading, records, step

LETTER = DeadLetter(T0, "aegisflow/sensors/pump-01", "pump-01", "not_json", "line 1", b"\x00\xff{", 3, "ab" * 32)
REPORT = NewIncident(
    "pump-01", None, "pressure_leak", Severity.HIGH, "Leak", "seal", "replaced", "fine", "claude", "agent", T0
)


@pytest.fixture
def broken(sqlite_url: str) -> Iterator[BrokenStore]:
    store = open_store(sqlite_url)
    yield BrokenStore(store)
    store.close()


def health(bench: StoreBench) -> StoreHealth:
    found = bench.historian.receive(ReadStoreHealth())
    assert isinstance(found, StoreHealth)
    return found


def count(store: Store, table: str) -> int:
    reader = store.reader()
    found = int(reader.value(f"SELECT count(*) FROM {table}"))
    reader.close()
    return found


def test_a_lone_record_is_committed_at_once_and_then_the_gateway_is_told(bench: StoreBench) -> None:
    bench.take(records([reading(T0)], packets=[7]))
    assert bench.told == [("gateway", RecordsCommitted((Receipt(1, 7),), 1))]


def test_a_stream_of_records_shares_one_commit_per_interval(bench: StoreBench) -> None:
    for packet in range(1, 11):
        bench.take(records([reading(T0 + packet)], packets=[packet]))
    assert bench.committed() == [1]
    bench.settle()
    assert bench.committed() == list(range(1, 11))
    assert len(bench.told) == 2
    assert bench.told[1] == ("gateway", RecordsCommitted(tuple(Receipt(1, n) for n in range(2, 11)), 9))


def test_records_wait_no_longer_than_the_interval_though_more_keep_coming(bench: StoreBench) -> None:
    bench.take(records([reading(T0)], packets=[1]), more_waits=True)
    assert bench.committed() == []
    bench.now += 0.051
    bench.take(records([reading(T0 + 1)], packets=[2]), more_waits=True)
    assert bench.committed() == [1, 2]


def test_a_commit_with_an_alarm_in_it_waits_for_a_fifth_of_the_interval(bench: StoreBench) -> None:
    bench.take(records([reading(T0)], packets=[1]))
    bench.take(records([reading(T0 + 1)], packets=[2]), more_waits=True)
    bench.now += 0.011
    bench.take(records([reading(T0 + 2)], packets=[3]), more_waits=True)
    assert bench.committed() == [1]
    bench.take(records([reading(T0 + 3)], packets=[4], alarms=[raised(alarm())]), more_waits=True)
    assert (bench.committed(), len(bench.events)) == ([1, 2, 3, 4], 1)
    bench.take(records([reading(T0 + 4)], packets=[5], alarms=[raised(alarm(1))]), more_waits=True)
    assert bench.committed() == [1, 2, 3, 4]
    assert bench.committer.work(more_waits=True) == pytest.approx(0.01)
    bench.now += 0.011
    bench.committer.work(more_waits=True)
    assert (bench.committed(), len(bench.events)) == ([1, 2, 3, 4, 5], 2)
    bench.take(records([reading(T0 + 5)], packets=[6]), more_waits=True)
    assert bench.committer.work(more_waits=True) == pytest.approx(0.05)


def test_very_many_readings_are_committed_before_the_interval_ends(bench: StoreBench) -> None:
    bench.take(records([reading(T0)], packets=[1]))
    bench.take(records([reading(T0 + n) for n in range(1, Pace().rows + 1)], packets=[2]), more_waits=True)
    assert bench.committed() == [1, 2]


def test_work_says_when_it_wants_to_be_woken(bench: StoreBench) -> None:
    assert bench.committer.work(more_waits=False) is None
    bench.take(records([reading(T0)]))
    bench.historian.receive(records([reading(T0 + 1)]))
    wait_s = bench.committer.work(more_waits=False)
    assert wait_s == pytest.approx(0.05)


def test_a_duplicate_reading_is_kept_once_and_the_first_one_counts(bench: StoreBench, store: Store) -> None:
    bench.take(records([reading(T0, 70.0), reading(T0, 71.0)]))
    bench.committer.start()  # folds
    bench.take(records([reading(T0, 72.0), reading(T0 + 5, 73.0)]))
    assert [one.values["temperature"] for one in bench.recalled().readings] == [70.0, 73.0]
    bench.historian.receive(FlushStore())
    bench.committer.start()
    assert [one.values["temperature"] for one in bench.recalled().readings] == [70.0, 73.0]
    assert count(store, "readings") == 2


def test_a_time_comes_back_to_the_last_bit(bench: StoreBench) -> None:
    at = T0 + 1 / 3
    bench.take(records([reading(at)]))
    assert bench.recalled().readings[0].at == at


def test_a_recall_brings_the_newest_readings_oldest_first_wherever_they_are(bench: StoreBench) -> None:
    bench.take(records([reading(T0 + 5 * n, 70 + n) for n in range(30)]))
    bench.committer.start()
    bench.take(records([reading(T0 + 5 * n, 70 + n) for n in range(30, 60)]))
    recalled = bench.recalled(count=50)
    assert [one.at for one in recalled.readings] == [T0 + 5 * n for n in range(10, 60)]
    assert recalled.readings[-1] == Reading("pump-01", T0 + 295, {"temperature": 129.0, "pressure": 31.5}, T0 + 295)


def test_a_recall_counts_no_repeated_reading_towards_its_number(bench: StoreBench) -> None:
    for _ in range(3):
        bench.take(records([reading(T0 + 5 * n) for n in range(20)]))
        bench.settle()
    assert [one.at for one in bench.recalled(count=15).readings] == [T0 + 5 * n for n in range(5, 20)]


def test_a_recall_includes_what_was_told_just_before(bench: StoreBench) -> None:
    bench.take(records([reading(T0)], packets=[1]))
    bench.historian.receive(records([reading(T0 + 5)], packets=[2], alarms=[raised(alarm())]))
    recalled = bench.recalled()
    assert [one.at for one in recalled.readings] == [T0, T0 + 5]
    assert recalled.alarms == (alarm(),)


def test_a_recall_includes_an_alarm_that_came_without_a_reading(bench: StoreBench) -> None:
    bench.take(records([reading(T0)]))
    bench.historian.receive(records([], alarms=[raised(alarm())]))
    assert bench.recalled().alarms == (alarm(),)


def test_a_recall_of_a_device_never_seen_is_empty_and_normal(bench: StoreBench) -> None:
    recalled = bench.recalled("motor-09")
    assert (recalled.readings, recalled.alarms, recalled.mode) == ((), (), Mode.NORMAL)


def test_only_alarms_that_are_not_yet_history_are_recalled(bench: StoreBench) -> None:
    alarms = [alarm(number, state=state) for number, state in enumerate(AlarmState)]
    bench.take(records([], alarms=[raised(one) for one in [*alarms, alarm(9, device_id="motor-01")]]))
    assert bench.recalled().alarms == tuple(one for one in alarms if one.state is not AlarmState.NORMAL)


def test_an_alarm_is_one_row_and_its_changes_are_all_kept(bench: StoreBench, store: Store) -> None:
    first = alarm()
    worse = dataclasses.replace(first, severity=Severity.CRITICAL, changed_at=T0 + 60, repeats=15)
    noted = dataclasses.replace(worse, state=AlarmState.ACKNOWLEDGED, acknowledged_by="ana", note="on it")
    bench.take(records([], alarms=[raised(first), AlarmEvent(Change.ESCALATED, T0 + 60, worse)]))
    bench.settle()
    bench.take(records([], alarms=[AlarmEvent(Change.ACKNOWLEDGED, T0 + 70, noted, "ana")]))
    bench.settle()
    assert bench.recalled().alarms == (noted,)
    assert count(store, "anomalies") == 1
    assert count(store, "alarm_events") == 3


def test_alarm_events_are_announced_after_their_commit_in_order(bench: StoreBench) -> None:
    bench.take(records([], alarms=[raised(alarm(0))]))
    bench.take(records([], alarms=[raised(alarm(1))]), records([], alarms=[raised(alarm(2))]))
    assert bench.events == [raised(alarm(0))]
    bench.settle()
    assert bench.events == [raised(alarm(0)), raised(alarm(1)), raised(alarm(2))]


def test_dead_letters_and_audit_rows_are_kept_and_settled(bench: StoreBench, store: Store) -> None:
    bench.take(StoreDeadLetters((LETTER,), (Receipt(1, 5),), 1), AppendAudit(audit()))
    assert bench.committed() == [5]
    reader = store.reader()
    kept = reader.run("SELECT reason, payload, size FROM dead_letters").fetchone()
    assert (kept[0], bytes(kept[1]), kept[2]) == ("not_json", b"\x00\xff{", 3)
    assert reader.value("SELECT detail FROM audit") == '{"why":"within policy","count":2}'
    reader.close()


def test_a_step_of_a_command_is_told_once_it_is_on_disk_with_its_audit_rows(bench: StoreBench, store: Store) -> None:
    first = step(command(stage=Stage.DISPATCHED))
    assert bench.move(first) == TransitionStored("cmd-0", True)
    assert (count(store, "commands"), count(store, "audit")) == (1, 1)
    taken = step(command(stage=Stage.ACKNOWLEDGED), first.transition.after, T0 + 1)
    assert bench.move(taken).ok
    assert (count(store, "commands"), count(store, "audit")) == (1, 2)
    assert bench.recalled().open_command == taken.transition.after


def test_a_step_told_twice_is_stored_once(bench: StoreBench, store: Store) -> None:
    first = step(command(stage=Stage.DISPATCHED))
    assert bench.move(first).ok
    assert bench.move(first).ok
    assert count(store, "audit") == 1


def test_a_step_from_a_stage_that_is_no_longer_true_changes_nothing(bench: StoreBench, store: Store) -> None:
    first = step(command(stage=Stage.AWAITING_APPROVAL))
    bench.move(first)
    rejected = step(command(stage=Stage.REJECTED), first.transition.after, T0 + 1)
    bench.move(rejected)
    late = bench.move(step(command(stage=Stage.DISPATCHED), first.transition.after, T0 + 2))
    assert (late.ok, late.final) == (False, True)
    again = bench.move(step(command(stage=Stage.DISPATCHED), None, T0 + 3))
    assert (again.ok, again.final) == (False, True)
    reader = store.reader()
    assert reader.value("SELECT stage FROM commands") == "rejected"
    reader.close()
    assert count(store, "audit") == 2


def test_what_is_open_and_what_agents_had_sent_is_remembered(bench: StoreBench) -> None:
    waiting, under_way = step(command(1, stage=Stage.AWAITING_APPROVAL)), step(command(2, stage=Stage.DISPATCHED))
    sent = dataclasses.replace(under_way.transition.after, send_by=T0 + 30)
    under_way = dataclasses.replace(under_way, transition=dataclasses.replace(under_way.transition, after=sent))
    for one in (waiting, under_way, step(command(3, stage=Stage.DENIED))):
        bench.move(one)
    bench.historian.receive(CommitAudit(audit(T0, "agents_stopped", "agents"), 1, "guard"))
    bench.historian.receive(RecallCommands(T0 - 3600, "guard"))
    _, recalled = bench.told.pop()
    assert isinstance(recalled, CommandsRecalled)
    past = recalled.past
    assert [record.command.command_id for record in past.records] == ["cmd-1", "cmd-2"]
    assert past.records[1] == sent
    assert past.dispatches == ((T0, "pump-01"),)
    assert (past.agents.allowed, past.agents.by) == (False, "guard")


@pytest.mark.parametrize("text", ["Agent", "robot", "", "Operator", "operator "])
def test_a_proposer_of_a_kind_that_nobody_knows_is_read_and_has_no_rights(
    bench: StoreBench, store: Store, text: str
) -> None:
    sent = step(command(stage=Stage.DISPATCHED))
    sent = dataclasses.replace(
        sent,
        transition=dataclasses.replace(
            sent.transition, after=dataclasses.replace(sent.transition.after, send_by=T0 + 30)
        ),
    )
    bench.move(sent)
    writer = store.writer()
    writer.run(
        "UPDATE commands SET proposer_kind = ?, record = replace(record, ?, ?)",
        text,
        '"kind":"agent"',
        f'"kind":"{text}"',
    )
    writer.close()
    bench.historian.receive(RecallCommands(T0 - 3600, "guard"))
    _, recalled = bench.told.pop()
    assert isinstance(recalled, CommandsRecalled)
    (record,) = recalled.past.records
    assert record.command.proposed_by == Caller("claude", CallerKind.UNKNOWN)
    assert recalled.past.dispatches == ((T0, "pump-01"),)


@pytest.mark.parametrize(
    ("name", "stage", "mode", "reduction_pct"),
    [
        (CommandName.REDUCE_LOAD, Stage.VERIFIED, Mode.REDUCED_LOAD, 30.0),
        (CommandName.EMERGENCY_SHUTDOWN, Stage.VERIFIED, Mode.SHUTDOWN, 0.0),
        (CommandName.ENABLE_MAINTENANCE_MODE, Stage.VERIFIED, Mode.MAINTENANCE, 0.0),
        (CommandName.RESTART, Stage.VERIFIED, Mode.NORMAL, 0.0),
        (CommandName.EMERGENCY_SHUTDOWN, Stage.DISPATCHED, Mode.REDUCED_LOAD, 30.0),
        (CommandName.EMERGENCY_SHUTDOWN, Stage.OUTCOME_UNKNOWN, Mode.UNKNOWN, 0.0),
        (CommandName.EMERGENCY_SHUTDOWN, Stage.UNVERIFIED, Mode.UNKNOWN, 0.0),
        (CommandName.EMERGENCY_SHUTDOWN, Stage.DENIED, Mode.REDUCED_LOAD, 30.0),
        (CommandName.SET_PARAMETER, Stage.VERIFIED, Mode.REDUCED_LOAD, 30.0),
    ],
)
def test_the_mode_is_what_the_last_command_led_to(
    bench: StoreBench, name: CommandName, stage: Stage, mode: Mode, reduction_pct: float
) -> None:
    bench.move(step(command(1), at=T0 + 1))
    bench.move(step(command(2, name=name, stage=stage), at=T0 + 2))
    recalled = bench.recalled()
    assert recalled.mode is mode
    if name is not CommandName.RESTART and mode in (Mode.REDUCED_LOAD, Mode.UNKNOWN):
        assert recalled.reduction_pct == reduction_pct


@pytest.mark.parametrize(
    ("at", "subject", "said", "mode", "by"),
    [
        (T0 + 2, "pump-01", "maintenance", Mode.MAINTENANCE, "ada"),
        (T0 + 1, "pump-01", "maintenance", Mode.MAINTENANCE, "ada"),
        (T0, "pump-01", "maintenance", Mode.SHUTDOWN, None),  # a command has moved it since
        (T0 + 2, "motor-01", "maintenance", Mode.SHUTDOWN, None),
        (T0 + 2, "pump-01", "of a later version", Mode.SHUTDOWN, None),
    ],
)
def test_h12_the_mode_is_what_an_operator_stated_until_a_command_moves_it(
    bench: StoreBench, at: float, subject: str, said: str, mode: Mode, by: str | None
) -> None:
    bench.move(step(command(1, name=CommandName.EMERGENCY_SHUTDOWN), at=T0 + 1))
    detail = {"mode": said, "reduction_pct": 0.0, "reason": "I stand at it"}
    bench.historian.receive(CommitAudit(AuditEntry(at, "ada", MODE_STATED, subject, detail), 1, "pump-01"))
    recalled = bench.recalled()
    assert (recalled.mode, recalled.stated and recalled.stated.by) == (mode, by)


def test_an_incident_report_gets_a_number_and_the_plants_time(bench: StoreBench) -> None:
    bench.take(Tick(T0 + 3600))
    stored = bench.historian.receive(StoreIncident(REPORT))
    another = bench.historian.receive(StoreIncident(dataclasses.replace(REPORT, origin="person")))
    assert isinstance(stored, Incident)
    assert isinstance(another, Incident)
    assert (stored.reported_at, stored.reviewed, stored.root_cause) == (T0 + 3600, False, "seal")
    assert (another.incident_id, another.reviewed) == (stored.incident_id + 1, True)


def test_health_tells_of_the_last_commit_and_of_what_waits(bench: StoreBench) -> None:
    assert health(bench) == StoreHealth(True, "", None, 0, 0)
    bench.take(records([reading(T0)]))
    bench.historian.receive(records([reading(T0 + 1), reading(T0 + 2)]))
    assert health(bench) == StoreHealth(True, "", 1000.0 + 1e9, 2, 1)


def test_a_flush_commits_all_that_waits(bench: StoreBench) -> None:
    bench.take(records([reading(T0)], packets=[1]))
    bench.historian.receive(records([reading(T0 + 1)], packets=[2]))
    assert bench.historian.receive(FlushStore()) is True
    assert bench.committed() == [1, 2]
    assert bench.historian.receive(FlushStore()) is True


def test_nothing_is_told_while_another_locks_the_store_and_all_of_it_after(bench: StoreBench, store: Store) -> None:
    bench.take(records([reading(T0)], packets=[1]))
    other = Connection(store.url, read_only=False)
    with other.transaction():
        if not other.is_sqlite:
            other.run("LOCK TABLE fresh_readings IN ACCESS EXCLUSIVE MODE")
        bench.now += 1
        bench.take(records([reading(T0 + 1)], packets=[2], alarms=[raised(alarm())]))
        bench.take(records([reading(T0 + 2)], packets=[3]))
        assert bench.committed() == [1]
        assert bench.events == []
        found = health(bench)
        assert (found.ok, found.pending) == (False, 2)
        assert "lock" in found.detail
        refused = bench.move(step(command(), at=T0))
        assert (refused.ok, refused.final) == (False, False)
        bench.historian.receive(CommitAudit(audit(), 1, "guard"))
        name, refusal = bench.told.pop()
        assert isinstance(refusal, AuditCommitted)
        assert (name, refusal.number) == ("guard", 1)
        assert "lock" in refusal.why
        assert bench.historian.receive(FlushStore()) is False
    other.close()
    bench.settle()
    assert bench.committed() == [1, 2, 3]
    assert bench.events == [raised(alarm())]
    assert health(bench).ok
    assert [one.at for one in bench.recalled().readings] == [T0, T0 + 1, T0 + 2]
    assert count(store, "commands") == 0  # its asker was told that it is not stored


def test_a_full_disk_is_said_retried_with_back_off_and_overcome(broken: BrokenStore) -> None:
    bench = StoreBench(broken)
    pages = bench.committer._connected().connection.value("PRAGMA page_count")
    bench.committer._disconnect()
    broken.spoil = lambda connection: connection.run(f"PRAGMA max_page_count = {pages + 1}")
    many = [reading(T0 + n) for n in range(2000)]
    bench.take(records(many, packets=[1]))
    assert "full" in health(bench).detail
    waits = []
    for _ in range(8):
        wait_s = bench.committer.work(more_waits=False)
        assert wait_s is not None
        waits.append(wait_s)
        bench.now += wait_s + 1e-6
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
    assert (bench.committed(), health(bench).pending) == ([], 2000)
    broken.spoil = None
    bench.settle()
    assert (bench.committed(), health(bench).ok) == ([1], True)
    assert [one.at for one in bench.recalled(count=3000).readings] == [one.at for one in many]
    bench.committer.close()


def test_while_the_store_fails_it_asks_to_be_woken_for_the_next_try_only(broken: BrokenStore) -> None:
    bench = StoreBench(broken)

    def refuse(connection: Connection) -> None:
        raise StoreError("gone fishing")

    bench.committer._disconnect()
    broken.spoil = refuse
    bench.historian.receive(Tick(T0))
    bench.historian.receive(records([reading(T0)]))
    assert bench.committer.work(more_waits=True) == pytest.approx(0.05)
    assert bench.committer.work(more_waits=False) == pytest.approx(0.1)
    assert bench.committer.work(more_waits=True) == pytest.approx(0.1)
    broken.spoil = None
    bench.settle()
    assert health(bench).ok
    bench.committer.close()


def test_a_server_that_drops_all_connections_is_found_again_and_still_locked(postgres_url: str) -> None:
    store = open_store(postgres_url)
    bench = StoreBench(store)
    other = Connection(postgres_url, read_only=False)
    ours = "datname = current_database() AND pid <> pg_backend_pid()"
    other.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
    bench.take(records([reading(T0)], packets=[1]))
    assert (bench.committed(), health(bench).ok) == ([], False)
    bench.settle()
    assert (bench.committed(), health(bench).ok) == ([1], True)
    with pytest.raises(StoreHeldError):
        open_store(postgres_url)
    other.close()
    bench.committer.close()
    store.close()


def test_a_recall_over_a_connection_that_has_ended_succeeds_the_second_time_though_nothing_is_written(
    postgres_url: str,
) -> None:
    store = open_store(postgres_url)
    bench = StoreBench(store)
    bench.take(records([reading(T0)]))
    other = Connection(postgres_url, read_only=False)
    ours = "datname = current_database() AND pid <> pg_backend_pid()"
    other.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
    assert "could not be read" in bench.recall().failure
    assert len(bench.recalled().readings) == 1
    other.close()
    bench.committer.close()
    store.close()


def test_a_recall_that_fails_lets_the_device_start_cold_and_says_why(broken: BrokenStore) -> None:
    bench = StoreBench(broken)
    bench.take(records([reading(T0)]))

    def refuse(connection: Connection) -> None:
        raise StoreError("gone fishing")

    bench.committer._disconnect()
    broken.spoil = refuse
    recalled = bench.recall()
    assert (recalled.past.readings, recalled.past.mode) == ((), Mode.UNKNOWN)
    assert "gone fishing" in recalled.failure
    broken.spoil = None
    assert len(bench.recalled().readings) == 1
    bench.committer.close()


def test_a_row_that_can_never_be_stored_becomes_a_dead_letter_and_blocks_no_other(
    bench: StoreBench, store: Store
) -> None:
    impossible = records([reading(T0 + 1, device_id=None)], packets=[2])  # type: ignore[arg-type]
    bench.take(records([reading(T0)], packets=[1]))
    bench.take(impossible, records([reading(T0 + 2, device_id="motor-01")], packets=[3], alarms=[raised(alarm())]))
    bench.settle()
    assert bench.committed() == [1, 2, 3]
    assert bench.events == [raised(alarm())]
    assert len(bench.recalled("motor-01").readings) == 1
    found = health(bench)
    assert (found.ok, found.committed_readings) == (False, 2)
    assert "1 messages could not be stored" in found.detail
    bench.now += 901
    assert (health(bench).ok, health(bench).detail) == (True, found.detail)  # told, but over
    reader = store.reader()
    assert reader.run("SELECT topic, reason FROM dead_letters").fetchall() == [("StoreRecords", "unstorable")]
    reader.close()


def test_a_command_whose_row_is_refused_is_answered_with_an_error(bench: StoreBench) -> None:
    odd = dataclasses.replace(command(), next_step=None)  # type: ignore[arg-type]
    answer = bench.move(step(odd))
    assert (answer.ok, answer.final) == (False, True)
    assert isinstance(bench.historian.receive(StoreIncident(dataclasses.replace(REPORT, title=None))), StoreError)  # type: ignore[arg-type]
    bench.take(records([reading(T0)], packets=[1]))
    bench.settle()
    assert bench.committed() == [1]


def test_too_much_waiting_is_a_reason_for_ill_health(broken: BrokenStore) -> None:
    bench = StoreBench(broken)
    locker = sqlite3.connect(broken._store.url.removeprefix("sqlite:///"), isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    bench.historian.receive(records([reading(T0 + n) for n in range(100_001)]))
    assert "100001 readings wait for a commit" in health(bench).detail
    locker.close()
    bench.committer.close()


def test_closing_commits_what_waits(bench: StoreBench, store: Store) -> None:
    bench.take(records([reading(T0)]))
    bench.historian.receive(records([reading(T0 + 1)], packets=[2]))
    bench.committer.close()
    assert bench.committed() == [2]
    assert count(store, "fresh_readings") == 2


def test_what_is_abandoned_is_handed_back_and_not_told(bench: StoreBench) -> None:
    bench.take(records([reading(T0)], packets=[1]))
    second = records([reading(T0 + 1)], packets=[2])
    bench.historian.receive(second)
    assert bench.historian.abandon() == (second,)
    assert bench.committed() == [1]
