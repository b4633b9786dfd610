"""What comes in waits in order of what must not be lost: answers of machines first, unacknowledged telemetry last."""

from aegisflow.actors.inbound_queue import InboundQueue
from aegisflow.actors.runtime.directory import Directory
from aegisflow.bus import BusMessage
from aegisflow.domain.readings import Receipt

LIMIT = 5


def intake() -> InboundQueue:
    return InboundQueue(Directory(), LIMIT, lambda topic: topic.startswith("acks/"))


def reading(number: int, *, assured: bool = False) -> BusMessage:
    return BusMessage("sensors/x", b"%d" % number, receipt=Receipt(1, number) if assured else None)


def answer(number: int, *, assured: bool = True) -> BusMessage:
    return BusMessage("acks/x", b"%d" % number, receipt=Receipt(1, 1_000 + number) if assured else None)


def test_no_answer_with_a_receipt_is_ever_shed() -> None:
    queue = intake()
    for number in range(10 * LIMIT):
        queue.on_message(answer(number))
    assert queue.shed == 0
    taken = queue.take(1_000)
    assert [message.payload for message in taken] == [b"%d" % number for number in range(10 * LIMIT)]
    assert len({message.receipt for message in taken}) == 10 * LIMIT


def test_answers_without_a_receipt_are_bounded_and_counted() -> None:
    queue = intake()
    for number in range(LIMIT + 3):
        queue.on_message(answer(number, assured=False))
    assert queue.shed == 3
    assert queue.has_waiting()
    assert [message.payload for message in queue.take(1_000)] == [b"3", b"4", b"5", b"6", b"7"]


def test_a_flood_of_telemetry_sheds_telemetry_and_answers_overtake_it() -> None:
    queue = intake()
    for number in range(1_000):
        queue.on_message(reading(number))
    queue.on_message(reading(1, assured=True))
    queue.on_message(answer(1))
    queue.on_message(answer(2, assured=False))
    assert queue.shed == 1_000 - LIMIT
    assert [message.topic for message in queue.take(3)] == ["acks/x", "acks/x", "sensors/x"]
    assert queue.has_waiting()


def test_what_was_taken_and_not_handed_on_is_taken_again() -> None:
    queue = intake()
    queue.on_message(answer(1))
    first = queue.take(10)
    queue.on_message(answer(2))
    assert [message.payload for message in queue.take(10)] == [message.payload for message in first]
    queue.done()
    assert [message.payload for message in queue.take(10)] == [b"2"]
