"""Many actors on few threads, for a thread per actor falls to 1/390 of its rate at 10,000 actors."""

import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pykka
import structlog
from pykka._envelope import Envelope

from aegisflow.actors.messages.common import Bundle
from aegisflow.actors.runtime.actor import NamedActor
from aegisflow.actors.runtime.directory import Directory
from aegisflow.actors.runtime.inbox import Inbox

__all__ = ["DispatchedActor", "Dispatcher"]

TURN = 100
"""Messages that one actor handles before others have their turn."""
TURN_S = 0.005
"""So long a turn lasts, or one message longer: whoever asks an idle actor waits for no more than this of each other."""
PARCEL = 500
"""Messages that wait for others to the same receiver at most."""


class Dispatcher:
    """A pool of threads that gives each actor with messages its turn.

    ::

        put ──► inbox (idle? then schedule) ──► ready queue ──► a thread: at most TURN messages
                                                    ▲                          │
                                                    └──── more left ───────────┘       or TURN_S

    What many actors post to one receiver goes there in one message, as soon as no actor waits for its
    turn: at 10,000 devices a message for every single reading would cost more than the reading.

    An actor is in the ready queue or with one thread, never both and never twice, so it handles one
    message at a time. Actors here must not wait for anything: they hold up all the others.
    """

    def __init__(
        self, threads: int = 1, name: str = "dispatcher", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.monotonic = monotonic
        self._ready: queue.SimpleQueue[DispatchedActor | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def schedule(self, actor: "DispatchedActor") -> None:
        """Let the actor have a turn; only for an actor that is neither waiting for one nor having it."""
        self._ready.put(actor)

    def post(self, directory: Directory, name: str, message: object) -> None:
        """Tell ``name`` a message soon, together with what else is posted to it; only from an actor's turn."""
        parcels: dict[tuple[int, str], Parcel] = self._local.parcels
        parcel = parcels.get((id(directory), name))
        if parcel is None:
            parcel = parcels[id(directory), name] = Parcel(directory, name)
        parcel.messages.append(message)
        if len(parcel.messages) >= PARCEL:
            parcel.send()

    def send_posted(self) -> None:
        """Send what was posted in this thread."""
        for parcel in self._local.parcels.values():
            parcel.send()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the threads after the turns that are due now."""
        for _ in self._threads:
            self._ready.put(None)
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self) -> None:
        self._local.parcels = {}
        while (actor := self._ready.get()) is not None:
            try:
                actor.take_turn()
            except BaseException as error:  # noqa: BLE001 - one actor must not end the thread of all
                structlog.get_logger("aegisflow").error("turn_failed", actor=actor.name, exc_info=error)
            # Or this thread would keep a stopped actor alive for as long as it waits for the next.
            del actor
            if self._ready.empty():
                self.send_posted()


class Parcel:
    """What waits to be told to one receiver."""

    __slots__ = ("_directory", "_name", "messages")

    def __init__(self, directory: Directory, name: str) -> None:
        self._directory = directory
        self._name = name
        self.messages: list[object] = []

    def send(self) -> None:
        """Tell it, in the order of posting."""
        if self.messages:
            posted, self.messages = self.messages, []
            self._directory.tell(self._name, posted[0] if len(posted) == 1 else Bundle(tuple(posted)))


class _DispatchedInbox(Inbox):
    """Wakes its actor by scheduling it; also what keeps an idle actor alive, since a ref is a weak one."""

    __slots__ = ("owner",)

    def __init__(self) -> None:
        super().__init__()
        self.owner: DispatchedActor | None = None

    def _wake(self) -> None:
        if self.owner is not None:
            self.owner.dispatcher.schedule(self.owner)


class _Stopped:
    """Stands in for a ``threading.Event``, which takes 1 KiB per actor."""

    __slots__ = ("_set",)

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        """Return whether the actor has stopped."""
        return self._set

    def set(self) -> None:
        """Note that the actor has stopped."""
        self._set = True


class DispatchedActor(NamedActor):
    """A named actor that shares the threads of a dispatcher; keeps all that pykka promises of an actor."""

    actor_inbox: _DispatchedInbox

    def __init__(self, name: str, directory: Directory, dispatcher: Dispatcher) -> None:
        super().__init__(name, directory)
        self.dispatcher = dispatcher
        self.actor_stopped = self._actor_ref.actor_stopped = _Stopped()  # type: ignore[assignment]
        self._begun = False

    @staticmethod
    def _create_actor_inbox() -> _DispatchedInbox:
        return _DispatchedInbox()

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.actor_inbox.owner = self
        self.dispatcher.schedule(self)

    def post(self, name: str, message: object) -> None:
        """Tell the actor called ``name``, which must unpack a ``Bundle``, together with what others post to it."""
        self.dispatcher.post(self.directory, name, message)

    def take_turn(self) -> None:
        """Handle what waits, up to TURN messages or for TURN_S; only the dispatcher calls it."""
        if not self._begun:
            self._begun = True
            self._actor_loop_setup()
        monotonic = self.dispatcher.monotonic
        over_at = monotonic() + TURN_S
        for _ in range(TURN):
            if self.actor_stopped.is_set():
                self.dispatcher.send_posted()  # a successor must find all that this one did
                self._actor_loop_teardown()
                # Nobody can schedule it any more, and nothing here keeps it in memory.
                self.actor_inbox.owner = None
                return
            envelope = self.actor_inbox.poll()
            # From here on the next put schedules this actor: another thread may have it already.
            if envelope is None:
                return
            self._handle(envelope)
            if monotonic() > over_at:
                break
        self.dispatcher.schedule(self)

    def _handle(self, envelope: Envelope[Any]) -> None:
        try:
            answer = self._handle_receive(envelope.message)
            if envelope.reply_to is not None:
                envelope.reply_to.set(answer)
        except Exception as error:  # noqa: BLE001 - as pykka does: a question gets it, anything else ends the actor
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception()
                return
            self._handle_failure(*sys.exc_info())
            try:
                self.on_failure(type(error), error, error.__traceback__)
            except BaseException:  # noqa: BLE001
                self._handle_failure(*sys.exc_info())
