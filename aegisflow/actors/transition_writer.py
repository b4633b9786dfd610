"""Steps of commands on their way to the store: of each command one at a time, and none is lost."""

import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pykka

from aegisflow.actors.messages.device import ReportMode
from aegisflow.actors.messages.guard import CommandProgressed, CommandsRecalled, TransitionStored
from aegisflow.actors.messages.store import RecallCommands, StoreTransition
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import HISTORIAN, Directory
from aegisflow.domain.commands.authorizer import CommandAuthorizer
from aegisflow.domain.commands.model import CommandReceipt
from aegisflow.domain.commands.transition import Transition
from aegisflow.errors import StoreError, UnavailableError

__all__ = ["STORE_AGAIN_S", "Answer", "StepKeeper", "Storing", "refuse"]

STORE_AGAIN_S = 2.0
"""A step that is not known to be stored by then is told to the historian again; storing twice is harmless."""

RECALL_AGAIN_S = 5.0

Answer: TypeAlias = pykka.Future[Any]


@dataclass(slots=True)
class Storing:
    """A step that waits for the historian."""

    transition: Transition
    answer: "pykka.Future[CommandReceipt] | None"
    told_at: float


class StepKeeper(ThreadedActor):
    """Has steps stored and goes on once they are."""

    def __init__(
        self, name: str, directory: Directory, authorizer: CommandAuthorizer, now: Callable[[], float]
    ) -> None:
        super().__init__(name, directory)
        self._authorizer = authorizer
        self._now = now
        self._stash: list[tuple[object, pykka.Future[object] | None]] | None = []
        """What waits until the store has told what is open; None afterwards."""
        self._recall_at = 0.0
        self._storing: dict[str, Storing] = {}
        self._next: dict[str, deque[Callable[[], None]]] = {}
        """Command id to what is to be done once the step under way is stored."""

    @abstractmethod
    def _done(self, storing: Storing) -> None:
        """Go on after a step is on disk."""

    @abstractmethod
    def _handle(self, message: object) -> object:
        """Take a message once what is open is known."""

    def on_start(self) -> None:
        """Ask what is open."""
        self._ask_store()

    def _once_free(self, command_id: str, work: Callable[[], None]) -> None:
        if command_id in self._storing:
            self._next.setdefault(command_id, deque()).append(work)
        else:
            work()

    def _save(self, transition: Transition | None, answer: Answer | None = None) -> None:
        if transition is None:
            return
        command_id = transition.after.command.command_id
        self._authorizer.reserve(transition)
        self._storing[command_id] = Storing(transition, answer, time.monotonic())
        self.tell(HISTORIAN, StoreTransition(transition, self.name))
        self.wake_in(STORE_AGAIN_S)

    def _stored(self, told: TransitionStored) -> None:
        storing = self._storing.get(told.command_id)
        if storing is None:
            return
        if not told.ok and not told.final and storing.answer is None:
            return  # a fact must not be lost: it is told to the historian again
        del self._storing[told.command_id]
        if told.ok:
            self._done(storing)
        else:
            self._authorizer.release(storing.transition)
            self.log.error("command_step_not_stored", command=told.command_id, reason=told.why)
            if told.final:
                self._ask_store()  # what is stored is another thing than what is known here
            if storing.answer is not None:
                refuse(storing.answer, StoreError(told.why))
        waiting = self._next.get(told.command_id)
        while waiting and told.command_id not in self._storing:
            waiting.popleft()()
        if not waiting:
            self._next.pop(told.command_id, None)

    def _save_if_free(self, transition: Transition) -> None:
        if transition.after.command.command_id not in self._storing:
            self._save(transition)

    def _tell_again(self, now: float) -> None:
        """Tell the historian again what it has not answered for."""
        for storing in self._storing.values():
            if now - storing.told_at >= STORE_AGAIN_S:
                storing.told_at = now
                self.tell(HISTORIAN, StoreTransition(storing.transition, self.name))

    def _ask_store(self) -> None:
        self._recall_at = time.monotonic() + RECALL_AGAIN_S
        policy = self._authorizer.plant.policy
        longest = max(policy.device_rate.within_s, policy.plant_rate.within_s)
        self.tell(HISTORIAN, RecallCommands(self._now() - longest, self.name))
        self.wake_in(RECALL_AGAIN_S)

    def _recall(self, recalled: CommandsRecalled) -> None:
        if recalled.failure:
            self.log.warning("commands_not_recalled", reason=recalled.failure)
            return
        past = recalled.past
        if self._storing:
            return  # it would be older than what is under way
        self._authorizer.recall(past.records, past.dispatches)
        if self._stash is None:
            return
        self._authorizer.agents = past.agents
        for device_id in self._authorizer.plant.devices:
            self.tell(device_id, ReportMode())
        stash, self._stash = self._stash, None
        for message, answer in stash:
            if answer is None:
                self._handle(message)
                continue
            try:
                made = self._handle(message)
            except Exception:  # noqa: BLE001 - it belongs to the one who asked
                answer.set_exception()
            else:
                answer.set(made)

    def _wait_for_store(self, message: object) -> object:
        assert self._stash is not None
        if isinstance(message, CommandProgressed):
            self._stash.append((message, None))
            return None
        answer: pykka.Future[object] = pykka.ThreadingFuture()
        self._stash.append((message, answer))
        return answer

    def on_failure(self, *_: object) -> None:
        """Answer those who wait, and leave to the successor what devices saw."""
        self._leave()

    def on_stop(self) -> None:
        """Answer those who wait."""
        self._leave()

    def _leave(self) -> None:
        error = UnavailableError(self.name, "it stopped before this was decided")
        for message, answer in self._stash or ():
            if answer is None:
                self.give_back(message)
            else:
                refuse(answer, error)
        for storing in self._storing.values():
            if storing.answer is not None:
                refuse(storing.answer, error)


def refuse(answer: Answer, error: Exception) -> None:
    """Answer with an error."""
    answer.set_exception((type(error), error, None))
