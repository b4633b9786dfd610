"""What operators do from the command line: tokens, approvals, commands of their own, and the switch for agents."""

import hashlib
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.commands import AgentSwitch, Approval, CommandSummary
from aegisflow.cli.client import OperatorClient
from aegisflow.domain.commands.model import Stage
from aegisflow.errors import BadValueError, UnknownNameError

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BYTES = 32
"""So many random bytes nobody guesses, which is why a plain hash without salt is enough."""


def token_text(name: str) -> str:
    """Return a fresh token and the lines for plant.yaml, as text for the person who asked."""
    if not _NAME.fullmatch(name):
        raise BadValueError("NAME", name, "up to 64 letters, digits and _ . -, beginning with a letter or digit")
    token = secrets.token_urlsafe(_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return (
        f"Token of {name}, shown only now; whoever has it acts as {name}:\n\n"
        f"  {token}\n\n"
        "For plant.yaml (takes effect when AegisFlow starts again):\n\n"
        f'operators:\n  {name}:\n    token_sha256: "{digest}"\n'
    )


class CommandClient:
    """Asks about commands and prints what is answered; each method returns the exit code."""

    def __init__(self, plant: Path, url: str | None) -> None:
        self._serve = OperatorClient(plant, url)

    def approvals(self) -> int:
        """List what waits for an operator."""
        answer = self._serve.call(ends.LIST_APPROVALS)
        told = ["\n".join(_paragraph(one)) for one in answer.approvals]
        sys.stdout.write(("\n\n".join(told) or "nothing waits for an approval") + "\n")
        return 0

    def approve(self, command_id: str, *, sure: bool) -> int:
        """Show a command, have it confirmed, and approve exactly what was shown."""
        waiting = self._find(command_id)
        sys.stdout.write("\n".join(_paragraph(waiting)) + "\n\n")
        if not sure:
            sys.stdout.write(f"Type {command_id} again to approve it: ")
            sys.stdout.flush()
            if sys.stdin.readline().strip() != command_id:
                sys.stdout.write("not approved\n")
                return 1
        return _told(self._serve.call(ends.APPROVE, {"id": command_id}, {"digest": waiting.digest}))

    def reject(self, command_id: str, reason: str) -> int:
        """Reject a command."""
        return _told(self._serve.call(ends.REJECT, {"id": command_id}, {"reason": reason}))

    def command(self, device: str, name: str, parameters: Mapping[str, str | float], reason: str) -> int:
        """Give a command as an operator; policy and interlocks hold all the same."""
        body = {"device_id": device, "command": name, "parameters": dict(parameters), "justification": reason}
        return _told(self._serve.call(ends.GIVE_COMMAND, body=body))

    def agents(self) -> int:
        """Say whether agents may propose commands."""
        return _switched(self._serve.call(ends.SHOW_AGENTS))

    def switch(self, reason: str, *, allow: bool) -> int:
        """Stop every command of agents, or allow them again."""
        endpoint = ends.RESUME_AGENTS if allow else ends.STOP_AGENTS
        return _switched(self._serve.call(endpoint, body={"reason": reason}))

    def acknowledge(self, alarm_id: str, note: str) -> int:
        """Take note of an alarm."""
        answer = self._serve.call(ends.ACKNOWLEDGE, {"id": alarm_id}, {"note": note})
        sys.stdout.write(f"{answer.alarm_id}: {answer.state}, by {answer.acknowledged_by}\n")
        return 0

    def _find(self, command_id: str) -> Approval:
        waiting = self._serve.call(ends.LIST_APPROVALS).approvals
        for one in waiting:
            if one.command_id == command_id:
                return one
        raise UnknownNameError("command that waits for approval", command_id, [one.command_id for one in waiting])


def _told(command: CommandSummary) -> int:
    """Print how far a command came; return 1 when it will not be done."""
    reasons = [f"  {reason}" for reason in command.policy]
    head = f"{command.command_id}: {command.stage.replace('_', ' ')}"
    sys.stdout.write("\n".join([head, *reasons, f"  {command.next_step}"]) + "\n")
    return 1 if command.stage in (Stage.DENIED, Stage.EXPIRED, Stage.FAILED) else 0


def _paragraph(waiting: Approval) -> list[str]:
    """Return a command as lines: what it is, the facts, what the policy says, and last the proposer's words."""
    parameters = ", ".join(f"{name} {value}" for name, value in waiting.parameters.items())
    words = waiting.words_not_facts
    given = f", given so far by {', '.join(waiting.approved_by)}" if waiting.approved_by else ""
    what = f"{waiting.command}{f' ({parameters})' if parameters else ''}"
    return [
        f"{waiting.command_id}: {what} on {waiting.device_id}",
        f"  until      {waiting.expires_at}",
        f"  approvals  {waiting.approvals_needed} needed{given}",
        *(f"  {'facts' if not number else '':<9}  {fact}" for number, fact in enumerate(waiting.facts)),
        *(f"  {'policy' if not number else '':<9}  {reason}" for number, reason in enumerate(waiting.policy)),
        f"  words of the {words.of}, not facts: “{words.text}”",
    ]


def _switched(switch: AgentSwitch) -> int:
    by = f", by {switch.by} at {switch.at}: {switch.reason}" if switch.by else ""
    state = "agents may propose commands" if switch.allowed else "all commands of agents are STOPPED"
    sys.stdout.write(f"{state}{by}\n")
    return 0
