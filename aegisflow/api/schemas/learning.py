"""Commissioning periods of devices, as people and programs see them, and how they ask for them."""

from collections.abc import Mapping
from typing import Annotated, Self

from aegisflow.api.fields import name_in, words
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Request, Shape, moment
from aegisflow.api.text import clean
from aegisflow.domain.learning import LearningAct, LearningStage, LearningStatus
from aegisflow.domain.times import format_instant

__all__ = ["LearnRequest", "LearningList", "LearningSummary"]


class LearningSummary(Shape):
    """Until when a device is being learned, or who has accepted what was; that person's words come last."""

    device_id: str
    stage: LearningStage
    progress: float
    """How much of the period is over, 0 to 1; less where too few readings have come."""
    missing: int
    """Healthy readings that are missing at least until something was learned."""
    since: Moment
    until: Moment
    by: str
    """Who said so last."""
    accepted_at: Moment | None
    text: str
    """All that as a sentence."""
    words: str

    @classmethod
    def of(cls, status: LearningStatus) -> Self:
        """Return a period as people see it."""
        period = status.period
        return cls(
            device_id=period.device_id,
            stage=status.stage,
            progress=round(status.progress, 3),
            missing=status.missing,
            since=format_instant(period.since),
            until=format_instant(period.until),
            by=clean(period.by, NAME_BYTES),
            accepted_at=moment(period.accepted_at),
            text=clean(status.text(), WORDS_BYTES),
            words=clean(period.reason, WORDS_BYTES),
        )


class LearningList(ReadShape):
    """Commissioning periods, by device."""

    learning: list[LearningSummary]
    unavailable: dict[str, str]
    """Who could not be asked, and why."""

    @classmethod
    def of(
        cls,
        learning: Mapping[str, LearningStatus],
        unavailable: Mapping[str, str] | None = None,
        broker_away_since: float | None = None,
    ) -> Self:
        """Return these periods."""
        return cls(
            broker_away_since=moment(broker_away_since),
            learning=[LearningSummary.of(learning[name]) for name in sorted(learning)],
            unavailable=dict(unavailable or {}),
        )


class LearnRequest(Request):
    """Say until when a device is healthy and being learned, or decide about what was learned."""

    act: Annotated[LearningAct, name_in("act", tuple(LearningAct))]
    reason: Annotated[str, words(WORDS_BYTES, "why, in a few words")]
    until: str = ""
    """With ``begin`` and ``extend``: an ISO 8601 time, or a duration from now on such as 8h."""
