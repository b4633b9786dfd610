"""What detectors say: a finding about one sensor, and the diagnosis of a whole device."""

from dataclasses import dataclass

from aegisflow.domain.alarms.model import Severity

UNCLASSIFIED = "unclassified"
SENSOR_STUCK = "sensor_stuck"
SENSOR_SILENT = "sensor_silent"
READINGS_REFUSED = "readings_refused"
"""It reports, and what it says cannot be used."""
NEVER_HEARD = "never_heard"
"""Nothing has come from the device since the watch began."""

# The names that alarms, stores and people know the detectors by; they outlive the names in the code.
Z_SCORE = "zscore"
LIMIT = "limit"
SHIFT = "shift"
OSCILLATION = "swing"
FLATLINE = "stuck"
SILENT = "silent"
DRIFT = "drift"
MULTIVARIATE = "joint"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sensor is out of the ordinary in one reading; the figures say why."""

    sensor: str
    detector: str
    """Which detector says so: ``limit``, ``shift``, ``swing``, ``stuck``, ``silent``, ``drift``, ``joint``
    or ``zscore``."""
    value: float
    baseline: float
    """The level that is usual for the sensor, in its unit."""
    spread: float
    """The standard deviation that is usual for the sensor, in its unit."""
    z: float
    """(value - baseline) / spread; 0 while there is no baseline yet."""
    severity: Severity
    tripped: bool = False
    """Whether the value lies beyond a trip limit for certain, so that no delay is waited for."""
    interval_s: float = 0.0
    """Usual time between two values of the sensor; 0 for what is usual for its device."""

    @property
    def direction(self) -> str:
        """``high`` or ``low``, against the baseline."""
        return "high" if self.value >= self.baseline else "low"

    @property
    def weight(self) -> tuple[int, float]:
        """Sorting key that puts the weightiest finding last."""
        return (self.severity.rank, abs(self.z))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a device, as far as its readings tell."""

    fault_type: str
    findings: tuple[Finding, ...]
    """One finding or more for each sensor that speaks for it; at least one in all."""
    reasons: tuple[str, ...] = ()
    """Why it is of this type, and what speaks against that."""
    strength: float = 0.0
    """How far the sensor that moved most has moved, in deadbands."""
