"""The five scripted faults: their shapes, and when and where they happen.

A shape is a function of the fault's progress ``p``, 0 at its onset and 1 at its end, and of the
healthy values that it spoils; it returns what is to be added to each sensor.

| type             | min | shape                                                          | severity            |
|------------------|-----|----------------------------------------------------------------|---------------------|
| thermal_runaway  |  60 | temperature +5 to +50 °C, vibration +0 to +3 mm/s              | critical            |
| pressure_leak    |  30 | pressure to 15 PSI in the first tenth; power +15 kW, decaying  | high                |
| bearing_failure  |  60 | vibration 2 to 8.5 mm/s, temperature +0 to +8 °C               | high, > 8: critical |
| sensor_drift     | 120 | every sensor +0 to +15 % of its value                          | medium              |
| electrical_fault |  30 | power around 25 kW with amplitude 20, three cycles             | critical            |
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Shape = Callable[[Floats, Mapping[str, Floats]], dict[str, Floats]]


def thermal_runaway(p: Floats, healthy: Mapping[str, Floats]) -> dict[str, Floats]:
    """Heat rises steadily, and the machine begins to shake."""
    return {"temperature": 5 + 45 * p, "vibration": 3 * p}


def pressure_leak(p: Floats, healthy: Mapping[str, Floats]) -> dict[str, Floats]:
    """Pressure is lost at once; the machine works against it, less and less (1/20 is left at the end)."""
    # From the 31.5 PSI of a healthy reference machine.
    return {"pressure": (15 - 31.5) * np.minimum(1, 10 * p), "power_consumption": 15 * np.exp(-3 * p)}


def bearing_failure(p: Floats, healthy: Mapping[str, Floats]) -> dict[str, Floats]:
    """Vibration grows from just above normal, with some heat."""
    return {"vibration": 0.5 + 6.5 * p, "temperature": 8 * p}


def sensor_drift(p: Floats, healthy: Mapping[str, Floats]) -> dict[str, Floats]:
    """All sensors leave their calibration together, in proportion; the machine is well."""
    return {name: 0.15 * p * values for name, values in healthy.items()}


def electrical_fault(p: Floats, healthy: Mapping[str, Floats]) -> dict[str, Floats]:
    """The power swings widely."""
    return {"power_consumption": 5 + 20 * np.sin(2 * np.pi * 3 * p)}


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One type of fault."""

    name: str
    shape: Shape
    duration_s: float
    severity: str


KINDS: Mapping[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind("thermal_runaway", thermal_runaway, 3600, "critical"),
        FaultKind("pressure_leak", pressure_leak, 1800, "high"),
        FaultKind("bearing_failure", bearing_failure, 3600, "high"),
        FaultKind("sensor_drift", sensor_drift, 7200, "medium"),
        FaultKind("electrical_fault", electrical_fault, 1800, "critical"),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one device."""

    kind: str
    device_id: str
    start_s: float
    """Seconds after the start of the recording."""
    speed: float = 1.0
    """2 runs the same course in half the time."""
    amplitude: float = 1.0
    """Factor on everything that the shape adds."""

    @property
    def duration_s(self) -> float:
        """Seconds from onset to end."""
        return KINDS[self.kind].duration_s / self.speed

    @property
    def end_s(self) -> float:
        """Seconds after the start of the recording."""
        return self.start_s + self.duration_s

    def severity(self, p: float) -> str:
        """Return how bad it is at progress ``p``."""
        # Over 8 mm/s on the instrument, where 1.5 of them are the healthy reference machine's.
        if self.kind == "bearing_failure" and 1.5 + self.amplitude * (0.5 + 6.5 * p) > 8:
            return "critical"
        return KINDS[self.kind].severity


HOUR = 3600.0
DAY = 24 * HOUR

REFERENCE_DAY: tuple[Fault, ...] = (
    Fault("thermal_runaway", "compressor-01", 3 * HOUR),
    Fault("pressure_leak", "pump-02", 8 * HOUR),
    Fault("bearing_failure", "motor-03", 12 * HOUR),
    Fault("sensor_drift", "motor-01", 18 * HOUR),
    Fault("electrical_fault", "compressor-02", 22 * HOUR),
)


def random_faults(seed: int, device_ids: tuple[str, ...], days: int, speed: float = 1.0) -> tuple[Fault, ...]:
    """Return each type once a day, at a random time after the first hour, each on a device of its own.

    With a scenario's ``fault_speed`` as ``speed``, slower faults still end within their day.
    """
    rng = np.random.Generator(np.random.PCG64([seed, crc32(b"schedule")]))
    faults: list[Fault] = []
    for day in range(days):
        order = [device_ids[i] for i in rng.permutation(len(device_ids))]
        for place, kind in enumerate(KINDS.values()):
            latest = DAY - kind.duration_s / speed
            start = float(rng.integers(int(HOUR), int(latest))) + day * DAY
            faults.append(Fault(kind.name, order[place % len(order)], start))
    return tuple(sorted(faults, key=lambda fault: fault.start_s))
