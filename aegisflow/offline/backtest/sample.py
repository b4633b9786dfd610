"""Values of a recording of any length, in memory that does not grow with it."""

from array import array
from random import Random

import numpy as np
from numpy.typing import NDArray

KEPT = 40_000
"""Values that are kept, 8 bytes each: four of them lie beyond the quantile of one in 10,000."""


class Sample:
    """Keeps all values as long as they are few, and then a share of them that is drawn evenly; always the same one."""

    __slots__ = ("_draw", "_kept", "_next", "_weight", "count")

    def __init__(self) -> None:
        self.count = 0
        """Values that were seen."""
        self._kept = array("d")
        self._draw = Random(0)
        self._weight, self._next = 1.0, -1

    def add(self, value: float) -> None:
        """Take in one value."""
        self.count += 1
        if len(self._kept) < KEPT:
            self._kept.append(value)
            return
        if self._next < 0:
            self._skip(KEPT)
        if self.count > self._next:
            self._kept[self._draw.randrange(KEPT)] = value
            self._skip(self.count)

    def _skip(self, seen: int) -> None:
        """Draw which value is the next one to be kept (Li 1994, algorithm L), so that most cost nothing."""
        self._weight *= self._draw.random() ** (1 / KEPT)
        self._next = seen + int(np.log(self._draw.random()) / np.log1p(-self._weight))

    def values(self) -> NDArray[np.float64]:
        """Return what is kept."""
        return np.array(self._kept)
