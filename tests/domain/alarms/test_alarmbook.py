import pytest

from aegisflow.domain.alarms.book import AlarmBook
from aegisflow.domain.alarms.model import Change
from aegisflow.domain.equipment import AlarmSpec
from aegisflow.domain.interval import Interval
from aegisflow.errors import UnknownNameError
from tests.support.alarm_bench import SENSORS, A, Bench, N, R, U, changes, diagnosis, finding, raised


def test_an_alarm_is_raised_by_the_on_delays_last_breach() -> None:
    bench = Bench(on_delay=3)
    assert bench.feed(finding(), times=2) == []
    (event,) = bench.feed(finding())
    alarm = event.alarm
    assert alarm.alarm_id == "pump-02@20260105T080015"
    assert (alarm.state, alarm.severity, alarm.fault_type, alarm.first_type) == (
        U,
        "low",
        "unclassified",
        "unclassified",
    )
    assert (alarm.raised_at, alarm.changed_at, alarm.evidence[0].since) == (bench.at, bench.at, bench.at - 10)
    assert bench.book.alarms() == (alarm,)


def test_a_quiet_reading_starts_the_on_delay_again() -> None:
    bench = Bench(on_delay=3)
    for _ in range(5):
        bench.feed(finding(), times=2)
        bench.feed()
    assert bench.events == []
    assert bench.book.idle


def test_breaches_of_different_sensors_do_not_add_up_to_an_alarm() -> None:
    bench = Bench(on_delay=3)
    for _ in range(5):
        for sensor in SENSORS:
            bench.feed(finding(sensor))
    assert bench.events == []


def test_a_reading_without_the_sensor_neither_breaks_nor_extends_its_run() -> None:
    bench = Bench(on_delay=3)
    bench.feed(finding(), times=2)
    assert bench.feed(times=10, reported=("pressure",)) == []
    assert changes(bench.feed(finding())) == ["raised"]
    assert bench.feed(times=100, reported=("pressure",)) == []
    assert changes(bench.feed(times=6)) == ["cleared"]


def test_silence_starts_the_on_delay_again_but_ends_no_alarm() -> None:
    bench = Bench(on_delay=3)
    bench.feed(finding(), times=2)
    bench.book.interrupt()
    assert bench.feed(finding()) == []
    bench = raised()
    bench.book.interrupt()
    assert bench.only.state is U


def test_an_alarm_clears_by_the_off_delays_last_quiet_reading() -> None:
    bench = raised(off_delay=6)
    bench.feed(times=5)
    bench.feed(finding())
    assert bench.feed(times=5) == []
    (event,) = bench.feed()
    assert (event.change, event.alarm.state, event.alarm.cleared_at) == (Change.CLEARED, R, bench.at)
    assert bench.book.idle


def test_all_sensors_of_a_device_speak_for_one_alarm() -> None:
    bench = raised()
    assert changes(bench.feed(finding(), finding("pressure", z=-9.0), times=3)) == ["updated"]
    assert bench.only.sensors == ("pressure", "temperature")
    bench.feed(finding("pressure", z=-9.0), times=6)
    assert bench.only.state is U
    assert changes(bench.feed(times=6)) == ["cleared"]
    assert [item.direction for item in bench.only.evidence] == ["low", "high"]


def test_a_long_breach_is_counted_and_not_told_again_and_again() -> None:
    bench = raised()
    assert bench.feed(finding(), times=500) == []
    assert bench.only.repeats == 500
    assert changes(bench.feed(*(finding(z=z) for z in (7.9, 5.0, 3.5)), times=10)) == []
    assert changes(bench.feed(finding(z=8.0), times=10)) == ["updated"]
    assert bench.only.evidence[0].z == 8.0


def test_a_severity_is_earned_by_the_on_delay_too() -> None:
    bench = raised()
    bench.feed(finding(severity="critical"), times=2)
    bench.feed(finding(severity="high"))
    assert bench.only.severity == "high"
    assert changes(bench.feed(finding(severity="critical"), times=3)) == ["escalated"]
    assert bench.only.severity == "critical"
    bench.feed(finding(), times=50)
    assert bench.only.severity == "critical"


def test_a_severity_that_comes_and_goes_is_not_earned() -> None:
    bench = raised()
    for _ in range(5):
        bench.feed(finding(severity="critical"), times=2)
        bench.feed()
    assert bench.only.severity == "low"


def test_one_wild_value_raises_nothing_by_itself() -> None:
    bench = raised()
    bench.feed(finding("pressure", severity="critical", z=1e6))
    assert (bench.only.severity, bench.only.sensors) == ("low", ("temperature",))


def test_acknowledging_does_not_clear() -> None:
    bench = raised()
    alarm = bench.acknowledge(bench.only.alarm_id, "looking into it")
    assert (alarm.state, alarm.acknowledged_by, alarm.note) == (A, "kim", "looking into it")
    assert bench.book.alarms() == (alarm,)
    assert [(e.change, e.alarm.state) for e in bench.feed(times=6)] == [(Change.CLEARED, N)]
    assert bench.book.alarms() == ()


def test_a_returned_alarm_waits_until_somebody_takes_note() -> None:
    bench = raised()
    bench.feed(times=500)
    assert bench.only.state is R
    alarm = bench.acknowledge(bench.only.alarm_id)
    assert alarm.state is N
    assert bench.book.alarms() == ()
    assert bench.acknowledge(alarm.alarm_id) == alarm


def test_acknowledging_twice_changes_nothing() -> None:
    bench = raised()
    alarm_id = bench.only.alarm_id
    first = bench.acknowledge(alarm_id, "first")
    assert bench.acknowledge(alarm_id, "second") == first
    bench.feed(times=6)
    assert bench.acknowledge(alarm_id, "third").note == "first"
    assert changes(bench.events) == ["raised", "acknowledged", "cleared"]


