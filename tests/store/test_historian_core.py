import dataclasses
import sqlite3
from collections.abc import Iterator

import pytest
from desk import BrokenStore, Desk
from store_samples import T0, alarm, audit, command, raised, reading, records, step

from aegisflow.actors.messages import (
    AppendAudit,
    CommandsRecalled,
    CommitAudit,
    DeadLetter,
    FlushStore,
    ReadStoreHealth,
    RecallCommands,
    RecordsCommitted,
    StoreDeadLetters,
    StoreIncident,
    Tick,
    TransitionStored,
)
from aegisflow.domain.alarms import AlarmEvent, AlarmState, Change, Severity
from aegisflow.domain.commands import CommandName, Mode, Stage
from aegisflow.domain.incidents import Incident, NewIncident
from aegisflow.domain.readings import Reading, Receipt
from aegisflow.domain.views import StoreHealth
from aegisflow.errors import StoreError, StoreHeldError
from aegisflow.store import Store, open_store
from aegisflow.store.connection import Connection
from aegisflow.store.historian import Pace

LETTER = DeadLetter(T0, "aegisflow/sensors/pump-01", "pump-01", "not_json", "line 1", b"\x00\xff{", 3, "ab" * 32)
REPORT = NewIncident(
    "pump-01", None, "pressure_leak", Severity.HIGH, "Leak", "seal", "replaced", "fine", "claude", "agent", T0
)


@pytest.fixture
def broken(sqlite_url: str) -> Iterator[BrokenStore]:
    store = open_store(sqlite_url)
    yield BrokenStore(store)
    store.close()


def health(desk: Desk) -> StoreHealth:
    found = desk.historian.receive(ReadStoreHealth())
    assert isinstance(found, StoreHealth)
    return found


def count(store: Store, table: str) -> int:
    reader = store.reader()
    found = int(reader.value(f"SELECT count(*) FROM {table}"))
    reader.close()
    return found


def test_a_lone_record_is_committed_at_once_and_then_the_gateway_is_told(desk: Desk) -> None:
    desk.take(records([reading(T0)], packets=[7]))
    assert desk.told == [("gateway", RecordsCommitted((Receipt(1, 7),), 1))]


def test_a_stream_of_records_shares_one_commit_per_interval(desk: Desk) -> None:
    for packet in range(1, 11):
        desk.take(records([reading(T0 + packet)], packets=[packet]))
    assert desk.committed() == [1]
    desk.settle()
    assert desk.committed() == list(range(1, 11))
    assert len(desk.told) == 2
    assert desk.told[1] == ("gateway", RecordsCommitted(tuple(Receipt(1, n) for n in range(2, 11)), 9))


def test_records_wait_no_longer_than_the_interval_though_more_keep_coming(desk: Desk) -> None:
    desk.take(records([reading(T0)], packets=[1]), more_waits=True)
    assert desk.committed() == []
    desk.now += 0.051
    desk.take(records([reading(T0 + 1)], packets=[2]), more_waits=True)
    assert desk.committed() == [1, 2]


def test_very_many_readings_are_committed_before_the_interval_ends(desk: Desk) -> None:
    desk.take(records([reading(T0)], packets=[1]))
    desk.take(records([reading(T0 + n) for n in range(1, Pace().rows + 1)], packets=[2]), more_waits=True)
    assert desk.committed() == [1, 2]


def test_work_says_when_it_wants_to_be_woken(desk: Desk) -> None:
    assert desk.historian.work(more_waits=False) is None
    desk.take(records([reading(T0)]))
    desk.historian.receive(records([reading(T0 + 1)]))
    wait_s = desk.historian.work(more_waits=False)
    assert wait_s == pytest.approx(0.05)


