"""Sensors that leave their calibration together."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.detection.shift import Means

LEAST_DRIFT = 0.02
"""Share of the value from which on a drift is told."""
_CERTAIN = 7.0
_SUSPECT = 5.0
_MEDIUM_TIMES = 1.6
"""A drift by the medium mean must be larger by so much: it is less certain in other ways, too."""
_HYSTERESIS = 0.6
_AGREE = 3.0
_SINGLE = 2.5
_FEWEST_SINGLE = 3
_PROPORTION = 0.15


class Drift(NamedTuple):
    """A common drift of several sensors."""

    share: float
    """By which the values are off, of the value: 0.03 is 3 % too high."""
    error: float
    """Its standard error."""
    agree: bool
    """Whether every sensor is off in proportion, within its error."""
    alone: int
    """Sensors that show it by themselves."""
    unexplained: bool = True
    """Whether most of those that a change of load does not move show it by themselves, too."""

    @property
    def suspected(self) -> bool:
        """Whether it may be a drift that begins."""
        return self.agree and abs(self.share) >= max(LEAST_DRIFT / 2, _SUSPECT * self.error)

    def confirmed(self, times: float = 1.0) -> bool:
        """Whether it is a drift."""
        large = abs(self.share) >= max(times * LEAST_DRIFT, _CERTAIN * self.error)
        return large and self.agree and self.unexplained and self.alone >= _FEWEST_SINGLE


NONE = Drift(0.0, 0.0, False, 0)


def drift_of(sensors: Sequence[SensorDetector], long: bool, explained: Collection[str] = ()) -> Drift:
    """Return the drift that fits the shifts of these sensors best; a change of load moves those ``explained``.

    A drift by the share d moves each sensor by ``d m`` spreads, m being its level in spreads. The
    shifts s with their standard errors e give d by weighted least squares (Gauss-Markov):
    ``d = sum(s m / e²) / sum(m² / e²)`` with the standard error ``1 / sqrt(sum(m² / e²))``.
    """
    rows = []
    along = total = 0.0
    for sensor in sensors:
        baseline = sensor.baseline
        if not baseline.scale:
            return NONE
        shift = sensor.means.long if long else sensor.means.medium
        error = baseline.error(Means.N_LONG if long else Means.N_MEDIUM)
        size = baseline.level * baseline.scale
        rows.append((shift, size, error, sensor.name in explained))
        weight = size / (error * error)
        along += shift * weight
        total += size * weight
    if total <= 0.0:
        return NONE
    share = along / total
    agree, alone, others, others_alone = True, 0, 0, 0
    for shift, size, error, moved in rows:
        expected = share * size
        if abs(shift - expected) > _AGREE * error + _PROPORTION * abs(expected):
            agree = False
        shown = shift * expected > 0 and abs(shift) >= _SINGLE * error
        alone += shown
        others += not moved
        others_alone += shown and not moved
    return Drift(share, total**-0.5, agree, alone, not explained or 2 * others_alone > others)


def look_for_drift(
    sensors: Sequence[SensorDetector], alarmed: bool, explained: Collection[str] = ()
) -> tuple[Drift | None, bool]:
    """Return the drift that is certain, and whether one may have begun.

    While the load has just changed, it and what follows it (``explained``) prove no drift by
    themselves: power, temperature and vibration rise together then, too.
    It is certain by the long mean, or else by the medium one. ``alarmed``: there is an alarm for a
    drift, which is held on to with hysteresis.
    """
    before = drift_of(sensors, True, explained)
    if abs(before.share) < LEAST_DRIFT / 4 and not alarmed:
        return None, False
    now = drift_of(sensors, False, explained)
    suspected = now.suspected or before.suspected
    if before.confirmed():
        return before, suspected
    if now.confirmed(_MEDIUM_TIMES) or (alarmed and abs(now.share) >= _HYSTERESIS * LEAST_DRIFT):
        return now, suspected
    return None, suspected
