"""A bench that feeds an alarm book reading after reading."""

from collections.abc import Iterable

from aegisflow.domain.alarms.book import AlarmBook
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.detection import UNCLASSIFIED, Diagnosis, Finding
from aegisflow.domain.equipment import AlarmSpec
from aegisflow.domain.interval import Interval

SENSORS = ("temperature", "pressure", "vibration")
OPERATOR = Caller("kim", CallerKind.OPERATOR)
U, A, R, N = AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.RETURNED, AlarmState.NORMAL


def finding(
    sensor: str = "temperature",
    severity: str = "low",
    z: float = 4.0,
    *,
    detector: str = "shift",
    tripped: bool = False,
    interval_s: float = 0.0,
) -> Finding:
    return Finding(sensor, detector, 75.0 + 3.0 * z, 75.0, 3.0, z, Severity(severity), tripped, interval_s)


def diagnosis(*findings: Finding, fault_type: str = UNCLASSIFIED) -> Diagnosis | None:
    return Diagnosis(fault_type, findings, (f"looks like {fault_type}",)) if findings else None


class Bench:
    """Feeds a book reading after reading, one every 5 s."""

    def __init__(self, on_delay: int = 3, off_delay: int = 6) -> None:
        """Take delays in readings of this bench."""
        self.interval = Interval()
        self.interval.median_s = 5.0
        self.book = AlarmBook("pump-02", AlarmSpec(5.0 * on_delay, 5.0 * off_delay), self.interval)
        self.at = 1_767_600_000.0
        self.events: list[AlarmEvent] = []

    def feed(
        self, *findings: Finding, times: int = 1, reported: Iterable[str] = SENSORS, fault_type: str = UNCLASSIFIED
    ) -> list[AlarmEvent]:
        before = len(self.events)
        for _ in range(times):
            self.at += 5.0
            self.events += self.book.observe(self.at, diagnosis(*findings, fault_type=fault_type), set(reported))
        return self.events[before:]

    def acknowledge(self, alarm_id: str, note: str = "seen") -> Alarm:
        alarm, events = self.book.acknowledge(alarm_id, OPERATOR, note, self.at)
        self.events += events
        return alarm

    @property
    def only(self) -> Alarm:
        (alarm,) = self.book.alarms()
        return alarm


def changes(events: Iterable[AlarmEvent]) -> list[str]:
    return [event.change.value for event in events]


def raised(**delays: int) -> Bench:
    bench = Bench(**delays)
    assert changes(bench.feed(finding(), times=3)) == ["raised"]
    return bench
