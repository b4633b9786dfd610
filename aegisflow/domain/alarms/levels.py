"""Levels that a person has said are normal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.callers import Caller
from aegisflow.domain.detection import DeviceDetector
from aegisflow.errors import BadValueError, UnknownNameError

__all__ = ["AcceptedLevel", "AcceptedLevels", "told"]


@dataclass(frozen=True, slots=True)
class AcceptedLevel:
    """What an operator has accepted as the usual level of a sensor, and what it was before."""

    device_id: str
    sensor: str
    unit: str
    level: float
    """In the unit of the sensor, as are ``before`` and ``spread``."""
    before: float
    """The level that holds again when the act is taken back."""
    spread: float
    """Standard deviation that is usual for the sensor."""
    by: str
    reason: str
    """The words of that operator, which are not facts."""
    at: float
    """UTC epoch seconds by the plant's clock."""

    @property
    def key(self) -> str:
        """What it is stored by: a sensor has one at most."""
        return f"{self.device_id}/{self.sensor}"


class AcceptedLevels:
    """What people have accepted as levels of one device's sensors."""

    __slots__ = ("_device_id", "by_sensor")

    def __init__(self, device_id: str) -> None:
        self._device_id = device_id
        self.by_sensor: dict[str, AcceptedLevel] = {}

    def accept(
        self,
        detector: DeviceDetector,
        sensors: Sequence[str],
        of_alarm: Sequence[str],
        by: Caller,
        reason: str,
        at: float,
    ) -> tuple[AcceptedLevel, ...]:
        """Take what sensors show now as their levels.

        Args:
            detector: that of the device.
            sensors: those that were named, each of which must be acceptable.
            of_alarm: where none was named: those of an alarm, of which the acceptable ones are taken.
            by: who says so.
            reason: why, in their words.
            at: UTC epoch seconds.

        Raises:
            UnknownNameError: the device has no such sensor.
            BadValueError: a sensor is stuck, swings, is beyond a limit or not known yet.
        """
        known = {sensor.name: sensor for sensor in detector.sensors}
        meant = tuple(sensors) or tuple(of_alarm)
        for name in meant:
            if name not in known:
                raise UnknownNameError("sensor", name, list(known))
        refused = {name: why for name in meant if (why := known[name].unacceptable)}
        accepted = tuple(name for name in meant if name not in refused)
        if not accepted or (sensors and refused):
            found = "; ".join(f"{name}: {why}" for name, why in refused.items()) or "no sensor"
            raise BadValueError("sensors", found, "sensors that show a level which can be normal")
        levels = []
        for name in accepted:
            before, level, spread = detector.accept_level(name)
            unit = known[name].spec.unit
            levels.append(AcceptedLevel(self._device_id, name, unit, level, before, spread, by.name, reason, at))
        self.by_sensor |= {level.sensor: level for level in levels}
        return tuple(levels)

    def restore(self, detector: DeviceDetector, sensors: Sequence[str]) -> tuple[AcceptedLevel, ...]:
        """Let the levels of before hold again, and return those that hold no longer.

        Raises:
            UnknownNameError: no level of that sensor was accepted; the error names those of which one was.
        """
        for name in sensors:
            if name not in self.by_sensor:
                raise UnknownNameError("accepted level", name, list(self.by_sensor))
        levels = tuple(self.by_sensor.pop(name) for name in dict.fromkeys(sensors))
        for level in levels:
            detector.restore_level(level.sensor, level.before)
        return levels

    def recall(self, detector: DeviceDetector, levels: Iterable[AcceptedLevel], lasting: Sequence[Alarm]) -> None:
        """Know again what was accepted; it holds for sensors whose alarms were raised before. Others find theirs."""
        units = {sensor.name: sensor.spec.unit for sensor in detector.sensors}
        self.by_sensor = {one.sensor: one for one in levels if units.get(one.sensor) == one.unit}
        for one in self.by_sensor.values():
            if any(one.sensor in alarm.sensors and alarm.raised_at <= one.at for alarm in lasting):
                detector.restore_level(one.sensor, one.level, one.spread)


def told(levels: Sequence[AcceptedLevel]) -> str:
    """Return levels for people, such as ``temperature at 77.04 °C as normal``."""
    return ", ".join(f"{one.sensor} at {one.level:.4g} {one.unit}".strip() for one in levels) + " as normal"
