"""Changes of load: a machine does what it is asked to, which is no fault."""

from collections.abc import Mapping
from math import inf
from typing import Final

from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import LoadSpec
from aegisflow.domain.interval import Interval

SETTLING_S: Final = 1800.0
"""Time until the sensors that follow the load have settled."""
FOLLOWING: Final = 3.0
"""Deadbands by which a load can move the sensors that follow it, at most."""
_CERTAIN: Final = 5.0
"""Standard errors of the medium mean from which on the load has changed."""
_MIN_STEP: Final = 0.5
"""Spreads by which the load must at least be off to have changed."""
_AGAIN: Final = 2.0
"""Spreads by which the load must move on for the step to begin anew."""
_WAIT: Final = 60
_MAX_WAITS: Final = 6
"""Readings, a window, by which the end is put off while a follower moves, and how often."""
_AFTER_ALARM: Final = 60
"""Readings after an alarm before a new level is taken, so that those of the fault are no part of it."""


class LoadStep:
    """Recognises a step of the load by the sensor that measures it.

    The load has stepped when its medium mean is off by more than five standard errors and does not
    oscillate. That is no alarm: for half an hour (and 60 readings at least) the sensors that follow the load are
    allowed to move further, then it and they take new levels. Where the load is back by then, the old
    levels stay, because they are known from many more readings.

    How far a follower may move depends on the load: by one deadband, and by as many more as the load has
    moved, up to three. One that is further off has another reason, and keeps its level: a fault that began
    during the step is then told, rather than learned.
    """

    __slots__ = ("_before", "_interval", "_level", "_moved", "_waits", "left", "since", "spec")

    def __init__(self, spec: LoadSpec, interval: Interval) -> None:
        """Begin without a step; ``interval`` is that of the device's readings, which somebody else keeps."""
        self.spec = spec
        self._interval = interval
        self.left = 0
        """Readings until the step is over; 0 while there is none."""
        self.since = 0.0
        """When the step was recognised; UTC epoch seconds by the device's clock."""
        self._level = 0.0
        self._before: dict[str, float] = {}
        """Follower to the mean of its window one window before the step is over."""
        self._waits = 0
        """How often the end was put off because a follower still moved."""
        self._moved = 0.0
        """The furthest that the load has been from its level during the step, in deadbands."""

    def update(self, at: float, sensors: Mapping[str, SensorDetector], alarmed: bool) -> None:
        """Take in a reading whose values the sensors have already."""
        sensor = sensors.get(self.spec.sensor)
        if sensor is None or not sensor.ready:
            return
        means = sensor.means
        if self.left:
            if self.left == _WAIT:
                windows = ((name, sensors[name].zscore.window.mean) for name in self.spec.moves if name in sensors)
                self._before = {name: mean for name, mean in windows if mean is not None}
            self._moved = max(self._moved, abs(sensor.moved))
            if abs(means.medium - self._level) > _AGAIN:
                self._begin(means.medium)
            self.left = max(_AFTER_ALARM, self.left - 1) if alarmed else self.left - 1
            if not self.left and abs(means.medium) > _MIN_STEP:
                self._settle(sensor, sensors)
        elif (
            abs(means.medium) > _MIN_STEP
            and not sensor.oscillation.present
            and (abs(means.medium) > _CERTAIN * sensor.medium_error or sensor.shifted())
        ):
            self.since = at
            self._moved = abs(sensor.moved)
            self._begin(means.medium)

    def _begin(self, level: float) -> None:
        self.left = self._interval.readings_in(SETTLING_S, least=_WAIT)
        self._level = level
        self._waits = 0

    def _settle(self, load: SensorDetector, sensors: Mapping[str, SensorDetector]) -> None:
        """Take the new levels, or wait for a follower that still moves: it may be on its way to a fault."""
        followers = [
            sensors[name]
            for name in self.spec.moves
            if name in sensors and sensors[name].near(self.allowance(name, settling=True))
        ]
        if self._waits < _MAX_WAITS and any(one.moved_since(self._before.get(one.name, inf)) for one in followers):
            self._waits += 1
            self.left = _WAIT
            return
        self._before = {}
        load.rebase()
        for follower in followers:
            follower.rebase()

    @property
    def moved(self) -> tuple[str, ...]:
        """Names of the sensors whose level is moving because the load has changed; none at other times."""
        return (self.spec.sensor, *self.spec.moves) if self.left else ()

    def allowance(self, name: str, settling: bool = False) -> float:
        """Return how many deadbands a sensor may move now, or (``settling``) may have moved when the step is over."""
        return min(FOLLOWING, 1.0 + self._moved) if (self.left or settling) and name in self.spec.moves else 1.0

    def explains(self, name: str) -> bool:
        """Return whether a sensor may be off because the load is: the sensor that measures it may."""
        return name == self.spec.sensor
