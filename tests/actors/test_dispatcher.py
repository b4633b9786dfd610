import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pykka
import pytest

from aegisflow.actors.messages.common import Ping, Tick, Wake
from aegisflow.actors.messages.device import RecordReadings
from aegisflow.actors.messages.supervisor import ChildFailed
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import SUPERVISOR, Directory
from aegisflow.actors.runtime.dispatcher import TURN, TURN_S, DispatchedActor, Dispatcher
from aegisflow.errors import UnavailableError, UnknownNameError

WAIT_S = 60.0


class Behaviour:
    """What both kinds of actor do in these tests."""

    name: str
    seen: "queue.SimpleQueue[object]"

    def on_receive(self, message: object) -> object:
        if callable(message):
            return message()
        self.seen.put(message)
        return ("answer", message)


class Dispatched(Behaviour, DispatchedActor):
    def __init__(self, name: str, directory: Directory, dispatcher: Dispatcher, seen: "queue.SimpleQueue[object]"):
        super().__init__(name, directory, dispatcher)
        self.seen = seen

    def on_stop(self) -> None:
        self.seen.put("on_stop")

    def on_failure(self, *_: object) -> None:
        self.seen.put("on_failure")


class Threaded(Behaviour, ThreadedActor):
    def __init__(self, name: str, directory: Directory, dispatcher: Dispatcher, seen: "queue.SimpleQueue[object]"):
        super().__init__(name, directory)
        self.seen = seen

    on_stop = Dispatched.on_stop
    on_failure = Dispatched.on_failure  # type: ignore[assignment]


class Listener(ThreadedActor):
    """Stands where the supervisor would."""

    def __init__(self, directory: Directory) -> None:
        super().__init__(SUPERVISOR, directory)
        self.heard: queue.SimpleQueue[object] = queue.SimpleQueue()

    def on_receive(self, message: object) -> None:
        self.heard.put(message)


class House:
    """A directory, a dispatcher and a way to start actors, all ended with the test."""

    def __init__(self, kind: type[Dispatched] | type[Threaded], threads: int) -> None:
        self.kind = kind
        self.directory = Directory()
        self.dispatcher = Dispatcher(threads)
        listener = Listener(self.directory)
        self.heard = listener.heard
        pykka.ActorRegistry.register(listener.actor_ref)
        listener._start_actor_loop()
        self.directory.register(SUPERVISOR, listener.actor_ref)

    def start(self, name: str = "one") -> tuple[pykka.ActorRef, "queue.SimpleQueue[object]"]:
        seen: queue.SimpleQueue[object] = queue.SimpleQueue()
        ref = self.kind.start(name, self.directory, self.dispatcher, seen)
        self.directory.register(name, ref)
        return ref, seen

    def end(self) -> None:
        pykka.ActorRegistry.stop_all(timeout=WAIT_S)
        self.dispatcher.stop()


