"""What is mixed into a stream changes nothing of what is told: a faulty one is alarmed, and a healthy one is not."""

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.device import Device
from aegisflow.domain.readings import Reading, RefusalReason, RefusedValue
from tests.support.samples import LEVELS, device_spec
from tests.support.sizes import examples

NOW = 1_790_000_000.0
HOUR = 3_600.0
YEAR = 365 * 86_400.0
STEP_S = 5.0
WARM_UP, WATCHED, BEGINS = 440, 160, 40

REFUSED = (RefusedValue("humidity", RefusalReason.OUT_OF_SPAN, "65535"),)

Fault = Callable[[dict[str, float]], dict[str, float]]
FAULTS: dict[str, Fault] = {
    "none": lambda values: values,
    "hot": lambda values: values | {"temperature": values["temperature"] + 45.0},
    "shaking": lambda values: values | {"vibration": values["vibration"] + 6.0},
    "losing pressure": lambda values: values | {"pressure": values["pressure"] - 12.0},
    "stuck": lambda values: values | {"power_consumption": 20.0},
}


class Told(NamedTuple):
    """An alarm, and the number of the good reading with which it was raised."""

    sensors: frozenset[str]
    fault_type: str
    number: int


def good(fault: str, seed: int) -> Iterator[Reading]:
    chance = random.Random(seed)
    for number in range(WARM_UP + WATCHED):
        values = {name: chance.gauss(mean, spread) for name, (mean, spread) in LEVELS.items()}
        if number >= WARM_UP + BEGINS:
            values = FAULTS[fault](values)
        at = NOW + STEP_S * number
        yield Reading("compressor-01", at, values, at)


def warmed(seed: int) -> Device:
    device = Device(device_spec())
    for reading in list(good("none", seed))[:WARM_UP]:
        device.record(reading)
    return device


def soiled(kind: str, reading: Reading, before: Reading) -> list[Reading]:
    """Return what comes instead of a good reading: the good values are in it all the same."""
    later = reading.received_at + 0.1
    match kind:
        case "repeated":
            return [reading, reading._replace(received_at=later), before._replace(received_at=later)]
        case "refused":
            return [reading, reading._replace(values={}, refused=REFUSED, received_at=later)]
        case "a value refused":
            values = {name: value for name, value in reading.values.items() if name != "humidity"}
            return [reading._replace(values=values, refused=REFUSED)]
        case "in parts":
            parts = [{name: value} for name, value in reading.values.items()]
            return [reading._replace(values=part, received_at=later) for part in parts]
        case "parts of two":
            first, *rest = [{name: value} for name, value in reading.values.items()]
            return [reading._replace(values=first), before, *(reading._replace(values=part) for part in rest)]
        case _:
            off_s = {"59.5 s ahead": 59.5, "a year ahead": YEAR, "an hour behind": -HOUR, "61 s behind": -61.0}[kind]
            return [reading._replace(at=reading.at + off_s)]


KINDS = [
    "repeated",
    "refused",
    "a value refused",
    "in parts",
    "parts of two",
    "59.5 s ahead",
    "a year ahead",
    "an hour behind",
    "61 s behind",
]


def alarms_of(fault: str, seed: int, dirt: dict[int, str]) -> list[Told]:
    device = warmed(seed)
    found: dict[str, tuple[Alarm, int]] = {}
    readings = list(good(fault, seed))
    for number in range(WARM_UP, WARM_UP + WATCHED):
        reading, before = readings[number], readings[number - 1]
        kind = dirt.get(number - WARM_UP)
        for one in [reading] if kind is None else soiled(kind, reading, before):
            for event in device.record(one)[1]:
                first = found.get(event.alarm.alarm_id, (event.alarm, number - WARM_UP))[1]
                found[event.alarm.alarm_id] = event.alarm, first
        device.tick(reading.received_at + 1.0)
    return [Told(frozenset(alarm.sensors), alarm.fault_type, number) for alarm, number in found.values()]


@cache
def clean(fault: str, seed: int) -> tuple[Told, ...]:
    return tuple(alarms_of(fault, seed, {}))


def check_twins(fault: str, seed: int, dirt: dict[int, str]) -> None:
    twin, found = clean(fault, seed), alarms_of(fault, seed, dirt)
    assert [one.fault_type for one in found] == [one.fault_type for one in twin], (twin, found)
    for mine, other in zip(found, twin, strict=True):
        assert mine.number == pytest.approx(other.number, abs=4)
        assert mine.sensors & other.sensors


DIRT = st.dictionaries(st.integers(0, WATCHED - 1), st.sampled_from(KINDS), max_size=30)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_visible_in_good_values_is_told_within_its_bound_and_a_healthy_machine_is_not(
    fault: str,
) -> None:
    told = clean(fault, 1)
    assert [fault != "none"] * len(told) == [True] * len(told)
    assert len(told) == (fault != "none")
    assert all(BEGINS <= one.number <= BEGINS + 60 for one in told)


@given(st.sampled_from(sorted(FAULTS)), st.integers(1, 3), DIRT)
@settings(max_examples=examples(60))
def test_the_twin_without_the_dirt_gives_the_same_alarms(fault: str, seed: int, dirt: dict[int, str]) -> None:
    check_twins(fault, seed, dirt)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_kind_of_dirt_in_every_tenth_reading_changes_no_alarm(kind: str, fault: str) -> None:
    check_twins(fault, 2, dict.fromkeys(range(0, WATCHED, 10), kind))


@pytest.mark.long
@pytest.mark.timeout(400)
@given(st.sampled_from(sorted(FAULTS)), st.integers(1, 40), DIRT)
@settings(max_examples=examples(400))
def test_the_twin_without_any_dirt_gives_the_same_alarms(fault: str, seed: int, dirt: dict[int, str]) -> None:
    check_twins(fault, seed, dirt)
