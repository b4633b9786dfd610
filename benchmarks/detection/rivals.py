"""What stands beside our detectors in the table."""

from collections.abc import Iterator

from aegisflow.domain.detection.zscore import ZScore
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Reading
from benchmarks.detection.days import Raised

UNNAMED = "anomaly"


def plain_z(spec: DeviceSpec, readings: Iterator[Reading]) -> list[Raised]:
    """|z| > 3 over 60 readings in any sensor is an alarm, acknowledged at once; a run of breaches is one."""
    scores = {name: ZScore(sensor.detector) for name, sensor in spec.sensors.items()}
    raised: list[Raised] = []
    active = False
    for reading in readings:
        breached = False
        values = reading.values
        for name, score in scores.items():
            value = values.get(name)
            if value is not None:
                z = score.update(value)
                if z is not None and not -3.0 <= z <= 3.0:
                    breached = True
        if breached and not active:
            raised.append(Raised(spec.device_id, reading.at, UNNAMED, UNNAMED))
        active = breached
    return raised


def original(spec: DeviceSpec, readings: Iterator[Reading]) -> list[Raised]:
    """The first program: the same test, but a device that has an alarm raises no other until a person acts."""
    return plain_z(spec, readings)[:1]
