"""The inbox of an actor: two lanes, closable, and it loses nothing without saying so."""

import math
import queue
import threading
import time
from typing import Any

from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from aegisflow.actors.messages import RecordReadings, Wake

_LATER = frozenset({RecordReadings, _ActorStop})
"""Goes to the telemetry lane: readings, and the stop, so that all that came before it is handled."""


class Lane:
    """A queue of two lists, a tenth of the size of an empty ``deque``."""

    __slots__ = ("_arriving", "_leaving")

    def __init__(self) -> None:
        self._arriving: list[Envelope[Any]] = []
        self._leaving: list[Envelope[Any]] = []

    def __len__(self) -> int:
        return len(self._arriving) + len(self._leaving)

    def put(self, envelope: Envelope[Any]) -> None:
        """Append at the end."""
        self._arriving.append(envelope)

    def take(self) -> Envelope[Any] | None:
        """Remove and return the oldest, or None when there is none."""
        if not self._leaving:
            if not self._arriving:
                return None
            self._leaving, self._arriving = self._arriving, self._leaving
            self._leaving.reverse()
        return self._leaving.pop()


class Inbox:
    """Control messages overtake telemetry; within a lane each sender's order is kept.

    Once closed it takes no more: a question is answered with ActorDeadError, and for anything else
    ``put`` raises it, so that the sender knows. Hence every message is handled, handed back by
    ``close`` or refused to its sender.

    A consumer that finds it empty is *idle* and woken by the next ``put``; how, subclasses say.
    """

    __slots__ = ("_closed", "_control", "_idle", "_lock", "_stopping", "_telemetry")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control = Lane()
        self._telemetry = Lane()
        self._idle = False
        self._stopping = False
        self._closed = False

    def put(self, envelope: Envelope[Any], /) -> None:
        """Add a message.

        Raises:
            ActorDeadError: the inbox is closed, and the message is no question.
        """
        kind = type(envelope.message)
        with self._lock:
            if self._closed:
                return _refuse(envelope)
            if kind in _LATER or self._stopping:
                self._telemetry.put(envelope)
                if kind is _ActorStop:
                    self._stopping = True
            else:
                self._control.put(envelope)
            if not self._idle:
                return None
            self._idle = False
        return self._wake()

    def poll(self) -> Envelope[Any] | None:
        """Return the next message, or None when there is none: the next ``put`` then wakes the consumer."""
        with self._lock:
            envelope = self._control.take() or self._telemetry.take()
            if envelope is None:
                self._idle = True
            return envelope

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
        return len(self) == 0

    def __len__(self) -> int:
        return len(self._control) + len(self._telemetry)

    def close(self) -> list[Envelope[Any]]:
        """Take no more, and hand back what was not begun, in the order it would have been."""
        with self._lock:
            self._closed = True
            left = []
            while (envelope := self._control.take() or self._telemetry.take()) is not None:
                left.append(envelope)
            return left

    def _wake(self) -> None:
        """Let the idle consumer know that there is something; called outside of the lock."""
        raise NotImplementedError


class WaitingInbox(Inbox):
    """An inbox whose one consumer is a thread that waits in ``get``."""

    __slots__ = ("_parked", "wake_at")

    def __init__(self) -> None:
        super().__init__()
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
                if put_came:
                    self._parked.acquire()

    def _wake(self) -> None:
        self._parked.release()


def _refuse(envelope: Envelope[Any]) -> None:
    error = ActorDeadError("the actor has stopped")
    if envelope.reply_to is None:
        raise error
    envelope.reply_to.set_exception((ActorDeadError, error, None))
