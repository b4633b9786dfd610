"""Changes of load: a machine does what it is asked to, which is no fault."""

from collections.abc import Mapping

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import LoadSpec

SETTLING = 360
"""Readings until the sensors that follow the load have settled."""
FOLLOWING = 3.0
"""Factor on the deadbands of the sensors that follow the load, until they have settled."""
_CERTAIN = 5.0
_MIN_STEP = 0.5
"""Spreads by which the load must at least be off to have changed."""
_AGAIN = 2.0
_AFTER_ALARM = 60
"""Readings after an alarm before a new level is taken, so that those of the fault are no part of it."""


class LoadStep:
    """Recognises a step of the load by the sensor that measures it.

    The load has stepped when its medium mean is off by more than five standard errors and does not
    oscillate. That is no alarm: for half an hour (360 readings) the sensors that follow the load are
    allowed to move further, then it and they take new levels. Where the load is back by then, the old
    levels stay, because they are known from many more readings.
    """

    __slots__ = ("_level", "left", "since", "spec")

    def __init__(self, spec: LoadSpec) -> None:
        self.spec = spec
        self.left = 0
        """Readings until the step is over; 0 while there is none."""
        self.since = 0.0
        """When the step was recognised; UTC epoch seconds by the device's clock."""
        self._level = 0.0

    def update(self, at: float, sensors: Mapping[str, SensorDetector], alarmed: bool) -> None:
        """Take in a reading whose values the sensors have already."""
        sensor = sensors.get(self.spec.sensor)
        if sensor is None or not sensor.ready:
            return
        means = sensor.means
        if self.left:
            if abs(means.medium - self._level) > _AGAIN:
                self._begin(means.medium)
            self.left = max(_AFTER_ALARM, self.left - 1) if alarmed else self.left - 1
            if not self.left and abs(means.medium) > _MIN_STEP:
                for name in (self.spec.sensor, *self.spec.moves):
                    if name in sensors:
                        sensors[name].rebase()
        elif (
            abs(means.medium) > _MIN_STEP
            and not sensor.oscillation.present
            and (abs(means.medium) > _CERTAIN * sensor.medium_error or sensor.shifted())
        ):
            self.since = at
            self._begin(means.medium)

    def _begin(self, level: float) -> None:
        self.left = SETTLING
        self._level = level

    @property
    def moved(self) -> tuple[str, ...]:
        """Names of the sensors whose level is moving because the load has changed; none at other times."""
        return (self.spec.sensor, *self.spec.moves) if self.left else ()

    def allowance(self, name: str) -> float:
        """Return how many deadbands a sensor may move now."""
        return FOLLOWING if self.left and name in self.spec.moves else 1.0

    def explains(self, name: str) -> bool:
        """Return whether a sensor may be off because the load is: the sensor that measures it may."""
        return name == self.spec.sensor
