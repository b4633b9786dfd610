"""A4: a device whose readings come late. What is over is history, what lasts is live, and nobody is called for then."""

import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegisflow.domain.alarms.escalation import EscalationBook, EscalationSpec, Notification
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Change, Timeliness
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.readings import Reading
from tests.support.samples import LEVELS, device_spec, healthy
from tests.support.sizes import examples

NOW = 1_790_000_000.0
HOUR = 3_600.0
STEP_S = 5.0
LAST_LEVEL = 1


def stream(start: float, end: float, *faults: tuple[float, float], seed: int = 7) -> Iterator[Reading]:
    """Return readings every 5 s as they happen; between the bounds of a fault it is hot and shakes."""
    chance = random.Random(seed)
    at = start
    while at < end:
        values = {name: chance.gauss(mean, spread) for name, (mean, spread) in LEVELS.items()}
        if any(begins <= at < ends for begins, ends in faults):
            values |= {"temperature": 120.0 + chance.gauss(0, 0.3), "vibration": 9.0 + chance.gauss(0, 0.08)}
        yield Reading("compressor-01", at, values, at)
        at += STEP_S


class Plant:
    """A device and whoever is told of its alarms, by one clock."""

    def __init__(self) -> None:
        self.device = Device(device_spec())
        self.people = EscalationBook(EscalationSpec())
        self.now = NOW
        self.events: list[AlarmEvent] = []
        self.told: list[Notification] = []

    def take(self, readings: Iterable[Reading]) -> None:
        for reading in readings:
            self.now = max(self.now, reading.received_at)
            self._tell(self.device.record(reading)[1])

    def live(self, readings: Iterable[Reading], behind_s: float = 0.0) -> None:
        """Take readings as they happen, stamped by a clock that may be behind; time passes with them."""
        for reading in readings:
            self.pass_to(reading.received_at)
            self.take([reading._replace(at=reading.at - behind_s)])

    def burst(self, readings: Iterable[Reading], at: float, every_s: float = 0.002) -> None:
        """Take readings of before as fast as a gateway sends them that was offline."""
        self.pass_to(at)
        self.take(reading._replace(received_at=at + number * every_s) for number, reading in enumerate(readings))

    def pass_to(self, at: float) -> None:
        while self.now + 1.0 <= at:
            self.now += 1.0
            self._tell(self.device.tick(self.now))
            self.told += self.people.tick(self.now, self.now)

    def _tell(self, events: tuple[AlarmEvent, ...]) -> None:
        self.events += events
        for event in events:
            self.told += self.people.observe(event, self.now, self.now)

    @property
    def alarms(self) -> list[Alarm]:
        """The newest state of each alarm of a fault, by the order in which they were raised."""
        newest = {event.alarm.alarm_id: event.alarm for event in self.events}
        return [alarm for alarm in newest.values() if alarm.fault_type != "sensor_silent"]

    def pages(self) -> list[tuple[int, float]]:
        """Who was told of a fault, and when."""
        ids = {alarm.alarm_id for alarm in self.alarms}
        return [(one.level, one.at) for one in self.told if one.subject in ids]


def quiet_then_offline() -> tuple[Plant, float]:
    plant = Plant()
    plant.live(stream(NOW, NOW + 1_500.0))
    return plant, NOW + 1_500.0


def test_a4_a_fault_of_a_device_that_is_five_hours_behind_is_live_and_escalates_from_now() -> None:
    plant = Plant()
    begins = NOW + 1_500.0
    plant.live(stream(NOW, begins + 900.0, (begins, begins + 10_000.0)), behind_s=5 * HOUR)
    (alarm,) = plant.alarms
    assert alarm.timeliness is Timeliness.LIVE
    assert begins <= alarm.raised_at <= begins + 60.0
    assert alarm.known_at == pytest.approx(alarm.raised_at, abs=10.0)
    levels = [level for level, _ in plant.pages()]
    assert levels[0] == 0
    assert LAST_LEVEL in levels
    first, second = plant.pages()[0][1], next(at for level, at in plant.pages() if level == LAST_LEVEL)
    assert second - first >= 300.0


def test_a4_a_fault_that_was_over_nine_hours_before_its_backlog_came_wakes_nobody_above_the_first_level() -> None:
    plant, offline = quiet_then_offline()
    over = offline + 2 * HOUR
    plant.burst(stream(offline, offline + 11 * HOUR, (over - 1_800.0, over)), at=offline + 11 * HOUR)
    plant.live(stream(plant.now, plant.now + HOUR, seed=8))
    (alarm,) = plant.alarms
    assert alarm.timeliness is Timeliness.HISTORY
    assert alarm.cleared_at is not None
    assert over - 1_800.0 <= alarm.raised_at <= alarm.cleared_at <= over + 1_200.0
    assert alarm.known_at == pytest.approx(offline + 11 * HOUR, abs=60.0)
    assert [level for level, _ in plant.pages()] == [0]
    assert plant.pages()[0][1] >= offline + 11 * HOUR


