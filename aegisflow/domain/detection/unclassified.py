"""Diagnoses that need no rule: broken instruments, and what no type of fault fits."""

from collections.abc import Collection, Sequence
from math import inf

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.detection.evidence import finding_of, sign_of
from aegisflow.domain.detection.finding import (
    FLATLINE,
    LIMIT,
    READINGS_REFUSED,
    SENSOR_SILENT,
    SENSOR_STUCK,
    SILENT,
    UNCLASSIFIED,
    Diagnosis,
)
from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.interval import Interval
from aegisflow.domain.times import format_instant


def broken_instruments(
    sensors: Sequence[SensorDetector], at: float, interval: Interval, resting: Collection[str] = ()
) -> Diagnosis | None:
    """Return the diagnosis of sensors that are stuck or missing; None without such.

    Args:
        sensors: all of the device.
        at: UTC epoch seconds of the reading.
        interval: how often the device reports.
        resting: names of sensors that may repeat their value.
    """
    stuck = [
        sensor
        for sensor in sensors
        if sensor.at == at and sensor.flatline.present and not sensor.at_marker and sensor.name not in resting
    ]
    if stuck:
        findings = tuple(finding_of(sensor, FLATLINE) for sensor in stuck)
        reasons = tuple(f"{sensor.name} has repeated its value {sensor.flatline.run} times" for sensor in stuck)
        return Diagnosis(SENSOR_STUCK, findings, reasons)
    silent = [
        sensor
        for sensor in sensors
        if sensor.silence.missed
        and (sensor.silence.present or sensor.spec.by_exception)
        and at - sensor.told_at > sensor.stale_after_s(interval)
    ]
    if silent:
        findings = tuple(finding_of(sensor, SILENT) for sensor in silent)
        refused = tuple(
            f"readings refused: {why}" for s in silent if s.refusals is not None and (why := s.refusals.describe())
        )
        missing = tuple(
            f"{sensor.name} is missing from {sensor.silence.missed} readings"
            for sensor in silent
            if sensor.refusals is None or not sensor.refusals.run
        )
        return Diagnosis(SENSOR_SILENT if missing else READINGS_REFUSED, findings, (*refused, *missing))
    return None


def silent_device(sensors: Sequence[SensorDetector], latest_at: float, said: tuple[str, ...] = ()) -> Diagnosis | None:
    """Return the diagnosis of a device that has stopped reporting; None for one that has never reported.

    Args:
        sensors: all of the device.
        latest_at: UTC epoch seconds of its newest reading.
        said: why, by the word of its sender.
    """
    findings = tuple(finding_of(sensor, SILENT, Severity.MEDIUM) for sensor in sensors if sensor.at > -inf)
    reasons = (f"no reading since {format_instant(latest_at)}: nobody watches it",) if findings else ()
    return Diagnosis(SENSOR_SILENT, findings, (*said, *reasons)) if findings else None


def unclassified(shown: Sequence[SensorDetector]) -> Diagnosis:
    """Return the diagnosis of sensors that are off although no type of fault fits."""
    findings = tuple(finding_of(sensor, sign_of(sensor), Severity.LOW) for sensor in shown)
    return Diagnosis(
        UNCLASSIFIED, findings, tuple(f"{sensor.name} is off, and no type of fault fits" for sensor in shown)
    )


def beyond_limits(sensors: Sequence[SensorDetector]) -> Diagnosis:
    """Return the diagnosis of sensors beyond an alarm limit."""
    findings = tuple(finding_of(sensor, LIMIT) for sensor in sensors)
    return Diagnosis(UNCLASSIFIED, findings, tuple(f"{sensor.name} is beyond its limit" for sensor in sensors))
