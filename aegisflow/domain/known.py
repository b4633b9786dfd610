"""How many of a device's readings are known when they come again, and how many a restart goes on from."""

from typing import Final

from aegisflow.domain.equipment import DeviceSpec

__all__ = ["MIN_KNOWN", "known_count", "recall_count"]

MIN_KNOWN: Final = 60
"""Readings of a device that are known when they come again, at least."""
_MAX_RECALLED: Final = 1_440
"""Readings judged again after a restart where there are not too many devices: two hours of one in five seconds."""
_WARM_UP: Final = 240
"""Readings from which baselines are found again after a restart, at least."""
_BACK: Final = 2000
"""Readings among which the last value of a sensor is looked for that reports by exception."""


def known_count(spec: DeviceSpec, wanted: int) -> int:
    """Return for how many readings repetitions are recognised: at least for as many as the longest window holds."""
    return max((MIN_KNOWN, wanted, *(sensor.detector.window for sensor in spec.sensors.values())))


def recall_count(spec: DeviceSpec, known: int) -> int:
    """Return how many of the newest readings a restart needs to find the baselines, and to know what comes again."""
    sensors = spec.sensors.values()
    least = _BACK if any(sensor.by_exception for sensor in sensors) else _WARM_UP
    return max((least, min(known, _MAX_RECALLED), *(sensor.detector.window for sensor in sensors)))
