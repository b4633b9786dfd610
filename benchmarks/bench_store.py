"""What the store costs: committing a reading, and asking for the past of a device among many rows.

``python -m benchmarks.bench_store layouts``  the layouts and statements that were candidates
``python -m benchmarks.bench_store history``  ours at ``--rows`` rows: commits, questions, recalls
"""

import argparse
import random
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aegisflow.config.services import StoreSettings
from aegisflow.domain.equipment import DeviceSpec, Limits, SensorSpec
from aegisflow.domain.readings import Reading
from aegisflow.domain.times import Period
from aegisflow.store import open_store
from aegisflow.store.archive import Archive
from aegisflow.store.batch import Record
from aegisflow.store.recall import recall_device
from aegisflow.store.retention import Retention
from aegisflow.store.writer import Writer

T0 = 1_769_846_400.0
EVERY_S = 5.0
GROUP = 1_000
SENSORS = {
    "temperature": SensorSpec("temperature", "°C", normal=Limits(65, 85)),
    "pressure": SensorSpec("pressure", "PSI", normal=Limits(28, 35)),
    "vibration": SensorSpec("vibration", "mm/s", normal=Limits(0.5, 2.5)),
    "humidity": SensorSpec("humidity", "%RH", normal=Limits(25, 55)),
    "power_consumption": SensorSpec("power_consumption", "kW", normal=Limits(18, 25)),
}
_random = random.Random(1)
_VALUES = [
    {
        "temperature": round(_random.gauss(75, 3), 2),
        "pressure": round(_random.gauss(31.5, 1), 2),
        "vibration": round(_random.gauss(1.5, 0.4), 3),
        "humidity": round(_random.gauss(40, 3), 2),
        "power_consumption": round(_random.gauss(20, 2), 2),
    }
    # A prime, so that no device meets the same values over and over.
    for _ in range(997)
]


@contextmanager
def busy_thread(busy: bool) -> Iterator[None]:
    """Have another thread of Python compete for the interpreter."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin)
    if busy:
        thread.start()
    yield
    stop.set()
    if busy:
        thread.join()


def arrivals(rows: int, devices: int) -> Iterator[list[tuple[int, float, dict[str, float]]]]:
    """Groups of (device, at, values) as they come: every device once in any order, then again."""
    order = list(range(devices))
    group: list[tuple[int, float, dict[str, float]]] = []
    for number in range(rows):
        turn, place = divmod(number, devices)
        if place == 0:
            _random.shuffle(order)
        group.append((order[place], T0 + EVERY_S * turn, _VALUES[number % 997]))
        if len(group) == GROUP:
            yield group
            group = []


LAYOUTS = {
    "clustered": "CREATE TABLE r (device INT, at REAL, vals TEXT, PRIMARY KEY (device, at)) WITHOUT ROWID",
    "indexed": "CREATE TABLE r (id INTEGER PRIMARY KEY, device INT, at REAL, vals TEXT); "
    "CREATE UNIQUE INDEX i ON r (device, at)",
    "appended": "CREATE TABLE r (id INTEGER PRIMARY KEY, device INT, at REAL, vals TEXT)",
}


def _executemany(connection: sqlite3.Connection, rows: list[tuple[int, float, str]]) -> None:
    connection.executemany("INSERT OR IGNORE INTO r (device, at, vals) VALUES (?, ?, ?)", rows)


def _many_values(connection: sqlite3.Connection, rows: list[tuple[int, float, str]]) -> None:
    sql = "INSERT OR IGNORE INTO r (device, at, vals) VALUES " + ", ".join(["(?, ?, ?)"] * 200)
    for start in range(0, len(rows), 200):
        connection.execute(sql, [value for row in rows[start : start + 200] for value in row])


def layouts(folder: Path, rows: int) -> None:
    """Print what a row costs in each layout, by each way of inserting."""
    print(f"{'layout':10} {'devices':>7} {'insert':12} {'beside':6} {'µs CPU/row':>10} {'rows/s':>9}   last fifth")
    ways: tuple[Callable[..., None], ...] = (_executemany, _many_values)
    for layout, devices, way, busy in [
        *(("clustered", 9, way, busy) for way in ways for busy in (False, True)),
        *((layout, devices, _many_values, False) for layout in LAYOUTS for devices in (9, 10_000)),
    ]:
        connection = sqlite3.connect(folder / "layout.db", isolation_level=None)
        connection.executescript(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -65536;"
            f"PRAGMA wal_autocheckpoint = 4000; {LAYOUTS[layout]}"
        )
        some = min(rows, 50_000) if busy or devices == 9 else rows
        cpu = wall = 0.0
        with busy_thread(busy):
            for number, group in enumerate(arrivals(some, devices)):
                texts = [(device, at, str(values)) for device, at, values in group]
                # Only the last fifth counts, when the table is as large as it gets.
                if number == some // GROUP * 4 // 5:
                    cpu = wall = 0.0
                began, began_cpu = time.perf_counter(), time.thread_time()
                connection.execute("BEGIN IMMEDIATE")
                way(connection, texts)
                connection.execute("COMMIT")
                cpu, wall = cpu + time.thread_time() - began_cpu, wall + time.perf_counter() - began
        last = some / 5
        beside = "busy" if busy else "quiet"
        print(f"{layout:10} {devices:7} {way.__name__:12} {beside:6} {1e6 * cpu / last:10.2f} {last / wall:9.0f}")
        connection.close()
        for file in folder.glob("layout.db*"):
            file.unlink()


def percentiles(name: str, call: Callable[[], object], times: int) -> float:
    """Print the median and the 99th percentile of a call; return the latter in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - began))
    p99 = statistics.quantiles(taken, n=100)[98]
    print(f"  {name:44} median {statistics.median(taken):8.2f} ms   p99 {p99:8.2f} ms")
    return p99


