"""Sensors that leave their calibration together."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import FaultRule

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


def share_of(sensors: Sequence[SensorDetector], long: bool) -> tuple[float, float]:
    """Return the share by which the sensors are off together, and the weight of that, 0 where nothing can be said.

    A drift by the share d moves each sensor by ``d m`` spreads, m being its level in spreads. The
    shifts s with their standard errors e give d by weighted least squares (Gauss-Markov):
    ``d = sum(s m / e²) / sum(m² / e²)``; the weight is ``sum(m² / e²)``, the standard error its root's inverse.
    """
    along = total = 0.0
    for sensor in sensors:
        baseline = sensor.baseline
        if not baseline.scale:
            return 0.0, 0.0
        means = sensor.means
        shift, error = (means.long, sensor.long_error) if long else (means.medium, sensor.medium_error)
        size = baseline.level * baseline.scale
        weight = size / (error * error)
        along += shift * weight
        total += size * weight
    return (along / total, total) if total > 0.0 else (0.0, 0.0)


def drift_of(sensors: Sequence[SensorDetector], long: bool, explained: Collection[str] = ()) -> Drift:
    """Return the drift that fits the shifts of these sensors best; a change of load moves those ``explained``."""
    share, weight = share_of(sensors, long)
    if weight <= 0.0:
        return NONE
    agree, alone, others, others_alone = True, 0, 0, 0
    for sensor in sensors:
        shift, error = (sensor.means.long, sensor.long_error) if long else (sensor.means.medium, sensor.medium_error)
        expected = share * (sensor.baseline.level * sensor.baseline.scale)
        moved = sensor.name in explained
        if abs(shift - expected) > _AGREE * error + _PROPORTION * abs(expected):
            agree = False
        shown = shift * expected > 0 and abs(shift) >= _SINGLE * error
        alone += shown
        others += not moved
        others_alone += shown and not moved
    return Drift(share, weight**-0.5, agree, alone, not explained or 2 * others_alone > others)


class DriftWatch:
    """Looks now and then whether the sensors that a rule names drift together."""

    __slots__ = ("_rule", "_sensors", "found", "suspected")

    def __init__(self, rules: Sequence[FaultRule], sensors: Mapping[str, SensorDetector]) -> None:
        """Take the rule that names such sensors, if there is one, and the device has them."""
        rule = next((rule for rule in rules if rule.together and sensors.keys() >= set(rule.together)), None)
        self._rule = "" if rule is None else rule.name
        self._sensors = () if rule is None else tuple(sensors[name] for name in rule.together)
        self.found: Drift | None = None
        """The drift that is certain."""
        self.suspected = False
        """Whether one may have begun."""

    def look(self, alarm_type: str, explained: Collection[str], settling: bool) -> None:
        """Look again.

        While the load has just changed, it and what follows it (``explained``) prove no drift by
        themselves: power, temperature and vibration rise together then, too.
        It is certain by the long mean, or else by the medium one. An alarm for a drift is held on to with
        hysteresis; while its instruments are settling, nothing can be told.
        """
        if settling or not self._rule:
            self.found, self.suspected = None, settling and self._rule != ""
            return
        sensors, alarmed = self._sensors, alarm_type == self._rule
        if not alarmed and abs(share_of(sensors, True)[0]) < LEAST_DRIFT / 4:
            self.found, self.suspected = None, False
            return
        before, now = drift_of(sensors, True, explained), drift_of(sensors, False, explained)
        self.suspected = now.suspected or before.suspected
        if before.confirmed():
            self.found = before
        elif now.confirmed(_MEDIUM_TIMES) or (alarmed and abs(now.share) >= _HYSTERESIS * LEAST_DRIFT):
            self.found = now
        else:
            self.found = None
