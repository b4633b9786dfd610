"""Where an excursion of the score begins: one row for one excursion, however long it lasts."""

_OVER = 0.6
"""Score below which an excursion ends, once it has stayed there."""
_STAYED = 36
"""Readings for which it must stay."""


class Onsets:
    """Follows the score of one device, reading by reading.

    ::

        score   .2 .4 1.3 2.1 .8 .4 1.2 .3 ... .3 .2 ... .2 1.6
        onset    0  0 1.3   0  0  0   0  0 ...  0  0 ...  0 1.6
                      └ one excursion ┘ └─ 36 readings ─┘   └ the next
    """

    __slots__ = ("_inside", "_quiet")

    def __init__(self) -> None:
        self._inside = False
        self._quiet = 0

    def take(self, score: float) -> float:
        """Return the score where an excursion begins with this reading, else 0."""
        if score >= 1.0:
            begins, self._inside, self._quiet = not self._inside, True, 0
            return score if begins else 0.0
        if self._inside:
            self._quiet = self._quiet + 1 if score < _OVER else 0
            self._inside = self._quiet < _STAYED
        return 0.0
