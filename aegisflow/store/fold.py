"""Readings from the order of arrival to their place by device and time, a slice at a time.

With many devices each reading belongs onto a page of its own, so writing it there at once costs a
page for a hundred bytes. Appending costs a line; once some ten readings of each device have come
together, they go to their pages at once.
"""

from collections.abc import Iterable

from aegisflow.store.connection import Connection

SLICE_ROWS = 10_000
"""Rows that move in one transaction, about; some 50 ms."""
_PER_DEVICE = 10
_AT_LEAST = 2_000
_MOVE = """
INSERT INTO readings (device, at, vals)
SELECT device, at, vals FROM fresh_readings WHERE id <= ? AND device >= ? AND device < ? ORDER BY device, at, id
ON CONFLICT DO NOTHING
"""


class Fold:
    """How many readings wait to be folded, and how far a fold has come."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.waiting = int(connection.value("SELECT count(*) FROM fresh_readings"))
        """Rows of ``fresh_readings``."""
        devices = connection.run("SELECT DISTINCT device FROM fresh_readings").fetchall()
        self._devices = {int(key) for (key,) in devices}
        self._devices_since: set[int] = set()
        self._seal = 0
        """Newest id that goes with this fold; 0 while there is none."""
        self._next_device = 0
        self._width = 0

    @property
    def due(self) -> bool:
        """Whether a fold is under way, or should be."""
        return self._seal > 0 or self.waiting >= max(_AT_LEAST, _PER_DEVICE * len(self._devices))

    def has(self, device: int) -> bool:
        """Whether a device may have readings that are not folded."""
        return device in self._devices

    def added(self, rows: int, devices: Iterable[int]) -> None:
        """Note rows that were appended."""
        self.waiting += rows
        self._devices.update(devices)
        if self._seal:
            self._devices_since.update(devices)

    def step(self) -> bool:
        """Do a slice of the fold in a transaction; return whether more is to do."""
        with self._connection.transaction():
            if not self._seal:
                return self._begin()
            if self._next_device <= max(self._devices):
                until = self._next_device + self._width
                self._connection.run(_MOVE, self._seal, self._next_device, until)
                self._next_device = until
                return True
            return self._remove()

    def finish(self) -> None:
        """Fold all there is."""
        while self.step():
            pass

    def _begin(self) -> bool:
        self._seal = self._connection.value("SELECT max(id) FROM fresh_readings") or 0
        self._next_device = min(self._devices, default=0)
        span = max(self._devices, default=0) - self._next_device + 1
        self._width = max(1, span * SLICE_ROWS // max(1, self.waiting))
        self._devices_since = set()
        return self._seal > 0

    def _remove(self) -> bool:
        first = self._connection.value("SELECT min(id) FROM fresh_readings") or 0
        until = min(self._seal, first + 5 * SLICE_ROWS - 1)
        self.waiting -= self._connection.run("DELETE FROM fresh_readings WHERE id <= ?", until).rowcount
        if until < self._seal:
            return True
        self._devices, self._seal = self._devices_since, 0
        return False
