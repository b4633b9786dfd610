"""For how long no value means nothing: as said, or by how often each device and sensor has reported."""

import random
from collections.abc import Callable, Collection
from dataclasses import replace
from math import inf

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, Limits
from aegisflow.domain.readings import Quality, Reading, RefusalReason, RefusedValue
from aegisflow.domain.views import SensorStatus
from tests.support.healthy import HEALTHY
from tests.support.places import PLANT_FILE

PUMP = load(PLANT_FILE).plant.devices["pump-02"]
START = 1_767_600_000.0
TICK_S = 1.0


def pump(silent_after_s: float | None = None, **humidity: object) -> DeviceSpec:
    """Return the pump of the shipped plant, with other settings of its humidity."""
    sensor = replace(PUMP.sensors["humidity"], **humidity)  # type: ignore[arg-type]
    return replace(PUMP, silent_after_s=silent_after_s, sensors={**PUMP.sensors, "humidity": sensor})


class Watch:
    """A device that is fed and ticked, and what was seen of it after every second."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.device = Device(spec)
        self.device.recall((), (), Mode.NORMAL)
        self.now = START
        self.device.tick(self.now)
        self.events: list[AlarmEvent] = []
        self.stale: set[str] = set()
        self.silent = False
        self._rng = random.Random(3)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, a second at a time, and look at the device at each."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + max(TICK_S, seconds / 120))
            self.events += self.device.tick(self.now)
            view = self.device.view(self.now)
            self.stale.update(view.stale)
            self.silent = self.silent or view.silent

    def report(self, sensors: Collection[str] = HEALTHY.keys(), **values: float) -> None:
        """Report once, now."""
        given = {name: self._rng.gauss(*HEALTHY[name]) for name in HEALTHY if name in sensors} | values
        self.events += self.device.record(Reading(PUMP.device_id, self.now, given, self.now))[1]

    def run(self, count: int, interval_s: float, sensors: Callable[[int], Collection[str]] | None = None) -> None:
        """Report so often, and let the interval pass after each."""
        for index in range(count):
            self.report(HEALTHY.keys() if sensors is None else sensors(index))
            self.pass_time(interval_s)

    def sensor(self, name: str) -> SensorStatus:
        return next(one for one in self.device.status(self.now, 0, {}).sensors if one.spec.name == name)

    @property
    def raised(self) -> list[str]:
        return [event.alarm.fault_type for event in self.events if event.change is Change.RAISED]


# --- what is learned ----------------------------------------------------------------------------


@pytest.mark.parametrize("interval_s", [1.0, 5.0, 60.0, 300.0])
def test_c4_no_device_is_stale_or_silent_between_its_own_readings(interval_s: float) -> None:
    watch = Watch(PUMP)
    watch.run(4, interval_s)
    if interval_s <= 60.0:
        assert (watch.stale, watch.silent, watch.raised) == (set(), False, [])
    watch.stale, watch.silent, watch.events = set(), False, []
    watch.run(20, interval_s)
    assert (watch.stale, watch.silent, watch.raised) == (set(), False, [])


@pytest.mark.parametrize("interval_s", [5.0, 60.0, 900.0])
def test_c4_it_is_stale_after_three_intervals_and_not_before(interval_s: float) -> None:
    watch = Watch(PUMP)
    watch.run(20, interval_s)
    watch.report()
    watch.stale = set()
    watch.pass_time(2.9 * interval_s)
    assert watch.stale == set()
    watch.pass_time(0.2 * interval_s)
    assert watch.stale == set(HEALTHY)


@pytest.mark.parametrize(("interval_s", "silent_after_s"), [(0.5, 60.0), (5.0, 60.0), (60.0, 180.0), (900.0, 2700.0)])
def test_a_device_is_silent_after_three_intervals_and_a_minute_at_least(
    interval_s: float, silent_after_s: float
) -> None:
    watch = Watch(PUMP)
    watch.run(20, interval_s)
    watch.report()
    watch.events = []
    watch.pass_time(silent_after_s * 0.98)
    assert watch.raised == []
    watch.pass_time(silent_after_s * 0.04)
    assert watch.raised == ["sensor_silent"]


def test_an_irregular_sender_is_given_more_time() -> None:
    rng = random.Random(5)
    watch = Watch(PUMP)
    for _ in range(200):
        watch.report()
        watch.pass_time(rng.expovariate(1 / 30.0))
    assert watch.raised.count("sensor_silent") <= 1, "only until it is known to be irregular"


def test_a_sensor_is_stale_by_its_own_interval_where_it_reports_more_seldom_than_its_device() -> None:
    watch = Watch(PUMP)
    watch.run(20 * 12, 5.0, lambda index: HEALTHY if index % 12 == 0 else HEALTHY.keys() - {"humidity"})
    assert watch.sensor("humidity").interval_s == pytest.approx(60.0, rel=0.03)
    assert watch.sensor("pressure").interval_s == pytest.approx(5.0, rel=0.03)
    assert (watch.stale, watch.raised) == (set(), [])
    watch.run(48, 5.0, lambda index: HEALTHY.keys() - {"humidity"})
    assert watch.stale == {"humidity"}
    assert watch.raised == ["sensor_silent"]


def test_a_sensor_that_reported_with_its_device_is_missed_as_soon_as_its_device_would_be() -> None:
    watch = Watch(PUMP)
    watch.run(40, 5.0)
    watch.run(12, 5.0, lambda index: HEALTHY.keys() - {"pressure"})
    assert watch.stale == {"pressure"}
    assert watch.raised == ["sensor_silent"]


# --- what the plant says ------------------------------------------------------------------------


def test_c4_a_setting_shorter_than_the_interval_is_told_in_status() -> None:
    watch = Watch(replace(pump(stale_after_s=30.0), silent_after_s=45.0))
    watch.run(20, 60.0)
    notes = watch.device.status(watch.now, 0, {}).notes
    assert any("humidity reports every 1 min, so that with stale_after: 30 s it is stale" in note for note in notes)
    assert any("it reports every 1 min, so that with silent_after: 45 s it is silent" in note for note in notes)
    assert Watch(replace(pump(stale_after_s=180.0), silent_after_s=300.0)).device.status(START, 0, {}).notes == ()


def test_never_is_never() -> None:
    watch = Watch(pump(inf, stale_after_s=inf))
    watch.run(20, 5.0)
    watch.pass_time(90_000.0)
    assert watch.raised == []
    assert watch.stale == HEALTHY.keys() - {"humidity"}
    assert not watch.silent


def test_a_device_that_may_be_silent_for_ever_is_told_of_when_it_says_what_nobody_can_use() -> None:
    watch = Watch(pump(inf))
    watch.run(20, 5.0)
    refused = RefusedValue("temperature", RefusalReason.OUT_OF_SPAN, "65535")
    for _ in range(20):
        watch.device.record(Reading(PUMP.device_id, watch.now, {}, watch.now, refused=(refused,)))
        watch.pass_time(5.0)
    assert watch.raised == ["readings_refused"]
    watch.report()
    assert watch.events[-1].change is Change.CLEARED


# --- report by exception ------------------------------------------------------------------------


def only_when_moved(index: int) -> Collection[str]:
    return HEALTHY if index == 0 or index % 500 == 499 else HEALTHY.keys() - {"humidity"}


def test_c2_no_value_means_no_change_where_a_sensor_reports_by_exception() -> None:
    watch = Watch(pump(by_exception=True))
    watch.run(1200, 5.0, only_when_moved)
    assert (watch.stale, watch.raised) == (set(), [])
    humidity = watch.sensor("humidity")
    assert (humidity.quality, humidity.interval_s) == (Quality.GOOD, None)
    assert humidity.at == START + 999 * 5.0, "when it was told"


def test_c2_without_that_it_is_missed() -> None:
    watch = Watch(PUMP)
    watch.run(300, 5.0, only_when_moved)
    assert "humidity" in watch.stale
    assert "sensor_silent" in watch.raised


def test_c2_it_is_not_known_what_it_is_when_its_device_is_silent() -> None:
    watch = Watch(pump(by_exception=True))
    watch.run(100, 5.0, only_when_moved)
    watch.pass_time(120.0)
    assert (watch.sensor("humidity").quality, watch.sensor("humidity").reason) == (
        Quality.UNCERTAIN,
        "its device is silent",
    )
    assert "humidity" in watch.stale


def test_c2_agents_are_not_denied_for_a_sensor_that_has_not_changed_since_the_start() -> None:
    watch = Watch(pump(by_exception=True))
    watch.run(20, 5.0, lambda index: HEALTHY.keys() - {"humidity"})
    assert watch.stale == set()
    assert watch.sensor("humidity").reason == "no change reported yet"


def test_c2_a_bad_value_of_it_is_bad_until_a_good_one_comes() -> None:
    watch = Watch(pump(by_exception=True))
    watch.run(20, 5.0)
    refused = RefusedValue("humidity", RefusalReason.OUT_OF_SPAN, "-127")
    watch.device.record(Reading(PUMP.device_id, watch.now, {"temperature": 72.0}, watch.now, refused=(refused,)))
    watch.pass_time(5.0)
    watch.run(20, 5.0, lambda index: HEALTHY.keys() - {"humidity"})
    assert watch.sensor("humidity").quality is Quality.BAD
    watch.report()
    assert watch.sensor("humidity").quality is Quality.GOOD


def test_c2_one_that_must_report_now_and_then_all_the_same_is_missed_when_it_does_not() -> None:
    watch = Watch(pump(by_exception=True, stale_after_s=600.0))
    watch.run(115, 5.0, lambda index: HEALTHY if index == 0 else HEALTHY.keys() - {"humidity"})
    assert (watch.stale, watch.raised) == (set(), [])
    watch.run(10, 5.0, lambda index: HEALTHY.keys() - {"humidity"})
    assert watch.stale == {"humidity"}
    assert watch.raised == ["sensor_silent"]


def test_c2_the_one_value_beyond_a_limit_that_it_sends_is_told_after_the_on_delay() -> None:
    watch = Watch(pump(by_exception=True, alarm=Limits(None, 80.0)))
    watch.run(300, 5.0, only_when_moved)
    watch.report(humidity=88.0)
    onset = watch.now
    while not watch.raised:
        watch.pass_time(5.0)
        watch.report(HEALTHY.keys() - {"humidity"})
    assert watch.now - onset <= 40.0, "smoothing and on-delay"
    watch.report(humidity=41.0)
    watch.run(60, 5.0, lambda index: HEALTHY.keys() - {"humidity"})
    assert not any(alarm.lasts for alarm in watch.device.alarms()), "quiet, though nothing more was said of it"


def test_c2_its_value_told_again_now_and_then_is_no_sensor_that_is_stuck() -> None:
    watch = Watch(pump(by_exception=True))
    watch.run(300, 5.0)
    for index in range(600):
        watch.report(HEALTHY.keys() - {"humidity"}, **({"humidity": 41.0} if index % 6 == 0 else {}))
        watch.pass_time(5.0)
    assert watch.raised == []
    assert watch.sensor("humidity").quality is Quality.GOOD


def test_a_sensor_changes_to_reporting_by_exception_while_it_is_missed() -> None:
    watch = Watch(PUMP)
    watch.run(300, 5.0, only_when_moved)
    watch.device.reconfigure(pump(by_exception=True), watch.now)
    watch.stale = set()
    watch.run(100, 5.0, lambda index: HEALTHY.keys() - {"humidity"})
    assert watch.stale == set()
    assert watch.sensor("humidity").at == START
    assert not any(alarm.lasts for alarm in watch.device.alarms())
