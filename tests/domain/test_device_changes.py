"""What a device keeps through a new specification and through a restart."""

from dataclasses import replace
from statistics import mean, stdev

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import AlarmState, Change
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import AlarmSpec, DeviceSpec, Limits
from aegisflow.domain.readings import Disposition
from tests.support.device_bench import events_of, fed, hot, with_alarm
from tests.support.samples import device_spec, healthy, reading, sensor_spec
from tests.support.twins import windows

# --- reconfiguration ---------------------------------------------------------------------------


def changed(spec: DeviceSpec, **sensors: object) -> DeviceSpec:
    """Return the specification with these sensors replaced, or removed where None."""
    kept = {name: sensors.get(name, sensor) for name, sensor in spec.sensors.items()}
    added = {name: sensor for name, sensor in sensors.items() if name not in kept}
    return replace(spec, sensors={k: v for k, v in (kept | added).items() if v is not None})  # type: ignore[misc]


def test_reconfiguring_leaves_untouched_sensors_as_they_are_bit_for_bit() -> None:
    device, twin = with_alarm(), with_alarm()
    before = windows(device.status(600.0, 0, {}))
    spec = changed(
        device.spec,
        temperature=sensor_spec("temperature", alarm=Limits(None, 80.0)),
        humidity=sensor_spec("humidity", window=30),
        vibration=None,
        flow=sensor_spec("flow", "m³/h"),
    )
    assert device.reconfigure(spec, 600.0) == ()
    after = windows(device.status(600.0, 0, {}))
    assert (after["humidity count"], after["humidity value"]) == (30, before["humidity value"])
    assert (after["flow count"], "vibration count" in after) == (0, False)
    assert (device.alarms(), device.mode, device.latest_at) == (twin.alarms(), twin.mode, twin.latest_at)
    for taken in healthy(30, 6, 600.0):
        for name in ("temperature", "pressure", "power_consumption"):
            of_name = {key: value for key, value in after.items() if key.startswith(name)}
            assert of_name == {key: before[key] for key in of_name}
            assert device.levels.get(name) == twin.levels.get(name)
        device.record(taken)
        twin.record(taken)
        after, before = (windows(one.status(600.0, 0, {})) for one in (device, twin))
    assert device.record(reading(0.0, {}))[0] is not Disposition.ACCEPTED


def test_a_shorter_window_keeps_its_newest_values() -> None:
    readings = list(healthy(100))
    device = fed(readings)
    device.reconfigure(changed(device.spec, humidity=sensor_spec("humidity", window=30)), 500.0)
    newest = [taken.values["humidity"] for taken in readings[-30:]]
    shown = windows(device.status(500.0, 0, {}))
    assert shown["humidity count"] == 30
    assert shown["humidity mean"] == pytest.approx(mean(newest))
    assert shown["humidity spread"] == pytest.approx(stdev(newest))


def test_a_changed_limit_counts_from_the_next_reading_on() -> None:
    device = fed(list(healthy(100)))
    spec = changed(device.spec, temperature=sensor_spec("temperature", alarm=Limits(None, 50.0)))
    device.reconfigure(replace(spec, alarm=AlarmSpec(on_delay_s=10.0)), 500.0)
    events = events_of(device, list(healthy(4, 5, 500.0)))
    assert [(event.change, event.at) for event in events] == [(Change.RAISED, 515.0)]


def test_a_sensor_in_another_unit_starts_anew() -> None:
    device = fed(list(healthy(100)))
    device.reconfigure(changed(device.spec, temperature=sensor_spec("temperature", "°F")), 500.0)
    shown = windows(device.status(500.0, 0, {}))
    assert (shown["temperature count"], shown["pressure count"]) == (0, 60)


def test_removing_the_only_sensor_of_an_alarm_clears_it() -> None:
    device = with_alarm()
    (event,) = device.reconfigure(changed(device.spec, temperature=None), 600.0)
    assert (event.change, event.at, event.alarm.state) == (Change.CLEARED, 600.0, AlarmState.RETURNED)


