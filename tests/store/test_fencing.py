"""E5: the right to write is proven in every transaction, and whoever cannot prove it writes nothing more."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.actors.messages.gateway import PublishClaimed
from aegisflow.actors.messages.store import AppendAudit, ClaimPublish, StoreTransition
from aegisflow.domain.commands.model import PublishClaim, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.errors import StoreHeldError, StoreLostError
from aegisflow.store import Store, open_store
from aegisflow.store.connection import Connection
from aegisflow.store.verification import verify
from tests.support.postgres import Server, restartable_postgres
from tests.support.store_bench import StoreBench
from tests.support.store_samples import T0, audit, command, reading, records, step

OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"


def end_sessions(url: str, which: str = "true") -> None:
    """Have the server end sessions on this database, as an administrator or a failing network does."""
    other = Connection(url, read_only=False)
    other.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS} AND {which}")
    while other.value(f"SELECT count(*) FROM pg_stat_activity WHERE {OTHERS} AND {which}"):
        pass
    other.close()


def times(store: Store) -> list[float]:
    """Times of the readings that are stored."""
    reader = store.reader()
    found = reader.run("SELECT at FROM readings UNION SELECT at FROM fresh_readings ORDER BY at").fetchall()
    reader.close()
    return [at for (at,) in found]


def assert_it_writes_nothing_more(elder: StoreBench, store: Store) -> None:
    before = times(store)
    for number in range(3):
        elder.take(records([reading(T0 + 1000 + number)], packets=[100 + number]))
        elder.now += 10
    assert elder.committer.lost
    assert not elder.committer.health().ok
    assert "no longer ours" in elder.committer.health().detail
    assert not elder.move(step(command(7))).ok
    assert not elder.committer.flush()
    assert elder.committer.work(more_waits=False) is None
    assert not [packet for packet in elder.committed() if packet >= 100]
    assert times(store) == before


def test_a_writer_whose_store_was_claimed_by_another_stops(store_url: str) -> None:
    """As after a lock that no longer keeps anybody out: here, one that was given back by mistake."""
    first = open_store(store_url)
    elder = StoreBench(first)
    elder.take(records([reading(T0)], packets=[1]))
    first.close()
    second = open_store(store_url)
    younger = StoreBench(second)
    younger.take(records([reading(T0 + 5)], packets=[2]))
    assert_it_writes_nothing_more(elder, second)
    assert younger.committed() == [2]
    younger.committer.close()
    elder.committer.close()
    second.close()


@pytest.mark.serial
def test_one_who_came_and_left_meanwhile_is_noticed_too(store_url: str) -> None:
    first = open_store(store_url)
    elder = StoreBench(first)
    first.close()
    second = open_store(store_url)
    second.close()
    elder.committer._disconnect()
    assert_it_writes_nothing_more(elder, first)


@pytest.mark.parametrize("act", ["incident", "housekeeping", "recall"])
def test_every_way_to_the_store_finds_out(store_url: str, act: str) -> None:
    first = open_store(store_url)
    elder = StoreBench(first)
    first.close()
    second = open_store(store_url)
    if act == "housekeeping":
        elder.committer.tick(T0)
        elder.settle()
    elif act == "incident":
        assert not elder.move(step(command(1))).ok
    else:
        elder.take(records([reading(T0)]))
        assert "no longer ours" in elder.recall().failure
    assert elder.committer.lost
    elder.committer.close()
    second.close()


def test_v2_who_has_lost_the_store_publishes_nothing_and_who_has_it_publishes_once(store_url: str) -> None:
    first = open_store(store_url)
    elder = StoreBench(first)
    record = replace(step(command(1, stage=Stage.DISPATCHED)).transition.after, send_by=T0 + 30.0)
    assert elder.move(StoreTransition(Transition(None, record, (audit(),)), "guard")).ok
    first.close()
    second = open_store(store_url)
    younger = StoreBench(second)
    for claim_id, bench, said in (
        ("1", elder, PublishClaim.NOT_STORED),
        ("2", younger, PublishClaim.GRANTED),
        ("3", younger, PublishClaim.PUBLISHED_BEFORE),
        ("4", elder, PublishClaim.NOT_STORED),
    ):
        bench.historian.receive(ClaimPublish(record, claim_id, T0 + 1.0, "gateway"))
        answer = bench.told.pop()[1]
        assert isinstance(answer, PublishClaimed)
        assert answer.claim is said
    assert elder.committer.lost
    assert not elder.committer.health().ok
    assert not younger.committer.lost
    for bench in (elder, younger):
        bench.committer.close()
    second.close()


def test_a_store_whose_file_is_removed_under_the_writer_is_given_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    first = open_store(url)
    elder = StoreBench(first)
    elder.take(records([reading(T0)], packets=[1]))
    for ending in ("", "-wal", "-shm", ".lock"):
        (tmp_path / f"store.db{ending}").unlink()
    elder.now += 1
    elder.take(records([reading(T0 + 5)], packets=[2]))
    assert "removed or replaced" in elder.committer.lost
    second = open_store(url)
    assert times(second) == []
    assert elder.committed() == [1]
    elder.committer.close()
    second.close()
    first.close()


def test_a_lock_whose_session_was_ended_is_taken_again_at_the_next_commit(postgres_url: str) -> None:
    store = open_store(postgres_url)
    bench = StoreBench(store)
    bench.take(records([reading(T0)], packets=[1]))
    end_sessions(postgres_url, "application_name <> 'aegisflow'")
    bench.now += 1
    bench.take(records([reading(T0 + 5)], packets=[2]))
    bench.settle()
    assert (bench.committed(), bench.committer.lost, bench.committer.health().ok) == ([1, 2], "", True)
    with pytest.raises(StoreHeldError):
        open_store(postgres_url)
    bench.committer.close()
    store.close()


def test_one_who_takes_the_lock_before_its_holder_knows_that_it_is_lost_is_the_only_writer(postgres_url: str) -> None:
    first = open_store(postgres_url)
    elder = StoreBench(first)
    elder.take(records([reading(T0)], packets=[1]))
    end_sessions(postgres_url, "application_name <> 'aegisflow'")
    second = open_store(postgres_url)
    younger = StoreBench(second)
    younger.take(records([reading(T0 + 5)], packets=[2]))
    assert_it_writes_nothing_more(elder, second)
    with pytest.raises(StoreLostError):
        first.writer()
    assert times(second) == [T0, T0 + 5]
    younger.committer.close()
    second.close()
    first.close()


def test_a_claim_waits_for_the_transaction_under_way_and_the_next_one_is_refused(postgres_url: str) -> None:
    first = open_store(postgres_url)
    writer, other = first.writer(), Connection(postgres_url, read_only=True)
    with ThreadPoolExecutor(1) as threads:
        with writer.transaction():
            first.close()  # the lock goes, the transaction goes on
            claiming = threads.submit(open_store, postgres_url)
            while not other.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                pass
            assert not claiming.done()
            writer.run("INSERT INTO devices (name) VALUES ('of the elder')")
        second = claiming.result(30)
    with pytest.raises(StoreLostError), writer.transaction():
        writer.run("INSERT INTO devices (name) VALUES ('too late')")
    reader = second.reader()
    assert reader.run("SELECT name FROM devices").fetchall() == [("of the elder",)]
    for connection in (reader, other, writer):
        connection.close()
    second.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with restartable_postgres() as made:
        yield made


def test_a_server_that_restarts_gives_the_lock_back_to_the_one_who_goes_on_first(server: Server) -> None:
    for who_first in ("elder", "younger"):
        url = server.database()
        first = open_store(url)
        elder = StoreBench(first)
        elder.take(records([reading(T0)], packets=[1]))
        server.stop()
        elder.now += 1
        elder.take(records([reading(T0 + 5)], packets=[2]))
        assert (elder.committed(), elder.committer.lost) == ([1], "")
        assert not elder.committer.health().ok
        server.start()
        if who_first == "elder":
            elder.settle()
            assert (elder.committed(), elder.committer.health().ok) == ([1, 2], True)
            with pytest.raises(StoreHeldError, match="is in use by pid"):
                open_store(url)
            assert times(first) == [T0, T0 + 5]
        else:
            second = open_store(url)
            younger = StoreBench(second)
            younger.take(records([reading(T0 + 10)], packets=[3]))
            elder.settle()
            assert "is in use by pid" in elder.committer.lost
            assert_it_writes_nothing_more(elder, second)
            assert times(second) == [T0, T0 + 10]
            younger.committer.close()
            second.close()
        elder.committer.close()
        first.close()


def test_the_audit_of_two_writers_stays_one_chain(postgres_url: str) -> None:
    first = open_store(postgres_url)
    elder = StoreBench(first)
    elder.take(AppendAudit(audit()))
    end_sessions(postgres_url)
    second = open_store(postgres_url)
    younger = StoreBench(second)
    for bench in (younger, elder, younger):
        bench.now += 10
        bench.take(AppendAudit(audit()))
        bench.settle()
    reader = second.reader()
    found = verify(reader, [])
    reader.close()
    assert (found.rows, found.broken) == (3, "")
    younger.committer.close()
    second.close()
    first.close()
