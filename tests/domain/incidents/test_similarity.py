from dataclasses import replace

import pytest

from aegisflow.domain.alarms.model import Alarm, AlarmState, Evidence, Severity
from aegisflow.domain.callers import Caller, CallerKind, quota_name
from aegisflow.domain.incidents.model import AlarmToMatch, Incident, IncidentReview
from aegisflow.domain.incidents.similarity import (
    LEAST_LIKENESS,
    MAX_INTERVALS,
    Occurrence,
    likeness,
    most_similar,
    pattern_line,
    patterns,
    patterns_of,
    signs_of,
    wording,
)
from aegisflow.errors import BadValueError, NotAllowedError

DAY = 86_400.0
T0 = 1_769_846_400.0


def evidence(sensor: str, direction: str) -> Evidence:
    return Evidence(sensor, "zscore", 9.0, 5.0, 1.0, 4.0, direction, T0)


def alarm(device_id: str = "pump-01", fault: str = "bearing_failure", *signs: tuple[str, str]) -> Alarm:
    shown = signs or (("vibration", "high"), ("temperature", "high"))
    return Alarm(
        alarm_id=f"{device_id}@now",
        device_id=device_id,
        fault_type=fault,
        first_type=fault,
        severity=Severity.HIGH,
        state=AlarmState.UNACKNOWLEDGED,
        detector="shift",
        evidence=tuple(evidence(*sign) for sign in shown),
        raised_at=T0,
        changed_at=T0,
    )


def incident(
    number: int = 1,
    device_id: str = "pump-01",
    fault: str = "bearing_failure",
    *,
    kind: str = "pump",
    reviewed: bool = False,
    signs: tuple[str, ...] = ("temperature high", "vibration high"),
) -> Incident:
    return Incident(
        incident_id=number,
        device_id=device_id,
        kind=kind,
        alarm_id=f"{device_id}@then",
        fault_type=fault,
        severity=Severity.HIGH,
        title="t",
        root_cause="c",
        actions_taken="a",
        outcome="o",
        author="ana",
        origin="person",
        occurred_at=T0 - number * DAY,
        reported_at=T0,
        reviewed=reviewed,
        signs=signs,
    )


ASKED = AlarmToMatch(alarm(), "pump")


def test_the_same_fault_on_the_same_device_with_the_same_signs_is_most_like() -> None:
    full = AlarmToMatch(alarm(), "pump", {1: 1.0})
    score, why = likeness(full, incident())
    assert score == 1.0
    assert why == ("same fault", "same device", "both temperature high, vibration high", "told in near words")


@pytest.mark.parametrize(
    ("other", "score"),
    [
        (incident(device_id="pump-02"), 0.8),
        (incident(device_id="motor-01", kind="motor"), 0.65),
        (incident(fault="pressure_leak"), 0.5),
        (incident(signs=("vibration high",)), 0.775),
        (incident(signs=("vibration low",)), 0.65),
        (incident(fault="pressure_leak", signs=()), 0.25),
        (incident(fault="sensor_drift", device_id="motor-01", kind="motor", signs=()), 0.0),
        (incident(device_id="pump-02", kind="", signs=()), 0.4),
    ],
)
def test_each_thing_in_common_adds_its_share(other: Incident, score: float) -> None:
    assert likeness(ASKED, other)[0] == pytest.approx(score)


def test_alarms_without_a_type_are_alike_by_device_and_signs_not_by_having_no_type() -> None:
    nameless = AlarmToMatch(alarm(fault="unclassified"), "pump")
    score, why = likeness(nameless, incident(fault="unclassified"))
    assert score == pytest.approx(0.5)
    assert "same fault" not in why
    assert likeness(nameless, incident(fault="unclassified", device_id="motor-01", kind="motor", signs=()))[0] == 0.0


def test_m2_likeness_comes_before_review_and_review_before_age() -> None:
    reports = [
        incident(1, signs=()),
        incident(2, device_id="pump-02", reviewed=True),
        incident(3),
        incident(4),
        incident(5, fault="pressure_leak", signs=()),
    ]
    found = most_similar(ASKED, reports, 3)
    assert [one.incident.incident_id for one in found] == [3, 4, 2]
    reviewed = most_similar(ASKED, [incident(1), incident(2, reviewed=True), incident(3)], 3)
    assert [one.incident.incident_id for one in reviewed] == [2, 1, 3]
    assert all(one.score >= LEAST_LIKENESS for one in most_similar(ASKED, reports, 9))
    assert len(most_similar(ASKED, reports, 9)) == 4


def test_the_report_of_the_alarm_itself_and_withdrawn_ones_are_left_out() -> None:
    own = replace(incident(1), alarm_id=ASKED.alarm.alarm_id)
    assert most_similar(ASKED, [own, replace(incident(2), withdrawn=True)], 3) == ()


