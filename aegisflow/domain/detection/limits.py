"""The alarm and trip limits that ``plant.yaml`` gives a sensor."""

from math import inf, nan

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.equipment import SensorSpec

_WEIGHT = 2 / 7
_MAX_OUTSIDE, _ENOUGH_OUTSIDE = 6, 3


class LimitCheck:
    """Compares an EWMA over 6 readings with the alarm limits of a sensor, and each value with its trip limits.

    Where noise only touches a limit, the smoothed value is beyond it only if the level is. A wild first
    value would stay in the mean for a while, so the newest values must lie beyond the limit, too: a
    counter that goes up for each value beyond it and down for each within must reach three.
    """

    __slots__ = ("_outside", "high", "limited", "low", "smooth", "trip_high", "trip_low", "tripped")

    def __init__(self, spec: SensorSpec) -> None:
        self.smooth = nan
        """EWMA of the values over 6 readings, in the sensor's unit."""
        self._outside = 0
        self.tripped = False
        """Whether the newest value is beyond a trip limit."""
        self.configure(spec)

    def configure(self, spec: SensorSpec) -> None:
        """Go on under another specification."""
        self.trip_low = -inf if spec.trip.low is None else spec.trip.low
        self.trip_high = inf if spec.trip.high is None else spec.trip.high
        self.low = self.trip_low if spec.alarm.low is None else max(spec.alarm.low, self.trip_low)
        self.high = self.trip_high if spec.alarm.high is None else min(spec.alarm.high, self.trip_high)
        self.limited = self.low > -inf or self.high < inf

    def update(self, value: float) -> None:
        """Take in the newest value."""
        if self.smooth == self.smooth:
            self.smooth += (value - self.smooth) * _WEIGHT
        else:
            self.smooth = value
        if self.limited:
            if self.low <= value <= self.high:
                self.tripped = False
                if self._outside:
                    self._outside -= 1
            else:
                self.tripped = not self.trip_low <= value <= self.trip_high
                if self._outside < _MAX_OUTSIDE:
                    self._outside += 1

    @property
    def beyond(self) -> int:
        """1 above the high limit, -1 below the low one, and 0 within."""
        if not self._outside:
            return 0
        if (self._outside >= _ENOUGH_OUTSIDE or self.tripped) and self.smooth > self.high:
            return 1
        if (self._outside >= _ENOUGH_OUTSIDE or self.tripped) and self.smooth < self.low:
            return -1
        return 0

    @property
    def held(self) -> bool:
        """Whether the smoothed value is still beyond a limit, so that an alarm for it is not over."""
        return not self.low <= self.smooth <= self.high

    @property
    def severity(self) -> Severity:
        """Critical beyond a trip limit, high otherwise."""
        return Severity.CRITICAL if not self.trip_low <= self.smooth <= self.trip_high else Severity.HIGH
