"""The counters behind on-delay and off-delay, one for each sensor that speaks for an alarm or may come to."""

from collections.abc import Iterable, Mapping

from aegisflow.domain.alarms.model import Evidence, Severity
from aegisflow.domain.detection import Finding

_SEVERITIES = tuple(Severity)


class OnDelayCounter:
    """Counts the readings of one sensor in breach and out of it, and keeps its weightiest finding."""

    __slots__ = ("joined", "quiet", "runs", "since", "told", "worst")

    def __init__(self, worst: Finding, since: float) -> None:
        self.worst = worst
        """The weightiest finding of the sensor so far."""
        self.since = since
        self.runs = [0] * len(_SEVERITIES)
        """Consecutive readings that are at least so bad, for each severity from low to critical."""
        self.quiet = 0
        """Consecutive readings without a breach."""
        self.joined = False
        """Whether the sensor speaks for the active alarm."""
        self.told = 0.0
        """|z| of the sensor in the evidence that people were last given."""

    def breach(self, finding: Finding) -> None:
        """Count a reading in breach."""
        self.quiet = 0
        rank = finding.severity.rank
        self.runs = [run + 1 if level <= rank else 0 for level, run in enumerate(self.runs)]
        if finding.weight > self.worst.weight:
            self.worst = finding

    def rest(self) -> None:
        """Count a quiet reading."""
        self.quiet += 1
        self.runs = [0] * len(_SEVERITIES)

    def earned(self, on_delay: int) -> Severity:
        """Return the highest severity that has lasted for the on-delay; low for none."""
        return max(
            (s for s in _SEVERITIES if self.runs[s.rank] >= on_delay), default=Severity.LOW, key=lambda s: s.rank
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
        )


def join(counters: Mapping[str, OnDelayCounter], on_delay: int) -> bool:
    """Let sensors whose breach has lasted for the on-delay speak for the alarm, and return whether any is new."""
    new = [counter for counter in counters.values() if not counter.joined and counter.runs[0] >= on_delay]
    for counter in new:
        counter.joined = True
    return bool(new)


def earned(counters: Mapping[str, OnDelayCounter], on_delay: int) -> Severity:
    """Return the highest severity that any sensor of the alarm has earned."""
    severities = (counter.earned(on_delay) for counter in counters.values() if counter.joined)
    return max(severities, key=lambda severity: severity.rank)


def evidence_of(counters: Mapping[str, OnDelayCounter]) -> tuple[Evidence, ...]:
    """Return the evidence of the sensors that speak for the alarm, weightiest first.

    Their counters remember that people were given it.
    """
    joined = sorted((t for t in counters.values() if t.joined), key=lambda t: t.worst.weight, reverse=True)
    for counter in joined:
        counter.told = abs(counter.worst.z)
    return tuple(counter.evidence() for counter in joined)


def lasting(finding: Finding, since: float, on_delay: int) -> OnDelayCounter:
    """Return a counter for a sensor whose breach has lasted for the on-delay already."""
    counter = OnDelayCounter(finding, since)
    counter.runs = [on_delay if level <= finding.severity.rank else 0 for level in range(len(_SEVERITIES))]
    return counter


def recalled(item: Evidence, severity: Severity) -> OnDelayCounter:
    """Return a counter for a sensor that speaks for an alarm out of the store."""
    worst = Finding(item.sensor, item.detector, item.value, item.baseline, item.spread, item.z, severity)
    counter = OnDelayCounter(worst, item.since)
    counter.joined = True
    counter.told = abs(item.z)
    return counter


def weightiest_of(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Return the weightiest finding of each sensor."""
    weightiest: dict[str, Finding] = {}
    for finding in findings:
        other = weightiest.get(finding.sensor)
        if other is None or finding.weight > other.weight:
            weightiest[finding.sensor] = finding
    return weightiest
