"""For how long a type of fault has been diagnosed, where the sensors of a device may report one after the other."""

from collections.abc import Collection

from aegisflow.domain.detection import UNCLASSIFIED, Diagnosis
from aegisflow.domain.detection.finding import LIMIT
from aegisflow.domain.equipment import Delay
from aegisflow.domain.lasting import AGREEING, Lasting

__all__ = ["TypeTimes"]


class TypeTimes:
    """Times the type that was diagnosed last, and the others that lasted when it was.

    ::

        temperature, a reading of its own   T           T           T       thermal_runaway
        vibration, a reading of its own        V           V           V    bearing_failure
        both last                           |--------------------------|

    A type ends only by a reading of the sensor that shows it: where each value comes by itself, the other readings
    say nothing of it, and of two faults neither may keep the other from lasting.
    """

    __slots__ = ("_others", "_shown_by", "lasting", "name")

    def __init__(self) -> None:
        self.name = ""
        """The type as last diagnosed."""
        self.lasting = Lasting()
        """For how long it has been."""
        self._shown_by = ""
        self._others: dict[str, tuple[str, Lasting]] = {}
        """Other types that last, each with the sensor that shows it."""

    def begin(self, name: str, lasting: Lasting) -> None:
        """Take a type for one that has lasted already."""
        self.name, self.lasting, self._shown_by = name, lasting, ""
        self._others.clear()

    def take(self, at: float, diagnosis: Diagnosis | None, delay: Delay, reported: Collection[str]) -> None:
        """Take in what a reading shows.

        Args:
            at: UTC epoch seconds of the reading.
            diagnosis: None for nothing.
            delay: the device's on-delay.
            reported: the sensors that the reading has.
        """
        if diagnosis is None:
            self._unseen(at, delay, reported)
            return
        if diagnosis.fault_type == UNCLASSIFIED != self.name:
            self._unseen(at, delay, reported)
            if self.lasting.count:  # what comes and goes at a fast pace has its name all the while
                return
        if diagnosis.fault_type != self.name:
            if self.lasting.count:
                self._others[self.name] = self._shown_by, self.lasting
            _, self.lasting = self._others.pop(diagnosis.fault_type, ("", Lasting()))
            self.name = diagnosis.fault_type
        for name, (sensor, lasting) in tuple(self._others.items()):
            if sensor in reported:
                lasting.unseen(at, delay)
                if not lasting.count:
                    del self._others[name]
        self._shown_by = diagnosis.findings[0].sensor
        certain = any(finding.detector == LIMIT for finding in diagnosis.findings)
        self.lasting.seen(at, AGREEING if certain else 1)

    def _unseen(self, at: float, delay: Delay, reported: Collection[str]) -> None:
        if not self._shown_by or self._shown_by in reported:
            self.lasting.unseen(at, delay)
