"""Detectors: they watch values and say what is wrong, and know nothing of how alarms live.

Each file is one detector, with its formula and the formula's source. None of them knows the name of
a sensor, its unit or how often it reports: memory is counted in readings, sizes in spreads of the
sensor's own noise, and ``plant.yaml`` says what a sensor means.
"""

from aegisflow.domain.detection.device import DeviceDetector
from aegisflow.domain.detection.finding import (
    NEVER_HEARD,
    READINGS_REFUSED,
    SENSOR_SILENT,
    SENSOR_STUCK,
    UNCLASSIFIED,
    Diagnosis,
    Finding,
)
from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.detection.unclassified import silent_device

__all__ = [
    "NEVER_HEARD",
    "READINGS_REFUSED",
    "SENSOR_SILENT",
    "SENSOR_STUCK",
    "UNCLASSIFIED",
    "DeviceDetector",
    "Diagnosis",
    "Finding",
    "SensorDetector",
    "silent_device",
]
