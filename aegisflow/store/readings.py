"""Readings and minutes out of the store, many rows at a step.

The database joins the rows into one JSON text. The sqlite3 module gives up Python's lock at every
row it steps to, and beside a busy thread has to wait for it each time; so it steps once.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from aegisflow.domain.summary import Aggregate, MinuteRow, ReadingRow
from aegisflow.domain.times import Period
from aegisflow.store.connection import Connection
from aegisflow.store.fold import bucket_of

PAGE = 20_000
"""Rows that are in memory at a time."""
EVER = Period(-1e18, 1e18)

_rows: Callable[[str], list[Any]] = msgspec.json.Decoder(list[tuple[float, dict[str, float]]]).decode
_minutes = msgspec.json.Decoder(list[tuple[float, int, dict[str, Aggregate]]])

_STORED = "SELECT at, vals FROM readings WHERE device = ? AND at >= ? AND at < ? ORDER BY at {order} LIMIT ?"
_FRESH = """
SELECT at, vals FROM fresh_readings WHERE bucket = ? AND device = ? AND at >= ? AND at < ? ORDER BY at, number"""
_MINUTES = """
SELECT at, readings, vals FROM minutes WHERE device = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?"""


def newest(
    connection: Connection, device: int, count: int, period: Period = EVER, *, fresh: bool = True
) -> list[ReadingRow]:
    """Return the newest ``count`` readings of a device within a period, oldest first.

    ``fresh=False`` spares the look at those not yet folded, for a device that has none.
    """
    stored = _stored(connection, device, period, count, "DESC")[::-1]
    if fresh and (added := fresh_of(connection, device, period)):
        return _merged(stored, added)[-count:]
    return stored


def pages(connection: Connection, device: int, period: Period) -> Iterator[list[ReadingRow]]:
    """Yield all readings of a device within a period, oldest first, a page at a time."""
    yield from pages_with(connection, device, period, fresh_of(connection, device, period))


def pages_with(
    connection: Connection, device: int, period: Period, fresh: Sequence[ReadingRow]
) -> Iterator[list[ReadingRow]]:
    """Yield the same, with those that are not folded as they were read before; ``fresh`` may have others, too."""
    added = [row for row in fresh if period.start <= row[0] < period.end]
    for rows in folded_pages(connection, device, period):
        split = bisect_right(added, rows[-1][0], key=itemgetter(0))
        yield _merged(rows, added[:split]) if split else rows
        del added[:split]
    if added:
        yield _merged([], added)


def stamps(connection: Connection, device: int, since: float) -> dict[float, float]:
    """Return what the sender's clock said of the readings since an instant where that is something else."""
    found = connection.run(
        "SELECT at, stamp FROM readings WHERE device = ? AND at >= ? AND stamp IS NOT NULL "
        "UNION ALL SELECT at, stamp FROM fresh_readings WHERE bucket = ? AND device = ? AND at >= ? "
        "AND stamp IS NOT NULL",
        device,
        since,
        bucket_of(device),
        device,
        since,
    )
    return dict(found.fetchall())


def newest_instant(connection: Connection) -> float | None:
    """Return the instant of the newest reading of any device, UTC epoch seconds; None for an empty store."""
    # One look into the index for each device: the table is clustered by device, so a max over all of it reads all
    # of it.
    devices = [key for (key,) in connection.run("SELECT key FROM devices").fetchall()]
    found = [connection.value("SELECT max(at) FROM readings WHERE device = ?", key) for key in devices]
    found.append(connection.value("SELECT max(at) FROM fresh_readings"))
    return max((at for at in found if at is not None), default=None)


def first_instants(connection: Connection, device: int, period: Period, count: int) -> list[float]:
    """Return when the first folded readings of a device within a period were, ``count`` at most."""
    sql = "SELECT at FROM readings WHERE device = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?"
    return [at for (at,) in connection.run(sql, device, *period, count).fetchall()]


