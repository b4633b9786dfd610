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
from aegisflow.domain.hours import Hour, Table, heads_of, known_outside, minutes_of_all
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
        self.learn(at)
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
        self.learn(starts)
        self._cover(starts, starts + MINUTE_S)
        for figures in self._sensors:
            name = figures.spec.name
            there = [(at, *values[name]) for at, _, values in rows if name in values]
            figures.add_aggregates(np.array(there, np.float64).reshape(-1, 6).T)

    @property
    def learns(self) -> bool:
        """Whether it does not yet know how long a gap is."""
        return self._learns

    def takes(self, hours: Sequence[Hour]) -> list[bool]:
        """Return for each hour whether it says all that is asked; where it does not, take its readings instead."""
        known = np.array([hour.span.unlisted_s <= self._longest_gap_s for hour in hours], bool)
        for figures in self._sensors:
            known[figures.unknown(hours)] = False
        fit: list[bool] = known.tolist()
        return fit

    def add_hours(self, hours: Sequence[Hour]) -> None:
        """Take whole hours, oldest first, that lie within the period."""
        if not hours:
            return
        self._from_minutes |= any(hour.gone for hour in hours)
        self._readings += sum(hour.readings for hour in hours)
        for hour in hours:
            self._cover_hour(hour)
        for figures in self._sensors:
            figures.add_hours(hours)

    def _cover_hour(self, hour: Hour) -> None:
        span = hour.span
        edges = ((self._covered_until, span.first_at), *span.silences)
        self._gaps += [Gap(before, at) for before, at in edges if at - before > self._longest_gap_s]
        self._covered_until = max(self._covered_until, span.last_at)

    def learn(self, at: Floats) -> None:
        """Learn from the first readings what a gap is, where nobody has said it."""
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

    def unknown(self, hours: Sequence[Hour]) -> list[int]:
        """Return the places of hours that cannot tell how many values lie outside of what is normal now."""
        places = [place for place, hour in enumerate(hours) if self.spec.name in hour.sensors]
        if self._outside is None or not places:
            return []
        heads = heads_of([hours[place].sensors[self.spec.name] for place in places])
        return [places[n] for n in np.flatnonzero(np.isnan(known_outside(heads, self.spec.normal)))]

    def add_hours(self, hours: Sequence[Hour]) -> None:
        """Take whole hours; in the series, each minute counts where it begins."""
        having = [hour for hour in hours if self.spec.name in hour.sensors]
        if not having:
            return
        figures = [hour.sensors[self.spec.name] for hour in having]
        starts = np.array([hour.at for hour in having])
        heads = heads_of(figures)
        if self._outside is not None:
            outside = float(known_outside(heads, self.spec.normal).sum())
            self._outside = None if math.isnan(outside) else self._outside + int(outside)
        self._add_heads(starts, heads)
        at, minutes = minutes_of_all(starts, figures)
        self._add_to_series(at, minutes["count"].astype(float), minutes["mean"], minutes["min"], minutes["max"])

    def _add_heads(self, starts: Floats, heads: Table) -> None:
        squares, at_squares, products = (float(heads[name].sum()) for name in ("squares", "at_squares", "products"))
        at_mean = starts - self._start + heads["at_mean"]
        self._merge(at_mean, heads["count"], heads["mean"], squares, at_squares, products)
        lowest, highest = int(heads["min"].argmin()), int(heads["max"].argmax())
        self._extremes(heads["min"][lowest], heads["min_at"][lowest], heads["max"][highest], heads["max_at"][highest])
        if self._first is None:
            self._first = float(heads["first"][0])
        self._last = float(heads["last"][-1])

    def _extremes(self, low: float, low_at: float, high: float, high_at: float) -> None:
        if low < self._min[0]:
            self._min = (float(low), float(low_at))
        if high > self._max[0]:
            self._max = (float(high), float(high_at))

    def _add(
        self, at: Floats, middle: Floats, count: Floats, mean: Floats, squares: Floats, low: Floats, high: Floats
    ) -> None:
        if not len(at):
            return
        self._merge(middle - self._start, count, mean, float(squares.sum()))
        lowest, highest = int(low.argmin()), int(high.argmax())
        self._extremes(low[lowest], at[lowest], high[highest], at[highest])
        if self._first is None:
            self._first = float(mean[0])
        self._last = float(mean[-1])
        self._add_to_series(at, count, mean, low, high)

    def _add_to_series(self, at: Floats, count: Floats, mean: Floats, low: Floats, high: Floats) -> None:
        bucket = ((at - self._start) / self._width).astype(np.intp).clip(0, len(self._bucket_count) - 1)
        self._bucket_count += np.bincount(bucket, count, len(self._bucket_count))
        self._bucket_sum += np.bincount(bucket, count * mean, len(self._bucket_count))
        np.minimum.at(self._bucket_min, bucket, low)
        np.maximum.at(self._bucket_max, bucket, high)

    def _merge(
        self,
        at: Floats,
        count: Floats,
        mean: Floats,
        squares: float,
        at_squares: float = 0.0,
        products: float = 0.0,
    ) -> None:
        # sums of products, not dot products: those go to BLAS, whose threads wait for busy cores
        n = float(count.sum())
        at_mean, value_mean = float((count * at).sum()) / n, float((count * mean).sum()) / n
        at_off, off = at - at_mean, mean - value_mean
        at_delta, delta = at_mean - self._at_mean, value_mean - self._mean
        total = self._count + n
        weight = self._count * n / total
        self._squares += squares + float((count * off * off).sum()) + delta * delta * weight
        self._at_squares += at_squares + float((count * at_off * at_off).sum()) + at_delta * at_delta * weight
        self._products += products + float((count * at_off * off).sum()) + at_delta * delta * weight
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
