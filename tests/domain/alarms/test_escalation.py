"""Who is told, and when: the table of plant-facts, by the clock."""

from dataclasses import replace

import pytest

from aegisflow.domain.alarms.escalation import EscalationBook, EscalationSpec, Notification
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Severity, Timeliness

T0 = 1_760_000_000.0
MINUTE = 60.0


def alarm(severity: Severity = Severity.CRITICAL, state: AlarmState = AlarmState.UNACKNOWLEDGED) -> Alarm:
    return Alarm("pump-01@x", "pump-01", "pressure_leak", "pressure_leak", severity, state, "limits", (), T0, T0)


def raised(one: Alarm) -> AlarmEvent:
    return AlarmEvent(Change.RAISED, one.raised_at, one)


def told(notifications) -> list[tuple[str, float]]:
    return [(one.to, one.at - T0) for one in notifications]


class Book(EscalationBook):
    """One whose two clocks agree, and that is told of each event when it happens."""

    def see(self, event: AlarmEvent) -> tuple[Notification, ...]:
        return self.observe(event, event.at, event.at)

    def wait(self, at: float) -> tuple[Notification, ...]:
        return self.tick(at, at)

    def restart(self, alarms: list[Alarm], at: float, *told: Notification) -> tuple[Notification, ...]:
        return self.recall(alarms, at, at, told)


@pytest.fixture
def book() -> Book:
    return Book(EscalationSpec())


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
    (one,) = book.see(raised(alarm(severity)))
    assert (one.to, one.answer_until - T0, one.level) == (first, within_s, 0)


def test_nobody_answers_so_the_next_level_is_told_once_and_the_last_one_again(book) -> None:
    book.see(raised(alarm()))
    assert book.wait(T0 + 5 * MINUTE - 1) == ()
    assert told(book.wait(T0 + 5 * MINUTE)) == [("department manager", 300.0)]
    assert book.wait(T0 + 6 * MINUTE) == ()
    assert told(book.wait(T0 + 10 * MINUTE)) == [("department manager", 600.0)]


@pytest.mark.parametrize("state", [AlarmState.ACKNOWLEDGED, AlarmState.NORMAL, AlarmState.SHELVED])
def test_whoever_takes_note_or_sets_it_aside_ends_it(book, state) -> None:
    book.see(raised(alarm()))
    assert book.see(AlarmEvent(Change.ACKNOWLEDGED, T0 + 1, alarm(state=state))) == ()
    assert book.wait(T0 + 3600) == ()


def test_an_alarm_that_returned_still_waits_for_somebody(book) -> None:
    book.see(raised(alarm()))
    assert book.see(AlarmEvent(Change.CLEARED, T0 + 1, alarm(state=AlarmState.RETURNED))) == ()
    assert told(book.wait(T0 + 300)) == [("department manager", 300.0)]


def test_low_and_medium_alarms_do_not_escalate(book) -> None:
    book.see(raised(alarm(Severity.MEDIUM)))
    assert book.wait(T0 + 24 * 3600) == ()


def test_a_worse_severity_begins_anew_and_the_same_one_does_not(book) -> None:
    book.see(raised(alarm(Severity.HIGH)))
    assert book.see(AlarmEvent(Change.UPDATED, T0 + 10, alarm(Severity.HIGH))) == ()
    assert told(book.see(AlarmEvent(Change.ESCALATED, T0 + 20, alarm()))) == [
        ("plant manager and safety officer", 20.0)
    ]


def test_a_restart_tells_the_level_whose_turn_it_is_once(book) -> None:
    assert told(book.restart([alarm()], T0 + 7 * MINUTE)) == [("department manager", 420.0)]
    assert book.restart([alarm()], T0 + 7 * MINUTE) == ()
    assert book.wait(T0 + 10 * MINUTE - 1) == ()
    assert told(book.wait(T0 + 10 * MINUTE)) == [("department manager", 600.0)]


def test_a_restart_gives_nobody_more_time(book) -> None:
    assert told(book.restart([alarm()], T0 + 299)) == [("plant manager and safety officer", 299.0)]
    assert told(book.wait(T0 + 300)) == [("department manager", 300.0)]
    assert book.restart([], T0) == ()


