"""Who may come in: the tokens of agents and of people, without the tokens."""

from typing import Annotated, Self

from pydantic import Field

from aegisflow.api.fields import Flag, Read, as_number, words
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, Request, Shape, moment
from aegisflow.api.text import clean
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.credentials import Credential, OperatorSpec, Standing
from aegisflow.domain.rights import TOOLS, Role
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


class OperatorToken(Shape):
    """A person of ``plant.yaml``, and whether their token opens anything."""

    name: str
    role: Role
    standing: Standing
    expires_at: Moment | None
    lines: list[str] | None
    """The only lines on whose machines they act; null for all."""

    @classmethod
    def of(cls, name: str, spec: OperatorSpec, standing: Standing) -> Self:
        """Return what people may see of each other's tokens."""
        lines = None if spec.lines is None else list(spec.lines)
        return cls(name=name, role=spec.role, standing=standing, expires_at=moment(spec.expires_at), lines=lines)


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
