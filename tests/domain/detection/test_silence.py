"""Devices that do not report any more."""

from aegisflow.domain.alarms.model import AlarmState, Change
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.readings import Quality, Reading, RefusalReason, RefusedValue
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
    assert (alarm.severity, alarm.lasts) == ("critical", True)


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


def test_a_device_that_was_never_heard_of_is_an_alarm_until_it_reports() -> None:
    device = Device(device_spec())
    assert device.tick(0.0) == () == device.tick(60.0)
    (event,) = device.tick(61.0)
    assert (event.alarm.fault_type, event.alarm.evidence) == ("never_heard", ())
    assert device.tick(3_600.0) == ()
    assert [event.change for event in events_of(device, list(healthy(3, 1, 3_605.0)))] == [Change.CLEARED]


def test_while_the_broker_is_away_nobody_can_be_missed() -> None:
    device = Device(device_spec())
    assert [device.tick(float(at), broker_connected=False) for at in range(0, 600, 5)] == [()] * 120


def test_b2_a_device_that_reports_what_must_be_refused_says_so_and_not_that_it_is_silent() -> None:
    device = Device(device_spec())
    device.tick(0.0)
    refused = (RefusedValue("temperature", RefusalReason.OUT_OF_SPAN, "-127"),)
    for at in range(0, 61, 5):
        device.record(Reading("compressor-01", float(at), {}, float(at), None, refused))
    (event,) = device.tick(61.0)
    assert event.alarm.fault_type == "readings_refused"
    assert "readings refused: temperature out of span ×13, last -127" in event.alarm.reasons


def test_one_bad_sensor_takes_no_other_with_it_and_is_named() -> None:
    device = fed(list(healthy(300)))
    refused = (RefusedValue("temperature", RefusalReason.WRONG_TYPE, "unavailable"),)
    events = []
    for taken in healthy(60, 5, 1_500.0):
        values = {**taken.values, "vibration": 7.5 + taken.values["vibration"]}
        del values["temperature"]
        events += device.record(taken._replace(values=values, refused=refused))[1]
    assert any("vibration" in event.alarm.sensors for event in events)
    status = {sensor.spec.name: sensor for sensor in device.status(1_800.0, 0, {}).sensors}
    assert (status["temperature"].quality, status["temperature"].refused) == (Quality.BAD, {"wrong_type": 60})
    assert status["vibration"].quality is Quality.GOOD


def test_a_recalled_alarm_of_silence_is_not_raised_twice() -> None:
    device = Device(device_spec())
    device.recall(list(healthy(100)), silent().alarms(), Mode.NORMAL)
    assert device.tick(1_000.0) == () == device.tick(2_000.0)
    assert [event.change for event in events_of(device, list(healthy(40, 3, 2_000.0)))] == [Change.CLEARED]


def test_a_clock_that_steps_back_blinds_nobody() -> None:
    device = fed(list(healthy(100)))
    for at in range(0, 80, 5):
        for taken in healthy(1, 4, 100.5 + at):
            device.record(taken._replace(received_at=500.0 + at))
        device.tick(500.0 + at)
    assert device.alarms() == ()
    assert [round(change.after_s) for change in device.timeline.clock.untold] == [-400]
    assert any("its clock is 7 min behind ours" in note for note in device.status(580.0, 0, {}).notes)


def test_a_device_that_its_sender_calls_gone_is_silent_at_once_with_the_reason() -> None:
    device = Device(device_spec())
    device.tick(0.0)
    for one in healthy(30, start=5.0):
        device.record(one)
    at = 5.0 * 30 + 1.0
    (event,) = device.died("switched off", at)
    assert (event.alarm.fault_type, event.alarm.reasons[0]) == ("sensor_silent", "switched off")
    assert device.status(at, 30, {}).silent
    assert device.died("switched off", at + 1.0) == ()
    device.record(next(healthy(1, start=at + 2.0)))
    assert not device.status(at + 2.0, 31, {}).silent


def test_a_device_that_was_never_heard_may_be_called_gone() -> None:
    device = Device(device_spec())
    device.tick(0.0)
    (event,) = device.died("switched off", 1.0)
    assert (event.alarm.fault_type, event.alarm.reasons[0]) == ("never_heard", "switched off")
