"""Readings and minutes out of the store, many rows at a step.

The database joins the rows into one JSON text. The sqlite3 module gives up Python's lock at every
row it steps to, and beside a busy thread has to wait for it each time; so it steps once.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from aegisflow.domain.summary import Aggregate, MinuteRow, ReadingRow
from aegisflow.domain.times import Period
from aegisflow.store.connection import Connection

PAGE = 20_000
"""Rows that are in memory at a time."""
EVER = Period(-1e18, 1e18)

_readings = msgspec.json.Decoder(list[tuple[float, dict[str, float]]])
_minutes = msgspec.json.Decoder(list[tuple[float, int, dict[str, Aggregate]]])

_STORED = """
SELECT at, vals FROM readings WHERE device = ? AND at >= ? AND at < ? ORDER BY at {order} LIMIT ?"""
_BOTH = """
SELECT at, vals, id FROM (
  SELECT * FROM (
    SELECT at, vals, 0 AS id FROM readings
    WHERE device = ? AND at >= ? AND at < ? ORDER BY at {order} LIMIT ?) AS stored
  UNION ALL SELECT * FROM (
    SELECT at, vals, id FROM fresh_readings
    WHERE device = ? AND at >= ? AND at < ? ORDER BY at {order}, id LIMIT ?) AS fresh
) AS both_kinds ORDER BY at {order}, id LIMIT ?"""
_MINUTES = """
SELECT at, readings, vals FROM minutes WHERE device = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?"""


def newest(
    connection: Connection, device: int, count: int, period: Period = EVER, *, fresh: bool = True
) -> list[ReadingRow]:
    """Return the newest ``count`` readings of a device within a period, oldest first.

    ``fresh=False`` spares the look at those not yet folded, for a device that has none.
    """
    limit = count
    while True:
        rows = _fetch(connection, device, period, limit, "DESC", fresh)
        single = _without_repeats(rows)
        if len(single) == len(rows) or len(single) >= count or len(rows) < limit:
            return single[:count][::-1]
        limit *= 2


def pages(connection: Connection, device: int, period: Period) -> Iterator[list[ReadingRow]]:
    """Yield all readings of a device within a period, oldest first, a page at a time."""
    start, last = period.start, None
    while True:
        rows = _fetch(connection, device, Period(start, period.end), PAGE, "ASC", True)
        full = len(rows) == PAGE
        rows = [row for row in _without_repeats(rows) if row[0] != last]
        if rows:
            yield rows
        if not full:
            return
        start = last = rows[-1][0]


def oldest(connection: Connection, device: int, before: float, limit: int) -> list[ReadingRow]:
    """Return the oldest folded readings of a device, before an instant."""
    return _fetch(connection, device, Period(EVER.start, before), limit, "ASC", False)


def minute_pages(connection: Connection, device: int, period: Period) -> Iterator[list[MinuteRow]]:
    """Yield the one-minute aggregates of a device that begin within a period, oldest first, a page at a time."""
    start = period.start
    while True:
        rows = _minutes.decode(_joined(connection, "at, readings, vals", _MINUTES, device, start, period.end, PAGE))
        if rows:
            yield rows  # type: ignore[misc]
        if len(rows) < PAGE:
            return
        start = rows[-1][0] + 1.0


def _fetch(
    connection: Connection, device: int, period: Period, limit: int, order: str, fresh: bool
) -> list[ReadingRow]:
    span = (device, *period, limit)
    if fresh:
        text = _joined(connection, "at, vals", _BOTH.format(order=order), *span, *span, limit)
    else:
        text = _joined(connection, "at, vals", _STORED.format(order=order), *span)
    return _readings.decode(text)  # type: ignore[return-value]


def _joined(connection: Connection, columns: str, select: str, *values: Any) -> str:
    """Return the rows as the text of a JSON list of lists; the first column is a time, kept to the last bit."""
    first, *others = columns.split(", ")
    if connection.is_sqlite:
        exact, join = f"printf('%!.17g', {first})", "group_concat"
    else:
        exact, join = f"CAST({first} AS text)", "string_agg"
    row = " || ',' || ".join([exact, *others])
    text = connection.value(f"SELECT {join}('[' || {row} || ']', ',') FROM ({select}) AS found", *values)  # noqa: S608 - no value is in it
    return f"[{text or ''}]"


def _without_repeats(rows: list[ReadingRow]) -> list[ReadingRow]:
    """Return the rows with the first of each instant."""
    single: list[ReadingRow] = []
    last = None
    for row in rows:
        if row[0] != last:
            single.append(row)
            last = row[0]
    return single