def test_an_acknowledged_alarm_is_not_recalled(book) -> None:
    assert book.restart([alarm(state=AlarmState.ACKNOWLEDGED)], T0) == ()


def test_a_call_tells_every_level_at_once_and_moves_the_alarm_of_the_device(book) -> None:
    book.see(raised(replace(alarm(), alarm_id="pump-01@y")))
    calls = book.call("pump-01", "cmd-1", Severity.CRITICAL, "shut down", T0 + 1, T0 + 1)
    assert [one.subject for one in calls] == ["cmd-1", "cmd-1", "pump-01@y"]
    assert [one.to for one in calls] == [
        "plant manager and safety officer",
        "department manager",
        "department manager",
    ]


# --- A4: a sender's clock, a backlog and our own clock decide about nobody's sleep -----------------------------


LONG_AGO = T0 - 9 * 3600.0


def late(timeliness: Timeliness = Timeliness.CATCHING_UP, state: AlarmState = AlarmState.UNACKNOWLEDGED) -> Alarm:
    cleared_at = LONG_AGO + 600.0 if timeliness is Timeliness.HISTORY else None
    return replace(alarm(), raised_at=LONG_AGO, known_at=T0, timeliness=timeliness, state=state, cleared_at=cleared_at)


def heard(one: Alarm, at: float, change: Change = Change.UPDATED) -> AlarmEvent:
    return AlarmEvent(change, at, one)


def test_a4_the_time_to_answer_runs_from_when_people_were_told_whatever_the_readings_are_dated(book) -> None:
    old = replace(alarm(), raised_at=LONG_AGO, known_at=T0)
    (one,) = book.observe(AlarmEvent(Change.RAISED, LONG_AGO, old), T0, 0.0)
    assert (one.at, one.answer_until, one.level) == (T0, T0 + 300.0, 0)
    assert book.tick(T0 + 299.0, 299.0) == ()
    assert [each.level for each in book.tick(T0 + 300.0, 300.0)] == [1]


@pytest.mark.parametrize("by_s", [7_200.0, -3_600.0, 365 * 86_400.0])
def test_a3_no_time_to_answer_passes_when_our_own_clock_is_set(book, by_s: float) -> None:
    book.observe(raised(alarm()), T0, 0.0)
    assert book.tick(T0 + 10.0 + by_s, 10.0) == ()
    assert book.tick(T0 + 299.0 + by_s, 299.0) == ()
    assert [one.level for one in book.tick(T0 + 300.0 + by_s, 300.0)] == [1]


def test_a4_what_was_over_before_its_backlog_came_is_told_to_the_first_level_once_and_to_nobody_else(book) -> None:
    assert book.observe(heard(late(), LONG_AGO, Change.RAISED), T0, T0) == ()
    gone = late(Timeliness.HISTORY, AlarmState.RETURNED)
    (one,) = book.observe(heard(gone, LONG_AGO + 600.0, Change.CLEARED), T0 + 1, T0 + 1)
    assert (one.level, one.at) == (0, T0 + 1)
    assert "it is over" in one.text
    assert book.wait(T0 + 86_400.0) == ()
    assert [each.subject for each in book.call("pump-01", "cmd-1", Severity.HIGH, "look", T0, T0)] == ["cmd-1"] * 2


def test_a4_what_lasts_at_the_end_of_its_backlog_is_live_from_then_on(book) -> None:
    book.observe(heard(late(), LONG_AGO, Change.RAISED), T0, T0)
    (one,) = book.observe(heard(late(Timeliness.LIVE), T0 + 20.0), T0 + 20.0, T0 + 20.0)
    assert (one.level, one.at, one.answer_until) == (0, T0 + 20.0, T0 + 320.0)
    assert told(book.wait(T0 + 320.0)) == [("department manager", 320.0)]


