"""The past of a device for a summary: whole hours where they are summed up, and readings for the rest.

::

    period   ├──────────────┼──────────────┼──────────────┼──────────────┼─────────┤
    from     readings       hour           hour           readings:      readings
                                                          one came late

Both are of one transaction, so no reading enters twice or not at all.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

import msgspec
import numpy as np

from aegisflow.domain.hours import HOUR_S, MINUTE_S, Hour, Span, hour_start, minute_rows
from aegisflow.domain.summary import ReadingRow, StreamSummary
from aegisflow.domain.times import Period
from aegisflow.store.connection import Connection
from aegisflow.store.readings import first_instants, fresh_of, minute_pages, pages_with

TO_SUM_UP, SUMMED_UP, GONE = range(3)
"""States of an hour in the table."""
_PAGE_S = 31 * 24 * HOUR_S
"""Hours that are in memory at a time."""
_COARSE_S = 2 * MINUTE_S
"""A series whose points are no longer than this is made of readings: to take each minute as a whole would show."""
_LEARNED_FROM = 200

_HOURS = """
SELECT at, state, readings, span FROM hours WHERE device = ? AND state > 0 AND at >= ? AND at < ? ORDER BY at"""
_FIRST_GONE = "SELECT min(at) FROM hours WHERE device = ? AND state = 2 AND at >= ? AND at < ?"
_FIGURES = "SELECT at, sensor, vals FROM hour_figures WHERE device = ? AND at >= ? AND at < ? AND sensor IN "


encode_span = msgspec.json.Encoder().encode
decode_span = msgspec.json.Decoder(Span).decode


class _Source(NamedTuple):
    """Where the rows of one device come from."""

    connection: Connection
    device: int
    sensors: tuple[str, ...]
    period: Period
    fresh: Sequence[ReadingRow]


def stored_hours(connection: Connection, device: int, period: Period, sensors: Sequence[str]) -> list[Hour]:
    """Return the hours that begin within a period and are summed up, oldest first, with some of their sensors."""
    rows = connection.run(_HOURS, device, *period).fetchall()
    if not rows:
        return []
    by_hour: dict[float, dict[str, bytes]] = {at: {} for at, *_ in rows}
    names = f"({', '.join('?' * len(sensors))})"
    for at, sensor, figures in connection.run(_FIGURES + names, device, *period, *sensors).fetchall():
        if at in by_hour:
            by_hour[at][sensor] = bytes(figures)
    return [Hour(at, number, decode_span(span), by_hour[at], state == GONE) for at, state, number, span in rows]


def add_past(
    summary: StreamSummary, connection: Connection, device: int, sensors: Sequence[str], period: Period, width_s: float
) -> None:
    """Give a summary all that is stored of a device within a period; a point of its series is ``width_s`` long."""
    source = _Source(connection, device, tuple(sensors), period, fresh_of(connection, device, period))
    # A minute is stored under its first second: without this, the one in which the period begins would be missed.
    for minutes in minute_pages(connection, device, period._replace(start=period.start // MINUTE_S * MINUTE_S)):
        summary.add_minutes(minutes)
    if summary.learns:
        summary.learn(_first_instants(source))
    cursor = period.start
    for batch in _batches(source, summary, width_s):
        if batch[0].at > cursor:
            _add_readings(source, summary, Period(cursor, batch[0].at))
        cursor = min(batch[-1].at + HOUR_S, period.end)
        _add_hours(source, summary, batch)
    _add_readings(source, summary, Period(cursor, period.end))


def _add_hours(source: _Source, summary: StreamSummary, hours: list[Hour]) -> None:
    start, end = source.period
    if hours[0].at >= start and hours[-1].at + HOUR_S <= end:
        summary.add_hours(hours)
    else:
        # An hour that the period cuts, and whose readings are gone.
        for hour in hours:
            summary.add_minutes(minute_rows(hour, start // MINUTE_S * MINUTE_S, end, source.sensors))
    if hours[0].gone:
        # Those that came since then; they are added to the hour by and by.
        _add_readings(source, summary, Period(max(start, hours[0].at), min(end, hours[-1].at + HOUR_S)))


def _add_readings(source: _Source, summary: StreamSummary, period: Period) -> None:
    if period.start < period.end:
        for rows in pages_with(source.connection, source.device, period, source.fresh):
            summary.add_readings(rows)


def _batches(source: _Source, summary: StreamSummary, width_s: float) -> Iterator[list[Hour]]:
    """Yield hours that stand for their readings: such as follow each other, and are treated alike, together."""
    start, end = hour_start(source.period.start), source.period.end
    while start < end:
        page = Period(start, min(end, start + _PAGE_S))
        batch: list[Hour] = []
        for hour in _usable(source, summary, page, width_s):
            follows = batch and hour.at == batch[-1].at + HOUR_S and hour.gone == batch[-1].gone
            if batch and not (follows and _is_whole(source, batch[-1]) and _is_whole(source, hour)):
                yield batch
                batch = []
            batch.append(hour)
        if batch:
            yield batch
        start = page.end


def _is_whole(source: _Source, hour: Hour) -> bool:
    return hour.at >= source.period.start and hour.at + HOUR_S <= source.period.end


def _usable(source: _Source, summary: StreamSummary, page: Period, width_s: float) -> list[Hour]:
    """Return the hours that begin within a page and stand for their readings."""
    hours = stored_hours(source.connection, source.device, page, source.sensors)
    if width_s <= _COARSE_S:
        hours = [hour for hour in hours if hour.gone]
    # Whether a reading that waits is new to its hour only the readings tell.
    hours = [h for h in hours if h.gone or (_is_whole(source, h) and not _any_within(source.fresh, h.at))]
    fit = summary.takes(hours)
    return [hour for hour, fits in zip(hours, fit, strict=True) if hour.gone or fits]


def _any_within(fresh: Sequence[ReadingRow], start: float) -> bool:
    place = bisect_left(fresh, start, key=itemgetter(0))
    return place < len(fresh) and fresh[place][0] < start + HOUR_S


def _first_instants(source: _Source) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the instants from which to learn how often the device sends: the first of the period."""
    start, end = source.period
    stored = first_instants(source.connection, source.device, source.period, _LEARNED_FROM)
    found = sorted({*stored, *(at for at, _ in source.fresh)})[:_LEARNED_FROM]
    gone = source.connection.value(_FIRST_GONE, source.device, hour_start(start), end)
    if gone is not None and (not found or gone < found[0]):
        (hour,) = stored_hours(source.connection, source.device, Period(gone, gone + 1), source.sensors)
        found = [gone + MINUTE_S * minute for minute, readings in enumerate(hour.span.minutes) if readings]
    return np.array(found, np.float64)
