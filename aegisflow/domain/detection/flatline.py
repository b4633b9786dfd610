"""Sensors that do not move any more, and sensors that fell silent."""

FEWEST_REPEATS = 10
_TIMES_LONGEST = 5
_FEWEST_MISSED = 6


class Flatline:
    """Finds a value that is repeated more often than the sensor was ever seen to repeat one.

    The limit is five times the longest run of equal values in health, and 10 at least. A sensor
    that has always been constant is no sensor that is stuck, and one that is seldom seen to move
    needs a long rest.
    """

    __slots__ = ("longest", "run", "seen")

    def __init__(self) -> None:
        self.run = 0
        """How often the newest value has been repeated so far."""
        self.longest = 0
        """Longest run so far that was not held for stuck."""
        self.seen = 0
        """Runs seen: how often the value has changed."""

    def update(self, same: bool) -> None:
        """Count a value that is, or is not, the same as the one before."""
        if same:
            self.run += 1
        elif self.run:
            if not self.present and self.run > self.longest:
                self.longest = self.run
            self.run = 0
            self.seen += 1
        else:
            self.seen += 1

    @property
    def limit(self) -> int:
        """Repeats above which the sensor is stuck."""
        return max(FEWEST_REPEATS, _TIMES_LONGEST * self.longest)

    @property
    def present(self) -> bool:
        """Whether the sensor is stuck."""
        return self.run >= FEWEST_REPEATS and self.run >= self.limit and self.seen > 2 * self.limit

    @property
    def tells_nothing(self) -> bool:
        """Whether a repeated value is a sign of the instrument rather than of the process."""
        return self.run > 0 and self.longest <= 1 and self.seen > 2 * FEWEST_REPEATS


class Silent:
    """Finds a sensor that is missing from readings of its device for longer than it ever was."""

    __slots__ = ("longest", "missed")

    def __init__(self) -> None:
        self.missed = 0
        """Readings of the device without the sensor, in a row."""
        self.longest = 0

    def reported(self) -> None:
        """The sensor is back."""
        if self.missed > self.longest:
            self.longest = self.missed
        self.missed = 0

    @property
    def present(self) -> bool:
        """Whether it has been missing for unusually many readings."""
        return self.missed > _FEWEST_MISSED and self.missed > 3 * self.longest
