"""Who may have which command executed: judges proposals and approvals, and says which step comes next.

Pure: time is an argument, and nothing is sent or stored. A step is a ``Transition``. Whoever stores it
compares the stage before with the stored one (compare-and-set), and hands it to ``OpenCommands.apply`` only
once it is on disk. So memory never knows more than the store.
"""

import hmac
from collections.abc import Callable
from dataclasses import replace

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.commands.bounds import bounds_of, change_of, way_back
from aegisflow.domain.commands.execution import Progress, of_another_clock
from aegisflow.domain.commands.model import (
    FOLLOWS,
    Command,
    CommandName,
    CommandReceipt,
    CommandRecord,
    DeviceView,
    Movement,
    Ruling,
    Stage,
)
from aegisflow.domain.commands.open_commands import OpenCommands
from aegisflow.domain.commands.policy import Decision, decide
from aegisflow.domain.commands.policy_spec import PolicySpec, Verdict
from aegisflow.domain.commands.quota import ProposalQuota
from aegisflow.domain.commands.transition import Transition, at_stage, digest_of, end, row
from aegisflow.domain.commands.verification import expect
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.openings import policy_digest
from aegisflow.domain.people import person_of
from aegisflow.domain.rights import Right
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError

__all__ = ["CommandAuthorizer"]

_GRACE_S = 60.0
"""A command of whose outcome its device tells nothing is given up so long after its last deadline."""


