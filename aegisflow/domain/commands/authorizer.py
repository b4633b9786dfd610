"""The guard's desk: every command that is not over yet, and which step it may take next.

Pure: time is an argument, nothing is sent or stored. A step is a ``Transition``; whoever stores it
compares the stage before with what is stored (compare-and-set), and only once it is on disk hands it
to ``apply``. So memory never knows more than the store.
"""

import hmac
from collections.abc import Callable
from dataclasses import replace

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.commands.execution import Progress, of_another_clock
from aegisflow.domain.commands.model import (
    FOLLOWS,
    Command,
    CommandName,
    CommandReceipt,
    CommandRecord,
    DeviceView,
    Stage,
)
from aegisflow.domain.commands.open_commands import OpenCommands
from aegisflow.domain.commands.policy import Decision, decide
from aegisflow.domain.commands.policy_spec import Verdict
from aegisflow.domain.commands.transition import Transition, digest_of, end, moved, row
from aegisflow.domain.commands.verification import expect
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError

__all__ = ["CommandAuthorizer"]

_GRACE_S = 60.0
"""So long after its last deadline a command without a word from its device is given up."""


class CommandAuthorizer(OpenCommands):
    """Judges commands, and says which step each may take next."""

    def __init__(self, plant: PlantSpec, responsible: Callable[[Severity], str] = lambda _: "an operator") -> None:
        """Begin with nothing open; ``responsible`` names who acts on an alarm so severe."""
        super().__init__(plant)
        self._responsible = responsible

    # --- steps --------------------------------------------------------------------------------

    def propose(self, command: Command, device: DeviceView | None, at: float) -> Transition:
        """Judge a new command."""
        decision = self._judge(command, device, at)
        proposed = row(command, Stage.PROPOSED, at, command.proposed_by.name, kind=command.proposed_by.kind)
        record = CommandRecord(
            CommandReceipt(command, Stage.PROPOSED, decision.reasons, ""),
            at,
            state_version="" if device is None else device.version,
            facts=() if device is None else device.facts,
            approvals_needed=decision.approvals,
        )
        if decision.verdict is Verdict.DENY or device is None:
            told = f"nothing was sent to the machine; {self._who(device)} can decide and act"
            after = moved(record, Stage.DENIED, at, decision.reasons, told)
            return Transition(None, after, (proposed, row(command, Stage.DENIED, at, "guard", decision.reasons)))
        if decision.verdict is Verdict.ASK:
            expires_at = at + self.plant.policy.approve_within_s
            told = (
                f"waits for {decision.approvals} operator{'s' if decision.approvals > 1 else ''} to approve it by "
                f"{format_instant(expires_at)}; {self._who(device)} must decide. Do not propose it again"
            )
            after = moved(record, Stage.AWAITING_APPROVAL, at, decision.reasons, told)
            after = replace(
                after,
                receipt=replace(after.receipt, expires_at=expires_at),
                digest=digest_of(command, record.state_version, expires_at),
            )
            asked = row(command, Stage.AWAITING_APPROVAL, at, "guard", decision.reasons, digest=after.digest)
            return Transition(None, after, (proposed, asked))
        return self._dispatch(None, record, device, at, decision.reasons, "policy", (proposed,))

    def approve(self, command_id: str, digest: str, by: Caller, device: DeviceView | None, at: float) -> Transition:
        """Let an operator agree, and judge again on the plant as it is now.

        Raises:
            UnknownNameError: nothing of this id waits.
            NotAllowedError: this caller may not approve it.
            ConflictError: it is not what the approver saw.
        """
        record = self._waiting(command_id)
        command, receipt = record.command, record.receipt
        require_operator(by, "approve")
        if by == command.proposed_by:
            raise NotAllowedError("approve", by.name, "who proposes a command cannot approve it")
        if by.name in record.approved_by:
            raise NotAllowedError("approve", by.name, "has approved it already; another operator must")
        if not hmac.compare_digest(digest.encode(), record.digest.encode()):
            raise ConflictError(f"{command_id} is not the command that was shown; look at it again")
        if receipt.expires_at is None or at >= receipt.expires_at:
            return end(record, Stage.EXPIRED, at, ("nobody approved it in time",))
        if device is None or device.version != record.state_version:
            why = "does not answer" if device is None else "has changed since the proposal (mode, load or limits)"
            return end(record, Stage.EXPIRED, at, (f"the device {why}; propose it again",), by.name)
        decision = self._judge(command, device, at)
        if decision.verdict is Verdict.DENY:
            reasons = ("judged again when it was approved: denied", *decision.reasons)
            return end(record, Stage.EXPIRED, at, reasons, by.name)
        agreed = (*record.approved_by, by.name)
        needed = max(record.approvals_needed, decision.approvals)
        if len(agreed) < needed:
            told = f"{len(agreed)} of {needed} operators have approved it; another must by {_until(receipt)}"
            waiting = moved(record, Stage.AWAITING_APPROVAL, at, receipt.reasons, told)
            waiting = replace(waiting, approved_by=agreed, approvals_needed=needed)
            return Transition(record, waiting, (row(command, "approval_given", at, by.name),))
        agreed_on = replace(record, approved_by=agreed)
        return self._dispatch(record, agreed_on, device, at, receipt.reasons, by.name, ())

    def reject(self, command_id: str, by: Caller, reason: str, at: float) -> Transition:
        """Let an operator refuse.

        Raises:
            UnknownNameError: nothing of this id waits.
            NotAllowedError: the caller is no operator.
        """
        record = self._waiting(command_id)
        require_operator(by, "reject")
        return end(record, Stage.REJECTED, at, (f"{by.name}: {reason}" if reason else f"by {by.name}",), by.name)

    def progress(self, progress: Progress) -> Transition | None:
        """Take what a device saw; None when the command is past that."""
        record = self.open.get(progress.command_id)
        if record is None or progress.stage not in FOLLOWS[record.stage]:
            return None
        return end(record, progress.stage, progress.at, progress.reasons, record.command.device_id)

    def due(self, at: float) -> list[Transition]:
        """Return what time alone brings about: approvals that came too late, commands that nobody tells of."""
        found = []
        for record in self.open.values():
            gone = record.command.device_id not in self.plant.devices
            went_back = of_another_clock(record, at)
            if record.stage is Stage.AWAITING_APPROVAL:
                if gone:
                    found.append(end(record, Stage.EXPIRED, at, ("the plant has no such device any more",)))
                elif record.receipt.expires_at is None or at >= record.receipt.expires_at or went_back:
                    found.append(end(record, Stage.EXPIRED, at, ("nobody approved it in time",)))
            elif gone or went_back or at >= self._last_word(record):
                why = "the plant has no such device any more" if gone else "nothing was heard of it from its device"
                stage = Stage.OUTCOME_UNKNOWN if record.stage is Stage.DISPATCHED else Stage.UNVERIFIED
                found.append(end(record, stage, at, (why,)))
        return found

    def superseded(self, record: CommandRecord, at: float) -> list[Transition]:
        """Return the end of what waits for approval on a device that is being shut down."""
        if record.command.command is not CommandName.EMERGENCY_SHUTDOWN:
            return []
        return [
            end(other, Stage.EXPIRED, at, (f"{record.command.command_id} shuts the device down",))
            for other in self.open.values()
            if other.command.device_id == record.command.device_id
            and other.stage is Stage.AWAITING_APPROVAL
            and other.command.command_id != record.command.command_id
        ]

    # --- inside -------------------------------------------------------------------------------

    def _judge(self, command: Command, device: DeviceView | None, at: float) -> Decision:
        if command.device_id not in self.plant.devices:
            return Decision(Verdict.DENY, ("the plant has no such device",))
        if any(
            other.command.device_id == command.device_id
            and other.stage.is_under_way
            and command.command is not CommandName.EMERGENCY_SHUTDOWN
            for other in self.known()
        ):
            return Decision(Verdict.DENY, ("another command to this device is still under way",))
        if any(self._same(other.command, command) for other in self.known()):
            return Decision(Verdict.DENY, ("the same command is open already; follow that one",))
        return decide(command, device, self.surroundings(command.device_id, at), self.plant.policy)

    @staticmethod
    def _same(one: Command, other: Command) -> bool:
        return (
            one.command_id != other.command_id
            and (one.device_id, one.command) == (other.device_id, other.command)
            and dict(one.parameters) == dict(other.parameters)
        )

    def _dispatch(
        self,
        before: CommandRecord | None,
        record: CommandRecord,
        device: DeviceView,
        at: float,
        reasons: tuple[str, ...],
        by: str,
        audit: tuple[AuditEntry, ...],
    ) -> Transition:
        """Approve and dispatch in one commit: there is no moment at which it is approved and waits."""
        command = record.command
        told = "on its way to the machine; get_device_status shows what becomes of it. It is not done yet"
        after = moved(record, Stage.DISPATCHED, at, reasons, told)
        after = replace(
            after,
            state_version=device.version,
            send_by=at + self.plant.policy.send_within_s,
            expectation=expect(command, device, self.plant.devices[command.device_id]),
        )
        effect = "no sensor shows it" if after.expectation is None else after.expectation.describe()
        rows = (
            row(command, Stage.APPROVED, at, by, reasons),
            row(command, Stage.DISPATCHED, at, "guard", (f"expected: {effect}",)),
        )
        return Transition(before, after, (*audit, *rows))

    def _waiting(self, command_id: str) -> CommandRecord:
        record = self.open.get(command_id)
        if record is None or record.stage is not Stage.AWAITING_APPROVAL:
            waiting = [view.receipt.command.command_id for view in self.approvals()]
            raise UnknownNameError("command that waits for approval", command_id, waiting)
        return record

    def _last_word(self, record: CommandRecord) -> float:
        policy, expected = self.plant.policy, record.expectation
        effect_s = 0.0 if expected is None else expected.within_s
        sent = record.stage_at if record.send_by is None else record.send_by
        return sent + max(effect_s, policy.answer_within_s) + policy.answer_within_s + _GRACE_S

    def _who(self, device: DeviceView | None) -> str:
        """Return who acts on the worst alarm of a device, as the escalation table has it."""
        severity = None if device is None else device.severity
        return "an operator" if severity is None else self._responsible(severity)


def _until(receipt: CommandReceipt) -> str:
    return "" if receipt.expires_at is None else format_instant(receipt.expires_at)