def test_a4_a_fault_that_lasts_at_the_end_of_its_backlog_is_told_and_escalates_from_then() -> None:
    plant, offline = quiet_then_offline()
    back = offline + 11 * HOUR
    plant.burst(stream(offline, back, (offline + 2 * HOUR, back + HOUR)), at=back)
    plant.live(stream(plant.now, plant.now + 900.0, (offline, back + HOUR), seed=8))
    (alarm,) = plant.alarms
    assert alarm.timeliness is Timeliness.LIVE
    assert alarm.raised_at < offline + 3 * HOUR
    first, second = plant.pages()[:2]
    assert (first[0], second[0]) == (0, LAST_LEVEL)
    assert back <= first[1] <= back + 60.0
    assert second[1] >= first[1] + 300.0


def test_a4_the_silence_of_a_device_that_delivers_a_backlog_is_over_now_and_not_then() -> None:
    plant, offline = quiet_then_offline()
    plant.burst(stream(offline, offline + 11 * HOUR), at=offline + 11 * HOUR)
    silences = [event for event in plant.events if event.alarm.fault_type == "sensor_silent"]
    assert [event.change for event in silences] == [Change.RAISED, Change.CLEARED]
    assert silences[0].at < silences[1].at == offline + 11 * HOUR


def test_a4_a_fault_that_lasts_at_the_end_of_an_hourly_batch_is_live_as_soon_as_no_more_of_the_batch_comes() -> None:
    plant, offline = quiet_then_offline()
    back = offline + HOUR
    plant.burst(stream(offline, back - 600.0, (back - 1_200.0, back)), at=back)
    assert [alarm.timeliness for alarm in plant.alarms] == [Timeliness.CATCHING_UP]
    assert plant.pages() == []
    plant.pass_to(back + 60.0)
    assert [alarm.timeliness for alarm in plant.alarms] == [Timeliness.LIVE]
    assert [level for level, _ in plant.pages()] == [0]


def test_a4_a_restart_amid_a_backlog_forgets_no_alarm_that_nobody_was_told_of() -> None:
    plant, offline = quiet_then_offline()
    back = offline + HOUR
    plant.burst(stream(offline, back - 600.0, (back - 1_200.0, back)), at=back)
    successor = Device(device_spec())
    successor.recall([], plant.alarms, Mode.NORMAL)
    people = EscalationBook(EscalationSpec())
    assert people.recall(plant.alarms, back, back) == ()
    (event,) = [one for one in successor.tick(back + 60.0) if one.change is Change.UPDATED]
    assert event.alarm.timeliness is Timeliness.LIVE
    assert [one.level for one in people.observe(event, back + 60.0, back + 60.0)] == [0]


@given(
    st.floats(0.0, 3.0 * HOUR),
    st.floats(900.0, 2 * HOUR),
    st.sampled_from([0.0005, 0.01, 0.2]),
    st.sampled_from([0.0, -5 * HOUR, 3_700.0]),
)
@settings(max_examples=examples(6))
def test_a4_wherever_a_fault_lies_in_a_backlog_it_is_history_if_it_is_over_and_live_if_it_lasts(
    begins_s: float, lasts_s: float, every_s: float, offset_s: float
) -> None:
    plant = Plant()
    for reading in stream(NOW, NOW + 1_500.0):
        plant.take([reading._replace(at=reading.at + offset_s)])
    offline = NOW + 1_500.0
    back, begins = offline + 3.5 * HOUR, offline + begins_s
    ends = begins + lasts_s
    backlog = (one._replace(at=one.at + offset_s) for one in stream(offline, back, (begins, ends)))
    plant.burst(backlog, back, every_s)
    plant.live(stream(plant.now, plant.now + 400.0, (begins, ends), seed=8), behind_s=-offset_s)
    (alarm,) = plant.alarms
    if ends < back - 1_200.0:
        assert alarm.timeliness is Timeliness.HISTORY
        assert {level for level, _ in plant.pages()} == {0}
    elif ends > plant.now:
        assert alarm.timeliness is Timeliness.LIVE
        assert {level for level, _ in plant.pages()} == {0, LAST_LEVEL}
    assert all(at >= back for _, at in plant.pages())


def test_a_device_that_reports_as_it_happens_has_only_live_alarms() -> None:
    device = Device(device_spec())
    events = [event for one in healthy(100, 1, NOW) for event in device.record(one)[1]]
    events += [
        event
        for one in stream(NOW + 500.0, NOW + 1_500.0, (NOW + 600.0, NOW + 900.0))
        for event in device.record(one)[1]
    ]
    assert events
    assert {event.alarm.timeliness for event in events} == {Timeliness.LIVE}
    assert {event.alarm.known_at for event in events} == {events[0].at}