class CommandAuthorizer:
    """Judges commands against policy and the plant, and returns the step that each may take next."""

    def __init__(self, plant: PlantSpec, responsible: Callable[[Severity], str] = lambda _: "an operator") -> None:
        """Begin with no open commands.

        Args:
            plant: its devices, lines and policy.
            responsible: names who acts on an alarm of a severity.
        """
        self.commands = OpenCommands(plant)
        self._responsible = responsible
        self.quota = ProposalQuota()
        """What agents have proposed of late."""

    # --- steps --------------------------------------------------------------------------------

    def propose(self, command: Command, device: DeviceView | None, at: float) -> Transition:
        """Judge a new command and return its first step: denied, awaiting approval or dispatched.

        Args:
            command: as it was proposed.
            device: as it is now; None if it does not answer, and the command is then denied.
            at: now, UTC epoch seconds.
        """
        decision = self._judge(command, device, at)
        by = command.proposed_by
        proposed = row(command, Stage.PROPOSED, at, by.name, kind=by.kind, authenticated=by.authenticated)
        record = CommandRecord(
            CommandReceipt(command, Stage.PROPOSED, decision.reasons, "", change=self._change(command, device)),
            at,
            state_version="" if device is None else device.version,
            facts=() if device is None else device.facts,
            approvals_needed=decision.approvals,
        )
        if decision.verdict is Verdict.DENY or device is None:
            next_step = f"nothing was sent to the machine; {self._who(device)} can decide and act"
            after = at_stage(record, Stage.DENIED, at, decision.reasons, next_step)
            return Transition(
                None, after, (proposed, row(command, Stage.DENIED, at, "guard", decision.reasons, **self._rules()))
            )
        if device.writing is not None:
            written = device.writing.write(command.command_id, command.command, command.parameters)
            record = replace(record, written=written, facts=(str(written), *record.facts))
        if decision.verdict is Verdict.ASK:
            expires_at = at + self._policy.approve_within_s
            next_step = (
                f"waits for {decision.approvals} operator{'s' if decision.approvals > 1 else ''} to approve it by "
                f"{format_instant(expires_at)}; {self._who(device)} must decide"
            )
            after = at_stage(record, Stage.AWAITING_APPROVAL, at, decision.reasons, next_step)
            after = replace(
                after,
                receipt=replace(after.receipt, expires_at=expires_at),
                digest=digest_of(command, record.state_version, expires_at, record.written),
            )
            more = {"digest": after.digest, **_writes(record), **self._rules()}
            asked = row(command, Stage.AWAITING_APPROVAL, at, "guard", decision.reasons, **more)
            return Transition(None, after, (proposed, asked))
        return self._dispatch(None, record, device, at, decision.reasons, "policy", (proposed,))

    def folded(self, command: Command, device: DeviceView | None, at: float) -> CommandReceipt | None:
        """Return the receipt of the denial that a proposal repeats; None where it is to be judged by itself."""
        decision = self._judge(command, device, at)
        return self.quota.fold(command, decision.reasons, at) if decision.verdict is Verdict.DENY else None

    def approve(self, command_id: str, digest: str, by: Caller, device: DeviceView | None, at: float) -> Transition:
        """Take an operator's approval, and judge the command again on the plant as it is now.

        Args:
            command_id: of a command that awaits approval.
            digest: of the command as it was shown to the operator.
            by: who approves.
            device: as it is now; None if it does not answer.
            at: now, UTC epoch seconds.

        Returns:
            The step to ``dispatched``; to ``awaiting_approval`` while another operator must agree; or to
            ``expired`` where it is too late, the device has changed, or policy denies the command by now.

        Raises:
            UnknownNameError: no command of this id awaits approval.
            NotAllowedError: this caller may not approve it, or not on this line.
            ConflictError: it is not the command that was shown.
        """
        record = self._waiting(command_id)
        command, receipt = record.command, record.receipt
        require_operator(by, Right.APPROVE, "approve", on=self.commands.plant.line_of(command.device_id))
        who, proposer = person_of(by.name), command.proposed_by
        if (who, by.kind) == (person_of(proposer.name), proposer.kind):
            raise NotAllowedError("approve", by.name, "who proposes a command cannot approve it")
        if who in map(person_of, record.approved_by):
            raise NotAllowedError("approve", by.name, "has approved it already; another operator must")
        # As bytes, for compare_digest raises at a text that is not ASCII, and anybody may send one.
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
        # Policy may have been tightened since. What was asked for at the proposal stays the least.
        needed = max(record.approvals_needed, decision.approvals)
        if len(agreed) < needed:
            next_step = f"{len(agreed)} of {needed} operators have approved it; another must by {_until(receipt)}"
            waiting = at_stage(record, Stage.AWAITING_APPROVAL, at, receipt.reasons, next_step)
            waiting = replace(waiting, approved_by=agreed, approvals_needed=needed)
            return Transition(record, waiting, (row(command, "approval_given", at, by.name),))
        agreed_on = replace(record, approved_by=agreed)
        return self._dispatch(record, agreed_on, device, at, receipt.reasons, by.name, ())

    def reject(self, command_id: str, by: Caller, reason: str, at: float) -> Transition:
        """Take an operator's refusal.

        Raises:
            UnknownNameError: no command of this id awaits approval.
            NotAllowedError: the caller is no operator, or not of this line.
        """
        record = self._waiting(command_id)
        require_operator(by, Right.APPROVE, "reject", on=self.commands.plant.line_of(record.command.device_id))
        return end(record, Stage.REJECTED, at, (f"{by.name}: {reason}" if reason else f"by {by.name}",), by.name)

    def progress(self, progress: Progress) -> Transition | None:
        """Return the step that a device has seen a command take; None when the command is past it."""
        record = self.commands.open.get(progress.command_id)
        if record is None or progress.stage not in FOLLOWS[record.stage]:
            return None
        unanswered = record.stage is Stage.DISPATCHED and progress.stage is Stage.VERIFIED
        if unanswered and (record.written is None or record.written.answers):
            return None  # only a machine that answers nothing is proved without an answer
        return end(record, progress.stage, progress.at, progress.reasons, record.command.device_id)

    def due(self, at: float) -> list[Transition]:
        """Return the steps that time alone brings about: approvals that came too late, commands without news."""
        found = []
        for record in self.commands.open.values():
            gone = record.command.device_id not in self.commands.plant.devices
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
        """Return the steps that end what still awaits approval on a device that ``record`` shuts down."""
        if record.command.command is not CommandName.EMERGENCY_SHUTDOWN:
            return []
        return [
            end(other, Stage.EXPIRED, at, (f"{record.command.command_id} shuts the device down",))
            for other in self.commands.open.values()
            if other.command.device_id == record.command.device_id
            and other.stage is Stage.AWAITING_APPROVAL
            and other.command.command_id != record.command.command_id
        ]

    # --- inside -------------------------------------------------------------------------------

    @property
    def _policy(self) -> PolicySpec:
        return self.commands.plant.policy

    def _rules(self) -> dict[str, str]:
        """Return by which policy something was decided, for the audit."""
        return {"policy_sha256": policy_digest(self._policy)}

    def _judge(self, command: Command, device: DeviceView | None, at: float) -> Decision:
        if command.device_id not in self.commands.plant.devices:
            return Decision(Verdict.DENY, ("the plant has no such device",))
        # Steps that are still being stored count here, of which policy knows nothing. A shutdown waits for no
        # other command.
        for other in self.commands.known():
            if (
                other.command.device_id == command.device_id
                and other.stage.is_under_way
                and command.command is not CommandName.EMERGENCY_SHUTDOWN
            ):
                return Decision(Verdict.DENY, (f"{_named(other)} is still under way on this device",))
        for other in self.commands.known():
            if self._same(other.command, command):
                return Decision(Verdict.DENY, (f"the same command is open already: follow {_named(other)}",))
        return decide(command, device, self.commands.surroundings(command.device_id, at), self._policy)

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
        """Return the step that approves and dispatches in one commit, so that nothing is ever approved and waits."""
        command = record.command
        next_step = "on its way to the machine; it is not done yet"
        after = at_stage(record, Stage.DISPATCHED, at, reasons, next_step)
        spec = self.commands.plant.devices[command.device_id]
        last_set = self.commands.last_set(command.device_id, str(command.parameters.get("name")))
        change = self._change(command, device)
        receipt = replace(after.receipt, change=change, way_back=way_back(command, device, spec, last_set))
        after = replace(
            after,
            receipt=receipt if before is None else replace(receipt, ruling=Ruling(at, Stage.APPROVED, by)),
            state_version=device.version,
            send_by=at + self._policy.send_within_s,
            expectation=expect(command, device, spec),
        )
        effect = "no sensor shows it" if after.expectation is None else after.expectation.describe()
        moved = {**_writes(record), **({} if change is None else {"change": str(change)})}
        rows = (
            row(command, Stage.APPROVED, at, by, reasons, **self._rules()),
            row(command, Stage.DISPATCHED, at, "guard", (f"expected: {effect}",), **moved),
        )
        return Transition(before, after, (*audit, *rows))

    def _change(self, command: Command, device: DeviceView | None) -> Movement | None:
        spec = self.commands.plant.devices.get(command.device_id)
        return None if device is None or spec is None else change_of(command, device, bounds_of(spec))

    def _waiting(self, command_id: str) -> CommandRecord:
        record = self.commands.open.get(command_id)
        if record is None or record.stage is not Stage.AWAITING_APPROVAL:
            waiting = [view.receipt.command.command_id for view in self.commands.approvals()]
            raise UnknownNameError("command that waits for approval", command_id, waiting)
        return record

    def _last_word(self, record: CommandRecord) -> float:
        policy, expected = self._policy, record.expectation
        effect_s = 0.0 if expected is None else expected.within_s
        sent = record.stage_at if record.send_by is None else record.send_by
        return sent + max(effect_s, policy.answer_within_s) + policy.answer_within_s + _GRACE_S

    def _who(self, device: DeviceView | None) -> str:
        """Return who acts on the worst alarm of a device, by the escalation table."""
        severity = None if device is None else device.severity
        return "an operator" if severity is None else self._responsible(severity)


def _writes(record: CommandRecord) -> dict[str, object]:
    """Return what is to be published to a machine that is not told by AegisFlow's own protocol, for the audit."""
    if record.written is None:
        return {}
    return {"writes": {"topic": record.written.topic, "payload": record.written.payload, "qos": record.written.qos}}


def _named(record: CommandRecord) -> str:
    return f"{record.command.command_id} ({record.stage})"


def _until(receipt: CommandReceipt) -> str:
    return "" if receipt.expires_at is None else format_instant(receipt.expires_at)
