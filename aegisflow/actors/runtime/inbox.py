"""The inbox of an actor: two lanes, closable, and it loses nothing without saying so."""

import math
import queue
import threading
import time
from typing import Any

from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from aegisflow.actors.messages.common import Tick, Wake
from aegisflow.actors.messages.device import RecordReadings

_LATER = frozenset({RecordReadings, _ActorStop})
"""Goes to the telemetry lane: readings, and the stop, so that all that came before it is handled."""


class Inbox:
    """Control messages overtake telemetry; within a lane each sender's order is kept.

    Time does not overtake: a ``Tick`` waits behind the readings that came before it, or a device with a
    backlog would take itself for silent. It does not wake an owner for whom it changes nothing: with
    thousands of devices, to tell each of them the time cost more than their readings.

    Once closed it takes no more: a question is answered with ActorDeadError, and for anything else
    ``put`` raises it, so that the sender knows. Hence every message is handled, handed back by
    ``close`` or refused to its sender.

    A consumer that finds it empty is *idle* and woken by the next ``put``; how, subclasses say.
    """

    # Each lane is two lists, one that fills and one, turned round, that empties: a tenth of the size
    # of an empty deque.
    __slots__ = (
        "_closed",
        "_control",
        "_control_begun",
        "_idle",
        "_lock",
        "_quiet_from",
        "_quiet_until",
        "_stopping",
        "_telemetry",
        "_telemetry_begun",
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: list[Envelope[Any]] = []
        self._control_begun: list[Envelope[Any]] = []
        self._telemetry: list[Envelope[Any]] = []
        self._telemetry_begun: list[Envelope[Any]] = []
        self._idle = False
        self._stopping = False
        self._closed: ActorDeadError | None = None
        self._quiet_from = self._quiet_until = -math.inf

    def rest(self, since: float, until: float) -> None:
        """Let an owner who waits for nothing else be told no time between these instants (UTC epoch seconds).

        For the owner to call, within its turn, where a ``Tick`` would change nothing. One that tells of more than the
        time is told in any case.
        """
        self._quiet_from, self._quiet_until = since, until

    def expect_time(self) -> None:
        """Be told every ``Tick`` again; for the owner to call when something has happened."""
        self._quiet_until = -math.inf

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message.

        Raises:
            ActorDeadError: the inbox is closed, and the message is no question.
        """
        kind = type(envelope.message)
        with self._lock:
            if self._closed is not None:
                return _refuse(envelope, self._closed)
            if kind is Tick and self._idle and self._tells_nothing(envelope.message):
                return None
            behind = kind is Tick and (self._telemetry or self._telemetry_begun)
            # Behind a stop nothing is begun: it goes where close finds it and hands it back.
            if kind in _LATER or behind or self._stopping:
                self._telemetry.append(envelope)
                if kind is _ActorStop:
                    self._stopping = True
            else:
                self._control.append(envelope)
            if not self._idle:
                return None
            self._idle = False
        return self._wake()

    def _tells_nothing(self, tick: Tick) -> bool:
        """Return whether a tick finds an owner for whom it changes nothing."""
        return self._quiet_from <= tick.at < self._quiet_until and tick.broker_connected and not tick.stepped_s

    def poll(self) -> Envelope[Any] | None:
        """Return the next message, or None when there is none: the next ``put`` then wakes the consumer."""
        with self._lock:
            if self._control_begun:
                return self._control_begun.pop()
            if self._control:
                self._control, self._control_begun = self._control_begun, self._control
                self._control_begun.reverse()
                return self._control_begun.pop()
            if self._telemetry_begun:
                return self._telemetry_begun.pop()
            if self._telemetry:
                self._telemetry, self._telemetry_begun = self._telemetry_begun, self._telemetry
                self._telemetry_begun.reverse()
                return self._telemetry_begun.pop()
            self._idle = True
            return None

    def get(self) -> Envelope[Any]:
        """Return the next message.

        Raises:
            queue.Empty: there is none, and this inbox has nobody who could wait.
        """
        envelope = self.poll()
        if envelope is None:
            raise queue.Empty
        return envelope

    def empty(self) -> bool:
        """Return whether nothing waits at this moment."""
        return not (self._control or self._control_begun or self._telemetry or self._telemetry_begun)

    def close(self, cause: BaseException | None = None) -> list[Envelope[Any]]:
        """Take no more, and hand back what was not begun, in the order it would have been.

        Who asks later is told the ``cause``, as who asked before.
        """
        refusal = ActorDeadError("the actor has stopped")
        refusal.__cause__ = cause
        with self._lock:
            self._closed = refusal
            lanes = (self._control_begun[::-1], self._control, self._telemetry_begun[::-1], self._telemetry)
            left = [envelope for lane in lanes for envelope in lane]
            for lane in (self._control_begun, self._control, self._telemetry_begun, self._telemetry):
                lane.clear()
            return left

    def _wake(self) -> None:
        """Let the idle consumer know that there is something; called outside of the lock."""
        raise NotImplementedError


class WaitingInbox(Inbox):
    """An inbox whose one consumer is a thread that waits in ``get``."""

    __slots__ = ("_parked", "wake_at")

    def __init__(self) -> None:
        super().__init__()
        # A bare lock is signal enough: there is one consumer, and one wake for each time that it was idle.
        self._parked = threading.Lock()
        self._parked.acquire()
        self.wake_at = math.inf
        """Monotonic time at which ``get`` returns a ``Wake`` if nothing did before; the consumer's own."""

    def get(self) -> Envelope[Any]:
        """Return the next message, waiting for it."""
        while True:
            wait_s = -1.0
            if self.wake_at < math.inf:
                wait_s = self.wake_at - time.monotonic()
                if wait_s <= 0:
                    self.wake_at = math.inf
                    return Envelope(Wake())
            envelope = self.poll()
            if envelope is not None:
                return envelope
            if not self._parked.acquire(timeout=min(wait_s, threading.TIMEOUT_MAX)):
                with self._lock:
                    put_came, self._idle = not self._idle, False
                # A put came between the timeout and the lock above, and its wake is still to be taken: it would
                # end the next wait for nothing.
                if put_came:
                    self._parked.acquire()

    def _wake(self) -> None:
        self._parked.release()


def _refuse(envelope: Envelope[Any], refusal: ActorDeadError) -> None:
    if envelope.reply_to is None:
        raise ActorDeadError(*refusal.args) from refusal.__cause__
    envelope.reply_to.set_exception((ActorDeadError, refusal, None))
