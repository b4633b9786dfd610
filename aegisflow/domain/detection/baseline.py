"""What is usual for one sensor: its level, its spread, and how far its noise is from white."""

from array import array
from itertools import pairwise
from math import sqrt, ulp
from statistics import median
from typing import Final

BLOCK: Final = 60
"""Readings in a block, which are learned from together."""
MEMORY: Final = 720
"""Readings over which the level is forgotten."""
SPREAD_MEMORY: Final = 2160
"""Readings over which the spread is forgotten."""
CLIP: Final = 4.0
"""A deviation counts for no more than this many spreads, so that one wild value teaches nothing."""

_AGREEMENT: Final = 0.75
"""Two blocks start a baseline when their medians are no more than this many spreads apart."""
_MAX_WARM_UP: Final = 12
"""Blocks after which the newest is taken as it is, whether it agrees or not."""
_SIGMA: Final = 1.4826
"""Standard deviation of a Gaussian whose median absolute deviation is 1."""
_BIAS_BLOCKS: Final = 6
_TREND_GAIN: Final = 1 / 12
"""Ratio of the gain of the trend to that of the level; a daily wave is then followed with a damping of 0.5."""
_FADING: Final = 0.97
"""Part of the trend that is kept after each block that could not be learned from."""
_ROAMING_KEPT: Final = 0.995
"""Part of the largest trend that is kept after each block; it halves in 140 of them."""
_MAX_UNSURE: Final = 1.0
_LAG: Final = 3
"""Blocks that are compared lie this many blocks apart."""
_DELAY: Final = 3
"""The random walk is measured this many blocks late, because a fault is an alarm by then."""
_RANDOM_WALK_MEMORY: Final = 96
_RANDOM_WALK_PRIOR: Final = 3
_HONEST: Final = 2.0
"""Differences below this multiple of what noise alone makes may be chance."""
_DOUBT: Final = 2.5
_DOUBT_RANDOM_WALK: Final = 0.03
"""A young baseline, which cannot have seen a stroll yet, starts from this multiple of the noise, plus this."""
_WHOLE: Final = 3.0
"""Ratio of the variance of a level that strolls for some six blocks to half the mean square difference."""


