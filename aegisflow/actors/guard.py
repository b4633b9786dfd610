"""The guard: every command that anybody proposes passes here, and leaves a row at every step."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pykka

from aegisflow.actors.messages.common import Tick, Wake
from aegisflow.actors.messages.device import ExecuteCommand, ViewDevice
from aegisflow.actors.messages.gateway import PlantReplaced
from aegisflow.actors.messages.guard import (
    ApproveCommand,
    CommandProgressed,
    CommandsRecalled,
    DeviceViewed,
    ModeReported,
    ReadAgentWrites,
    ReadApprovals,
    ReadDeviceCommands,
    RejectCommand,
    RequestCommand,
    SwitchAgents,
    TransitionStored,
)
from aegisflow.actors.messages.store import CommitAudit
from aegisflow.actors.runtime.directory import HISTORIAN, Directory
from aegisflow.actors.transition_writer import STORE_AGAIN_S, Answer, StepKeeper, Storing
from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.commands.authorizer import CommandAuthorizer
from aegisflow.domain.commands.model import (
    AgentWrites,
    Command,
    CommandName,
    CommandOption,
    DeviceCommands,
    DeviceView,
    Stage,
)
from aegisflow.domain.commands.policy import options
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.commands.validation import check_proposal
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import BadValueError, UnknownNameError
from aegisflow.telemetry.metrics import Metrics

__all__ = ["Guard"]

VIEW_S = 1.0
"""A device that has not told how it is by then is judged as one that does not answer."""

Step = Callable[[DeviceView | None], Transition]


@dataclass(slots=True)
class _Judging:
    """A decision that waits for the device to tell how it is."""

    device_id: str
    due_at: float
    then: Callable[[DeviceView | None], None]


class Guard(StepKeeper):
    """Judges proposals and approvals (``domain.commands.authorizer``) and is the only one that has a command executed.

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
        super().__init__(name, directory, CommandAuthorizer(plant, responsible), now)
        self._metrics = metrics
        self._call_people = call_people
        self._number = 0
        self._judging: dict[int, _Judging] = {}

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
                self._authorizer.modes[message.device_id] = (message.mode, message.reduction_pct)
            case PlantReplaced(plant):
                self._authorizer.replaced(plant)
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
                return self._step(command_id, lambda _: self._authorizer.reject(command_id, by, reason, self._now()))
            case ReadApprovals():
                return self._authorizer.approvals()
            case SwitchAgents():
                return self._switch(message)
            case ReadAgentWrites():
                return self._authorizer.agents
            case ReadDeviceCommands():
                return self._tell_options(message)
            case CommandProgressed(progress):
                self._once_free(progress.command_id, lambda: self._save(self._authorizer.progress(progress)))
            case _:
                return super().on_receive(message)
        return None

    # --- decisions ----------------------------------------------------------------------------

    def _request(self, request: RequestCommand) -> Answer:
        device = self._authorizer.plant.devices.get(request.device_id)
        if device is None:
            raise UnknownNameError("device", request.device_id, tuple(self._authorizer.plant.devices))
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
        self._view(
            command.device_id, lambda view: self._save(self._authorizer.propose(command, view, self._now()), answer)
        )
        return answer

    def _approve(self, request: ApproveCommand) -> Answer:
        return self._step(
            request.command_id,
            lambda view: self._authorizer.approve(request.command_id, request.digest, request.by, view, self._now()),
        )

    def _step(self, command_id: str, step: Step) -> Answer:
        """Take a step of a command that waits, on the device as it is then."""
        answer: pykka.Future[object] = pykka.ThreadingFuture()

        def judge(view: DeviceView | None) -> None:
            self._once_free(command_id, lambda: self._attempt(lambda: step(view), answer))

        record = self._authorizer.open.get(command_id)
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
            if view is not None and question.device_id in self._authorizer.plant.devices:
                at = self._now()
                probe = _probe(question.device_id, question.by, at)
                found = options(
                    view, self._authorizer.surroundings(question.device_id, at), self._authorizer.plant.policy, probe
                )
            answer.set(DeviceCommands(self._authorizer.open_on(question.device_id), found))

        self._view(question.device_id, tell)
        return answer

    def _switch(self, switch: SwitchAgents) -> Answer:
        require_operator(switch.by, "switch the commands of agents")
        if not switch.reason.strip():
            raise BadValueError("reason", switch.reason, "why, in a few words")
        wanted = AgentWrites(switch.allowed, switch.by.name, self._now(), switch.reason)
        if not switch.allowed:
            self._authorizer.agents = wanted  # stopping takes effect at once, stored or not
        act = "agents_resumed" if switch.allowed else "agents_stopped"
        entry = AuditEntry(self._now(), switch.by.name, act, "agents", {"reason": switch.reason})

        def stored(answer: object) -> AgentWrites:
            if isinstance(answer, Exception):
                raise answer
            self._authorizer.agents = wanted
            self.log.warning(act, by=switch.by.name, reason=switch.reason)
            return wanted

        return self.directory.begin(HISTORIAN, CommitAudit(entry)).map(stored)

    # --- after a step is stored ---------------------------------------------------------------

    def _done(self, storing: Storing) -> None:
        """Go on after a step is on disk."""
        transition, record = storing.transition, storing.transition.after
        self._authorizer.apply(transition)
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
            for other in self._authorizer.superseded(record, self._now()):
                self._save_if_free(other)
        self._call_people(transition)
        if storing.answer is not None:
            storing.answer.set(record.receipt)

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
        self._tell_again(now)
        for transition in self._authorizer.due(self._now()):
            self._save_if_free(transition)
        if self._storing or self._judging:
            self.wake_in(min(VIEW_S, STORE_AGAIN_S))


def _probe(device_id: str, by: Caller, at: float) -> Command:
    return Command("", device_id, CommandName.RESTART, {}, by, "", at)
