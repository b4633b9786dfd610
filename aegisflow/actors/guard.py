"""The guard: every command that anybody proposes passes here, and leaves a row at every step."""

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pykka

from aegisflow.actors.base import HISTORIAN, Directory, ThreadedActor
from aegisflow.actors.messages import (
    ApproveCommand,
    CommandProgressed,
    CommandsRecalled,
    CommitAudit,
    DeviceViewed,
    ExecuteCommand,
    ModeReported,
    PlantReplaced,
    ReadAgentWrites,
    ReadApprovals,
    ReadDeviceCommands,
    RecallCommands,
    RejectCommand,
    ReportMode,
    RequestCommand,
    StoreTransition,
    SwitchAgents,
    Tick,
    TransitionStored,
    ViewDevice,
    Wake,
)
from aegisflow.domain.commands import (
    AgentWrites,
    Caller,
    Command,
    CommandName,
    CommandOption,
    CommandReceipt,
    DeviceCommands,
    DeviceView,
    Stage,
)
from aegisflow.domain.desk import Desk
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.policy import options
from aegisflow.domain.proposals import check_proposal
from aegisflow.domain.transition import Transition
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import BadValueError, NotAllowedError, StoreError, UnavailableError, UnknownNameError
from aegisflow.telemetry import Metrics

__all__ = ["Guard"]

VIEW_S = 1.0
"""A device that has not told how it is by then is judged as one that does not answer."""
STORE_AGAIN_S = 2.0
"""A step that is not known to be stored by then is told to the historian again; storing twice is harmless."""
RECALL_AGAIN_S = 5.0

Answer: TypeAlias = pykka.Future[Any]
Step = Callable[[DeviceView | None], Transition]


@dataclass(slots=True)
class _Judging:
    """A decision that waits for the device to tell how it is."""

    device_id: str
    due_at: float
    then: Callable[[DeviceView | None], None]


@dataclass(slots=True)
class _Storing:
    """A step that waits for the historian."""

    transition: Transition
    answer: "pykka.Future[CommandReceipt] | None"
    told_at: float


