"""What comes next with a command, in the words of whoever reads it: an agent has tools, a person a page and commands.

The guard says who must do what, and nothing of how (``CommandReceipt.next_step``). Each edge adds what its readers do.
"""

from collections.abc import Mapping
from shlex import quote

from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import CommandReceipt, Stage

__all__ = ["by_command_line", "for_agents", "on_the_page", "said_to_people"]

_AGENTS: Mapping[Stage, str] = {
    Stage.AWAITING_APPROVAL: "Do not propose it again: get_device_status shows what becomes of it",
    Stage.DISPATCHED: "get_device_status shows what becomes of it",
    Stage.REJECTED: "Do not propose it again without new evidence",
    Stage.EXPIRED: "Look at the plant again with get_device_status before you propose anything",
}
_PAGE: Mapping[Stage, str] = {
    Stage.AWAITING_APPROVAL: "Approve or reject it under Approvals",
    Stage.OUTCOME_UNKNOWN: "Whoever has seen it states its mode on the page of the machine",
}
_TYPED: Mapping[Stage, str] = {
    Stage.AWAITING_APPROVAL: "aegisflow approve {command}, or aegisflow reject {command} --reason WHY",
    Stage.DISPATCHED: "aegisflow commands --device {device}",
    Stage.UNVERIFIED: "aegisflow status {device}",
    Stage.OUTCOME_UNKNOWN: "aegisflow mode {device} MODE --reason HOW_YOU_KNOW",
}
"""Stage to what a person types next."""


def for_agents(stage: Stage, next_step: str) -> str:
    """Return the next step with the tool that an agent goes on with."""
    return _joined(next_step, _AGENTS.get(stage, ""))


def on_the_page(stage: Stage, next_step: str) -> str:
    """Return the next step with what a person does about it on the page."""
    return _joined(next_step, _PAGE.get(stage, ""))


def by_command_line(stage: Stage, next_step: str, command_id: str, device_id: str) -> str:
    """Return the next step with what a person types next."""
    typed = _TYPED.get(stage, "").format(command=quote(command_id), device=quote(device_id))
    return _joined(next_step, f"Next: {typed}" if typed else "")


def said_to_people(receipt: CommandReceipt) -> str:
    """Return how far a command came, for people who are called and may be anywhere: with the page and what to type."""
    command, stage = receipt.command, receipt.stage
    what, how_far = (str(one).replace("_", " ") for one in (command.command, stage))
    told = f"{what} of {command.device_id} is {how_far}: {'; '.join(receipt.reasons)}"
    next_step = on_the_page(stage, receipt.next_step)
    if stage is Stage.DENIED and command.proposed_by.kind is CallerKind.AGENT:
        typed = f"aegisflow command {quote(command.device_id)} {command.command} --reason WHY"
        return f"{told}. {_joined(next_step, 'Give it on the page of the machine')}. Next: {typed}"
    return f"{told}. {by_command_line(stage, next_step, command.command_id, command.device_id)}"


def _joined(next_step: str, more: str) -> str:
    return ". ".join(one for one in (next_step, more) if one)