def minute_pages(connection: Connection, device: int, period: Period) -> Iterator[list[MinuteRow]]:
    """Yield the one-minute aggregates of a device that begin within a period, oldest first, a page at a time."""
    start = period.start
    while True:
        rows = _minutes.decode(_joined(connection, "at, readings, vals", _MINUTES, device, start, period.end, PAGE))
        if rows:
            yield rows  # type: ignore[misc]
        if len(rows) < PAGE:
            return
        # Minutes begin on the full minute, so any step below sixty seconds passes this one alone.
        start = rows[-1][0] + 1.0


def folded_pages(connection: Connection, device: int, period: Period, page: int = PAGE) -> Iterator[list[ReadingRow]]:
    """Yield the folded readings of a device within a period, oldest first, so many at a time."""
    start = period.start
    while rows := _stored(connection, device, Period(start, period.end), page, "ASC"):
        yield rows
        if len(rows) < page:
            return
        # A device has one reading for an instant, so the next page begins just behind the last one's.
        start = math.nextafter(rows[-1][0], math.inf)


def minutes_before(connection: Connection, device: int, before: float, count: int) -> list[MinuteRow]:
    """Return the newest ``count`` one-minute aggregates of a device before an instant, oldest first."""
    sql = "SELECT at, readings, vals FROM minutes WHERE device = ? AND at < ? ORDER BY at DESC LIMIT ?"
    return _minutes.decode(_joined(connection, "at, readings, vals", sql, device, before, count))[::-1]  # type: ignore[return-value]


def _stored(connection: Connection, device: int, period: Period, limit: int, order: str) -> list[ReadingRow]:
    return _rows(_joined(connection, "at, vals", _STORED.format(order=order), device, *period, limit))


def fresh_of(connection: Connection, device: int, period: Period) -> list[ReadingRow]:
    """Return the readings of a device within a period that are not folded: few, for else they would be."""
    return _rows(_joined(connection, "at, vals", _FRESH, bucket_of(device), device, *period))


def _joined(connection: Connection, columns: str, select: str, *values: Any) -> str:
    """Return the rows as the text of a JSON list of lists; the first column is a time, kept to the last bit."""
    first, *others = columns.split(", ")
    if connection.is_sqlite:
        # The only text of SQLite's that is sure to be read back as the same number, and cheaper than 17 digits.
        exact, join = f"quote({first})", "group_concat"
    else:
        exact, join = f"CAST({first} AS text)", "string_agg"
    row = " || ',' || ".join([exact, *others])
    text = connection.value(f"SELECT {join}('[' || {row} || ']', ',') FROM ({select}) AS found", *values)  # noqa: S608 - no value is in it
    return f"[{text or ''}]"


def _merged(stored: list[ReadingRow], added: list[ReadingRow]) -> list[ReadingRow]:
    """Return both in the order of time; of several with one time the first that came."""
    by_time: dict[float, ReadingRow] = {}
    for row in (*stored, *added):
        by_time.setdefault(row[0], row)
    return sorted(by_time.values(), key=itemgetter(0))


def stored_span(connection: Connection, device_ids: Sequence[str], period: Period) -> Period | None:
    """Return the first and the last instant within a period of which something of these devices is stored.

    No device named means every one; None where nothing is stored.
    """
    named = f" WHERE d.name IN ({', '.join('?' * len(device_ids))})" if device_ids else ""
    found: list[float] = []
    # An hour counts from its start, as a minute does.
    for table in ("readings", "minutes", "hours"):
        for edge in ("MIN", "MAX"):
            # A look into the index for each device; one MIN over the table would read all of it.
            inner = f"SELECT {edge}(at) FROM {table} WHERE device = d.key AND at >= ? AND at < ?"  # noqa: S608
            outer = f"SELECT {edge}(edge) FROM (SELECT ({inner}) AS edge FROM devices AS d{named}) AS found"  # noqa: S608
            found.append(connection.value(outer, *period, *device_ids))
    fresh = "SELECT {edge}(f.at) FROM fresh_readings AS f JOIN devices AS d ON d.key = f.device"
    where = f"{named} AND" if named else " WHERE"
    for edge in ("MIN", "MAX"):
        sql = fresh.format(edge=edge) + f"{where} f.at >= ? AND f.at < ?"
        found.append(connection.value(sql, *device_ids, *period))
    known = [float(at) for at in found if at is not None]
    return Period(min(known), max(known)) if known else None
