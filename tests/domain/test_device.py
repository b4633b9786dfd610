import random
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import AlarmState, Change, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import FaultRule
from aegisflow.domain.readings import Disposition, Quality, Reading
from aegisflow.errors import UnknownNameError
from tests.support.device_bench import events_of, fed, first_alarm, hot, with_alarm
from tests.support.samples import LEVELS, device_spec, healthy, reading
from tests.support.twins import assert_alike, shown

OPERATOR = Caller("kim", CallerKind.OPERATOR)


def test_a_healthy_machine_is_accepted_without_a_word() -> None:
    device = Device(device_spec())
    outcomes = [device.record(taken) for taken in healthy(2000)]
    assert set(outcomes) == {(Disposition.ACCEPTED, ())}


def test_a_fault_is_one_alarm_from_its_onset_to_its_end() -> None:
    device = fed(list(healthy(1000)))
    events = events_of(device, hot(200, 5000.0)) + events_of(device, list(healthy(300, 3, 6000.0)))
    told = [event.change.value for event in events]
    assert (told[0], told[-1]) == ("raised", "cleared")
    assert told.count("raised") == 1
    assert len(told) <= 8
    alarm = events[-1].alarm
    assert alarm.raised_at <= 5040.0
    assert (alarm.severity, alarm.sensors[0]) == ("critical", "temperature"), "some values are beyond the trip limit"
    assert 6000.0 < (alarm.cleared_at or 0) <= 7000.0


def test_a_duplicate_reading_enters_no_window_twice() -> None:
    readings = list(healthy(80))
    device, twin = fed(readings), fed(readings)
    for taken in (readings[-1], readings[-30], readings[-60]):
        assert device.record(taken) == (Disposition.DUPLICATE, ())
    assert_alike(device, twin)


def test_an_older_reading_is_judged_when_it_comes_and_known_the_second_time() -> None:
    readings = list(healthy(80))
    device = fed(readings)
    late = reading(readings[-1].at - 2.0, {"temperature": 900.0})
    assert device.record(late) == (Disposition.LATE, ())
    assert device.record(late) == (Disposition.DUPLICATE, ())
    assert device.latest_at == readings[-1].at
    temperature = device.status(readings[-1].at, 0, {}).sensors[0]
    assert (temperature.value, temperature.at) == (900.0, readings[-1].at)


POISONS = st.one_of(
    st.tuples(st.just("again"), st.integers(0, 59)),
    st.tuples(st.just("unknown sensor"), st.just(0)),
)


@given(st.lists(st.tuples(st.integers(0, 150), POISONS), max_size=40), st.integers(0, 100))
def test_poison_leaves_a_device_as_its_unpoisoned_twin(poisons: list[tuple[int, tuple[str, float]]], seed: int) -> None:
    readings = [*healthy(100, seed), *hot(20, 500.0, seed), *healthy(40, seed + 1, 600.0)]
    device, twin = Device(device_spec()), Device(device_spec())
    came: list[Reading] = []
    for index, taken in enumerate(readings):
        values = dict(taken.values)
        for _, (kind, number) in (poison for poison in poisons if poison[0] == index):
            if kind == "unknown sensor":
                values["of another plant"] = 1e12
            elif index:
                again = came[max(0, index - 1 - int(number))]
                assert device.record(again) == (Disposition.DUPLICATE, ())
        came.append(taken._replace(values=values))
        assert device.record(came[-1]) == twin.record(taken)
        assert shown(device) == shown(twin)
    assert_alike(device, twin)


def test_a_missing_sensor_becomes_stale_and_the_others_go_on() -> None:
    device = fed(list(healthy(60)))
    for taken in healthy(20, 2, 300.0):
        device.record(taken._replace(values={k: v for k, v in taken.values.items() if k != "humidity"}))
    sensors = {sensor.spec.name: sensor for sensor in device.status(395.0, 0, {}).sensors}
    assert sensors["humidity"].quality is Quality.UNCERTAIN
    assert (sensors["humidity"].at, sensors["humidity"].count) == (295.0, 60)
    assert sensors["pressure"].quality is Quality.GOOD
    assert sensors["pressure"].at == 395.0
    device.record(reading(400.0, {"humidity": 40.0}))
    assert {s.spec.name: s.quality for s in device.status(401.0, 0, {}).sensors}["humidity"] is Quality.GOOD