def test_the_order_of_the_sensors_does_not_matter() -> None:
    assert signs_of(alarm("p", "x", ("b", "low"), ("a", "high"))) == ("a high", "b low")
    assert wording(alarm(), "pump") == "pump bearing failure: temperature high, vibration high"


def at(days_ago: float, device_id: str = "pump-01", fault: str = "bearing_failure", kind: str = "pump") -> Occurrence:
    return Occurrence(device_id, kind, fault, T0 - days_ago * DAY)


def test_a_fault_that_comes_twice_within_the_span_is_a_pattern_with_its_intervals() -> None:
    (found,) = patterns([at(1), at(10), at(5)], T0, 30 * DAY)
    assert (found.device_id, found.kind, found.fault_type, found.count) == ("pump-01", "pump", "bearing_failure", 3)
    assert (found.first_at, found.last_at) == (T0 - 10 * DAY, T0 - DAY)
    assert found.intervals_s == pytest.approx((5 * DAY, 4 * DAY))
    assert pattern_line(found) == "3 times bearing_failure on pump-01, 5.0 d and 4.0 d apart"


def test_once_is_no_pattern_and_neither_is_what_lies_further_apart_or_is_long_over() -> None:
    assert patterns([at(1)], T0, 30 * DAY) == ()
    assert patterns([at(1), at(32)], T0, 30 * DAY) == ()
    assert patterns([at(31), at(32)], T0, 30 * DAY) == ()
    (found,) = patterns([at(1), at(30), at(62)], T0, 30 * DAY)
    assert found.count == 2


def test_what_follows_within_an_hour_is_the_same_occurrence() -> None:
    minutes = [at(1 + number / 96) for number in range(40)]
    assert patterns(minutes, T0, 30 * DAY) == ()
    assert patterns([*minutes, at(5)], T0, 30 * DAY)[0].count == 2


def test_a_kind_has_a_pattern_only_if_several_of_its_devices_take_part() -> None:
    (found,) = patterns([at(1), at(4, "pump-02")], T0, 30 * DAY)
    assert (found.device_id, found.kind, found.count) == ("", "pump", 2)
    assert pattern_line(found) == "2 times bearing_failure on the pumps, 3.0 d apart"
    alone = patterns([at(1), at(4), at(90, "pump-02")], T0, 30 * DAY)
    assert [one.device_id for one in alone] == ["pump-01"]


def test_other_faults_other_kinds_and_faults_without_a_type_are_kept_apart() -> None:
    told = [at(1), at(2, fault="pressure_leak"), at(3, "motor-01", kind="motor")]
    assert patterns(told, T0, 30 * DAY) == ()
    assert patterns([at(1, fault="unclassified"), at(2, fault="unclassified")], T0, 30 * DAY) == ()
    gone = patterns([at(1, "old-1", kind=""), at(2, "old-2", kind="")], T0, 30 * DAY)
    assert gone == ()


def test_the_most_frequent_comes_first_and_long_rows_keep_their_newest_intervals() -> None:
    often = [at(2 * number + 1) for number in range(12)]
    found = patterns([*often, at(1, "motor-01", kind="motor"), at(3, "motor-01", kind="motor")], T0, 30 * DAY)
    assert [(one.device_id, one.count) for one in found] == [("pump-01", 12), ("motor-01", 2)]
    assert len(found[0].intervals_s) == MAX_INTERVALS
    assert "lately" in pattern_line(found[0])


def test_an_alarm_is_part_of_the_patterns_of_its_device_and_of_its_kind() -> None:
    found = patterns([at(1), at(4), at(2, "pump-02"), at(5, "pump-03"), at(6, fault="sensor_drift")], T0, 30 * DAY)
    mine = patterns_of(alarm(), "pump", found)
    assert [one.device_id for one in mine] == ["pump-01", ""]
    assert patterns_of(alarm("motor-01"), "motor", found) == ()


def test_only_people_review_and_only_what_can_be_corrected() -> None:
    anna = Caller("anna", CallerKind.OPERATOR)
    IncidentReview(1, 1, anna, {"outcome": "better"}).check()
    with pytest.raises(NotAllowedError):
        IncidentReview(1, 1, Caller("anna", CallerKind.AGENT)).check()
    with pytest.raises(BadValueError, match="one of title"):
        IncidentReview(1, 1, anna, {"author": "me"}).check()


def test_m2_only_what_people_wrote_or_reviewed_stands_for_experience() -> None:
    mine = incident(1)
    told = [
        replace(mine, origin=origin, reviewed=reviewed).stands_for_experience
        for origin in ("agent", "person", "")
        for reviewed in (False, True)
    ]
    assert told == [False, True, True, True, False, True]


def test_m2_all_that_give_themselves_a_name_share_a_quota() -> None:
    self_named = {quota_name(Caller.self_named(name).name) for name in ("a", "b", "", "anna")}
    assert len(self_named) == 1
    assert len({quota_name("anna"), quota_name("claude"), *self_named}) == 3
