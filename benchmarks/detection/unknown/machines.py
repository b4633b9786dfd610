"""Machines of our own that no plant file describes, in many forms, healthy for the first part of each recording.

Three families, after what public recordings look like:

- ``rig``: eight sensors of a test rig at 1 Hz for a thousand readings, one fault in the second half;
- ``series``: one sensor every five minutes for some weeks, with a few labelled anomalies;
- ``plant``: many sensors that move together, with states, counters, markers and constants among them;
- ``calm``: any of these without a fault, with changes that are benign: every alarm is false.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
START = 1_767_571_200.0
"""2026-01-05, a Monday, UTC epoch seconds."""


@dataclass(slots=True)
class Machine:
    """One recording."""

    name: str
    family: str
    at: Floats
    """UTC epoch seconds of the rows."""
    values: Floats
    """Rows by sensors; NaN where there is no value."""
    windows: list[tuple[int, int]]
    """First row and row after the last of everything that is wrong."""


def ar(rng: np.random.Generator, rows: int, r: float, sigma: float = 1.0) -> Floats:
    """Return noise whose lag-1 correlation is ``r`` and whose standard deviation is ``sigma``."""
    noise = rng.normal(0.0, sigma * (1 - r * r) ** 0.5, rows)
    out = np.empty(rows)
    last = rng.normal(0.0, sigma)
    for row in range(rows):
        last = r * last + noise[row]
        out[row] = last
    return out


def _ramp(rows: int, start: int, length: int) -> Floats:
    return np.clip((np.arange(rows) - start) / max(length, 1), 0.0, 1.0)


RIG_FAULTS = ("level", "small", "variance", "correlation", "drift", "flow", "swing", "mixed")


def rig(seed: int, fault: str | None) -> Machine:
    """Eight sensors of a rig: two accelerations, current, pressure, two temperatures, voltage, and a coarse flow."""
    rng = np.random.default_rng((1, seed))
    rows = int(rng.integers(900, 1200))
    start = int(rng.integers(450, 640))
    end = min(rows - int(rng.integers(20, 160)), start + int(rng.integers(180, 420)))
    load = ar(rng, rows, rng.uniform(0.6, 0.97))
    columns = [
        0.03 + 0.001 * rng.normal(size=rows),
        0.04 + 0.0012 * ar(rng, rows, 0.3),
        1.0 + 0.1 * load + 0.25 * rng.normal(size=rows),
        0.05 + 0.03 * load * rng.choice([-1, 1]) + 0.2 * rng.normal(size=rows),
        70 + rng.uniform(-1, 6) * (1 - np.exp(-np.arange(rows) / rng.uniform(200, 1500))) + 0.06 * ar(rng, rows, 0.8),
        25 + rng.uniform(-1, 1) * _ramp(rows, 0, rows) + 0.02 * ar(rng, rows, 0.9),
        230 + 6 * ar(rng, rows, 0.75),
    ]
    flow = 32 + 0.4 * load + 0.3 * rng.normal(size=rows)
    inside = (np.arange(rows) >= start) & (np.arange(rows) < end)
    rise = np.where(inside, _ramp(rows, start, int(rng.integers(3, 60))), 0.0)
    kind = fault or "none"
    if kind in ("level", "mixed"):
        for place in rng.choice(7, 3, replace=False):
            columns[place] += rise * np.std(columns[place][:start]) * rng.uniform(1.5, 4) * rng.choice([-1, 1])
    if kind == "small":
        for place in range(4):
            columns[place] += rise * np.std(columns[place][:start]) * rng.uniform(0.7, 1.2)
    if kind in ("variance", "mixed"):
        for place in (0, 1):
            middle = np.median(columns[place])
            columns[place] = middle + (columns[place] - middle) * (1 + rise * rng.uniform(1, 3))
    if kind == "correlation":
        flow += rise * 0.8 * ar(rng, rows, 0.9) - 0.4 * rise * load
        columns[2] = columns[2] - 0.2 * rise * load
    if kind == "drift":
        long = np.where(inside, _ramp(rows, start, end - start), 0.0)
        for place in rng.choice(7, 2, replace=False):
            columns[place] += long * np.std(columns[place][:start]) * rng.uniform(4, 8)
    if kind in ("flow", "mixed"):
        flow -= rise * rng.uniform(2, 12)
    if kind == "swing":
        columns[2] += rise * 0.6 * np.sin(np.arange(rows) * 2 * np.pi / rng.uniform(8, 40))
    columns.append(np.round(flow))
    windows = [(start, end)] if fault else []
    return Machine(
        f"rig {kind}",
        "rig" if fault else "calm",
        START + np.arange(rows, dtype=np.float64),
        np.array(columns).T,
        windows,
    )


SHAPES = ("daily", "counts", "weekly", "noise", "walk", "sawtooth", "duty", "coarse", "slow", "idle")
ANOMALIES = ("spike", "shift", "flat", "larger", "noisy", "frequency", "drift", "dip")


def _shape(rng: np.random.Generator, shape: str, rows: int, per_day: int) -> Floats:
    turn = np.arange(rows) / per_day
    day = np.sin(2 * np.pi * turn - 1.5) + 0.4 * np.sin(4 * np.pi * turn)
    if shape == "daily":
        return 60 + 12 * day + rng.uniform(0.5, 3) * ar(rng, rows, 0.5)
    if shape == "counts":
        rate = np.exp(1.5 + 0.8 * day + 0.5 * ar(rng, rows, 0.7))
        return rng.poisson(rate).astype(float) + np.where(rng.random(rows) < 0.01, rng.pareto(2.5, rows) * 10, 0)
    if shape == "weekly":
        weekend = np.where(turn % 7 >= 5, 0.4, 1.0)
        return 1000 * weekend * (1.3 + 0.5 * day) + 40 * ar(rng, rows, 0.6)
    if shape == "noise":
        return rng.uniform(0.1, 100) + ar(rng, rows, rng.uniform(0.0, 0.9)) * rng.uniform(0.1, 3)
    if shape == "walk":
        return 80 + 0.15 * np.cumsum(ar(rng, rows, 0.3)) * np.exp(-turn / 40) + ar(rng, rows, 0.99, 2.0)
    if shape == "sawtooth":
        period = int(rng.integers(20, 90))
        return 10 + 5 * ((np.arange(rows) % period) / period) + 0.2 * rng.normal(size=rows)
    if shape == "duty":
        on = (turn % 1 > 0.3) & (turn % 1 < 0.8)
        return np.where(on, 80.0, 20.0) + rng.uniform(0.5, 3) * rng.normal(size=rows)
    if shape == "coarse":
        return np.round(21 + 1.2 * day + 0.4 * ar(rng, rows, 0.9), 0)
    if shape == "slow":
        return 70 + 3 * ar(rng, rows, 0.998) + 0.3 * rng.normal(size=rows)
    base = np.abs(rng.normal(0.13, 0.02, rows))  # idle, with jobs now and then
    return base + np.where(rng.random(rows) < 0.03, rng.uniform(0.3, 0.8, rows), 0.0)


def harm(rng: np.random.Generator, values: Floats, kind: str, start: int, length: int, per_day: int) -> None:
    part = slice(start, start + length)
    scale = float(np.subtract(*np.percentile(values, [90, 10]))) or 1.0
    size = len(values[part])
    if kind == "spike":
        values[start : start + int(rng.integers(1, 4))] += scale * rng.uniform(1.5, 5) * rng.choice([-1, 1])
    elif kind == "shift":
        values[part] += scale * rng.uniform(0.6, 1.5) * rng.choice([-1, 1])
    elif kind == "flat":
        values[part] = np.median(values) + 0.01 * scale * rng.normal(size=size)
    elif kind == "larger":
        values[part] = np.median(values) + (values[part] - np.median(values)) * rng.uniform(1.6, 2.5)
    elif kind == "noisy":
        values[part] += scale * rng.uniform(0.3, 0.8) * rng.normal(size=size)
    elif kind == "frequency":
        values[part] += 0.5 * scale * np.sin(np.arange(size) * 2 * np.pi / (per_day / rng.uniform(8, 30)))
    elif kind == "drift":
        values[part] += scale * np.linspace(0, rng.uniform(1.0, 2.0), size)
    else:
        values[part] -= (values[part] - np.min(values)) * rng.uniform(0.7, 1.0)


def series(seed: int, shape: str, kind: str | None) -> Machine:
    """One sensor with its daily life, and up to three labelled anomalies after the first fifth."""
    rng = np.random.default_rng((2, seed))
    rows, per_day = int(rng.integers(2500, 4500)), 288
    if shape == "weekly":
        per_day = 48
    values = _shape(rng, shape, rows, per_day)
    windows = []
    count = int(rng.integers(1, 4)) if kind else 0
    half = max(20, rows // 20 // max(count, 1))
    spots = np.sort(rng.choice(np.arange(rows // 5 + half, rows - 2 * half, 2 * half), count, replace=False))
    for spot in spots:
        length = int(rng.integers(half // 2, half))
        harm(rng, values, kind or "", int(spot), length, per_day)
        windows.append((int(spot) - half // 4, int(spot) + max(half, length)))
    at = START + np.arange(rows) * 86_400.0 / per_day
    name = f"{shape} {kind or 'none'}"
    return Machine(name, "series" if kind else "calm", at, values.reshape(-1, 1), windows)


PLANT_FAULTS = ("correlation", "shift", "drift", "variance", "stuck", "regime", "spikes")


def plant(seed: int, fault: str | None) -> Machine:
    """Sensors that follow a few hidden quantities, with states, counters, markers and constants among them."""
    rng = np.random.default_rng((3, seed))
    rows, sensors, hidden = int(rng.integers(2500, 4000)), int(rng.integers(6, 24)), int(rng.integers(2, 5))
    factors = np.array([ar(rng, rows, rng.uniform(0.7, 0.98)) for _ in range(hidden)]).T
    if rng.random() < 0.5:  # works at one of two points
        factors[:, 0] += 3 * (np.floor(np.arange(rows) / rng.uniform(60, 140)) % 2)
    mix = rng.normal(size=(hidden, sensors))
    clean = factors @ mix
    values = clean + rng.uniform(0.2, 0.7) * rng.normal(size=(rows, sensors))
    windows = []
    for _ in range(int(rng.integers(1, 4)) if fault else 0):
        start, length = int(rng.integers(900, rows - 400)), int(rng.integers(80, 350))
        part = slice(start, start + length)
        chosen = rng.choice(sensors, max(1, sensors // 5), replace=False)
        for place in chosen:
            spread = float(np.std(values[:, place]))
            if fault == "correlation":
                values[part, place] = rng.permutation(values[: len(values[part]), place])
            elif fault == "shift":
                values[part, place] += spread * rng.uniform(0.8, 2.5) * rng.choice([-1, 1])
            elif fault == "drift":
                values[part, place] += spread * np.linspace(0, rng.uniform(1.5, 4), len(values[part]))
            elif fault == "variance":
                values[part, place] += spread * rng.uniform(0.8, 2) * rng.normal(size=len(values[part]))
            elif fault == "stuck":
                values[part, place] = values[start, place]
            elif fault == "regime":
                values[part] += 2.5 * np.std(values, axis=0) * rng.normal(size=sensors) / 2
            else:
                at = rng.integers(start, start + length, 6)
                values[at, place] += 12 * spread
        windows.append((start, start + length))
    return Machine(
        f"plant {fault or 'none'}",
        "plant" if fault else "calm",
        START + 60.0 * np.arange(rows, dtype=np.float64),
        _dress(rng, values),
        windows,
    )


def _dress(rng: np.random.Generator, values: Floats) -> Floats:
    """Make some columns coarse or saturated, and add those that are no measurements."""
    rows, sensors = values.shape
    coarse, full = rng.choice(sensors, 2, replace=False)
    values[:, coarse] = np.round(values[:, coarse] / np.std(values[:, coarse]))
    values[:, full] = np.minimum(values[:, full], np.percentile(values[:, full], 70))
    state = (np.floor(np.arange(rows) / rng.uniform(100, 300)) % 2).astype(float)
    counter = np.cumsum(rng.poisson(3.0, rows)).astype(float)
    marked = 20 + ar(rng, rows, 0.8)
    marked[rng.random(rows) < 0.02] = -200.0
    turning = (180 + np.cumsum(rng.normal(0, 8, rows))) % 360
    constant = np.full(rows, 4.2)
    if rng.random() < 0.5:
        constant[int(rng.integers(rows // 2, rows)) :] = 4.4
    return np.column_stack([values, state, counter, marked, turning, constant])


def calm(seed: int) -> Machine:
    """Return a recording without a fault, in which benign things happen."""
    rng = np.random.default_rng((4, seed))
    family = seed % 3
    if family == 0:
        return rig(seed, None)
    if family == 1:
        return series(seed, SHAPES[seed // 3 % len(SHAPES)], None)
    machine = plant(seed, None)
    sensors = machine.values.shape[1] - 5
    for _ in range(3):  # single wild values
        row, place = int(rng.integers(500, len(machine.at))), int(rng.integers(sensors))
        machine.values[row, place] += 20 * np.std(machine.values[:, place])
    return machine


Maker = Callable[[int], Machine]


def machines(first: int, count: int) -> list[Machine]:
    """Return ``count`` machines of each family, with seeds from ``first`` on."""
    made: list[Machine] = []
    for number in range(count):
        seed = first + number
        made.append(rig(seed, RIG_FAULTS[number % len(RIG_FAULTS)]))
        kind = ANOMALIES[(number + number // len(SHAPES)) % len(ANOMALIES)]
        made.append(series(seed, SHAPES[number % len(SHAPES)], kind))
        made.append(plant(seed, PLANT_FAULTS[number % len(PLANT_FAULTS)]))
        made.append(calm(seed))
    return made
