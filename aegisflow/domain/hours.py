"""One hour of a device's readings as a few figures for each sensor, so that weeks and months need no reading.

::

    readings of an hour ──► make_hour ──► Hour: span (first, last, long silences, readings by the minute)
                                            └── by sensor: one HEAD for the hour, and a MINUTES row for each minute

Whole hours say of their readings what the readings would, but for rounding: count, mean, spread, slope, the extremes
with their instants, the first and the last value, and what lay outside of normal. Only a series, whose points end
within an hour, takes each minute for the point in which it begins.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.equipment import Limits

Floats = NDArray[np.float64]
Table = NDArray[np.void]

HOUR_S, MINUTE_S = 3600.0, 60.0
MINUTES = 60
HEAD = np.dtype(
    [
        (name, "<f8")
        for name in (
            *("count", "mean", "squares", "at_mean", "at_squares", "products"),
            *("min", "min_at", "max", "max_at", "first", "first_at", "last", "last_at"),
            *("low", "high", "outside"),
        )
    ]
)
"""A sensor's hour. ``squares`` and ``products`` are sums of products of deviations from the means; times are UTC epoch
seconds, but ``at_mean`` counts from the hour's start. ``outside`` of ``low`` to ``high`` (NaN: no bound) were so many
values, NaN where nobody knows."""
MINUTE = np.dtype(
    [("minute", "u1"), ("count", "<u4"), ("mean", "<f8"), ("squares", "<f8"), ("min", "<f8"), ("max", "<f8")]
)
_MOST_SILENCES = 60
_NO_BOUNDS = Limits()


class Span(NamedTuple):
    """When an hour had readings."""

    first_at: float
    last_at: float
    silences: tuple[tuple[float, float], ...]
    """The longest spans between two readings, in the order of time: those out of the ordinary."""
    unlisted_s: float
    """No other span between two readings is longer than this."""
    minutes: tuple[int, ...]
    """Readings of each of the sixty minutes."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What is kept of one hour of a device."""

    at: float
    """Its start."""
    readings: int
    span: Span
    sensors: Mapping[str, bytes]
    """Sensor to a HEAD and as many MINUTE rows as there are minutes with a value."""
    gone: bool = False
    """Whether its readings are no longer stored."""


def hour_start(at: float) -> float:
    """Return the start of the hour in which an instant lies."""
    return at // HOUR_S * HOUR_S


def head_of(figures: bytes) -> Table:
    """Return the HEAD of a sensor's hour."""
    return np.frombuffer(figures, HEAD, 1)


