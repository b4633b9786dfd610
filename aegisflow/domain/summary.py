"""Readings of a period, however many, as a few figures: statistics, gaps and a series that keeps the peaks.

Rows come page by page, oldest first, so that memory stays bounded whatever the period. A raw value
counts as an aggregate of one, so that raw readings and one-minute aggregates merge by the same
formulas (Chan, Golub and LeVeque 1983, for two groups with their means and squared deviations).
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.equipment import SensorSpec
from aegisflow.domain.interval import MIN_SILENT_S, MISSED
from aegisflow.domain.times import Period
from aegisflow.domain.views import Gap, SensorSummary, SeriesPoint, Stream

Floats = NDArray[np.float64]

MINUTE_S = 60.0
_LEARNED_FROM = 200
"""Readings of which the usual interval is taken."""


class Aggregate(NamedTuple):
    """What is kept of several values of one sensor."""

    values: int
    mean: float
    squares: float
    """Sum of squared deviations from the mean."""
    min: float
    max: float


ReadingRow = tuple[float, Mapping[str, float]]
"""When, and sensor to value."""
MinuteRow = tuple[float, int, Mapping[str, Aggregate]]
"""Start of the minute, how many readings it had, and sensor to aggregate."""


def merge(one: Aggregate, other: Aggregate) -> Aggregate:
    """Return the aggregate of both groups of values together."""
    total = one.values + other.values
    delta = other.mean - one.mean
    return Aggregate(
        total,
        one.mean + delta * other.values / total,
        one.squares + other.squares + delta * delta * one.values * other.values / total,
        min(one.min, other.min),
        max(one.max, other.max),
    )


def roll_up(rows: Sequence[ReadingRow]) -> list[MinuteRow]:
    """Return the one-minute aggregates of readings that are in the order of time."""
    minutes: dict[float, list[Mapping[str, float]]] = {}
    for at, values in rows:
        minutes.setdefault(at // MINUTE_S * MINUTE_S, []).append(values)
    rolled: list[MinuteRow] = []
    for start, group in minutes.items():
        by_sensor: dict[str, list[float]] = {}
        for values in group:
            for sensor, value in values.items():
                by_sensor.setdefault(sensor, []).append(value)
        rolled.append((start, len(group), {sensor: _aggregate(values) for sensor, values in by_sensor.items()}))
    return rolled


def _aggregate(values: list[float]) -> Aggregate:
    mean = math.fsum(values) / len(values)
    return Aggregate(len(values), mean, math.fsum((value - mean) ** 2 for value in values), min(values), max(values))


class StreamSummary:
    """Takes the rows of a device over a period, and gives the summary of its sensors.

    A gap is a span longer than ``longest_gap_s`` without a reading, the ends of the period included. Where
    nobody has said how long that is, it is what the first readings of the period make silence of.
    """

    def __init__(self, sensors: Sequence[SensorSpec], period: Period, points: int, longest_gap_s: float | None) -> None:
        self._period = period
        self._sensors = tuple(_SensorFigures(spec, period, points) for spec in sensors)
        self._gaps: list[Gap] = []
        self._longest_gap_s = MIN_SILENT_S if longest_gap_s is None else longest_gap_s
        self._learns = longest_gap_s is None
        self._covered_until = period.start
        self._readings = 0
        self._from_minutes = False

    def add_readings(self, rows: Sequence[ReadingRow]) -> None:
        """Take raw readings, oldest first."""
        if not rows:
            return
        at = np.fromiter((row[0] for row in rows), np.float64, len(rows))
        self._readings += len(rows)
        self._learn(at)
        self._cover(at, at)
        for figures in self._sensors:
            name = figures.spec.name
            values = np.fromiter((row[1].get(name, math.nan) for row in rows), np.float64, len(rows))
            there = ~np.isnan(values)
            figures.add_values(at[there], values[there])

    def add_minutes(self, rows: Sequence[MinuteRow]) -> None:
        """Take one-minute aggregates, oldest first; all of them before the raw readings."""
        if not rows:
            return
        self._from_minutes = True
        self._readings += sum(row[1] for row in rows)
        starts = np.fromiter((row[0] for row in rows), np.float64, len(rows))
        self._learn(starts)
        self._cover(starts, starts + MINUTE_S)
        for figures in self._sensors:
            name = figures.spec.name
            there = [(at, *values[name]) for at, _, values in rows if name in values]
            figures.add_aggregates(np.array(there, np.float64).reshape(-1, 6).T)

    def _learn(self, at: Floats) -> None:
        """Learn from the first readings what a gap is."""
        if self._learns and len(at) > 1:
            self._learns = False
            usual_s = float(np.median(np.diff(at[:_LEARNED_FROM])))
            self._longest_gap_s = max(MIN_SILENT_S, MISSED * usual_s)

    def _cover(self, starts: Floats, ends: Floats) -> None:
        before = np.maximum.accumulate(np.concatenate(([self._covered_until], ends[:-1])))
        for index in np.flatnonzero(starts - before > self._longest_gap_s):
            self._gaps.append(Gap(float(before[index]), float(starts[index])))
        self._covered_until = max(float(before[-1]), float(ends[-1]))

    def stream(self, device_id: str) -> Stream:
        """Return the summary of all that was taken."""
        gaps = list(self._gaps)
        if self._period.end - self._covered_until > self._longest_gap_s:
            gaps.append(Gap(self._covered_until, self._period.end))
        resolution = "minutes" if self._from_minutes else "raw"
        sensors = tuple(figures.summary() for figures in self._sensors)
        return Stream(device_id, self._period, resolution, self._readings, tuple(gaps), sensors)


class _SensorFigures:
    """The running figures of one sensor; times are counted from the period's start."""

    def __init__(self, spec: SensorSpec, period: Period, points: int) -> None:
        self.spec = spec
        self._start = period.start
        self._width = (period.end - period.start) / points
        self._count = 0
        self._mean = self._at_mean = 0.0
        self._squares = self._at_squares = self._products = 0.0
        self._min = (math.inf, 0.0)
        self._max = (-math.inf, 0.0)
        self._first: float | None = None
        self._last: float | None = None
        self._outside: int | None = 0 if _has_bound(spec) else None
        self._bucket_count = np.zeros(points)
        self._bucket_sum = np.zeros(points)
        self._bucket_min = np.full(points, np.inf)
        self._bucket_max = np.full(points, -np.inf)

    def add_values(self, at: Floats, values: Floats) -> None:
        """Take raw values."""
        if self._outside is not None:
            low, high = self.spec.normal.low, self.spec.normal.high
            outside = np.zeros(len(values), bool)
            if low is not None:
                outside |= values < low
            if high is not None:
                outside |= values > high
            self._outside += int(outside.sum())
        self._add(at, at, np.ones(len(values)), values, np.zeros(len(values)), values, values)

    def add_aggregates(self, table: Floats) -> None:
        """Take aggregates: rows of start, count, mean, squares, min, max. They stand for the middle of their minute."""
        if table.shape[1]:
            self._outside = None
        at, count, mean, squares, low, high = table
        self._add(at, at + MINUTE_S / 2, count, mean, squares, low, high)

    def _add(
        self, at: Floats, middle: Floats, count: Floats, mean: Floats, squares: Floats, low: Floats, high: Floats
    ) -> None:
        if not len(at):
            return
        self._merge(middle - self._start, count, mean, float(squares.sum()))
        lowest, highest = int(low.argmin()), int(high.argmax())
        if low[lowest] < self._min[0]:
            self._min = (float(low[lowest]), float(at[lowest]))
        if high[highest] > self._max[0]:
            self._max = (float(high[highest]), float(at[highest]))
        if self._first is None:
            self._first = float(mean[0])
        self._last = float(mean[-1])
        bucket = ((at - self._start) / self._width).astype(np.intp).clip(0, len(self._bucket_count) - 1)
        self._bucket_count += np.bincount(bucket, count, len(self._bucket_count))
        self._bucket_sum += np.bincount(bucket, count * mean, len(self._bucket_count))
        np.minimum.at(self._bucket_min, bucket, low)
        np.maximum.at(self._bucket_max, bucket, high)

    def _merge(self, at: Floats, count: Floats, mean: Floats, squares: float) -> None:
        # sums of products, not dot products: those go to BLAS, whose threads wait for busy cores
        n = float(count.sum())
        at_mean, value_mean = float((count * at).sum()) / n, float((count * mean).sum()) / n
        at_off, off = at - at_mean, mean - value_mean
        at_delta, delta = at_mean - self._at_mean, value_mean - self._mean
        total = self._count + n
        weight = self._count * n / total
        self._squares += squares + float((count * off * off).sum()) + delta * delta * weight
        self._at_squares += float((count * at_off * at_off).sum()) + at_delta * at_delta * weight
        self._products += float((count * at_off * off).sum()) + at_delta * delta * weight
        self._mean += delta * n / total
        self._at_mean += at_delta * n / total
        self._count = int(total)

    def summary(self) -> SensorSummary:
        """Return the figures; None for those that need more values than there are."""
        some, several = self._count > 0, self._count > 1
        return SensorSummary(
            sensor=self.spec.name,
            unit=self.spec.unit,
            count=self._count,
            mean=self._mean if some else None,
            min=self._min[0] if some else None,
            min_at=self._min[1] if some else None,
            max=self._max[0] if some else None,
            max_at=self._max[1] if some else None,
            spread=math.sqrt(self._squares / (self._count - 1)) if several else None,
            slope_per_hour=self._products / self._at_squares * 3600.0 if self._at_squares > 0 else None,
            first=self._first,
            last=self._last,
            outside_normal=self._outside,
            series=tuple(self._points()),
        )

    def _points(self) -> list[SeriesPoint]:
        return [
            SeriesPoint(
                self._start + index * self._width,
                int(self._bucket_count[index]),
                float(self._bucket_sum[index] / self._bucket_count[index]),
                float(self._bucket_min[index]),
                float(self._bucket_max[index]),
            )
            for index in np.flatnonzero(self._bucket_count)
        ]


def _has_bound(spec: SensorSpec) -> bool:
    return spec.normal.low is not None or spec.normal.high is not None
