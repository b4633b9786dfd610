"""Tests for a level that has moved: CUSUM for its beginning, weighted means for how far it is."""

SLACK = 0.75
"""Half of the shift, in spreads, that is to be found soonest (k)."""
DECISION = 10.0
"""Sum, in spreads, at which a shift is certain for white noise (h)."""


CONFIRMED = 0.5
"""Spreads of the sum that the alarm's on-delay is worth: readings that agree confirm a shift."""


def certain_at(inflation: float) -> float:
    """Return the sum at which a shift is certain, where the variance of a mean is inflated by so much.

    Where neighbours are alike, the on-delay confirms nothing.
    """
    return DECISION * inflation - CONFIRMED / inflation


class Cusum:
    """Two-sided cumulative sum (Page 1954; tabular form of Montgomery, Statistical Quality Control).

    ``C+ = max(0, C+ + u - k)``, and the mirror image for shifts downwards. With h = 10 and
    k = 0.75 a healthy white sensor crosses h once in some 17 million readings, a shift of 1.7
    spreads after 10. Correlated noise with the variance of its mean inflated by I crosses as rarely
    at h I. The level's own uncertainty is added to k.
    """

    __slots__ = ("high", "high_run", "low", "low_run", "most", "slack")

    def __init__(self) -> None:
        self.high = self.low = 0.0
        self.high_run = self.low_run = 0
        """Readings since the sum was last 0."""
        self.slack = SLACK
        self.most = 2 * DECISION
        """The sums stop here, so that they also come down again."""

    def update(self, u: float) -> None:
        """Take in a deviation."""
        high = self.high + u - self.slack
        if high <= 0.0:
            self.high = 0.0
            self.high_run = 0
        elif high < self.most:
            self.high = high
            self.high_run += 1
        low = self.low - u - self.slack
        if low <= 0.0:
            self.low = 0.0
            self.low_run = 0
        elif low < self.most:
            self.low = low
            self.low_run += 1

    @property
    def sum(self) -> float:
        """The larger of both sums."""
        return self.high if self.high >= self.low else self.low

    @property
    def shift(self) -> float:
        """Estimated shift, in spreads: the mean deviation since the sum was last 0."""
        if self.high >= self.low:
            return self.slack + self.high / self.high_run if self.high_run else 0.0
        return -self.slack - self.low / self.low_run

    def widen(self, inflation: float, error: float) -> None:
        """Adapt slack and ceiling to the noise and to the uncertainty of the level.

        A sum above a ceiling that has come down is cut to it, or it would never come down again; its
        run is cut in proportion, so that the estimated shift stays what it was.
        """
        self.slack = SLACK + error
        self.most = most = 2 * DECISION * inflation
        if self.high > most:
            self.high, self.high_run = most, max(1, round(self.high_run * most / self.high))
        if self.low > most:
            self.low, self.low_run = most, max(1, round(self.low_run * most / self.low))

    def reset(self) -> None:
        """Forget what was summed up."""
        self.high = self.low = 0.0
        self.high_run = self.low_run = 0


class Means:
    """Exponentially weighted means of the deviations (EWMA, Roberts 1959) over three horizons.

    An EWMA with weight a has the variance of a mean over (2 - a) / a readings.
    """

    __slots__ = ("brief", "energy", "long", "medium")

    BRIEF, MEDIUM, LONG, ENERGY = 2 / 7, 0.05, 1 / 60, 1 / 48
    N_BRIEF, N_MEDIUM, N_LONG, N_ENERGY = 6.0, 39.0, 119.0, 95.0
    """Readings whose plain mean would be as certain."""

    def __init__(self) -> None:
        self.brief = 0.0
        self.medium = 0.0
        self.long = 0.0
        self.energy = 1.0
        """Mean of the squares, up to 5: above 1 when the spread grows or the level moves."""

    def update(self, u: float) -> None:
        """Take in a deviation."""
        self.brief += (u - self.brief) * 0.2857142857142857
        self.medium += (u - self.medium) * 0.05
        self.long += (u - self.long) * 0.016666666666666666
        energy = self.energy + (u * u - self.energy) * 0.020833333333333332
        self.energy = energy if energy < 5.0 else 5.0

    def reset(self) -> None:
        """Begin at the baseline."""
        self.brief = self.medium = self.long = 0.0
        self.energy = 1.0
