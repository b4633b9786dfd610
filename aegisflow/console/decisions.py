"""Who decided about commands that waited, and what: read from the audit, which alone knows it of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.api.schemas.commands import CommandSummary
from aegisflow.console.render import for_people
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry, AuditQuery
from aegisflow.errors import AegisFlowError
from aegisflow.plant.protocol import Plant

__all__ = ["Ruling", "decision_about", "decisions", "what_became"]

_ACTS = {"command_approved": "approved", "command_rejected": "rejected", "command_expired": "expired"}
_NOBODY = ("guard", "policy")
"""Actors of rows that no person brought about."""
NEWEST = 60


@dataclass(frozen=True, slots=True)
class Ruling:
    """How the waiting of a command ended."""

    at: float
    what: str
    """approved, rejected or expired."""
    by: str
    """The person; empty where time or another command ended it."""
    why: str
    """In the words of whoever decided; empty for an approval."""

    @property
    def words(self) -> str:
        """The decision without its time: ``rejected by ben: the machine is needed``."""
        # Whose approval found that the machine had changed did not let the command expire on purpose.
        by = f" when {self.by} approved it" if self.what == "expired" else f" by {self.by}"
        by = by if self.by else ""
        return f"{self.what}{by}{f': {self.why}' if self.why else ''}"

    @classmethod
    def of(cls, entry: AuditEntry) -> "Ruling":
        """Return what a row of the audit tells."""
        by = "" if entry.actor in _NOBODY else entry.actor
        what, reasons = _ACTS[entry.act], entry.detail.get("reasons", ())
        told = [str(reason) for reason in reasons] if isinstance(reasons, list | tuple) else []
        # Of an approval the reasons are policy's, which stand beside it anyway; a rejection begins with who it is.
        why = "" if what == "approved" else "; ".join(told).removeprefix(f"{by}: ")
        return cls(entry.at, what, by, "" if why == f"by {by}" else why)


def decisions(plant: Plant) -> Mapping[str, Ruling]:
    """Return the newest decisions by their command's id; none where the audit cannot be read now."""
    return _found(plant, AuditQuery(acts=tuple(_ACTS), limit=NEWEST))


def decision_about(plant: Plant, command_id: str) -> str:
    """Return who decided about a command, when and what, in words; empty where that is not known."""
    one = _found(plant, AuditQuery(acts=tuple(_ACTS), text=command_id, limit=NEWEST)).get(command_id)
    return f"{one.words} (at {format_instant(one.at)})" if one else ""


def _found(plant: Plant, query: AuditQuery) -> dict[str, Ruling]:
    found: dict[str, Ruling] = {}
    try:
        entries = plant.journal(query).value.entries
    except AegisFlowError:
        return found
    for entry in entries:  # the newest first: what came before it was not the end of the waiting
        if entry.act in _ACTS and "command_id" in entry.detail:
            found.setdefault(str(entry.detail["command_id"]), Ruling.of(entry))
    return found


def what_became(done: CommandSummary) -> str:
    """Return what became of a command that somebody has just approved or given, in a line for them."""
    command, stage = done.command.replace("_", " "), done.stage.replace("_", " ")
    return f"{command} for {done.device_id}: {stage}. {for_people(done.next_step)}"
