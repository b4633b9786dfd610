"""Who is told, and when: the table of plant-facts, by the clock."""

from dataclasses import replace

import pytest

from aegisflow.domain.alarms.escalation import EscalationBook, EscalationSpec
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Severity

T0 = 1_760_000_000.0
MINUTE = 60.0


def alarm(severity: Severity = Severity.CRITICAL, state: AlarmState = AlarmState.UNACKNOWLEDGED) -> Alarm:
    return Alarm("pump-01@x", "pump-01", "pressure_leak", "pressure_leak", severity, state, "limits", (), T0, T0)


def raised(one: Alarm) -> AlarmEvent:
    return AlarmEvent(Change.RAISED, one.raised_at, one)


def told(notifications) -> list[tuple[str, float]]:
    return [(one.to, one.at - T0) for one in notifications]


@pytest.fixture
def book() -> EscalationBook:
    return EscalationBook(EscalationSpec())


@pytest.mark.parametrize(
    ("severity", "first", "within_s"),
    [
        (Severity.LOW, "maintenance log", 4 * 3600),
        (Severity.MEDIUM, "shift supervisor", 3600),
        (Severity.HIGH, "plant manager", 900),
        (Severity.CRITICAL, "plant manager and safety officer", 300),
    ],
)
def test_each_severity_tells_its_first_level_at_once(book, severity, first, within_s) -> None:
    (one,) = book.observe(raised(alarm(severity)))
    assert (one.to, one.answer_until - T0, one.level) == (first, within_s, 0)


def test_nobody_answers_so_the_next_level_is_told_once_and_the_last_one_again(book) -> None:
    book.observe(raised(alarm()))
    assert book.tick(T0 + 5 * MINUTE - 1) == ()
    assert told(book.tick(T0 + 5 * MINUTE)) == [("department manager", 300.0)]
    assert book.tick(T0 + 6 * MINUTE) == ()
    assert told(book.tick(T0 + 10 * MINUTE)) == [("department manager", 600.0)]


@pytest.mark.parametrize("state", [AlarmState.ACKNOWLEDGED, AlarmState.NORMAL, AlarmState.SHELVED])
def test_whoever_takes_note_or_sets_it_aside_ends_it(book, state) -> None:
    book.observe(raised(alarm()))
    assert book.observe(AlarmEvent(Change.ACKNOWLEDGED, T0 + 1, alarm(state=state))) == ()
    assert book.tick(T0 + 3600) == ()


def test_an_alarm_that_returned_still_waits_for_somebody(book) -> None:
    book.observe(raised(alarm()))
    assert book.observe(AlarmEvent(Change.CLEARED, T0 + 1, alarm(state=AlarmState.RETURNED))) == ()
    assert told(book.tick(T0 + 300)) == [("department manager", 300.0)]


def test_low_and_medium_alarms_do_not_escalate(book) -> None:
    book.observe(raised(alarm(Severity.MEDIUM)))
    assert book.tick(T0 + 24 * 3600) == ()


def test_a_worse_severity_begins_anew_and_the_same_one_does_not(book) -> None:
    book.observe(raised(alarm(Severity.HIGH)))
    assert book.observe(AlarmEvent(Change.UPDATED, T0 + 10, alarm(Severity.HIGH))) == ()
    assert told(book.observe(AlarmEvent(Change.ESCALATED, T0 + 20, alarm()))) == [
        ("plant manager and safety officer", 20.0)
    ]


def test_a_restart_tells_the_level_whose_turn_it_is_once(book) -> None:
    assert told(book.recall([alarm()], T0 + 7 * MINUTE)) == [("department manager", 420.0)]
    assert book.recall([alarm()], T0 + 7 * MINUTE) == ()
    assert book.tick(T0 + 10 * MINUTE - 1) == ()
    assert told(book.tick(T0 + 10 * MINUTE)) == [("department manager", 600.0)]


def test_a_restart_gives_nobody_more_time(book) -> None:
    assert told(book.recall([alarm()], T0 + 299)) == [("plant manager and safety officer", 299.0)]
    assert told(book.tick(T0 + 300)) == [("department manager", 300.0)]
    assert book.recall([], T0) == ()


def test_an_acknowledged_alarm_is_not_recalled(book) -> None:
    assert book.recall([alarm(state=AlarmState.ACKNOWLEDGED)], T0) == ()


def test_a_call_tells_every_level_at_once_and_moves_the_alarm_of_the_device(book) -> None:
    book.observe(raised(replace(alarm(), alarm_id="pump-01@y")))
    calls = book.call("pump-01", "cmd-1", Severity.CRITICAL, "shut down", T0 + 1)
    assert [one.subject for one in calls] == ["cmd-1", "cmd-1", "pump-01@y"]
    assert [one.to for one in calls] == [
        "plant manager and safety officer",
        "department manager",
        "department manager",
    ]
