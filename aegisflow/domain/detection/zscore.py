"""The z-score of a rolling window, as people know it: evidence for them, and an input of other detectors."""

from math import inf, nan, sqrt, ulp
from typing import Final

from aegisflow.domain.equipment import DetectorSpec
from aegisflow.domain.windows import RollingWindow

_MAX_BREACHES: Final = 6
_ENOUGH_BREACHES: Final = 4


class ZScore:
    """Computes z = (value - mean) / spread against the window before the value (60 readings, at least 20).

    Mean and sample standard deviation are those of the rolling window; the value itself enters it
    afterwards. A breach is ``|z| > threshold``.

    The spread is never taken as less than the sensor's resolution: half of the smallest change ever
    seen between two of its readings, for a rounded value is not known better. So a sensor that
    rests at 20.0 and moves by one digit is no breach, and one that rests and jumps to 900 is. A
    sensor that has never changed has shown no resolution but that of a float.
    """

    __slots__ = ("_breaches", "_min_readings", "deviation", "resolution", "step", "threshold", "value", "window", "z")

    def __init__(self, spec: DetectorSpec) -> None:
        self.window = RollingWindow(spec.window)
        self.value = nan
        """The newest value; not a number before the first."""
        self.deviation = 0.0
        """The newest value minus the mean of the window before it."""
        self.z: float | None = None
        """Z-score of the newest value; None while the window holds too few."""
        self.step = inf
        """The smallest change ever seen between two readings."""
        self.resolution = 0.0
        self._breaches = 0
        self.configure(spec)

    def configure(self, spec: DetectorSpec) -> None:
        """Go on under another specification, with as many of the newest values as it asks for."""
        if spec.window != self.window.capacity:
            self.window = self.window.resized(spec.window)
        self.threshold = spec.threshold
        self._min_readings = max(2, spec.min_readings)

    def update(self, value: float) -> float | None:
        """Take in the newest value and return its z-score; None while the window holds too few."""
        window = self.window
        count = window.count
        if count >= self._min_readings:
            self.deviation = deviation = value - window.origin - window.offset
            spread = sqrt(window.squares / (count - 1))
            # ulp: of a window whose values are all the same, nothing smaller can be told from rounding.
            if spread <= self.resolution:
                spread = max(self.resolution, ulp(value), ulp(window.origin))
            self.z = z = deviation / spread
            if not -self.threshold <= z <= self.threshold:
                self._breaches = min(_MAX_BREACHES, self._breaches + 1)
            elif self._breaches:
                self._breaches -= 1
        else:
            self.z = z = None
        change = value - self.value
        if change and -self.step < change < self.step:
            self.step = abs(change)
            self.resolution = self.step / 2
        self.value = value
        window.push(value)
        return z

    @property
    def persistent(self) -> bool:
        """Whether most of the newest values were breaches: at least 4 of 6, counted up and down."""
        return self._breaches >= _ENOUGH_BREACHES
