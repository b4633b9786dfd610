"""What a detector says: the finding about one sensor, and the diagnosis of a whole device."""

from dataclasses import dataclass

from aegisflow.domain.alarms.model import Severity

UNCLASSIFIED = "unclassified"
SENSOR_STUCK = "sensor_stuck"
SENSOR_SILENT = "sensor_silent"

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
    """One sensor is out of the ordinary in one reading, and the figures that say so."""

    sensor: str
    detector: str
    """Which test says so: ``limit``, ``shift``, ``swing``, ``stuck``, ``silent``, ``drift``, ``joint``, ``zscore``."""
    value: float
    baseline: float
    """What is usual for the sensor, in its unit."""
    spread: float
    """Standard deviation that is usual for it, in its unit."""
    z: float
    """(value - baseline) / spread; 0 while there is no baseline yet."""
    severity: Severity

    @property
    def direction(self) -> str:
        """``high`` or ``low``, against the baseline."""
        return "high" if self.value >= self.baseline else "low"

    @property
    def weight(self) -> tuple[int, float]:
        """Orders findings, the weightiest last."""
        return (self.severity.rank, abs(self.z))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a device in one reading, as far as its readings tell."""

    fault_type: str
    findings: tuple[Finding, ...]
    """Of the sensors that speak for it, at least one."""
    reasons: tuple[str, ...] = ()
    """Why it is of this type, and what speaks against."""
    strength: float = 0.0
    """How far the strongest of its sensors has moved, in deadbands."""
