"""A device that is restarted goes on as one that never stopped, as far as its readings tell."""

import random

import pytest

from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import AlarmSpec, DeviceSpec, SensorSpec
from aegisflow.domain.readings import Reading

SPEC = DeviceSpec(
    "press-01",
    "line-1",
    "press",
    {name: SensorSpec(name, "bar") for name in ("a", "b")},
    alarm=AlarmSpec(on_readings=3, off_readings=24),
)
STOPPED, SHIFTED = 1_500, 1_520
MANY = 20_000
"""Readings that are known of each of ten devices."""


def life(count: int) -> list[Reading]:
    rng, readings = random.Random(5), []
    for number in range(count):
        off = 4.0 if number >= SHIFTED else 0.0
        values = {"a": 50.0 + off + rng.gauss(0, 1), "b": rng.gauss(0, 1)}
        readings.append(Reading("press-01", 60.0 * (number + 1), values, 60.0 * (number + 1)))
    return readings


@pytest.mark.parametrize("restarted", [False, True])
def test_a_shift_right_after_a_restart_is_found_on_a_machine_that_nobody_described(restarted: bool) -> None:
    readings, device = life(SHIFTED + 60), Device(SPEC, MANY)
    alarms = []
    for number, reading in enumerate(readings):
        if restarted and number == STOPPED:
            device = Device(SPEC, MANY)
            device.recall(readings[max(0, number - device.recall_count) : number], (), Mode.NORMAL)
        alarms += device.record(reading)[1]
    assert {event.alarm.sensors for event in alarms} == {("a",)}
    assert readings[SHIFTED].at < alarms[0].at <= readings[SHIFTED + 20].at


def test_many_devices_recall_less() -> None:
    assert Device(SPEC, MANY).recall_count > Device(SPEC, 400).recall_count > Device(SPEC).recall_count
