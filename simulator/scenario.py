"""What is to be generated: devices with their baselines, faults, and how hard the data is to read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from aegisflow.domain.equipment import PlantSpec, SensorSpec
from aegisflow.domain.times import parse_instant

from .faults import DAY, HOUR, KINDS, REFERENCE_DAY, Fault, random_faults

DEFAULT_START = parse_instant("2026-01-05T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A healthy sensor: Gaussian round its mean, with a daily sine that peaks in the afternoon."""

    mean: float
    sigma: float
    daily: float = 0.0
    """Amplitude of the daily sine."""
    floor: float | None = None
    """The physics allows nothing below."""


REFERENCE_SENSORS: Mapping[str, Baseline] = {
    "temperature": Baseline(75.0, 3.0, daily=2.0),
    "pressure": Baseline(31.5, 1.0),
    "vibration": Baseline(1.5, 0.4, floor=0.0),
    "humidity": Baseline(40.0, 3.0),
    "power_consumption": Baseline(20.0, 2.0, floor=0.0),
}
REFERENCE_DEVICES: Mapping[str, Mapping[str, Baseline]] = {
    f"{kind}-{line:02d}": REFERENCE_SENSORS for line in (1, 2, 3) for kind in ("compressor", "motor", "pump")
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A recording to be made. The defaults are the reference day; same scenario, same values."""

    seed: int = 42
    start: float = DEFAULT_START
    """UTC epoch seconds of the first reading."""
    duration_s: float = DAY
    interval_s: float = 5.0
    devices: Mapping[str, Mapping[str, Baseline]] = field(default_factory=lambda: REFERENCE_DEVICES)
    faults: tuple[Fault, ...] = REFERENCE_DAY

    amplitude: float = 1.0
    """Factor on what every fault adds."""
    fault_speed: float = 1.0
    """2 runs every fault in half its time."""
    noise: float = 1.0
    """Factor on every standard deviation."""
    autocorrelation: float = 0.0
    """Lag-1 correlation of the noise, 0 to below 1; its spread stays the same."""
    wander: float = 0.0
    """Standard deviation of a mean-reverting (30 min) baseline, in units of sigma."""
    daily: float = 1.0
    """Factor on the daily sine."""
    offset: float = 0.0
    """Every device's means are off by a random share of up to so much (0.1: ±10 %)."""
    quantum: float = 0.0
    """Resolution of the instruments, in units of sigma; 0 is three decimals."""
    missing: float = 0.0
    """Share of readings that never arrive."""
    missing_values: float = 0.0
    """Share of single values that are absent from their reading."""
    spikes: float = 0.0
    """Share of values at which a spike of 8 to 20 sigma begins."""
    spike_samples: int = 1
    """Values in a row that a spike lasts."""
    stuck: int = 0
    """Sensors a day that repeat one value for an hour (labelled ``sensor_stuck``)."""
    load_steps: int = 0
    """Harmless changes of load per device and day; not labelled."""
    load_before_fault_s: float | None = None
    """So many seconds before each fault its device's load changes, too; None for no such change."""
    cold_start_s: float = 0.0
    """Time constant of a start from standstill at the beginning, five times that for heat; 0 for none."""

    @property
    def steps(self) -> int:
        """Readings of each device."""
        return round(self.duration_s / self.interval_s)


def _warm_up(scenario: Scenario) -> Scenario:
    first, *rest = scenario.faults
    return replace(scenario, faults=(replace(first, start_s=120.0), *rest))


def _two_at_once(scenario: Scenario) -> Scenario:
    """The second fault happens while the first lasts, on its own device."""
    first, second, *rest = scenario.faults
    return replace(scenario, faults=(first, replace(second, start_s=first.start_s + first.duration_s / 4), *rest))


def _busy(scenario: Scenario) -> Scenario:
    """Every device has four faults a day of different types, three hours apart and more."""
    kinds, faults = list(KINDS), []
    for place, device in enumerate(scenario.devices):
        faults += [
            Fault(kinds[(place + turn) % len(kinds)], device, (2.0 + 5.0 * turn + place / 6) * HOUR)
            for turn in range(4)
        ]
    return replace(scenario, faults=tuple(sorted(faults, key=lambda fault: fault.start_s)))


VARIANTS: Mapping[str, Callable[[Scenario], Scenario]] = {
    "half_amplitude": lambda s: replace(s, amplitude=0.5),
    "quarter_amplitude": lambda s: replace(s, amplitude=0.25),
    "noise_x2": lambda s: replace(s, noise=2.0),
    "autocorrelated": lambda s: replace(s, autocorrelation=0.8),
    "missing_5pct": lambda s: replace(s, missing=0.05),
    "missing_values_5pct": lambda s: replace(s, missing_values=0.05),
    "spikes": lambda s: replace(s, spikes=0.001),
    "short_spikes": lambda s: replace(s, spikes=0.0002, spike_samples=3),
    "stuck_sensor": lambda s: replace(s, stuck=1),
    "load_steps": lambda s: replace(s, load_steps=3),
    "load_step_before": lambda s: replace(s, load_before_fault_s=960.0),
    "cold_start": lambda s: replace(s, cold_start_s=120.0),
    "busy_day": _busy,
    "daily_x3": lambda s: replace(s, daily=3.0),
    "offsets": lambda s: replace(s, offset=0.1),
    "faults_slow": lambda s: replace(s, fault_speed=1 / 3),
    "faults_fast": lambda s: replace(s, fault_speed=3.0),
    "fault_in_warm_up": _warm_up,
    "two_at_once": _two_at_once,
    "quantised": lambda s: replace(s, quantum=1.0),
    "wandering": lambda s: replace(s, wander=0.4),
    "healthy": lambda s: replace(s, faults=()),
}
"""Harder (or easier) worlds; they can be applied one after another."""


def devices_of(plant: PlantSpec) -> dict[str, dict[str, Baseline]]:
    """Return the baselines of a plant's devices: reference sensors by name, others from their normal range."""
    return {
        device.device_id: {
            name: REFERENCE_SENSORS.get(name) or _baseline(spec) for name, spec in device.sensors.items()
        }
        for device in plant.devices.values()
    }


def _baseline(spec: SensorSpec) -> Baseline:
    for limits in (spec.normal, spec.alarm, spec.trip):
        if limits.low is not None and limits.high is not None:
            # A range that is meant to be kept is taken for four standard deviations to each side.
            return Baseline((limits.low + limits.high) / 2, (limits.high - limits.low) / 8)
        if limits.high is not None:
            return Baseline(limits.high * 0.6 if limits.high > 0 else limits.high - 1, abs(limits.high) * 0.05 or 0.1)
        if limits.low is not None:
            return Baseline(limits.low * 1.5 if limits.low > 0 else limits.low + 1, abs(limits.low) * 0.05 or 0.1)
    return Baseline(10.0, 1.0)


def faults_for(choice: str, seed: int, devices: Mapping[str, Mapping[str, Baseline]], days: int) -> tuple[Fault, ...]:
    """Return the faults that a person chose by name: ``reference``, ``random`` or ``none``.

    Raises:
        ValueError: another name.
    """
    if choice == "none":
        return ()
    if choice == "random":
        return random_faults(seed, tuple(devices), days)
    if choice != "reference":
        raise ValueError(f"faults {choice!r}: choose reference, random or none")
    return tuple(
        replace(fault, start_s=fault.start_s + day * 24 * HOUR)
        for day in range(days)
        for fault in REFERENCE_DAY
        if fault.device_id in devices
    )
