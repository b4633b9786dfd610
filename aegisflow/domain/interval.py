"""How often something reports: learned from its own readings, so that nobody has to declare it."""

from math import inf
from statistics import median
from typing import Final

from aegisflow.domain.times import format_duration

__all__ = [
    "FIRST",
    "MIN_SILENT_S",
    "MISSED",
    "Interval",
    "contradiction",
    "silent_after_s",
    "stale_after_s",
    "too_short",
]

FIRST: Final = 8
"""Gaps from which the first estimate is taken."""
_STEP: Final = 1.02
"""By so much each further gap moves the estimate: a stochastic approximation of the median on a log scale."""
_ODD: Final = 1.5
"""A gap longer or shorter than the median by this factor is not regular."""
_MEMORY: Final = 32
"""Gaps over which the regularity is forgotten."""
MISSED: Final = 3
_MISSED_IRREGULAR: Final = 12
"""Intervals without anything that are no accident, for a regular sender and for one that is not."""
_REGULAR: Final = 0.5
_UNKNOWN_S: Final = 5.0
"""What is taken for the interval before there is one."""
_JITTER: Final = 1.1
"""What a reading may be late by without anybody being to blame."""
_MIN_STALE_S: Final = 10.0
"""What no network is asked to be better than."""
MIN_SILENT_S: Final = 60.0
"""Nobody is called about a machine that has said nothing for a shorter time, unless the plant says so."""


class Interval:
    """The usual time between two readings of a device, or between two values of a sensor.

    The median is followed, not the mean: one night without a connection says nothing about how often
    a device reports. Eight odd gaps in a row on the same side are another interval, and it is
    learned anew. A sender that reports by exception has a median, too, and a regularity near 0.
    """

    __slots__ = ("_at", "_first", "_run", "median_s", "regularity")

    def __init__(self) -> None:
        self.median_s: float | None = None
        """Median of the gaps in seconds; None before there are eight."""
        self.regularity = 1.0
        """Share of the newest gaps that are close to the median: 1 for a clockwork, near 0 by exception."""
        self._at = -inf
        self._first: list[float] | None = []
        self._run = 0
        """Odd gaps in a row: positive when too long, negative when too short."""

    @property
    def usual_s(self) -> float:
        """The median; before there is one, that of the gaps so far, and 0 before the first."""
        if self.median_s is not None:
            return self.median_s
        return median(self._first) if self._first else 0.0

    @property
    def patience_s(self) -> float:
        """Seconds without anything that are no accident: three intervals, or twelve of an irregular sender.

        Before the interval is known, the longest gap so far is taken for it; 0 before the first.
        """
        if self.median_s is None:
            return MISSED * max(self._first) if self._first else 0.0
        return self.median_s * (MISSED if self.regularity >= _REGULAR else _MISSED_IRREGULAR)

    def readings_in(self, seconds: float, least: int) -> int:
        """Return how many readings come in so many seconds, though never fewer than a statistic needs."""
        return max(least, round(seconds / (self.usual_s or _UNKNOWN_S)))

    def note(self, at: float) -> None:
        """Take in a reading.

        Args:
            at: its instant in seconds; one that is not newer than the last is passed over.
        """
        gap = at - self._at
        if gap <= 0.0:
            return
        self._at = at
        median = self.median_s
        if median is None or self._first is not None:
            self._begin(gap)
        elif gap > median:
            if gap == inf:
                return
            if gap > median * _ODD:
                self._odd(1)
            else:
                self._run = 0
                self.regularity += (1.0 - self.regularity) / _MEMORY
            self.median_s = min(gap, median * _STEP)
        else:
            if gap * _ODD < median:
                self._odd(-1)
            else:
                self._run = 0
                self.regularity += (1.0 - self.regularity) / _MEMORY
            if gap < median:
                self.median_s = max(gap, median / _STEP)

    def interrupted(self) -> None:
        """Take note that the next gap says nothing, since nobody was listening."""
        self._at = -inf

    def _begin(self, gap: float) -> None:
        if gap == inf:
            return
        first = self._first = self._first or []
        first.append(gap)
        if len(first) < FIRST:
            return
        middle = self.median_s = median(first)
        close = sum(middle <= one * _ODD and one <= middle * _ODD for one in first)
        self.regularity = close / FIRST
        self._first, self._run = None, 0

    def _odd(self, side: int) -> None:
        self._run = self._run + side if self._run * side >= 0 else side
        self.regularity -= self.regularity / _MEMORY
        if abs(self._run) >= FIRST:
            self._first, self._run = [], 0  # the old median holds until eight new gaps have come


def stale_after_s(given: float | None, interval: Interval) -> float:
    """Return after how many seconds without a value a sensor is stale: as given, or by its own interval."""
    if given is not None:
        return given
    return max(_MIN_STALE_S, interval.patience_s) if interval.patience_s else MIN_SILENT_S


def silent_after_s(given: float | None, interval: Interval) -> float:
    """Return after how many seconds without a reading a device is silent: as given, or by its own interval."""
    return max(MIN_SILENT_S, interval.patience_s) if given is None else given


def too_short(given: float | None, interval: Interval) -> bool:
    """Return whether a setting calls stale or silent what is only between two readings."""
    return given is not None and interval.median_s is not None and given < interval.median_s * _JITTER


def contradiction(key: str, given: float | None, interval: Interval, state: str) -> str:
    """Return for people what a setting that is too short does, such as ``stale_after: 30s``."""
    usual, so_long = format_duration(interval.median_s or 0.0), format_duration(given or 0.0)
    return f"reports every {usual}, so that with {key}: {so_long} it is {state} between its readings"
