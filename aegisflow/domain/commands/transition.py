"""One step in the life of a command, with the audit rows that record it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aegisflow.domain.commands.model import FOLLOWS, Command, CommandRecord, Ruling, Stage
from aegisflow.domain.commands.writing import WrittenCommand
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry

__all__ = ["Transition", "at_stage", "digest_of", "end", "row"]

_NEXT: Mapping[Stage, str] = {
    Stage.REJECTED: "nothing was sent to the machine",
    Stage.EXPIRED: "nothing was sent to the machine",
    Stage.ACKNOWLEDGED: "the machine has taken it; readings must show the effect before it counts as done",
    Stage.VERIFIED: "done: the readings show the effect",
    Stage.UNVERIFIED: "the readings do not show the effect: a person must look at the machine",
    Stage.FAILED: "nothing was done",
    Stage.OUTCOME_UNKNOWN: "nobody knows whether the machine did it: a person must look; it is not sent again",
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one command, committed as a whole or not at all."""

    before: CommandRecord | None
    """The command as it must still be stored; None for a new one."""
    after: CommandRecord
    audit: tuple[AuditEntry, ...]
    """One row for each stage that the step passes."""


def digest_of(command: Command, state_version: str, expires_at: float, written: WrittenCommand | None = None) -> str:
    """Return what an approval is bound to: SHA-256 over id, device, command, parameters, state and expiry, in hex.

    For a machine whose commands are written by a template, also over topic, payload, format and QoS.
    """
    # Exactly what an approver is shown and the machine will get: if any of it changes, the approval is for
    # something else.
    bound: list[object] = [
        command.command_id,
        command.device_id,
        command.command.value,
        dict(sorted(command.parameters.items())),
        state_version,
        format_instant(expires_at),
    ]
    if written is not None:
        bound.append([written.topic, written.payload, written.format, written.qos])
    return hashlib.sha256(json.dumps(bound, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def row(
    command: Command, act: Stage | str, at: float, actor: str, reasons: tuple[str, ...] = (), **more: object
) -> AuditEntry:
    """Return the audit row of a step: who did what, to which device, by which command."""
    detail: Mapping[str, object] = {
        "command_id": command.command_id,
        "command": command.command.value,
        "parameters": dict(command.parameters),
        **({"justification": command.justification} if act is Stage.PROPOSED else {}),
        **({"reasons": list(reasons)} if reasons else {}),
        **more,
    }
    return AuditEntry(at, actor, f"command_{act}", command.device_id, detail)


def at_stage(record: CommandRecord, stage: Stage, at: float, reasons: tuple[str, ...], next_step: str) -> CommandRecord:
    """Return the record at another stage, with what must happen next."""
    receipt = replace(record.receipt, stage=stage, reasons=reasons, next_step=next_step, stage_at=at)
    return replace(record, receipt=receipt, stage_at=at)


def end(record: CommandRecord, stage: Stage, at: float, reasons: tuple[str, ...], by: str = "guard") -> Transition:
    """Return the step to a stage whose name says by itself what comes next."""
    assert stage in FOLLOWS[record.stage], f"{record.stage} cannot become {stage}"
    after = at_stage(record, stage, at, reasons, _NEXT.get(stage, ""))
    if record.stage is Stage.AWAITING_APPROVAL:
        person = "" if by == "guard" else by
        # A rejection's reasons begin with who it is, which stands beside them.
        why = "; ".join(reasons).removeprefix(f"{by}: ")
        ruling = Ruling(at, stage, person, "" if why == f"by {by}" else why)
        after = replace(after, receipt=replace(after.receipt, ruling=ruling))
    return Transition(record, after, (row(record.command, stage, at, by, reasons),))
