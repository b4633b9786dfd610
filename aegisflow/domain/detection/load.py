"""Changes of load: what a machine is asked to do, not a fault."""

from collections.abc import Mapping

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import LoadSpec

SETTLING = 360
"""Readings until what follows the load has settled."""
FOLLOWING = 3.0
"""Deadbands are so many times as wide meanwhile, for the sensors that follow the load."""
_CERTAIN = 5.0
_LEAST = 0.5
"""Spreads by which the load must be off at least to have changed."""
_AGAIN = 2.0
_AFTER_ALARM = 60
"""Readings after an alarm until a new level is taken: those of the fault are no part of it."""


class LoadStep:
    """Recognises a step of the load by the sensor that measures it.

    The load has stepped when its medium mean is off by more than five standard errors, and it does
    not swing. It is information: for half an hour (360 readings) the sensors that follow it are
    allowed more, then it and they take a new level. Where the load is back by then, nothing is new:
    the old levels, known from many more readings, still hold.
    """

    __slots__ = ("_level", "left", "since", "spec")

    def __init__(self, spec: LoadSpec) -> None:
        self.spec = spec
        self.left = 0
        """Readings until the step is over; 0 for none."""
        self.since = 0.0
        """UTC epoch seconds when it was recognised."""
        self._level = 0.0

    def update(self, at: float, sensors: Mapping[str, SensorDetector], alarmed: bool) -> None:
        """Let one reading pass."""
        sensor = sensors.get(self.spec.sensor)
        if sensor is None or not sensor.ready:
            return
        means = sensor.means
        if self.left:
            if abs(means.medium - self._level) > _AGAIN:
                self._begin(means.medium)
            self.left = max(_AFTER_ALARM, self.left - 1) if alarmed else self.left - 1
            if not self.left and abs(means.medium) > _LEAST:
                for name in (self.spec.sensor, *self.spec.moves):
                    if name in sensors:
                        sensors[name].rebase()
        elif (
            abs(means.medium) > _LEAST
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
        """The sensors whose level is on its way because the load has changed; none at other times."""
        return (self.spec.sensor, *self.spec.moves) if self.left else ()

    def allowance(self, name: str) -> float:
        """Return how many deadbands a sensor may move now."""
        return FOLLOWING if self.left and name in self.spec.moves else 1.0

    def explains(self, name: str) -> bool:
        """Whether a sensor may be off because the load is: the one that measures it."""
        return name == self.spec.sensor
