"""Set-points: whoever moves one means it, and what follows it goes to another level."""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Final

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import DeviceSpec, SensorKind, SensorSpec

__all__ = ["SetPoints"]

SETTLING_S: Final = 1800.0
"""Seconds for which the sensors that follow a set-point may take to settle after it has last moved."""


class SetPoints:
    """Knows which sensors are on their way to another level because a set-point has moved.

    Their shift is no fault for half an hour after the last move; then what lies in its normal range, or has
    none, and is beyond no limit takes a new level. Limits are watched all the while.
    """

    __slots__ = ("_points", "_until", "_values", "following")

    @classmethod
    def of(cls, spec: DeviceSpec) -> "SetPoints | None":
        """Return those of a device; None for one that has none, as most have."""
        found = cls(tuple(spec.sensors.values()))
        return found if found._points else None

    def __init__(self, sensors: Sequence[SensorSpec]) -> None:
        self._points = tuple((spec.name, spec.moves) for spec in sensors if spec.kind is SensorKind.SETPOINT)
        self._values = {name: nan for name, _ in self._points}
        self._until: dict[str, float] = {}
        """Follower to when it should have settled; UTC epoch seconds by the device's clock."""
        self.following: frozenset[str] = frozenset()
        """Names of the sensors that may move now."""

    def update(self, at: float, sensors: Mapping[str, SensorDetector]) -> None:
        """Take in a reading whose values the sensors have already."""
        changed = False
        for name, moves in self._points:
            sensor = sensors.get(name)
            if sensor is None or isnan(sensor.value):
                continue
            before, self._values[name] = self._values[name], sensor.value
            if before != sensor.value and not isnan(before):
                self._until |= dict.fromkeys(moves, at + SETTLING_S)
                changed = True
        for name in [name for name, until in self._until.items() if at >= until]:
            del self._until[name]
            changed = True
            follower = sensors.get(name)
            if follower is not None and follower.within_normal is not False and not follower.unacceptable:
                follower.rebase()
        if changed:
            self.following = frozenset(self._until)
