"""Who asks, and what only an operator may do."""

from dataclasses import dataclass
from enum import StrEnum

from aegisflow.errors import NotAllowedError

__all__ = ["Caller", "CallerKind", "require_operator"]


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
    def may_propose(self) -> bool:
        """Whether a command of this caller is judged by the policy at all."""
        return self.kind is CallerKind.OPERATOR or self.kind is CallerKind.AGENT


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