def test_a_duplicate_reading_is_kept_once_and_the_first_one_counts(desk: Desk, store: Store) -> None:
    desk.take(records([reading(T0, 70.0), reading(T0, 71.0)]))
    desk.historian.start()  # folds
    desk.take(records([reading(T0, 72.0), reading(T0 + 5, 73.0)]))
    assert [one.values["temperature"] for one in desk.recalled().readings] == [70.0, 73.0]
    desk.historian.receive(FlushStore())
    desk.historian.start()
    assert [one.values["temperature"] for one in desk.recalled().readings] == [70.0, 73.0]
    assert count(store, "readings") == 2


def test_a_time_comes_back_to_the_last_bit(desk: Desk) -> None:
    at = T0 + 1 / 3
    desk.take(records([reading(at)]))
    assert desk.recalled().readings[0].at == at


def test_a_recall_brings_the_newest_readings_oldest_first_wherever_they_are(desk: Desk) -> None:
    desk.take(records([reading(T0 + 5 * n, 70 + n) for n in range(30)]))
    desk.historian.start()
    desk.take(records([reading(T0 + 5 * n, 70 + n) for n in range(30, 60)]))
    recalled = desk.recalled(count=50)
    assert [one.at for one in recalled.readings] == [T0 + 5 * n for n in range(10, 60)]
    assert recalled.readings[-1] == Reading("pump-01", T0 + 295, {"temperature": 129.0, "pressure": 31.5}, T0 + 295)


def test_a_recall_counts_no_repeated_reading_towards_its_number(desk: Desk) -> None:
    for _ in range(3):
        desk.take(records([reading(T0 + 5 * n) for n in range(20)]))
        desk.settle()
    assert [one.at for one in desk.recalled(count=15).readings] == [T0 + 5 * n for n in range(5, 20)]


def test_a_recall_includes_what_was_told_just_before(desk: Desk) -> None:
    desk.take(records([reading(T0)], packets=[1]))
    desk.historian.receive(records([reading(T0 + 5)], packets=[2], alarms=[raised(alarm())]))
    recalled = desk.recalled()
    assert [one.at for one in recalled.readings] == [T0, T0 + 5]
    assert recalled.alarms == (alarm(),)


def test_a_recall_of_a_device_never_seen_is_empty_and_normal(desk: Desk) -> None:
    recalled = desk.recalled("motor-09")
    assert (recalled.readings, recalled.alarms, recalled.mode, recalled.failure) == ((), (), Mode.NORMAL, "")


def test_only_alarms_that_are_not_yet_history_are_recalled(desk: Desk) -> None:
    alarms = [alarm(number, state=state) for number, state in enumerate(AlarmState)]
    desk.take(records([], alarms=[raised(one) for one in [*alarms, alarm(9, device_id="motor-01")]]))
    assert desk.recalled().alarms == tuple(one for one in alarms if one.state is not AlarmState.NORMAL)


def test_an_alarm_is_one_row_and_its_changes_are_all_kept(desk: Desk, store: Store) -> None:
    first = alarm()
    worse = dataclasses.replace(first, severity=Severity.CRITICAL, changed_at=T0 + 60, repeats=15)
    noted = dataclasses.replace(worse, state=AlarmState.ACKNOWLEDGED, acknowledged_by="ana", note="on it")
    desk.take(records([], alarms=[raised(first), AlarmEvent(Change.ESCALATED, T0 + 60, worse)]))
    desk.settle()
    desk.take(records([], alarms=[AlarmEvent(Change.ACKNOWLEDGED, T0 + 70, noted, "ana")]))
    desk.settle()
    assert desk.recalled().alarms == (noted,)
    assert count(store, "anomalies") == 1
    assert count(store, "alarm_events") == 3


def test_alarm_events_are_announced_after_their_commit_in_order(desk: Desk) -> None:
    desk.take(records([], alarms=[raised(alarm(0))]))
    desk.take(records([], alarms=[raised(alarm(1))]), records([], alarms=[raised(alarm(2))]))
    assert desk.events == [raised(alarm(0))]
    desk.settle()
    assert desk.events == [raised(alarm(0)), raised(alarm(1)), raised(alarm(2))]


