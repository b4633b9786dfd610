import pytest
from pykka._envelope import Envelope

from aegisflow.actors.messages.common import Ping, Tick
from aegisflow.actors.messages.device import RecordReadings
from aegisflow.actors.runtime.inbox import WaitingInbox


def order(*messages: object) -> list[object]:
    """Return messages in the order in which an actor gets them that finds them all waiting."""
    inbox = WaitingInbox()
    for message in messages:
        inbox.put(Envelope(message))
    return [inbox.get().message for _ in messages]


def test_time_does_not_overtake_readings_that_came_before_it() -> None:
    first, second, ping = RecordReadings(()), RecordReadings(()), Ping()
    early, late = Tick(1.0, True), Tick(2.0, True)
    assert order(first, early, second, ping, late) == [ping, first, early, second, late]


def test_time_waits_for_nothing_where_no_readings_wait() -> None:
    tick, ping = Tick(1.0, True), Ping()
    assert order(ping, tick) == [ping, tick]
    assert order(tick, RecordReadings(())) == [tick, RecordReadings(())]


def resting() -> WaitingInbox:
    """Return the inbox of an owner who has nothing to do, and for whom time changes nothing from 10 to 20."""
    inbox = WaitingInbox()
    assert inbox.poll() is None
    inbox.rest(10.0, 20.0)
    return inbox


def test_an_owner_for_whom_time_changes_nothing_is_not_woken_by_it() -> None:
    inbox = resting()
    for at in (10.0, 19.9):
        inbox.put(Envelope(Tick(at, True)))
    assert inbox.empty()


@pytest.mark.parametrize("tick", [Tick(20.0), Tick(9.9), Tick(15.0, broker_connected=False), Tick(15.0, stepped_s=1.0)])
def test_a_tick_that_may_matter_wakes_the_owner(tick: Tick) -> None:
    inbox = resting()
    inbox.put(Envelope(tick))
    assert inbox.get().message is tick


def test_a_tick_is_taken_where_something_else_waits_or_has_happened() -> None:
    tick = Tick(15.0)
    inbox = resting()
    inbox.put(Envelope(RecordReadings(())))
    inbox.put(Envelope(tick))
    assert [inbox.get().message for _ in range(2)] == [RecordReadings(()), tick]
    inbox = resting()
    inbox.expect_time()
    inbox.put(Envelope(tick))
    assert inbox.get().message is tick
