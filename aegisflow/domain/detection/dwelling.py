"""How long a state has lasted, against how long it ever has."""

from typing import Final

_FEWEST: Final = 5
"""Times that a state must have been left before its length says something."""
_LONGER: Final = 2.0
"""A state that lasts so many times as long as it ever has is unusual."""


class Dwelling:
    """Scores how long a sensor that knows a few values rests at one; 1 is twice the longest that it ever has.

    A state has no level, and to rest is what it does: only the time between its transitions says that something is
    wrong, such as a valve that does not close.
    """

    __slots__ = ("_before", "_left", "_longest", "_run", "score")

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.score = 0.0
        self._before: float | None = None
        self._run = 0
        self._longest: dict[float, int] = {}
        """By value; and how often it was left."""
        self._left: dict[float, int] = {}

    def update(self, value: float) -> float:
        """Take in the newest value and return the score."""
        before = self._before
        if before is not None and value != before:
            self._longest[before] = max(self._longest.get(before, 0), self._run)
            self._left[before] = self._left.get(before, 0) + 1
            self._run = 0
        self._before = value
        self._run += 1
        known = self._left.get(value, 0) >= _FEWEST
        self.score = self._run / (_LONGER * self._longest[value]) if known else 0.0
        return self.score

    def accept(self) -> None:
        """Take how long the state lasts now as usual."""
        if self._before is not None:
            self._longest[self._before] = max(self._longest.get(self._before, 0), self._run)
