"""A commissioning period of a device: until when a person says that it is healthy, and what is decided at its end.

::

    learn ──► LEARNING ── until ──► WAITING ──┬── accept ──► ACCEPTED: what was learned is normal from now on
                 ▲                     │      └── discard ─► as it was before the period
                 └────── extend ───────┘
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Any

from aegisflow.domain.times import format_instant, parse_duration, parse_instant
from aegisflow.errors import BadValueError, ConflictError

__all__ = ["KeptLearning", "Learning", "LearningAct", "LearningStage", "LearningStatus", "until_when"]

LONGEST_S = 90 * 86_400.0
"""So far away may the end of a period be: one that is further away is a slip of the pen."""


class LearningAct(StrEnum):
    """What a person may do about what a device learns."""

    BEGIN = "begin"
    EXTEND = "extend"
    ACCEPT = "accept"
    DISCARD = "discard"

    @property
    def done(self) -> str:
        """The act as the audit has it."""
        return f"learning_{_DONE[self]}"


_DONE = {
    LearningAct.BEGIN: "begun",
    LearningAct.EXTEND: "extended",
    LearningAct.ACCEPT: "accepted",
    LearningAct.DISCARD: "discarded",
}
ENDED = "learning_ended"
"""Act of the audit, and type of the alarm, when a period is over and nobody has decided."""


class LearningStage(StrEnum):
    """How far a period has come."""

    LEARNING = "learning"
    """Every reading is learned from, and only limits and gross jumps are told."""
    WAITING = "waiting"
    """It is over; what was learned is watched by, and waits for a person to accept it or throw it away."""
    ACCEPTED = "accepted"
    """What was learned is normal, and kept over a restart."""


@dataclass(frozen=True, slots=True)
class Learning:
    """A period, as people have decided it."""

    device_id: str
    since: float
    """UTC epoch seconds by the plant's clock, as are all instants here."""
    until: float
    by: str
    """Who said so last."""
    reason: str
    """The words of that operator, which are not facts."""
    accepted_at: float | None = None
    told: bool = False
    """Whether people were told that it is over and waits for them."""
    before: "Learning | None" = None
    """The period that was accepted before this one, and holds again when this one is thrown away."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided yet."""
        return self.accepted_at is None

    @classmethod
    def begun(
        cls, before: "Learning | None", device_id: str, until: str, by: str, reason: str, at: float
    ) -> "Learning":
        """Return the period that begins at ``at``.

        Args:
            before: the newest period of the device.
            device_id: the device.
            until: an ISO 8601 time, or a duration from now on.
            by: who says so.
            reason: why, in their words.
            at: UTC epoch seconds.

        Raises:
            ConflictError: there is one that nobody has decided.
            BadValueError: the end is no time, is over, or is too far away.
        """
        if before is not None and before.is_open:
            raise ConflictError(
                f"{device_id} is being learned since {format_instant(before.since)} by {before.by}; "
                "extend that, accept what was learned, or discard it"
            )
        kept = None if before is None else replace(before, before=None)
        return cls(device_id, at, until_when(until, at), by, reason, before=kept)

    def extended(self, until: str, by: str, reason: str, at: float) -> "Learning":
        """Return the period with another end.

        Raises:
            BadValueError: the end is no time, is over, or is too far away.
        """
        return replace(self, until=until_when(until, at), by=by, reason=reason, told=False)

    def accepted(self, by: str, reason: str, at: float) -> "Learning":
        """Return the period after a person has accepted what was learned."""
        return replace(self, until=min(self.until, at), by=by, reason=reason, accepted_at=at, before=None)


@dataclass(frozen=True, slots=True)
class LearningStatus:
    """A period now."""

    stage: LearningStage
    period: Learning
    progress: float
    """How much of it is over, 0 to 1; less where too few readings have come."""
    readings: int
    """Healthy readings that were learned from so far, at least."""
    missing: int
    """How many are missing at least until something was learned."""

    @property
    def brief(self) -> str:
        """What to say of it in a word or two, while it is open; empty once it was accepted."""
        if self.stage is LearningStage.ACCEPTED:
            return ""
        return f"learning, {100 * self.progress:.0f} %" if self.stage is LearningStage.LEARNING else "learned: decide"

    def text(self) -> str:
        """Return it as a sentence."""
        period = self.period
        if self.stage is LearningStage.ACCEPTED:
            since, until = format_instant(period.since), format_instant(period.until)
            return f"its normal was learned from {since} to {until}, accepted by {period.by}"
        lacking = f" ({self.missing} more healthy readings are needed)" if self.missing else ""
        if self.stage is LearningStage.LEARNING:
            until = f"until {format_instant(period.until)}{lacking}, by {period.by}"
            return f"learning, {100 * self.progress:.0f} %, {until}: only limits and gross jumps are told"
        return (
            f"learning ended {format_instant(period.until)} and waits for a person to accept or discard it: until then "
            "it is watched by what was learned"
        )


@dataclass(frozen=True, slots=True)
class KeptLearning:
    """What the store keeps of a period."""

    period: Learning
    at: float
    """Of the newest reading that was learned from."""
    learned: Mapping[str, Any]
    """What the detectors know (``detection.remembered``)."""
    before: Mapping[str, Any] | None = None
    """What they knew before the period; None once that is decided."""


def until_when(text: str, at: float) -> float:
    """Return the instant that a person means by an ISO 8601 time or a duration from ``at`` on, as UTC epoch seconds.

    Raises:
        BadValueError: it is neither, is not after ``at``, or is more than 90 days away.
    """
    try:
        until = float(ceil(at + parse_duration(text)))
    except ValueError:
        try:
            until = parse_instant(text)
        except ValueError:
            raise BadValueError("until", text, "an ISO 8601 time, or a duration such as 8h or 7d") from None
    if not at < until <= at + LONGEST_S:
        raise BadValueError("until", text, f"a time after now ({format_instant(at)}), 90 days away at most")
    return until
