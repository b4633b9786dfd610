import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.equipment import Limits, SensorSpec
from aegisflow.domain.summary import Aggregate, ReadingRow, StreamSummary, merge, roll_up
from aegisflow.domain.times import Period
from aegisflow.domain.views import Gap, SensorSummary

TEMPERATURE = SensorSpec("temperature", "°C", normal=Limits(65, 85))
HOUR = Period(1_769_846_400.0, 1_769_850_000.0)


def rows(values: list[float], *, every_s: float = 5.0, start: float = HOUR.start) -> list[ReadingRow]:
    return [(start + every_s * number, {"temperature": value}) for number, value in enumerate(values)]


def summarise(*pages: list[ReadingRow], period: Period = HOUR, points: int = 60) -> SensorSummary:
    summary = StreamSummary([TEMPERATURE], period, points, 60.0)
    for page in pages:
        summary.add_readings(page)
    return summary.stream("compressor-01").sensors[0]


def test_no_values_give_no_figures() -> None:
    found = summarise()
    assert found.count == 0
    assert (found.mean, found.min, found.max_at, found.spread, found.slope_per_hour, found.first) == (None,) * 6
    assert found.series == ()


def test_one_value_has_no_spread_and_no_slope() -> None:
    found = summarise(rows([70.0]))
    assert (found.count, found.mean, found.first, found.last) == (1, 70.0, 70.0, 70.0)
    assert (found.spread, found.slope_per_hour) == (None, None)


values_of_any_size = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200)


@given(values_of_any_size, st.integers(1, 199))
def test_figures_are_those_of_numpy_however_the_rows_are_paged(values: list[float], cut: int) -> None:
    page = rows(values)
    found = summarise(page[:cut], page[cut:])
    at = np.array([row[0] for row in page]) - HOUR.start
    scale = max(1.0, float(np.abs(values).max()))
    assert found.count == len(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9 * scale)
    assert found.spread == pytest.approx(np.std(values, ddof=1), abs=1e-7 * scale)
    assert found.slope_per_hour == pytest.approx(np.polyfit(at, values, 1)[0] * 3600, abs=1e-5 * scale)
    assert (found.min, found.max) == (min(values), max(values))
    assert found.min_at == page[values.index(min(values))][0]
    assert found.max_at == page[values.index(max(values))][0]
    assert (found.first, found.last) == (values[0], values[-1])


def test_a_spread_far_smaller_than_the_mean_is_not_lost() -> None:
    values = [1e9 + (0.001 if number % 2 else -0.001) for number in range(1000)]
    assert summarise(rows(values[:500]), rows(values[500:], start=HOUR.start + 2500)).spread == pytest.approx(
        0.001, rel=1e-3
    )


def test_a_steady_rise_has_its_slope() -> None:
    found = summarise(rows([70 + 2 * number * 5 / 3600 for number in range(720)]))
    assert found.slope_per_hour == pytest.approx(2.0)


def test_values_outside_of_the_normal_range_are_counted_bounds_excluded() -> None:
    assert summarise(rows([65.0, 85.0, 64.9, 85.1, 75.0])).outside_normal == 2


def test_without_a_normal_range_none_is_outside_and_none_is_claimed() -> None:
    summary = StreamSummary([SensorSpec("temperature", "°C")], HOUR, 10, 60.0)
    summary.add_readings(rows([1.0, 1000.0]))
    assert summary.stream("x").sensors[0].outside_normal is None


def test_the_series_keeps_every_peak_and_every_value_is_in_one_bucket() -> None:
    values = [75.0] * 720
    values[401], values[17] = 300.0, -40.0
    found = summarise(rows(values), points=24)
    assert len(found.series) == 24
    assert sum(point.count for point in found.series) == 720
    assert max(point.max for point in found.series) == 300.0
    assert min(point.min for point in found.series) == -40.0
    assert [point.at for point in found.series] == [HOUR.start + 150 * number for number in range(24)]
    assert found.series[1].mean == 75.0


def test_buckets_without_values_are_left_out() -> None:
    found = summarise(rows([70.0] * 3), rows([80.0] * 3, start=HOUR.end - 60), points=6)
    assert [(point.at, point.count, point.mean) for point in found.series] == [
        (HOUR.start, 3, 70.0),
        (HOUR.start + 3000, 3, 80.0),
    ]


def test_a_sensor_that_is_absent_from_some_readings_counts_only_where_it_is() -> None:
    page: list[ReadingRow] = [(HOUR.start, {"temperature": 70.0}), (HOUR.start + 5, {"pressure": 1.0})]
    assert summarise(page).count == 1