def fill(writer: Writer, rows: int, devices: int) -> None:
    """Commit so many readings, folding between commits as the historian does; print what it cost."""
    names = [f"device-{number:06}" for number in range(devices)]
    cpu = wall = fold_cpu = worst = 0.0
    done, mark = 0, rows // 5
    for group in arrivals(rows, devices):
        records = [Record(None, names[d], (Reading(names[d], at, values, at),)) for d, at, values in group]
        began, began_cpu = time.perf_counter(), time.thread_time()
        writer.commit(records, T0)
        before_fold = time.thread_time()
        if (bucket := writer.bucket_due()) is not None:
            writer.fold.step(bucket)
        took = time.perf_counter() - began
        fold_cpu += time.thread_time() - before_fold
        cpu, wall, worst = cpu + time.thread_time() - began_cpu, wall + took, max(worst, took)
        done += len(group)
        if done % mark < GROUP:
            print(
                f"  {done:11,} rows: {mark / wall:9,.0f} rows/s, {1e6 * cpu / mark:5.2f} µs CPU a row "
                f"({1e6 * fold_cpu / mark:.2f} of it folding), longest turn {1000 * worst:.0f} ms",
                flush=True,
            )
            cpu = wall = fold_cpu = worst = 0.0


def keep_house(writer: Writer, rows: int, now: float, raw_retention_s: float) -> None:
    """Do one round of housekeeping as the historian does; print what it cost."""
    settings = StoreSettings(raw_retention_s=raw_retention_s)
    limits = {name: spec.normal for name, spec in SENSORS.items()}
    round_of = Retention(writer.connection, settings, now, lambda device_id: limits)
    began, slices, more = time.thread_time(), [], True
    while more:
        began_slice = time.thread_time()
        more = round_of.step()
        slices.append(time.thread_time() - began_slice)
    cpu = time.thread_time() - began
    print(
        f"  a round, readings kept for {raw_retention_s / 86400:.0f} d: {1e6 * cpu / rows:.2f} µs CPU a row, "
        f"{len(slices):,} slices, the longest {1000 * max(slices):.0f} ms CPU"
    )


def history(folder: Path, rows: int, devices: int) -> float:
    """Fill a store, then print how long questions about one device take; return the worst p99 in milliseconds."""
    print(f"{devices:,} devices")
    store = open_store(f"sqlite:///{folder}/history.db")
    writer = Writer(store.writer())
    fill(writer, rows, devices)
    size = (folder / "history.db").stat().st_size
    print(f"  {size / rows:.0f} bytes a row; {writer.fold.waiting:,} rows not folded")
    archive = Archive(store.reader())
    end = T0 + EVERY_S * (rows // devices)
    generator = random.Random(2)

    def device() -> str:
        return f"device-{generator.randrange(devices):06}"

    def newest() -> None:
        assert len(archive.readings(device(), Period(0, 1e12), 50)) == 50

    def summary(period_s: float, *sensors: str) -> None:
        name = device()
        spec = DeviceSpec(name, "line-1", "pump", SENSORS)
        found = archive.stream(spec, sensors, Period(end - period_s, end), 60)
        assert found.readings == min(rows // devices, period_s // EVERY_S)

    worst = max(
        percentiles("newest 50 readings", newest, 1000),
        percentiles("one-hour summary of 5 sensors", lambda: summary(3600), 1000),
    )
    percentiles("recall of a device (50 readings)", lambda: recall_device(writer, device(), 50, end), 1000)
    if devices < 100:
        percentiles("seven-day summary of 5 sensors, from readings", lambda: summary(7 * 86400), 7)
    writer.fold.finish()
    keep_house(writer, rows, end, 100 * 86400.0)
    if devices < 100:
        for days in (7, 30):
            percentiles(f"{days}-day summary of 5 sensors, from hours", lambda: summary(days * 86400.0), 30)  # noqa: B023
            percentiles(f"{days}-day summary of one, from hours", lambda: summary(days * 86400.0, "humidity"), 30)  # noqa: B023
    keep_house(writer, rows, end, 86400.0)
    writer.connection.run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    print(
        f"  {size / 1e6:,.0f} MB before, {(folder / 'history.db').stat().st_size / 1e6:,.0f} MB with readings of a day"
    )
    with busy_thread(True):
        percentiles("newest 50, beside a busy thread", newest, 100)
        percentiles("one-hour summary, beside a busy thread", lambda: summary(3600), 100)
    archive.close()
    writer.connection.close()
    store.close()
    shutil.rmtree(folder)
    folder.mkdir()
    return worst


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("layouts", "history"))
    parser.add_argument("--rows", type=int, help="default: 2,000,000 for layouts, 10,000,000 for history")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aegisflow-bench-") as folder:
        if arguments.what == "layouts":
            layouts(Path(folder), arguments.rows or 2_000_000)
        else:
            work = Path(folder, "work")
            work.mkdir()
            found = {n: history(work, arguments.rows or 10_000_000, n) for n in (9, 10_000)}
            print(f"history_query_p99_ms {max(found.values()):.1f}")


if __name__ == "__main__":
    main()
