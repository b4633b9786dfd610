"""Recordings as servers, roads, meters and old machines make them: each breaks an assumption that detectors like.

The family ``odd``: heavy tails, bursts, irregular stamps, half-hours and hours, clean periods without noise, strolling
levels, on/off columns, few values, holes, columns that rest, short recordings, and anomalies early in one.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.detection.unknown.machines import START, Floats, Machine, ar, harm

_Made = tuple[Floats, Floats]
"""Seconds since the start, and the values of one sensor."""


def _day(turn: Floats) -> Floats:
    wave: Floats = np.sin(2 * np.pi * turn - 1.5) + 0.4 * np.sin(4 * np.pi * turn)
    return wave


def _steps(rows: int, seconds: float) -> Floats:
    return np.arange(rows, dtype=np.float64) * seconds


def _bursts(rng: np.random.Generator) -> _Made:
    rows = 4032
    load = rng.uniform(1, 40) * (1 + 0.03 * ar(rng, rows, 0.4))
    load += np.where(rng.random(rows) < rng.uniform(0.005, 0.05), rng.pareto(2.0, rows) * load, 0.0)
    return _steps(rows, 300), load


def _latency(rng: np.random.Generator) -> _Made:
    rows = 4032
    return _steps(rows, 300), np.exp(3.7 + 0.08 * ar(rng, rows, 0.6) + 0.1 * rng.standard_t(3, rows))


def _traffic(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(1100, 2500))
    at = np.cumsum(rng.choice([300, 300, 600, 300, 900, 1200], rows)).astype(float)
    at[rows // 2 :] += 7 * 3600  # a hole
    speed = 65 - 9 * np.maximum(0, _day(at / 86_400)) ** 2 + 3 * ar(rng, rows, 0.5)
    return at, np.round(speed)


def _riders(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(5000, 8000))
    turn = np.arange(rows) / 48
    weekend = np.where(turn % 7 >= 5, 0.75, 1.0)
    return _steps(rows, 1800), 15_000 * weekend * (1.1 + 0.5 * _day(turn)) + 900 * ar(rng, rows, 0.8)


def _weather(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(3500, 6000))
    turn = np.arange(rows) / 24
    return _steps(rows, 3600), 70 + 6 * np.sin(turn / 58) + 2.5 * _day(turn) + 2.5 * ar(rng, rows, 0.97)


def _furnace(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(5000, 8000))
    return _steps(rows, 300), 85 + 6 * ar(rng, rows, 0.997) + 1.2 * ar(rng, rows, 0.8)


def _clock(rng: np.random.Generator) -> _Made:
    rows = 4032
    turn = np.arange(rows) / 288
    shape = rng.integers(3)
    wave = (
        80.0 * ((turn % 1 > 0.35) & (turn % 1 < 0.75))
        if shape == 0
        else 40 + 40 * np.sin(2 * np.pi * turn)
        if shape == 1
        else 80 * np.maximum(0, np.sin(2 * np.pi * turn)) ** 4
    )
    return _steps(rows, 300), wave + rng.choice([0.0, 1.0, 4.0]) * rng.random(rows)


def _switch(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(2000, 4000))
    on = False
    values: list[float] = []
    while len(values) < rows:
        values += [float(on)] * int(rng.integers(8, 25) if on else rng.integers(20, 60))
        on = not on
    return _steps(rows, 60), np.array(values[:rows])


def _few(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(2000, 4000))
    return _steps(rows, 60), np.round(5 + 0.8 * ar(rng, rows, 0.95)) * 0.25


def _resting(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(1500, 3000))
    return _steps(rows, 60), np.where(rng.random(rows) < 0.002, 1.0, 0.0) * rng.uniform(1, 3, rows) + 12.5


def _mentions(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(5000, 8000))
    rate = np.exp(2.5 + 0.6 * _day(np.arange(rows) / 288) + 0.3 * ar(rng, rows, 0.8))
    posts = rng.poisson(rate).astype(float)
    posts += np.where(rng.random(rows) < 0.004, 10 * rng.pareto(1.8, rows), 0.0).round()
    return _steps(rows, 300), posts


def _clicks(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(1400, 1800))
    return _steps(rows, 3600), np.abs(0.1 + 0.02 * _day(np.arange(rows) / 24) + 0.015 * ar(rng, rows, 0.4))


def _holes(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(2500, 4000))
    values = 20 + 4 * _day(np.arange(rows) / 288) + ar(rng, rows, 0.7)
    values[rng.random(rows) < 0.05] = np.nan
    for begin in rng.integers(500, rows - 200, 3):
        values[begin : begin + int(rng.integers(20, 120))] = np.nan
    return _steps(rows, 300), values


def _short(rng: np.random.Generator) -> _Made:
    rows = int(rng.integers(900, 1300))
    return _steps(rows, 300), 50 + 8 * _day(np.arange(rows) / 288) + 2 * ar(rng, rows, 0.6)


KINDS: dict[str, Callable[[np.random.Generator], _Made]] = {
    "bursts": _bursts,
    "latency": _latency,
    "traffic": _traffic,
    "riders": _riders,
    "weather": _weather,
    "furnace": _furnace,
    "clock": _clock,
    "switch": _switch,
    "few": _few,
    "resting": _resting,
    "mentions": _mentions,
    "clicks": _clicks,
    "holes": _holes,
    "short": _short,
}
_ANOMALIES = ("shift", "spike", "flat", "noisy", "drift", "dip", "larger")


def odd(seed: int, healthy: bool = False) -> Machine:
    """Return the recording of a seed: its kind goes by the seed, one or two anomalies after the first sixth."""
    rng = np.random.default_rng((5, seed))
    kind = list(KINDS)[seed % len(KINDS)]
    seconds, values = KINDS[kind](rng)
    rows = len(values)
    windows: list[tuple[int, int]] = []
    chosen = _ANOMALIES[int(rng.integers(len(_ANOMALIES)))]
    count = 0 if healthy else int(rng.integers(1, 3))
    half = max(16, rows // 20 // max(count, 1))
    for spot in np.sort(rng.choice(np.arange(rows // 6 + half, rows - 2 * half, 2 * half), count, replace=False)):
        length = int(rng.integers(half // 2, half))
        part = values[spot : spot + length]
        if kind == "switch":
            part[:] = rng.integers(2)
        elif kind in ("few", "resting"):
            part += 0.5 if kind == "few" else 2.0
        else:
            known = np.isfinite(values)
            filled = np.where(known, values, np.nanmedian(values))
            harm(rng, filled, chosen, int(spot), length, 288)
            values = np.where(known, filled, np.nan)
        windows.append((int(spot) - half // 4, int(spot) + half))
    family = "calm" if healthy else "odd"
    return Machine(f"{kind} {chosen}", family, START + seconds, np.asarray(values).reshape(-1, 1), windows)
