"""Sensors that lose their calibration together."""

from collections.abc import Collection, Mapping, Sequence
from math import copysign
from typing import Final, NamedTuple

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import FaultRule

MIN_DRIFT: Final = 0.02
"""Share of the value from which on a drift counts."""
_CERTAIN: Final = 7.0
_SUSPECT: Final = 5.0
"""Standard errors of the common share from which on a drift is certain, or suspected."""
_MEDIUM_TIMES: Final = 1.6
"""Factor by which a drift must be larger to count by the medium mean, which is less certain in other ways, too."""
_HYSTERESIS: Final = 0.6
_AGREE: Final = 3.0
_PROPORTION: Final = 0.15
"""Standard errors, and part of the shift that is expected, by which a sensor may be off the common share."""
_SINGLE: Final = 2.5
_MIN_SINGLE: Final = 3
"""Standard errors from which on a sensor shows the drift by itself, and how many must do so."""


class Drift(NamedTuple):
    """A common drift of several sensors."""

    share: float
    """How far the values are off, as a share of the value: 0.03 is 3 % too high."""
    error: float
    """Standard error of the share."""
    agree: bool
    """Whether every sensor is off in proportion to its level, within its error."""
    alone: int
    """How many sensors show it by themselves."""
    unexplained: bool = True
    """Whether most of the sensors that a change of load does not move show it by themselves, too."""

    @property
    def suspected(self) -> bool:
        """Whether a drift may have begun."""
        return self.agree and abs(self.share) >= max(MIN_DRIFT / 2, _SUSPECT * self.error)

    def confirmed(self, times: float = 1.0) -> bool:
        """Return whether this is certain to be a drift that is this many times as large as the smallest that counts."""
        large = abs(self.share) >= max(times * MIN_DRIFT, _CERTAIN * self.error)
        return large and self.agree and self.unexplained and self.alone >= _MIN_SINGLE


NONE = Drift(0.0, 0.0, False, 0)


def share_of(sensors: Sequence[SensorDetector], long: bool) -> tuple[float, float]:
    """Return the share by which the sensors are off together and its weight, which is 0 where nothing can be said.

    A drift by the share d moves each sensor by ``d m`` spreads, m being its level in spreads. The
    shifts s with their standard errors e give d by weighted least squares (Gauss-Markov):
    ``d = sum(s m / e²) / sum(m² / e²)``; the weight is ``sum(m² / e²)``, and one over its root is the standard error.
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
    """Return the drift that fits the shifts of these sensors best.

    Args:
        sensors: those that may drift together.
        long: whether the long mean is asked; otherwise the medium one is.
        explained: names of the sensors that a change of load moves.
    """
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
    """Looks every few readings whether the sensors that a rule names drift together."""

    __slots__ = ("_rule", "_sensors", "_sign", "found", "suspected")

    def __init__(self, rules: Sequence[FaultRule], sensors: Mapping[str, SensorDetector]) -> None:
        """Take the rule that names such sensors, if there is one and the device has all of them."""
        rule = next((rule for rule in rules if rule.together and sensors.keys() >= set(rule.together)), None)
        self._rule = "" if rule is None else rule.name
        self._sensors = () if rule is None else tuple(sensors[name] for name in rule.together)
        self.found: Drift | None = None
        """The drift that is certain; None while there is none."""
        self.suspected = False
        """Whether a drift may have begun."""
        self._sign = 0.0
        """1.0 or -1.0 for a drift upwards or downwards that an alarm is for, 0 without one."""

    def look(self, alarm_type: str, explained: Collection[str], settling: bool) -> None:
        """Look again; a drift is certain by the long mean, or else by the medium one.

        Args:
            alarm_type: type of the active alarm, empty for none; an alarm for a drift is held with hysteresis.
            explained: names of the sensors that a recent change of load moves. They prove no drift by
                themselves, since power, temperature and vibration rise together then, too.
            settling: whether mended instruments are settling, so that nothing can be said.
        """
        if settling or not self._rule:
            self.found, self.suspected = None, settling and self._rule != ""
            return
        sensors, alarmed = self._sensors, alarm_type == self._rule
        # Nothing leans together, as at almost every look: the rest need not be worked out.
        if not alarmed and abs(share_of(sensors, True)[0]) < MIN_DRIFT / 4:
            self.found, self.suspected = None, False
            return
        before, now = drift_of(sensors, True, explained), drift_of(sensors, False, explained)
        self.suspected = now.suspected or before.suspected
        if alarmed and now.share * self._sign < 0:
            # It is over: the levels had followed it, and are as far off to the other side now.
            self.found = None
        elif before.confirmed():
            self.found = before
        elif now.confirmed(_MEDIUM_TIMES) or (alarmed and abs(now.share) >= _HYSTERESIS * MIN_DRIFT):
            self.found = now
        else:
            self.found = None
        if not alarmed or not self._sign:
            self._sign = 0.0 if self.found is None else copysign(1.0, self.found.share)
