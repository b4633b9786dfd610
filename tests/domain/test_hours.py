import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.equipment import Limits, SensorSpec
from aegisflow.domain.hours import Hour, from_minutes, make_hour, merge_hours
from aegisflow.domain.summary import ReadingRow, StreamSummary, roll_up
from aegisflow.domain.times import Period
from aegisflow.domain.views import Stream

START = 1_769_846_400.0
HOUR = Period(START, START + 3600)
SENSORS = [SensorSpec("temperature", "°C", normal=Limits(65, 85)), SensorSpec("load", "%")]
NORMAL = {spec.name: spec.normal for spec in SENSORS}

values = st.one_of(st.floats(-1e4, 1e4), st.sampled_from([64.0, 65.0, 85.0, 86.0]))
some_values = st.one_of(
    st.fixed_dictionaries({"temperature": values, "load": values}),
    st.dictionaries(st.sampled_from(["temperature", "load"]), values, min_size=1),
)
instants = st.lists(st.integers(0, 36_000 - 1), min_size=1, max_size=60, unique=True).map(sorted)


@st.composite
def readings(draw: st.DrawFn) -> list[ReadingRow]:
    return [(START + tenth / 10, draw(some_values)) for tenth in draw(instants)]


def from_rows(rows: list[ReadingRow], longest_gap_s: float | None = None) -> Stream:
    summary = StreamSummary(SENSORS, HOUR, 6, longest_gap_s)
    summary.add_readings(rows)
    return summary.stream("x")


def from_hour(hour: Hour, longest_gap_s: float | None = None, specs: list[SensorSpec] | None = None) -> Stream:
    summary = StreamSummary(specs or SENSORS, HOUR, 6, longest_gap_s)
    summary.add_hours([hour])
    return summary.stream("x")


def assert_alike(found: Stream, expected: Stream) -> None:
    assert found.readings == expected.readings
    for one, other in zip(found.sensors, expected.sensors, strict=True):
        scale = max(1.0, abs(other.min or 0.0), abs(other.max or 0.0))
        exact = ("count", "min", "min_at", "max", "max_at", "first", "last", "outside_normal")
        assert [getattr(one, name) for name in exact] == [getattr(other, name) for name in exact]
        # The slope of readings that are a tenth of a second apart is all but undetermined.
        for name, tolerance in (("mean", 1e-9), ("spread", 1e-6), ("slope_per_hour", 1e-2)):
            assert_near(getattr(one, name), getattr(other, name), tolerance * scale)
        assert [replace(point, mean=0) for point in one.series] == [replace(point, mean=0) for point in other.series]
        assert [point.mean for point in one.series] == pytest.approx(
            [point.mean for point in other.series], abs=1e-9 * scale
        )


def assert_near(found: float | None, expected: float | None, tolerance: float) -> None:
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(expected, rel=1e-6, abs=tolerance)


@given(readings(), st.sampled_from([60.0, 300.0, 1000.0]))
def test_an_hour_says_what_its_readings_would(rows: list[ReadingRow], longest_gap_s: float) -> None:
    hour = make_hour(START, rows, NORMAL)
    found, expected = from_hour(hour, longest_gap_s), from_rows(rows, longest_gap_s)
    assert_alike(found, expected)
    if StreamSummary([], HOUR, 6, longest_gap_s).takes([hour])[0]:
        assert found.gaps == expected.gaps


@given(readings(), st.data())
def test_an_hour_to_which_readings_come_late_says_what_all_of_them_would(
    rows: list[ReadingRow], data: st.DataObject
) -> None:
    late = [row for row in rows if data.draw(st.booleans())]
    early = [row for row in rows if row not in late]
    if not late or not early:
        return
    hour = make_hour(START, early, NORMAL)
    merged = merge_hours(hour, make_hour(START, late, NORMAL), [at for at, _ in late])
    assert_alike(from_hour(merged, 60.0), from_rows(rows, 60.0))
    longest_gap_s = max(60.0, merged.span.unlisted_s)
    assert from_hour(merged, longest_gap_s).gaps == from_rows(rows, longest_gap_s).gaps


@given(readings())
def test_an_hour_made_of_minutes_says_what_these_do(rows: list[ReadingRow]) -> None:
    minutes = roll_up(rows)
    summary = StreamSummary(SENSORS, HOUR, 6, 60.0)
    summary.add_minutes(minutes)
    expected, found = summary.stream("x"), from_hour(from_minutes(START, minutes), 60.0)
    # An hour that lies within the limits as a whole knows that none was outside, while minutes never say.
    found, expected = (
        replace(one, sensors=tuple(replace(sensor, outside_normal=None) for sensor in one.sensors))
        for one in (found, expected)
    )
    assert_alike(found, expected)
    assert (found.gaps, found.resolution) == (expected.gaps, "minutes")


def test_values_outside_are_counted_by_the_limits_of_now_or_not_at_all() -> None:
    rows: list[ReadingRow] = [(START + 5 * n, {"temperature": 60.0 + n}) for n in range(10)]
    hour = make_hour(START, rows, NORMAL)

    def outside(low: float | None, high: float | None) -> int | None:
        spec = SensorSpec("temperature", "°C", normal=Limits(low, high))
        known = StreamSummary([spec], HOUR, 6, 60.0).takes([hour])[0]
        found = from_hour(hour, 60.0, [spec]).sensors[0].outside_normal
        assert known == (found is not None or (low, high) == (None, None))
        return found

    assert outside(65, 85) == 5
    assert (outside(0, 100), outside(None, 69), outside(100, None), outside(None, 0)) == (0, 0, 10, 10)
    assert (outside(64, 85), outside(65, None), outside(None, None)) == (None, None, None)


def test_a_silence_that_is_not_listed_makes_an_hour_unfit_for_those_who_ask_for_shorter_ones() -> None:
    hour = make_hour(START, [(START + 50.0 * n, {"load": 1.0}) for n in range(60)], {})
    assert hour.span.unlisted_s == 50.0
    assert [StreamSummary([], HOUR, 6, s).takes([hour]) for s in (49.0, 50.0, 1e9)] == [[False], [True], [True]]
    assert not math.isnan(from_hour(hour).sensors[1].mean or math.nan)
