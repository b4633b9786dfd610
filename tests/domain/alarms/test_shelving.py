"""Alarms that are set aside: shelved, out of service, suppressed by design (ISA-18.2)."""

from dataclasses import replace

import pytest

from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import AlarmSpec
from aegisflow.errors import BadValueError, NotAllowedError, UnknownNameError
from tests.support.alarm_bench import OPERATOR, A, Bench, N, R, U, changes, finding, raised
from tests.support.device_bench import hot, with_alarm
from tests.support.samples import device_spec, healthy

AGENT = Caller("archestra", CallerKind.AGENT)
SHELVED, SUPPRESSED, OUT = AlarmState.SHELVED, AlarmState.SUPPRESSED_BY_DESIGN, AlarmState.OUT_OF_SERVICE


def shelved(minutes: float = 10.0, **delays: int) -> Bench:
    bench = raised(**delays)
    bench.book.shelve(bench.only.alarm_id, OPERATOR, bench.at + 60 * minutes, "welding next door", bench.at)
    return bench


def test_a_shelved_alarm_comes_back_unacknowledged_when_its_time_is_over_and_the_cause_lasts() -> None:
    bench = raised()
    bench.acknowledge(bench.only.alarm_id)
    alarm, events = bench.book.shelve(bench.only.alarm_id, OPERATOR, bench.at + 600, "welding next door", bench.at)
    assert changes(events) == ["shelved"]
    assert (alarm.state, alarm.suppressed_by, alarm.suppression_reason) == (SHELVED, "kim", "welding next door")
    assert bench.book.tick(bench.at + 599, False) == ()
    (event,) = bench.book.tick(bench.at + 600, False)
    assert (event.change, event.alarm) == ("unshelved", bench.only)
    assert (bench.only.state, bench.only.acknowledged_by, bench.only.shelved_until) == (U, "", None)
    assert bench.book.tick(bench.at + 601, False) == ()


def test_a_shelved_alarm_whose_cause_is_gone_by_then_is_history() -> None:
    bench = shelved()
    (event,) = bench.feed(times=6)
    assert (event.change, event.alarm.state, event.alarm.cleared_at) == ("cleared", SHELVED, bench.at)
    (event,) = bench.book.tick(bench.at + 600, False)
    assert (event.change, event.alarm.state) == ("unshelved", N)
    assert bench.book.alarms() == ()


def test_a_cause_that_comes_and_goes_stays_shelved() -> None:
    bench = shelved()
    for _ in range(3):
        bench.feed(times=6)
        assert changes(bench.feed(finding(), times=3)) == ["updated"]
        assert (bench.only.state, bench.only.lasts) == (SHELVED, True)
    assert bench.only.repeats == 3
    assert bench.book.tick(bench.at + 600, False)[0].alarm.state is U


def test_an_alarm_that_gets_worse_comes_back_at_once() -> None:
    bench = shelved()
    assert changes(bench.feed(finding(severity="critical"), times=3)) == ["escalated"]
    assert (bench.only.state, bench.only.severity, bench.only.shelved_until) == (U, "critical", None)
    assert bench.book.tick(bench.at + 600, False) == ()


def test_an_alarm_that_turns_out_to_be_another_fault_comes_back_at_once() -> None:
    bench = shelved()
    assert changes(bench.feed(finding(), times=3, fault_type="pressure_leak")) == ["retyped"]
    assert (bench.only.state, bench.only.fault_type) == (U, "pressure_leak")


def test_another_fault_is_raised_beside_a_shelved_one_whose_cause_is_gone() -> None:
    bench = shelved()
    bench.feed(times=6)
    assert changes(bench.feed(finding("pressure"), times=3, fault_type="pressure_leak")) == ["raised"]
    assert sorted(alarm.state for alarm in bench.book.alarms()) == sorted([SHELVED, U])


def test_nobody_acknowledges_what_is_set_aside() -> None:
    bench = shelved()
    assert bench.acknowledge(bench.only.alarm_id).state is SHELVED
    assert changes(bench.events) == ["raised"]


def test_an_operator_takes_an_alarm_off_the_shelf() -> None:
    bench = shelved()
    alarm, events = bench.book.return_to_service(bench.only.alarm_id, SHELVED, OPERATOR, bench.at)
    assert (changes(events), alarm.state) == (["unshelved"], U)
    with pytest.raises(BadValueError, match="is shelved; this one is unacknowledged"):
        bench.book.return_to_service(bench.only.alarm_id, SHELVED, OPERATOR, bench.at)


def test_out_of_service_lasts_until_it_is_returned() -> None:
    bench = raised()
    alarm_id = bench.only.alarm_id
    assert bench.book.take_out_of_service(alarm_id, OPERATOR, "sensor dismounted", bench.at)[0].state is OUT
    bench.feed(times=6)
    assert bench.book.tick(bench.at + 1e7, False) == ()
    with pytest.raises(BadValueError, match="in service"):
        bench.book.shelve(alarm_id, OPERATOR, bench.at + 60, "longer", bench.at)
    bench.feed(finding(), times=3)
    alarm, events = bench.book.return_to_service(alarm_id, OUT, OPERATOR, bench.at)
    assert (changes(events), alarm.state) == (["in_service"], U)


