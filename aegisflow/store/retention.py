"""What becomes of old rows: readings become minutes, old minutes and dead letters go."""

import time
from collections.abc import Callable, Iterator

from aegisflow.config.services import StoreSettings
from aegisflow.domain.summary import MINUTE_S, Aggregate, MinuteRow, merge, roll_up
from aegisflow.domain.times import Period
from aegisflow.store.connection import Connection
from aegisflow.store.readings import minute_pages, oldest
from aegisflow.store.rows import to_json

SLICE_S = 0.05
"""How long one transaction may last, about."""
_ROWS = 2_000
"""Readings of one device that are rolled up at a time."""
_PUT_MINUTE = """
INSERT INTO minutes (device, at, readings, vals) VALUES (?, ?, ?, ?)
ON CONFLICT (device, at) DO UPDATE SET readings = excluded.readings, vals = excluded.vals
"""


class Retention:
    """One round through all devices, by slices; ``now`` is the plant's clock.

    The file is bounded, for SQLite fills the pages that become free before it makes the file longer.
    """

    def __init__(self, connection: Connection, settings: StoreSettings, now: float) -> None:
        self._connection = connection
        # Whole minutes, or the rest of one would have to be merged into it later.
        self._raw_before = (now - settings.raw_retention_s) // MINUTE_S * MINUTE_S
        self._minutes_before = now - settings.minute_retention_s
        self._dead_letters = settings.dead_letters
        self._work = self._steps()

    def step(self, clock: Callable[[], float] = time.monotonic) -> bool:
        """Work for one slice in one transaction; return whether more is to do."""
        until = clock() + SLICE_S
        with self._connection.transaction():
            for _ in self._work:
                if clock() >= until:
                    return True
        return False

    def _steps(self) -> Iterator[None]:
        """Do the work, with a stop after each bit that leaves the tables consistent."""
        run = self._connection.run
        newest = self._connection.value("SELECT max(id) FROM dead_letters") or 0
        run("DELETE FROM dead_letters WHERE id <= ?", newest - self._dead_letters)
        yield
        # All at once: a cursor would not outlive the transaction, which ends with the slice.
        for (device,) in run("SELECT key FROM devices ORDER BY key").fetchall():
            run("DELETE FROM minutes WHERE device = ? AND at < ?", device, self._minutes_before)
            while self._roll_up(device):
                yield
            yield

    def _roll_up(self, device: int) -> bool:
        """Turn the oldest readings of a device into minutes; return whether there may be more."""
        rows = oldest(self._connection, device, self._raw_before, _ROWS)
        if not rows:
            return False
        # Minutes that are too old to be kept would only be deleted again.
        rolled = [minute for minute in roll_up(rows) if minute[0] + MINUTE_S > self._minutes_before]
        if rolled:
            self._put(device, rolled)
        self._connection.run("DELETE FROM readings WHERE device = ? AND at <= ?", device, rows[-1][0])
        return len(rows) == _ROWS

    def _put(self, device: int, rolled: list[MinuteRow]) -> None:
        """Store minutes, together with what is there of them from readings that were rolled up before."""
        span = Period(rolled[0][0], rolled[-1][0] + MINUTE_S)
        there = {row[0]: row for page in minute_pages(self._connection, device, span) for row in page}
        for at, readings, by_sensor in rolled:
            merged = dict(by_sensor)
            if at in there:
                readings += there[at][1]
                for sensor, old in there[at][2].items():
                    merged[sensor] = merge(Aggregate(*old), merged[sensor]) if sensor in merged else old
            self._connection.run(_PUT_MINUTE, device, at, readings, to_json(merged))
