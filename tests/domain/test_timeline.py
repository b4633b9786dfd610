"""Cases A and B of the field: what a device makes of stamps, parts and repetitions."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.readings import Disposition, Reading, RefusalReason, RefusedValue
from aegisflow.domain.refused import LOG_EVERY_S, MAX_LINES, RefusedTable
from aegisflow.domain.timeline import Timeline
from tests.support.samples import device_spec, healthy

NOW = 1_790_000_000.0
YEAR = 365 * 86_400.0


def placed(timeline: Timeline, *stamps: tuple[float, float, dict[str, float]]) -> list[tuple[Disposition, Reading]]:
    return [timeline.admit(Reading("pump", stamp, values, received)) for stamp, received, values in stamps]


def hot(count: int, start: float) -> Iterable[Reading]:
    chance = random.Random(4)
    for number in range(count):
        at = start + 5.0 * number
        values = {"temperature": 120.0 + chance.gauss(0, 0.3), "vibration": 9.0 + chance.gauss(0, 0.08)}
        yield Reading("compressor-01", at, values, at)


@pytest.mark.parametrize("ahead_s", [59.5, 3_600.0, YEAR])
def test_a1_a_reading_ahead_of_its_time_blinds_nobody(ahead_s: float) -> None:
    device = Device(device_spec())
    for reading in healthy(300, 1, NOW):
        device.record(reading)
    at = NOW + 1_500.0
    for number in range(5):
        device.record(Reading("compressor-01", at + ahead_s + 5 * number, {"temperature": 75.0}, at + 5 * number))
    assert device.latest_at is not None
    assert device.latest_at <= at + 20.0
    events = [event for reading in hot(40, at + 25.0) for event in device.record(reading)[1]]
    assert any(event.alarm.severity.rank >= 2 for event in events)


def test_a1_after_a_restart_what_is_stored_of_next_year_binds_nobody() -> None:
    device = Device(device_spec())
    timeline = device.timeline
    for reading in healthy(5, 1, NOW + YEAR):
        timeline.recall(reading)
    events = [event for reading in hot(40, NOW) for event in device.record(reading)[1]]
    assert device.latest_at is not None
    assert device.latest_at < NOW + 300
    assert [change.after_s for change in timeline.clock.untold] == [0.0]
    assert events


def test_a2_local_time_that_ends_its_summer_is_judged_from_the_first_reading_on() -> None:
    device = Device(device_spec())
    for reading in healthy(300, 1, NOW):
        device.record(reading._replace(at=reading.at - 4 * 3_600))
    start = NOW + 1_500.0
    late = [reading._replace(at=reading.at - 5 * 3_600) for reading in hot(200, start)]
    events = [event for reading in late for event in device.record(reading)[1]]
    assert events
    assert events[0].at <= start + 60.0
    assert [round(change.after_s / 3_600) for change in device.timeline.clock.untold] == [-4, -5]
    assert "its clock is 5 h behind ours" in device.status(start + 1_000, 0, {}).notes[-1]


def test_a3_no_time_passes_when_our_own_clock_is_set() -> None:
    for by_s in (7_200.0, -7_200.0):
        device = Device(device_spec())
        for reading in healthy(300, 1, NOW):
            device.record(reading)
            device.tick(reading.received_at)
        now = NOW + 1_500.0 + by_s
        device.our_clock_moved(by_s, now)
        assert device.tick(now) == ()
        assert device.tick(now + 30.0) == ()
        assert [event.alarm.fault_type for event in device.tick(now + 70.0)] == ["sensor_silent"]


@pytest.mark.parametrize("by_s", [7_200.0, -3_600.0, -YEAR])
@pytest.mark.parametrize("came_since", [0, 1, 2])
@pytest.mark.parametrize("off_s", [0.0, -18_000.0])
def test_a3_a_reading_that_comes_before_we_know_that_our_clock_was_set_confuses_nobody(
    by_s: float, came_since: int, off_s: float
) -> None:
    """The ticker looks once a second."""
    device = Device(device_spec())
    for reading in healthy(300, 1, NOW):
        device.record(reading._replace(at=reading.at + off_s))
    clock = device.timeline.clock
    clock.untold.clear()
    start = NOW + 1_500.0
    for number, reading in enumerate(healthy(60, 2, start)):
        if number == came_since:
            device.our_clock_moved(by_s, reading.received_at + by_s)
            assert not clock.untold
        device.record(reading._replace(at=reading.at + off_s, received_at=reading.received_at + by_s))
        if number >= came_since:
            assert device.timeline.judging_at == pytest.approx(reading.at + by_s, abs=10.0)
    assert not clock.untold, "it was ours, not theirs"
    assert clock.offset_s == pytest.approx(off_s - by_s, abs=2.0)


def test_b3_parts_of_one_instant_are_all_judged_and_only_the_same_value_is_a_repetition() -> None:
    timeline = Timeline(60)
    first, second, again, other = placed(
        timeline,
        (NOW, NOW, {"temperature": 71.0}),
        (NOW, NOW + 0.1, {"vibration": 1.2}),
        (NOW, NOW + 0.2, {"vibration": 1.2, "temperature": 71.0}),
        (NOW, NOW + 0.3, {"vibration": 1.3, "temperature": 71.0}),
    )
    assert [one[0].value for one in (first, second, again, other)] == ["accepted", "accepted", "duplicate", "conflict"]
    assert (second[1].values, other[1].values) == ({"vibration": 1.2}, {"vibration": 1.3})
    instants = [one[1].at for one in (first, second, other)]
    assert len(set(instants)) == 3
    assert max(instants) - NOW < 1e-3
    assert (timeline.repetitions, timeline.conflicts) == (1, 1)


def test_b3_parts_of_several_instants_that_come_interleaved_are_each_kept_and_judged() -> None:
    timeline = Timeline(60)
    sensors = {"temperature": 71.0, "vibration": 1.2, "pressure": 31.0}
    parts = [
        (NOW + n, NOW + n + late, {name: value + n})
        for n in range(9)
        for late, (name, value) in enumerate(sensors.items())
    ]
    found = placed(timeline, *sorted(parts, key=lambda part: part[1]))
    assert {one[0] for one in found} <= {Disposition.ACCEPTED, Disposition.LATE}
    assert sorted(name for _, one in found for name in one.values) == sorted([*sensors] * 9)
    assert len({one.at for _, one in found}) == len(found), "the store keeps one reading for each instant"
    again = placed(timeline, *sorted(parts, key=lambda part: part[1]))
    assert {one[0] for one in again} == {Disposition.DUPLICATE}


def test_b3_parts_that_happen_to_have_equal_values_are_no_repetitions() -> None:
    timeline = Timeline(60)
    valves = [f"valve_{number}" for number in range(8)]
    found = placed(timeline, *((NOW, NOW + 0.1 * n, {name: 0.0}) for n, name in enumerate(valves)))
    assert [one[0] for one in found] == [Disposition.ACCEPTED] * 8
    again = placed(timeline, *((NOW, NOW + 0.1 * n, {name: 0.0}) for n, name in enumerate(valves, 8)))
    assert [one[0] for one in again] == [Disposition.DUPLICATE] * 8


def test_b3_a_repetition_is_one_also_after_a_late_reading() -> None:
    timeline = Timeline(60)
    placed(timeline, *((NOW + n, NOW + n, {"vibration": 1.0 + n}) for n in range(5)))
    placed(timeline, (NOW + 1.5, NOW + 5, {"vibration": 9.0}))
    (again,) = placed(timeline, (NOW + 4, NOW + 5.1, {"vibration": 5.0}))
    assert again[0] is Disposition.DUPLICATE


def test_a1_time_goes_on_for_delays_by_our_clock_where_stamps_stand_still_or_are_behind() -> None:
    for stamp in (lambda now: NOW, lambda now: now - 50.0, lambda now: NOW - (now - NOW)):
        timeline = Timeline(60)
        placed(timeline, *((NOW - 100 + n, NOW - 100 + n, {"vibration": n / 100}) for n in range(100)))
        for n in range(1, 50):
            placed(timeline, (stamp(NOW + n), NOW + n, {"vibration": 1 + n / 100}))
            assert timeline.judging_at == pytest.approx(NOW + n, abs=2.0)


def test_b4_fifty_readings_in_a_second_of_whole_stamps_are_spread_within_it() -> None:
    timeline = Timeline(60)
    chance = random.Random(3)
    found = []
    for number in range(500):
        received = NOW + number * 0.02
        stamp = float(int(received))
        found += placed(timeline, (stamp, received, {"vibration": chance.gauss(1.5, 0.1)}))
    assert all(disposition is not Disposition.DUPLICATE for disposition, _ in found)
    instants = [reading.at for _, reading in found]
    assert len(set(instants)) == 500
    settled = instants[100:]
    assert settled == sorted(settled)
    assert all(
        int(at) == int(reading.stamp or reading.at) for at, (_, reading) in zip(settled, found[100:], strict=True)
    )
    assert timeline.is_coarse
    assert timeline.conflicts <= 3


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["again", "refused", "ahead", "part"])), max_size=30),
    st.integers(0, 20),
)
def test_dirt_in_a_stream_hides_no_fault(dirt: list[tuple[int, str]], seed: int) -> None:
    """Whatever repetitions, refusals, parts and wild stamps are mixed in: the fault is told within its bound."""
    device = Device(device_spec())
    for reading in healthy(300, seed, NOW):
        device.record(reading)
    refused = (RefusedValue("humidity", RefusalReason.OUT_OF_SPAN, "65535"),)
    raised = None
    for number, reading in enumerate(hot(60, NOW + 1_500.0)):
        kinds = {kind for place, kind in dirt if place == number}
        if "again" in kinds:
            device.record(reading)
        if "refused" in kinds:
            device.record(reading._replace(values={}, refused=refused))
        if "ahead" in kinds:
            reading = reading._replace(at=reading.at + YEAR)
        halves = [reading]
        if "part" in kinds:
            halves = [reading._replace(values={name: value}) for name, value in reading.values.items()]
        for half in halves:
            if device.record(half)[1] and raised is None:
                raised = number
    assert raised is not None
    assert raised <= 20


def test_a_table_of_refusals_is_bounded_and_tells_each_kind_once_in_a_while() -> None:
    table = RefusedTable()
    told = [
        table.note("pump-01", "temperature", "out_of_span", "plant/pump-01", "-127", "", NOW + 5.0 * number)
        for number in range(1_460)
    ]
    assert 1 <= len([line for line in told if line is not None]) <= 2 + 1_460 * 5.0 / LOG_EVERY_S
    (line,) = table.lines()
    assert (line.count, line.topic, line.sample, line.reason) == (1_460, "plant/pump-01", "-127", "out_of_span")
    for number in range(MAX_LINES + 7):
        table.note(None, "", "unknown_device", f"plant/{number}", "{}", "", NOW)
        table.note(f"pump-{number}", "", "not_json", "t", "x", "", NOW)
    assert len(table.lines()) == MAX_LINES
    assert table.uncounted > 0


@pytest.mark.parametrize("again", [70, 600, 1_000])
def test_b3_what_a_broker_or_a_buffer_sends_again_is_known_to_its_end(again: int) -> None:
    """After a restart a broker sends all again that was not acknowledged, the oldest first."""
    timeline, chance = Timeline(1_000), random.Random(again)
    sent = [(NOW + 5 * n, NOW + 5 * n + 0.1, {"vibration": chance.gauss(1.5, 0.1)}) for n in range(3_000)]
    placed(timeline, *sent)
    late = [(stamp + 1.0, NOW + 15_000.0, values) for stamp, _, values in sent[-401:-1]]
    assert {one[0] for one in placed(timeline, *late)} == {Disposition.LATE}
    for _ in range(3):
        came = [(stamp, NOW + 15_000.0 + 1e-4 * n, values) for n, (stamp, _, values) in enumerate(sent[-again:])]
        assert {one[0] for one in placed(timeline, *came, *late)} == {Disposition.DUPLICATE}
    other = [(stamp, came_at, {"vibration": 9.0}) for stamp, came_at, _ in came[:200]]
    assert {one[0] for one in placed(timeline, *other)} == {Disposition.LATE}, "other values are no repetition"


def test_b3_after_a_restart_what_comes_again_is_known() -> None:
    device = Device(device_spec(), known=1_000)
    day = list(healthy(2_000, 1, NOW))
    device.recall(day[-device.recall_count :], (), Mode.NORMAL)
    again = [reading._replace(received_at=NOW + 10_000.0) for reading in day[-1_000:]]
    assert {device.record(reading)[0] for reading in again} == {Disposition.DUPLICATE}


def test_b3_a_part_that_came_with_what_was_known_is_known_as_it_came() -> None:
    timeline = Timeline(60)
    both = {"temperature": 71.0, "vibration": 1.2}
    placed(timeline, (NOW, NOW, {"temperature": 71.0}), (NOW, NOW + 0.1, both))
    placed(timeline, *((NOW + n, NOW + n, {"vibration": 1.0 + n}) for n in range(1, 9)))
    assert [one[0] for one in placed(timeline, (NOW, NOW + 9, both))] == [Disposition.DUPLICATE]


@pytest.mark.parametrize("interval_s", [0.5, 5.0, 60.0])
def test_a2_a_machine_that_stands_still_is_heard_though_its_clock_is_set_back_onto_known_stamps(
    interval_s: float,
) -> None:
    """The same values under the same stamps, an hour later: nothing but the pace tells that they are new."""
    device = Device(device_spec(silent_after_s=None), known=1_000)
    still, hour = {"temperature": 20.0, "vibration": 0.0}, int(3_600 / interval_s)
    stream = [NOW + interval_s * n for n in range(min(900, 2 * hour))]
    for at in stream:
        device.record(Reading("compressor-01", at, still, at))
        device.tick(at)
    back = len(stream) // 2
    events = []
    for number, stamp in enumerate(stream[-back:]):
        now = stream[-1] + interval_s * (number + 1)
        found, changes = device.record(Reading("compressor-01", stamp, still, now))
        assert number < 5 or found is not Disposition.DUPLICATE
        events += [*changes, *device.tick(now)]
    assert [event.alarm.fault_type for event in events] == []


def test_b3_two_gateways_that_both_send_everything_are_one_however_far_the_second_is_behind() -> None:
    for behind in (0, 1, 300):
        timeline = Timeline(1_000)
        sent = [(NOW + 5.0 * n, {"vibration": 1.0 + n / 1e4}) for n in range(900)]
        found = []
        for n, (stamp, values) in enumerate(sent):
            second = sent[max(0, n - behind)]
            found += placed(timeline, (stamp, stamp, values), (second[0], stamp + 2.5, second[1]))
        assert {one[0] for one in found[1::2]} == {Disposition.DUPLICATE}
        assert {one[0] for one in found[::2]} == {Disposition.ACCEPTED}


def test_a_clock_that_stopped_costs_no_more_memory_from_reading_to_reading() -> None:
    timeline = Timeline(60)
    placed(timeline, *((NOW, NOW + n, {"vibration": float(n)}) for n in range(1_000)))
    assert len(timeline._marks_of(NOW)) <= 2 * 60 + 1
    placed(timeline, *((NOW - n, NOW + n, {"vibration": float(n)}) for n in range(1, 1_000)))
    assert len(timeline._late_old) + len(timeline._late_new) <= 60
