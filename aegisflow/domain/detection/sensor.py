"""All detectors of one sensor, fed together."""

from math import cbrt, inf, sqrt
from typing import Final

from aegisflow.domain.detection.baseline import BLOCK, CLIP, MEMORY, SPREAD_MEMORY, Baseline
from aegisflow.domain.detection.flatline import MIN_MISSED, Flatline, Silent
from aegisflow.domain.detection.limits import PACE_S, LimitCheck
from aegisflow.domain.detection.oscillation import Oscillation
from aegisflow.domain.detection.refusals import Refusals
from aegisflow.domain.detection.shift import (
    BRIEF,
    DECISION,
    N_BRIEF,
    N_ENERGY,
    N_LONG,
    N_MEDIUM,
    Cusum,
    Means,
    certain_at,
)
from aegisflow.domain.detection.zscore import ZScore
from aegisflow.domain.equipment import SensorSpec
from aegisflow.domain.interval import FIRST, Interval, stale_after_s

MIN_SHIFT: Final = 0.9
"""Spreads by which a level must at least have moved, with or without a deadband."""
_MIN_REACH: Final = 4.0
_MAX_REACH: Final = 7.0
_REACH: Final = 10.0
"""Standard deviations of the brief mean by which it must come back to have turned; 4 to 7 spreads."""
_CERTAIN_LONG: Final = 6.0
"""Standard errors of the long mean from which on a shift is certain."""
_SLOW_DEADBANDS: Final = 1.5
"""Deadbands that a shift must reach by the long mean."""
_HYSTERESIS: Final = 0.6
_STILL: Final = 2.0
"""Part of the deadband, and standard errors, from which on a level that was off is still off."""
_NO_BIAS: Final = 0.1
"""Spreads by which a mean over half an hour may be off by chance."""
_STROLLS: Final = 3.0
"""A level that strolls must have moved by this many of its own standard deviations."""
_CROSSED: Final = 0.8
"""A sum that has crossed its limit counts until it falls below this part of it."""
FAR: Final = 20.0
"""Spreads from the level beyond which a value that repeats itself exactly may stand for no value."""
MARKER_TIMES: Final = 5
_NEGATIVE_MARKER: Final = -50.0
_NINES: Final = 99
_LEANING: Final = 3.0
_MARGIN: Final = 1.0
"""Standard deviations of the brief mean by which it may lie outside of the normal range by chance."""
_TOLERANCE: Final = 1.5
"""Standard errors of the spread that are allowed for (tolerance limits, Howe 1969)."""
_MOVING: Final = 0.4
_MOVED: Final = 3.0
"""Deadbands, and standard errors, between the means of two windows from which on a level is moving."""
_SATURATED: Final = 0.9
"""Part of what a bounded mean can show at most, from which on it says no more than "at least so much"."""
_RARE: Final = 4.5
"""Standard errors by which a mean is off by chance once in hundreds of thousands of readings."""


