"""Tokens of people and agents: what is kept of them, and what an agent may do by its own.

A token is 32 random bytes and stands nowhere; what is kept is its SHA-256. Tokens begin and end by the wall clock,
which is no plant's: a replay of last year's readings does not bring back last year's tokens.
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aegisflow.domain.callers import CallerKind
from aegisflow.domain.rights import RIGHTS, TOOLS, Grant, Right, Role
from aegisflow.domain.times import format_instant

__all__ = ["AgentAccess", "Credential", "OperatorSpec", "Quota", "Standing", "device_key", "token_hash", "why_not"]


def token_hash(token: str) -> str:
    """Return the SHA-256 of a token as hex; a plain hash is right, since a token is 32 random bytes."""
    return hashlib.sha256(token.encode()).hexdigest()


class Standing(StrEnum):
    """Whether a token still opens anything."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class OperatorSpec:
    """A person who may come in, as ``plant.yaml`` names them."""

    token_sha256: str
    """Lower-case hex."""
    role: Role = Role.APPROVER
    expires_at: float | None = None
    """UTC epoch seconds; None for a token that does not expire."""
    lines: tuple[str, ...] | None = None
    """The only lines on whose machines they act; None for all."""
    also: tuple[Grant, ...] = ()
    """Further roles of somebody whom a sign-in service has proved."""

    @property
    def grants(self) -> tuple[Grant, ...]:
        """All that they may, and where."""
        return (self.grant, *self.also)

    @property
    def grant(self) -> Grant:
        """What they may, and where."""
        return Grant(self.role, self.lines)


@dataclass(frozen=True, slots=True)
class Credential:
    """What the store keeps of a token; once there, it only ever ends."""

    name: str
    kind: CallerKind
    """AGENT for an agent's token; OPERATOR for the revocation of a token that ``plant.yaml`` still names."""
    token_sha256: str
    tools: tuple[str, ...] = ()
    """The only tools that it opens; none named: all."""
    read_only: bool = False
    calls_per_min: int | None = None
    """None for no quota of its own."""
    proposals_per_hour: int | None = None
    made_at: float = 0.0
    """UTC epoch seconds by the wall clock, as are the instants below."""
    made_by: str = ""
    expires_at: float | None = None
    revoked_at: float | None = None
    revoked_by: str = ""
    reason: str = ""
    """Why it was revoked."""

    def standing(self, at: float) -> Standing:
        """Return whether it opens anything at an instant of the wall clock."""
        if self.revoked_at is not None:
            return Standing.REVOKED
        if self.expires_at is not None and at >= self.expires_at:
            return Standing.EXPIRED
        return Standing.ACTIVE

    def ended(self, at: float) -> str:
        """Return when and why it ended, as it goes on after "the token"; empty while it has not."""
        if self.revoked_at is not None:
            return f"was revoked by {self.revoked_by} at {format_instant(self.revoked_at)}"
        if self.expires_at is not None and at >= self.expires_at:
            return f"expired at {format_instant(self.expires_at)}"
        return ""


@dataclass(frozen=True, slots=True)
class AgentAccess:
    """What holds for all agents of a plant, whoever they are."""

    read_only: bool = False
    """Whether no agent may note or propose anything."""
    tools_off: frozenset[str] = frozenset()
    """Tools that nobody may call."""
    anonymous: bool | None = None
    """Whether an agent needs no token of its own; None: only until the first one is made."""
    users: Mapping[str, str] = field(default_factory=dict)
    """Name of a user of this machine to that of the agent which it starts on standard input and output."""


def why_not(tool: str, access: AgentAccess, credential: Credential | None) -> str:
    """Return why an agent may not call a tool, in words for it; empty if it may.

    Args:
        tool: its name; one that is not in ``TOOLS`` is nobody's.
        access: what holds for all agents.
        credential: the agent's own; None where it has none.
    """
    right = TOOLS.get(tool)
    if right is None or right not in RIGHTS[Role.AGENT]:
        return "it is no tool of agents"
    if tool in access.tools_off:
        return "plant.yaml has switched this tool off"
    if access.read_only and right is not Right.ASK:
        return "this plant is read-only for agents"
    if credential is None:
        return ""
    if credential.tools and tool not in credential.tools:
        return f"it is not among the tools of {credential.name}: {', '.join(credential.tools)}"
    if credential.read_only and right is not Right.ASK:
        return f"{credential.name} is read-only"
    return ""


class Quota:
    """At most so many within so long, counted from the last one back."""

    def __init__(self, count: int, within_s: float) -> None:
        self.count = count
        self.within_s = within_s
        self._taken: deque[float] = deque()

    def take(self, at: float) -> float:
        """Take one at an instant of a clock that never goes back; return 0, or in how many seconds one is free."""
        while self._taken and at - self._taken[0] >= self.within_s:
            self._taken.popleft()
        if len(self._taken) < self.count:
            self._taken.append(at)
            return 0.0
        return self.within_s - (at - self._taken[0]) if self._taken else self.within_s


def device_key(plant_key: bytes, device_id: str) -> str:
    """Return the key that a device signs its readings with, in hexadecimal."""
    return hmac.new(plant_key, f"reading\n{device_id}".encode(), hashlib.sha256).hexdigest()
