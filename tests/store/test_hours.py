"""A trend is the same whether hours are summed up or not: whatever comes late, twice, or after a restart."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegisflow.actors.messages.common import Tick
from aegisflow.config.services import StoreSettings
from aegisflow.domain.equipment import Limits
from aegisflow.domain.hours import HOUR_S
from aegisflow.domain.readings import Reading
from aegisflow.domain.summary import StreamSummary, roll_up
from aegisflow.domain.times import Period
from aegisflow.domain.views import Stream
from aegisflow.store import Store, open_store
from aegisflow.store import hours as hours_module
from aegisflow.store import summing as summing_module
from aegisflow.store.archive import Archive
from aegisflow.store.batch import Record
from aegisflow.store.hours import GONE, SUMMED_UP, TO_SUM_UP
from aegisflow.store.readings import pages_with
from aegisflow.store.rows import to_json
from tests.support.store_bench import StoreBench
from tests.support.store_samples import PUMP, T0, reading, records

DAY = Period(T0, T0 + 24 * HOUR_S)
KEEPS = StoreSettings(raw_retention_s=30 * 86_400, prune_interval_s=300)
SHORT = StoreSettings(raw_retention_s=3600, minute_retention_s=30 * 86_400, prune_interval_s=300)


def limits(device_id: str) -> Mapping[str, Limits]:
    return {name: spec.normal for name, spec in PUMP.sensors.items()}


def from_rows(readings: list[Reading], period: Period, points: int) -> Stream:
    """What the readings say, of several at one instant the first that came."""
    first: dict[float, Mapping[str, float]] = {}
    for one in readings:
        first.setdefault(one.at, one.values)
    summary = StreamSummary(list(PUMP.sensors.values()), period, points, PUMP.silent_after_s)
    summary.add_readings([(at, first[at]) for at in sorted(first) if period.start <= at < period.end])
    return summary.stream(PUMP.device_id)


def assert_alike(found: Stream, expected: Stream) -> None:
    assert (found.readings, found.gaps) == (expected.readings, expected.gaps)
    for one, other in zip(found.sensors, expected.sensors, strict=True):
        exact = ("count", "min", "min_at", "max", "max_at", "first", "last", "outside_normal")
        assert [getattr(one, name) for name in exact] == [getattr(other, name) for name in exact]
        for name in ("mean", "spread", "slope_per_hour"):
            figure, meant = getattr(one, name), getattr(other, name)
            assert (figure is None) == (meant is None)
            assert figure is None or figure == pytest.approx(meant, rel=1e-6, abs=1e-6)
        assert [replace(p, mean=0) for p in one.series] == [replace(p, mean=0) for p in other.series]
        assert [p.mean for p in one.series] == pytest.approx([p.mean for p in other.series])


@pytest.fixture
def archive(store: Store) -> Iterator[Archive]:
    opened = Archive(store.reader())
    yield opened
    opened.close()


def states(archive: Archive) -> dict[float, int]:
    return dict(archive.connection.run("SELECT at, state FROM hours ORDER BY at").fetchall())


def at_work(store: Store, keeping: StoreSettings = KEEPS) -> StoreBench:
    return StoreBench(store, keeping, limits=limits)


def let_pass(bench: StoreBench, at: float) -> None:
    bench.historian.receive(Tick(at))
    bench.settle()


# Seconds into six hours, how many and how far apart, and what was read: in runs, as machines send them.
offsets, counts, intervals = st.integers(0, 6 * 3600 - 1), st.integers(1, 40), st.sampled_from([1, 7, 60, 400])
runs = st.tuples(offsets, counts, intervals, st.integers(40, 95))
steps = st.lists(st.one_of(runs, st.integers(0, 12), st.just("restart")), min_size=3, max_size=12)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(0, 59), st.integers(5, 60))
def test_a_trend_is_what_the_readings_say_whenever_and_however_often_they_came(
    tmp_path_factory: pytest.TempPathFactory, todo: list[object], first_minute: int, width: int
) -> None:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('hours')}/store.db")
    bench, archive = at_work(store), Archive(store.reader())
    came: list[Reading] = []
    # Whole minutes, since a minute counts as a whole for the point of the series in which it begins.
    start = T0 + 60 * first_minute
    points = (6 * 60 - first_minute) // width + 1
    period = Period(start, start + 60 * width * points)
    for step in todo:
        match step:
            case "restart":
                bench.committer.close()
                bench = at_work(store)
            case int(half_hours):
                let_pass(bench, T0 + 1800 * half_hours)
            case (int(offset), int(count), int(every), int(value)):
                some = [reading(T0 + offset + every * n, value + n % 5) for n in range(count)]
                came += some
                bench.take(records(some))
                assert bench.committer.flush()
        if came:
            assert_alike(archive.stream(PUMP, (), period, points), from_rows(came, period, points))
    let_pass(bench, T0 + 86_400)
    if came:
        assert_alike(archive.stream(PUMP, (), period, points), from_rows(came, period, points))
    assert set(states(archive)) == {one.at // HOUR_S * HOUR_S for one in came}
    assert set(states(archive).values()) <= {SUMMED_UP}
    archive.close()
    bench.committer.close()
    store.close()


def test_a_trend_stays_what_it_was_when_the_readings_go_and_others_come_late(store: Store, archive: Archive) -> None:
    bench = at_work(store, SHORT)
    came = [reading(T0 + 10.5 * n, 60 + n % 30) for n in range(1200) if not 400 < n < 500]
    bench.take(records(came))
    let_pass(bench, T0 + 86_400)
    assert set(states(archive).values()) == {GONE}
    assert archive.connection.value("SELECT count(*) FROM readings") == 0
    found = archive.stream(PUMP, (), DAY, 24)
    assert_alike(found, from_rows(came, DAY, 24))
    assert found.resolution == "minutes"
    late = [reading(T0 + 10.5 * n, 40 + n % 7) for n in range(450, 460)]
    bench.take(records(late))
    bench.committer._connected().fold.finish()
    assert archive.stream(PUMP, (), DAY, 24).readings == len(came) + 10
    let_pass(bench, T0 + 2 * 86_400)
    assert archive.connection.value("SELECT count(*) FROM readings") == 0
    assert_alike(archive.stream(PUMP, (), DAY, 24), from_rows(came + late, DAY, 24))
    bench.committer.close()


def test_a_reading_that_is_late_opens_its_hour_until_the_next_round(store: Store, archive: Archive) -> None:
    bench = at_work(store)
    came = [reading(T0 + 60 * n) for n in range(180)]
    bench.take(records(came))
    let_pass(bench, T0 + 3 * HOUR_S + 30)
    # Within a minute of its end an hour waits for what is late.
    assert states(archive) == {T0: SUMMED_UP, T0 + HOUR_S: SUMMED_UP}
    late = [reading(T0 + 90.0, 95.0)]
    bench.take(records(late))
    bench.committer._connected().fold.finish()
    assert states(archive) == {T0: TO_SUM_UP, T0 + HOUR_S: SUMMED_UP}
    assert_alike(archive.stream(PUMP, (), DAY, 24), from_rows(came + late, DAY, 24))
    let_pass(bench, T0 + 3 * HOUR_S + 400)
    assert set(states(archive).values()) == {SUMMED_UP}
    assert_alike(archive.stream(PUMP, (), DAY, 24), from_rows(came + late, DAY, 24))
    bench.committer.close()


def test_an_hour_to_which_readings_come_while_it_is_summed_up_is_summed_up_again(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summing_module, "_ROWS", 100)
    bench = at_work(store)
    came = [reading(T0 + 10 * n) for n in range(360)]
    bench.take(records(came))
    writer = bench.committer._connected()
    writer.fold.finish()
    summing = summing_module.Summing(writer.connection, T0 + 2 * HOUR_S, limits)
    work = summing.steps(1, "pump-01", None)
    next(work)
    late = [reading(T0 + 5.0, 99.0)]
    writer.commit([Record(None, one.device_id, (one,)) for one in late], T0)
    writer.fold.finish()
    assert_alike(archive.stream(PUMP, (), DAY, 24), from_rows(came + late, DAY, 24))
    list(work)
    assert states(archive) == {T0: SUMMED_UP}
    assert_alike(archive.stream(PUMP, (), DAY, 24), from_rows(came + late, DAY, 24))
    bench.committer.close()


def test_what_is_outside_is_counted_by_the_limits_of_now(store: Store, archive: Archive) -> None:
    bench = at_work(store)
    came = [reading(T0 + 10 * n, 60 + n % 30) for n in range(720)]
    bench.take(records(came))
    let_pass(bench, T0 + 3 * HOUR_S)
    narrow = {**PUMP.sensors, "temperature": replace(PUMP.sensors["temperature"], normal=Limits(None, 62))}
    found = archive.stream(replace(PUMP, sensors=narrow), ("temperature",), DAY, 24)
    assert found.sensors[0].outside_normal == 720 - 72
    bench.committer.close()


def test_minutes_of_an_older_version_become_hours_and_say_what_they_said(store: Store, archive: Archive) -> None:
    bench = at_work(store, SHORT)
    old = [reading(T0 - 7200 + 10 * n, 60 + n % 30) for n in range(1000)]
    # An older version may have gone up to the middle of an hour.
    rolled = [(one.at, one.values) for one in old if one.at < T0 + 1200]
    newer = [one for one in old if one.at >= T0 + 1200]
    bench.take(records(newer))
    writer = bench.committer._connected()
    writer.fold.finish()
    for at, number, by_sensor in roll_up(rolled):
        writer.connection.run("INSERT INTO minutes VALUES (1, ?, ?, ?)", at, number, to_json(by_sensor))
    period = Period(T0 - 7200, T0 + 7200)
    before = archive.stream(PUMP, (), period, 48)
    let_pass(bench, T0 + HOUR_S + 400)
    assert archive.connection.value("SELECT count(*) FROM minutes") == 0
    assert states(archive) == {T0 - 7200: GONE, T0 - 3600: GONE, T0: GONE}
    after = archive.stream(PUMP, (), period, 48)
    assert (after.readings, after.gaps, after.resolution) == (1000, before.gaps, "minutes")
    for one, other in zip(after.sensors, before.sensors, strict=True):
        assert [p.count for p in one.series] == [p.count for p in other.series]
        assert (one.count, one.min, one.max, one.first) == (other.count, other.min, other.max, other.first)
        assert (one.mean, one.spread) == pytest.approx((other.mean, other.spread))
    let_pass(bench, T0 + 86_400)
    assert archive.stream(PUMP, (), period, 48).readings == 1000
    bench.committer.close()


def test_a_long_trend_reads_no_reading_of_hours_that_are_summed_up(
    store: Store, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = at_work(store)
    bench.take(records([reading(T0 + 60 * n) for n in range(24 * 60)]))
    let_pass(bench, T0 + 86_400 + 61)
    read: list[int] = []

    def counted(*args: object) -> Iterator[list[object]]:
        for page in pages_with(*args):  # type: ignore[arg-type]
            read.append(len(page))
            yield page  # type: ignore[misc]

    monkeypatch.setattr(hours_module, "pages_with", counted)
    assert archive.stream(PUMP, (), Period(T0 + 30, T0 + 86_400), 24).readings == 24 * 60 - 1
    assert sum(read) == 59
    bench.committer.close()
