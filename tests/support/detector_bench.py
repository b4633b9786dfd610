"""Values and sensors for the tests of the detectors."""

import random
from collections.abc import Iterable

from aegisflow.domain.detection import SensorDetector
from aegisflow.domain.equipment import Limits, SensorSpec
from tests.support.samples import sensor_spec

NO_LIMITS = {"alarm": Limits(), "trip": Limits()}


def noise(count: int, level: float = 75.0, spread: float = 3.0, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(level, spread) for _ in range(count)]


def coloured(count: int, r: float, level: float = 75.0, spread: float = 3.0, seed: int = 1) -> list[float]:
    """Return a first-order autoregression with lag-1 correlation ``r`` and this spread."""
    rng = random.Random(seed)
    values, u = [], rng.gauss(0, 1)
    for _ in range(count):
        u = r * u + (1 - r * r) ** 0.5 * rng.gauss(0, 1)
        values.append(level + spread * u)
    return values


def warm(values: Iterable[float] | None = None, spec: SensorSpec | None = None) -> SensorDetector:
    """Return a sensor that has seen these values; by default five hundred healthy ones."""
    sensor = SensorDetector(spec or sensor_spec("temperature", **NO_LIMITS))  # type: ignore[arg-type]
    return fed(sensor, noise(500) if values is None else values)


def fed(sensor: SensorDetector, values: Iterable[float]) -> SensorDetector:
    for value in values:
        sensor.update(value)
        if sensor.baseline.full:
            sensor.baseline.close_block(not sensor.suspected, moved=False)
            sensor.adapt()
    return sensor
