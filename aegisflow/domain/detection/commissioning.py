"""A period in which a person says that a device is healthy, so that its detectors learn and hardly speak."""

from collections.abc import Mapping, Sequence
from typing import Final

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.detection.evidence import finding_of
from aegisflow.domain.detection.fault_types import Signs
from aegisflow.domain.detection.finding import MULTIVARIATE, UNCLASSIFIED, Diagnosis
from aegisflow.domain.detection.gross_jumps import GrossJumps
from aegisflow.domain.detection.sensor import SensorDetector

FEWEST: Final = 120
"""Healthy readings that are learned from at least, whatever a person says: as many as a baseline warms up on."""
_OF_LIMITS = frozenset({"beyond", "high", "low"})


class Commissioning:
    """What is learned and what is told while a device is commissioned.

    ::

        learn ............................... until
          every reading is learned from,       │ the charts begin, calibrated on
          but for those beyond a limit         │ what was learned
          only limits, gross jumps and         │ everything is told
          silent instruments are told          │

    A period ends with the first reading at or after ``until`` (or after so many), once there are 120 to learn from.
    """

    __slots__ = ("_before", "_fewest", "_jumps", "_known", "_readings", "_watched", "count", "learned", "until")

    def __init__(self, sensors: Sequence[SensorDetector], readings: int, until: float) -> None:
        """Begin with the next reading.

        Args:
            sensors: those whose gross jumps nobody else looks out for.
            readings: after how many the period ends; 0 for when ``until`` says.
            until: UTC epoch seconds; infinite for when ``readings`` says.
        """
        self.until = until
        self.count = self.learned = 0
        """Readings of the period, and those among them that were beyond no limit."""
        self._readings = readings
        self._fewest = min(FEWEST, readings) if readings else FEWEST
        self.watch(sensors)

    def watch(self, sensors: Sequence[SensorDetector]) -> None:
        """Look out for gross jumps of these sensors, and of no others."""
        self._watched = tuple(sensors)
        self._jumps = GrossJumps(len(self._watched))
        self._before = [0.0] * len(self._watched)
        self._known = [False] * len(self._watched)

    def is_over(self, at: float) -> bool:
        """Return whether a reading of ``at`` comes after the period, and there is something to judge it by."""
        if self.missing:
            return False
        return self.count >= self._readings if self._readings else at >= self.until

    @property
    def started(self) -> float:
        """How much of what is needed at least was learned, 0 to 1."""
        return min(1.0, self.learned / self._fewest)

    @property
    def missing(self) -> int:
        """How many healthy readings are missing at least until something was learned."""
        return max(0, self._fewest - self.learned)

    def take(self, values: Mapping[str, float], beyond: bool) -> None:
        """Count a reading that the sensors have already; ``beyond`` is whether one was beyond a limit just before."""
        self.count += 1
        self.learned += not beyond
        if not self._watched:
            return
        now = [False] * len(self._watched)
        for place, sensor in enumerate(self._watched):
            if sensor.name in values and sensor.zscore.window.count and not sensor.at_marker:
                self._before[place] = sensor.zscore.value
                self._known[place] = now[place] = True
        self._jumps.look(self._before, now, [place for place, known in enumerate(self._known) if known])

    @property
    def may_matter(self) -> bool:
        """Whether a gross jump lasts."""
        return self._jumps.lasting >= 1.0

    def told(self, signs: Signs) -> Signs:
        """Return of the signs of sensors those that may be told: that they are beyond their limits."""
        return {name: shown & _OF_LIMITS for name, shown in signs.items() if "beyond" in shown}

    def diagnose(self) -> Diagnosis | None:
        """Return what jumped far outside of everything seen in the period; None for nothing."""
        if not self.may_matter:
            return None
        outside = self._jumps.outside
        shown = [sensor for sensor, far in zip(self._watched, outside, strict=True) if far >= 1.0]
        findings = tuple(finding_of(sensor, MULTIVARIATE, Severity.MEDIUM) for sensor in shown)
        reasons = tuple(f"{sensor.name} is far outside of all that it has shown" for sensor in shown)
        return Diagnosis(UNCLASSIFIED, findings, reasons) if findings else None
