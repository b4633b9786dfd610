"""What all actors share: a name, a log, a place in the directory, and a notice when they die."""

import time
from types import TracebackType
from typing import Any

import pykka
import structlog
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from aegisflow.actors.messages.common import Ping, Tick, Wake
from aegisflow.actors.messages.supervisor import ChildFailed
from aegisflow.actors.runtime.directory import STOPPED, SUPERVISOR, Directory, describe
from aegisflow.actors.runtime.inbox import Inbox, WaitingInbox


def ping(ref: "pykka.ActorRef[Any]") -> "pykka.Future[Any]":
    """Ask an actor whether it is there; one that has died already answers with what it died of, too.

    ``ref.ask`` would look first whether it lives, and then not say why it does not.
    """
    answer: pykka.Future[Any] = ref.actor_class._create_future()
    ref.actor_inbox.put(Envelope(Ping(), reply_to=answer))
    return answer


class ActorExitError(Exception):
    """Code of an actor tried to end the whole process; only the actor ends."""


class NamedActor(pykka.Actor):
    """An actor with a name, whose death the supervisor hears of.

    However it ends, each message that it had not begun is answered (questions, with ActorDeadError)
    or goes to the supervisor with ``ChildFailed``. ``give_back`` puts messages at the head of these.
    """

    actor_inbox: Inbox

    def __init__(self, name: str, directory: Directory) -> None:
        super().__init__()
        self.name = name
        self.directory = directory
        self._failure: BaseException | None = None
        self._given_back: tuple[object, ...] = ()

    @property
    def log(self) -> structlog.stdlib.BoundLogger:
        """The log, with the actor's name bound; made when needed, since most actors hardly ever log."""
        logger: structlog.stdlib.BoundLogger = structlog.get_logger("aegisflow")
        return logger.bind(actor=self.name)

    def tell(self, name: str, message: object) -> bool:
        """Tell the actor called ``name``; see ``Directory.tell``."""
        return self.directory.tell(name, message)

    def give_back(self, *messages: object) -> None:
        """Have the successor begin with these; for an actor that is about to fail."""
        self._given_back += messages

    def on_receive(self, message: Any) -> Any:
        """Take what no subclass has taken: a Tick or Wake means nothing to it, anything else is a mistake."""
        if not isinstance(message, Tick | Wake):
            self.log.warning("unexpected_message", kind=type(message).__name__)

    def _handle_receive(self, message: Any) -> Any:
        try:
            kind = type(message)
            if kind is Ping:
                return True
            if kind.__module__ == "pykka.messages":  # stop, and what proxies send
                return super()._handle_receive(message)
            return self.on_receive(message)
        except Exception:
            raise
        except BaseException as error:
            # pykka takes a SystemExit or KeyboardInterrupt in one actor as the wish to stop all of them.
            raise ActorExitError(describe(error)) from error

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._failure = self._failure or exception_value
        self.log.error("actor_failed", reason=describe(exception_value), exc_info=exception_value)
        # The rest is as in pykka, whose log is not ours.
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()

    def _actor_loop_setup(self) -> None:
        try:
            self.on_start()
        except BaseException as error:  # noqa: BLE001 - pykka lets a SystemExit end the thread without a word
            self._handle_failure(type(error), error, error.__traceback__)

    def _actor_loop_teardown(self) -> None:
        backlog = list(self._given_back)
        for envelope in self.actor_inbox.close(self._failure):
            if envelope.reply_to is None:
                backlog.append(envelope.message)
            # Whoever asked it to stop has what he asked for.
            elif isinstance(envelope.message, _ActorStop):
                envelope.reply_to.set(None)
            else:
                error = pykka.ActorDeadError(f"{self.name} stopped before it came to this")
                error.__cause__ = self._failure
                envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))
        # The supervisor has nobody above it; its own on_failure ends the process.
        if self.name != SUPERVISOR and (self._failure or backlog):
            reason = describe(self._failure) if self._failure else STOPPED
            self.tell(SUPERVISOR, ChildFailed(self.name, reason, tuple(backlog), self.actor_urn))


class ThreadedActor(NamedActor, pykka.ThreadingActor):
    """A named actor with a thread of its own: for the few that wait for something."""

    use_daemon_thread = True
    actor_inbox: WaitingInbox

    @staticmethod
    def _create_actor_inbox() -> WaitingInbox:
        return WaitingInbox()

    def wake_in(self, seconds: float) -> None:
        """Have ``on_receive`` get a ``Wake`` in so many seconds, unless an earlier one is set.

        One ``Wake`` is due at a time; set it anew each time. It comes before all that waits.
        """
        self.actor_inbox.wake_at = min(self.actor_inbox.wake_at, time.monotonic() + seconds)
