"""Readings with labels: arrays from a scenario, and the CSV file on top of them.

Every stream of random numbers has its own generator, named by seed, device and purpose: the same
scenario gives the same values on every machine, and one more spike moves nobody else's noise.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain
from math import exp, pi
from pathlib import Path
from typing import TextIO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.times import format_instant

from .faults import DAY, HOUR, KINDS, Fault, Floats
from .scenario import Baseline, Scenario

WANDER_S = 1800.0
"""Mean reversion of a wandering baseline."""
_RANKS = {severity: rank for rank, severity in enumerate(("", "low", "medium", "high", "critical"))}


@dataclass(frozen=True, slots=True)
class Label:
    """What a row really is: the scripted fault, or nothing."""

    anomaly: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """One device's readings. All arrays have one element per reading."""

    device_id: str
    at: Floats
    """UTC epoch seconds."""
    values: Mapping[str, Floats]
    """Sensor to values; NaN where the value is absent."""
    arrived: NDArray[np.bool_]
    """False where the whole reading is missing."""
    labels: tuple[Label, ...]
    """The labels that occur; the first is 'nothing'."""
    label: NDArray[np.int64]
    """Reading to the place of its label in ``labels``."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """All devices of a scenario."""

    scenario: Scenario
    recordings: tuple[Recording, ...]
    faults: tuple[Fault, ...]
    """As they happened, amplitude and speed of the scenario included."""


def generate(scenario: Scenario, progress: Callable[[float], None] = lambda share: None) -> Dataset:
    """Make the readings of a scenario; ``progress`` is told the share that is done, 0 to 1.

    Raises:
        ValueError: a fault names a device that the scenario does not have.
    """
    faults = tuple(
        Fault(f.kind, f.device_id, f.start_s, f.speed * scenario.fault_speed, f.amplitude * scenario.amplitude)
        for f in scenario.faults
    )
    for fault in faults:
        if fault.device_id not in scenario.devices:
            raise ValueError(f"fault {fault.kind} is on {fault.device_id}, which is not a device of the scenario")
    recordings = []
    for done, (device_id, baselines) in enumerate(scenario.devices.items(), start=1):
        own = tuple(fault for fault in faults if fault.device_id == device_id)
        recordings.append(_record(scenario, device_id, baselines, own))
        progress(done / len(scenario.devices))
    return Dataset(scenario, tuple(recordings), faults)


def _rng(scenario: Scenario, *names: str) -> np.random.Generator:
    # crc32 and not hash(), which Python salts anew in every process.
    return np.random.Generator(np.random.PCG64([scenario.seed, *(crc32(name.encode()) for name in names)]))


def _record(
    scenario: Scenario, device_id: str, baselines: Mapping[str, Baseline], faults: tuple[Fault, ...]
) -> Recording:
    elapsed = np.arange(scenario.steps) * scenario.interval_s
    values = {name: _healthy(scenario, device_id, name, baseline, elapsed) for name, baseline in baselines.items()}
    # In the order of the world: a healthy machine, its load, what fails in it, and only then what its instruments
    # show.
    _step_load(scenario, device_id, values, elapsed, faults)
    severities: list[tuple[NDArray[np.bool_], Label]] = []
    for fault in faults:
        hit = (elapsed >= fault.start_s) & (elapsed < fault.end_s)
        p = (elapsed[hit] - fault.start_s) / fault.duration_s
        added = KINDS[fault.kind].shape(p, {name: column[hit] for name, column in values.items()})
        for name, delta in added.items():
            if name in values:
                values[name][hit] += fault.amplitude * delta
        severities += _label_fault(fault, hit, elapsed)
    severities += _stick(scenario, device_id, values, elapsed)
    _run_up(scenario, values, elapsed)
    for name, baseline in baselines.items():
        _read_out(scenario, device_id, name, baseline, values[name])
    labels, label = _merge(severities, scenario.steps)
    arrived = np.ones(scenario.steps, dtype=bool)
    if scenario.missing:
        arrived = _rng(scenario, device_id, "missing").random(scenario.steps) >= scenario.missing
    return Recording(device_id, scenario.start + elapsed, values, arrived, labels, label)


def _healthy(scenario: Scenario, device_id: str, name: str, baseline: Baseline, elapsed: Floats) -> Floats:
    """Mean, daily sine, noise and wandering of a healthy sensor."""
    rng = _rng(scenario, device_id, name)
    noise = _correlated(rng.standard_normal(len(elapsed)), scenario.autocorrelation) * scenario.noise
    if scenario.wander:
        steps = _rng(scenario, device_id, name, "wander").standard_normal(len(elapsed))
        noise += scenario.wander * _correlated(steps, exp(-scenario.interval_s / WANDER_S))
    mean = baseline.mean
    if scenario.offset:
        mean *= 1 + scenario.offset * (2 * _rng(scenario, device_id, name, "offset").random() - 1)
    hours = (scenario.start + elapsed) % DAY / HOUR
    # Highest at three in the afternoon.
    day = scenario.daily * baseline.daily * np.sin(2 * pi * (hours - 9) / 24)
    values: Floats = mean + day + baseline.sigma * noise
    return values


def _correlated(white: Floats, r: float) -> Floats:
    """First-order autoregression with lag-1 correlation ``r`` and the spread of its input."""
    if not r:
        return white
    # So that the variance stays 1: r² of it comes from the value before. The first value is drawn with all of it,
    # and the series needs no time to settle.
    gain = (1 - r * r) ** 0.5
    innovations = white * gain
    innovations[0] = white[0]
    return np.fromiter(accumulate(innovations.tolist(), lambda last, new: r * last + new), float, len(white))


def _run_up(scenario: Scenario, values: dict[str, Floats], elapsed: Floats) -> None:
    """Start from standstill: everything from 0, the heat from 20 °C and five times as slowly."""
    if not scenario.cold_start_s:
        return
    for name, column in values.items():
        if name == "temperature":
            column[:] = 20 + (column - 20) * (1 - np.exp(-elapsed / (5 * scenario.cold_start_s)))
        elif name in ("pressure", "vibration", "power_consumption"):
            column *= 1 - np.exp(-elapsed / scenario.cold_start_s)


def _step_load(
    scenario: Scenario, device_id: str, values: dict[str, Floats], elapsed: Floats, faults: tuple[Fault, ...]
) -> None:
    """Change the load now and then: power at once, temperature and vibration behind it (10 min)."""
    before = scenario.load_before_fault_s
    if not scenario.load_steps and (before is None or not faults):
        return
    rng = _rng(scenario, device_id, "load")
    count = max(1, round(scenario.load_steps * scenario.duration_s / DAY)) if scenario.load_steps else 0
    times = np.sort(rng.uniform(0, scenario.duration_s, count))
    if before is not None:
        times = np.sort(np.append(times, [fault.start_s - before for fault in faults]))
        count = len(times)
    levels = rng.uniform(2, 5, count) * rng.choice([-1.0, 1.0], count)
    power, lagged, last = np.zeros(len(elapsed)), np.zeros(len(elapsed)), 0.0
    for time, level in zip(times, levels, strict=True):
        after = np.maximum(elapsed - time, 0)
        power += np.where(elapsed >= time, level - last, 0)
        lagged += (level - last) * (1 - np.exp(-after / 600))
        last = level
    for name, delta in (("power_consumption", power), ("temperature", 0.8 * lagged), ("vibration", 0.04 * lagged)):
        if name in values:
            values[name] += delta


def _stick(
    scenario: Scenario, device_id: str, values: dict[str, Floats], elapsed: Floats
) -> list[tuple[NDArray[np.bool_], Label]]:
    """Freeze a random sensor for an hour; the draw is over the plant, each device does its share."""
    rng, marks = _rng(scenario, "stuck"), []
    for _ in range(max(1, round(scenario.stuck * scenario.duration_s / DAY)) if scenario.stuck else 0):
        device = list(scenario.devices)[rng.integers(len(scenario.devices))]
        sensor = list(scenario.devices[device])[rng.integers(len(scenario.devices[device]))]
        start = rng.uniform(0.05, 0.9) * scenario.duration_s
        if device == device_id:
            hit = (elapsed >= start) & (elapsed < start + HOUR)
            if hit.any():
                values[sensor][hit] = values[sensor][hit][0]
                marks.append((hit, Label("sensor_stuck", "low")))
    return marks


def _read_out(scenario: Scenario, device_id: str, name: str, baseline: Baseline, values: Floats) -> None:
    """What the instrument makes of the physics: spikes, its floor, its resolution, gaps."""
    if scenario.spikes:
        rng = _rng(scenario, device_id, name, "spikes")
        hit = rng.random(len(values)) < scenario.spikes
        size = rng.uniform(8, 20, len(values)) * rng.choice([-1.0, 1.0], len(values))
        for place in np.flatnonzero(hit) if scenario.spike_samples > 1 else ():
            run = slice(place, place + scenario.spike_samples)
            hit[run], size[run] = True, size[place]
        values[hit] += (baseline.sigma * size)[hit]
    if baseline.floor is not None:
        np.maximum(values, baseline.floor, out=values)
    step = scenario.quantum * baseline.sigma
    values[:] = np.round(values / step) * step if step else values
    np.round(values, 3, out=values)
    if scenario.missing_values:
        values[_rng(scenario, device_id, name, "gaps").random(len(values)) < scenario.missing_values] = np.nan


def _label_fault(fault: Fault, hit: NDArray[np.bool_], elapsed: Floats) -> list[tuple[NDArray[np.bool_], Label]]:
    grades: dict[str, NDArray[np.bool_]] = {}
    for index in np.flatnonzero(hit):
        severity = fault.severity(float((elapsed[index] - fault.start_s) / fault.duration_s))
        grades.setdefault(severity, np.zeros(len(elapsed), dtype=bool))[index] = True
    return [(mask, Label(fault.kind, severity)) for severity, mask in grades.items()]


def _merge(marks: list[tuple[NDArray[np.bool_], Label]], steps: int) -> tuple[tuple[Label, ...], NDArray[np.int64]]:
    """Give each reading one label; where two meet, types are joined with ``+`` and the worst severity counts."""
    labels: dict[Label, int] = {Label(): 0}
    label = np.zeros(steps, dtype=np.int64)
    for mask, mark in marks:
        for present in np.unique(label[mask]):
            before = list(labels)[present]
            merged = (
                mark
                if not before.anomaly
                else Label(
                    f"{before.anomaly}+{mark.anomaly}", max(before.severity, mark.severity, key=_RANKS.__getitem__)
                )
            )
            label[mask & (label == present)] = labels.setdefault(merged, len(labels))
    return tuple(labels), label


def write_csv(dataset: Dataset, file: TextIO, progress: Callable[[float], None] = lambda share: None) -> int:
    """Write the dataset, in order of time and then of device; return the number of rows.

    ``progress`` is told the share that is done, 0 to 1.
    """
    scenario = dataset.scenario
    sensors = tuple(dict.fromkeys(chain.from_iterable(recording.values for recording in dataset.recordings)))
    file.write(",".join(("timestamp", "device_id", *sensors, "anomaly", "severity")) + "\n")
    # So that some 20,000 rows are in memory at a time, whatever the length of the recording.
    rows, block = 0, max(1, 20_000 // max(1, len(dataset.recordings)))
    for first in range(0, scenario.steps, block):
        part = slice(first, min(first + block, scenario.steps))
        times = [format_instant(scenario.start + step * scenario.interval_s) for step in range(part.start, part.stop)]
        lines = [list(_lines(recording, part, times, sensors)) for recording in dataset.recordings]
        rows += sum(int(recording.arrived[part].sum()) for recording in dataset.recordings)
        file.write("".join(chain.from_iterable(zip(*lines, strict=True))))
        progress(part.stop / scenario.steps)
    return rows


def _lines(recording: Recording, part: slice, times: list[str], sensors: tuple[str, ...]) -> Iterator[str]:
    """One line per reading, an empty string for one that is missing."""
    tails = [f",{label.anomaly},{label.severity}\n" for label in recording.labels]
    nothing = [""] * len(times)
    columns = []
    for sensor in sensors:
        values = recording.values.get(sensor)
        # Only NaN, an absent value, differs from itself.
        columns.append(nothing if values is None else [f"{v:.3f}" if v == v else "" for v in values[part].tolist()])
    ends = [tails[index] for index in recording.label[part].tolist()]
    middle = f",{recording.device_id},"
    for time, arrived, end, *cells in zip(times, recording.arrived[part].tolist(), ends, *columns, strict=True):
        yield time + middle + ",".join(cells) + end if arrived else ""


def write_file(scenario: Scenario, path: Path, progress: Callable[[float], None] = lambda share: None) -> int:
    """Generate and write one file, whole or not at all; return the number of rows."""
    dataset = generate(scenario, lambda share: progress(share / 2))
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("w", encoding="utf-8", newline="") as file:
        rows = write_csv(dataset, file, lambda share: progress(0.5 + share / 2))
    part.replace(path)
    return rows