def test_who_acknowledged_a_mild_alarm_is_asked_again_when_it_gets_worse() -> None:
    bench = raised()
    bench.acknowledge(bench.only.alarm_id)
    (event,) = bench.feed(finding(severity="critical"), times=3)
    assert (event.change, event.alarm.state, event.alarm.acknowledged_by) == (Change.ESCALATED, U, "")


def test_an_unknown_alarm_is_answered_with_those_there_are() -> None:
    bench = raised()
    with pytest.raises(UnknownNameError) as caught:
        bench.acknowledge("pump-02@1")
    assert caught.value.choices == (bench.only.alarm_id,)


def test_a_new_occurrence_is_a_new_alarm() -> None:
    bench = raised()
    bench.feed(times=6)
    bench.feed(finding(severity="high"), times=3)
    new, old = bench.book.alarms()
    assert (new.state, old.state, new.severity, old.severity) == (U, R, "high", "low")


def test_two_alarms_within_one_second_have_two_names() -> None:
    book = AlarmBook("pump-02", AlarmSpec(0.0, 0.0), Interval())
    for at in (0.1, 0.2, 0.3, 0.4):
        book.observe(at, diagnosis(finding(detector="limit")), SENSORS)
        book.observe(at + 0.05, None, SENSORS)
    names = [alarm.alarm_id for alarm in reversed(book.alarms())]
    stamp = "pump-02@19700101T000000"
    assert names == [stamp, f"{stamp}-2", f"{stamp}-3", f"{stamp}-4"]


def test_alarms_that_nobody_acknowledges_do_not_pile_up_without_end() -> None:
    bench = Bench()
    for _ in range(100):
        bench.feed(finding(), times=3)
        bench.feed(times=6)
    assert len(bench.book.alarms()) == 20
    last = bench.events[-2].alarm
    assert (bench.events[-2].change, last.state, last.cleared_at, last.repeats) == (Change.RAISED, U, None, 80)


def test_a_dropped_sensor_takes_its_alarm_along_unless_others_speak_for_it() -> None:
    bench = raised()
    bench.feed(finding(), finding("pressure"), times=3)
    assert bench.book.drop(("vibration",), bench.at) == ()
    (event,) = bench.book.drop(("temperature",), bench.at)
    assert (event.change, event.alarm.sensors) == (Change.UPDATED, ("pressure",))
    (event,) = bench.book.drop(("pressure",), bench.at)
    assert (event.change, event.alarm.state, event.alarm.cleared_at) == (Change.CLEARED, R, bench.at)
    assert bench.book.idle


def test_recalled_alarms_go_on_where_they_were() -> None:
    before = raised()
    before.feed(times=6)
    before.feed(finding(severity="high"), times=3)
    before.acknowledge(before.book.alarms()[0].alarm_id)
    after = Bench()
    assert after.book.recall(before.book.alarms()) == ()
    after.at = before.at
    assert after.book.alarms() == before.book.alarms()
    assert after.feed(finding(), times=10) == []
    assert after.feed(times=5) == []
    assert [(e.change, e.alarm.state) for e in after.feed()] == [(Change.CLEARED, N)]


def test_of_several_recalled_active_alarms_the_newest_goes_on() -> None:
    first, second = raised(), raised()
    second.feed(times=6)
    second.feed(finding(), times=3)
    book = AlarmBook("pump-02", AlarmSpec(), Interval())
    (event,) = book.recall((second.book.alarms()[0], first.only))
    assert (event.change, event.alarm.alarm_id) == (Change.CLEARED, first.only.alarm_id)
    assert [alarm.state for alarm in book.alarms()] == [U, R]


# --- types -------------------------------------------------------------------------------------


def test_an_alarm_has_the_type_that_lasted_for_the_on_delay() -> None:
    bench = Bench(on_delay=3)
    bench.feed(finding(), times=2, fault_type="pressure_leak")
    assert bench.feed(finding(), times=2, fault_type="bearing_failure") == []
    (event,) = bench.feed(finding(), fault_type="bearing_failure")
    assert (event.alarm.first_type, event.alarm.fault_type) == ("bearing_failure", "bearing_failure")
    assert event.alarm.reasons == ("looks like bearing_failure",)


def test_an_alarm_takes_another_type_after_five_minutes_and_says_what_it_was_called_before() -> None:
    bench = Bench()
    bench.feed(finding(), times=3, fault_type="bearing_failure")
    bench.feed(finding(), times=59, fault_type="thermal_runaway")
    assert bench.only.fault_type == "bearing_failure"
    bench.feed(finding(), fault_type="bearing_failure")
    bench.feed(finding(), times=60, fault_type="thermal_runaway")
    assert [event.change for event in bench.events if event.change is Change.RETYPED] == [Change.RETYPED]
    alarm = bench.only
    assert (alarm.first_type, alarm.fault_type) == ("bearing_failure", "thermal_runaway")
    assert alarm.reasons == ("looks like thermal_runaway", "called bearing_failure before")


def test_an_unclassified_alarm_gets_its_name_after_the_on_delay_and_keeps_it() -> None:
    bench = raised()
    assert changes(bench.feed(finding(), times=3, fault_type="pressure_leak")) == ["retyped"]
    bench.feed(finding(), times=200)
    assert (bench.only.first_type, bench.only.fault_type) == ("unclassified", "pressure_leak")


def test_a_type_that_comes_back_after_a_quiet_reading_begins_its_on_delay_anew() -> None:
    bench = Bench(on_delay=3)
    for _ in range(4):
        bench.feed(finding(), times=2, fault_type="pressure_leak")
        bench.feed()
    assert bench.events == []
