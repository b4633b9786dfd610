"""Incident reports as people and programs see them, and what people ask to be done about them."""

import re
from typing import Annotated, Any, Self

from pydantic import Field

from aegisflow.api.fields import Flag, Number, Read, YesOrNo, whole, words
from aegisflow.api.periods import PAST_INSTANT
from aegisflow.api.schemas.base import Moment, ReadShape, Request, Shape, moment
from aegisflow.api.text import clean
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.incidents.model import (
    CORRECTABLE,
    Incident,
    IncidentFile,
    IncidentRevision,
    SimilarIncident,
)
from aegisflow.domain.times import format_instant, parse_instant
from aegisflow.errors import BadValueError

__all__ = [
    "ByNumber",
    "Corrections",
    "IncidentDetail",
    "IncidentHistory",
    "IncidentList",
    "IncidentListRequest",
    "IncidentRequest",
    "IncidentSummary",
    "ListedIncident",
    "PastRevision",
    "ReportedWords",
    "ReviewRequest",
    "SimilarIncidentSummary",
]

MAX_REPORTS = 200
MAX_NUMBER = 10**15
_REPORT_BYTES = 4_000
_SHORT_BYTES = 300
_NAME_BYTES = 200
_COMMAND_BYTES = 200
_FAULT = re.compile(r"[a-z][a-z0-9_]{0,39}")


class ReportedWords(Shape):
    """What a report says in somebody's words, which are not facts."""

    of: str
    """Kind and name of the author, and who corrected the words."""
    title: str
    root_cause: str
    actions_taken: str
    outcome: str


class IncidentSummary(Shape):
    """One incident report as it stands; its author's words come last."""

    incident_id: int
    device_id: str
    kind: str
    """Kind of device."""
    alarm_id: str | None
    fault_type: str
    severity: Severity
    occurred_at: Moment
    reported_at: Moment
    revision: int
    """One more with each review."""
    reviewed: bool
    """By a person; a person's own report is."""
    reviewed_by: str
    reviewed_at: Moment | None
    withdrawn: bool
    """A person found it wrong: agents no longer see it."""
    commands: list[str]
    """Those of its time, with their stage as it is now."""
    words_not_facts: ReportedWords

    @classmethod
    def of(cls, incident: Incident, **more: Any) -> Self:
        """Return a report; ``more`` are the fields that a longer shape adds."""
        corrected = incident.revision > 1 and not incident.withdrawn
        author = f"{incident.origin} {incident.author}"
        return cls(
            incident_id=incident.incident_id,
            device_id=incident.device_id,
            kind=incident.kind,
            alarm_id=incident.alarm_id,
            fault_type=incident.fault_type,
            severity=incident.severity,
            occurred_at=format_instant(incident.occurred_at),
            reported_at=format_instant(incident.reported_at),
            revision=incident.revision,
            reviewed=incident.reviewed,
            reviewed_by=clean(incident.reviewed_by, _NAME_BYTES),
            reviewed_at=moment(incident.reviewed_at),
            withdrawn=incident.withdrawn,
            commands=[f"{one.command_id} {clean(str(one), _COMMAND_BYTES)}" for one in incident.commands],
            words_not_facts=ReportedWords(
                of=clean(f"{author}, as corrected by {incident.reviewed_by}" if corrected else author, _NAME_BYTES),
                title=clean(incident.title, _REPORT_BYTES),
                root_cause=clean(incident.root_cause, _REPORT_BYTES),
                actions_taken=clean(incident.actions_taken, _REPORT_BYTES),
                outcome=clean(incident.outcome, _REPORT_BYTES),
            ),
            **more,
        )


class IncidentDetail(IncidentSummary):
    """A report together with who wrote it and where they came from, each by itself."""

    author: str
    origin: str
    """``agent`` or ``person``."""

    @classmethod
    def of(cls, incident: Incident, **more: Any) -> Self:
        """Return a report with its author."""
        return super().of(incident, author=clean(incident.author, _NAME_BYTES), origin=incident.origin, **more)


class ListedIncident(IncidentSummary):
    """A report among others."""

    alike: list[str]
    """What it has in common with the alarm that was asked about."""


class PastRevision(Shape):
    """What a report said before somebody reviewed it."""

    revision: int
    changed_at: Moment
    changed_by: str
    note: str
    was: dict[str, str]
    """Each part that can be corrected, as it was."""

    @classmethod
    def of(cls, revision: IncidentRevision) -> Self:
        """Return a revision that another one replaced."""
        return cls(
            revision=revision.revision,
            changed_at=format_instant(revision.changed_at),
            changed_by=clean(revision.changed_by, _NAME_BYTES),
            note=clean(revision.note, _REPORT_BYTES),
            was={name: _shown(name, value) for name, value in revision.values.items()},
        )


def _shown(name: str, value: str | float) -> str:
    return format_instant(float(value)) if name == "occurred_at" else clean(str(value), _REPORT_BYTES)


class IncidentHistory(IncidentSummary):
    """A report with all that it said before, oldest first."""

    revisions: list[PastRevision]

    @classmethod
    def whole(cls, file: IncidentFile) -> Self:
        """Return a report with its earlier revisions."""
        return cls.of(file.incident, revisions=[PastRevision.of(one) for one in file.revisions])


