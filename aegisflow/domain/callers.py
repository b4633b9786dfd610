"""Who asks, and what only an operator may do."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from aegisflow.errors import NotAllowedError

__all__ = ["Caller", "CallerKind", "require_operator", "resembles_kind"]


class CallerKind(StrEnum):
    """What a caller is. Every right is given to kinds that are named; no kind has one because it isn't another."""

    OPERATOR = "operator"
    """A person, known by an operator's token."""
    AGENT = "agent"
    """Whoever comes by MCP."""
    SYSTEM = "system"
    """A part of AegisFlow that acts on its own."""
    UNKNOWN = "unknown"
    """What a store says that this version has no word for; it has no rights at all."""

    @classmethod
    def of(cls, text: str) -> "CallerKind":
        """Return the kind that a stored text means.

        Case and blanks count: a text that is only similar to a kind is unknown, so that a damaged or a newer
        store can be read, but grants nothing.
        """
        return cls(text)

    @classmethod
    def _missing_(cls, value: object) -> "CallerKind":
        return cls.UNKNOWN


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the transport knows it; never taken from a text field."""

    name: str
    kind: CallerKind

    @property
    def is_operator(self) -> bool:
        """Whether this is a person with an operator's token."""
        # By identity: a plain text in place of the enum, whatever it says, has no rights.
        return self.kind is CallerKind.OPERATOR

    @property
    def is_agent(self) -> bool:
        """Whether this is an agent that came by MCP."""
        return self.kind is CallerKind.AGENT

    @property
    def may_propose(self) -> bool:
        """Whether the policy judges a command of this caller at all."""
        return self.is_operator or self.is_agent

    def is_one_of(self, callers: Collection[str]) -> bool:
        """Return whether a list of kinds and names, as a rule has it, includes this caller.

        A word for a kind is never a name there: an agent that calls itself "operator" is no operator.
        """
        return self.kind in callers or (self.name in callers and self.name not in _KINDS)


_KINDS = frozenset(kind.value for kind in CallerKind)


def resembles_kind(text: str) -> bool:
    """Return whether a text reads like the kind of a caller that may propose commands, but isn't one.

    Where a rule lists kinds and names, such a text is a slip: it would be the name of a caller that never comes.
    """
    word = text.strip().casefold().removesuffix("s")
    return word in _KINDS and text not in (CallerKind.OPERATOR, CallerKind.AGENT)


def require_operator(by: Caller, what: str, why: str = "only an operator can") -> None:
    """Refuse everybody but operators.

    Args:
        by: the caller.
        what: the act, as it goes on after "may not".
        why: told to whoever is refused.

    Raises:
        NotAllowedError: the caller is no operator.
    """
    if not by.is_operator:
        raise NotAllowedError(what, by.name, why)
