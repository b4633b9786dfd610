"""How unusual a reading is over all sensors of a device, whatever they measure."""

from collections.abc import Sequence
from typing import Final

from aegisflow.domain.detection.sensor import SensorDetector

SUDDEN: Final = 6.0
"""Spreads by which a single value is off its level once in hundreds of millions of Gaussian ones."""
_GRACE: Final = 6
"""Blocks, warm-up included, that are too few to call much unusual."""
_YOUNG_CEILING: Final = 1.5
"""The ceiling until then: a level that strolls has shown nothing else yet."""
_YOUNG: Final = 20
"""Blocks over which the maximum in health is learned freely; later it grows by at most 2 % a block."""
_GROWTH: Final = 1.02
_HEADROOM: Final = 1.2
_MAX_CEILING: Final = 4.0
_RESTFUL: Final = 1.2
"""Energy up to this is too small to be worked out exactly."""


class MultivariateScore:
    """The largest of many charts, calibrated by what the device shows in health.

    Three charts per sensor, each in units of its own rare event: the EWMA of the deviations (0.05;
    Roberts 1959), the EWMA of their squares (a spread that grows), and the value itself against the
    mean of its window (Shewhart, 6 spreads). Of each kind the maximum over the sensors counts: a
    union-intersection test, which needs no covariance matrix and stays right where sensors come,
    go, rest or copy each other; T² with the covariance of a short warm-up does not.

    Each kind is divided by its ceiling, 1.2 times the largest value in health, never below 1. So a
    score of 1 is something that the device has never shown, and would be rare for Gaussian noise.
    A block of 60 readings is learned one block later, if nothing was suspected until then.
    """

    __slots__ = ("_blocks", "_healthy", "_in_block", "_largest", "_pending", "_raw", "ceilings", "score")

    def __init__(self) -> None:
        self.score = 0.0
        self.ceilings = [_YOUNG_CEILING] * 3
        self._healthy = [0.0, 0.0, 0.0]
        self._raw = (0.0, 0.0, 0.0)
        self._largest = [0.0, 0.0, 0.0]
        self._pending: list[float] | None = None
        self._in_block = 0
        self._blocks = 0

    def look(self, at: float, sensors: Sequence[SensorDetector]) -> float:
        """Return the score of what the sensors show now, and learn nothing from it."""
        level = energy = sudden = 0.0
        for sensor in sensors:
            if sensor.at != at:
                continue
            means = sensor.means
            # Without abs() and max(): this runs for every sensor of a device with rules, in every fourth reading.
            medium = means.medium * sensor.level_scale
            if medium > level:
                level = medium
            elif -medium > level:
                level = -medium
            if means.energy > _RESTFUL:
                excess = sensor.excess_variance
                if excess > energy:
                    energy = excess
            u = sensor.zscore.deviation * sensor.baseline.scale
            if u > sudden:
                sudden = u
            elif -u > sudden:
                sudden = -u
        sudden /= SUDDEN
        self._raw = (level, energy, sudden)
        ceilings = self.ceilings
        self.score = score = max(level / ceilings[0], energy / ceilings[1], sudden / ceilings[2])
        return score

    def update(self, at: float, sensors: Sequence[SensorDetector]) -> float:
        """Take in what the sensors show now and return the score."""
        score = self.look(at, sensors)
        level, energy, sudden = self._raw
        largest = self._largest
        if level > largest[0]:
            largest[0] = level
        if energy > largest[1]:
            largest[1] = energy
        if sudden > largest[2]:
            largest[2] = sudden
        self._in_block += 1
        return score

    @property
    def young(self) -> bool:
        """Whether too little has been seen to call anything unusual."""
        return self._blocks < _GRACE

    def close_block(self, clean: bool) -> None:
        """End a block of 60 readings; where nothing was suspected (``clean``), learn the maxima of the block before."""
        if not self._in_block:
            return
        self._in_block = 0
        if self.young:
            self._blocks += 1
            if clean:
                self._healthy = [max(pair) for pair in zip(self._healthy, self._largest, strict=True)]
            if not self.young:
                self.ceilings = [max(1.0, _HEADROOM * value) for value in self._healthy]
        elif not clean:
            self._pending = None
        else:
            self._blocks += 1
            if self._pending is not None:
                self._learn(self._pending)
            self._pending = self._largest
        self._largest = [0.0, 0.0, 0.0]

    def _learn(self, largest: Sequence[float]) -> None:
        for kind, value in enumerate(largest):
            ceiling = self.ceilings[kind]
            wanted = min(_MAX_CEILING, _HEADROOM * value)
            if wanted > ceiling:
                self.ceilings[kind] = wanted if self._blocks <= _YOUNG else min(wanted, ceiling * _GROWTH)
