"""The guard: every command that anybody proposes passes here, and leaves a row of the audit at every step."""

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import pykka

from aegisflow.actors.messages.common import Tick, Wake
from aegisflow.actors.messages.device import ExecuteCommand, ReportMode, ViewDevice
from aegisflow.actors.messages.gateway import PlantReplaced
from aegisflow.actors.messages.guard import (
    ApproveCommand,
    AuditCommitted,
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
from aegisflow.actors.messages.store import AppendAudit, CommitAudit, RecallCommands, StoreTransition
from aegisflow.actors.pending_step import Answer, PendingStep, Phase
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import HISTORIAN, Directory
from aegisflow.actors.runtime.stash import Stash
from aegisflow.actors.transition_writer import STORE_AGAIN_S, TransitionWriter
from aegisflow.domain.callers import require_operator
from aegisflow.domain.commands.authorizer import CommandAuthorizer
from aegisflow.domain.commands.bounds import HOUR_S
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
from aegisflow.domain.rights import Extent, Right
from aegisflow.domain.tracing import of_command
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import BadValueError, NotAllowedError, StoreError, UnavailableError, UnknownNameError
from aegisflow.telemetry.metrics import Metrics

__all__ = ["Guard"]

VIEW_S = 1.0
"""A device that has not told how it is by then is judged as one that does not answer."""
RECALL_AGAIN_S = 5.0
"""The historian is asked again for the open commands where it has not told them by then."""


STORE_SWITCH_S = 10.0
"""A stop of which the historian has said nothing by then is told to it again; stored twice it is no other."""


@dataclass(slots=True)
class _Switch:
    """A stop or a resumption of the agents' commands that waits for the historian."""

    wanted: AgentWrites
    answer: Answer
    request: SwitchAgents
    again_at: float = 0.0
    """Monotonic time at which the historian is told again."""
    is_answered: bool = False


class Guard(ThreadedActor):
    """Judges proposals and approvals, and is the only one that has a command executed.

    Every step of every command takes the same way, in one object (``PendingStep``) that shows how far it is::

        asked ──► VIEWING ──────► QUEUED ──────────► judged ─► STORING ─────► done
                  until its       while another      by the    until the      applied, executed
                  device tells    step of the same   author-   historian has  and answered
                  how it is, or   command is being   izer      committed or
                  VIEW_S is over  stored                       refused it

    The guard never waits: whoever asked holds a future until the step is done. What it knows of open commands
    comes from the store; until that has told it, everything else waits in the stash.
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
        self._now = now
        self._metrics = metrics
        self._call_people = call_people
        self._authorizer = CommandAuthorizer(plant, responsible)
        self._commands = self._authorizer.commands
        self._stash = Stash()
        self._recall_at: float | None = None
        """Monotonic time at which to ask for the open commands again; None once they are known."""
        self._number = 0
        self._viewing: dict[int, PendingStep] = {}
        """Number of the question to a device, to the step that waits for its answer."""
        self._queued: dict[str, deque[PendingStep]] = {}
        """Command id to the steps that wait until the one that is being stored is settled."""
        self._writer = TransitionWriter(
            self._commands, lambda transition: self.tell(HISTORIAN, StoreTransition(transition, self.name))
        )
        self._switches: dict[int, _Switch] = {}
        self._newest_stop = 0
        """Number of the newest switch that stopped the agents' commands."""

    # --- the actor ----------------------------------------------------------------------------

    def on_start(self) -> None:
        """Ask which commands are open."""
        self._ask_store()

    def on_receive(self, message: object) -> object:
        """Take what settles steps that are pending; keep anything else until the open commands are known."""
        match message:
            case Wake() | Tick():
                self._look()
            case CommandsRecalled():
                self._recall(message)
            case DeviceViewed(number, view):
                self._viewed(number, view)
            case TransitionStored():
                self._settle(message)
            case AuditCommitted():
                self._switched(message)
            case ModeReported(device_id, mode, reduction_pct):
                self._commands.modes[device_id] = (mode, reduction_pct)
            case PlantReplaced(plant):
                self._commands.replace_plant(plant)
            case _ if self._stash.is_open:
                return self._handle(message)
            case CommandProgressed():
                self._stash.keep(message)
            case _:
                return self._stash.keep_question(message)
        return None

    def on_failure(self, *_: object) -> None:
        """Tell everybody who waits that no answer will come, and leave to the successor what devices saw."""
        self._leave()

    def on_stop(self) -> None:
        """Tell everybody who waits for an answer that none will come."""
        self._leave()

    def _handle(self, message: object) -> object:
        match message:
            case RequestCommand():
                return self._view(self._proposed(message), message.device_id)
            case ApproveCommand(command_id):
                step = PendingStep(message, command_id, pykka.ThreadingFuture())
                record = self._commands.open.get(command_id)
                # The authorizer refuses a command that is not open, so there is no device to ask.
                return self._advance(step) if record is None else self._view(step, record.command.device_id)
            case RejectCommand(command_id):
                return self._advance(PendingStep(message, command_id, pykka.ThreadingFuture()))
            case CommandProgressed(progress):
                self._advance(PendingStep(message, progress.command_id))
            case ReadDeviceCommands(device_id):
                return self._view(PendingStep(message, answer=pykka.ThreadingFuture()), device_id)
            case ReadApprovals():
                return self._commands.approvals()
            case ReadAgentWrites():
                return self._commands.agents
            case SwitchAgents():
                return self._switch(message)
            case _:
                return super().on_receive(message)
        return None

    # --- the way of a step, from the question to the answer -----------------------------------

    def _proposed(self, request: RequestCommand) -> PendingStep:
        """Return a proposal that makes sense for its device, whether or not it may be executed.

        Raises:
            UnknownNameError: the plant has no such device, or the device no such parameter.
            BadValueError: a parameter is missing, not asked for, or out of bounds.
        """
        devices = self._commands.plant.devices
        if request.device_id not in devices:
            raise UnknownNameError("device", request.device_id, tuple(devices))
        command = Command(
            command_id=f"cmd-{uuid.uuid4().hex[:12]}",
            device_id=request.device_id,
            command=request.command,
            parameters=check_proposal(request.command, request.parameters, devices[request.device_id]),
            proposed_by=request.by,
            justification=request.justification,
            proposed_at=self._now(),
        )
        self._count(command)
        return PendingStep(command, command.command_id, pykka.ThreadingFuture())

    def _count(self, command: Command) -> None:
        """Count a proposal against the quota of its agent.

        Raises:
            NotAllowedError: it is one too many.
        """
        policy, at, by = self._commands.plant.policy, command.proposed_at, command.proposed_by
        why = self._authorizer.quota.take(command, policy, at)
        if not why:
            return
        self._metrics.commands.labels("over_quota").inc()
        if self._authorizer.quota.is_news(command, policy, at):
            self.log.warning("proposals_refused", device=command.device_id, by=by.name, reason=why)
            detail = {"kind": by.kind, "command": command.command, "reason": why}
            self.tell(HISTORIAN, AppendAudit(AuditEntry(at, by.name, "proposals_refused", command.device_id, detail)))
        raise NotAllowedError(f"propose {command.command} of {command.device_id}", by.name, why)

    def _view(self, step: PendingStep, device_id: str) -> Answer | None:
        """Ask the device how it is: nothing is judged on what it was like before."""
        self._number += 1
        step.phase, step.due_at = Phase.VIEWING, time.monotonic() + VIEW_S
        self._viewing[self._number] = step
        if self.tell(device_id, ViewDevice(self._number, self.name)):
            self.wake_in(VIEW_S)
        else:
            self._viewed(self._number, None)
        return step.answer

    def _viewed(self, number: int, view: DeviceView | None) -> None:
        """Take the device's answer, None for none; one that comes too late finds no step."""
        step = self._viewing.pop(number, None)
        if step is None:
            return
        step.view = view
        if isinstance(step.request, ReadDeviceCommands):
            self._answer_options(step.request, step)
        else:
            self._advance(step)

    def _advance(self, step: PendingStep) -> Answer | None:
        """Judge a step and have it stored, once no other step of its command is on its way to the store."""
        if self._writer.is_storing(step.command_id):
            step.phase = Phase.QUEUED
            self._queued.setdefault(step.command_id, deque()).append(step)
            return step.answer
        try:
            step.transition = self._judge(step)
        except Exception:
            if step.answer is None:
                # Nobody asked for a fact, so its failure is that of this actor.
                raise
            step.answer.set_exception()
            return step.answer
        if step.transition is not None:
            self._write(step)
        return step.answer

    def _judge(self, step: PendingStep) -> Transition | None:
        """Return what a step comes to on the plant as it is now; the one place where this is decided."""
        at = self._now()
        match step.request:
            case Command() as untraced:
                alarm_ids = () if step.view is None else step.view.alarm_ids
                span = of_command(untraced.command_id, alarm_ids, untraced.justification)
                proposed = replace(untraced, traceparent=str(span))
                denied = self._authorizer.folded(proposed, step.view, at)
                if denied is None:
                    return self._authorizer.propose(proposed, step.view, at)
                if step.answer is not None:
                    step.answer.set(denied)
                return None
            case ApproveCommand(command_id, digest, by):
                return self._authorizer.approve(command_id, digest, by, step.view, at)
            case RejectCommand(command_id, by, reason):
                return self._authorizer.reject(command_id, by, reason, at)
            case CommandProgressed(progress):
                return self._authorizer.progress(progress)
            case Transition() as due:
                return due
            case _:
                raise TypeError(f"{type(step.request).__name__} is no step of a command")

    def _write(self, step: PendingStep) -> None:
        self._writer.write(step)
        self.wake_in(STORE_AGAIN_S)

    def _settle(self, told: TransitionStored) -> None:
        """Go on once the historian has committed a step, or has refused it."""
        step = self._writer.settle(told)
        if step is None:
            return
        if told.ok:
            self._done(step)
        else:
            self.log.error("command_step_not_stored", command=told.command_id, reason=told.why)
            step.refuse(StoreError(told.why))
            if told.final:
                self._ask_store()  # what is stored is another thing than what is known here
        queued = self._queued.get(told.command_id)
        # Each is judged on what the one before has come to.
        while queued and not self._writer.is_storing(told.command_id):
            self._advance(queued.popleft())
        if not queued:
            self._queued.pop(told.command_id, None)

    def _done(self, step: PendingStep) -> None:
        """Have a step that is on disk take effect, and answer whoever asked for it."""
        assert step.transition is not None
        record, command = step.transition.after, step.transition.after.command
        self._metrics.commands.labels(record.stage.value).inc()
        self.log.info(
            "command_decided",
            command=command.command_id,
            device=command.device_id,
            stage=record.stage.value,
            by=step.transition.audit[-1].actor,
        )
        if record.stage is Stage.DISPATCHED:
            self.tell(command.device_id, ExecuteCommand(record))
            self._write_due(self._authorizer.superseded(record, self._now()))
        self._authorizer.quota.note(record, self._now())
        self._call_people(step.transition)
        if step.answer is not None:
            step.answer.set(record.receipt)

    # --- what is due by itself ----------------------------------------------------------------

    def _look(self) -> None:
        """Do what time brings about."""
        now = time.monotonic()
        self._look_at_stops()
        if self._recall_at is not None and now >= self._recall_at:
            self._ask_store()
        if not self._stash.is_open:
            return
        for number in [number for number, step in self._viewing.items() if now >= step.due_at]:
            self._viewed(number, None)
        self._writer.tell_again()
        self._write_due(self._authorizer.due(self._now()))
        if self._viewing or len(self._writer):
            self.wake_in(min(VIEW_S, STORE_AGAIN_S))

    def _write_due(self, transitions: list[Transition]) -> None:
        """Have steps stored that nobody asked for; a command that is taking another step just then gets none."""
        for transition in transitions:
            command_id = transition.after.command.command_id
            if not self._writer.is_storing(command_id):
                self._advance(PendingStep(transition, command_id))

    # --- what the store knows -----------------------------------------------------------------

    def _ask_store(self) -> None:
        self._recall_at = time.monotonic() + RECALL_AGAIN_S
        policy = self._commands.plant.policy
        longest = max(policy.device_rate.within_s, policy.plant_rate.within_s, HOUR_S)
        self.tell(HISTORIAN, RecallCommands(self._now() - longest, self.name))
        self.wake_in(RECALL_AGAIN_S)

    def _recall(self, recalled: CommandsRecalled) -> None:
        """Take over the open commands; at the start, also take what came before they were known."""
        past = recalled.past
        if recalled.failure:
            self.log.warning("commands_not_recalled", reason=recalled.failure)
            return
        if len(self._writer):
            return  # it is older than what is on its way; the store is asked again
        self._recall_at = None
        self._commands.recall(past.records, past.dispatches, past.changes)
        if self._stash.is_open:
            return
        # Only at the start: later a stop counts here before the store knows of it.
        self._commands.agents = past.agents
        # A guard that has just begun knows no mode, and may have missed what became of commands.
        for device_id in self._commands.plant.devices:
            self.tell(device_id, ReportMode())
        self._stash.open(self._handle)

    def _leave(self) -> None:
        """Let nobody wait for an answer that will never come, and leave facts to the successor."""
        error = UnavailableError(self.name, "it stopped before this was decided")
        queued = [step for steps in self._queued.values() for step in steps]
        for step in (*self._writer.abandon(), *queued, *self._viewing.values()):
            step.refuse(error)
            if isinstance(step.request, CommandProgressed):
                self.give_back(step.request)
        for switch in self._switches.values():
            if not switch.is_answered:
                switch.answer.set_exception((UnavailableError, error, None))
            if not switch.wanted.allowed:
                self.give_back(switch.request)  # it is in force, and the store does not know it
        self.give_back(*self._stash.abandon(error))

    # --- what agents may do -------------------------------------------------------------------

    def _answer_options(self, question: ReadDeviceCommands, step: PendingStep) -> None:
        """Answer with the open commands of a device, and what policy would say to others now."""
        assert step.answer is not None
        found: tuple[CommandOption, ...] = ()
        if step.view is not None and question.device_id in self._commands.plant.devices:
            at = self._now()
            probe = Command("", question.device_id, CommandName.RESTART, {}, question.by, "", at)
            plant = self._commands.surroundings(question.device_id, at)
            found = options(step.view, plant, self._commands.plant.policy, probe)
        step.answer.set(DeviceCommands(self._commands.open_on(question.device_id), found))

    def _switch(self, switch: SwitchAgents) -> Answer:
        """Stop or resume the commands of agents.

        A stop takes effect at once, stored or not; a resumption only once it is stored.

        Raises:
            NotAllowedError: the caller is no operator.
            BadValueError: no reason is given.
            UnavailableError: there is no historian.
        """
        right = Right.APPROVE if switch.allowed else Right.STOP_AGENTS
        # Anybody stops them, for that is the safe direction; letting them again is for every line at once.
        reach = Extent.WHOLE_PLANT if switch.allowed else Extent.ANYWHERE
        require_operator(switch.by, right, "switch the commands of agents", on=reach)
        if not switch.reason.strip():
            raise BadValueError("reason", switch.reason, "why, in a few words")
        wanted = AgentWrites(switch.allowed, switch.by.name, self._now(), switch.reason)
        self._number += 1
        pending = _Switch(wanted, pykka.ThreadingFuture(), switch)
        if not switch.allowed:
            self._newest_stop = self._number
            self._set_agents(replace(wanted, durable=False))
            self.wake_in(STORE_AGAIN_S)
        if not self._store_switch(self._number, pending) and switch.allowed:
            raise UnavailableError(HISTORIAN, "it is not running")
        self._switches[self._number] = pending
        return pending.answer

    def _store_switch(self, number: int, pending: "_Switch") -> bool:
        """Have the row of a switch committed; return whether there is a historian."""
        wanted = pending.wanted
        pending.again_at = time.monotonic() + STORE_SWITCH_S
        at = self._now() if wanted.at is None else wanted.at
        entry = AuditEntry(at, wanted.by, _act_of(wanted), "agents", {"reason": wanted.reason})
        return self.tell(HISTORIAN, CommitAudit(entry, number, self.name))

    def _look_at_stops(self) -> None:
        """Tell those who wait that a stop is in force though not stored yet, and have it stored again."""
        stops = {number: one for number, one in self._switches.items() if not one.wanted.allowed}
        for number, pending in stops.items():
            if not pending.is_answered and time.monotonic() >= pending.again_at - STORE_SWITCH_S + STORE_AGAIN_S:
                pending.is_answered = True
                pending.answer.set(self._commands.agents)
            if time.monotonic() >= pending.again_at:
                self._store_switch(number, pending)
        if stops:
            self.wake_in(STORE_AGAIN_S)

    def _switched(self, committed: AuditCommitted) -> None:
        """Go on once the row of a switch is on disk, or could not be stored."""
        switch = self._switches.pop(committed.number, None)
        if switch is None:
            return
        if committed.why and not switch.wanted.allowed and committed.number == self._newest_stop:
            self._switches[committed.number] = switch  # in force already: it is stored as soon as that is possible
            self.log.error("agents_stop_not_stored", reason=committed.why)
            switch.again_at = 0.0
            if not switch.is_answered:
                switch.is_answered = True
                switch.answer.set(self._commands.agents)
            self.wake_in(STORE_AGAIN_S)
            return
        if committed.why:
            switch.answer.set_exception((StoreError, StoreError(committed.why), None))
            return
        if switch.wanted.allowed and committed.number > self._newest_stop:  # a stop since then counts for more
            self._set_agents(switch.wanted)
            self._switches = {number: one for number, one in self._switches.items() if one.wanted.allowed}
        elif committed.number == self._newest_stop:
            self._commands.agents = replace(self._commands.agents, durable=True)
        if not switch.is_answered:
            switch.answer.set(self._commands.agents)

    def _set_agents(self, agents: AgentWrites) -> None:
        self._commands.agents = agents
        self.log.warning(_act_of(agents), by=agents.by, reason=agents.reason)


def _act_of(agents: AgentWrites) -> str:
    return "agents_resumed" if agents.allowed else "agents_stopped"