def test_dead_letters_and_audit_rows_are_kept_and_settled(desk: Desk, store: Store) -> None:
    desk.take(StoreDeadLetters((LETTER,), (Receipt(1, 5),), 1), AppendAudit(audit()))
    assert desk.committed() == [5]
    reader = store.reader()
    kept = reader.run("SELECT reason, payload, size FROM dead_letters").fetchone()
    assert (kept[0], bytes(kept[1]), kept[2]) == ("not_json", b"\x00\xff{", 3)
    assert reader.value("SELECT detail FROM audit") == '{"why":"within policy","count":2}'
    reader.close()


def test_a_step_of_a_command_is_told_once_it_is_on_disk_with_its_audit_rows(desk: Desk, store: Store) -> None:
    first = step(command(stage=Stage.DISPATCHED))
    assert desk.move(first) == TransitionStored("cmd-0", True)
    assert (count(store, "commands"), count(store, "audit")) == (1, 1)
    taken = step(command(stage=Stage.ACKNOWLEDGED), first.transition.after, T0 + 1)
    assert desk.move(taken).ok
    assert (count(store, "commands"), count(store, "audit")) == (1, 2)
    assert desk.recalled().open_command == taken.transition.after


def test_a_step_told_twice_is_stored_once(desk: Desk, store: Store) -> None:
    first = step(command(stage=Stage.DISPATCHED))
    assert desk.move(first).ok
    assert desk.move(first).ok
    assert count(store, "audit") == 1


def test_a_step_from_a_stage_that_is_no_longer_true_changes_nothing(desk: Desk, store: Store) -> None:
    first = step(command(stage=Stage.AWAITING_APPROVAL))
    desk.move(first)
    rejected = step(command(stage=Stage.REJECTED), first.transition.after, T0 + 1)
    desk.move(rejected)
    late = desk.move(step(command(stage=Stage.DISPATCHED), first.transition.after, T0 + 2))
    assert (late.ok, late.final) == (False, True)
    again = desk.move(step(command(stage=Stage.DISPATCHED), None, T0 + 3))
    assert (again.ok, again.final) == (False, True)
    reader = store.reader()
    assert reader.value("SELECT stage FROM commands") == "rejected"
    reader.close()
    assert count(store, "audit") == 2


def test_what_is_open_and_what_agents_had_sent_is_remembered(desk: Desk) -> None:
    waiting, under_way = step(command(1, stage=Stage.AWAITING_APPROVAL)), step(command(2, stage=Stage.DISPATCHED))
    sent = dataclasses.replace(under_way.transition.after, send_by=T0 + 30)
    under_way = dataclasses.replace(under_way, transition=dataclasses.replace(under_way.transition, after=sent))
    for one in (waiting, under_way, step(command(3, stage=Stage.DENIED))):
        desk.move(one)
    desk.historian.receive(CommitAudit(audit(T0, "agents_stopped", "agents")))
    desk.historian.receive(RecallCommands(T0 - 3600, "guard"))
    _, recalled = desk.told.pop()
    assert isinstance(recalled, CommandsRecalled)
    assert [record.command.command_id for record in recalled.records] == ["cmd-1", "cmd-2"]
    assert recalled.records[1] == sent
    assert recalled.dispatches == ((T0, "pump-01"),)
    assert (recalled.agents.allowed, recalled.agents.by) == (False, "guard")


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
    desk: Desk, name: CommandName, stage: Stage, mode: Mode, reduction_pct: float
) -> None:
    desk.move(step(command(1), at=T0 + 1))
    desk.move(step(command(2, name=name, stage=stage), at=T0 + 2))
    recalled = desk.recalled()
    assert recalled.mode is mode
    if name is not CommandName.RESTART and mode in (Mode.REDUCED_LOAD, Mode.UNKNOWN):
        assert recalled.reduction_pct == reduction_pct