class Baseline:
    """Level and spread of a sensor in health, over thousands of readings.

    Warm-up takes two blocks of 60 readings whose medians agree. While they do not, something is
    going on, and the baseline waits (for at most 12 blocks). Level and spread come from median and
    MAD, so that a few wild values do not matter. From then on ``u = (value - level) / spread``,
    clipped, is summed up per block. A block is learned one block later, if nothing was suspected
    in the meantime, so that neither a fault nor its beginning is learned.

    The noise of a process is rarely white, and two figures say how far it is from that:

    - ``inflation``, by which the variance of a mean exceeds that of independent readings:
      (1 + r) / (1 - r), r being the lag-1 correlation within blocks (first-order autoregression).
    - ``random_walk_variance``, the variance of a level that strolls by itself, so that no mean
      averages it away. Half the mean square difference of block means three blocks apart (batch
      means; the structure function of turbulence) shows it, and hardly shows a slow daily cycle.
      Only what exceeds twice the figure of noise alone counts. It is measured on blocks half an
      hour old, up to which no alarm was raised. They may have been suspected, since a plant whose
      levels stroll is suspected all the time.

    The level adapts as an exponentially weighted average whose memory grows with what was seen, and it
    has a trend (double exponential smoothing, Holt 1957; damped after Gardner and McKenzie 1985). Without
    one, the level would lag behind a daily wave, the lag would be suspected, the suspicion would stop the
    learning, and the lag would grow into an alarm. So the level goes on by its trend while it may not
    learn, and ``unsure`` says how wrong it may be by then: the largest recent trend times the blocks.
    Noise that is not white makes trends by chance, so the gain is divided by ``total_inflation``.
    """

    __slots__ = (
        "_agreeing",
        "_before",
        "_blocks",
        "_difference",
        "_differences",
        "_means",
        "_pending",
        "_products",
        "_roaming",
        "_squares",
        "_sum",
        "_warm",
        "bias",
        "correlation",
        "count",
        "energy_variance",
        "full",
        "in_block",
        "inflation",
        "level",
        "random_walk_variance",
        "scale",
        "spread",
        "trend",
        "unsure",
    )

    def __init__(self) -> None:
        self.level = 0.0
        """In the sensor's unit."""
        self.spread = 0.0
        """In the sensor's unit; 0 while warming up."""
        self.scale = 0.0
        """1 / spread; 0 while warming up."""
        self.count = 0
        """How many readings the baseline was learned from."""
        self.correlation = 0.0
        self.random_walk_variance = 0.0
        """Variance of a level that strolls by itself, in squared spreads; 0 where that may be chance."""
        self.energy_variance = 1 / BLOCK
        """Half the variance of a block's mean square; 1/60 for white Gaussian noise."""
        self._difference = 0.0
        self._differences = 0
        self.inflation = 1.0
        self.bias = 0.0
        """By how much the level has lately lagged behind the sensor, in spreads."""
        self.trend = 0.0
        """By how much the level moves from block to block, in the sensor's unit."""
        self.unsure = 0.0
        """Spreads by which the level may have moved since it was last learned."""
        self._roaming = 0.0
        """The largest recent trend, without its sign."""
        self.full = False
        """Whether a block is complete, so that it waits to be learned or dropped."""
        self.in_block = 0
        # Eight bytes a value, where a list takes 32: at the first start all devices warm up at once.
        self._warm: array[float] | None = array("d")
        self._agreeing: tuple[float, float] | None = None
        self._blocks = 0
        self._sum = self._squares = self._products = self._before = 0.0
        self._pending: tuple[float, float, float] | None = None
        self._means: tuple[float, ...] = ()

    def warm_up(self, value: float, resolution: float) -> None:
        """Take in a value before there is a baseline."""
        warm = self._warm
        if warm is None:
            return
        warm.append(value)
        if len(warm) < BLOCK:
            return
        self._blocks += 1
        level, spread = _robust(warm, resolution)
        before = self._agreeing
        agree = before is not None and abs(level - before[0]) <= _AGREEMENT * max(spread, before[1])
        if agree or self._blocks >= _MAX_WARM_UP:
            known = before if agree and before is not None else (level, spread)
            self.begin((level + known[0]) / 2, sqrt((spread**2 + known[1] ** 2) / 2), BLOCK * (1 + agree))
            centred = [(value - self.level) * self.scale for value in warm]
            correlation = sum(a * b for a, b in pairwise(centred))
            self._correlate(correlation, sum(u * u for u in centred), 1)
            self._difference = _DOUBT * self.inflation / BLOCK + _DOUBT_RANDOM_WALK
            self._widen()
        else:
            self._agreeing = (level, spread)
            self._warm = array("d")

    def begin(self, level: float, spread: float, count: int) -> None:
        """Start from a known level and spread, learned from ``count`` readings."""
        self.level, self.count, self.bias, self.trend = level, count, 0.0, 0.0
        self.unsure = self._roaming = 0.0
        self._set_spread(spread)
        self._warm = self._agreeing = self._pending = None
        self._blocks = 0
        self._means = ()
        self._begin_block()

    def begin_again(self) -> None:
        """Drop what a warm-up has seen so far, because something is wrong with the device."""
        if self._warm is not None:
            self._warm, self._agreeing, self._blocks = array("d"), None, 0

    def accept(self, level: float, spread: float) -> None:
        """Take what has lasted as usual; the way to it also shows how far the level strolls."""
        shift = (level - self.level) * self.scale
        difference, differences = self._difference, self._differences
        self.begin(level, spread, BLOCK)
        self._difference = difference + (min(shift * shift / 2, 2 * CLIP) - difference) / 2
        self._differences = differences
        self._widen()

    def move(self, level: float) -> None:
        """Go on at another level, which is usual from now on."""
        self.level, self.count, self.bias, self.unsure = level, BLOCK, 0.0, 0.0
        self._means, self._pending = (), None
        self._begin_block()

    def add(self, u: float) -> None:
        """Count a clipped deviation, in spreads, into the current block."""
        self._sum += u
        self._squares += u * u
        self._products += u * self._before
        self._before = u
        self.in_block += 1
        if self.in_block == BLOCK:
            self.full = True

    def close_block(self, clean: bool, moved: bool, drifting: bool = False) -> None:
        """End the block that is complete, and learn from the one before it.

        Args:
            clean: whether nothing was suspected since the complete block began; only then is anything learned.
            moved: whether an alarm or a change of load moved the level, which is no random walk then.
            drifting: whether the trend may be the instruments' own, in which case it is not followed.
        """
        mean = self._sum / BLOCK
        if moved:
            self._means = ()
        else:
            self._measure_random_walk(self.level + mean * self.spread)
        if not drifting:
            self.level += self.trend
        if not clean:
            self._pending = None
            self.trend *= _FADING
            self.unsure = min(_MAX_UNSURE, self.unsure + self._roaming * self.scale)
        else:
            if self._pending is not None:
                self._learn(*self._pending)
            self._pending = (mean, self._squares / BLOCK, self._products / BLOCK)
        self._begin_block()

    def _begin_block(self) -> None:
        self._sum = self._squares = self._products = self._before = 0.0
        self.in_block = 0
        self.full = False

    def _learn(self, mean: float, square: float, product: float) -> None:
        self.count += BLOCK
        self._blocks += 1
        self.bias += (mean - self.bias) / _BIAS_BLOCKS
        self._correlate(product - mean * mean, square - mean * mean, 4 + min(self._blocks, 48))
        step = mean * self.spread * BLOCK / min(self.count, MEMORY)
        self.level += step
        if self.count >= MEMORY:
            self.trend += step * _TREND_GAIN / self.total_inflation
        self.unsure *= 1 - BLOCK / min(self.count, MEMORY)
        self._roaming = max(abs(self.trend), self._roaming * _ROAMING_KEPT)
        self.energy_variance += (min((square - 1) ** 2 / 2, CLIP) - self.energy_variance) / (4 + min(self._blocks, 48))
        gain = BLOCK / min(self.count, SPREAD_MEMORY)
        # One quiet block halves the spread at most.
        self._set_spread(self.spread * sqrt(max(0.25, 1 + gain * (square - 1))))

    def _correlate(self, covariance: float, variance: float, memory: int) -> None:
        if variance > 0:
            # What is added is what the mean of a block takes from the correlation within it. At 1 no mean would
            # say anything.
            r = max(-0.5, min(0.98, covariance / variance + 1 / BLOCK))
            self.correlation += (r - self.correlation) / memory
        self._widen()

    def _measure_random_walk(self, block_level: float) -> None:
        """Compare the level of the block three blocks ago with that of the block three before it."""
        # The newest seven: two blocks three apart, and three behind them that are too young to be believed.
        self._means = means = (*self._means[1 - _LAG - _DELAY - 1 :], block_level)
        if len(means) < _LAG + _DELAY + 1:
            return
        difference = (means[_LAG] - means[0]) * self.scale
        self._differences += 1
        memory = _RANDOM_WALK_PRIOR + min(self._differences, _RANDOM_WALK_MEMORY)
        self._difference += (min(difference * difference / 2, CLIP) - self._difference) / memory
        self._widen()

    def _widen(self) -> None:
        r = max(0.0, self.correlation)
        self.inflation = (1 + r) / (1 - r)
        noise = self.inflation / BLOCK
        self.random_walk_variance = _WHOLE * (self._difference - noise) if self._difference > _HONEST * noise else 0.0

    @property
    def total_inflation(self) -> float:
        """Factor on the variance of a mean over a block, random walk included."""
        return self.inflation + BLOCK * self.random_walk_variance

    def _set_spread(self, spread: float) -> None:
        # Never 0, and never less than a float can tell apart beside the level.
        self.spread = max(spread, 1e-6 * abs(self.level), 4 * ulp(self.level), 1e-150)
        self.scale = 1 / self.spread

    @property
    def unproven(self) -> bool:
        """Whether nothing has been learned since the warm-up."""
        return self.scale > 0 and self._blocks == 0

    def error(self, readings: float) -> float:
        """Return the standard error, in spreads, of a mean over this many readings against this level."""
        return sqrt(self.inflation * (1 / readings + 1 / min(self.count + 1, MEMORY)) + self.random_walk_variance)


def _robust(values: "array[float]", resolution: float) -> tuple[float, float]:
    """Return level and spread by median and MAD; a sensor at rest has at least its resolution as spread.

    Where the MAD is below the resolution, most values are the same and it says nothing about the
    others. The standard deviation of the clipped values then says more.
    """
    level = median(values)
    deviations = [abs(value - level) for value in values]
    spread = _SIGMA * median(deviations)
    if spread <= 2 * resolution:
        clip = CLIP * max(spread, 2 * resolution)
        spread = sqrt(sum(min(deviation, clip) ** 2 for deviation in deviations) / len(deviations))
    # It has never moved, so what is usual for it can only be guessed.
    if spread == 0.0:
        return level, max(2 * resolution, abs(level) / 100)
    return level, max(spread, resolution)
