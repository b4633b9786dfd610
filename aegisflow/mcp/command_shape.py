"""From commands to what an agent reads."""

from aegisflow.api.text import clean
from aegisflow.domain.commands.model import CommandReceipt, DeviceCommands
from aegisflow.domain.times import format_instant
from aegisflow.mcp.answers import CommandAnswer, UntrustedText

__all__ = ["command_answer", "command_options", "open_command"]

JUSTIFICATION_BYTES = 1_000


def open_command(receipt: CommandReceipt) -> str:
    """Return a command that is not over in one line."""
    command = receipt.command
    return f"{command.command_id} {command.command} {receipt.stage}: {receipt.next_step}"[:300]


_VERDICTS = {"allow": "allowed", "ask": "an operator decides", "deny": "denied"}


def command_options(commands: DeviceCommands) -> dict[str, str]:
    """Return command to what policy would say; of reduce_load, up to which reduction."""
    found: dict[str, str] = {}
    for option in commands.options:
        name = option.command if option.up_to_pct is None else f"{option.command} to {option.up_to_pct:g} %"
        why = f": {option.reasons[0]}" if option.verdict == "deny" and option.reasons else ""
        found[name] = f"{_VERDICTS[option.verdict]}{why}"[:200]
    return found


def command_answer(receipt: CommandReceipt, now: float) -> CommandAnswer:
    """Return how far a command came."""
    command = receipt.command
    by = f"{command.proposed_by.kind} {clean(command.proposed_by.name, 100)}"
    return CommandAnswer(
        as_of=format_instant(now),
        command_id=command.command_id,
        device_id=command.device_id,
        command=command.command,
        parameters=dict(command.parameters),
        stage=receipt.stage,
        reasons=[clean(reason, 300) for reason in receipt.reasons[:10]],
        next_step=clean(receipt.next_step, 500),
        expires_at=None if receipt.expires_at is None else format_instant(receipt.expires_at),
        proposed_by=by,
        untrusted_justification=UntrustedText(words=clean(command.justification, JUSTIFICATION_BYTES), origin=by),
    )