def test_gaps_are_the_spans_without_readings_ends_included() -> None:
    summary = StreamSummary([TEMPERATURE], HOUR, 10, 60.0)
    summary.add_readings(rows([70.0] * 10, start=HOUR.start + 600))
    summary.add_readings(rows([70.0] * 10, start=HOUR.start + 1200))
    last = HOUR.start + 1245
    assert summary.stream("x").gaps == (
        Gap(HOUR.start, HOUR.start + 600),
        Gap(HOUR.start + 645, HOUR.start + 1200),
        Gap(last, HOUR.end),
    )


def test_a_period_without_readings_is_one_gap() -> None:
    assert StreamSummary([TEMPERATURE], HOUR, 10, 60.0).stream("x").gaps == (Gap(*HOUR),)


def test_a_steady_stream_has_no_gaps() -> None:
    summary = StreamSummary([TEMPERATURE], HOUR, 10, 60.0)
    summary.add_readings(rows([70.0] * 720))
    assert summary.stream("x").gaps == ()


def test_minutes_tell_nearly_what_the_readings_told() -> None:
    generator = np.random.default_rng(4)
    values = [75 + 3 * math.sin(number / 90) + float(generator.normal(0, 1)) for number in range(720)]
    raw = summarise(rows(values))
    summary = StreamSummary([TEMPERATURE], HOUR, 60, 60.0)
    summary.add_minutes(roll_up(rows(values)))
    stream = summary.stream("compressor-01")
    minutes = stream.sensors[0]
    assert (stream.resolution, stream.readings, stream.gaps) == ("minutes", 720, ())
    assert (minutes.count, minutes.min, minutes.max, minutes.outside_normal) == (720, raw.min, raw.max, None)
    assert minutes.mean == pytest.approx(raw.mean)
    assert minutes.spread == pytest.approx(raw.spread)
    assert minutes.slope_per_hour == pytest.approx(raw.slope_per_hour, abs=0.05)
    for of_minute, of_raw in zip(minutes.series, raw.series, strict=True):
        assert of_minute.at == of_raw.at
        assert of_minute.mean == pytest.approx(of_raw.mean)


def test_minutes_and_the_readings_after_them_are_one_stream() -> None:
    values = [70.0 + number % 7 for number in range(720)]
    page = rows(values)
    summary = StreamSummary([TEMPERATURE], HOUR, 60, 60.0)
    summary.add_minutes(roll_up(page[:360]))
    summary.add_readings(page[360:])
    stream = summary.stream("x")
    assert (stream.resolution, stream.readings, stream.gaps) == ("minutes", 720, ())
    assert stream.sensors[0].spread == pytest.approx(np.std(values, ddof=1))


def test_a_missing_minute_is_a_gap() -> None:
    minutes = roll_up(rows([70.0] * 720))
    summary = StreamSummary([TEMPERATURE], HOUR, 60, 60.0)
    summary.add_minutes(minutes[:10] + minutes[20:])
    assert summary.stream("x").gaps == (Gap(HOUR.start + 600, HOUR.start + 1200),)


@given(values_of_any_size, st.integers(1, 199))
def test_merging_two_aggregates_is_aggregating_all(values: list[float], cut: int) -> None:
    cut = min(cut, len(values) - 1)

    def of(part: list[float]) -> Aggregate:
        (minute,) = roll_up([(0.0, {"temperature": value}) for value in part])
        return minute[2]["temperature"]

    merged, whole = merge(of(values[:cut]), of(values[cut:])), of(values)
    scale = max(1.0, float(np.abs(values).max()))
    assert (merged.values, merged.min, merged.max) == (whole.values, whole.min, whole.max)
    assert merged.mean == pytest.approx(whole.mean, abs=1e-9 * scale)
    assert merged.squares == pytest.approx(whole.squares, abs=1e-8 * scale * scale * len(values))


def test_readings_roll_up_by_the_minute_and_by_the_sensor() -> None:
    page: list[ReadingRow] = [
        (120.0, {"a": 1.0, "b": 5.0}),
        (179.9, {"a": 3.0}),
        (180.0, {"a": 7.0}),
    ]
    assert roll_up(page) == [
        (120.0, 2, {"a": Aggregate(2, 2.0, 2.0, 1.0, 3.0), "b": Aggregate(1, 5.0, 0.0, 5.0, 5.0)}),
        (180.0, 1, {"a": Aggregate(1, 7.0, 0.0, 7.0, 7.0)}),
    ]


@pytest.mark.parametrize("interval_s", [5.0, 60.0, 900.0])
def test_where_nobody_says_what_a_gap_is_the_readings_do(interval_s: float) -> None:
    whole = Period(0.0, 100 * interval_s)
    summary = StreamSummary([TEMPERATURE], whole, 10, None)
    lost = range(40, 60)
    summary.add_readings([(n * interval_s, {"temperature": 70.0}) for n in range(100) if n not in lost])
    assert summary.stream("x").gaps == (Gap(39 * interval_s, 60 * interval_s),)
