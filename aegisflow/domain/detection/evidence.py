"""From what a sensor shows to the evidence that people read."""

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.detection.finding import FLATLINE, LIMIT, OSCILLATION, SHIFT, SILENT, Z_SCORE, Finding
from aegisflow.domain.detection.sensor import SensorDetector


def finding_of(sensor: SensorDetector, detector: str, severity: Severity = Severity.LOW) -> Finding:
    """Return the newest value of a sensor as a finding of this detector.

    It is compared with the baseline, or with the rolling window while there is no baseline yet.
    """
    zscore, baseline = sensor.zscore, sensor.baseline
    value = zscore.value
    tripped = detector != SILENT and sensor.limit.tripped
    if detector == LIMIT:
        severity = max(severity, sensor.limit.severity, key=lambda item: item.rank)
    z = zscore.z
    if baseline.scale and detector != Z_SCORE:
        usual, spread, z = baseline.level, baseline.spread, (value - baseline.level) * baseline.scale
    elif z is None:
        usual, spread, z = zscore.window.mean or 0.0, zscore.window.spread or 0.0, 0.0
    else:
        # The window has the value by now; what it was before comes back from the deviation.
        usual, spread = value - zscore.deviation, zscore.deviation / z if z else zscore.window.spread or 0.0
    interval_s = 0.0 if sensor.interval is None else sensor.interval.usual_s
    return Finding(sensor.name, detector, value, usual, spread, z, severity, tripped, interval_s)


def sign_of(sensor: SensorDetector) -> str:
    """Return the detector that best explains why the sensor is out of the ordinary now."""
    if sensor.limit.beyond:
        return LIMIT
    if sensor.silence.present:
        return SILENT
    if sensor.flatline.present:
        return FLATLINE
    return OSCILLATION if sensor.oscillation.present else SHIFT
