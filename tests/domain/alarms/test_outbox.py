"""E2: what people are to be told is kept until it is delivered, superseded or over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms import outbox as module
from aegisflow.domain.alarms.escalation import Notification
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.alarms.outbox import Attempt, Delivery, Outbox, RetryPace

HOOK = "webhook"
PACE = RetryPace(first_s=1.0, longest_s=60.0, give_up_after_s=86_400.0)


def alarm(
    subject: str = "pump-01@1",
    *,
    device: str = "pump-01",
    cause: str = "pressure_leak",
    severity: Severity = Severity.HIGH,
    to: str = "plant manager",
    at: float = 0.0,
    level: int = 0,
) -> Notification:
    return Notification(to, device, subject, severity, f"{cause} on {device}", at, at + 900.0, level, cause)


def call(subject: str = "cmd-1", *, severity: Severity = Severity.CRITICAL, at: float = 0.0) -> Notification:
    return Notification("plant manager", "pump-01", subject, severity, "look", at, at + 300.0, 0)


def drain(outbox: Outbox, now: float = 0.0, sink: str = HOOK) -> list[Notification]:
    """Deliver all that may be tried now."""
    told = []
    while (attempt := outbox.next(sink, now)) is not None:
        told.append(attempt.delivery.notification)
        outbox.finished(sink, attempt.number, "", now)
    return told


def fail(outbox: Outbox, now: float, why: str = "it answered 500") -> Notification:
    attempt = outbox.next(HOOK, now)
    assert attempt is not None
    assert not outbox.finished(HOOK, attempt.number, why, now)
    return attempt.delivery.notification


def restarted(outbox: Outbox, *sinks: str) -> Outbox:
    """The outbox of a process that begins with what the store was told by this one."""
    stored: dict[str, Delivery] = {}
    changes = outbox.changes()
    assert changes is not None
    stored |= {delivery.key: delivery for delivery in changes.put}
    assert not set(changes.drop) & set(stored)
    again = Outbox(sinks or (HOOK,), PACE)
    again.recall(stored.values())
    return again


def test_alarms_go_before_everything_else_and_the_worst_of_them_first() -> None:
    outbox = Outbox((HOOK,))
    notices = [
        call(),
        alarm("a@1", device="a", severity=Severity.LOW),
        alarm("b@1", device="b", severity=Severity.CRITICAL, at=5.0),
        alarm("c@1", device="c", severity=Severity.CRITICAL, at=3.0),
        alarm("d@1", device="d", severity=Severity.CRITICAL, at=9.0, level=1),
        call("cmd-2", severity=Severity.HIGH),
    ]
    for notice in notices:
        outbox.add(notice, 0.0)
    assert [one.subject for one in drain(outbox)] == ["c@1", "b@1", "d@1", "a@1", "cmd-1", "cmd-2"]


def test_one_is_under_way_to_a_sink_at_a_time_and_sinks_do_not_wait_for_each_other() -> None:
    outbox = Outbox((HOOK, "topic"))
    outbox.add(alarm(), 0.0)
    outbox.add(alarm(device="pump-02"), 0.0)
    first = outbox.next(HOOK, 0.0)
    assert first is not None
    assert outbox.next(HOOK, 0.0) is None
    assert len(drain(outbox, sink="topic")) == 2
    assert outbox.finished(HOOK, first.number, "", 0.0)
    assert not outbox.finished(HOOK, first.number, "", 0.0)  # told twice
    assert len(drain(outbox)) == 1


def test_a_failed_delivery_is_tried_again_later_and_later() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(severity=Severity.LOW), 0.0)
    now, pauses = 0.0, []
    for _ in range(9):
        fail(outbox, now)
        before = now
        while outbox.next(HOOK, now) is None:
            now += 0.5
        assert outbox._sinks[HOOK].under_way
        outbox._sinks[HOOK].under_way.clear()  # looked at only
        pauses.append(now - before)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert drain(outbox, now)
    assert outbox.problems(now) == ()


def test_a_sink_that_failed_is_left_alone_but_for_what_is_urgent_and_new() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(severity=Severity.LOW), 0.0)
    fail(outbox, 0.0)
    outbox.add(alarm(device="b", severity=Severity.MEDIUM), 0.0)
    outbox.add(call(), 0.0)
    assert outbox.next(HOOK, 0.5) is None
    outbox.add(alarm(device="c", severity=Severity.CRITICAL), 0.0)
    assert fail(outbox, 0.5).device_id == "c"
    assert outbox.next(HOOK, 0.6) is None  # once
    assert [one.device_id for one in drain(outbox, 10.0)] == ["c", "b", "pump-01", "pump-01"]


def test_what_cannot_be_taken_by_itself_does_not_hold_up_the_others() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(device="bad", severity=Severity.CRITICAL), 0.0)
    outbox.add(alarm(device="good"), 0.0)
    now, told = 0.0, []
    while now < 300:
        attempt = outbox.next(HOOK, now)
        if attempt is not None:
            bad = attempt.delivery.notification.device_id == "bad"
            told += [] if bad else [now]
            outbox.finished(HOOK, attempt.number, "it answered 400" if bad else "", now)
        now += 0.5
    assert len(told) == 1
    assert told[0] <= 1.0
    assert outbox.waiting == {HOOK: 1}


def test_a_newer_notification_of_the_same_page_takes_the_place_of_one_that_waits() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(severity=Severity.HIGH), 0.0)
    outbox.add(alarm(severity=Severity.CRITICAL, at=60.0), 0.0)
    outbox.add(alarm("pump-01@2", severity=Severity.CRITICAL, at=90.0), 0.0)
    assert [(one.subject, one.severity) for one in drain(outbox)] == [("pump-01@2", Severity.CRITICAL)]


def test_a_milder_alarm_of_the_same_device_and_cause_does_not_take_the_place_of_a_worse_one() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(severity=Severity.CRITICAL), 0.0)
    assert not outbox.add(alarm("pump-01@2", severity=Severity.LOW), 0.0)
    assert [one.severity for one in drain(outbox)] == [Severity.CRITICAL]


def test_one_that_is_superseded_while_under_way_is_still_told_in_its_newer_form() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(), 0.0)
    attempt = outbox.next(HOOK, 0.0)
    assert attempt is not None
    outbox.add(alarm(severity=Severity.CRITICAL, at=5.0), 0.0)
    assert outbox.finished(HOOK, attempt.number, "", 0.0)
    assert [one.severity for one in drain(outbox)] == [Severity.CRITICAL]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"at": 60.0}, False),
        ({"at": 60.0, "subject": "pump-01@2"}, False),  # it came back while they still had time to answer
        ({"at": 60.0, "severity": Severity.MEDIUM}, False),
        ({"at": 60.0, "severity": Severity.CRITICAL}, True),
        ({"at": 60.0, "level": 1}, True),
        ({"at": 60.0, "cause": "bearing_wear"}, True),
        ({"at": 60.0, "device": "pump-02"}, True),
        ({"at": 60.0, "to": "department manager"}, True),
        ({"at": 901.0}, True),  # nobody answered
    ],
)
def test_one_page_per_device_and_cause(change: dict, told: bool) -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(), 0.0)
    assert len(drain(outbox)) == 1
    assert outbox.add(alarm(**{"subject": "pump-01@1", **change}), 60.0) is told
    assert len(drain(outbox)) == told


def test_what_people_ended_is_told_anew_when_it_returns_and_what_ended_by_itself_is_not() -> None:
    for by_people in (True, False):
        outbox = Outbox((HOOK,), PACE)
        outbox.add(alarm(), 0.0)
        drain(outbox)
        outbox.end("pump-01@1", by_people=by_people)
        assert outbox.add(alarm("pump-01@2", at=100.0), 0.0) is by_people
        outbox.end("pump-01@2", by_people=False)
        outbox.tick(2_000.0, 0.0)
        assert outbox.add(alarm("pump-01@3", at=2_000.0), 0.0)


def test_what_is_over_before_it_could_be_told_is_not_told() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(), 0.0)
    fail(outbox, 0.0)
    outbox.end("pump-01@1", by_people=False)
    assert drain(outbox, 100.0) == []
    assert outbox.problems(100.0) == ()


def test_what_is_over_while_it_is_under_way_is_forgotten_however_that_ends() -> None:
    for why in ("", "it answered 500"):
        outbox = Outbox((HOOK,), PACE)
        outbox.add(alarm(), 0.0)
        attempt = outbox.next(HOOK, 0.0)
        assert attempt is not None
        outbox.end("pump-01@1", by_people=True)
        outbox.finished(HOOK, attempt.number, why, 0.0)
        assert outbox.waiting == {HOOK: 0}
        assert drain(outbox, 100.0) == []


def test_a_restart_goes_on_with_what_waited_and_tells_nobody_twice() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(), 0.0)
    drain(outbox)
    outbox.add(alarm("pump-02@1", device="pump-02", severity=Severity.CRITICAL), 0.0)
    outbox.add(call(), 0.0)
    fail(outbox, 0.0)
    again = restarted(outbox)
    again.keep_only(["pump-01@1", "pump-02@1"])
    assert not again.add(alarm(at=100.0), 0.0)
    assert [one.subject for one in drain(again)] == ["pump-02@1", "cmd-1"]
    changes = again.changes()
    assert changes is not None
    assert {delivery.notification.subject for delivery in changes.put} == {"pump-01@1", "pump-02@1", "cmd-1"}


def test_a_restart_forgets_alarms_that_ended_meanwhile_and_sinks_that_are_gone() -> None:
    outbox = Outbox((HOOK, "topic"), PACE)
    outbox.add(alarm(), 0.0)
    outbox.add(call(), 0.0)
    again = restarted(outbox, HOOK)
    again.keep_only([])
    assert [one.subject for one in drain(again)] == ["cmd-1"]
    changes = again.changes()
    assert changes is not None
    assert len(changes.drop) == 3


def test_what_nobody_took_for_a_day_is_given_up_counted_and_said() -> None:
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm(), 1_000.0)
    fail(outbox, 0.0)
    assert outbox.problems(100.0) == ("webhook: 1 not delivered, for 2 min: it answered 500",)
    outbox.tick(0.0, 1_000.0 + 86_399.0)
    assert outbox.waiting == {HOOK: 1}
    outbox.tick(0.0, 1_000.0 + 86_400.0)
    assert (outbox.waiting, outbox.given_up) == ({HOOK: 0}, {HOOK: 1})
    assert outbox.problems(0.0) == ("webhook: 1 were never delivered",)


def test_a1_what_was_told_before_our_clock_was_set_back_keeps_nothing_from_anybody() -> None:
    """A machine that boots a year ahead tells of an alarm; when it comes again by the right clock, that is news."""
    year = 365 * 86_400.0
    for over in (True, False):
        outbox = Outbox((HOOK,), PACE)
        outbox.add(alarm(at=year), 0.0)
        assert len(drain(outbox)) == 1
        if over:
            outbox.end("pump-01@1", by_people=False)
            outbox.tick(0.0, 0.0)
        assert outbox.add(alarm("pump-01@2", at=0.0), 0.0)
        assert [one.subject for one in drain(outbox)] == ["pump-01@2"]


def test_it_holds_only_so_many_and_gives_up_the_least_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    outbox = Outbox((HOOK,), PACE)
    outbox.add(alarm("first@1", device="first", severity=Severity.CRITICAL), 0.0)
    for number in range(30):
        outbox.add(alarm(f"d{number}@1", device=f"d{number}", severity=Severity.LOW, at=float(number)), 0.0)
    assert (outbox.waiting, outbox.given_up) == ({HOOK: 10}, {HOOK: 21})
    assert drain(outbox)[0].device_id == "first"


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.sampled_from(["pump-01", "pump-02"]),
            st.sampled_from(["leak", "wear"]),
            st.sampled_from(list(Severity)),
            st.integers(0, 1),
        ),
        st.tuples(st.just("end"), st.sampled_from(["pump-01", "pump-02"]), st.sampled_from(["leak", "wear"])),
        st.tuples(st.just("try"), st.booleans()),
        st.tuples(st.just("restart")),
        st.tuples(st.just("wait"), st.integers(1, 200)),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_fails_in_between_each_page_that_is_not_over_is_told_in_the_end_and_no_text_twice(steps: list) -> None:
    outbox, now = Outbox((HOOK,), PACE), 0.0
    stored: dict[str, Delivery] = {}
    open_pages: dict[str, Notification] = {}
    told: list[Notification] = []
    known: dict[str, list[Notification]] = {}

    def deliver(works: bool) -> None:
        attempt = outbox.next(HOOK, now)
        if attempt is None:
            return
        if works:
            told.append(attempt.delivery.notification)
            known.setdefault(attempt.delivery.key, []).append(attempt.delivery.notification)
        outbox.finished(HOOK, attempt.number, "" if works else "no", now)

    def save() -> None:
        changes = outbox.changes()
        if changes is not None:
            for key in changes.drop:
                stored.pop(key, None)
            stored.update({delivery.key: delivery for delivery in changes.put})

    for step in steps:
        now += 1.0
        match step:
            case ("add", device, cause, severity, level):
                notice = alarm(f"{device}@{cause}", device=device, cause=cause, severity=severity, level=level, at=now)
                outbox.add(notice, now)
                open_pages[f"{device}@{cause}"] = notice
            case ("end", device, cause):
                outbox.end(f"{device}@{cause}", by_people=True)
                open_pages.pop(f"{device}@{cause}", None)
            case ("try", works):
                deliver(works)
            case ("restart",):
                outbox = Outbox((HOOK,), PACE)
                outbox.recall(stored.values())
                outbox.keep_only(open_pages)
            case ("wait", seconds):
                now += seconds
        save()
    for _ in range(200):
        now += 30.0
        deliver(True)
        save()
    assert outbox.waiting == {HOOK: 0}
    assert outbox.given_up == {HOOK: 0}
    for subject, newest in open_pages.items():
        said = [one for one in told if one.subject == subject]
        assert said, f"nobody was told of {subject}"
        assert max(one.severity.rank for one in said) >= newest.severity.rank
    assert len({(one.subject, one.at) for one in told}) == len(told)
    assert set(stored) == {delivery.key for delivery in outbox._deliveries.values()}
    assert all(delivery.delivered for delivery in stored.values())


def proposal(number: int, device: str = "pump-01") -> Notification:
    page = "emergency_shutdown proposed"
    return Notification(
        "plant manager", device, f"cmd-{number}", Severity.CRITICAL, "look", number, number + 300.0, 0, page=page
    )


def test_v9_of_many_proposals_for_a_device_people_are_told_once() -> None:
    outbox = Outbox((HOOK,), PACE)
    told: list[Notification] = []
    for number in range(30):
        outbox.add(proposal(number), 0.0)
        told += drain(outbox)
    assert [one.subject for one in told] == ["cmd-0"]
    outbox.add(proposal(31, "pump-02"), 0.0)
    assert len(drain(outbox)) == 1
    outbox.tick(300.0, 300.0)
    assert not [one for one in outbox._deliveries.values() if one.notification.device_id == "pump-01"]
    outbox.add(proposal(301), 301.0)
    assert len(drain(outbox, 301.0)) == 1


def test_v9_no_proposal_goes_before_an_alarm_or_pushes_one_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 20)
    outbox = Outbox((HOOK,), PACE)
    for number in range(450):
        outbox.add(proposal(number, f"pump-{number}"), 0.0)
    alarms = [alarm(f"a-{rank}", cause=f"c-{rank}", severity=severity) for rank, severity in enumerate(Severity)]
    for one in alarms:
        outbox.add(one, 0.0)
    for number in range(450, 900):
        outbox.add(proposal(number, f"pump-{number}"), 0.0)
    told = drain(outbox)
    assert {one.subject for one in told[: len(alarms)]} == {one.subject for one in alarms}


def several() -> Outbox:
    return Outbox((HOOK,), PACE, {HOOK: 3})


def under_way(outbox: Outbox, now: float = 0.0) -> list[Attempt]:
    """Begin all that may be tried now."""
    found = []
    while (attempt := outbox.next(HOOK, now)) is not None:
        found.append(attempt)
    return found


def test_a_sink_that_takes_several_is_given_several_the_most_urgent_first() -> None:
    outbox = several()
    outbox.add(call("cmd-1"), 0.0)
    for number in range(4):
        outbox.add(alarm(f"pump-0{number}@1", device=f"pump-0{number}", at=float(number)), 0.0)
    begun = under_way(outbox)
    assert [one.delivery.notification.subject for one in begun] == ["pump-00@1", "pump-01@1", "pump-02@1"]
    # Each that ends makes room for one, and what is no alarm comes when no alarm waits.
    assert outbox.finished(HOOK, begun[1].number, "", 0.0)
    (next_one,) = under_way(outbox)
    assert next_one.delivery.notification.subject == "pump-03@1"
    assert outbox.finished(HOOK, begun[0].number, "", 0.0)
    (last,) = under_way(outbox)
    assert last.delivery.notification.subject == "cmd-1"


def test_of_one_alarm_and_of_one_page_only_one_is_under_way() -> None:
    outbox = several()
    outbox.add(alarm(to="plant manager"), 0.0)
    outbox.add(alarm(to="department manager", level=1), 0.0)
    (first,) = under_way(outbox)
    assert first.delivery.notification.level == 0
    # A worse one of the same page waits, too, or it might arrive before.
    outbox.add(alarm("pump-01@2", severity=Severity.CRITICAL), 0.0)
    assert [one.delivery.notification.to for one in under_way(outbox)] == []
    assert outbox.finished(HOOK, first.number, "", 0.0)
    told = [one.delivery.notification for one in under_way(outbox)]
    assert [(one.subject, one.to) for one in told] == [
        ("pump-01@2", "plant manager"),
        ("pump-01@1", "department manager"),
    ]


def test_several_that_fail_together_are_one_failure_and_then_one_at_a_time_is_tried() -> None:
    outbox = several()
    for number in range(6):
        outbox.add(alarm(f"pump-0{number}@1", device=f"pump-0{number}", severity=Severity.MEDIUM), 0.0)
    for attempt in under_way(outbox):
        assert not outbox.finished(HOOK, attempt.number, "it answered 500", 0.0)
    assert under_way(outbox, 0.9) == []
    (probe,) = under_way(outbox, 1.0)
    assert outbox.finished(HOOK, probe.number, "", 1.0)
    assert len(under_way(outbox, 1.0)) == 3


def test_a_sink_that_asks_to_be_left_alone_is_left_alone_even_by_what_is_urgent_but_not_for_long() -> None:
    outbox = several()
    outbox.add(alarm(), 0.0)
    (attempt,) = under_way(outbox)
    assert not outbox.finished(HOOK, attempt.number, "it answered 503", 0.0, wait_s=40.0)
    outbox.add(alarm("pump-02@1", device="pump-02", severity=Severity.CRITICAL), 0.0)
    assert under_way(outbox, 39.9) == []
    (again,) = under_way(outbox, 40.0)
    assert again.delivery.notification.subject == "pump-02@1"
    assert not outbox.finished(HOOK, again.number, "it answered 503", 40.0, wait_s=86_400.0)
    assert under_way(outbox, 40.0 + module.MAX_HELD_S - 0.1) == []
    assert len(under_way(outbox, 40.0 + module.MAX_HELD_S)) == 1
