"""Messages to the actor that searches manuals and the words of incident reports."""

from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.incidents.model import Incident, IncidentQuery, IncidentRanks
from aegisflow.domain.views import ManualInfo, PassageAnswer


@dataclass(frozen=True, slots=True)
class FindPassages(Question[PassageAnswer]):
    """Which passages of the manuals answer this?"""

    text: str
    kind: str | None
    """Kind of device: its manual and the plant's procedures only."""
    limit: int


@dataclass(frozen=True, slots=True)
class ListManuals(Question[tuple[ManualInfo, ...]]):
    """Which manuals are there?"""


@dataclass(frozen=True, slots=True)
class ReadManual(Question[str]):
    """The whole text of one manual; UnknownNameError if there is none such."""

    name: str


@dataclass(frozen=True, slots=True)
class ReadManualProblems(Question[Mapping[str, str]]):
    """Which files, or ``model`` or ``cache``, are not used, and why? Empty when all is well."""


@dataclass(frozen=True, slots=True)
class IncidentsRecalled:
    """Reports of the store, oldest first; none when there are no more. A ``failure`` says why nobody knows."""

    incidents: tuple[Incident, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class IncidentKept:
    """A report was committed, or reviewed."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class RankIncidents(Question[tuple[IncidentRanks, ...]]):
    """For each text: which reports are about it? The query narrows, by all but its own text."""

    texts: tuple[str, ...]
    query: IncidentQuery
    least: float | None = None
    """Score below which a report is left out; None: where it is no longer about the text."""