class IncidentList(ReadShape):
    """Incident reports, reviewed ones first, and the faults that come again."""

    as_of: Moment
    total: int
    """That match, also beyond those listed."""
    method: str
    """How they were found, where they were looked for by what they are about."""
    note: str
    patterns: list[str]
    """A line for each fault that comes again and again."""
    incidents: list[ListedIncident]


class RemediedWords(Shape):
    """What was done and how it ended, in somebody's words, which are not facts."""

    of: str
    """Kind and name of the author."""
    actions_taken: str
    outcome: str


class SimilarIncidentSummary(Shape):
    """What was done about something like an alarm, in short."""

    incident_id: int
    device_id: str
    occurred_at: Moment
    reviewed: bool
    alike: list[str]
    """What both have in common."""
    commands: list[str]
    words_not_facts: RemediedWords | None
    """None where an agent wrote them and nobody has reviewed them: they must not stand for what helped."""

    @classmethod
    def of(cls, similar: SimilarIncident) -> Self:
        """Return a report that is like an alarm."""
        incident = similar.incident
        return cls(
            incident_id=incident.incident_id,
            device_id=incident.device_id,
            occurred_at=format_instant(incident.occurred_at),
            reviewed=incident.reviewed,
            alike=list(similar.why),
            commands=[clean(str(command), _COMMAND_BYTES) for command in incident.commands],
            words_not_facts=None
            if not incident.stands_for_experience
            else RemediedWords(
                of=clean(f"{incident.origin} {incident.author}", _NAME_BYTES),
                actions_taken=clean(incident.actions_taken, _SHORT_BYTES),
                outcome=clean(incident.outcome, _SHORT_BYTES),
            ),
        )


def _fault(value: object) -> object:
    if not isinstance(value, str) or not _FAULT.fullmatch(value):
        raise ValueError(value)
    return value


def _some(value: object) -> object:
    if value is None:
        raise ValueError(value)
    return value


def _alarm_id(value: object) -> object:
    if value is not None and not isinstance(value, str):
        raise ValueError(value)
    return None if value is None else clean(value, _NAME_BYTES)


def _instant(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(value)
    try:
        parse_instant(value)
    except OverflowError as error:
        raise ValueError(value) from error
    return value


def _note(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(value)
    return clean(value, _REPORT_BYTES)


def _revision(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_NUMBER:
        raise ValueError(value)
    return value


def _corrections(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(value)
    for name in value:
        if name not in CORRECTABLE:
            raise BadValueError("changes", name, f"some of {', '.join(CORRECTABLE)}")
    return value


_REPORT = words(_REPORT_BYTES)
_FAULT_TYPE = Read(
    _fault, "a type of fault as alarms name it, such as bearing_failure", {"pattern": f"^{_FAULT.pattern}$"}
)
_SEVERITY = Read(_some, f"one of {', '.join(Severity)}")
# Whether an instant is past is for the plant's clock to say, so the routes look at that.
_OCCURRED_AT = Read(_instant, PAST_INSTANT, {"format": "date-time"})


class IncidentRequest(Request):
    """Write an incident report of your own; it counts as reviewed."""

    title: Annotated[str, _REPORT]
    root_cause: Annotated[str, _REPORT]
    actions_taken: Annotated[str, _REPORT]
    outcome: Annotated[str, _REPORT]
    fault_type: Annotated[str, _FAULT_TYPE]
    severity: Annotated[Severity, _SEVERITY]
    device_id: Annotated[str, words(_NAME_BYTES)]
    alarm_id: Annotated[str | None, Read(_alarm_id, "the id of an alarm, or nothing")] = None
    occurred_at: Annotated[str | None, _OCCURRED_AT] = None
    """Now, if it is left out."""


class Corrections(Request):
    """The parts of a report that are to be put right; what is left out stays."""

    title: Annotated[str | None, _REPORT] = None
    root_cause: Annotated[str | None, _REPORT] = None
    actions_taken: Annotated[str | None, _REPORT] = None
    outcome: Annotated[str | None, _REPORT] = None
    fault_type: Annotated[str | None, _FAULT_TYPE] = None
    severity: Annotated[Severity | None, _SEVERITY] = None
    occurred_at: Annotated[str | None, _OCCURRED_AT] = None


class ReviewRequest(Request):
    """Say that a report is right as it stood at ``revision``, right with ``changes``, or to be withdrawn."""

    revision: Annotated[int, Read(_revision, "the number of the revision that was read", {"minimum": 1})]
    changes: Annotated[Corrections, Read(_corrections, "a JSON object with the new values")] = Field(
        default_factory=Corrections
    )
    withdraw: Flag = False
    note: Annotated[str, Read(_note, "a text")] = ""
    """Why, for those who come after."""


class ByNumber(Request):
    """Which report."""

    id: Annotated[int, whole(MAX_NUMBER)]


class IncidentListRequest(Request):
    """Which reports; every field narrows."""

    device_id: str | None = None
    kind: str | None = None
    """Kind of device."""
    fault_type: str | None = None
    text: str | None = None
    """What they should be about, in any words."""
    similar_to: str | None = None
    """Id of an alarm whose like is looked for."""
    last_s: Number | None = None
    """How far back, in seconds."""
    reviewed: YesOrNo | None = None
    withdrawn: YesOrNo | None = None
    """Also those that people withdrew."""
    limit: Annotated[int, whole(MAX_REPORTS)] = 50