def minutes_of_all(starts: Floats, figures: Sequence[bytes]) -> tuple[Floats, Table]:
    """Return when the minutes of several hours of a sensor begin, and the minutes."""
    table = np.frombuffer(b"".join([one[HEAD.itemsize :] for one in figures]), MINUTE)
    lengths = [(len(one) - HEAD.itemsize) // MINUTE.itemsize for one in figures]
    return np.repeat(starts, lengths) + MINUTE_S * table["minute"], table


def minutes_of(figures: bytes) -> Table:
    """Return the minutes of a sensor's hour."""
    return np.frombuffer(figures, MINUTE, offset=HEAD.itemsize)


def heads_of(figures: Sequence[bytes]) -> Table:
    """Return the HEAD of each of several hours of a sensor."""
    return np.frombuffer(b"".join([one[: HEAD.itemsize] for one in figures]), HEAD)


def make_hour(start: float, rows: Sequence[tuple[float, Mapping[str, float]]], limits: Mapping[str, Limits]) -> Hour:
    """Return an hour from its readings, one at least, in the order of time.

    Args:
        start: of the hour.
        rows: when, and sensor to value, for each of them.
        limits: what is normal for a sensor; what is outside of it is counted.
    """
    at = np.fromiter((row[0] for row in rows), np.float64, len(rows))
    minute = ((at - start) // MINUTE_S).astype(np.intp).clip(0, MINUTES - 1)
    starts = np.flatnonzero(np.diff(minute, prepend=-1))
    names, values = _matrix([row[1] for row in rows])
    with np.errstate(all="ignore"):
        heads = _heads(at, at - start, values, [limits.get(name, _NO_BOUNDS) for name in names])
        minutes = _minutes(minute[starts], starts, np.diff(starts, append=len(at)), values)
    sensors = {
        name: head.tobytes() + table[table["count"] > 0].tobytes()
        for name, head, table in zip(names, heads, minutes, strict=True)
    }
    counts = np.bincount(minute, minlength=MINUTES).tolist()
    return Hour(start, len(rows), Span(float(at[0]), float(at[-1]), *_silences(at), tuple(counts)), sensors)


def _matrix(rows: Sequence[Mapping[str, float]]) -> tuple[list[str], Floats]:
    """Return the names of sensors and a line of values for each, NaN where a reading has none."""
    kinds = set(map(tuple, rows))
    names = list(dict.fromkeys(chain.from_iterable(sorted(kinds))))
    values: Iterable[float]
    if len(kinds) == 1:
        # What is usual, without a step of Python's for each value.
        values = chain.from_iterable(row.values() for row in rows)
    else:
        values = (row.get(name, math.nan) for row in rows for name in names)
    table = np.fromiter(values, np.float64, len(rows) * len(names)).reshape(len(rows), len(names))
    return names, np.ascontiguousarray(table.T)


def _heads(at: Floats, off: Floats, values: Floats, bounds: Sequence[Limits]) -> Table:
    there = ~np.isnan(values)
    count = there.sum(1)
    heads = np.zeros(len(values), HEAD)
    heads["count"] = count
    heads["mean"] = mean = np.where(there, values, 0.0).sum(1) / count
    heads["at_mean"] = at_mean = np.where(there, off, 0.0).sum(1) / count
    of_mean = np.where(there, values - mean[:, None], 0.0)
    of_at = np.where(there, off - at_mean[:, None], 0.0)
    heads["squares"] = (of_mean * of_mean).sum(1)
    heads["at_squares"] = (of_at * of_at).sum(1)
    heads["products"] = (of_mean * of_at).sum(1)
    each = np.arange(len(values))
    for name, place in (
        ("min", np.where(there, values, np.inf).argmin(1)),
        ("max", np.where(there, values, -np.inf).argmax(1)),
        ("first", there.argmax(1)),
        ("last", values.shape[1] - 1 - there[:, ::-1].argmax(1)),
    ):
        heads[name], heads[f"{name}_at"] = values[each, place], at[place]
    heads["low"] = low = np.array([_bound(one.low) for one in bounds])
    heads["high"] = high = np.array([_bound(one.high) for one in bounds])
    heads["outside"] = ((values < low[:, None]) | (values > high[:, None])).sum(1)
    return heads


def _bound(limit: float | None) -> float:
    return math.nan if limit is None else limit


def _minutes(minutes: NDArray[np.intp], starts: NDArray[np.intp], lengths: NDArray[np.intp], values: Floats) -> Table:
    there = ~np.isnan(values)
    table = np.zeros((len(values), len(starts)), MINUTE)
    table["minute"] = minutes
    table["count"] = count = np.add.reduceat(there, starts, axis=1, dtype=np.int64)
    table["mean"] = mean = np.add.reduceat(np.where(there, values, 0.0), starts, axis=1) / count
    off = np.where(there, values - np.repeat(mean, lengths, axis=1), 0.0)
    table["squares"] = np.add.reduceat(off * off, starts, axis=1)
    table["min"] = np.fmin.reduceat(values, starts, axis=1)
    table["max"] = np.fmax.reduceat(values, starts, axis=1)
    return table


def _silences(at: Floats) -> tuple[tuple[tuple[float, float], ...], float]:
    """Return the spans between two readings that are out of the ordinary, and how long another one is at most."""
    if len(at) < 2:
        return (), 0.0
    spans = np.diff(at)
    odd = np.flatnonzero(spans > 3 * float(np.median(spans)))
    if len(odd) > _MOST_SILENCES:
        odd = np.sort(odd[np.argsort(spans[odd])[-_MOST_SILENCES:]])
    rest = np.delete(spans, odd)
    return tuple((float(at[n]), float(at[n + 1])) for n in odd), float(rest.max(initial=0.0))


def merge_hours(one: Hour, late: Hour, heard: Sequence[float]) -> Hour:
    """Return an hour whose readings are gone, together with such as came since then, at the instants ``heard``."""
    sensors = dict(one.sensors)
    for name, figures in late.sensors.items():
        sensors[name] = _merge_sensor(sensors[name], figures) if name in sensors else figures
    old = one.span
    # Between two edges nothing was heard; what else there was, and how often, no longer shows.
    spans = [*old.silences, (-math.inf, old.first_at), (old.last_at, math.inf)]
    parts = [part for span in spans for part in _split(span, heard)]
    silences = sorted(part for part in parts if old.unlisted_s < part[1] - part[0] < math.inf)
    counts = tuple(map(sum, zip(old.minutes, late.span.minutes, strict=True)))
    first, last = min(old.first_at, heard[0]), max(old.last_at, heard[-1])
    span = Span(first, last, tuple(silences), old.unlisted_s, counts)
    return Hour(one.at, one.readings + late.readings, span, sensors, one.gone)


def _split(silence: tuple[float, float], heard: Sequence[float]) -> Iterable[tuple[float, float]]:
    edges = [silence[0], *(at for at in heard if silence[0] < at < silence[1]), silence[1]]
    return pairwise(edges)


def _merge_sensor(one: bytes, other: bytes) -> bytes:
    a, b = head_of(one)[0], head_of(other)[0]
    merged = np.zeros(1, HEAD)
    head = merged[0]
    total = a["count"] + b["count"]
    delta, at_delta, weight = b["mean"] - a["mean"], b["at_mean"] - a["at_mean"], a["count"] * b["count"] / total
    head["count"] = total
    head["mean"] = a["mean"] + delta * b["count"] / total
    head["at_mean"] = a["at_mean"] + at_delta * b["count"] / total
    head["squares"] = a["squares"] + b["squares"] + delta * delta * weight
    head["at_squares"] = a["at_squares"] + b["at_squares"] + at_delta * at_delta * weight
    head["products"] = a["products"] + b["products"] + delta * at_delta * weight
    for name, takes_other in (
        # Of several that are alike the first one in time, as everywhere.
        ("min", (b["min"], b["min_at"]) < (a["min"], a["min_at"])),
        ("max", (-b["max"], b["max_at"]) < (-a["max"], a["max_at"])),
        ("first", b["first_at"] < a["first_at"]),
        ("last", b["last_at"] > a["last_at"]),
    ):
        chosen = b if takes_other else a
        head[name], head[f"{name}_at"] = chosen[name], chosen[f"{name}_at"]
    head["low"], head["high"] = a["low"], a["high"]
    alike = _same(a["low"], b["low"]) and _same(a["high"], b["high"])
    head["outside"] = a["outside"] + b["outside"] if alike else math.nan
    return merged.tobytes() + _merge_minutes(minutes_of(one), minutes_of(other)).tobytes()


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _merge_minutes(one: Table, other: Table) -> Table:
    both = np.concatenate((one, other))
    both = both[np.argsort(both["minute"], kind="stable")]
    starts = np.flatnonzero(np.diff(both["minute"].astype(np.intp), prepend=-1))
    merged = both[starts].copy()
    count = both["count"].astype(np.float64)
    merged["count"] = total = np.add.reduceat(count, starts)
    merged["mean"] = mean = np.add.reduceat(count * both["mean"], starts) / total
    off = both["mean"] - np.repeat(mean, np.diff(starts, append=len(both)))
    merged["squares"] = np.add.reduceat(both["squares"] + count * off * off, starts)
    merged["min"] = np.minimum.reduceat(both["min"], starts)
    merged["max"] = np.maximum.reduceat(both["max"], starts)
    return merged


def known_outside(heads: Table, limits: Limits) -> Floats:
    """Return how many values of each hour lie outside of limits; NaN where the hour cannot tell."""
    low, high = _bound(limits.low), _bound(limits.high)
    same = (heads["low"] == low) | (np.isnan(heads["low"]) & math.isnan(low))
    same &= (heads["high"] == high) | (np.isnan(heads["high"]) & math.isnan(high))
    # A comparison with NaN, no bound, is false.
    none = ~((heads["min"] < low) | (heads["max"] > high))
    all_of_it = (heads["max"] < low) | (heads["min"] > high)
    otherwise = np.where(none, 0.0, np.where(all_of_it, heads["count"], math.nan))
    return np.where(same & ~np.isnan(heads["outside"]), heads["outside"], otherwise)


def from_minutes(start: float, minutes: Sequence[tuple[float, int, Mapping[str, Any]]]) -> Hour:
    """Return an hour from one-minute aggregates, as older versions kept them: count, mean, squares, min and max."""
    by_sensor: dict[str, list[tuple[float, ...]]] = {}
    for at, _, sensors in minutes:
        for name, aggregate in sensors.items():
            by_sensor.setdefault(name, []).append(((at - start) // MINUTE_S, *aggregate))
    figures: dict[str, bytes] = {}
    for name, rows in by_sensor.items():
        table = np.array([(int(row[0]), *row[1:]) for row in rows], MINUTE)
        figures[name] = _head_of_minutes(start, table).tobytes() + table.tobytes()
    counts = [0] * MINUTES
    for at, readings, _ in minutes:
        counts[int((at - start) // MINUTE_S)] += readings
    edges = [(one[0] + MINUTE_S, other[0]) for one, other in pairwise(minutes)]
    silences = tuple((before, at) for before, at in edges if at > before)
    span = Span(minutes[0][0], minutes[-1][0] + MINUTE_S, silences, 0.0, tuple(counts))
    return Hour(start, sum(counts), span, figures, gone=True)


def _head_of_minutes(start: float, table: Table) -> Table:
    merged = np.zeros(1, HEAD)
    head = merged[0]
    count, at = table["count"].astype(np.float64), table["minute"] * MINUTE_S
    head["count"] = total = count.sum()
    head["mean"] = mean = (count * table["mean"]).sum() / total
    # A minute's values stand for its middle.
    head["at_mean"] = at_mean = (count * (at + MINUTE_S / 2)).sum() / total
    off, at_off = table["mean"] - mean, at + MINUTE_S / 2 - at_mean
    head["squares"] = table["squares"].sum() + (count * off * off).sum()
    head["at_squares"] = (count * at_off * at_off).sum()
    head["products"] = (count * off * at_off).sum()
    lowest, highest = int(table["min"].argmin()), int(table["max"].argmax())
    for name, value, place in (
        ("min", table["min"][lowest], lowest),
        ("max", table["max"][highest], highest),
        ("first", table["mean"][0], 0),
        ("last", table["mean"][-1], -1),
    ):
        head[name], head[f"{name}_at"] = value, start + at[place]
    head["low"] = head["high"] = head["outside"] = math.nan
    return merged


def minute_rows(hour: Hour, start: float, end: float, names: Iterable[str]) -> list[tuple[float, int, dict[str, Any]]]:
    """Return the minutes of an hour that begin within a span: start, readings, and sensor to aggregate."""
    rows: dict[int, tuple[float, int, dict[str, Any]]] = {}
    for minute, readings in enumerate(hour.span.minutes):
        at = hour.at + MINUTE_S * minute
        if readings and start <= at < end:
            rows[minute] = (at, readings, {})
    for name in names:
        for minute, *aggregate in minutes_of(hour.sensors.get(name, bytes(HEAD.itemsize))).tolist():
            if minute in rows:
                rows[minute][2][name] = tuple(aggregate)
    return list(rows.values())
