"""Tests for a level that has moved: CUSUM finds the beginning of a shift, weighted means say how far it is."""

from typing import Final

SLACK: Final = 0.75
"""Half of the shift that is to be found soonest, in spreads (k)."""
DECISION: Final = 10.0
"""Sum at which a shift is certain for white noise, in spreads (h)."""
CONFIRMED: Final = 0.5
"""What the alarm's on-delay adds to the sum, in spreads, because readings that agree confirm a shift."""

_PER_READING: Final = 0.2
"""Part of the sum at which a shift is certain that one reading may contribute at most."""
BRIEF: Final = 2 / 7
_MEDIUM: Final = 0.05
_LONG: Final = 1 / 60
_ENERGY: Final = 1 / 48
"""Weights of the means."""
N_BRIEF: Final = 6.0
N_MEDIUM: Final = 39.0
N_LONG: Final = 119.0
N_ENERGY: Final = 95.0
"""Readings whose plain mean has the same variance."""


def certain_at(inflation: float) -> float:
    """Return the sum at which a shift is certain where the variance of a mean is inflated by this factor.

    The more neighbouring readings are alike, the less the on-delay confirms.
    """
    return DECISION * inflation - CONFIRMED / inflation


class Cusum:
    """Two-sided cumulative sum of bounded deviations (Page 1954; Montgomery, Statistical Quality Control).

    ``C+ = max(0, C+ + u - k)``, and the mirror image for shifts downwards. With h = 10 and
    k = 0.75 a healthy white sensor crosses h once in some 17 million readings, a shift of 1.7
    spreads after 10. Correlated noise with the variance of its mean inflated by I crosses as rarely
    at h I. The level's own uncertainty is added to k.

    No deviation counts for more than ``bound`` (winsorising, Hawkins 1993). It takes five readings in a row,
    however wild they are, to reach the limit, so a spike of two or three samples is no shift.
    """

    __slots__ = ("bound", "ceiling", "high", "high_run", "low", "low_run", "slack")

    def __init__(self) -> None:
        self.high = self.low = 0.0
        self.high_run = self.low_run = 0
        """Readings since the sum was last 0."""
        self.slack = SLACK
        self.bound = SLACK + _PER_READING * DECISION
        self.ceiling = 2 * DECISION
        """The sums stop here, so that they come down again in time."""

    def update(self, u: float) -> None:
        """Take in a deviation, in spreads."""
        bound = self.bound
        if u > bound:
            u = bound
        elif u < -bound:
            u = -bound
        high = self.high + u - self.slack
        if high <= 0.0:
            self.high = 0.0
            self.high_run = 0
        elif high < self.ceiling:
            self.high = high
            self.high_run += 1
        low = self.low - u - self.slack
        if low <= 0.0:
            self.low = 0.0
            self.low_run = 0
        elif low < self.ceiling:
            self.low = low
            self.low_run += 1

    @property
    def sum(self) -> float:
        """The larger of the two sums."""
        return self.high if self.high >= self.low else self.low

    @property
    def shift(self) -> float:
        """Estimated shift, in spreads: the mean of the bounded deviations since the sum was last 0."""
        if self.high >= self.low:
            # The slack was taken off at each reading of the run, so it belongs to the mean.
            return self.slack + self.high / self.high_run if self.high_run else 0.0
        return -self.slack - self.low / self.low_run

    def widen(self, inflation: float, error: float) -> None:
        """Adapt slack and ceiling to the noise and to the uncertainty of the level.

        A sum above a ceiling that has come down is cut to it, or it would never come down again; its
        run is cut in proportion, so that the estimated shift stays what it was.
        """
        self.slack = SLACK + error
        self.bound = self.slack + _PER_READING * certain_at(inflation)
        self.ceiling = ceiling = 2 * DECISION * inflation
        if self.high > ceiling:
            self.high, self.high_run = ceiling, max(1, round(self.high_run * ceiling / self.high))
        if self.low > ceiling:
            self.low, self.low_run = ceiling, max(1, round(self.low_run * ceiling / self.low))

    def reset(self) -> None:
        """Start both sums from 0 again."""
        self.high = self.low = 0.0
        self.high_run = self.low_run = 0


class Means:
    """Exponentially weighted means of the deviations (EWMA, Roberts 1959) over three horizons.

    An EWMA with weight a has the variance of a mean over (2 - a) / a readings.
    """

    __slots__ = ("brief", "energy", "long", "medium")

    def __init__(self) -> None:
        self.brief = 0.0
        self.medium = 0.0
        self.long = 0.0
        self.energy = 1.0
        """Mean of the squares, up to 5: above 1 when the spread grows or the level moves."""

    def update(self, u: float) -> None:
        """Take in a deviation, in spreads."""
        # The weights above as numbers: to look them up for each value would cost more than the sums.
        self.brief += (u - self.brief) * 0.2857142857142857
        self.medium += (u - self.medium) * 0.05
        self.long += (u - self.long) * 0.016666666666666666
        energy = self.energy + (u * u - self.energy) * 0.020833333333333332
        self.energy = energy if energy < 5.0 else 5.0

    def reset(self) -> None:
        """Start all means from the baseline again."""
        self.brief = self.medium = self.long = 0.0
        self.energy = 1.0
