"""What people do about commands over HTTP: approve, reject, give some of their own, and stop the agents."""

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Nothing, moment
from aegisflow.api.schemas.commands import (
    AgentSwitch,
    Approval,
    ApprovalList,
    ApprovalRequest,
    CommandList,
    CommandListRequest,
    CommandRequest,
    CommandSummary,
    ReasonRequest,
    WayBackOffer,
)
from aegisflow.api.schemas.devices import ModeRequest, ModeStatement
from aegisflow.domain.callers import Caller
from aegisflow.domain.times import format_instant
from aegisflow.errors import ConflictError
from aegisflow.http.lines import acting
from aegisflow.plant.protocol import PlantSource
from aegisflow.plant.way_back import offer_way_back

__all__ = ["CommandRoutes"]


class CommandRoutes:
    """One method for each endpoint over commands: one call of the plant, whose answer is given its shape."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def approvals(self, which: Nothing, body: Nothing, by: Caller) -> ApprovalList:
        """Return the commands that wait for an operator."""
        answer = self._plant().approvals()
        return ApprovalList(
            as_of=format_instant(answer.as_of),
            broker_away_since=moment(answer.broker_away_since),
            approvals=[Approval.wanted(view) for view in answer.value],
            unavailable=dict(answer.unavailable),
        )

    @acting(ends.APPROVE)
    def approve(self, which: ById, body: ApprovalRequest, by: Caller) -> CommandSummary:
        """Approve a command exactly as it was shown; it is judged again before it is sent."""
        return CommandSummary.of(self._plant().approve(which.id, body.digest, by))

    @acting(ends.REJECT)
    def reject(self, which: ById, body: ReasonRequest, by: Caller) -> CommandSummary:
        """Reject a command that waits."""
        return CommandSummary.of(self._plant().reject(which.id, by, body.reason))

    @acting(ends.GIVE_COMMAND)
    def give(self, which: Nothing, body: CommandRequest, by: Caller) -> CommandSummary:
        """Give a machine a command; policy and interlocks hold all the same."""
        return CommandSummary.of(
            self._plant().request_command(body.device_id, body.command, body.parameters, by, body.justification)
        )

    def list(self, which: CommandListRequest, body: Nothing, by: Caller) -> CommandList:
        """Return commands, newest first."""
        answer = self._plant().commands(which.device_id, which.limit)
        return CommandList(
            broker_away_since=moment(answer.broker_away_since),
            commands=[CommandSummary.of(receipt) for receipt in answer.value.commands],
        )

    def show(self, which: ById, body: Nothing, by: Caller) -> CommandSummary:
        """Return one command as far as it came."""
        return CommandSummary.of(self._plant().command(which.id).value)

    def way_back(self, which: ById, body: Nothing, by: Caller) -> WayBackOffer:
        """Return what leads back from a verified command, and what has changed since."""
        return WayBackOffer.offered(offer_way_back(self._plant(), which.id))

    @acting(ends.GO_BACK)
    def go_back(self, which: ById, body: ReasonRequest, by: Caller) -> CommandSummary:
        """Propose what leads back from a verified command: a command like any other, judged as any other."""
        plant = self._plant()
        offer = offer_way_back(plant, which.id)
        found, device_id = offer.way_back, offer.receipt.command.device_id
        if found.command is None:
            raise ConflictError(f"there is no way back from {which.id}: {found.note}")
        why = f"the way back from {which.id}: {body.reason}"
        return CommandSummary.of(plant.request_command(device_id, found.command, found.parameters, by, why))

    @acting(ends.STATE_MODE)
    def state_mode(self, which: ById, body: ModeRequest, by: Caller) -> ModeStatement:
        """Take an operator's word for the mode that a machine is in; nothing is sent to it."""
        stated = self._plant().state_mode(which.id, body.mode, body.reduction_pct, by, body.reason)
        return ModeStatement.of(stated)

    def agents(self, which: Nothing, body: Nothing, by: Caller) -> AgentSwitch:
        """Return whether agents may propose commands."""
        return AgentSwitch.of(self._plant().agent_writes())

    @acting(ends.STOP_AGENTS)
    def stop(self, which: Nothing, body: ReasonRequest, by: Caller) -> AgentSwitch:
        """Stop every command of agents, from now on and over restarts."""
        return AgentSwitch.of(self._plant().stop_agents(by, body.reason))

    @acting(ends.RESUME_AGENTS)
    def resume(self, which: Nothing, body: ReasonRequest, by: Caller) -> AgentSwitch:
        """Allow agents to propose commands again."""
        return AgentSwitch.of(self._plant().resume_agents(by, body.reason))
