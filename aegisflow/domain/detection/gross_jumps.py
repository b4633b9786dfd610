"""What lies far outside of everything that was seen: all that can be told of a sensor that is not known yet."""

from collections.abc import Sequence
from math import inf
from typing import Final

_GROSS: Final = 5.0
"""Widths of everything seen by which a value must lie outside of it."""
_FEWEST: Final = 30
"""Readings of which the width says something."""
_NARROW: Final = 0.01
_RECENT: Final = 60
"""Readings after which what stays far outside is how the device is."""
MOST: Final = 10.0
"""Score beyond which to be farther out says no more: a sensor that has never moved gives no measure."""


class GrossJumps:
    """Scores values against the range that each sensor has shown so far; 1 is five times its width outside of it.

    What was told once has been seen: the range reaches there once it is over. So a phase that comes again, or a
    valve that opens for the first time, is told once, and is learned from when it comes again.
    """

    __slots__ = ("_high", "_low", "_met_high", "_met_low", "_moved", "_run", "_shown", "lasting", "outside", "score")

    def __init__(self, sensors: int) -> None:
        """Begin with nothing seen of so many sensors."""
        self.score = 0.0
        self.lasting = 0.0
        """Of two readings in a row, of sensors that have moved before: the first move of one says nothing more."""
        self.outside = [0.0] * sensors
        self._low, self._high = [inf] * sensors, [-inf] * sensors
        self._met_low, self._met_high = [inf] * sensors, [-inf] * sensors
        """The range of what was far outside, until that is over."""
        self._shown = [0] * sensors
        self._run = 0
        self._moved = 0.0

    def look(self, row: Sequence[float], known: Sequence[bool], places: Sequence[int]) -> None:
        """Score a reading, and let the ranges reach as far as it does.

        Args:
            row: values in the order of the sensors.
            known: which of them are new.
            places: the sensors that are looked at.
        """
        lows, highs, shown, before = self._low, self._high, self._shown, self._moved
        most = moved = 0.0
        for place in places:
            low, high, value = lows[place], highs[place], row[place]
            outside = 0.0
            if low <= high and shown[place] >= _FEWEST:
                most_seen = max(abs(high), abs(low))
                width = high - low + _NARROW * most_seen if low < high else max(most_seen, 1.0)
                outside = min(max(value - high, low - value, 0.0) / (_GROSS * width), MOST)
                if low < high and outside > moved:
                    moved = outside
            self.outside[place] = outside
            if outside > most:
                most = outside
            if known[place]:
                shown[place] += 1
        self.score, self._moved, self.lasting = most, moved, min(moved, before)
        if most >= 1.0:
            self._run += 1
            self._widen(self._met_low, self._met_high, row, places)
            if self._run <= _RECENT:
                return
            self.score = self.lasting = 0.0
        if self._run:
            self._run = 0
            self._widen(lows, highs, self._met_low, places)
            self._widen(lows, highs, self._met_high, places)
            self._met_low, self._met_high = [inf] * len(lows), [-inf] * len(lows)
        self._widen(lows, highs, row, places)

    def accept(self, lows: Sequence[float], highs: Sequence[float], places: Sequence[int]) -> None:
        """Take these ranges for all that was seen."""
        for place in places:
            self._low[place], self._high[place] = lows[place], highs[place]

    @staticmethod
    def _widen(lows: list[float], highs: list[float], row: Sequence[float], places: Sequence[int]) -> None:
        for place in places:
            value = row[place]
            if -inf < value < lows[place]:
                lows[place] = value
            if inf > value > highs[place]:
                highs[place] = value