def test_age_is_counted_from_when_a_reading_came_whatever_the_devices_clock_says() -> None:
    device = Device(device_spec())
    device.record(Reading("compressor-01", 1_000.0, {"temperature": 75.0}, received_at=9_000.0))
    sensors = device.status(9_029.0, 0, {}).sensors
    assert (sensors[0].quality, sensors[1].quality) == (Quality.GOOD, Quality.BAD)
    assert device.status(9_031.0, 0, {}).sensors[0].quality is Quality.UNCERTAIN
    assert not device.status(9_060.0, 0, {}).silent
    assert device.status(9_061.0, 0, {}).silent


def test_a_device_that_never_reported_is_silent_and_has_seen_nothing() -> None:
    status = Device(device_spec()).status(100.0, 0, {"nan": 3})
    assert (status.silent, status.latest_at, status.mode, status.refused) == (True, None, Mode.UNKNOWN, {"nan": 3})
    assert {(sensor.quality, sensor.value, sensor.count) for sensor in status.sensors} == {(Quality.BAD, None, 0)}


def test_status_shows_the_window_and_the_newest_z() -> None:
    device = fed(list(healthy(100)))
    device.record(reading(500.0, {"temperature": 84.0}))
    sensor = device.status(501.0, 101, {}).sensors[0]
    assert (sensor.value, sensor.at, sensor.count) == (84.0, 500.0, 60)
    assert sensor.mean == pytest.approx(75.0, abs=2.0)
    assert sensor.spread == pytest.approx(3.0, abs=1.0)
    assert sensor.z == pytest.approx(3.0, abs=1.0)


def test_breaches_before_and_after_a_silence_are_not_consecutive() -> None:
    readings = hot(30, 500.0)
    raised = first_alarm(fed(list(healthy(100))), readings)
    device = fed(list(healthy(100)) + readings[:raised])
    assert device.tick(readings[raised - 1].at + 59.0) == ()
    assert device.tick(readings[raised - 1].at + 61.0) == ()
    assert events_of(device, [taken._replace(at=taken.at + 100) for taken in readings[raised : raised + 2]]) == []
    device = fed(list(healthy(100)) + readings[:raised])
    device.tick(readings[raised - 1].at + 5.0)
    assert [event.change for event in events_of(device, readings[raised : raised + 1])] == [Change.RAISED]


def test_acknowledging_goes_by_the_alarms_name() -> None:
    device = with_alarm()
    (alarm,) = device.alarms()
    assert alarm.alarm_id.startswith("compressor-01@19700101T0008")
    with pytest.raises(UnknownNameError) as caught:
        device.acknowledge("compressor-01@0", OPERATOR, "", 600.0)
    assert caught.value.choices == (alarm.alarm_id,)
    after, events = device.acknowledge(alarm.alarm_id, OPERATOR, "on my way", 600.0)
    assert (after.state, after.acknowledged_at, after.acknowledged_by) == (AlarmState.ACKNOWLEDGED, 600.0, "kim")
    assert [(event.change, event.by) for event in events] == [(Change.ACKNOWLEDGED, "kim")]
    assert device.acknowledge(alarm.alarm_id, OPERATOR, "again", 700.0) == (after, ())
    assert device.status(600.0, 0, {}).alarms == (after,)


# --- cost --------------------------------------------------------------------------------------


RULE = FaultRule("overheating", Severity.HIGH, {"temperature": ("high",)})
"""A device with rules keeps no readings to learn from; one without keeps 3,660 at most."""


def test_a_device_of_five_sensors_takes_less_than_twenty_kibibytes() -> None:
    spec = replace(device_spec(), faults=(RULE,))
    readings = list(healthy(150))
    fed(readings, spec)  # what the first device of a process alone brings into memory is not its own
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        devices = [fed(readings, spec) for _ in range(20)]
        size = (tracemalloc.get_traced_memory()[0] - before) / len(devices)
    finally:
        tracemalloc.stop()
    assert size < 20_480


def test_nothing_grows_however_odd_the_readings_are() -> None:
    rng = random.Random(8)
    device = Device(replace(device_spec(), faults=(RULE,)))

    def odd(index: int) -> Mapping[str, float]:
        names = [*LEVELS, *(f"sensor-{rng.randrange(10**9)}" for _ in range(3))]
        return {name: rng.uniform(-1e12, 1e12) for name in names if rng.random() < 0.7}

    def run(start: int, count: int) -> None:
        for index in range(start, start + count):
            device.record(reading(index + rng.uniform(-300, 0), odd(index)))

    run(0, 2000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        run(2000, 4000)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 40_000