def test_an_incident_report_gets_a_number_and_the_plants_time(desk: Desk) -> None:
    desk.take(Tick(T0 + 3600))
    stored = desk.historian.receive(StoreIncident(REPORT))
    another = desk.historian.receive(StoreIncident(dataclasses.replace(REPORT, origin="person")))
    assert isinstance(stored, Incident)
    assert isinstance(another, Incident)
    assert (stored.reported_at, stored.reviewed, stored.root_cause) == (T0 + 3600, False, "seal")
    assert (another.incident_id, another.reviewed) == (stored.incident_id + 1, True)


def test_health_tells_of_the_last_commit_and_of_what_waits(desk: Desk) -> None:
    assert health(desk) == StoreHealth(True, "", None, 0, 0)
    desk.take(records([reading(T0)]))
    desk.historian.receive(records([reading(T0 + 1), reading(T0 + 2)]))
    assert health(desk) == StoreHealth(True, "", 1000.0 + 1e9, 2, 1)


def test_a_flush_commits_all_that_waits(desk: Desk) -> None:
    desk.take(records([reading(T0)], packets=[1]))
    desk.historian.receive(records([reading(T0 + 1)], packets=[2]))
    assert desk.historian.receive(FlushStore()) is True
    assert desk.committed() == [1, 2]
    assert desk.historian.receive(FlushStore()) is True


def test_nothing_is_told_while_another_locks_the_store_and_all_of_it_after(desk: Desk, store: Store) -> None:
    desk.take(records([reading(T0)], packets=[1]))
    other = Connection(store.url, read_only=False)
    with other.transaction():
        if not other.is_sqlite:
            other.run("LOCK TABLE fresh_readings IN ACCESS EXCLUSIVE MODE")
        desk.now += 1
        desk.take(records([reading(T0 + 1)], packets=[2], alarms=[raised(alarm())]))
        desk.take(records([reading(T0 + 2)], packets=[3]))
        assert desk.committed() == [1]
        assert desk.events == []
        found = health(desk)
        assert (found.ok, found.pending) == (False, 2)
        assert "lock" in found.detail
        refused = desk.move(step(command(), at=T0))
        assert (refused.ok, refused.final) == (False, False)
        assert isinstance(desk.historian.receive(CommitAudit(audit())), StoreError)
        assert desk.historian.receive(FlushStore()) is False
    other.close()
    desk.settle()
    assert desk.committed() == [1, 2, 3]
    assert desk.events == [raised(alarm())]
    assert health(desk).ok
    assert [one.at for one in desk.recalled().readings] == [T0, T0 + 1, T0 + 2]
    assert count(store, "commands") == 0  # its asker was told that it is not stored


def test_a_full_disk_is_said_retried_with_back_off_and_overcome(broken: BrokenStore) -> None:
    desk = Desk(broken)
    pages = desk.historian._connected().connection.value("PRAGMA page_count")
    desk.historian._disconnect()
    broken.spoil = lambda connection: connection.run(f"PRAGMA max_page_count = {pages + 1}")
    many = [reading(T0 + n) for n in range(2000)]
    desk.take(records(many, packets=[1]))
    assert "full" in health(desk).detail
    waits = []
    for _ in range(8):
        wait_s = desk.historian.work(more_waits=False)
        assert wait_s is not None
        waits.append(wait_s)
        desk.now += wait_s + 1e-6
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
    assert (desk.committed(), health(desk).pending) == ([], 2000)
    broken.spoil = None
    desk.settle()
    assert (desk.committed(), health(desk).ok) == ([1], True)
    assert [one.at for one in desk.recalled(count=3000).readings] == [one.at for one in many]
    desk.historian.close()


def test_while_the_store_fails_it_asks_to_be_woken_for_the_next_try_only(broken: BrokenStore) -> None:
    desk = Desk(broken)

    def refuse(connection: Connection) -> None:
        raise StoreError("gone fishing")

    desk.historian._disconnect()
    broken.spoil = refuse
    desk.historian.receive(Tick(T0))
    desk.historian.receive(records([reading(T0)]))
    assert desk.historian.work(more_waits=True) == pytest.approx(0.05)
    assert desk.historian.work(more_waits=False) == pytest.approx(0.1)
    assert desk.historian.work(more_waits=True) == pytest.approx(0.1)
    broken.spoil = None
    desk.settle()
    assert health(desk).ok
    desk.historian.close()


