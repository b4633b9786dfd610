"""The newest readings of a device, kept to learn from: 8 bytes a value."""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MEMORY: Final = 3600
"""Readings that are kept."""
_SLACK: Final = 60
"""Readings by which more are kept, so that the oldest go at once."""


class KeptRows:
    """Rows of values, one for each sensor, with their times (UTC epoch seconds) and whether they were healthy."""

    __slots__ = ("_healthy", "_sensors", "_times", "_values")

    def __init__(self, sensors: int) -> None:
        """Begin with none."""
        self._sensors = sensors
        self._values = array("d")
        self._times = array("d")
        self._healthy = bytearray()

    def __len__(self) -> int:
        return len(self._times)

    def add(self, row: Sequence[float], at: float, healthy: bool) -> None:
        """Keep a row; let the oldest go where there are too many."""
        self._values.extend(row)
        self._times.append(at)
        self._healthy.append(healthy)
        if len(self._times) > MEMORY + _SLACK:
            self.keep(len(self._times) - _SLACK)

    def keep(self, newest: int) -> None:
        """Keep so many of the newest rows, and let the others go."""
        gone = max(0, len(self._times) - newest)
        del self._values[: gone * self._sensors], self._times[:gone], self._healthy[:gone]

    def begin(self, place: int, value: float) -> None:
        """Let a sensor of which nothing was known have had this value all along."""
        for row in range(len(self._times)):
            self._values[row * self._sensors + place] = value

    def call_healthy(self) -> None:
        """Take all rows for healthy ones."""
        self._healthy = bytearray(b"\1" * len(self._healthy))

    @property
    def healthy_count(self) -> int:
        """How many of the rows are healthy."""
        return self._healthy.count(1)

    @property
    def first_at(self) -> float:
        """When the oldest row was; there is one."""
        return self._times[0]

    def newest(self, count: int) -> list[tuple[list[float], float]]:
        """Return so many of the newest rows, oldest first, and their times."""
        sensors, end = self._sensors, len(self._times)
        values, times = self._values, self._times
        return [
            (values[place * sensors : (place + 1) * sensors].tolist(), times[place])
            for place in range(max(0, end - count), end)
        ]

    def healthy(self) -> tuple[Floats, Floats]:
        """Return the healthy rows, and their times, as arrays of their own."""
        good = np.frombuffer(bytes(self._healthy), bool)
        rows = np.array(self._values).reshape(len(good), self._sensors)
        return rows[good], np.array(self._times)[good]
