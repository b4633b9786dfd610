"""What all actors share: a name, a log, a place in the directory, and a notice when they die."""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TypeVar

import pykka
import structlog
from pykka.messages import _ActorStop

from aegisflow.actors.inbox import Inbox, WaitingInbox
from aegisflow.actors.messages import ChildFailed, Ping, Question
from aegisflow.errors import AegisFlowError, UnavailableError

__all__ = ["SUPERVISOR", "Directory", "NamedActor", "ThreadedActor"]

SUPERVISOR = "supervisor"
"""The name under which the one that hears of deaths is registered."""

T = TypeVar("T")


class Directory:
    """Names of actors to those that live now: a restarted actor has a new ref but keeps its name."""

    def __init__(self) -> None:
        self._refs: dict[str, pykka.ActorRef[Any]] = {}
        self._absent: dict[str, str] = {}

    def register(self, name: str, ref: pykka.ActorRef[Any]) -> None:
        """Let ``name`` stand for this actor from now on."""
        self._refs[name] = ref
        self._absent.pop(name, None)

    def forget(self, name: str, why: str = "") -> None:
        """Let ``name`` stand for nobody; ``why`` is told to those who ask for it."""
        self._refs.pop(name, None)
        if why:
            self._absent[name] = why
        else:
            self._absent.pop(name, None)

    def find(self, name: str) -> pykka.ActorRef[Any] | None:
        """Return the actor that has this name now."""
        return self._refs.get(name)

    def tell(self, name: str, message: object) -> bool:
        """Put a message into the inbox of an actor; never raises, and returns whether it was delivered.

        What was delivered is handled, or handed to the supervisor in ``ChildFailed.backlog``.
        """
        ref = self._refs.get(name)
        if ref is None:
            return False
        try:
            ref.tell(message)
        except pykka.ActorDeadError:
            return False
        return True

    def ask(self, name: str, question: Question[T], timeout_s: float) -> T:
        """Return an actor's answer.

        Raises:
            UnavailableError: it is not there, or did not answer in time.
            AegisFlowError: its answer is an error, made for the one who asked.
        """
        answer = self._result(name, self._begin(name, question), timeout_s)
        if isinstance(answer, AegisFlowError):
            raise answer
        return answer  # type: ignore[no-any-return]

    def ask_all(
        self, names: Iterable[str], question: Question[T], timeout_s: float
    ) -> tuple[dict[str, T], dict[str, str]]:
        """Ask many at once with one common deadline; return the answers, and why the others gave none."""
        deadline = time.monotonic() + timeout_s
        futures = {name: self._begin(name, question) for name in names}
        answers: dict[str, T] = {}
        unavailable: dict[str, str] = {}
        for name, future in futures.items():
            answer = self._result(name, future, max(0.0, deadline - time.monotonic()), timeout_s)
            if isinstance(answer, UnavailableError):
                unavailable[name] = answer.why
            elif isinstance(answer, AegisFlowError):
                unavailable[name] = str(answer)
            else:
                answers[name] = answer
        return answers, unavailable

    def _begin(self, name: str, question: Question[T]) -> pykka.Future[Any] | None:
        ref = self._refs.get(name)
        return None if ref is None else ref.ask(question, block=False)

    def _result(self, name: str, future: pykka.Future[Any] | None, wait_s: float, said_s: float | None = None) -> Any:
        if future is None:
            return UnavailableError(name, self._absent.get(name, "it is not running"))
        try:
            return future.get(timeout=wait_s)
        except pykka.Timeout:
            return UnavailableError(name, f"no answer within {said_s or wait_s:g} s")
        except pykka.ActorDeadError:
            return UnavailableError(name, self._absent.get(name, "it has stopped"))
        except AegisFlowError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever the actor raised is its answer
            return UnavailableError(name, f"it failed with {describe(error)}")


def describe(error: BaseException | None) -> str:
    """Return an error in one line of bounded length."""
    return f"{type(error).__name__}: {error}"[:300]


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
        self._failure = ""
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

    def _handle_receive(self, message: Any) -> Any:
        try:
            if type(message) is Ping:
                return True
            return super()._handle_receive(message)
        except Exception:
            raise
        except BaseException as error:
            raise ActorExitError(describe(error)) from error

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._failure = self._failure or describe(exception_value)
        self.log.error("actor_failed", reason=self._failure, exc_info=exception_value)
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()

    def _actor_loop_setup(self) -> None:
        try:
            self.on_start()
        except BaseException as error:  # noqa: BLE001 - pykka lets a SystemExit end the thread without a word
            self._handle_failure(type(error), error, error.__traceback__)

    def _actor_loop_teardown(self) -> None:
        backlog = list(self._given_back)
        for envelope in self.actor_inbox.close():
            if envelope.reply_to is None:
                backlog.append(envelope.message)
            elif isinstance(envelope.message, _ActorStop):
                envelope.reply_to.set(None)
            else:
                error = pykka.ActorDeadError(f"{self.name} stopped before it came to this")
                envelope.reply_to.set_exception((pykka.ActorDeadError, error, None))
        if self.name != SUPERVISOR and (self._failure or backlog):
            reason = self._failure or "stopped"
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
