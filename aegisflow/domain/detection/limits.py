"""The alarm and trip limits that ``plant.yaml`` gives a sensor."""

from math import inf, nan
from typing import Final

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.equipment import SensorSpec

PACE_S: Final = 5.0
"""Interval in seconds for which a value weighs as one; one that stands for a longer time weighs more."""
SURE_S: Final = 15.0
"""Values that lie beyond a limit for so long are no outliers, or three where they come more often."""
_SLOW_S: Final = 60.0
"""Within so long a machine may go anywhere, so that no value that comes so late has leapt."""
_WEIGHT: Final = 2 / 7
_TIME_CONSTANT_S: Final = PACE_S / _WEIGHT - PACE_S
_WITHIN, _BAND, _LEAPT, _TRIPPED = range(4)
"""Where the newest value lies: within the alarm limits, between alarm and trip limit, or beyond the trip limit, to
which it has leapt from within or not."""
_FIRST: Final = 1.5
"""What the first value beyond a limit makes of this count at most, where values come every five seconds or so."""
_MAX_OUTSIDE: Final = 2 * SURE_S / PACE_S
_ENOUGH_OUTSIDE: Final = SURE_S / PACE_S


class LimitCheck:
    """Compares an EWMA over 30 s with the alarm limits of a sensor, and each value with its trip limits.

    Where noise only touches a limit, the smoothed value is beyond it only if the level is. A wild first
    value would stay in the mean for a while, so the newest values must lie beyond the limit, too: a
    counter that goes up for each value beyond it and down for each within must reach three.

    Both are times. A value that stands for 15 s is as good as three at 5 s, and is not smoothed, so that
    a sensor which reports every minute is beyond its limit by its first value there. Faster ones are
    smoothed over six values, however short that is: it takes no more to tell a level from noise.

    Beyond a trip limit one value is enough, with no delay, unless it has leapt there: from within the
    alarm limits to beyond the trip limit in a few seconds goes a glitch of the instrument as well as a
    machine that bursts, and the next values tell which of the two it was: the on-delay begins with the second.
    """

    __slots__ = ("_outside", "_zone", "high", "limited", "low", "smooth", "trip_high", "trip_low")

    def __init__(self, spec: SensorSpec) -> None:
        self.smooth = nan
        """EWMA of the values over 30 s, in the sensor's unit."""
        self._outside = 0.0
        """How long the values have lately been beyond a limit, in units of five seconds."""
        self._zone = _WITHIN
        self.configure(spec)

    def configure(self, spec: SensorSpec) -> None:
        """Go on under another specification."""
        self.trip_low = -inf if spec.trip.low is None else spec.trip.low
        self.trip_high = inf if spec.trip.high is None else spec.trip.high
        self.low = self.trip_low if spec.alarm.low is None else max(spec.alarm.low, self.trip_low)
        self.high = self.trip_high if spec.alarm.high is None else min(spec.alarm.high, self.trip_high)
        self.limited = self.low > -inf or self.high < inf

    def update(self, value: float, gap_s: float = PACE_S) -> None:
        """Take in the newest value.

        Args:
            value: in the sensor's unit.
            gap_s: seconds since the value before it.
        """
        smooth = self.smooth
        if gap_s <= PACE_S:
            self.smooth = smooth + (value - smooth) * _WEIGHT
            steps = 1.0
        else:
            weight = gap_s / (gap_s + _TIME_CONSTANT_S) if gap_s < SURE_S else 1.0
            self.smooth = smooth + (value - smooth) * weight
            steps = gap_s / PACE_S
        # Only NaN differs from itself, and this is cheaper than a call.
        if smooth != smooth:
            self.smooth, steps = value, 1.0
        if self.limited:
            if self.low <= value <= self.high:
                self._zone = _WITHIN
                if self._outside:
                    self._outside = max(0.0, self._outside - steps)
            else:
                # From between alarm and trip limit, where the smoothed value had come as well: that was a way,
                # and no leap.
                climbed = self._zone == _BAND and not self.low <= smooth <= self.high
                if self.trip_low <= value <= self.trip_high:
                    self._zone = _BAND
                elif climbed or (gap_s >= _SLOW_S and steps > 1.0):
                    self._zone = _TRIPPED
                elif self._zone != _TRIPPED:
                    self._zone = _LEAPT
                self._outside = min(_MAX_OUTSIDE, self._outside + steps)

    @property
    def tripped(self) -> bool:
        """Whether the newest value is beyond a trip limit for certain, so that no delay is waited for."""
        return self._zone == _TRIPPED

    def begin_again(self) -> None:
        """Forget the values so far, which say nothing about now because the device was silent."""
        self.smooth, self._outside, self._zone = nan, 0.0, _WITHIN

    @property
    def beyond(self) -> int:
        """1 above the high limit, -1 below the low one, and 0 within."""
        if not self._outside:
            return 0
        if (
            self._outside >= _ENOUGH_OUTSIDE
            or self._zone == _TRIPPED
            or (self._zone == _LEAPT and self._outside > _FIRST)
        ):
            if self.smooth > self.high:
                return 1
            if self.smooth < self.low:
                return -1
        return 0

    @property
    def held(self) -> bool:
        """Whether the smoothed value is still beyond a limit, so that an alarm for it is not over."""
        return not self.low <= self.smooth <= self.high

    @property
    def severity(self) -> Severity:
        """Critical beyond a trip limit, high otherwise."""
        beyond = self.tripped or not self.trip_low <= self.smooth <= self.trip_high
        return Severity.CRITICAL if beyond else Severity.HIGH
