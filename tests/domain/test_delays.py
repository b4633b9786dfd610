"""Delays are times: the same machine is told of in the same time, however often it reports."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import AlarmSpec, DeviceSpec
from aegisflow.domain.readings import Reading
from tests.support.alarm_bench import Bench, changes, finding
from tests.support.healthy import HEALTHY
from tests.support.places import PLANT_FILE

PUMP = load(PLANT_FILE).plant.devices["pump-02"]
START = 1_767_600_000.0
QUARTER_S = 900.0


def pump(on_delay_s: float) -> DeviceSpec:
    return replace(PUMP, alarm=replace(PUMP.alarm, on_delay_s=on_delay_s))


def stream(
    count: int, interval_s: float, temperature: Callable[[float], float | None], start: float = START
) -> list[Reading]:
    """Return readings of a healthy pump, of which the temperature is given where the function of time gives one."""
    rng = random.Random(start)
    readings = []
    for index in range(count):
        values = {name: rng.gauss(mean, spread) for name, (mean, spread) in HEALTHY.items()}
        given = temperature(index * interval_s)
        if given is not None:
            values["temperature"] = given + rng.gauss(0.0, 0.05)
        at = start + index * interval_s
        readings.append(Reading(PUMP.device_id, at, values, at))
    return readings


def raised(device: Device, readings: list[Reading]) -> Iterator[AlarmEvent]:
    for reading in readings:
        yield from (event for event in device.record(reading)[1] if event.change is Change.RAISED)


def seconds_to_alarm(spec: DeviceSpec, level: float, interval_s: float) -> tuple[float, str]:
    """Return how long after the first value at ``level`` there is an alarm, and how severe it is by then."""
    onset = 200 * interval_s
    readings = stream(260, interval_s, lambda at: level if at >= onset else None)
    event = next(raised(Device(spec), readings))
    return event.at - START - onset, event.alarm.severity


@pytest.mark.parametrize("level", [91.0, 107.0])
def test_c1_a_reading_every_quarter_of_an_hour_is_an_alarm_by_the_first_one_beyond(level: float) -> None:
    assert seconds_to_alarm(PUMP, level, QUARTER_S) == (0.0, "critical")


@pytest.mark.parametrize("interval_s", [15.0, 20.0, 60.0, 300.0, 3600.0])
def test_c1_so_it_is_at_every_interval_that_is_longer_than_the_on_delay(interval_s: float) -> None:
    assert seconds_to_alarm(PUMP, 93.0, interval_s)[0] == 0.0


def test_c1_an_on_delay_longer_than_the_interval_is_waited_for() -> None:
    spec = pump(3600.0)
    assert seconds_to_alarm(spec, 91.0, QUARTER_S)[0] == 3 * QUARTER_S, "four readings stand for an hour"
    assert seconds_to_alarm(spec, 107.0, QUARTER_S) == (0.0, "critical"), "beyond a trip limit one is enough"


@pytest.mark.parametrize("interval_s", [0.02, 0.1, 1.0, 2.0, 5.0])
def test_at_any_pace_a_level_beyond_the_limit_is_told_about_the_on_delay_after_it_began(interval_s: float) -> None:
    readings = stream(200, interval_s, lambda at: None)
    device = Device(PUMP)
    assert list(raised(device, readings)) == []
    onset = readings[-1].at + interval_s
    beyond = stream(int(60 / interval_s), interval_s, lambda at: 98.0, start=onset)
    event = next(raised(device, beyond))
    assert 10.0 <= event.at - onset <= 30.0


@pytest.mark.parametrize("level", [95.0, 110.0, 180.0])
def test_c3_a_limit_crossed_for_two_of_every_five_seconds_at_fifty_hertz_is_one_alarm(level: float) -> None:
    def temperature(at: float) -> float | None:
        return level if at >= 60.0 and at % 5.0 < 2.0 else None

    device = Device(PUMP)
    events = list(raised(device, stream(50 * 180, 0.02, temperature)))
    assert len(events) == 1
    assert events[0].at - START < 60.0 + 30.0
    (alarm,) = device.alarms()
    assert alarm.lasts


def test_c3_what_comes_and_goes_more_slowly_than_its_on_delay_is_not_there() -> None:
    bench = Bench()
    bench.interval.median_s = 0.02
    for index in range(50 * 120):
        bench.at += 0.02 - 5.0
        bench.feed(*([finding(detector="limit")] if index * 0.02 % 20.0 < 2.0 else []))
    assert bench.events == []


def test_a_trip_limit_that_is_passed_on_the_way_up_waits_for_nothing() -> None:
    def temperature(at: float) -> float | None:
        return None if at < 1000.0 else min(72.0 + (at - 1000.0) * 0.6, 120.0)

    device = Device(PUMP)
    severities = {}
    for reading in stream(240, 5.0, temperature):
        for event in device.record(reading)[1]:
            severities.setdefault(event.alarm.severity.value, reading.values["temperature"])
    assert 105.0 < severities["critical"] < 105.0 + 2 * 3.0


def test_one_value_that_leaps_beyond_the_trip_limit_and_back_is_a_glitch() -> None:
    readings = stream(300, 5.0, lambda at: 150.0 if at % 400.0 == 395.0 else None)
    assert list(raised(Device(PUMP), readings)) == []


def test_a_value_that_stays_beyond_the_trip_limit_is_told_within_the_on_delay() -> None:
    after_s, severity = seconds_to_alarm(PUMP, 150.0, 5.0)
    assert (after_s <= 15.0, severity) == (True, "critical")


def test_an_alarm_is_over_after_its_off_delay_of_time() -> None:
    for interval_s, over_s in ((5.0, 180.0), (60.0, 180.0), (QUARTER_S, QUARTER_S)):
        bench = Bench(off_delay=36)
        bench.interval.median_s = interval_s
        bench.feed(finding(detector="limit"), times=3)
        first = bench.at = bench.at + interval_s - 5.0
        while not any(event.change is Change.CLEARED for event in bench.events):
            bench.at += interval_s - 5.0
            bench.feed()
        assert bench.at - first == pytest.approx(over_s)


def test_a_sensor_that_reports_more_seldom_than_its_device_is_judged_by_its_own_interval() -> None:
    bench = Bench()
    (event,) = bench.feed(finding(detector="limit", interval_s=60.0))
    assert event.change is Change.RAISED


def test_statistics_need_three_readings_that_agree_however_seldom_they_come() -> None:
    bench = Bench()
    bench.interval.median_s = 3600.0
    assert changes(bench.feed(finding(), times=2)) == []
    assert changes(bench.feed(finding())) == ["raised"]


def test_readings_that_come_a_little_early_fill_a_delay_all_the_same() -> None:
    rng = random.Random(4)
    for _ in range(50):
        bench = Bench(on_delay=3)
        for _ in range(3):
            bench.at += rng.uniform(-0.6, 0.6)
            bench.feed(finding())
        assert changes(bench.events) == ["raised"]


def off(device: Device, sensor: str, by: float, interval_s: float, seconds: float) -> tuple[float, AlarmEvent | None]:
    """Run in health, then with a sensor that is off; return when that began, and the alarm that it raised."""
    warm_up = 2000 * interval_s
    onset = START + warm_up
    for taken in stream(int((warm_up + seconds) / interval_s), interval_s, lambda at: None):
        wrong = {sensor: taken.values[sensor] + by} if taken.at >= onset else {}
        for event in raised(device, [taken._replace(values={**taken.values, **wrong})]):
            return onset, event
    return onset, None


@pytest.mark.parametrize(
    ("interval_s", "earliest_s", "latest_s"),
    [(0.02, 2.0, 25.0), (1.0, 119.0, 150.0), (5.0, 590.0, 660.0), (20.0, 580.0, 700.0), (300.0, 3300.0, 5400.0)],
)
def test_what_no_fault_explains_must_last_for_ten_minutes_within_twelve_to_a_hundred_and_twenty_readings(
    interval_s: float, earliest_s: float, latest_s: float
) -> None:
    onset, event = off(Device(PUMP), "humidity", 12.0, interval_s, 2 * latest_s)
    assert event is not None
    assert (event.alarm.fault_type, event.alarm.sensors) == ("unclassified", ("humidity",))
    assert earliest_s <= event.at - onset <= latest_s


@pytest.mark.parametrize("interval_s", [0.01, 0.02, 0.1, 1.0, 5.0])
def test_c3_a_shift_within_all_limits_is_told_after_the_on_delay_at_any_pace(interval_s: float) -> None:
    onset, event = off(Device(PUMP), "vibration", 1.0, interval_s, 60.0)
    assert event is not None
    assert event.alarm.fault_type == "bearing_failure"
    assert 15.0 <= event.at - onset <= 30.0


@pytest.mark.parametrize("by", [8.0, 25.0, 60.0])
def test_c3_what_has_gone_again_before_the_on_delay_is_over_is_no_alarm_at_fifty_hertz(by: float) -> None:
    readings = stream(50 * 120, 0.02, lambda at: 72.0 + by if 80.0 <= at < 89.0 else None)
    assert list(raised(Device(PUMP), readings)) == []


def test_where_a_file_counts_readings_a_slow_device_goes_by_its_own_intervals() -> None:
    spec = AlarmSpec(on_delay_s=15.0, off_delay_s=180.0, on_readings=3, off_readings=36)
    assert [spec.on_delay(interval_s).seconds for interval_s in (0.02, 5.0, 60.0)] == [15.0, 15.0, 180.0]
    assert [spec.off_delay(interval_s).seconds for interval_s in (0.02, 5.0, 60.0)] == [180.0, 180.0, 2160.0]
