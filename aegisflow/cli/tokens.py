"""Who may come in, from the command line: tokens of people and agents, and the switch for all agents."""

import re
import secrets
import sys
import time
from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import App, Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.commands import AgentSwitch
from aegisflow.api.schemas.tokens import AgentToken
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath, ServeUrl
from aegisflow.cli.client import OperatorClient
from aegisflow.domain.credentials import token_hash
from aegisflow.domain.times import format_instant, parse_duration, parse_instant
from aegisflow.errors import BadValueError

__all__ = [
    "agent_app",
    "agents_app",
    "can_have_token",
    "fresh_token",
    "operator",
    "operator_section",
    "operators_app",
    "token_text",
]

Reason = Annotated[str, Parameter(help="why, for the audit")]
Name = Annotated[str, Parameter(help="name of the agent, as approvals and the audit show it")]
RoleName = Literal["viewer", "operator", "approver", "admin"]

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BYTES = 32
"""So many random bytes nobody guesses, which is why a plain hash without salt is enough."""
_NEVER = "never"


def can_have_token(name: str) -> bool:
    """Return whether plant.yaml can name somebody so."""
    return _NAME.fullmatch(name) is not None


def fresh_token(name: str) -> str:
    """Return a fresh token for somebody of this name.

    Raises:
        BadValueError: plant.yaml cannot have such a name.
    """
    if not can_have_token(name):
        raise BadValueError("NAME", name, "up to 64 letters, digits and _ . -, beginning with a letter or digit")
    return secrets.token_urlsafe(_BYTES)


def token_text(name: str, role: RoleName = "approver", expires: str = _NEVER, lines: Sequence[str] = ()) -> str:
    """Return a fresh token and the lines for plant.yaml, as text for the person who asked."""
    token = fresh_token(name)
    end = _end(expires)
    return (
        f"Token of {name}, shown only now; whoever has it acts as {name}:\n\n"
        f"  {token}\n\n"
        "For plant.yaml (takes effect when the file is saved, or when AegisFlow starts):\n\n"
        + operator_section(name, token, role, end, lines)
    )


def operator_section(name: str, token: str, role: RoleName, end: float | None = None, lines: Sequence[str] = ()) -> str:
    """Return what plant.yaml needs to let somebody in, until ``end`` (UTC epoch seconds) where there is one."""
    text = [
        "operators:",
        f"  {name}:",
        f'    token_sha256: "{token_hash(token)}"',
        f"    role: {role}",
        *([] if end is None else [f'    expires: "{format_instant(end)}"']),
        *([f"    lines: [{', '.join(lines)}]"] if lines else []),
    ]
    return "\n".join(text) + "\n"


def _end(expires: str) -> float | None:
    """Return when a token ends, UTC epoch seconds: after so long, or at an instant; None for never."""
    if expires == _NEVER:
        return None
    for read in (lambda text: time.time() + parse_duration(text), parse_instant):
        try:
            return read(expires)
        except (ValueError, OverflowError):
            continue
    raise BadValueError("--expires", expires, "never, a time from now such as 90d, or a date such as 2027-01-31")


def operator(
    name: Annotated[str, Parameter(help="name of the person, as the audit shows it")],
    *,
    role: Annotated[RoleName, Parameter(help="what they may do")] = "approver",
    expires: Annotated[str, Parameter(help="when it ends: never, 90d from now, or an ISO 8601 time")] = _NEVER,
    lines: Annotated[str, Parameter(help="the only lines they act on, with commas between; empty for all")] = "",
) -> None:
    """Print a fresh token and the lines for plant.yaml."""
    wanted = [line.strip() for line in lines.split(",") if line.strip()]
    if not all(can_have_token(line) for line in wanted):
        raise BadValueError("--lines", lines, "names of lines as plant.yaml has them, with commas between")
    sys.stdout.write(token_text(name, role, expires, wanted))


operators_app = App(name="operators", help_format="plaintext")


