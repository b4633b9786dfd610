import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.store import ReadStoreHealth, StoreDeadLetters
from aegisflow.config.services import StoreSettings
from aegisflow.domain.hours import Hour, minute_rows
from aegisflow.domain.readings import DeadLetter
from aegisflow.domain.summary import Aggregate
from aegisflow.domain.times import Period
from aegisflow.store import Store, open_store
from aegisflow.store import retention as retention_module
from aegisflow.store import summing as summing_module
from aegisflow.store.hours import stored_hours
from aegisflow.store.retention import Retention
from tests.support.store_bench import BrokenStore, StoreBench
from tests.support.store_samples import T0, reading, records

HOUR_S = 3600.0
SETTINGS = StoreSettings(raw_retention_s=HOUR_S, minute_retention_s=24 * HOUR_S, dead_letters=5, prune_interval_s=300)


def table(store: Store, name: str) -> list[tuple[float, ...]]:
    reader = store.reader()
    found = [tuple(row) for row in reader.run(f"SELECT at FROM {name} ORDER BY at").fetchall()]
    reader.close()
    return found


def hours(store: Store) -> list[Hour]:
    reader = store.reader()
    found = stored_hours(reader, 1, Period(0, 1e12), ["temperature", "pressure"])
    reader.close()
    return found


def let_pass(bench: StoreBench, at: float) -> None:
    bench.historian.receive(Tick(at))
    bench.settle()


def test_old_readings_become_minutes_and_nothing_is_lost_or_counted_twice(store: Store) -> None:
    bench = StoreBench(store, SETTINGS)
    values = [70 + 5 * np.sin(number / 50) for number in range(1440)]
    bench.take(records([reading(T0 + 5 * number, float(value)) for number, value in enumerate(values)]))
    let_pass(bench, T0 + 2 * HOUR_S)
    assert [at for (at,) in table(store, "readings")] == [T0 + HOUR_S + 5 * number for number in range(720)]
    (hour,) = hours(store)
    minutes = minute_rows(hour, 0.0, 1e12, ["temperature"])
    assert [(at, readings) for at, readings, _ in minutes] == [(T0 + 60 * number, 12) for number in range(60)]
    first = Aggregate(*minutes[0][2]["temperature"])
    assert first.values == 12
    assert first.mean == pytest.approx(np.mean(values[:12]))
    assert first.squares == pytest.approx(np.var(values[:12]) * 12)
    assert (first.min, first.max) == (min(values[:12]), max(values[:12]))
    bench.committer.close()


def test_a_late_reading_joins_the_minute_that_was_made_without_it(store: Store) -> None:
    bench = StoreBench(store, SETTINGS)
    bench.take(records([reading(T0, 70.0), reading(T0 + 5, 72.0)]))
    let_pass(bench, T0 + 2 * HOUR_S)
    bench.take(records([reading(T0 + 10, 80.0)]))
    let_pass(bench, T0 + 3 * HOUR_S)
    (hour,) = hours(store)
    ((_, readings, by_sensor),) = minute_rows(hour, 0.0, 1e12, ["temperature"])
    assert readings == 3
    assert Aggregate(*by_sensor["temperature"]).mean == pytest.approx(74.0)
    assert Aggregate(*by_sensor["temperature"]).squares == pytest.approx(56.0)
    assert table(store, "readings") == []
    bench.committer.close()


def test_old_hours_go(store: Store) -> None:
    bench = StoreBench(store, SETTINGS)
    bench.take(records([reading(T0 + 60 * number) for number in range(120)]))
    let_pass(bench, T0 + 4 * HOUR_S)
    assert table(store, "hours") == [(T0,), (T0 + HOUR_S,)]
    let_pass(bench, T0 + 25 * HOUR_S)
    assert table(store, "hours") == [(T0 + HOUR_S,)]
    assert set(table(store, "hour_figures")) == {(T0 + HOUR_S,)}
    # What comes so late is not kept even for a moment.
    bench.take(records([reading(T0 + 60 * number) for number in range(10)]))
    let_pass(bench, T0 + 26 * HOUR_S)
    assert (table(store, "readings"), table(store, "hours")) == ([], [])
    bench.committer.close()


def test_the_newest_dead_letters_are_kept(store: Store) -> None:
    bench = StoreBench(store, SETTINGS)
    letters = tuple(DeadLetter(T0 + n, "t", None, "not_json", "", b"", 0, "") for n in range(12))
    bench.take(StoreDeadLetters(letters, (), 12))
    let_pass(bench, T0 + HOUR_S)
    assert table(store, "dead_letters") == [(T0 + n,) for n in range(7, 12)]
    bench.committer.close()


