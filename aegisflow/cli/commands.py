"""What operators do from the command line: tokens, approvals, commands of their own, and the switch for agents."""

import hashlib
import re
import secrets
import sys
import urllib.parse
from collections.abc import Mapping
from typing import Any

from aegisflow.cli.client import OperatorClient
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


class CommandClient(OperatorClient):
    """What operators do about commands."""

    def approvals(self) -> int:
        """List what waits for an operator."""
        answer = self.call("GET", "approvals")
        told = ["\n".join(_view(view)) for view in answer["approvals"]]
        sys.stdout.write(("\n\n".join(told) or "nothing waits for an approval") + "\n")
        return 0

    def approve(self, command_id: str, *, sure: bool) -> int:
        """Show a command, have it confirmed, and approve exactly what was shown."""
        view = self._find(command_id)
        sys.stdout.write("\n".join(_view(view)) + "\n\n")
        if not sure:
            sys.stdout.write(f"Type {command_id} again to approve it: ")
            sys.stdout.flush()
            if sys.stdin.readline().strip() != command_id:
                sys.stdout.write("not approved\n")
                return 1
        return self._told(self.call("POST", f"commands/{_quoted(command_id)}/approve", {"digest": view["digest"]}))

    def reject(self, command_id: str, reason: str) -> int:
        """Refuse a command."""
        return self._told(self.call("POST", f"commands/{_quoted(command_id)}/reject", {"reason": reason}))

    def command(self, device: str, name: str, parameters: Mapping[str, str | float], reason: str) -> int:
        """Give a command as an operator; policy and interlocks hold all the same."""
        body = {"device_id": device, "command": name, "parameters": dict(parameters), "justification": reason}
        return self._told(self.call("POST", "commands", body))

    def agents(self) -> int:
        """Say whether agents may propose commands."""
        return _writes(self.call("GET", "agents"))

    def switch(self, reason: str, *, allow: bool) -> int:
        """Stop every command of agents, or allow them again."""
        return _writes(self.call("POST", f"agents/{'resume' if allow else 'stop'}", {"reason": reason}))

    def acknowledge(self, alarm_id: str, note: str) -> int:
        """Take note of an alarm."""
        answer = self.call("POST", f"alarms/{_quoted(alarm_id)}/acknowledge", {"note": note})
        sys.stdout.write(f"{answer['alarm_id']}: {answer['state']}, by {answer['acknowledged_by']}\n")
        return 0

    def _find(self, command_id: str) -> Mapping[str, Any]:
        waiting = self.call("GET", "approvals")["approvals"]
        for view in waiting:
            if view["command_id"] == command_id:
                return dict(view)
        raise UnknownNameError("command that waits for approval", command_id, [one["command_id"] for one in waiting])

    @staticmethod
    def _told(receipt: Mapping[str, Any]) -> int:
        """Print how far a command came; 1 when it will not be done."""
        stage = str(receipt["stage"])
        reasons = [f"  {reason}" for reason in receipt["policy"]]
        lines = [f"{receipt['command_id']}: {stage.replace('_', ' ')}", *reasons, f"  {receipt['next_step']}"]
        sys.stdout.write("\n".join(lines) + "\n")
        return 1 if stage in ("denied", "expired", "failed") else 0


def _view(view: Mapping[str, Any]) -> list[str]:
    """Return a command as lines: what it is, the facts, what policy says, and last the proposer's words."""
    parameters = ", ".join(f"{name} {value}" for name, value in view["parameters"].items())
    words = view["words_not_facts"]
    given = f", given so far by {', '.join(view['approved_by'])}" if view["approved_by"] else ""
    return [
        f"{view['command_id']}: {view['command']}{f' ({parameters})' if parameters else ''} on {view['device_id']}",
        f"  until      {view['expires_at']}",
        f"  approvals  {view['approvals_needed']} needed{given}",
        *(f"  {'facts' if not number else '':<9}  {fact}" for number, fact in enumerate(view["facts"])),
        *(f"  {'policy' if not number else '':<9}  {reason}" for number, reason in enumerate(view["policy"])),
        f"  words of the {words['of']}, not facts: “{words['text']}”",
    ]


def _writes(answer: Mapping[str, Any]) -> int:
    by = f", by {answer['by']} at {answer['at']}: {answer['reason']}" if answer["by"] else ""
    state = "agents may propose commands" if answer["allowed"] else "all commands of agents are STOPPED"
    sys.stdout.write(f"{state}{by}\n")
    return 0


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")