@operators_app.default
@operators_app.command(name="list")
def list_operators(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """List the people who may come in, with their roles."""
    people = OperatorClient(plant, url).call(ends.LIST_OPERATORS).operators
    lines = [f"{one.name:<20} {one.standing:<8} {one.roles}{_until(one.expires_at)}" for one in people]
    sys.stdout.write("\n".join(lines or ["plant.yaml names no operators"]) + "\n")
    return 0


@operators_app.command(name="revoke")
def revoke_operator(name: str, *, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """End the token of a person at once, whatever plant.yaml says."""
    ended = OperatorClient(plant, url).call(ends.REVOKE_OPERATOR, {"name": name}, {"reason": reason})
    sys.stdout.write(f"the token of {ended.name} opens nothing any more; their lines in plant.yaml can go\n")
    return 0


def show(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Say whether agents may propose commands now, and who decided that."""
    return _switched(OperatorClient(plant, url).call(ends.SHOW_AGENTS))


def stop(*, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Stop every command of agents, from now on and over restarts."""
    return _switched(OperatorClient(plant, url).call(ends.STOP_AGENTS, body={"reason": reason}))


def resume(*, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Allow agents to propose commands again."""
    return _switched(OperatorClient(plant, url).call(ends.RESUME_AGENTS, body={"reason": reason}))


def add(
    name: Name,
    *,
    tools: Annotated[str, Parameter(help="the only tools it may call, with commas between; empty for all")] = "",
    read_only: Annotated[bool, Parameter(negative="", help="it may ask, and neither note nor propose")] = False,
    calls_per_min: Annotated[int | None, Parameter(help="of all tools together")] = None,
    proposals_per_hour: Annotated[int | None, Parameter(help="of commands")] = None,
    expires: Annotated[str, Parameter(help="when it ends: never, 90d from now, or an ISO 8601 time")] = _NEVER,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Make a token for an agent, which opens at once; it is shown once, and only its hash is kept.

    The token is made here, and the plant is told no more than its hash.
    """
    serve = OperatorClient(plant, url)
    token = fresh_token(name)
    end = _end(expires)
    body = {
        "name": name,
        "token_sha256": token_hash(token),
        "tools": [tool.strip() for tool in tools.split(",") if tool.strip()],
        "read_only": read_only,
        "calls_per_min": calls_per_min,
        "proposals_per_hour": proposals_per_hour,
        "expires_at": None if end is None else format_instant(end),
    }
    made = serve.call(ends.ADD_AGENT_TOKEN, body=body)
    sys.stdout.write(
        f"Token of {made.name}, shown only now; whoever has it acts as {made.name}:\n\n  {token}\n\n"
        "Over HTTP it is the bearer token at /mcp; aegisflow mcp reads it from AEGISFLOW_AGENT_TOKEN.\n"
        f"{made.name} {_described(made)}\n"
    )
    return 0


def list_agents(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """List the agents that have or had a token, and what it opens."""
    agents = OperatorClient(plant, url).call(ends.LIST_AGENT_TOKENS).agents
    lines = [f"{one.name:<20} {one.standing:<8} {_described(one)}" for one in agents]
    sys.stdout.write("\n".join(lines or ["no agent has a token; aegisflow agent add NAME makes one"]) + "\n")
    return 0


def revoke(name: Name, *, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """End the token of an agent at once, and over restarts."""
    ended = OperatorClient(plant, url).call(ends.REVOKE_AGENT_TOKEN, {"name": name}, {"reason": reason})
    sys.stdout.write(f"the token of {ended.name} opens nothing any more\n")
    return 0


def _described(one: AgentToken) -> str:
    """Return what a token opens, in words."""
    parts = ["may only ask" if one.read_only else "may ask, note and propose"]
    parts += [f"only by {', '.join(one.tools)}"] if one.tools else []
    parts += [f"{one.calls_per_min} calls a minute"] if one.calls_per_min is not None else []
    parts += [f"{one.proposals_per_hour} proposals an hour"] if one.proposals_per_hour is not None else []
    ended = f"; revoked by {one.revoked_by} at {one.revoked_at}: {one.reason}" if one.revoked_at else ""
    return ", ".join(parts) + _until(one.expires_at) + f"; made by {one.made_by} at {one.made_at}" + ended


def _until(expires_at: str | None) -> str:
    return f" until {expires_at}" if expires_at else ""


def _switched(switch: AgentSwitch) -> int:
    by = f", by {switch.by} at {switch.at}: {switch.reason}" if switch.by else ""
    state = "agents may propose commands" if switch.allowed else "all commands of agents are STOPPED"
    if not switch.durable:
        state += " (in force, but not stored yet: a restart would forget it)"
    sys.stdout.write(f"{state}{by}\n")
    return 0


def _agents(name: str) -> App:
    """Return the commands about agents under a name."""
    commands = App(name=name, help_format="plaintext")
    commands.default(show)
    for word, command in (
        ("show", show),
        ("stop", stop),
        ("resume", resume),
        ("add", add),
        ("list", list_agents),
        ("revoke", revoke),
    ):
        commands.command(command, name=word)
    return commands


agent_app = _agents("agent")
agents_app = _agents("agents")  # what the group was called while it held nothing but the switch