@pytest.fixture(params=["dispatched", "dispatched on four threads", "threaded"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    kind = Threaded if request.param == "threaded" else Dispatched
    built = House(kind, 4 if "four" in request.param else 1)
    yield built
    built.end()


def take(seen: "queue.SimpleQueue[object]", count: int) -> list[object]:
    return [seen.get(timeout=WAIT_S) for _ in range(count)]


def busy(ref: pykka.ActorRef) -> threading.Event:
    """Keep the actor in one message until the returned event is set."""
    begun, release = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait(WAIT_S)

    ref.tell(work)
    assert begun.wait(WAIT_S)
    return release


def fail(error: BaseException) -> Any:
    def work() -> None:
        raise error

    return work


def test_messages_of_one_sender_are_handled_in_their_order(house: House) -> None:
    ref, seen = house.start()
    sent = list(range(5 * TURN))
    for number in sent:
        ref.tell(number)
    assert take(seen, len(sent)) == sent


def test_an_actor_handles_one_message_at_a_time(house: House) -> None:
    ref, _ = house.start()
    inside = threading.Semaphore(1)
    overlaps: list[bool] = []

    def work() -> None:
        overlaps.append(not inside.acquire(blocking=False))
        inside.release()

    senders = [threading.Thread(target=lambda: [ref.tell(work) for _ in range(500)]) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    ref.ask("done", timeout=WAIT_S)
    assert overlaps == [False] * 2000


def test_a_question_is_answered(house: House) -> None:
    ref, _ = house.start()
    assert ref.ask("hello", timeout=WAIT_S) == ("answer", "hello")
    assert ref.ask(Ping(), timeout=WAIT_S) is True


def test_an_error_under_a_question_reaches_the_asker_and_spares_the_actor(house: House) -> None:
    ref, _ = house.start()
    with pytest.raises(ZeroDivisionError):
        ref.ask(lambda: 1 / 0, timeout=WAIT_S)
    assert ref.ask("still here", timeout=WAIT_S) == ("answer", "still here")
    assert house.heard.empty()


def test_an_error_under_a_message_ends_the_actor_and_is_told_with_the_backlog(house: House) -> None:
    ref, seen = house.start()
    release = busy(ref)
    ref.tell(fail(ValueError("broken")))
    ref.tell("kept")
    ref.tell("kept too")
    question = ref.ask("answered with its death", block=False)
    release.set()
    notice = house.heard.get(timeout=WAIT_S)
    assert notice == ChildFailed("one", "ValueError: broken", ("kept", "kept too"), ref.actor_urn)
    assert take(seen, 1) == ["on_failure"]
    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=WAIT_S)
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("too late")
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is None


def test_what_a_dying_actor_gives_back_comes_first_in_its_backlog(house: House) -> None:
    ref, _ = house.start()
    actor = ref._actor_weakref()
    assert actor is not None
    release = busy(ref)

    def give_back_and_fail() -> None:
        actor.give_back("rest")
        raise ValueError("poison")

    ref.tell(give_back_and_fail)
    ref.tell("next")
    release.set()
    notice = house.heard.get(timeout=WAIT_S)
    assert isinstance(notice, ChildFailed)
    assert notice.backlog == ("rest", "next")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_actor_that_exits_takes_no_other_with_it(house: House, error: BaseException) -> None:
    one, _ = house.start("one")
    two, _ = house.start("two")
    one.tell(fail(error))
    notice = house.heard.get(timeout=WAIT_S)
    assert isinstance(notice, ChildFailed)
    assert notice.name == "one"
    assert two.ask("still here", timeout=WAIT_S) == ("answer", "still here")


def test_a_failure_in_on_start_is_told_as_well(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.kind, "on_start", lambda self: fail(SystemExit("no"))())
    ref, _ = house.start()
    notice = house.heard.get(timeout=WAIT_S)
    assert isinstance(notice, ChildFailed)
    assert notice.reason == "SystemExit: no"
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(Ping(), timeout=WAIT_S)


def test_stop_comes_after_all_that_was_sent_before_it(house: House) -> None:
    ref, seen = house.start()
    release = busy(ref)
    readings = RecordReadings(())
    ref.tell(readings)
    ref.tell("control")
    stopped = ref.stop(block=False)
    after = ref.ask("after the stop", block=False)
    ref.tell("told after the stop")
    release.set()
    assert stopped.get(timeout=WAIT_S) is True
    assert take(seen, 3) == ["control", readings, "on_stop"]
    with pytest.raises(pykka.ActorDeadError):
        after.get(timeout=WAIT_S)
    assert house.heard.get(timeout=WAIT_S) == ChildFailed("one", "stopped", ("told after the stop",), ref.actor_urn)
    assert ref.stop(timeout=WAIT_S) is False


def test_control_messages_overtake_telemetry(house: House) -> None:
    ref, seen = house.start()
    release = busy(ref)
    readings = [RecordReadings(()) for _ in range(3)]
    for message in readings:
        ref.tell(message)
    ref.tell("one")
    ref.tell("two")
    release.set()
    assert take(seen, 5) == ["one", "two", *readings]


def test_no_message_is_lost_without_its_sender_knowing(house: House) -> None:
    for _ in range(5):
        ref, seen = house.start()
        delivered = 0
        ready = threading.Event()

        def send(ready: threading.Event = ready, ref: pykka.ActorRef = ref) -> None:
            nonlocal delivered
            ready.set()
            with suppress(pykka.ActorDeadError):
                while True:
                    ref.tell("message")
                    delivered += 1

        sender = threading.Thread(target=send)
        sender.start()
        ready.wait(WAIT_S)
        ref.tell(fail(ValueError("crash")))
        sender.join()
        notice = house.heard.get(timeout=WAIT_S)
        assert isinstance(notice, ChildFailed)
        handled = seen.qsize() - 1  # on_failure
        assert handled + len(notice.backlog) == delivered


def test_what_is_told_to_a_dead_actor_waits_for_its_successor_behind_its_backlog(house: House) -> None:
    ref, _ = house.start()
    release = busy(ref)
    ref.tell(fail(ValueError("crash")))
    ref.tell("backlog")
    release.set()
    notice = house.heard.get(timeout=WAIT_S)
    assert isinstance(notice, ChildFailed)
    assert house.directory.tell("one", "meanwhile") is True
    assert house.directory.tell("one", Tick(1.0)) is False
    seen: queue.SimpleQueue[object] = queue.SimpleQueue()
    successor = house.kind.start("one", house.directory, house.dispatcher, seen)
    house.directory.register("one", successor, notice.backlog)
    house.directory.tell("one", "afterwards")
    assert take(seen, 3) == ["backlog", "meanwhile", "afterwards"]


def test_what_was_kept_for_a_successor_that_never_comes_is_handed_back(house: House) -> None:
    ref, _ = house.start()
    ref.stop(timeout=WAIT_S)
    house.directory.tell("one", "orphan")
    assert house.directory.forget("one") == ("orphan",)
    assert house.directory.tell("one", "nobody") is False


def test_what_is_told_to_an_actor_that_is_being_started_waits_for_its_name(house: House) -> None:
    house.directory.expect("one")
    assert house.directory.tell("one", "the answer to what it asked when it began")
    assert house.directory.tell("one", "and another")
    _, seen = house.start("one")
    assert take(seen, 2) == ["the answer to what it asked when it began", "and another"]


def test_the_directory_says_why_nobody_answers(house: House) -> None:
    directory = house.directory
    assert directory.tell("nobody", "hello") is False
    with pytest.raises(UnavailableError, match="nobody did not answer: it is not running"):
        directory.ask("nobody", Ping(), WAIT_S)
    directory.forget("one", "isolated after 5 failures")
    with pytest.raises(UnavailableError, match="isolated after 5 failures"):
        directory.ask("one", Ping(), WAIT_S)


def test_many_are_asked_with_one_deadline_and_the_silent_are_named(house: House) -> None:
    slow, _ = house.start("slow")
    busy_until = threading.Event()
    slow.tell(lambda: busy_until.wait(WAIT_S))
    if house.kind is Threaded:
        house.start("quick")
        answers, unavailable = house.directory.ask_all(["quick", "slow", "gone"], Ping(), 0.05)
        assert answers == {"quick": True}
    else:
        _, unavailable = house.directory.ask_all(["slow", "gone"], Ping(), 0.05)
    busy_until.set()
    assert unavailable == {"slow": "no answer within 0.05 s", "gone": "it is not running"}


def test_an_error_made_for_the_asker_reaches_it_whole(house: House) -> None:
    ref, _ = house.start()
    error = UnknownNameError("alarm", "x", ["y"])
    with pytest.raises(UnknownNameError, match="choose one of: y"):
        house.directory.ask("one", fail(error), WAIT_S)
    with pytest.raises(UnavailableError, match="it failed with KeyError"):
        house.directory.ask("one", fail(KeyError("bug")), WAIT_S)
    assert ref.is_alive()


def test_a_threaded_actor_is_woken_when_it_wanted_and_hears_messages_meanwhile() -> None:
    house = House(Threaded, 1)
    try:
        ref, seen = house.start()
        actor = ref._actor_weakref()
        assert actor is not None
        for _ in range(200):
            ref.ask(lambda: actor.wake_in(0.001), timeout=WAIT_S)
            ref.tell("meanwhile")
            assert {str(item) for item in take(seen, 2)} == {"meanwhile", str(Wake())}
    finally:
        house.end()


def test_actors_have_their_turn_while_one_is_flooded() -> None:
    house = House(Dispatched, 1)
    try:
        flooded, _ = house.start("flooded")
        other, _ = house.start("other")
        release = busy(flooded)
        flood = queue.SimpleQueue()
        for number in range(10 * TURN):
            flooded.tell(lambda number=number: flood.put(number))
        handled = other.ask(flood.qsize, block=False)
        release.set()
        assert handled.get(timeout=WAIT_S) < 2 * TURN
    finally:
        house.end()


def test_a_turn_ends_by_time_too_however_few_messages_it_had() -> None:
    house, now = House(Dispatched, 1), [0.0]
    house.dispatcher.monotonic = lambda: now[0]
    handled: list[str] = []

    def work() -> None:
        now[0] += 0.4 * TURN_S
        handled.append("slow")

    try:
        slow, _ = house.start("slow")
        other, _ = house.start("other")
        release = busy(slow)
        for _ in range(9):
            slow.tell(work)
        before = other.ask(lambda: len(handled), block=False)
        release.set()
        assert before.get(timeout=WAIT_S) == 3
    finally:
        house.end()
