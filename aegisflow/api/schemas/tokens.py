"""Who may come in: the tokens of agents and of people, without the tokens."""

from typing import Annotated, Self

from pydantic import Field

from aegisflow.api.fields import Flag, Read, as_number, words
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, Request, Shape, moment
from aegisflow.api.text import clean
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.credentials import Credential, OperatorSpec, Standing
from aegisflow.domain.rights import TOOLS, Grant, Role
from aegisflow.domain.times import parse_instant

__all__ = [
    "AgentToken",
    "AgentTokenList",
    "AgentTokenRequest",
    "ByName",
    "OperatorList",
    "OperatorToken",
]

_MAX_QUOTA = 100_000


class ByName(Request):
    """Which agent, or which person."""

    name: Annotated[str, words(NAME_BYTES)]


class AgentToken(Shape):
    """What is known of an agent's token, and what it opens."""

    name: str
    standing: Standing
    tools: list[str]
    """The only tools that it opens; none named: all."""
    read_only: bool
    calls_per_min: int | None
    proposals_per_hour: int | None
    made_at: Moment
    made_by: str
    expires_at: Moment | None
    revoked_at: Moment | None
    revoked_by: str
    reason: str
    """Why it was revoked."""

    @classmethod
    def of(cls, credential: Credential, standing: Standing) -> Self:
        """Return what people may see of a token."""
        return cls(
            name=credential.name,
            standing=standing,
            tools=list(credential.tools),
            read_only=credential.read_only,
            calls_per_min=credential.calls_per_min,
            proposals_per_hour=credential.proposals_per_hour,
            made_at=moment(credential.made_at) or "",
            made_by=credential.made_by,
            expires_at=moment(credential.expires_at),
            revoked_at=moment(credential.revoked_at),
            revoked_by=credential.revoked_by,
            reason=clean(credential.reason, WORDS_BYTES),
        )


class AgentTokenList(Shape):
    """The tokens of agents by name, those that have ended included."""

    agents: list[AgentToken]


class HeldRole(Shape):
    """A role, and where it holds."""

    role: Role
    lines: list[str] | None
    """The only lines on whose machines it acts; null for all."""

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """Return a role that somebody has."""
        return cls(role=grant.role, lines=None if grant.lines is None else list(grant.lines))

    def __str__(self) -> str:
        return str(Grant(self.role, None if self.lines is None else tuple(self.lines)))


class OperatorToken(Shape):
    """A person of ``plant.yaml``, and whether their token opens anything."""

    name: str
    role: Role
    standing: Standing
    expires_at: Moment | None
    lines: list[str] | None
    """The only lines on whose machines they act by it; null for all."""
    also: list[HeldRole] = Field(default_factory=list)
    """Further roles of whoever the sign-in service proved: some have one on some lines and another on others."""

    @property
    def roles(self) -> str:
        """All that they may and where, in words: ``approver of line-1 and viewer``."""
        return " and ".join(map(str, (HeldRole(role=self.role, lines=self.lines), *self.also)))

    @classmethod
    def of(cls, name: str, spec: OperatorSpec, standing: Standing) -> Self:
        """Return what people may see of each other's tokens."""
        first, *more = map(HeldRole.of, spec.grants)
        expires_at = moment(spec.expires_at)
        return cls(name=name, role=first.role, standing=standing, expires_at=expires_at, lines=first.lines, also=more)


class OperatorList(Shape):
    """The people who may come in."""

    operators: list[OperatorToken]


def _tools(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tool, str) and tool in TOOLS for tool in value):
        raise ValueError(value)
    return tuple(dict.fromkeys(value))


def _quota(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) or not (count := as_number(value)).is_integer() or not 0 <= count <= _MAX_QUOTA:
        raise ValueError(value)
    return int(count)


def _instant(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(value)
    return parse_instant(value)


Quota = Annotated[
    int | None,
    Read(_quota, f"a whole number from 0 to {_MAX_QUOTA}, or null for none", {"minimum": 0, "maximum": _MAX_QUOTA}),
]


class AgentTokenRequest(Request):
    """Make a token of an agent known: whoever made it sends its hash, so that the token itself travels nowhere."""

    name: Annotated[str, words(NAME_BYTES)]
    token_sha256: Annotated[str, words(NAME_BYTES, "the SHA-256 of the token as 64 digits 0-9 and a-f")]
    tools: Annotated[tuple[str, ...], Read(_tools, f"a list of tools out of {', '.join(TOOLS)}")] = ()
    """The only tools that it opens; none named: all."""
    read_only: Flag = False
    calls_per_min: Quota = None
    proposals_per_hour: Quota = None
    expires_at: Annotated[float | None, Read(_instant, "an instant of ISO 8601, or null")] = Field(default=None)

    def credential(self) -> Credential:
        """Return what is asked to be kept."""
        return Credential(
            self.name,
            CallerKind.AGENT,
            self.token_sha256,
            tools=self.tools,
            read_only=self.read_only,
            calls_per_min=self.calls_per_min,
            proposals_per_hour=self.proposals_per_hour,
            expires_at=self.expires_at,
        )