def test_nothing_happens_before_the_interval_is_over(store: Store) -> None:
    bench = StoreBench(store, SETTINGS)
    let_pass(bench, T0)
    bench.take(records([reading(T0 - 2 * HOUR_S)]))
    let_pass(bench, T0 + 299)
    assert table(store, "hours") == []
    let_pass(bench, T0 + 301)
    assert len(table(store, "hours")) == 1
    bench.committer.close()


def test_sqlites_log_is_kept_short_while_much_is_deleted_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "SLICE_S", 0.0)
    with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as store:
        bench = StoreBench(store, SETTINGS)
        bench.take(records([reading(T0 + 5 * number) for number in range(500)]))
        bench.settle()
        bench.committer.close()
        connection = store.writer()
        assert connection.value("PRAGMA wal_autocheckpoint") == 4_000
        round_of = Retention(connection, SETTINGS, T0 + 3 * HOUR_S, lambda device_id: {})
        assert round_of.step()
        assert connection.value("PRAGMA wal_autocheckpoint") == 1_000
        while round_of.step():
            pass
        assert connection.value("PRAGMA wal_autocheckpoint") == 4_000
        connection.close()


def test_a_slice_of_retention_ends_so_that_commits_go_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "SLICE_S", 0.0)
    monkeypatch.setattr(summing_module, "_ROWS", 50)
    bench = StoreBench(store, SETTINGS)
    bench.take(records([reading(T0 + 5 * number) for number in range(500)]))
    bench.historian.receive(Tick(T0 + 3 * HOUR_S))
    packet, slices = 1, 0
    while (wait_s := bench.committer.work(more_waits=False)) is not None:
        bench.now += wait_s + 0.1
        slices += 1
        if slices <= 20:
            bench.take(records([reading(T0 + 3 * HOUR_S + slices)], packets=[packet]))
            assert bench.committed()[-1] == packet
            packet += 1
    assert slices > 10
    assert [(hour.readings, hour.gone) for hour in hours(store)] == [(500, True)]
    bench.committer.close()


def test_a_round_that_fails_is_told_and_done_later_while_commits_go_on(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    broken = BrokenStore(store)
    bench = StoreBench(broken, SETTINGS)
    bench.take(records([reading(T0)], packets=[1]))
    writer = bench.committer._connected()
    writer.connection.run("CREATE TRIGGER stop BEFORE INSERT ON hour_figures BEGIN SELECT RAISE(ABORT, 'not now'); END")
    bench.historian.receive(Tick(T0 + 3 * HOUR_S))
    for _ in range(5):
        bench.now += 0.1
        bench.committer.work(more_waits=False)
    found = bench.historian.receive(ReadStoreHealth())
    assert (found.ok, "not now" in found.detail) == (True, True)
    bench.take(records([reading(T0 + 1)], packets=[2]))
    assert bench.committed() == [1, 2]
    bench.committer._connected().connection.run("DROP TRIGGER stop")
    bench.settle()
    assert len(table(store, "hours")) == 1
    assert bench.historian.receive(ReadStoreHealth()).detail == ""
    bench.committer.close()
    store.close()


def test_the_file_stays_bounded_over_many_rounds(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    sooner = {"raw_retention_s": 600.0, "minute_retention_s": HOUR_S}  # than a file may ask for
    bench = StoreBench(store, StoreSettings(prune_interval_s=300).model_copy(update=sooner))
    sizes = []
    for cycle in range(36):
        start = T0 + 300 * cycle
        for device in range(9):
            bench.take(records([reading(start + n, 70.0 + n % 13, f"pump-{device}") for n in range(300)]))
        let_pass(bench, start + 300)
        bench.committer._connected().connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append((tmp_path / "store.db").stat().st_size)
    assert max(sizes[24:]) <= 1.15 * max(sizes[12:18])
    reader = store.reader()
    assert reader.value("SELECT count(*) FROM readings") <= 9 * 4500
    assert reader.value("SELECT count(*) FROM hours") <= 9 * 2
    reader.close()
    bench.committer.close()
    store.close()


@pytest.mark.parametrize("kind", ["new", "of an older version"])
def test_space_is_given_back_when_readings_go(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "store.db"
    if kind != "new":
        # Whoever has written to a file before decides whether it can become shorter.
        with closing(sqlite3.connect(file)) as plain:
            plain.executescript("PRAGMA journal_mode = wal; CREATE TABLE other (id INTEGER)")
    store = open_store(f"sqlite:///{file}")
    bench = StoreBench(store, SETTINGS)

    def size() -> int:
        bench.committer._connected().connection.run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return file.stat().st_size

    for device in range(3):
        bench.take(records([reading(T0 + n, 70.0 + n % 13, f"pump-{device}") for n in range(4 * 3600)]))
    assert bench.committer.flush()
    let_pass(bench, T0 + 4 * HOUR_S)
    full = size()
    let_pass(bench, T0 + 8 * HOUR_S)
    assert table(store, "readings") == []
    assert (size() < 0.4 * full) == (kind == "new")
    bench.committer.close()
    store.close()
