"""What a device goes through again and again: the states of several sensors that were learned."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FAR: Final = 10.0
"""A deviation counts for no more than so many standard deviations."""
_WEIGHT: Final = 0.1
_MOST: Final = 800
_NEAREST: Final = 2
"""States that are kept, and how many may be nearer than the one that counts."""
LEAST_ROOM: Final = 0.05
"""Standard deviations to the limit at least: what repeats itself exactly is no reason to call a rounding unusual."""
_FOLDS: Final = 4
_GLANCE: Final = 400
"""States that show whether they come again: to look at all takes ten times as long, and most devices have none such."""
_COMES_AGAIN: Final = 0.5
"""Part of the distance from as many Gaussian states of the same covariance, up to which states come again."""


class States:
    """States that were learned, evenly chosen from them, and how far others are from the third nearest."""

    __slots__ = ("_sizes", "rows")

    def __init__(self, learned: Floats) -> None:
        """Keep some of these rows."""
        self.rows: Floats = np.ascontiguousarray(learned[:: max(1, len(learned) // _MOST)])
        self._sizes: Floats = (self.rows**2).sum(axis=1)

    def distances(self, rows: Floats) -> Floats:
        """Return the distance of each row."""
        off = self._sizes - 2.0 * rows @ self.rows.T
        squares = np.partition(off, _NEAREST, axis=1)[:, _NEAREST] + (rows**2).sum(axis=1)
        distances: Floats = np.sqrt(np.maximum(squares, 0.0))
        return distances


class KnownStates:
    """Follows how far a device is from the third nearest of the states that were learned (EWMA).

    Batches, tanks and buildings go through phases, of which no level, spread or covariance says what goes with
    what. Their states come again: a quarter of the readings lies much nearer to the others than to random states of
    the same covariance. Where they don't, as in noise or where something drifts, this says nothing of its own.
    """

    __slots__ = ("_centre", "_places", "_scale", "_state", "_states", "distance", "learned")

    def __init__(self, rows: Floats, places: Sequence[int]) -> None:
        """Learn from rows of readings; ``places`` are the sensors that have moved."""
        own = rows[:, places]
        self._places = list(places)
        centre = own.mean(axis=0)
        scale = 1 / np.maximum(own.std(axis=0), 1e-150)
        self._centre: list[float] = centre.tolist()
        self._scale: list[float] = scale.tolist()
        self.learned: list[float] = []
        """The distances that were learned, smoothed; empty where states do not come again."""
        self.distance = 0.0
        states = np.clip((own - centre) * scale, -_FAR, _FAR)
        self._state: list[float] = states[-1].tolist()
        self._states = States(states)
        self._compare(states)

    def _compare(self, states: Floats) -> None:
        factor = np.linalg.cholesky(np.cov(states.T) + 1e-9 * np.eye(states.shape[1]))
        drawn = np.random.default_rng(0).standard_normal(states.shape) @ factor.T
        few = max(1, len(states) // _GLANCE)
        if np.median(self._apart(states, few)) > _COMES_AGAIN * np.median(self._apart(drawn, few)):
            return
        off = self._apart(states, 1)
        self.distance = float(np.median(off))
        for each in off:
            self.distance += _WEIGHT * (each - self.distance)
            self.learned.append(self.distance)

    @staticmethod
    def _apart(states: Floats, step: int) -> list[float]:
        """Return how far each ``step``-th state is from those of the other quarters."""
        off: list[float] = []
        for begin, end in pairwise(np.linspace(0, len(states), _FOLDS + 1).astype(int).tolist()):
            others = States(np.concatenate([states[:begin], states[end:]]))
            off += others.distances(states[begin:end:step]).tolist()
        return off

    def take(self, row: Sequence[float], counted: Sequence[bool]) -> None:
        """Take in a reading, of which the values count that are known and not doubted."""
        state, known = self._state, []
        for slot, place in enumerate(self._places):
            if counted[place]:
                off = (row[place] - self._centre[slot]) * self._scale[slot]
                state[slot] = _FAR if off > _FAR else -_FAR if off < -_FAR else off
                known.append(slot)
        if len(known) == len(state):
            distance = float(self._states.distances(np.array([state]))[0])
        else:  # how far it is at least
            off_each = ((self._states.rows[:, known] - np.array(state)[known]) ** 2).sum(axis=1)
            distance = float(np.sqrt(np.partition(off_each, _NEAREST)[_NEAREST]))
        self.distance += _WEIGHT * (distance - self.distance)

    def shares(self) -> list[float]:
        """Return for each of the sensors that have moved how far it is from the nearest state, squared."""
        newest = np.array(self._state)
        states = self._states.rows
        nearest = states[int(((states - newest) ** 2).sum(axis=1).argmin())]
        shares: list[float] = ((newest - nearest) ** 2).tolist()
        return shares
