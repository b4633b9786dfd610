"""Detectors: they watch values and say what is wrong; they know nothing of how alarms live.

One file is one detector, with its formula and where that comes from. None of them knows the name of
a sensor, its unit or how often it reports: memory is counted in readings, sizes in spreads of the
sensor's own noise, and what a sensor means stands in ``plant.yaml``.
"""

from aegisflow.domain.detection.device import DeviceDetector
from aegisflow.domain.detection.finding import SENSOR_SILENT, SENSOR_STUCK, UNCLASSIFIED, Diagnosis, Finding
from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.detection.unclassified import silent_device

__all__ = [
    "SENSOR_SILENT",
    "SENSOR_STUCK",
    "UNCLASSIFIED",
    "DeviceDetector",
    "Diagnosis",
    "Finding",
    "SensorDetector",
    "silent_device",
]