def test_duplicates_are_known_across_a_reconfiguration() -> None:
    readings = list(healthy(80))
    device = fed(readings)
    device.reconfigure(changed(device.spec, temperature=sensor_spec("temperature", window=200)), 400.0)
    assert {device.record(taken)[0] for taken in readings[-60:]} == {Disposition.DUPLICATE}
    device.reconfigure(changed(device.spec, temperature=sensor_spec("temperature", window=10)), 400.0)
    assert {device.record(taken)[0] for taken in readings[-60:]} == {Disposition.DUPLICATE}


# --- recall ------------------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(0, 50))
def test_a_recalled_device_has_the_windows_of_one_that_never_stopped(count: int, seed: int) -> None:
    readings = list(healthy(count, seed))
    lasting = fed(readings)
    recalled = Device(device_spec())
    assert recalled.recall(readings[-60:], lasting.alarms(), Mode.MAINTENANCE) == ()
    assert recalled.mode is Mode.MAINTENANCE
    for taken in healthy(100, seed + 1, 5.0 * count):
        assert recalled.latest_at == lasting.latest_at
        assert windows(recalled.status(0.0, 0, {})) == pytest.approx(windows(lasting.status(0.0, 0, {})))
        assert recalled.record(taken)[0] == lasting.record(taken)[0]
    assert windows(recalled.status(0.0, 0, {})) == pytest.approx(windows(lasting.status(0.0, 0, {})))


def test_recalled_readings_raise_nothing_and_are_known_as_duplicates() -> None:
    readings = [*healthy(40), *hot(20, 200.0)]
    device = Device(device_spec())
    assert device.recall(readings, (), Mode.NORMAL) == ()
    assert device.alarms() == ()
    assert {device.record(taken) for taken in readings} == {(Disposition.DUPLICATE, ())}
    assert device.mode is Mode.NORMAL


@given(st.sets(st.integers(1, 24)))
@example(set(range(1, 25)))
def test_however_often_it_falls_while_a_fault_lasts_that_is_told_when_it_would_have_been(falls: set[int]) -> None:
    spec = replace(device_spec(), alarm=AlarmSpec(on_delay_s=60.0))
    before, fault = list(healthy(150)), hot(25, 750.0)
    device, lasting = fed(before, spec), fed(before, spec)
    told = events_of(lasting, fault)
    events = []
    for number, taken in enumerate(fault):
        if number in falls:
            successor = Device(spec)
            known = [*before, *fault[:number]][-successor.recall_count :]
            assert successor.recall(known, device.alarms(), Mode.NORMAL) == ()
            device = successor
        events += events_of(device, [taken])
    raised = [[one.at for one in several if one.change is Change.RAISED] for several in (told, events)]
    assert len(raised[0]) == 1
    assert raised[1] == raised[0]


def test_what_began_before_a_fall_and_a_long_silence_is_not_continued_after_it() -> None:
    spec = replace(device_spec(), alarm=AlarmSpec(on_delay_s=60.0))
    device = Device(spec)
    device.recall([*healthy(150), *hot(6, 750.0)], (), Mode.NORMAL)
    assert events_of(device, hot(6, 8_000.0)) == []


def test_a_recalled_alarm_goes_on_and_clears_after_its_off_delay() -> None:
    before = with_alarm()
    device = Device(device_spec())
    device.recall([*healthy(100), *hot(5, 500.0)][-60:], before.alarms(), Mode.NORMAL)
    assert device.alarms() == before.alarms()
    assert events_of(device, hot(3, 525.0)) == []
    events = events_of(device, list(healthy(200, 4, 540.0)))
    assert [event.change for event in events] == [Change.CLEARED]
    assert events[0].alarm.alarm_id == before.alarms()[0].alarm_id


def test_a_recalled_alarm_whose_sensors_are_gone_is_cleared() -> None:
    before = with_alarm()
    device = Device(changed(device_spec(), temperature=None))
    (event,) = device.recall((), before.alarms(), Mode.NORMAL)
    assert (event.change, event.alarm.state) == (Change.CLEARED, AlarmState.RETURNED)


def test_a_device_starts_with_what_the_store_knows_even_if_that_is_nothing() -> None:
    device = Device(device_spec())
    assert device.mode is Mode.UNKNOWN
    assert device.recall((), (), Mode.NORMAL) == ()
    assert device.mode is Mode.NORMAL
