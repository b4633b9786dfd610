"""At no moment a device is blind: whatever it has shown so far, some value would score 1 in the next reading."""

import random
from collections.abc import Callable
from math import sin, tau

import pytest

from aegisflow.domain.device import Device
from aegisflow.domain.equipment import AlarmSpec, DeviceSpec, SensorKind, SensorSpec
from aegisflow.domain.readings import Reading

Row = dict[str, float]
Life = Callable[[int, random.Random, Row], Row]
STEP_S = 60.0
LOOKED_AT = (30, 250, 399, 400, 401, 650, 900)
"""Readings behind which is looked; before the thirtieth nobody knows how wide what is usual is."""


def strolls(number: int, rng: random.Random, before: Row) -> Row:
    return {name: before.get(name, 0.0) + rng.gauss(0, 1) for name in ("a", "b")}


def sparse(number: int, rng: random.Random, before: Row) -> Row:
    return {"a": rng.gauss(5, 1)} | ({"b": rng.gauss(0, 1)} if number % 7 == 0 else {})


LIVES: dict[str, Life] = {
    "noise": lambda number, rng, before: {"a": rng.gauss(50, 1), "b": rng.gauss(0, 0.1)},
    "stroll": strolls,
    "coarse": lambda number, rng, before: {"a": round(rng.gauss(3, 0.4)), "b": round(rng.gauss(3, 0.4), 1)},
    "constant": lambda number, rng, before: {"a": 5.0, "b": 0.0},
    "on and off": lambda number, rng, before: {"a": float(number // 40 % 2), "b": rng.gauss(0, 1)},
    "saturated": lambda number, rng, before: {"a": min(10.0, rng.gauss(9.8, 1)), "b": max(0.0, rng.gauss(0, 1))},
    "wild": lambda number, rng, before: {"a": rng.gauss(0, 1) / max(1e-3, abs(rng.gauss(0, 1))), "b": rng.gauss(0, 1)},
    "days": lambda number, rng, before: {"a": 20 * sin(tau * number / 96) + rng.gauss(0, 1), "b": rng.gauss(0, 1)},
    "ramp": lambda number, rng, before: {"a": 0.3 * number + rng.gauss(0, 1), "b": 1e12 + number},
    "seldom": sparse,
    "one": lambda number, rng, before: {"a": 0.9 * before.get("a", 0.0) + rng.gauss(0, 1)},
    "huge": lambda number, rng, before: {"a": rng.gauss(0, 1e20), "b": rng.gauss(0, 1e-20)},
}


def lived(life: Life, readings: int) -> tuple[Device, Row]:
    """Return a device that has lived through so many readings, and the newest of them."""
    rng, row = random.Random(11), Row()
    names = sorted(life(0, random.Random(1), {}).keys() | {"a"})
    sensors = {name: SensorSpec(name, "", kind=SensorKind.MEASUREMENT) for name in names}
    spec = DeviceSpec("pump-01", "recording", "recorded", sensors, alarm=AlarmSpec(on_readings=3, off_readings=24))
    device = Device(spec)
    for number in range(readings):
        row = life(number, rng, row)
        told(device, number, row)
    return device, row


def told(device: Device, number: int, row: Row) -> float:
    at = STEP_S * (number + 1)
    device.record(Reading(device.spec.device_id, at, row, at))
    return device.score


@pytest.mark.parametrize("name", LIVES)
def test_at_every_moment_some_value_scores_one(name: str) -> None:
    blind = []
    for readings in LOOKED_AT:
        far = 1e30 if name == "huge" else 1e15
        device, row = lived(LIVES[name], readings)
        score = told(device, readings, row | {"a": far})
        if score < 1.0:
            device, row = lived(LIVES[name], readings)
            score = told(device, readings, row | {"a": -far})
        blind += [readings] * (score < 1.0)
    assert blind == []
