"""Small plants for tests: specifications, readings and whole healthy streams.

``from samples import device_spec, reading, healthy`` works in every test.
"""

import random
from collections.abc import Iterator, Mapping

from aegisflow.domain.equipment import AlarmSpec, DetectorSpec, DeviceSpec, Limits, SensorSpec
from aegisflow.domain.readings import Reading

LEVELS = {
    "temperature": (75.0, 3.0),
    "pressure": (31.5, 1.0),
    "vibration": (1.5, 0.4),
    "humidity": (40.0, 3.0),
    "power_consumption": (20.0, 2.0),
}
"""Sensor to mean and standard deviation of a healthy machine."""
UNITS = {"temperature": "°C", "pressure": "PSI", "vibration": "mm/s", "humidity": "%RH", "power_consumption": "kW"}
LIMITS = {"temperature": (Limits(None, 90.0), Limits(None, 105.0)), "pressure": (Limits(22.0), Limits(None, 42.0))}
"""Sensor to alarm and trip limits; the others have none."""


def sensor_spec(
    name: str = "temperature",
    unit: str | None = None,
    *,
    alarm: Limits | None = None,
    trip: Limits | None = None,
    stale_after_s: float = 30.0,
    window: int = 60,
    min_readings: int = 20,
    threshold: float = 3.0,
) -> SensorSpec:
    limits = LIMITS.get(name, (Limits(), Limits()))
    return SensorSpec(
        name,
        UNITS.get(name, "") if unit is None else unit,
        alarm=limits[0] if alarm is None else alarm,
        trip=limits[1] if trip is None else trip,
        stale_after_s=stale_after_s,
        detector=DetectorSpec(window, min_readings, threshold),
    )


def device_spec(
    device_id: str = "compressor-01",
    *sensors: SensorSpec,
    on_delay_s: float = 15.0,
    off_delay_s: float = 180.0,
    silent_after_s: float | None = 60.0,
) -> DeviceSpec:
    """Return a device with these sensors; none given means the five of ``LEVELS``."""
    chosen = sensors or tuple(sensor_spec(name) for name in LEVELS)
    return DeviceSpec(
        device_id,
        line="line-1",
        kind=device_id.rpartition("-")[0],
        sensors={sensor.name: sensor for sensor in chosen},
        silent_after_s=silent_after_s,
        alarm=AlarmSpec(on_delay_s, off_delay_s),
    )


def reading(at: float, values: Mapping[str, float], device_id: str = "compressor-01") -> Reading:
    """Return a reading that arrived at once."""
    return Reading(device_id, at, values, received_at=at)


def healthy(count: int, seed: int = 2, start: float = 0.0, device_id: str = "compressor-01") -> Iterator[Reading]:
    """Return readings of a healthy machine, one every 5 s."""
    rng = random.Random(seed)
    for index in range(count):
        values = {name: rng.gauss(mean, spread) for name, (mean, spread) in LEVELS.items()}
        yield reading(start + 5.0 * index, values, device_id)
