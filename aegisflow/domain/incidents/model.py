"""Incident reports: what happened, what was done and how it ended, as somebody told it; see ``memory``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aegisflow.domain.alarms.model import Alarm, Severity
from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.rights import Extent, Right
from aegisflow.domain.times import Period
from aegisflow.errors import BadValueError

WORDS = ("title", "root_cause", "actions_taken", "outcome")
"""The parts of a report that are somebody's words."""
CORRECTABLE = (*WORDS, "fault_type", "severity", "occurred_at")
"""What a person may correct."""


@dataclass(frozen=True, slots=True)
class NewIncident:
    """An incident report before it has an id."""

    device_id: str
    alarm_id: str | None
    fault_type: str
    severity: Severity
    title: str
    root_cause: str
    actions_taken: str
    outcome: str
    author: str
    origin: str
    """``agent`` or ``person``."""
    occurred_at: float
    kind: str = ""
    """Kind of device, as the plant knew it then."""


@dataclass(frozen=True, slots=True)
class LinkedCommand:
    """A command that was proposed for the device between the alarm and the report, and what became of it."""

    command_id: str
    command: CommandName
    parameters: Mapping[str, str | float]
    stage: Stage
    """As it is now, not as it was when the report was written."""

    def __str__(self) -> str:
        details = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.command}{f' ({details})' if details else ''}: {self.stage}"


@dataclass(frozen=True, slots=True)
class Incident:
    """A report of what happened and what was done."""

    incident_id: int
    device_id: str
    kind: str
    alarm_id: str | None
    fault_type: str
    severity: Severity
    title: str
    root_cause: str
    actions_taken: str
    outcome: str
    author: str
    origin: str
    """``agent`` or ``person``."""
    occurred_at: float
    reported_at: float
    reviewed: bool
    """By a person; a person's own report is."""
    reviewed_by: str = ""
    reviewed_at: float | None = None
    withdrawn: bool = False
    """A person found it wrong: agents do not see it, and nothing counts it."""
    revision: int = 1
    signs: tuple[str, ...] = ()
    """What the alarm's sensors showed, such as ``vibration high``; empty without an alarm."""
    commands: tuple[LinkedCommand, ...] = ()

    @property
    def stands_for_experience(self) -> bool:
        """Whether its words may stand beside an alarm as what helped: a person wrote or reviewed them."""
        return self.reviewed or self.origin == "person"


@dataclass(frozen=True, slots=True)
class IncidentReview:
    """A person's judgement of a report as it stood at ``revision``."""

    incident_id: int
    revision: int
    """Which one was read; if it is no longer the newest, nothing is changed."""
    by: Caller
    changes: Mapping[str, str | float] = field(default_factory=dict)
    """Of ``CORRECTABLE``, the new values."""
    note: str = ""
    withdraw: bool = False
    on: str | Extent = Extent.WHOLE_PLANT
    """The line of the machine that the report is about, as the plant knows it; it is no line where that is gone."""

    def check(self) -> None:
        """Raise NotAllowedError for who is no operator of that line, BadValueError for what cannot be corrected."""
        why = "only people do, with their operator's token"
        require_operator(self.by, Right.REPORT, "review incident reports", why, on=self.on)
        for name in self.changes:
            if name not in CORRECTABLE:
                raise BadValueError("changes", name, f"one of {', '.join(CORRECTABLE)}")


@dataclass(frozen=True, slots=True)
class IncidentRevision:
    """A report as it was before somebody reviewed it."""

    revision: int
    changed_at: float
    """When the next revision took its place."""
    changed_by: str
    note: str
    values: Mapping[str, str | float]
    """Of ``CORRECTABLE``, as they were."""


@dataclass(frozen=True, slots=True)
class IncidentFile:
    """A report with all its earlier revisions, oldest first."""

    incident: Incident
    revisions: tuple[IncidentRevision, ...]


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """Which reports; every field narrows. Reviewed ones come first, then the newest.

    With ``text`` or ``similar_to`` they are those of a near meaning or of a like alarm, the best first.
    """

    period: Period | None = None
    """In which it happened."""
    device_id: str | None = None
    kind: str | None = None
    """Kind of device."""
    fault_type: str | None = None
    text: str | None = None
    """What it should be about, in any words."""
    similar_to: str | None = None
    """Id of an alarm."""
    reviewed: bool | None = None
    withdrawn: bool = False
    """Also those that a person withdrew."""
    limit: int = 10
    before: tuple[bool, float, int] | None = None
    """Continue after the report with this (reviewed, occurred_at, incident_id)."""
    skip: int = 0
    """Of those that are ranked: continue after so many."""
    ids: tuple[int, ...] | None = None
    """Among these only, in this order but for the reviewed ones, which come first."""

    def admits(self, report: Incident) -> bool:
        """Return whether a report is within device, kind, fault, review and period; who ranks asks for each."""
        return (
            (self.device_id is None or report.device_id == self.device_id)
            and (self.kind is None or report.kind == self.kind)
            and (self.fault_type is None or report.fault_type == self.fault_type)
            and (self.reviewed is None or report.reviewed == self.reviewed)
            and (self.period is None or self.period.start <= report.occurred_at < self.period.end)
        )


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """Reports in the order of the query, and how many there are."""

    incidents: tuple[Incident, ...]
    total: int
    method: str = ""
    """How they were ranked: ``fused`` or ``lexical`` for a text, ``similar`` for an alarm; empty by time."""
    note: str = ""
    why: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Id to what is alike; for an alarm only."""


@dataclass(frozen=True, slots=True)
class IncidentRanks:
    """Which reports are about a text, best first."""

    scores: Mapping[int, float]
    """Id to 0 to 1."""
    method: str
    note: str


@dataclass(frozen=True, slots=True)
class AlarmToMatch:
    """An alarm whose like is looked for."""

    alarm: Alarm
    kind: str
    """Of its device."""
    meaning: Mapping[int, float] = field(default_factory=dict)
    """Report to how near its words are to those of the alarm, 0 to 1."""


@dataclass(frozen=True, slots=True)
class SimilarIncident:
    """A report about something like an alarm."""

    incident: Incident
    score: float
    """0 to 1, see ``memory.likeness``."""
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """The same fault again and again, on one device or on several of a kind."""

    fault_type: str
    device_id: str
    """Empty where it is about the kind."""
    kind: str
    count: int
    first_at: float
    last_at: float
    intervals_s: tuple[float, ...]
    """Between one and the next, oldest first; the newest ``memory.MAX_INTERVALS``."""
