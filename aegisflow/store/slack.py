"""Memory that is free and kept: what a flood of readings leaves behind, when that is given back, and few heaps."""

import ctypes
import math

__all__ = ["Slack", "share_heaps", "trim"]

_ARENA_MAX, _HEAPS = -8, 2
"""M_ARENA_MAX of glibc, and how many heaps all threads share; it would make eight for each processor."""
_WINDOW_S = 10.0
_MUCH = 20_000
"""Rows in a window; fewer leave nothing behind that is worth the trouble."""
_FALL = 4
"""A flood is over once a window brings less than one in so many of the rows that the fullest one brought."""


class Slack:
    """Tells from the rows that are committed when a flood is over."""

    def __init__(self) -> None:
        self._rows = self._most = 0
        self._ends_at = -math.inf

    def note(self, rows: int) -> None:
        """Note that rows were committed."""
        self._rows += rows

    def is_due(self, now: float) -> bool:
        """Return, once for each flood, whether what it left should be given back; ask again and again.

        Args:
            now: by the monotonic clock.
        """
        if now < self._ends_at:
            return False
        rows, self._rows, self._ends_at = self._rows, 0, now + _WINDOW_S
        over = self._most >= _MUCH and rows * _FALL < self._most
        self._most = rows if over else max(rows, self._most)
        return over


def trim() -> None:
    """Give back what memory is free: glibc keeps it, for each thread by itself, in case that it is needed again."""
    try:
        of_libc = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library, which has its own ways
        return
    of_libc(0)


def share_heaps() -> None:
    """Have the threads to come share few heaps: what is free in one heap is of no use to the threads of another.

    Python's threads take turns, so hardly ever does one wait for a heap.
    """
    try:
        of_libc = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    of_libc(_ARENA_MAX, _HEAPS)
