"""B3: gateways that send each sensor by itself. However the parts of instants come, each value is judged once."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegisflow.config import load
from aegisflow.domain.device import Device
from aegisflow.domain.readings import Disposition, Reading
from aegisflow.domain.timeline import Timeline
from tests.support.healthy import HEALTHY
from tests.support.places import PLANT_FILE
from tests.support.samples import LEVELS, device_spec
from tests.support.sizes import examples

NOW = 1_790_000_000.0
WARM_UP = 240
RATES_S = [0.02, 1.0, 5.0]


def whole(count: int, every_s: float, seed: int, hot_from: int) -> Iterator[Reading]:
    chance = random.Random(seed)
    for number in range(count):
        at = NOW + every_s * number
        values = {name: chance.gauss(mean, spread) for name, (mean, spread) in LEVELS.items()}
        if number >= hot_from:
            values["temperature"] += 45.0
        yield Reading("compressor-01", at, values, at)


def parts_of(readings: list[Reading], every_s: float, seed: int, lag: float) -> list[Reading]:
    """Return each value as a message of its own; each sensor's way is longer or shorter, by up to ``lag`` instants."""
    chance = random.Random(seed)
    usual_s = {name: chance.uniform(0.0, lag) * every_s for name in LEVELS}
    parts = []
    for reading in readings:
        for name, value in reading.values.items():
            came = reading.at + usual_s[name] * chance.uniform(0.5, 1.0)
            parts.append(reading._replace(values={name: value}, received_at=came))
    return sorted(parts, key=lambda part: part.received_at)


def in_batches(parts: list[Reading], size: int) -> list[Reading]:
    """Return the parts as a gateway hands them over: a batch has one time of receipt."""
    return [
        part._replace(received_at=parts[min(place - place % size + size, len(parts)) - 1].received_at)
        for place, part in enumerate(parts)
    ]


@given(
    st.sampled_from(RATES_S), st.integers(0, 9), st.floats(0.0, 2.5), st.integers(1, 40), st.sets(st.integers(0, 299))
)
@settings(max_examples=examples(60))
def test_b3_however_parts_of_instants_are_interleaved_each_value_is_judged_once_and_has_an_instant_of_its_own(
    every_s: float, seed: int, lag: float, batch: int, repeated: set[int]
) -> None:
    timeline = Timeline(60)
    sent = in_batches(parts_of(list(whole(60, every_s, seed, 60)), every_s, seed, lag), batch)
    taken: Counter[tuple[float, str]] = Counter()
    instants = set()
    for place, part in enumerate(sent):
        for copy in range(1 + (place in repeated)):
            disposition, judged = timeline.admit(part)
            assert (disposition is Disposition.DUPLICATE) == bool(copy)
            if not copy:
                assert disposition is not Disposition.CONFLICT
                taken.update((part.at, name) for name in judged.values)
                instants.add(judged.at)
                assert judged.at == pytest.approx(part.at, abs=1e-3)
                assert timeline.judging_at <= part.received_at + 1e-6
    assert set(taken.values()) == {1}
    assert len(taken) == len(instants) == 300


@given(st.sampled_from(RATES_S), st.integers(0, 3), st.floats(0.0, 2.5), st.integers(1, 40))
@settings(max_examples=examples(12))
def test_b3_a_machine_that_reports_in_parts_has_the_alarms_of_one_that_reports_whole(
    every_s: float, seed: int, lag: float, batch: int
) -> None:
    readings = list(whole(WARM_UP + 120, every_s, seed, WARM_UP + 40))
    found = []
    for stream in (readings, in_batches(parts_of(readings, every_s, seed, lag), batch)):
        device = Device(device_spec())
        events = [event for reading in stream for event in device.record(reading)[1]]
        found.append({event.alarm.alarm_id: event.alarm for event in events})
    whole_ones, in_parts = ([alarm.fault_type for alarm in one.values()] for one in found)
    assert in_parts == whole_ones
    for mine, other in zip(found[1].values(), found[0].values(), strict=True):
        assert mine.sensors == other.sensors
        assert mine.raised_at == pytest.approx(other.raised_at, abs=max(5.0, 6 * every_s))


BEYOND = {"temperature": 120.0, "vibration": 9.0, "pressure": 12.0}
"""Of a pump, past alarm limits that belong to another type of fault each."""


@given(
    st.sets(st.sampled_from(sorted(BEYOND)), min_size=1),
    st.sampled_from([1.0, 5.0, 30.0]),
    st.lists(st.floats(0.0, 0.95), min_size=5, max_size=5),
    st.integers(0, 3),
)
@settings(max_examples=examples(20))
def test_several_faults_at_once_raise_an_alarm_though_each_value_comes_by_itself(
    faulty: set[str], every_s: float, phases: list[float], seed: int
) -> None:
    chance, device = random.Random(seed), Device(load(PLANT_FILE, {}).plant.devices["pump-02"])
    onset, raised = 100, None
    for number in range(onset + 40):
        for phase, (name, (mean, spread)) in sorted(zip(phases, HEALTHY.items(), strict=True)):
            is_bad = number >= onset and name in faulty
            at = NOW + every_s * (number + phase)
            value = chance.gauss(BEYOND[name] if is_bad else mean, spread)
            events = device.record(Reading("pump-02", at, {name: value}, at))[1]
            if events and raised is None:
                raised = at
    assert raised is not None
    assert 0.0 <= raised - (NOW + every_s * onset) <= 15.0 + 4 * every_s