def test_a_server_that_drops_all_connections_is_found_again_and_still_locked(postgres_url: str) -> None:
    store = open_store(postgres_url)
    desk = Desk(store)
    other = Connection(postgres_url, read_only=False)
    ours = "datname = current_database() AND pid <> pg_backend_pid()"
    other.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
    desk.take(records([reading(T0)], packets=[1]))
    assert (desk.committed(), health(desk).ok) == ([], False)
    desk.settle()
    assert (desk.committed(), health(desk).ok) == ([1], True)
    with pytest.raises(StoreHeldError):
        open_store(postgres_url)
    other.close()
    desk.historian.close()
    store.close()


def test_a_recall_that_fails_lets_the_device_start_cold_and_says_why(broken: BrokenStore) -> None:
    desk = Desk(broken)
    desk.take(records([reading(T0)]))

    def refuse(connection: Connection) -> None:
        raise StoreError("gone fishing")

    desk.historian._disconnect()
    broken.spoil = refuse
    recalled = desk.recalled()
    assert (recalled.readings, recalled.mode) == ((), Mode.UNKNOWN)
    assert "gone fishing" in recalled.failure
    broken.spoil = None
    assert len(desk.recalled().readings) == 1
    desk.historian.close()


def test_a_row_that_can_never_be_stored_becomes_a_dead_letter_and_blocks_no_other(desk: Desk, store: Store) -> None:
    impossible = records([reading(T0 + 1, device_id=None)], packets=[2])  # type: ignore[arg-type]
    desk.take(records([reading(T0)], packets=[1]))
    desk.take(impossible, records([reading(T0 + 2, device_id="motor-01")], packets=[3], alarms=[raised(alarm())]))
    desk.settle()
    assert desk.committed() == [1, 2, 3]
    assert desk.events == [raised(alarm())]
    assert len(desk.recalled("motor-01").readings) == 1
    found = health(desk)
    assert (found.ok, found.committed_readings) == (True, 2)
    assert "1 messages could not be stored" in found.detail
    reader = store.reader()
    assert reader.run("SELECT topic, reason FROM dead_letters").fetchall() == [("StoreRecords", "unstorable")]
    reader.close()


def test_a_command_whose_row_is_refused_is_answered_with_an_error(desk: Desk) -> None:
    odd = dataclasses.replace(command(), next_step=None)  # type: ignore[arg-type]
    answer = desk.move(step(odd))
    assert (answer.ok, answer.final) == (False, True)
    assert isinstance(desk.historian.receive(StoreIncident(dataclasses.replace(REPORT, title=None))), StoreError)  # type: ignore[arg-type]
    desk.take(records([reading(T0)], packets=[1]))
    desk.settle()
    assert desk.committed() == [1]


def test_too_much_waiting_is_a_reason_for_ill_health(broken: BrokenStore) -> None:
    desk = Desk(broken)
    locker = sqlite3.connect(broken._store.url.removeprefix("sqlite:///"), isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    desk.historian.receive(records([reading(T0 + n) for n in range(100_001)]))
    assert "100001 readings wait for a commit" in health(desk).detail
    locker.close()
    desk.historian.close()


def test_closing_commits_what_waits(desk: Desk, store: Store) -> None:
    desk.take(records([reading(T0)]))
    desk.historian.receive(records([reading(T0 + 1)], packets=[2]))
    desk.historian.close()
    assert desk.committed() == [2]
    assert count(store, "fresh_readings") == 2


def test_what_is_abandoned_is_handed_back_and_not_told(desk: Desk) -> None:
    desk.take(records([reading(T0)], packets=[1]))
    second = records([reading(T0 + 1)], packets=[2])
    desk.historian.receive(second)
    assert desk.historian.abandon() == (second,)
    assert desk.committed() == [1]
