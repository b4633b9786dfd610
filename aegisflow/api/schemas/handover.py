"""The handover of shifts as people and programs see it: what is open, what has happened, and two signatures."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from aegisflow.api.fields import Number, words
from aegisflow.api.schemas.alarms import ListedAlarm
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Request, Shape, moment
from aegisflow.api.schemas.commands import AgentSwitch, Approval
from aegisflow.api.schemas.journal import JournalEntry
from aegisflow.api.text import clean
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.handover import Handover

__all__ = ["HandoverRequest", "HandoverSummary", "ShiftReport", "TakeOverRequest", "open_facts"]

NOTE_BYTES = 8_000


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


class TakeOverRequest(HandoverRequest):
    """Take a shift over."""

    handover_at: Number
    """Which: its ``at``, to the last bit."""


class ShiftReport(ReadShape):
    """What one shift tells the next."""

    as_of: Moment
    open: list[str]
    """What is open, set aside and waiting, as sentences; the signature of who leaves keeps them."""
    waits: HandoverSummary | None
    """What somebody has handed over and nobody has taken yet."""
    past: list[HandoverSummary]
    """Newest first, the one that waits among them."""
    since: Moment
    """Of the last handover, or of twelve hours ago where there was none."""
    happened: list[JournalEntry]
    """Since then, newest first."""
    unavailable: dict[str, str]
    """Who could not be asked, and why."""


def open_facts(
    alarms: Sequence[ListedAlarm], approvals: Iterable[Approval], silent: Iterable[str], agents: AgentSwitch | None
) -> list[str]:
    """Return what is open, set aside and waiting, as sentences.

    Args:
        alarms: that are not history.
        approvals: that wait.
        silent: names of devices that are not heard any more.
        agents: whether they may propose; None where nobody can tell.
    """
    found = [
        f"{alarm.severity} {_named(alarm)}, {alarm.state.replace('_', ' ')}"
        + (f" by {alarm.acknowledged_by}: {alarm.note}" if alarm.acknowledged_by else "")
        for alarm in alarms
        if not alarm.state.is_suppressed
    ]
    for alarm in alarms:
        if alarm.state is AlarmState.SHELVED:
            found.append(f"shelved until {alarm.shelved_until}: {_named(alarm)}: {alarm.set_aside_because}")
        elif alarm.state is AlarmState.OUT_OF_SERVICE:
            found.append(f"out of service: {_named(alarm)}: {alarm.set_aside_because}")
    found += [f"waits for approval: {one.command} for {one.device_id}" for one in approvals]
    found += [f"silent: {name}" for name in silent]
    if agents is not None and not agents.allowed:
        found.append(f"agents are stopped by {agents.by}: {agents.reason}")
    return found


def _named(alarm: ListedAlarm) -> str:
    return f"{alarm.device_id}: {alarm.fault_type.replace('_', ' ')}"