def test_a4_a_backlog_that_takes_long_keeps_nothing_from_the_first_level_and_no_fault_for_ever_from_the_next(
    book,
) -> None:
    book.observe(heard(late(), LONG_AGO, Change.RAISED), T0, T0)
    assert book.wait(T0 + 59.0) == ()
    (one,) = book.wait(T0 + 60.0)
    assert one.level == 0
    assert "may be over" in one.text
    assert book.wait(T0 + 60.0 + 1_799.0) == ()
    assert [each.level for each in book.wait(T0 + 60.0 + 1_800.0)] == [1]


@pytest.mark.parametrize(("then", "next_at"), [(Timeliness.LIVE, 400.0), (Timeliness.HISTORY, None)])
def test_a4_once_told_out_of_a_backlog_the_next_level_waits_for_what_it_turns_out_to_be(book, then, next_at) -> None:
    book.observe(heard(late(), LONG_AGO, Change.RAISED), T0, T0)
    book.wait(T0 + 60.0)
    assert book.observe(heard(late(then), T0 + 100.0), T0 + 100.0, T0 + 100.0) == ()
    found = [at for at in range(100, 4_000, 10) if book.wait(T0 + at)]
    assert found[:1] == ([next_at] if next_at else [])


def test_a4_a_restart_counts_from_when_people_were_told_and_not_from_what_readings_are_dated(book) -> None:
    old = replace(alarm(), raised_at=LONG_AGO, known_at=T0)
    page = replace(Book(EscalationSpec()).see(raised(alarm()))[0], at=T0 + 50.0)
    assert told(book.restart([old], T0 + 100.0, page)) == [("plant manager and safety officer", 100.0)]
    assert book.wait(T0 + 349.0) == ()
    assert told(book.wait(T0 + 350.0)) == [("department manager", 350.0)]
    without = Book(EscalationSpec())
    assert [one.level for one in without.restart([old], T0 + 10.0)] == [0]


def test_a4_a_severity_that_rose_just_before_a_restart_begins_with_the_first_level(book) -> None:
    page = replace(Book(EscalationSpec()).see(raised(alarm(Severity.MEDIUM)))[0], at=T0)
    worse = replace(alarm(), known_at=T0)
    assert [one.level for one in book.restart([worse], T0 + 7_010.0, page)] == [0]


def test_a1_what_was_told_by_a_clock_a_year_ahead_goes_on_by_the_right_one(book) -> None:
    page = replace(Book(EscalationSpec()).see(raised(alarm()))[0], at=T0 + 365 * 86_400.0)
    assert [one.level for one in book.restart([alarm()], T0, page)] == [0]
    assert [one.level for one in book.wait(T0 + 300.0)] == [1]


def test_a4_history_that_people_know_is_not_told_again_after_a_restart(book) -> None:
    gone = late(Timeliness.HISTORY, AlarmState.RETURNED)
    (page,) = Book(EscalationSpec()).see(heard(gone, T0, Change.CLEARED))
    assert book.restart([gone], T0 + 9_000.0, page) == ()
    assert book.wait(T0 + 90_000.0) == ()
    assert [one.level for one in Book(EscalationSpec()).restart([gone], T0 + 9_000.0)] == [0]


def test_who_is_next_and_when_is_what_then_happens(book: Book) -> None:
    book.see(raised(alarm()))
    assert book.next_of("pump-01@x", T0 + 60, T0 + 60) == ("department manager", T0 + 300)
    # The plant's clock that was set by an hour says another time, and people have no less of it.
    assert book.next_of("pump-01@x", T0 + 3_660, T0 + 60) == ("department manager", T0 + 3_900)
    assert told(book.wait(T0 + 300)) == [("department manager", 300.0)]
    assert book.next_of("pump-01@x", T0 + 300, T0 + 300) == ("department manager", T0 + 600)
    book.see(AlarmEvent(Change.ACKNOWLEDGED, T0 + 301, alarm(state=AlarmState.ACKNOWLEDGED)))
    assert book.next_of("pump-01@x", T0 + 302, T0 + 302) is None


@pytest.mark.parametrize("severity", [Severity.LOW, Severity.MEDIUM])
def test_of_an_alarm_that_does_not_escalate_nobody_is_next(book: Book, severity: Severity) -> None:
    book.see(raised(alarm(severity)))
    assert book.next_of("pump-01@x", T0, T0) is None
