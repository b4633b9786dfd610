"""Readings from the order of arrival to their place by device and time, a bucket at a time.

With many devices each reading belongs onto a page of its own, so writing it there at once costs a
page for a hundred bytes. So readings are first appended to one of a few buckets of devices; once
some twenty of each device have come together there, they go to their pages at once::

    device 0-63, 1024-1087, ...    ─► bucket 0  ┐
    device 64-127, 1088-1151, ...  ─► bucket 1  ├─ fold ─► readings, clustered by device and time
    ...                            ─► ...       ┘
"""

from collections import Counter
from collections.abc import Sequence

from aegisflow.store.connection import Connection

BUCKETS = 16
_NEIGHBOURS = 64
"""Devices whose numbers are close share a bucket, for they also share pages."""
_PER_DEVICE = 20
_AT_LEAST = 2_000
_AT_MOST = 12_500
"""Rows in a bucket: to fold so many takes some 70 ms of CPU, to search through them 1 ms."""
# Of several readings with one instant the first that came stays, hence the order by number; a reading that is
# stored already is left as it is.
_MOVE = """
INSERT INTO readings (device, at, vals, stamp)
SELECT device, at, vals, stamp FROM fresh_readings WHERE bucket = ? ORDER BY device, at, number
ON CONFLICT DO NOTHING
"""


_TOUCH = """
INSERT INTO hours (device, at, state, touched, readings, span)
SELECT DISTINCT f.device, {hour}, 0, 1, 0, ''
FROM fresh_readings f JOIN devices d ON d.key = f.device
WHERE f.bucket = ? AND f.at >= 0 AND f.at < d.hours_until
ON CONFLICT (device, at) DO UPDATE
SET state = CASE WHEN hours.state = 2 THEN 2 ELSE 0 END, touched = hours.touched + 1
"""
"""Hours that were over before some of these readings came; see ``aegisflow.store.summing``."""
_HOUR_SQLITE, _HOUR_POSTGRESQL = "CAST(f.at / 3600 AS INTEGER) * 3600.0", "floor(f.at / 3600) * 3600"


def bucket_of(device: int) -> int:
    """Return the bucket of a device."""
    return device // _NEIGHBOURS % BUCKETS


class Fold:
    """The readings that wait in the buckets, as the one writer counts them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._touch = _TOUCH.format(hour=_HOUR_SQLITE if connection.is_sqlite else _HOUR_POSTGRESQL)
        self.next_number = 1 + (connection.value("SELECT max(number) FROM fresh_readings") or 0)
        """The number of the next reading that is appended."""
        waiting = connection.run("SELECT device, count(*) FROM fresh_readings GROUP BY device").fetchall()
        self._devices: set[int] = {device for device, _ in waiting}
        self._rows: Counter[int] = Counter()
        for device, rows in waiting:
            self._rows[bucket_of(device)] += rows

    @property
    def waiting(self) -> int:
        """Readings that are not folded."""
        return self._rows.total()

    def has(self, device: int) -> bool:
        """Whether a device has readings that are not folded."""
        return device in self._devices

    def added(self, devices: Sequence[int]) -> None:
        """Note that a reading of each of these devices was appended."""
        self.next_number += len(devices)
        self._devices.update(devices)
        # Not bucket_of: this runs once for each reading, and a call costs more than the division.
        self._rows.update([device // _NEIGHBOURS % BUCKETS for device in devices])

    def due(self, devices: int) -> int | None:
        """Return the bucket that should be folded, None if none; ``devices`` is how many there are."""
        enough = min(max(_AT_LEAST, _PER_DEVICE * devices // BUCKETS), _AT_MOST)
        return next((bucket for bucket, rows in self._rows.items() if rows >= enough), None)

    def buckets(self) -> list[int]:
        """Return the buckets in which something waits."""
        return list(self._rows)

    def step(self, bucket: int) -> None:
        """Fold a bucket, in a transaction."""
        # In one transaction, so that no reading is ever in both places, or in none.
        with self._connection.transaction():
            self._connection.run(self._touch, bucket)
            self._connection.run(_MOVE, bucket)
            self._connection.run("DELETE FROM fresh_readings WHERE bucket = ?", bucket)
        self._rows.pop(bucket, None)
        self._devices = {device for device in self._devices if bucket_of(device) != bucket}

    def finish(self) -> None:
        """Fold every bucket in which something waits."""
        for bucket in self.buckets():
            self.step(bucket)
