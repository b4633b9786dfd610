"""A rolling window over the newest values of one sensor that knows mean and spread in constant time."""

from array import array
from collections.abc import Iterable
from math import dist, sqrt
from typing import Final

_TRUSTED_FALL: Final = 1e6
"""When the squares fall by more than this factor, rounding left by the larger ones would matter."""


class RollingWindow:
    """The newest ``capacity`` values and their mean, variance and spread.

    ::

        values so far    ... 20.1 20.3 20.2 20.4 20.2 20.3 20.5 | 20.4 <- push
                                  └───── capacity = 6 ──────┘
        after the push   ... 20.1 20.3 20.2 20.4 20.2 20.3 20.5 20.4
                                       └───── capacity = 6 ──────┘
        in memory        [20.5 20.4 | 20.2 20.4 20.2 20.3]     a ring: the newest overwrites the oldest
                                      └ next

    A push takes the leaving value out of the running sums and the entering one in (Welford 1962, as
    a sliding window), which costs the same for every capacity. All differences are taken from
    ``origin``, one of the values, so that a spread of 1e-3 is right at a level of 1e12. Rounding
    cannot add up, because the sums are recounted from the ring once per turn, and whenever the
    squares collapse, as when an outlier leaves. Equal values give a spread of exactly 0.

    The caller sees to it that values are finite and below 1e150 in magnitude. A spread below 1e-150
    counts as none.
    """

    __slots__ = ("_largest", "_next", "_ring", "capacity", "count", "offset", "origin", "squares")

    def __init__(self, capacity: int, values: Iterable[float] = ()) -> None:
        if capacity < 2:
            raise ValueError(f"a window holds at least 2 values, not {capacity}")
        self.capacity = capacity
        self.count = 0
        """How many values the window holds."""
        self.origin = 0.0
        """The value that all differences are taken from."""
        self.offset = 0.0
        """Mean minus ``origin``."""
        self.squares = 0.0
        """Sum of the squared differences from the mean."""
        self._ring = array("d", bytes(8 * capacity))
        self._next = 0
        self._largest = 0.0
        self.extend(values)

    def push(self, value: float) -> None:
        """Take in the newest value; the oldest one leaves if the window is full."""
        count = self.count
        index = self._next
        ring = self._ring
        if count == self.capacity:
            leaving = ring[index]
            ring[index] = value
            step = value - leaving
            before = self.offset
            self.offset = offset = before + step / count
            origin = self.origin
            self.squares = squares = self.squares + step * ((value - origin - offset) + (leaving - origin - before))
        else:
            ring[index] = value
            if not count:
                self.origin = value
            self.count = count = count + 1
            before = value - self.origin - self.offset
            self.offset += before / count
            self.squares = squares = self.squares + before * (value - self.origin - self.offset)
        index += 1
        if index == self.capacity:
            self._next = 0
            self._recount()
            return
        self._next = index
        if squares > self._largest:
            self._largest = squares
        elif squares * _TRUSTED_FALL < self._largest:
            self._recount()

    def extend(self, values: Iterable[float]) -> None:
        """Take in many values, oldest first, as that many pushes would."""
        batch = array("d", values)
        if len(batch) < self.capacity:
            for value in batch:
                self.push(value)
            return
        self._ring = batch[-self.capacity :]
        self._next = 0
        self.count = self.capacity
        self._recount()

    @property
    def mean(self) -> float | None:
        """Mean of the values; None while there are none."""
        return self.origin + self.offset if self.count else None

    @property
    def variance(self) -> float | None:
        """Sample variance (divided by one less than the count); None for fewer than two values."""
        return self.squares / (self.count - 1) if self.count > 1 else None

    @property
    def spread(self) -> float | None:
        """Sample standard deviation; None for fewer than two values."""
        return sqrt(self.squares / (self.count - 1)) if self.count > 1 else None

    def values(self) -> "array[float]":
        """Return a copy of the values, oldest first."""
        if self.count < self.capacity:
            return self._ring[: self.count]
        return self._ring[self._next :] + self._ring[: self._next]

    def resized(self, capacity: int) -> "RollingWindow":
        """Return a window of another capacity with the newest values of this one."""
        return RollingWindow(capacity, self.values()[-capacity:])

    def _recount(self) -> None:
        """Recount the sums from the ring."""
        # The ring is in order from ``_next`` on, which no sum minds; the newest value becomes the origin.
        held = self._ring if self.count == self.capacity else self._ring[: self.count]
        self.origin = origin = held[self._next - 1]
        differences = [value - origin for value in held]
        self.offset = offset = sum(differences) / self.count
        self.squares = self._largest = dist(differences, [offset] * self.count) ** 2
