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
