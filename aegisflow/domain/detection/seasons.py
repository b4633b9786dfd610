"""What time of day, or of week, makes a sensor show, learned without labels where the readings repeat themselves."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_S: Final = 86_400.0
WEEK_S: Final = 7 * 86_400.0
TURNS: Final = 2.5
"""Days, or weeks, of readings from which on one can be told from chance."""
_BINS = {DAY_S: 48, WEEK_S: 168}
_FEWEST: Final = 12
"""Readings in a day below which it has no shape."""
_WORTH: Final = 0.6
"""Part of the variance that must be left at most, in a half of the readings that the shape was not taken from."""
_LONGER: Final = 0.8
"""A week must leave so much less than a day does."""


class Season:
    """The mean of each sensor by time of day or of week, around its level; 0 for one that does not repeat itself."""

    __slots__ = ("_bins", "_period_s", "_rows", "_shape")

    def __init__(self, period_s: float, shape: Floats) -> None:
        """Take a shape: one row for each part of the period, one column for each sensor."""
        self._period_s, self._shape, self._bins = period_s, shape, len(shape)
        self._rows: list[list[float]] = shape.tolist()

    def at(self, at: float) -> list[float]:
        """Return what the instant (UTC epoch seconds) adds to each level, between the middles of two parts."""
        place = (at % self._period_s) / self._period_s * self._bins - 0.5
        before = int(place // 1)
        share = place - before
        low, high = self._rows[before % self._bins], self._rows[(before + 1) % self._bins]
        return [low[sensor] * (1 - share) + high[sensor] * share for sensor in range(len(low))]

    def over(self, at: Floats) -> Floats:
        """Return the same for many instants, one row each."""
        places = (at % self._period_s) / self._period_s * self._bins - 0.5
        before = np.floor(places)
        share = (places - before)[:, None]
        parts = before.astype(int)
        shape = self._shape
        over: Floats = shape[parts % self._bins] * (1 - share) + shape[(parts + 1) % self._bins] * share
        return over

    def only(self, sensors: NDArray[np.bool_]) -> "Season":
        """Return the season of these sensors; the others do not repeat themselves."""
        return Season(self._period_s, self._shape * sensors)


def season_of(rows: Floats, at: Floats) -> Season | None:
    """Return the season that readings show; None where they show none."""
    best: Season | None = None
    left = np.full(rows.shape[1], _WORTH)
    for period_s, bins in _BINS.items():
        span = (at[-1] - at[0]) / period_s
        if span < TURNS or len(at) / span < _FEWEST:
            continue
        bins = min(bins, int(len(at) / span))
        half = len(at) // 2
        learned = _shape(rows[:half], at[:half], period_s, bins)
        later = rows[half:] - np.median(rows[half:], axis=0)
        rest = later - learned.over(at[half:])
        variance = later.var(axis=0)
        ratio = np.where(variance > 0, rest.var(axis=0) / np.maximum(variance, 1e-300), 1.0)
        better = ratio < left * (1.0 if best is None else _LONGER)
        if better.any():
            best, left = _shape(rows, at, period_s, bins).only(better), np.minimum(left, ratio)
    return best


def _shape(rows: Floats, at: Floats, period_s: float, bins: int) -> Season:
    places = ((at % period_s) / period_s * bins).astype(int) % bins
    level = np.median(rows, axis=0)
    shape = np.zeros((bins, rows.shape[1]))
    for place in range(bins):
        here = rows[places == place]
        if len(here):
            shape[place] = here.mean(axis=0) - level
    return Season(period_s, shape)
