"""Sensors that do not measure a quantity with a level: counters, states, directions and set-points."""

from collections import deque
from typing import Final

from aegisflow.domain.detection.flatline import Flatline
from aegisflow.domain.detection.limits import PACE_S, LimitCheck
from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import SensorKind, SensorSpec

__all__ = ["CircularDetector", "CounterDetector", "StateDetector", "detector_for"]

_TURN: Final = 360.0
_RATE_READINGS: Final = 12
"""Readings over which the rate of a counter is taken: a coarse one rests for most of them."""
_HOUR_S: Final = 3600.0


class NeverStuck(Flatline):
    """Stands where a value that repeats itself says nothing: at the end of its way, or while nothing is counted."""

    def update(self, same: bool) -> None:
        """Count nothing."""


class StateDetector(SensorDetector):
    """Watches an on/off state or a position that rests at its ends: no level, no shift, never stuck.

    Its limits hold, if it has any. A set-point is such a sensor, too: whoever moves it means it.
    """

    __slots__ = ()

    def __init__(self, spec: SensorSpec) -> None:
        super().__init__(spec)
        self.flatline = NeverStuck()

    def update(self, value: float, gap_s: float = PACE_S) -> bool:
        """Take in the newest value and return whether it is beyond a limit."""
        self.zscore.value = value
        self.zscore.window.push(value)
        self.limit.update(value, gap_s)
        return self.limit._outside > 0.0


class CounterDetector(SensorDetector):
    """Watches a counter by its rate, per hour, over the newest dozen of readings.

    Where the count falls, it has wrapped or was reset: that is no rate, and the next one begins there.
    """

    __slots__ = ("_counted", "_elapsed_s", "count")

    def __init__(self, spec: SensorSpec) -> None:
        super().__init__(spec)
        self.flatline = NeverStuck()
        self.count = 0.0
        """The newest count, in the sensor's unit."""
        self._elapsed_s = 0.0
        self._counted: deque[tuple[float, float]] = deque(maxlen=_RATE_READINGS + 1)
        """Seconds and counts of the newest readings since the counter last began."""

    def update(self, value: float, gap_s: float = PACE_S) -> bool:
        """Take in the newest count and return whether anything about the rate may matter now."""
        counted = self._counted
        if counted and value < self.count:
            counted.clear()
        self.count = value
        self._elapsed_s += gap_s if counted else 0.0
        counted.append((self._elapsed_s, value))
        since_s, before = counted[0]
        if len(counted) <= _RATE_READINGS or self._elapsed_s <= since_s:
            return False
        return super().update((value - before) / (self._elapsed_s - since_s) * _HOUR_S, gap_s)

    @property
    def value(self) -> float:
        """The newest count."""
        return self.count


class CircularDetector(SensorDetector):
    """Watches a direction in degrees by how far it turns from reading to reading, the short way round.

    A direction has no level to return to, may rest for long, and north lies on both sides of 360. Limits
    are not watched: there is no side on which 350° is beyond 10°.
    """

    __slots__ = ("direction",)

    def __init__(self, spec: SensorSpec) -> None:
        super().__init__(spec)
        self.flatline = NeverStuck()
        self.limit = LimitCheck(SensorSpec(spec.name, spec.unit))
        self.direction: float | None = None
        """The newest direction in degrees."""

    def update(self, value: float, gap_s: float = PACE_S) -> bool:
        """Take in the newest direction and return whether anything about its turning may matter now."""
        before, self.direction = self.direction, value
        if before is None:
            return False
        return super().update((value - before + _TURN / 2) % _TURN - _TURN / 2, gap_s)

    def reconfigure(self, spec: SensorSpec) -> None:
        """Go on under another specification of the same sensor."""
        super().reconfigure(spec)
        self.limit = LimitCheck(SensorSpec(spec.name, spec.unit))

    @property
    def value(self) -> float:
        """The newest direction."""
        return self.zscore.value if self.direction is None else self.direction


_DETECTORS = {
    SensorKind.STATE: StateDetector,
    SensorKind.SETPOINT: StateDetector,
    SensorKind.COUNTER: CounterDetector,
    SensorKind.CIRCULAR: CircularDetector,
}


def detector_for(spec: SensorSpec) -> SensorDetector:
    """Return what watches a sensor of this kind."""
    return _DETECTORS.get(spec.kind, SensorDetector)(spec)
