"""Who asks, and what only an operator may do."""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from aegisflow.domain.rights import Extent, Grant, Right, Role, roles_with
from aegisflow.errors import NotAllowedError

__all__ = ["RESERVED_NAMES", "Caller", "CallerKind", "is_reserved", "quota_name", "require_operator", "why_not"]

_SELF_NAMED, _NO_NAME = "calls itself", "gives no name"


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


RESERVED_NAMES = frozenset(kind.value for kind in CallerKind)
"""What nobody is called, so that a name is never taken for a kind."""


def is_reserved(name: str) -> bool:
    """Return whether a name looks like a kind, or like one that is given with what proves it; nobody may have it.

    A name that somebody gave itself is given as such, and one that a sign-in service proves has a tag behind it.
    """
    plain = " ".join(name.casefold().split())
    return plain in RESERVED_NAMES or plain.startswith(_SELF_NAMED) or bool(set(plain) & set("‹›"))


def quota_name(name: str) -> str:
    """Return by which name a caller's quota goes: all that give themselves a name, or none, share one."""
    return _SELF_NAMED if name.startswith(_SELF_NAMED) or name == _NO_NAME else name


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the transport knows it; never taken from a text field."""

    name: str
    """Whoever shows or stores it need not ask who gave it: one that the caller gave itself is quoted as such."""
    kind: CallerKind
    authenticated: bool = False
    """Whether a secret proves the name of an agent. An operator's is always proven: that makes the kind."""
    role: Role | None = None
    """Of a person; None stands for an approver, as which operators began."""
    lines: tuple[str, ...] | None = None
    """The only lines on whose machines a person acts by that role; None for all. Everybody sees all of them."""
    also: tuple[Grant, ...] = ()
    """Further roles of a person, where somebody has one on some lines and another on others."""

    @classmethod
    def self_named(cls, name: str) -> "Caller":
        """Return the agent that gives this name and proves it by nothing.

        The name becomes ``calls itself “…”``, so that no reader of the audit or of an approval takes it for
        somebody whom AegisFlow knows.
        """
        inside = name.translate({ord(quote): "'" for quote in "“”„"})
        return cls(f"{_SELF_NAMED} “{inside}”" if inside else _NO_NAME, CallerKind.AGENT)

    def is_one_of(self, callers: Container[str]) -> bool:
        """Return whether a list of kinds and names means this caller: by its kind, or by a name that is proven."""
        if self.kind in callers:
            return True
        return (self.is_operator or self.authenticated) and not is_reserved(self.name) and self.name in callers

    @property
    def is_operator(self) -> bool:
        """Whether this is a person with an operator's token."""
        # By identity: a plain text in place of the enum, whatever it says, has no rights.
        return self.kind is CallerKind.OPERATOR

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The roles of this caller, and where they hold; an agent is no more than an agent whatever it says."""
        if self.is_operator:
            return (Grant(Role.APPROVER if self.role is None else self.role, self.lines), *self.also)
        return (Grant(Role.AGENT if self.kind is CallerKind.AGENT else Role.NONE),)

    def may(self, right: Right, on: str | Extent = Extent.ANYWHERE) -> bool:
        """Return whether a role of this caller has a right, and reaches that far.

        Args:
            right: what the act needs.
            on: the line of the machine that it is done to, or how far else it reaches.
        """
        return any(grant.gives(right, on) for grant in self.grants)

    @property
    def is_limited(self) -> bool:
        """Whether this is a person whose roles do not all hold for every line."""
        return any(grant.lines is not None for grant in self.grants)

    @property
    def standing(self) -> str:
        """The roles of this caller and where they hold, in words: ``operator of line-1``."""
        return " and ".join(map(str, self.grants))

    @property
    def may_propose(self) -> bool:
        """Whether a command of this caller is judged by the policy at all."""
        return self.may(Right.COMMAND) or self.may(Right.PROPOSE)


def require_operator(
    by: Caller, right: Right, what: str, why: str = "only an operator can", *, on: str | Extent
) -> None:
    """Refuse everybody but operators whose role has a right where it is done.

    Args:
        by: the caller.
        right: what the act needs.
        what: the act, as it goes on after "may not".
        why: told to whoever is no operator.
        on: the line of the machine that it is done to, or how far else it reaches. It has no default, so that
            nobody forgets to say it.

    Raises:
        NotAllowedError: the caller is no operator, one of a lesser role, or one of other lines.
    """
    if not by.is_operator:
        raise NotAllowedError(what, by.name, why)
    if not by.may(right, on):
        raise NotAllowedError(what, by.name, why_not(by, right, on))


def why_not(by: Caller, right: Right, on: str | Extent) -> str:
    """Return why a person may not do something there, as it goes on after "may not: "."""
    if not by.may(right):
        return f"it needs the role {roles_with(right)[0]}, and theirs is {by.standing}"
    whose = "the whole plant" if on is Extent.WHOLE_PLANT else f"a machine of {on or 'no line'}"
    return f"it is about {whose}, and their role is {by.standing}"
