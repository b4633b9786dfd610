"""The clocks behind on-delay and off-delay, one for each sensor that speaks for an alarm or may come to."""

from collections.abc import Iterable, Mapping
from math import inf

from aegisflow.domain.alarms.model import Evidence, Severity
from aegisflow.domain.detection import Finding
from aegisflow.domain.detection.finding import LIMIT
from aegisflow.domain.equipment import Delay
from aegisflow.domain.lasting import AGREEING, Lasting

_SEVERITIES = tuple(Severity)


class OnDelayCounter:
    """Times one sensor in breach and out of it, and keeps its weightiest finding."""

    __slots__ = ("_interval_s", "joined", "levels", "quiet", "since", "told", "tripped", "worst", "worst_at")

    def __init__(self, worst: Finding, since: float) -> None:
        self.worst = worst
        """The weightiest finding of the sensor so far."""
        self.worst_at: float | None = since
        """When it was found; None where nobody knows any more."""
        self.since = since
        self.levels = [Lasting() for _ in _SEVERITIES]
        """How long it has been at least so bad, for each severity from low to critical."""
        self.quiet = Lasting()
        """How long it has been without a breach."""
        self.tripped = False
        """Whether the newest value is beyond a trip limit for certain."""
        self.joined = False
        """Whether the sensor speaks for the active alarm."""
        self.told = 0.0
        """|z| of the sensor in the evidence that people were last given."""
        self._interval_s = worst.interval_s

    def breach(self, finding: Finding, at: float, delay: Delay) -> None:
        """Take in a reading in breach; ``delay`` is the device's on-delay."""
        self.quiet.count = 0
        self.tripped = finding.tripped
        self._interval_s = finding.interval_s
        rank, delay = finding.severity.rank, self._own(delay)
        for level, lasting in enumerate(self.levels):
            if level <= rank:
                lasting.seen(at, AGREEING if finding.detector == LIMIT else 1)
            else:
                lasting.unseen(at, delay)
        if finding.weight > self.worst.weight:
            self.worst, self.worst_at = finding, at

    def rest(self, at: float, delay: Delay) -> None:
        """Take in a quiet reading; ``delay`` is the device's on-delay."""
        self.quiet.seen(at)
        self.tripped = False
        delay = self._own(delay)
        for lasting in self.levels:
            lasting.unseen(at, delay)

    @property
    def idle(self) -> bool:
        """Whether nothing is left of a breach."""
        return not self.levels[0].count

    def lasted(self, delay: Delay) -> bool:
        """Return whether the breach has lasted for the device's on-delay."""
        return self.tripped or self.levels[0].lasted(self._own(delay))

    def rested(self, delay: Delay) -> bool:
        """Return whether it has been quiet for the device's off-delay."""
        return self.quiet.lasted(self._own(delay), agreeing=1)

    def earned(self, delay: Delay) -> Severity:
        """Return the highest severity that has lasted for the on-delay; low for none."""
        if self.tripped:
            return Severity.CRITICAL
        delay = self._own(delay)
        return max(
            (severity for severity in _SEVERITIES if self.levels[severity.rank].lasted(delay)),
            default=Severity.LOW,
            key=lambda severity: severity.rank,
        )

    def evidence(self) -> Evidence:
        """Return the weightiest finding as evidence."""
        worst = self.worst
        return Evidence(
            worst.sensor,
            worst.detector,
            worst.value,
            worst.baseline,
            worst.spread,
            worst.z,
            worst.direction,
            self.since,
            self.worst_at,
        )

    def _own(self, delay: Delay) -> Delay:
        """Return a delay for a sensor that may report less often than its device."""
        return delay if self._interval_s <= delay.interval_s else delay._replace(interval_s=self._interval_s)


def join(counters: Mapping[str, OnDelayCounter], delay: Delay) -> bool:
    """Let sensors whose breach has lasted for the on-delay speak for the alarm, and return whether any is new."""
    new = [counter for counter in counters.values() if not counter.joined and counter.lasted(delay)]
    for counter in new:
        counter.joined = True
    return bool(new)


def earned(counters: Mapping[str, OnDelayCounter], delay: Delay) -> Severity:
    """Return the highest severity that any sensor of the alarm has earned."""
    severities = (counter.earned(delay) for counter in counters.values() if counter.joined)
    return max(severities, key=lambda severity: severity.rank)


def evidence_of(counters: Mapping[str, OnDelayCounter]) -> tuple[Evidence, ...]:
    """Return the evidence of the sensors that speak for the alarm, weightiest first.

    Their counters remember that people were given it.
    """
    joined = sorted((t for t in counters.values() if t.joined), key=lambda t: t.worst.weight, reverse=True)
    for counter in joined:
        counter.told = abs(counter.worst.z)
    return tuple(counter.evidence() for counter in joined)


def lasting(finding: Finding, since: float) -> OnDelayCounter:
    """Return a counter for a sensor whose breach has lasted for the on-delay already."""
    counter = OnDelayCounter(finding, since)
    for level, run in enumerate(counter.levels):
        if level <= finding.severity.rank:
            # Since ever, which is longer than any delay.
            run.since, run.last_at, run.count = -inf, since, AGREEING
    return counter


def recalled(item: Evidence, severity: Severity) -> OnDelayCounter:
    """Return a counter for a sensor that speaks for an alarm out of the store."""
    worst = Finding(item.sensor, item.detector, item.value, item.baseline, item.spread, item.z, severity)
    counter = OnDelayCounter(worst, item.since)
    counter.joined = True
    counter.told = abs(item.z)
    counter.worst_at = item.at
    return counter


def weightiest_of(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return the weightiest finding of each sensor."""
    weightiest: dict[str, Finding] = {}
    for finding in findings:
        other = weightiest.get(finding.sensor)
        if other is None or finding.weight > other.weight:
            weightiest[finding.sensor] = finding
    return weightiest
