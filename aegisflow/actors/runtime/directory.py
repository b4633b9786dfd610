"""Where actors find each other: names that survive a restart, and what is told to them."""

import threading
import time
from collections.abc import Iterable
from typing import Any, TypeVar

import pykka
from pykka._envelope import Envelope

from aegisflow.actors.messages.common import Question, Tick
from aegisflow.errors import AegisFlowError, RequestError, UnavailableError

SUPERVISOR = "supervisor"
GATEWAY = "gateway"
HISTORIAN = "historian"
ARCHIVE = "archive"
MANUALS = "manuals"
GUARD = "guard"
TICKER = "ticker"
NOTIFIER = "notifier"
DIAGNOSIS = "diagnosis"

STOPPED = "stopped"
"""``ChildFailed.reason`` of an actor that ended in peace, but with messages left."""

T = TypeVar("T")


class Directory:
    """Names of actors to those that live now: a restarted actor has a new ref but keeps its name."""

    def __init__(self) -> None:
        self._refs: dict[str, pykka.ActorRef[Any]] = {}
        self._parked: dict[str, list[object]] = {}
        self._absent: dict[str, str] = {}
        self._expected: set[str] = set()
        self._lock = threading.Lock()

    def register(self, name: str, ref: pykka.ActorRef[Any], backlog: Iterable[object] = ()) -> None:
        """Let ``name`` stand for this actor, and tell it the ``backlog`` of the one before and all that came since."""
        with self._lock:
            # Told before the name is given, so that nothing new gets ahead of what has waited.
            waiting = [*backlog, *self._parked.pop(name, ())]
            for position, message in enumerate(waiting):
                try:
                    ref.tell(message)
                except pykka.ActorDeadError:
                    self._parked[name] = waiting[position:]
                    break
            self._refs[name] = ref
            self._expected.discard(name)
            self._absent.pop(name, None)

    def expect(self, name: str) -> None:
        """Keep what is told to ``name`` until it is registered.

        An actor begins before whoever starts it has its ref: what it asks for may be answered first.
        """
        self._expected.add(name)

    def explain(self, name: str, why: str) -> None:
        """Say this to those who ask ``name`` in vain, until it is registered again."""
        self._absent[name] = why

    def forget(self, name: str, why: str = "") -> tuple[object, ...]:
        """Let ``name`` stand for nobody; return what was kept for a successor."""
        with self._lock:
            self._refs.pop(name, None)
            self._expected.discard(name)
            self._absent.pop(name, None)
            if why:
                self._absent[name] = why
            return tuple(self._parked.pop(name, ()))

    def names(self) -> list[str]:
        """Return all names that stand for somebody."""
        return list(self._refs)

    def find(self, name: str) -> pykka.ActorRef[Any] | None:
        """Return the actor that has this name now."""
        return self._refs.get(name)

    def tell(self, name: str, message: object) -> bool:
        """Put a message into the inbox of an actor; never raises, and returns whether somebody has it.

        It is handled then, or kept for the successor of an actor that died (a Tick is not), or handed
        to the supervisor in the end. False: nobody has this name.
        """
        ref = self._refs.get(name)
        if ref is None:
            # A look into a dictionary needs no lock, and this is done for each message.
            return name in self._expected and self._park(name, None, message)
        if not ref.actor_stopped.is_set():
            try:
                ref.actor_inbox.put(Envelope(message))
            except pykka.ActorDeadError:
                return self._park(name, ref, message)
            return True
        return self._park(name, ref, message)

    def _park(self, name: str, dead: pykka.ActorRef[Any] | None, message: object) -> bool:
        # Time that is told late is wrong, and the next tick is not far.
        if type(message) is Tick:
            return False
        with self._lock:
            if self._refs.get(name) is dead and (dead is not None or name in self._expected):
                self._parked.setdefault(name, []).append(message)
                return True
        # Somebody has taken the name meanwhile: it is for that one.
        return self.tell(name, message)

    def begin(self, name: str, question: Question[T]) -> pykka.Future[T]:
        """Ask without waiting for the answer.

        Raises:
            UnavailableError: there is nobody of this name.
        """
        ref = self._refs.get(name)
        if ref is None:
            raise UnavailableError(name, self._absent.get(name, "it is not running"))
        return ref.ask(question, block=False)

    def ask(self, name: str, question: Question[T], timeout_s: float) -> T:
        """Return an actor's answer.

        Raises:
            UnavailableError: it is not there, did not answer in time, or could not do it.
            RequestError: its answer is an error made for the one who asked.
        """
        return self._finish(name, self.begin(name, question), time.monotonic() + timeout_s, timeout_s)

    def ask_all(
        self, names: Iterable[str], question: Question[T], timeout_s: float
    ) -> tuple[dict[str, T], dict[str, str]]:
        """Ask many at once with one common deadline; return the answers, and why the others gave none."""
        deadline = time.monotonic() + timeout_s
        futures: dict[str, pykka.Future[T]] = {}
        answers: dict[str, T] = {}
        unavailable: dict[str, str] = {}
        for name in names:
            try:
                futures[name] = self.begin(name, question)
            except UnavailableError as error:
                unavailable[name] = error.why
        for name, future in futures.items():
            try:
                answers[name] = self._finish(name, future, deadline, timeout_s)
            except UnavailableError as error:
                unavailable[name] = error.why
            except RequestError as error:
                unavailable[name] = str(error)
        return answers, unavailable

    def _finish(self, name: str, future: pykka.Future[T], deadline: float, timeout_s: float) -> T:
        try:
            answer = future.get(timeout=max(0.0, deadline - time.monotonic()))
            while isinstance(answer, pykka.Future):  # an actor that has to wait for another hands its future on
                answer = answer.get(timeout=max(0.0, deadline - time.monotonic()))
        except pykka.Timeout:
            raise UnavailableError(name, f"no answer within {timeout_s:g} s") from None
        except pykka.ActorDeadError:
            raise UnavailableError(name, self._absent.get(name, "it has stopped")) from None
        except RequestError:
            raise
        except AegisFlowError as error:
            raise UnavailableError(name, str(error)) from error
        except Exception as error:
            raise UnavailableError(name, f"it failed with {describe(error)}") from error
        if isinstance(answer, AegisFlowError):
            raise UnavailableError(name, str(answer)) from answer
        return answer


def describe(error: BaseException | None) -> str:
    """Return an error in one line of bounded length."""
    return f"{type(error).__name__}: {error}"[:300]
