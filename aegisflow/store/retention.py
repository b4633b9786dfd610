"""What becomes of old rows: hours that are over are summed up, old readings, hours and dead letters go."""

import time
from collections.abc import Callable, Iterator

from aegisflow.config.services import StoreSettings
from aegisflow.domain.hours import HOUR_S, hour_start
from aegisflow.store.connection import Connection
from aegisflow.store.hours import GONE, SUMMED_UP
from aegisflow.store.summing import LimitsOf, Summing

SLICE_S = 0.025
"""How long one transaction may last, about."""
_LOG_PAGES = 1_000
"""In SQLite's log before the commit of a slice copies them, which takes about as long as the slice itself."""
_ROWS = 2_000
"""Old rows that are deleted at a time, where nothing of them is kept."""
_PAGES = 100
"""Pages that are given back at a time."""
_SPARE = 0.1
"""This share of the file may be free: what comes next goes there. More is given back, down to the half of it."""
_INCREMENTAL = 2
"""SQLite's number for this kind of ``auto_vacuum``."""
_STATE = "SELECT state FROM hours WHERE device = ? AND at = ?"
_OLDEST = "SELECT min(at) FROM readings WHERE device = ? AND at < ?"


class Retention:
    """One round through all devices, by slices; ``now`` is the plant's clock."""

    def __init__(self, connection: Connection, settings: StoreSettings, now: float, limits: LimitsOf) -> None:
        self._connection = connection
        # Whole hours, or the rest of one would have to be added to it later.
        self._raw_before = hour_start(now - settings.raw_retention_s)
        self._hours_before = hour_start(now - settings.minute_retention_s)
        self._dead_letters = settings.dead_letters
        self._summing = Summing(connection, now, limits)
        self._work = self._steps()

    def step(self, clock: Callable[[], float] = time.monotonic) -> bool:
        """Work for one slice in one transaction; return whether more is to do."""
        until = clock() + SLICE_S
        self._connection.checkpoint_after(_LOG_PAGES)
        with self._connection.transaction():
            for _ in self._work:
                if clock() >= until:
                    return True
        self._connection.checkpoint_after()
        return False

    def _steps(self) -> Iterator[None]:
        """Do the work, with a stop after each bit that leaves the tables consistent."""
        run = self._connection.run
        newest = self._connection.value("SELECT max(id) FROM dead_letters") or 0
        run("DELETE FROM dead_letters WHERE id <= ?", newest - self._dead_letters)
        yield
        # All at once: a cursor would not outlive the transaction, which ends with the slice.
        for device, name, until in run("SELECT key, name, hours_until FROM devices ORDER BY key").fetchall():
            yield from self._drop_old(device)
            yield from self._summing.steps(device, name, until)
            yield from self._drop_readings(device, name)
            yield
        yield from self._give_back()

    def _drop_old(self, device: int) -> Iterator[None]:
        """Delete what is too old to be kept even in minutes."""
        oldest = self._connection.value("SELECT min(at) FROM hours WHERE device = ?", device)
        if oldest is not None and oldest < self._hours_before:
            for table in ("hours", "hour_figures"):
                self._connection.run(f"DELETE FROM {table} WHERE device = ? AND at < ?", device, self._hours_before)  # noqa: S608
                yield
        self._connection.run("DELETE FROM minutes WHERE device = ? AND at < ?", device, self._hours_before)
        sql = (
            "DELETE FROM readings WHERE device = ? AND at < ? AND at <= (SELECT max(at) FROM ("
            "SELECT at FROM readings WHERE device = ? AND at < ? ORDER BY at LIMIT ?) AS oldest)"
        )
        before = self._hours_before
        while self._connection.run(sql, device, before, device, before, _ROWS).rowcount > 0:
            yield

    def _drop_readings(self, device: int, name: str) -> Iterator[None]:
        """Delete old readings, an hour at a time, once it is summed up."""
        value, run = self._connection.value, self._connection.run
        while (oldest := value(_OLDEST, device, self._raw_before)) is not None:
            at = hour_start(oldest)
            state = value(_STATE, device, at)
            if state == GONE:
                self._summing.add_late(device, name, at)
            elif state == SUMMED_UP:
                run("UPDATE hours SET state = ? WHERE device = ? AND at = ?", GONE, device, at)
            else:
                # A reading has come to it meanwhile; the next round sums it up.
                return
            run("DELETE FROM readings WHERE device = ? AND at >= ? AND at < ?", device, at, at + HOUR_S)
            yield

    def _give_back(self) -> Iterator[None]:
        """Make the file of an SQLite store shorter, where it was made so that it can be."""
        if not self._connection.is_sqlite or self._connection.value("PRAGMA auto_vacuum") != _INCREMENTAL:
            return
        spare = _SPARE * (self._connection.value("PRAGMA page_count") or 0)
        free = self._connection.value("PRAGMA freelist_count") or 0
        if free <= spare:
            return
        while free > spare / 2:
            # It gives a page back for each row that is asked of it, and it has none but those.
            self._connection.run(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
            left = self._connection.value("PRAGMA freelist_count") or 0
            if left >= free:
                return
            free = left
            yield
