"""Sensors whose value no longer moves, and sensors that fell silent."""

from typing import Final

MIN_REPEATS: Final = 10
_RUN_FACTOR: Final = 5
MIN_MISSED: Final = 6
"""Readings without a sensor that say nothing yet."""


class Flatline:
    """Finds a value that is repeated more often than the sensor has ever repeated one.

    The limit is five times the longest run of equal values in health, and at least 10. A sensor
    that has always been constant is not stuck, and one that has seldom been seen to move must
    repeat itself for longer.
    """

    __slots__ = ("longest", "run", "seen")

    def __init__(self) -> None:
        self.run = 0
        """How often the newest value has been repeated so far."""
        self.longest = 0
        """Longest run so far during which the sensor did not count as stuck."""
        self.seen = 0
        """How often the value has changed."""

    def update(self, same: bool) -> None:
        """Count a value that is the same as the one before, or is not."""
        if same:
            self.run += 1
        elif self.run:
            # A run for which it counted as stuck says nothing about health, and must not raise the limit.
            if not self.present and self.run > self.longest:
                self.longest = self.run
            self.run = 0
            self.seen += 1
        else:
            self.seen += 1

    @property
    def limit(self) -> int:
        """Repeats from which on the sensor is stuck."""
        return max(MIN_REPEATS, _RUN_FACTOR * self.longest)

    @property
    def present(self) -> bool:
        """Whether the sensor is stuck."""
        return self.run >= MIN_REPEATS and self.run >= self.limit and self.seen > 2 * self.limit

    @property
    def tells_nothing(self) -> bool:
        """Whether a repeated value says something about the instrument rather than about the process."""
        return self.run > 0 and self.longest <= 1 and self.seen > 2 * MIN_REPEATS


class Silent:
    """Finds a sensor that has been missing from its device's readings for longer than ever before."""

    __slots__ = ("longest", "missed")

    def __init__(self) -> None:
        self.missed = 0
        """Consecutive readings of the device without the sensor."""
        self.longest = 0

    def reported(self) -> None:
        """Count that the sensor has reported again."""
        if self.missed > self.longest:
            self.longest = self.missed
        self.missed = 0

    @property
    def present(self) -> bool:
        """Whether it has been missing for unusually many readings."""
        return self.missed > MIN_MISSED and self.missed > 3 * self.longest
