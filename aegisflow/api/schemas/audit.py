"""What the audit tells people: the story of a command."""

from collections.abc import Mapping, Sequence
from typing import Self

from aegisflow.api.schemas.base import Moment, Shape, StatedWords
from aegisflow.api.text import clean
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry

__all__ = ["AuditStep", "CommandStory"]

_WORDS_BYTES = 2_000
_REASON_BYTES = 300
_NAME_BYTES = 80


class AuditStep(Shape):
    """Who did what, and when."""

    at: Moment
    act: str
    """As words: ``awaiting approval``."""
    by: str
    reasons: list[str]
    words_not_facts: StatedWords | None
    """The justification, where somebody proposed."""

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return a row of the audit."""
        reasons = entry.detail.get("reasons")
        words = entry.detail.get("justification")
        kind = str(entry.detail.get("kind", "caller"))
        is_proven = kind == "agent" and entry.detail.get("authenticated") is True
        return cls(
            at=format_instant(entry.at),
            act=entry.act.removeprefix("command_").replace("_", " "),
            by=clean(entry.actor, _NAME_BYTES) + (" (known by its token)" if is_proven else ""),
            reasons=[clean(str(one), _REASON_BYTES) for one in reasons] if isinstance(reasons, list | tuple) else [],
            words_not_facts=None if words is None else StatedWords(of=kind, text=clean(str(words), _WORDS_BYTES)),
        )


class CommandStory(Shape):
    """The whole story of one command, oldest first."""

    command_id: str
    device_id: str
    command: str
    parameters: dict[str, str | int | float]
    steps: list[AuditStep]

    @classmethod
    def of(cls, command_id: str, entries: Sequence[AuditEntry]) -> Self:
        """Return what at least one row of the audit says about a command."""
        first = entries[0]
        parameters = first.detail.get("parameters")
        return cls(
            command_id=command_id,
            device_id=first.subject,
            command=clean(str(first.detail.get("command")), _NAME_BYTES),
            parameters=_said(parameters) if isinstance(parameters, dict) else {},
            steps=[AuditStep.of(entry) for entry in entries],
        )


def _said(parameters: Mapping[object, object]) -> dict[str, str | int | float]:
    """Return parameters as they were stored; whatever else stands there is shown, since the audit may be damaged."""
    return {
        clean(str(name), _NAME_BYTES): value if isinstance(value, int | float) else clean(str(value), _REASON_BYTES)
        for name, value in parameters.items()
    }
