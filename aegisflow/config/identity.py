"""The part of ``plant.yaml`` that says who may come in: people by their tokens, and what holds for all agents."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from aegisflow.config.fields import EMPTY, Name, Section, Wording
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of
from aegisflow.domain.callers import RESERVED_NAMES, is_reserved
from aegisflow.domain.credentials import AgentAccess, OperatorSpec
from aegisflow.domain.rights import TOOLS, Role
from aegisflow.domain.times import parse_instant

__all__ = ["AgentsPart", "OperatorPart", "build_access", "build_operators"]


def _instant(value: str) -> str:
    parse_instant(value)
    return value


Instant = Annotated[
    str,
    AfterValidator(_instant),
    WithJsonSchema({"type": "string", "examples": ["2027-01-31", "2027-01-31T08:00:00Z"]}),
    Wording("an instant of ISO 8601, such as 2027-01-31 or 2027-01-31T08:00:00Z"),
]


Lines = Annotated[
    tuple[Name, ...],
    Field(strict=False, min_length=1),
    Wording("a list of lines, such as [line-1]; left out, all lines"),
]


class OperatorPart(Section):
    """A person who may come in; ``aegisflow operator NAME`` makes the token and this entry."""

    token_sha256: Annotated[
        str,
        Field(pattern="^[0-9a-f]{64}$"),
        Wording("the SHA-256 of a token: 64 digits 0-9 and a-f, as aegisflow operator NAME prints it"),
    ] = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    """SHA-256 of the person's token; the token itself never stands in this file."""
    role: Annotated[
        Literal["viewer", "operator", "approver", "admin"], Wording("viewer, operator, approver or admin")
    ] = "approver"
    """viewer looks; operator also handles alarms and commands machines; approver also decides on what agents
    propose; admin also makes and revokes tokens."""
    expires: Instant | None = Field(default=None, examples=["2027-01-31"])
    """When the token ends; left out, it does not."""
    lines: Lines | None = Field(default=None, examples=[["line-1"]])
    """The only lines on whose machines they act; left out, all. Everybody sees all of them."""


class AgentsPart(Section):
    """What holds for all agents, on standard input and over HTTP; ``aegisflow agent add`` makes tokens of their own."""

    read_only: bool = False
    """true: no agent acknowledges, reports or proposes anything."""
    tools: Annotated[dict[Name, bool], EMPTY] = Field(
        default_factory=dict, examples=[{"execute_device_command": False}]
    )
    """Tool to false, where nobody may call it."""
    anonymous: bool | None = Field(default=None, examples=[False])
    """Whether agents need no token of their own; left out, only until the first is made."""
    users: Annotated[dict[Name, Name], EMPTY] = Field(default_factory=dict, examples=[{"archestra": "shift-agent"}])
    """User of this machine to the name of the agent that aegisflow mcp serves, where that user starts it."""


def build_operators(
    parts: Mapping[str, OperatorPart], lines: Collection[str], mistakes: Mistakes
) -> dict[str, OperatorSpec]:
    """Return the people; one token must stand for one person, or the audit could not say who approved."""
    owners: dict[str, str] = {}
    for name, part in parts.items():
        owner = owners.setdefault(part.token_sha256, name)
        if owner != name:
            at = ("operators", name, "token_sha256")
            mistakes.add(at, Shown(f"the token of {owner}"), "a token of their own for each operator")
        if is_reserved(name):
            mistakes.add(("operators", name), name, f"a person's name, none of {', '.join(sorted(RESERVED_NAMES))}")
        check_grant(("operators", name), part.role, part.lines, lines, mistakes)
    return {name: _operator(part) for name, part in parts.items()}


def check_grant(
    at: KeyPath, role: str, lines: tuple[str, ...] | None, known: Collection[str], mistakes: Mistakes
) -> None:
    """Lines must exist, and whoever administers does so for the whole plant: agents act on every line."""
    for line in lines or ():
        if line not in known:
            mistakes.add((*at, "lines"), line, one_of(list(known)) + closest(line, list(known)))
    if lines is not None and role == Role.ADMIN:
        expected = "none, since an admin makes tokens for every line; or another role"
        mistakes.add((*at, "lines"), Shown(f"lines of an {role}"), expected)


def _operator(part: OperatorPart) -> OperatorSpec:
    expires_at = None if part.expires is None else parse_instant(part.expires)
    return OperatorSpec(part.token_sha256, Role(part.role), expires_at, part.lines)


def build_access(part: AgentsPart, operators: Mapping[str, OperatorPart], mistakes: Mistakes) -> AgentAccess:
    """Return what holds for all agents; tools must exist, and nobody is an agent and a person."""
    for tool in part.tools:
        if tool not in TOOLS:
            mistakes.add(("agents", "tools", tool), tool, one_of(list(TOOLS)) + closest(tool, list(TOOLS)))
    for user, name in part.users.items():
        if is_reserved(name) or name in operators:
            mistakes.add(("agents", "users", user), name, "the name of an agent, which nobody else has")
    off = frozenset(tool for tool, is_on in part.tools.items() if not is_on)
    return AgentAccess(part.read_only, off, part.anonymous, dict(part.users))
