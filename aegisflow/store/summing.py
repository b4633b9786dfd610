"""Hours that are over are summed up, behind the readings, and again where a reading came late.

::

    hours_until of the device           every hour before it that has readings has a row
       │  over: a row, to be summed up
       ▼
    TO_SUM_UP ──► SUMMED_UP ──► GONE    its readings were deleted
       ▲              │           ▲
       └── late ──────┘           └── late: what came is added, and deleted

The fold marks, in the transaction that puts late readings to their place, so that an hour that says it is summed up
always speaks of the readings that are there.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, groupby

from aegisflow.domain.equipment import Limits
from aegisflow.domain.hours import HOUR_S, Hour, from_minutes, hour_start, make_hour, merge_hours
from aegisflow.domain.summary import MinuteRow, ReadingRow
from aegisflow.domain.times import Period
from aegisflow.store.connection import Connection
from aegisflow.store.hours import GONE, SUMMED_UP, TO_SUM_UP, encode_span, stored_hours
from aegisflow.store.readings import folded_pages, minutes_before

LimitsOf = Callable[[str], Mapping[str, Limits]]
"""Device to what is normal for its sensors; outside of that is counted."""

_SETTLED_S = 60.0
"""So long after its end an hour is summed up: most that is late has come by then."""
_ROWS = 2_000
"""Readings that are read at a time."""
_PUT_HOUR = """
INSERT INTO hours (device, at, state, touched, readings, span) VALUES (?, ?, ?, 0, ?, ?)
ON CONFLICT (device, at) DO UPDATE SET state = excluded.state, readings = excluded.readings, span = excluded.span
"""
_PUT_FIGURES = "INSERT INTO hour_figures (device, at, sensor, vals) VALUES "
_SENSORS = "SELECT sensor FROM hour_figures WHERE device = ? AND at = ?"


class Summing:
    """Sums the hours of devices up; ``now`` is the plant's clock. Iterators stop between two short bits of work."""

    def __init__(self, connection: Connection, now: float, limits: LimitsOf) -> None:
        self._connection = connection
        self._before = hour_start(now - _SETTLED_S)
        self._limits = limits
        # Not of which devices: that would go through all of them, of which an older version may have left millions.
        self._old_minutes = connection.value("SELECT 1 FROM minutes LIMIT 1") is not None

    def steps(self, device: int, name: str, until: float | None) -> Iterator[None]:
        """Sum up what is over of one device, whose hours before ``until`` are known."""
        if self._old_minutes:
            yield from self._take_minutes(device)
        if until is None or until + HOUR_S <= self._before:
            for at in self._next(device, until):
                yield from self._sum_up(device, name, at)
        open_hours = "SELECT at FROM hours WHERE device = ? AND state = 0 ORDER BY at"
        for (at,) in self._connection.run(open_hours, device).fetchall():
            yield from self._sum_up(device, name, at)

    def add_late(self, device: int, name: str, at: float) -> None:
        """Add readings that came late to an hour whose own are gone, in a transaction; the caller deletes them."""
        rows = [*chain.from_iterable(folded_pages(self._connection, device, Period(at, at + HOUR_S)))]
        sensors = [sensor for (sensor,) in self._connection.run(_SENSORS, device, at).fetchall()]
        (there,) = stored_hours(self._connection, device, Period(at, at + 1), sensors)
        late = make_hour(at, rows, self._limits(name))
        self._put(device, merge_hours(there, late, [row[0] for row in rows]))

    def _next(self, device: int, until: float | None) -> Iterator[float]:
        """Yield the hours that are over and have readings, each with its row."""
        run, after = self._connection.run, until or 0.0
        while True:
            oldest = "SELECT min(at) FROM readings WHERE device = ? AND at >= ? AND at < ?"
            found = self._connection.value(oldest, device, after, self._before)
            if found is None:
                return
            at = hour_start(found)
            after = at + HOUR_S
            run(
                "INSERT INTO hours (device, at, state, touched, readings, span) VALUES (?, ?, ?, 0, 0, '') "
                "ON CONFLICT DO NOTHING",
                device,
                at,
                TO_SUM_UP,
            )
            run("UPDATE devices SET hours_until = ? WHERE key = ?", after, device)
            yield at

    def _sum_up(self, device: int, name: str, at: float) -> Iterator[None]:
        """Sum an hour up from its readings, unless some come meanwhile: then the next round does."""
        begun = self._touched(device, at)
        if begun is None:
            return
        rows: list[ReadingRow] = []
        for some in folded_pages(self._connection, device, Period(at, at + HOUR_S), _ROWS):
            rows += some
            yield
        if self._touched(device, at) == begun:
            if rows:
                self._put(device, make_hour(at, rows, self._limits(name)))
            else:
                self._connection.run("DELETE FROM hours WHERE device = ? AND at = ?", device, at)
        yield

    def _touched(self, device: int, at: float) -> int | None:
        """Return how often readings came to an hour that is to be summed up; None for another."""
        sql = "SELECT touched FROM hours WHERE device = ? AND at = ? AND state = 0"
        found: int | None = self._connection.value(sql, device, at)
        return found

    def _put(self, device: int, hour: Hour) -> None:
        run = self._connection.run
        run("DELETE FROM hour_figures WHERE device = ? AND at = ?", device, hour.at)
        rows = [(device, hour.at, sensor, figures) for sensor, figures in hour.sensors.items()]
        for start in range(0, len(rows), 100):
            some = rows[start : start + 100]
            run(_PUT_FIGURES + ", ".join(["(?, ?, ?, ?)"] * len(some)), *(value for row in some for value in row))
        state = GONE if hour.gone else SUMMED_UP
        run(_PUT_HOUR, device, hour.at, state, hour.readings, encode_span(hour.span).decode())

    def _take_minutes(self, device: int) -> Iterator[None]:
        """Make hours of the minutes that an older version left: the newest first, for then what is left is older."""
        end = math.inf
        while found := minutes_before(self._connection, device, end, 600):
            # The oldest hour of them may not be complete, unless nothing is older.
            hours = [(at, list(group)) for at, group in groupby(found, lambda row: hour_start(row[0]))]
            for at, minutes in reversed(hours[1:] or hours):
                self._take_hour(device, at, minutes)
                end = at
            yield

    def _take_hour(self, device: int, at: float, minutes: Sequence[MinuteRow]) -> None:
        hour = from_minutes(at, minutes)
        self._put(device, hour)
        self._connection.run("DELETE FROM minutes WHERE device = ? AND at >= ? AND at < ?", device, at, at + HOUR_S)
