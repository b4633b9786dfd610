"""What was done, by whom and to what, and the handover of shifts, as people and programs see them."""

import json
from typing import Annotated, Self

from aegisflow.api.fields import words
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Request, Shape, moment
from aegisflow.api.text import clean
from aegisflow.domain.handover import Handover
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import Answer, AuditEntry, AuditPage

__all__ = ["HandoverRequest", "HandoverSummary", "JournalEntry", "JournalPage"]

_DETAIL_BYTES = 4_000
NOTE_BYTES = 8_000


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


class HandoverSummary(Shape):
    """A shift that somebody has left, and who has come."""

    at: float
    """When it was handed over, UTC epoch seconds to the last bit: stands for it."""
    left_by: str
    note: str
    facts: list[str]
    taken_at: Moment | None
    taken_by: str
    taken_note: str

    @classmethod
    def of(cls, handover: Handover) -> Self:
        """Return a handover as people read it."""
        return cls(
            at=handover.at,
            left_by=clean(handover.left_by, NAME_BYTES),
            note=clean(handover.note, NOTE_BYTES),
            facts=[clean(fact, WORDS_BYTES) for fact in handover.facts],
            taken_at=moment(handover.taken_at),
            taken_by=clean(handover.taken_by, NAME_BYTES),
            taken_note=clean(handover.taken_note, NOTE_BYTES),
        )


class HandoverRequest(Request):
    """Hand the shift over, or take it over."""

    note: Annotated[str, words(NOTE_BYTES, "what the next shift should know, in a few words")]