def test_a_returned_alarm_can_be_shelved_and_one_that_is_history_cannot() -> None:
    bench = raised()
    alarm_id = bench.only.alarm_id
    bench.feed(times=6)
    assert bench.only.state is R
    bench.book.shelve(alarm_id, OPERATOR, bench.at + 600, "chatters", bench.at)
    bench.book.tick(bench.at + 600, False)
    with pytest.raises(BadValueError, match="history"):
        bench.book.shelve(alarm_id, OPERATOR, bench.at + 900, "again", bench.at)
    with pytest.raises(UnknownNameError):
        bench.book.shelve("pump-02@never", OPERATOR, bench.at + 900, "again", bench.at)


def test_what_begins_in_a_mode_that_causes_it_is_suppressed_until_the_mode_ends() -> None:
    bench = Bench()
    bench.book.tick(bench.at, True)
    (event,) = bench.feed(finding(), times=3)
    assert (event.change, event.alarm.state) == ("suppressed", SUPPRESSED)
    assert changes(bench.feed(finding(severity="critical"), times=3)) == ["escalated"]
    assert bench.only.state is SUPPRESSED
    (event,) = bench.book.tick(bench.at, False)
    assert (event.change, event.alarm.state, event.alarm.severity) == ("unsuppressed", U, "critical")


def test_a_suppressed_alarm_that_clears_is_history_and_what_was_raised_before_the_mode_stays() -> None:
    bench = Bench()
    bench.book.tick(bench.at, True)
    bench.feed(finding(), times=3)
    assert bench.feed(times=6)[0].alarm.state is N
    bench = raised()
    bench.acknowledge(bench.only.alarm_id)
    assert bench.book.tick(bench.at, True) == ()
    assert bench.only.state is A


def test_a_device_suppresses_by_its_mode() -> None:
    device = Device(replace(device_spec(), alarm=AlarmSpec(suppress_in=("maintenance",))))
    device.recall([], [], Mode.MAINTENANCE)
    for taken in (*healthy(100), *hot(12, 500.0)):
        device.record(taken)
    assert [alarm.state for alarm in device.alarms()] == [SUPPRESSED]


def test_alarms_set_aside_survive_a_restart() -> None:
    bench = shelved()
    bench.feed(times=6)
    kept = bench.book.alarms()
    again = Bench()
    assert again.book.recall(kept) == ()
    assert again.book.alarms() == kept
    assert changes(again.feed(finding(), times=3)) == ["updated"]
    assert again.book.tick(bench.at + 600, False)[0].alarm.state is U


@pytest.mark.parametrize("shelf_s", [600.0, None])
@pytest.mark.parametrize("by", [AGENT, Caller("backtest", CallerKind.SYSTEM)])
def test_only_operators_set_alarms_aside_and_bring_them_back(by: Caller, shelf_s: float | None) -> None:
    device = with_alarm()
    alarm_id = device.alarms()[0].alarm_id
    with pytest.raises(NotAllowedError, match="only operators"):
        device.suppress(alarm_id, by, "because I can", 600.0, shelf_s)
    alarm, _ = device.suppress(alarm_id, OPERATOR, "welding", 600.0, shelf_s)
    with pytest.raises(NotAllowedError):
        device.return_to_service(alarm_id, alarm.state, by, 600.0)
    assert device.return_to_service(alarm_id, alarm.state, OPERATOR, 600.0)[0].state is U


SHELVES = [(0.0, "welding"), (13 * 3600.0, "welding"), (float("nan"), "welding"), (600.0, " "), (None, "")]


@pytest.mark.parametrize(("shelf_s", "reason"), SHELVES)
def test_a_shelf_has_a_reason_and_is_no_longer_than_a_shift(shelf_s: float | None, reason: str) -> None:
    device = with_alarm()
    with pytest.raises(BadValueError):
        device.suppress(device.alarms()[0].alarm_id, OPERATOR, reason, 600.0, shelf_s)


def test_h10_what_policy_and_people_see_of_a_device_has_the_alarms_that_were_set_aside() -> None:
    device = with_alarm()
    (alarm,) = device.alarms()
    at = alarm.raised_at + 60
    before = device.view(at)
    device.suppress(alarm.alarm_id, OPERATOR, "welding next door", at, 600.0)
    shelved_view = device.view(at)
    assert (shelved_view.severity, shelved_view.fault_types) == (None, ())
    assert (shelved_view.set_aside_severity, shelved_view.set_aside_types) == (before.severity, before.fault_types)
    (fact,) = (fact for fact in shelved_view.facts if alarm.alarm_id in fact)
    assert "shelved until " in fact
    assert fact.endswith("by kim; its cause lasts")
    device.suppress(alarm.alarm_id, OPERATOR, "sensor to be replaced", at, None)
    assert device.view(at).set_aside_types == before.fault_types
    assert any("out of service by kim" in fact for fact in device.view(at).facts)


def test_h10_a_shelved_alarm_whose_cause_is_gone_bars_nothing() -> None:
    device = with_alarm()
    (alarm,) = device.alarms()
    device.suppress(alarm.alarm_id, OPERATOR, "welding next door", alarm.raised_at + 1, 7_200.0)
    for taken in healthy(200, start=alarm.raised_at + 5):
        device.record(taken)
    assert [(one.state, one.lasts) for one in device.alarms()] == [(SHELVED, False)]
    assert device.view(alarm.raised_at + 1_005).set_aside_types == ()