class Guard(ThreadedActor):
    """Judges proposals and approvals (``domain.desk``) and is the only one that has a command executed.

    It never waits: a device tells how it is, the historian tells what is stored, and until then the
    one who asked holds a future. Of one command only one step is under way at a time.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        plant: PlantSpec,
        now: Callable[[], float],
        metrics: Metrics,
        responsible: Callable[..., str] = lambda severity: "an operator",
        call_people: Callable[[Transition], None] = lambda transition: None,
    ) -> None:
        super().__init__(name, directory)
        self._desk = Desk(plant, responsible)
        self._now = now
        self._metrics = metrics
        self._call_people = call_people
        self._number = 0
        self._judging: dict[int, _Judging] = {}
        self._storing: dict[str, _Storing] = {}
        self._next: dict[str, deque[Callable[[], None]]] = {}
        """Command id to what is to be done once the step under way is stored."""
        self._stash: list[tuple[object, pykka.Future[object] | None]] | None = []
        """What waits until the store has told what is open; None afterwards."""
        self._recall_at = 0.0

    def on_start(self) -> None:
        """Ask what is open."""
        self._ask_store()

    def on_receive(self, message: object) -> object:
        """Decide, answer, and see to it that every step is stored before the next."""
        match message:
            case Wake() | Tick():
                self._look()
            case CommandsRecalled():
                self._recall(message)
            case TransitionStored():
                self._stored(message)
            case DeviceViewed(number, view):
                judging = self._judging.pop(number, None)
                if judging is not None:
                    judging.then(view)
            case ModeReported():
                self._desk.modes[message.device_id] = (message.mode, message.reduction_pct)
            case PlantReplaced(plant):
                self._desk.replaced(plant)
            case _ if self._stash is not None:
                return self._wait_for_store(message)
            case _:
                return self._handle(message)
        return None

    def _handle(self, message: object) -> object:
        match message:
            case RequestCommand():
                return self._request(message)
            case ApproveCommand():
                return self._approve(message)
            case RejectCommand(command_id, by, reason):
                return self._step(command_id, lambda _: self._desk.reject(command_id, by, reason, self._now()))
            case ReadApprovals():
                return self._desk.approvals()
            case SwitchAgents():
                return self._switch(message)
            case ReadAgentWrites():
                return self._desk.agents
            case ReadDeviceCommands():
                return self._tell_options(message)
            case CommandProgressed(progress):
                self._once_free(progress.command_id, lambda: self._save(self._desk.progress(progress)))
            case _:
                return super().on_receive(message)
        return None

    # --- decisions ----------------------------------------------------------------------------

    def _request(self, request: RequestCommand) -> Answer:
        device = self._desk.plant.devices.get(request.device_id)
        if device is None:
            raise UnknownNameError("device", request.device_id, tuple(self._desk.plant.devices))
        command = Command(
            command_id=f"cmd-{uuid.uuid4().hex[:12]}",
            device_id=request.device_id,
            command=request.command,
            parameters=check_proposal(request.command, request.parameters, device),
            proposed_by=request.by,
            justification=request.justification,
            proposed_at=self._now(),
        )
        answer: pykka.Future[object] = pykka.ThreadingFuture()
        self._view(command.device_id, lambda view: self._save(self._desk.propose(command, view, self._now()), answer))
        return answer

    def _approve(self, request: ApproveCommand) -> Answer:
        return self._step(
            request.command_id,
            lambda view: self._desk.approve(request.command_id, request.digest, request.by, view, self._now()),
        )

    def _step(self, command_id: str, step: Step) -> Answer:
        """Take a step of a command that waits, on the device as it is then."""
        answer: pykka.Future[object] = pykka.ThreadingFuture()

        def judge(view: DeviceView | None) -> None:
            self._once_free(command_id, lambda: self._attempt(lambda: step(view), answer))

        record = self._desk.open.get(command_id)
        if record is None:
            judge(None)  # says so
        else:
            self._view(record.command.device_id, judge)
        return answer

    def _attempt(self, step: Callable[[], Transition], answer: Answer) -> None:
        try:
            transition = step()
        except Exception:  # noqa: BLE001 - it belongs to the one who asked
            answer.set_exception()
            return
        self._save(transition, answer)

    def _view(self, device_id: str, then: Callable[[DeviceView | None], None]) -> None:
        self._number += 1
        if not self.tell(device_id, ViewDevice(self._number, self.name)):
            then(None)
            return
        self._judging[self._number] = _Judging(device_id, time.monotonic() + VIEW_S, then)
        self.wake_in(VIEW_S)

    def _tell_options(self, question: ReadDeviceCommands) -> Answer:
        answer: pykka.Future[object] = pykka.ThreadingFuture()

        def tell(view: DeviceView | None) -> None:
            found: tuple[CommandOption, ...] = ()
            if view is not None and question.device_id in self._desk.plant.devices:
                at = self._now()
                probe = _probe(question.device_id, question.by, at)
                found = options(view, self._desk.surroundings(question.device_id, at), self._desk.plant.policy, probe)
            answer.set(DeviceCommands(self._desk.open_on(question.device_id), found))

        self._view(question.device_id, tell)
        return answer

    def _switch(self, switch: SwitchAgents) -> Answer:
        if switch.by.kind != "operator":
            raise NotAllowedError("switch the commands of agents", switch.by.name, "only an operator can")
        if not switch.reason.strip():
            raise BadValueError("reason", switch.reason, "why, in a few words")
        wanted = AgentWrites(switch.allowed, switch.by.name, self._now(), switch.reason)
        if not switch.allowed:
            self._desk.agents = wanted  # stopping takes effect at once, stored or not
        act = "agents_resumed" if switch.allowed else "agents_stopped"
        entry = AuditEntry(self._now(), switch.by.name, act, "agents", {"reason": switch.reason})

        def stored(answer: object) -> AgentWrites:
            if isinstance(answer, Exception):
                raise answer
            self._desk.agents = wanted
            self.log.warning(act, by=switch.by.name, reason=switch.reason)
            return wanted

        return self.directory.begin(HISTORIAN, CommitAudit(entry)).map(stored)

    # --- storing ------------------------------------------------------------------------------

    def _once_free(self, command_id: str, work: Callable[[], None]) -> None:
        if command_id in self._storing:
            self._next.setdefault(command_id, deque()).append(work)
        else:
            work()

    def _save(self, transition: Transition | None, answer: Answer | None = None) -> None:
        if transition is None:
            return
        command_id = transition.after.command.command_id
        self._desk.reserve(transition)
        self._storing[command_id] = _Storing(transition, answer, time.monotonic())
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
            self._desk.release(storing.transition)
            self.log.error("command_step_not_stored", command=told.command_id, reason=told.why)
            if told.final:
                self._ask_store()  # what is stored is another thing than what is known here
            if storing.answer is not None:
                self._refuse(storing.answer, StoreError(told.why))
        waiting = self._next.get(told.command_id)
        while waiting and told.command_id not in self._storing:
            waiting.popleft()()
        if not waiting:
            self._next.pop(told.command_id, None)

    def _done(self, storing: _Storing) -> None:
        """Go on after a step is on disk."""
        transition, record = storing.transition, storing.transition.after
        self._desk.apply(transition)
        self._metrics.commands.labels(record.stage.value).inc()
        command = record.command
        self.log.info(
            "command_decided",
            command=command.command_id,
            device=command.device_id,
            stage=record.stage.value,
            by=transition.audit[-1].actor,
        )
        if record.stage is Stage.DISPATCHED:
            self.tell(command.device_id, ExecuteCommand(record))
            for other in self._desk.superseded(record, self._now()):
                self._save_if_free(other)
        self._call_people(transition)
        if storing.answer is not None:
            storing.answer.set(record.receipt)

    def _save_if_free(self, transition: Transition) -> None:
        if transition.after.command.command_id not in self._storing:
            self._save(transition)

    @staticmethod
    def _refuse(answer: Answer, error: Exception) -> None:
        answer.set_exception((type(error), error, None))

    # --- time and the past --------------------------------------------------------------------

    def _look(self) -> None:
        now = time.monotonic()
        if self._stash is not None:
            if now >= self._recall_at:
                self._ask_store()
            return
        for number, judging in list(self._judging.items()):
            if now >= judging.due_at:
                del self._judging[number]
                judging.then(None)
        for storing in self._storing.values():
            if now - storing.told_at >= STORE_AGAIN_S:
                storing.told_at = now
                self.tell(HISTORIAN, StoreTransition(storing.transition, self.name))
        for transition in self._desk.due(self._now()):
            self._save_if_free(transition)
        if self._storing or self._judging:
            self.wake_in(min(VIEW_S, STORE_AGAIN_S))

    def _ask_store(self) -> None:
        self._recall_at = time.monotonic() + RECALL_AGAIN_S
        policy = self._desk.plant.policy
        longest = max(policy.device_rate.within_s, policy.plant_rate.within_s)
        self.tell(HISTORIAN, RecallCommands(self._now() - longest, self.name))
        self.wake_in(RECALL_AGAIN_S)

    def _recall(self, past: CommandsRecalled) -> None:
        if past.failure:
            self.log.warning("commands_not_recalled", reason=past.failure)
            return
        if self._storing:
            return  # it would be older than what is under way
        self._desk.recall(past.records, past.dispatches)
        if self._stash is None:
            return
        self._desk.agents = past.agents
        for device_id in self._desk.plant.devices:
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
                self._refuse(answer, error)
        for storing in self._storing.values():
            if storing.answer is not None:
                self._refuse(storing.answer, error)


def _probe(device_id: str, by: Caller, at: float) -> Command:
    return Command("", device_id, CommandName.RESTART, {}, by, "", at)
