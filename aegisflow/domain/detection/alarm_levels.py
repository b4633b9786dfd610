"""How the levels stand while an alarm lasts, so that no alarm freezes a baseline for ever."""

from collections.abc import Sequence
from typing import Final

from aegisflow.domain.detection.finding import UNCLASSIFIED
from aegisflow.domain.detection.sensor import SensorDetector

__all__ = ["AlarmLevels"]

TURNED: Final = 120
"""Readings for which a sign must have turned: two windows, so that no swing and no single gust does it."""
_PLAUSIBLE: Final = 3.0
"""Deadbands within which a turned level is believed where no normal range says what is ordinary."""


class AlarmLevels:
    """Says which sensors are to take a new level although an alarm is active.

    A baseline is frozen while an alarm lasts, and then there are two ways in which the alarm might never end:

    - **The signs turn.** The baseline had learned from the beginning of the fault, and once that is gone a
      healthy sensor is off to the other side. Such a sensor takes its window's mean as its level, if it lies
      in its normal range.
    - **The level is a new one.** Somebody has changed a set-point. What has stayed within a deadband for
      ``ages_after``, and lies in its normal range, is usual then. Beyond a limit, outside of the normal range,
      swinging or stuck is never usual; what has no normal range is, where the alarm has no name.
    """

    __slots__ = ("_means", "_signs", "_since", "_turned")

    def __init__(self) -> None:
        self._signs: dict[str, int] = {}
        """Sensor to the first direction in which it was off in this alarm."""
        self._turned: dict[str, int] = {}
        """Sensor to the readings for which it has been off the other way."""
        self._means: dict[str, float] = {}
        self._since: float | None = None
        """Since when all that is off has stayed where it is; UTC epoch seconds by the device's clock."""

    def look(
        self, at: float, sensors: Sequence[SensorDetector], alarm_type: str, ages_after_s: float, readings: int
    ) -> tuple[SensorDetector, ...]:
        """Look again and return the sensors whose level is usual from now on.

        Args:
            at: UTC epoch seconds of the newest reading.
            sensors: all of the device.
            alarm_type: type of the active alarm.
            ages_after_s: seconds after which an ordinary level that has lasted is usual.
            readings: how many there have been since the last look.
        """
        off = tuple(sensor for sensor in sensors if sensor.ready and sensor.held())
        turned = tuple(sensor for sensor in off if self._has_turned(sensor, readings))
        for name in self._turned.keys() - {sensor.name for sensor in off}:
            del self._turned[name]
        return turned or (off if self._has_aged(at, sensors, off, alarm_type, ages_after_s) else ())

    def _has_turned(self, sensor: SensorDetector, readings: int) -> bool:
        name, sign = sensor.name, sensor.held()
        if self._signs.setdefault(name, sign) == sign or _is_wild(sensor) or not _is_plausible(sensor):
            self._turned.pop(name, None)
            return False
        self._turned[name] = self._turned.get(name, 0) + readings
        if self._turned[name] < TURNED:
            return False
        del self._turned[name], self._signs[name]
        return True

    def _has_aged(
        self,
        at: float,
        sensors: Sequence[SensorDetector],
        off: Sequence[SensorDetector],
        alarm_type: str,
        ages_after_s: float,
    ) -> bool:
        known = [sensor.within_normal for sensor in off]
        ordinary = all(one is not False for one in known) and (alarm_type == UNCLASSIFIED or True in known)
        if not off or not ordinary or any(map(_is_wild, sensors)):
            self._since = None
            return False
        moved = False
        for sensor in off:
            mean = sensor.zscore.window.mean or 0.0
            before = self._means.get(sensor.name)
            if before is None or abs(mean - before) > sensor.deadband:
                self._means[sensor.name] = mean
                moved = True
        if self._since is None or moved:
            self._since = at
        if at - self._since < ages_after_s:
            return False
        self._since, self._means = None, {}
        return True


def _is_wild(sensor: SensorDetector) -> bool:
    """Return whether a sensor shows more than another level, so that the level says nothing."""
    limit = sensor.limit
    return (
        sensor.oscillation.present
        or sensor.flatline.present
        or sensor.silence.present
        or (limit.limited and (limit.beyond != 0 or limit.held))
    )


def _is_plausible(sensor: SensorDetector) -> bool:
    within = sensor.within_normal
    return sensor.near(_PLAUSIBLE) if within is None else within
