"""How a sensor is now, and how far its newest value can be relied upon."""

from math import inf

from aegisflow.domain.detection import SensorDetector
from aegisflow.domain.readings import Quality
from aegisflow.domain.timeline import Timeline
from aegisflow.domain.views import NO_CHANGE_YET, SensorStatus

__all__ = ["sensor_status"]


def sensor_status(sensor: SensorDetector, timeline: Timeline, silent_after_s: float, unheard_s: float) -> SensorStatus:
    """Return a sensor as it is now.

    Args:
        sensor: what watches it.
        timeline: of its device.
        silent_after_s: without a reading for so long its device is silent.
        unheard_s: for how long its device has not been heard.
    """
    window, refusals = sensor.zscore.window, sensor.refusals
    quality, reason = _quality(sensor, timeline, silent_after_s, unheard_s)
    seen = sensor.at > -inf
    return SensorStatus(
        sensor.spec,
        quality,
        sensor.value if seen else None,
        sensor.told_at if seen else None,
        window.mean,
        window.spread,
        sensor.zscore.z if seen else None,
        window.count,
        reason,
        {} if refusals is None else {why.value: count for why, count in refusals.counts.items()},
        "" if refusals is None or refusals.last is None else refusals.last.sample,
        None if sensor.spec.by_exception else (sensor.interval or timeline.interval).median_s,
        sensor.stale_after_s(timeline.interval),
    )


def _quality(
    sensor: SensorDetector, timeline: Timeline, silent_after_s: float, unheard_s: float
) -> tuple[Quality, str]:
    """Return how far the newest value can be relied upon, and what speaks against it."""
    refused = "" if sensor.refusals is None else sensor.refusals.describe()
    if sensor.at == -inf:
        if sensor.spec.by_exception and not refused:
            return Quality.UNCERTAIN, NO_CHANGE_YET
        return Quality.BAD, f"refused: {refused}" if refused else "never seen"
    if refused:
        return Quality.BAD, f"refused: {refused}; the value is the last good one"
    if timeline.judging_at - sensor.told_at + unheard_s > sensor.stale_after_s(timeline.interval):
        return Quality.UNCERTAIN, "stale"
    if sensor.spec.by_exception and unheard_s > silent_after_s:
        return Quality.UNCERTAIN, "its device is silent"
    return Quality.GOOD, ""
