"""A machine that starts from standstill: its values are on their way up, which is no fault."""

from collections.abc import Mapping
from math import inf
from typing import Final

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import LoadSpec

__all__ = ["RunUp"]

PATIENCE_S: Final = 60.0
"""For so long a value below its limit need not rise before it is judged."""
_LONGEST_S: Final = 12 * 3600.0
"""A load that has been as good as none for so long since the first reading is how this machine runs."""
_PROGRESS: Final = 0.02
"""Part of what is left to go by which a value must rise to be on its way."""
_STANDING: Final = 0.1
"""Part of its lowest ordinary value below which the load of a machine says that it stands."""


class RunUp:
    """Holds back what is too low while a device that has just begun to report runs up.

    Nobody knows a device at its first reading, nor after it was silent: it may be starting from standstill.
    A value that is too low is then judged only once it has been high enough, or has stopped rising for a
    minute while the load says that the machine runs. What is too high is judged at once, and so is what falls.
    While the load says that it stands, no baseline is begun: nothing is as it is when the machine runs.
    """

    __slots__ = ("_began_at", "_best", "_load", "_since", "under_way")

    def __init__(self, load: LoadSpec | None, sensors: Mapping[str, SensorDetector], at: float) -> None:
        """Begin with the first reading, or the first after a silence, before the sensors have its values."""
        self._load = load
        self._began_at = at
        self._best: dict[str, float] = {}
        """Sensor to the largest smoothed value so far."""
        self._since: dict[str, float] = {}
        """Sensor to when it last rose; UTC epoch seconds by the device's clock."""
        self.under_way = set(sensors)
        """Sensors whose low values are not judged yet."""
        for sensor in sensors.values():
            sensor.limit.begin_again()

    def look(self, at: float, sensors: Mapping[str, SensorDetector]) -> bool:
        """Take in a reading whose values the sensors have already; return whether the run-up goes on."""
        standing = self._stands(sensors) and at - self._began_at < _LONGEST_S
        for name in tuple(self.under_way):
            sensor = sensors.get(name)
            if sensor is None or (sensor.at == at and not self._rises(sensor, at, standing)):
                self.under_way.discard(name)
            elif standing:
                sensor.baseline.begin_again()
        return bool(self.under_way)

    def _rises(self, sensor: SensorDetector, at: float, standing: bool) -> bool:
        name, smooth, target = sensor.name, sensor.limit.smooth, _target(sensor)
        if smooth >= target and not standing:
            return False
        best = self._best.get(name)
        if best is None or standing or smooth - best >= _PROGRESS * (target - best):
            self._best[name] = smooth if best is None else max(best, smooth)
            self._since[name] = at
            return True
        return at - self._since[name] <= PATIENCE_S

    def _stands(self, sensors: Mapping[str, SensorDetector]) -> bool:
        """Return whether the load says that the machine stands still."""
        sensor = None if self._load is None else sensors.get(self._load.sensor)
        if sensor is None or sensor.at == -inf:
            return False
        spec = sensor.spec
        known = [limit for limit in (spec.normal.low, spec.alarm.low, sensor.baseline.level or None) if limit]
        least = max(spec.deadband or 0.0, _STANDING * max(known, default=0.0))
        return abs(sensor.limit.smooth) <= least


def _target(sensor: SensorDetector) -> float:
    """Return the value from which on a sensor is not too low; minus infinity where nothing is."""
    if sensor.ready:
        return max(sensor.limit.low, sensor.baseline.level - sensor.deadband)
    return sensor.limit.low