class SensorDetector:
    """Watches one sensor: its z-score and limits, and against its baseline shift, oscillation, flatline and silence.

    The deviation ``u = (value - level) / spread`` is clipped to ±4, so that one wild value is no
    shift. A shift is confirmed when it is certain (by CUSUM, or by the long mean at 6 standard errors)
    and large enough to matter (beyond the sensor's deadband and 0.9 spreads).
    """

    __slots__ = (
        "_told_at",
        "at",
        "baseline",
        "certain",
        "cusum",
        "deadband",
        "energy_mean",
        "energy_scale",
        "flatline",
        "guard",
        "interval",
        "level_scale",
        "limit",
        "long_error",
        "means",
        "medium_error",
        "name",
        "noise",
        "odd",
        "oscillation",
        "reach",
        "refusals",
        "silence",
        "spec",
        "zscore",
    )

    def __init__(self, spec: SensorSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.at = -inf
        """When the newest value was measured, which the caller notes; UTC epoch seconds by the device's clock."""
        self.zscore = ZScore(spec.detector)
        self.limit = LimitCheck(spec)
        self.baseline = Baseline()
        self.deadband = spec.deadband or 0.0
        """The shift that matters, in the sensor's unit."""
        self.cusum = Cusum()
        self.means = Means()
        self.oscillation = Oscillation()
        self.flatline = Flatline()
        self.silence = Silent()
        self.interval: Interval | None = None
        """How often it reports, where that is more seldom than its device; None where it is in every reading."""
        self._told_at = -inf
        """When the value that is held was told."""
        self.refusals: Refusals | None = None
        """What it said and nobody could use; None for a sensor of which everything was good, as almost all are."""
        self.odd: tuple[float, int] | None = None
        """A value far outside, and how often exactly that has come; None before the first."""
        self.guard = DECISION / 2
        """CUSUM from which on a shift is suspected."""
        self.reach = _MIN_REACH
        self.noise = 0.0
        """Standard deviation of the brief mean, in spreads (an EWMA over a first-order autoregression)."""
        self.long_error = self.medium_error = 0.0
        """Standard errors of the long and the medium mean, in spreads."""
        self.certain = 0.0
        """CUSUM from which on a shift is certain."""
        self.level_scale = self.energy_scale = 0.0
        """Factors that make medium mean and energy comparable between sensors: 1 is rare for each."""
        self.energy_mean = 1.0

    def update(self, value: float, gap_s: float = PACE_S) -> bool:
        """Take in the newest value and return whether anything about the sensor may matter now.

        Args:
            value: in the sensor's unit.
            gap_s: seconds since the value before it.
        """
        zscore = self.zscore
        same = value == zscore.value
        zscore.update(value)
        limit = self.limit
        limit.update(value, gap_s)
        flatline = self.flatline
        if same or flatline.run:
            if not self.spec.by_exception:  # whose value, told again, is one that has not changed
                flatline.update(same)
        else:
            # What flatline.update does with a value that ends no run, as almost none does, but without the call.
            flatline.seen += 1
        baseline = self.baseline
        scale = baseline.scale
        if not scale:
            baseline.warm_up(value, zscore.resolution)
            if baseline.scale:
                self.adapt()
            return limit._outside > 0.0
        # The instrument repeats itself, and the process is not seen: nothing to judge, and nothing to learn.
        if same and flatline.tells_nothing:
            return self.odd is None or self.odd[0] != value or not self._is_marker(value)
        u = (value - baseline.level) * scale
        if u > CLIP:
            if u > FAR and self._is_marker(value):
                return False
            u = CLIP
        elif u < -CLIP:
            if u < -FAR and self._is_marker(value):
                return False
            u = -CLIP
        cusum, means, oscillation = self.cusum, self.means, self.oscillation
        cusum.update(u)
        means.update(u)
        oscillation.update(means.brief, self.reach)
        baseline.add(u)
        guard = self.guard
        suspected = cusum.high > guard or cusum.low > guard
        return suspected or oscillation.turns > 1 or limit._outside > 0.0 or flatline.run > 9

    def _is_marker(self, value: float) -> bool:
        """Return whether a value far outside seems to say that there is none, since exactly that comes again and again.

        Where a limit of the plant speaks of such values, they are values. Nor does a flow that stops at 0, or an
        output at the end of its range, say that there is none.
        """
        if self.limit.limited or not _looks_like_none(value, self.baseline.level):
            return False
        if self.odd is None or self.odd[0] != value:
            self.odd = (value, 1) if self.odd is None or self.odd[1] < MARKER_TIMES else self.odd
            return False
        self.odd = (value, self.odd[1] + 1)
        if self.odd[1] == MARKER_TIMES:
            self.reset()  # the first of them looked like a shift
        return self.odd[1] >= MARKER_TIMES

    @property
    def marker(self) -> str:
        """What is worth knowing of a value that seems to say that there is none; empty without one."""
        if self.odd is None or self.odd[1] < MARKER_TIMES:
            return ""
        value, times = self.odd
        return (
            f"{self.name} has said {value:g} {times:,} times, far outside of what it says otherwise; if that means "
            f"that it has no value, give it missing_values: [{value:g}]"
        )

    @property
    def at_marker(self) -> bool:
        """Whether the newest value is one that seems to say that there is none."""
        return self.odd is not None and self.odd[1] >= MARKER_TIMES and self.zscore.value == self.odd[0]

    @property
    def value(self) -> float:
        """The newest value as it was reported."""
        return self.zscore.value

    def miss(self, at: float) -> bool:
        """Take note of a reading without a value, and return whether anything about the sensor may matter now.

        One that reports by exception is known all the same: no value means no change.
        """
        silence = self.silence
        silence.missed += 1
        if not self.spec.by_exception:
            if self.interval is None:
                self.interval = Interval()
                self.interval.note(self.at)
            return silence.missed > MIN_MISSED
        if not self.is_known:
            return False
        if silence.missed == 1:
            self._told_at = self.at
        self.limit.update(self.zscore.value, at - self.at)
        self.at = at
        overdue = self.spec.stale_after_s is not None and at - self._told_at > self.spec.stale_after_s
        return overdue or self.suspected or self.limit._outside > 0.0

    def set_back(self, by_s: float) -> None:
        """Take note that what was now lay ahead of it by so many seconds."""
        self.at -= by_s
        self._told_at -= by_s
        if self.interval is not None:
            self.interval.interrupted()

    @property
    def is_known(self) -> bool:
        """Whether it has a value on which nothing unusable has followed."""
        return self.at > -inf and not (self.refusals is not None and self.refusals.run)

    @property
    def told_at(self) -> float:
        """When the newest value was told, which one that reports by exception goes on to have."""
        return self._told_at if self.spec.by_exception and self.silence.missed else self.at

    def stale_after_s(self, device: Interval) -> float:
        """Return after how many seconds without a value it is stale; ``device`` is how often its device reports."""
        spec, own = self.spec, self.interval
        if spec.stale_after_s is None and spec.by_exception:
            return inf
        if own is None or (not own.patience_s and self.zscore.window.count >= FIRST):
            own = device
        return stale_after_s(spec.stale_after_s, own)

    def adapt(self) -> None:
        """Fit the limits of all detectors to what the baseline has learned."""
        baseline = self.baseline
        inflation = baseline.total_inflation
        self.cusum.widen(
            inflation,
            sqrt(baseline.inflation / min(baseline.count + 1, MEMORY))
            + max(0.0, abs(baseline.bias) - _NO_BIAS)
            + baseline.unsure,
        )
        self.guard = DECISION * inflation / 2
        self.certain = certain_at(inflation)
        self.long_error, self.medium_error = baseline.error(N_LONG), baseline.error(N_MEDIUM)
        least = max(MIN_SHIFT, _STROLLS * sqrt(baseline.random_walk_variance))
        self.deadband = max(self.spec.deadband or 0.0, least * baseline.spread)
        carried = _carried(max(0.0, baseline.correlation) * (1 - BRIEF))
        self.noise = sqrt(carried / N_BRIEF + baseline.random_walk_variance)
        self.reach = min(_MAX_REACH, max(_MIN_REACH, _REACH * self.noise))
        # A tolerance limit: the spread is itself known with an error only, which grows smaller with what was
        # learned.
        rare = _RARE * (1 + _TOLERANCE * sqrt(baseline.inflation / (2 * min(baseline.count + 1, SPREAD_MEMORY))))
        self.level_scale = 1 / (rare * self.medium_error)
        # The mean square of values that are alike says no more than that of fewer independent ones.
        freedom = N_ENERGY / max(baseline.energy_variance * BLOCK, _carried(baseline.correlation**2))
        self.energy_mean = 1 - 2 / (9 * freedom)
        self.energy_scale = 1 / (rare * sqrt(2 / (9 * freedom)))

    def rebase(self) -> None:
        """Take the mean of the window as the level that is usual from now on."""
        mean = self.zscore.window.mean
        if mean is not None and self.baseline.scale:
            self.baseline.move(mean)
            self.adapt()
            self.reset()

    @property
    def unacceptable(self) -> str:
        """Why nobody can say that its level is normal; empty where somebody can."""
        if not self.ready or self.zscore.window.mean is None:
            return "nothing is known of it yet"
        if self.limit.limited and (self.limit.beyond or self.limit.held):
            return "it is beyond its alarm limit, which plant.yaml gives"
        if self.flatline.present:
            return "it is stuck"
        return "it swings, and has no level" if self.oscillation.present else ""

    def accept(self) -> None:
        """Take mean and spread of the window as usual from now on."""
        window = self.zscore.window
        if self.baseline.scale and window.mean is not None and window.spread is not None:
            # A window may be quieter than the sensor is, so the spread halves at most.
            self.baseline.accept(window.mean, max(window.spread, self.baseline.spread / 2))
            self.adapt()
            self.reset()

    def forget(self) -> None:
        """Start the baseline from scratch."""
        self.baseline = Baseline()
        self.deadband = self.spec.deadband or 0.0

    def reset(self) -> None:
        """Forget what is suspected of the sensor, as after an alarm; the baseline stays."""
        self.cusum.reset()
        self.means.reset()
        self.oscillation = Oscillation()

    @property
    def excess_variance(self) -> float:
        """How far the mean square is above that of the baseline, in a unit of which 1 is rare.

        Its cube root is all but Gaussian (Wilson and Hilferty 1931).
        """
        return (cbrt(self.means.energy) - self.energy_mean) * self.energy_scale

    @property
    def ready(self) -> bool:
        """Whether the sensor has a baseline."""
        return self.baseline.scale > 0

    @property
    def suspected(self) -> bool:
        """Whether the level may have begun to move."""
        return self.cusum.high > self.guard or self.cusum.low > self.guard

    @property
    def moved(self) -> float:
        """How far the smoothed value is off its level, in deadbands; without a baseline, off its normal range."""
        deadband, smooth = self.deadband, self.limit.smooth
        if not deadband:
            return 0.0
        if self.baseline.scale:
            return (smooth - self.baseline.level) / deadband
        low, high = self.spec.normal.low, self.spec.normal.high
        if high is not None and smooth > high:
            return (smooth - high) / deadband
        return (smooth - low) / deadband if low is not None and smooth < low else 0.0

    def shifted(self, times: float = 1.0, crossed: bool = False) -> int:
        """Return 1 for a confirmed shift upwards, -1 for one downwards, and 0 for none.

        Args:
            times: how many deadbands a shift must reach.
            crossed: whether the shift was confirmed one reading ago, so that hysteresis applies.
        """
        scale, cusum = self.baseline.scale, self.cusum
        if not scale:
            return 0
        deadband = self.deadband * scale * times
        certain = self.certain * (_CROSSED if crossed else 1.0)
        largest = cusum.sum
        if largest > 0.5 * certain and (largest > certain or self.zscore.persistent):
            shift = self._size(cusum.shift)
            if abs(shift) >= deadband:
                return 1 if shift > 0 else -1
        long = self.means.long
        if abs(long) >= max(_SLOW_DEADBANDS * deadband, _CERTAIN_LONG * self.long_error):
            return 1 if long > 0 else -1
        return 0

    def held(self, times: float = 1.0) -> int:
        """Return the direction in which the level is still off by so many deadbands, with hysteresis: 1, -1 or 0."""
        baseline = self.baseline
        if not baseline.scale:
            return 0
        medium = self.means.medium
        medium = self._unclipped(medium)
        if abs(medium) >= max(_HYSTERESIS * times * self.deadband * baseline.scale, _STILL * self.medium_error):
            return 1 if medium > 0 else -1
        return 0

    def _unclipped(self, mean: float) -> float:
        """Return a mean of clipped deviations, or where nearly all were clipped what the newest values say."""
        return self._seen(mean) if abs(mean) >= _SATURATED * CLIP else mean

    def _size(self, shift: float) -> float:
        """Return the size of a certain shift, in spreads, of which the sum of bounded deviations shows a part only."""
        medium, bound = self.means.medium, self.cusum.bound
        if medium * shift > 0 and abs(medium) > abs(shift):
            shift = medium
        return self._seen(shift) if abs(shift) >= _SATURATED * bound else shift

    def _seen(self, shift: float) -> float:
        """Return a shift that is as large as its measure can show, or as large as both newest and smoothed value are.

        Where the noise is small beside the deadband, clipped deviations can never be as large as that.
        """
        level, scale = self.baseline.level, self.baseline.scale
        value, smooth = (self.zscore.value - level) * scale, (self.limit.smooth - level) * scale
        if shift > 0:
            return max(shift, min(value, smooth))
        return min(shift, max(value, smooth))

    @property
    def within_normal(self) -> bool | None:
        """Whether the mean of the window lies within the normal range; None where no range is given."""
        normal, mean = self.spec.normal, self.zscore.window.mean
        if mean is None or (normal.low is None and normal.high is None):
            return None
        return (normal.low is None or mean >= normal.low) and (normal.high is None or mean <= normal.high)

    @property
    def ordinary(self) -> bool:
        """Whether what a shift shows lies where the sensor ordinarily is: inside its normal range, noise allowed for.

        A sensor without a normal range on the side that it has moved to is never ordinary.
        """
        smooth, normal = self.limit.smooth, self.spec.normal
        margin = _MARGIN * self.noise * self.baseline.spread
        if smooth >= self.baseline.level:
            return normal.high is not None and smooth <= normal.high + margin
        return normal.low is not None and smooth >= normal.low - margin

    def moved_since(self, mean: float) -> bool:
        """Return whether the mean of the window is off an earlier one by so much that the level still moves."""
        now, baseline = self.zscore.window.mean, self.baseline
        noise = baseline.spread * sqrt(2 * baseline.inflation / BLOCK)
        return now is not None and abs(now - mean) > max(_MOVING * self.deadband, _MOVED * noise)

    def near(self, deadbands: float) -> bool:
        """Return whether the mean of the window is within so many deadbands of the level."""
        mean = self.zscore.window.mean
        return mean is not None and abs(mean - self.baseline.level) <= deadbands * self.deadband

    def leaning(self) -> int:
        """Return the direction in which the newest readings lean by more than chance: 1, -1, or 0 for none."""
        brief = self.means.brief
        if abs(brief) > _LEANING * self.noise:
            return 1 if brief > 0 else -1
        return 0

    def reconfigure(self, spec: SensorSpec) -> None:
        """Go on under another specification of the same sensor."""
        if spec.by_exception != self.spec.by_exception:
            self.silence, self.interval = Silent(), None
        self.spec = spec
        self.zscore.configure(spec.detector)
        self.limit.configure(spec)
        self.deadband = spec.deadband or 0.0
        if self.baseline.scale:
            self.adapt()


def _looks_like_none(value: float, level: float) -> bool:
    """Return whether a value is one by which instruments say that they have none: -200, -999, 9999, 32767, 65535."""
    if value < 0.0:
        return level > 0.0 and value <= _NEGATIVE_MARKER
    if value != int(value):
        return False
    whole = int(value)
    return whole >= _NINES and (set(str(whole)) == {"9"} or (whole & (whole + 1)) == 0)


def _carried(r: float) -> float:
    """Return the factor by which a lag-1 correlation inflates the variance of a long mean."""
    return (1 + r) / (1 - r)
