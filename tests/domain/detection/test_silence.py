"""Devices that do not report any more."""

from aegisflow.domain.alarms.model import AlarmState, Change
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from tests.support.device_bench import events_of, fed, hot, with_alarm
from tests.support.samples import device_spec, healthy


def silent() -> Device:
    device = fed(list(healthy(100)))  # the last one at 495
    assert device.tick(496.0) == ()
    (event,) = device.tick(560.0)
    assert event.change is Change.RAISED
    return device


def test_a_device_that_falls_silent_is_an_alarm_once() -> None:
    device = silent()
    (alarm,) = device.alarms()
    assert (alarm.fault_type, alarm.severity, alarm.raised_at) == ("sensor_silent", "medium", 560.0)
    assert len(alarm.sensors) == 5
    assert alarm.reasons == ("no reading since 1970-01-01T00:08:15Z: nobody watches it",)
    assert device.tick(561.0) == () == device.tick(4_000.0)


def test_it_returns_to_normal_after_the_off_delay_of_readings() -> None:
    device = silent()
    (event,) = events_of(device, list(healthy(36, 3, 700.0)))
    assert (event.change, event.alarm.state, event.at) == (Change.CLEARED, AlarmState.RETURNED, 875.0)


def test_a_fault_that_shows_when_it_is_back_gives_the_alarm_its_name() -> None:
    device = silent()
    events = events_of(device, list(hot(20, 700.0)))
    assert {event.change for event in events} >= {Change.ESCALATED}
    (alarm,) = device.alarms()
    assert (alarm.severity, alarm.lasts) == ("high", True)


def test_silence_does_not_rename_an_alarm_but_is_told_with_it() -> None:
    device = with_alarm()
    device.tick(556.0)
    (event,) = device.tick(620.0)
    assert event.change is Change.UPDATED
    assert event.alarm.fault_type != "sensor_silent"
    assert event.alarm.reasons[-1].startswith("no reading since")
    assert device.tick(700.0) == ()


def test_silence_while_nobody_can_be_heard_says_nothing() -> None:
    device = fed(list(healthy(100)))
    device.tick(496.0)
    assert device.tick(600.0, broker_connected=False) == ()
    assert device.tick(659.0) == (), "heard again since 600 at the earliest"
    assert [event.alarm.fault_type for event in device.tick(661.0)] == ["sensor_silent"]


def test_after_a_start_silence_counts_from_the_start() -> None:
    device = Device(device_spec())
    device.recall(list(healthy(100)), [], Mode.NORMAL)
    assert device.tick(90_000.0) == () == device.tick(90_060.0)
    assert [event.alarm.fault_type for event in device.tick(90_061.0)] == ["sensor_silent"]


def test_a_device_that_never_reported_is_not_there_yet() -> None:
    device = Device(device_spec())
    assert device.tick(0.0) == () == device.tick(9_999.0)


def test_a_recalled_alarm_of_silence_is_not_raised_twice() -> None:
    device = Device(device_spec())
    device.recall(list(healthy(100)), silent().alarms(), Mode.NORMAL)
    assert device.tick(1_000.0) == () == device.tick(2_000.0)
    assert [event.change for event in events_of(device, list(healthy(40, 3, 2_000.0)))] == [Change.CLEARED]


def test_a_clock_that_steps_back_is_no_news_of_the_device() -> None:
    device = fed(list(healthy(100)))
    for at in range(0, 80, 5):
        for taken in healthy(1, 4, 100.5 + at):
            device.record(taken._replace(received_at=500.0 + at))
        device.tick(500.0 + at)
    (alarm,) = device.alarms()
    assert alarm.fault_type == "sensor_silent", "nothing that it says can be used"
