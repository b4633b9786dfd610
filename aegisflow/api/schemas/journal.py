"""What was done, by whom and to what, as people and programs see it."""

import json
from typing import Self

from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Shape, moment
from aegisflow.api.text import clean
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import Answer, AuditEntry, AuditPage

__all__ = ["JournalEntry", "JournalPage"]

_DETAIL_BYTES = 4_000


class JournalEntry(Shape):
    """One row of the audit."""

    at: Moment
    actor: str
    act: str
    """Fixed name, such as ``alarm_acknowledged``."""
    subject: str
    detail: str
    """Names and values, as ``name: value`` with semicolons between; somebody's words may be among them."""

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Return a row as people read it."""
        told = "; ".join(f"{name}: {_value(value)}" for name, value in entry.detail.items() if value not in ("", None))
        return cls(
            at=format_instant(entry.at),
            actor=clean(entry.actor, NAME_BYTES),
            act=clean(entry.act, NAME_BYTES),
            subject=clean(entry.subject, WORDS_BYTES),
            detail=clean(told, _DETAIL_BYTES),
        )


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


class JournalPage(ReadShape):
    """Rows of the audit, newest first."""

    entries: list[JournalEntry]
    total: int
    """That match, also beyond those listed."""

    @classmethod
    def of(cls, answer: Answer[AuditPage]) -> Self:
        """Return a page of the audit."""
        return cls(
            broker_away_since=moment(answer.broker_away_since),
            entries=[JournalEntry.of(entry) for entry in answer.value.entries],
            total=answer.value.total,
        )
