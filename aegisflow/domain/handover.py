"""The handover of a shift: signed by the one who leaves and by the one who comes, and kept in the audit.

::

    handed_over by anna ──► taken_over by ben            two signatures; nobody takes over from themselves
            └──► handed_over by cem ──► ...              a later one takes its place while nobody has taken it
"""

from collections.abc import Iterable
from dataclasses import dataclass

from aegisflow.domain.people import person_of
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import ConflictError

__all__ = ["ACTS", "HANDED_OVER", "SHIFT", "TAKEN_OVER", "Handover", "check_take_over", "handovers"]

HANDED_OVER, TAKEN_OVER = "shift_handed_over", "shift_taken_over"
ACTS = (HANDED_OVER, TAKEN_OVER)
SHIFT = "shift"
"""Subject of both rows of the audit."""


@dataclass(frozen=True, slots=True)
class Handover:
    """A shift that somebody has left, and who has come."""

    at: float
    """When it was handed over, UTC epoch seconds; stands for it."""
    left_by: str
    note: str
    facts: tuple[str, ...]
    """What was open then, as sentences."""
    taken_at: float | None = None
    taken_by: str = ""
    taken_note: str = ""


def handovers(entries: Iterable[AuditEntry]) -> tuple[Handover, ...]:
    """Return the handovers that rows of the audit tell of, given newest first and returned newest first."""
    taken: dict[float, AuditEntry] = {}
    found: list[Handover] = []
    for entry in entries:
        if entry.act == TAKEN_OVER and isinstance(at := entry.detail.get("handover_at"), int | float):
            taken[float(at)] = entry
        elif entry.act == HANDED_OVER:
            facts = entry.detail.get("facts", ())
            listed = tuple(str(fact) for fact in facts) if isinstance(facts, list | tuple) else ()
            by = taken.get(entry.at)
            found.append(
                Handover(
                    entry.at,
                    entry.actor,
                    str(entry.detail.get("note", "")),
                    listed,
                    None if by is None else by.at,
                    "" if by is None else by.actor,
                    "" if by is None else str(by.detail.get("note", "")),
                )
            )
    return tuple(found)


def check_take_over(known: Iterable[Handover], at: float, by: str) -> None:
    """Make sure that somebody can take over what was handed over at an instant.

    Raises:
        ConflictError: why not.
    """
    wanted = next((one for one in known if one.at == at), None)
    if wanted is None:
        raise ConflictError("there is no such handover; look at the page again")
    if wanted.taken_by:
        raise ConflictError(f"{wanted.taken_by} has already taken over from {wanted.left_by}")
    if person_of(wanted.left_by) == person_of(by):
        raise ConflictError("a shift is taken over by another person than the one who leaves it")
