"""What is probably the matter behind an alarm: a fault, what speaks for it, where to read on, what to do.

Every alarm gets one by rules: its type of fault, the sensors that show it and the section of the manual that is
about it. A model may put a better one in its place; what it cites is looked up again before anybody sees it.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aegisflow.domain.alarms.model import Alarm, AlarmState
from aegisflow.domain.detection.finding import NEVER_HEARD, READINGS_REFUSED, SENSOR_SILENT, SENSOR_STUCK, UNCLASSIFIED
from aegisflow.domain.equipment import FaultRule
from aegisflow.domain.incidents.model import SimilarIncident
from aegisflow.domain.learning import ENDED
from aegisflow.domain.views import Passage

__all__ = [
    "MONITOR",
    "AlarmDiagnosis",
    "Basis",
    "CitedReading",
    "CitedSection",
    "Confidence",
    "Spent",
    "by_rules",
    "question_to_manuals",
    "to_diagnose",
]

MONITOR = "monitor"
"""What is proposed where no command is."""
MAX_SECTIONS = 2
MAX_READINGS = 4
MAX_INCIDENTS = 3
_LIKELY = 0.4
"""Score of a passage below which it is not said to be about the fault."""
_SAID_AGAINST = "against: "
_WORDS: Mapping[str, str] = {
    SENSOR_STUCK: "a value is frozen, the sensor is stuck",
    SENSOR_SILENT: "a device sends no data",
    NEVER_HEARD: "a device sends no data",
    READINGS_REFUSED: "instrument defect or real problem, how to check a doubtful value",
    UNCLASSIFIED: "which fault is it, how do I tell the faults apart",
}
"""Faults that are ours and not the plant's, in the words of manuals."""


class Basis(StrEnum):
    """Who says so."""

    RULES = "rules"
    """The rules of ``plant.yaml`` and the words of the manuals; the same each time."""
    MODEL = "model"
    """A language model: its words, of which only what it cites was checked."""


class Confidence(StrEnum):
    """How sure the diagnosis is of the fault."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class CitedReading:
    """A value that is stored, and what it speaks for."""

    sensor: str
    value: float
    at: float
    """UTC epoch seconds of the reading, never later than the diagnosis."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class CitedSection:
    """A section that a manual has."""

    manual: str
    """File name."""
    section: str
    """Headings from the top, `` > `` between."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a diagnosis has cost, failed attempts of a model included."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    calls: int = 0
    """Of the model."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.usd + other.usd,
            self.calls + other.calls,
        )


@dataclass(frozen=True, slots=True)
class AlarmDiagnosis:
    """The newest diagnosis of one alarm."""

    alarm_id: str
    device_id: str
    at: float
    """UTC epoch seconds by the plant's clock."""
    basis: Basis
    fault: str
    confidence: Confidence
    readings: tuple[CitedReading, ...]
    sections: tuple[CitedSection, ...]
    incidents: tuple[int, ...]
    """Numbers of the reports that are like it."""
    proposal: str
    """A command with its parameters, as ``reduce_load 30``, or ``monitor``."""
    would_change: str
    """What would have to be seen for another diagnosis."""
    causes: tuple[str, ...] = ()
    """Ids of earlier alarms that are said to have caused this one."""
    words: str = ""
    """Of a model; empty by rules."""
    model: str = ""
    dropped: int = 0
    """Citations of a model that do not exist, or lie after what they are said to have caused."""
    why_not_model: str = ""
    """Why a model that was asked has not made it; empty where none was asked, or where it has."""
    command_id: str = ""
    """Of the proposal, once the guard has it."""
    spent: Spent = Spent()

    @property
    def source(self) -> str:
        """Whose words it is, as people and agents are shown it."""
        if self.basis is Basis.MODEL:
            return f"a model's words ({self.model}), not checked by a person"
        return "by rules" + (f"; no model: {self.why_not_model}" if self.why_not_model else "")

    @property
    def line(self) -> str:
        """All of it in one line, but whose words it is."""
        shown = ", ".join(f"{one.sensor} {one.value:.5g} {one.unit}".strip() for one in self.readings)
        parts = [
            f"{self.fault.replace('_', ' ')} ({self.confidence} confidence)" + (f": {shown}" if shown else ""),
            "; ".join(f"see {one.manual} > {one.section}" for one in self.sections),
            "caused by " + ", ".join(self.causes) if self.causes else "",
            "like " + ", ".join(f"#{number}" for number in self.incidents) if self.incidents else "",
            self.proposal + (f" ({self.command_id})" if self.command_id else ""),
            self.words,
            self.would_change,
        ]
        return ". ".join(part.rstrip(".") for part in parts if part) + "."


def question_to_manuals(fault: str) -> str:
    """Return what to search the manuals for when an alarm has this type of fault."""
    return _WORDS.get(fault, f"{fault.replace('_', ' ')} first response")


def to_diagnose(alarms: Iterable[Alarm], known: Container[str] = ()) -> list[Alarm]:
    """Return those of ``alarms`` behind which something is the matter, unless it is ``known`` already, by their ids.

    Nothing is where all is normal again, and where an alarm only reminds people to decide what was learned.
    """
    return [
        alarm
        for alarm in alarms
        if alarm.fault_type != ENDED and alarm.state is not AlarmState.NORMAL and alarm.alarm_id not in known
    ]


def by_rules(
    alarm: Alarm,
    rule: FaultRule | None,
    passages: Sequence[Passage],
    similar: Sequence[SimilarIncident],
    units: Mapping[str, str],
    at: float,
) -> AlarmDiagnosis:
    """Return what the plant's own rules make of an alarm.

    Args:
        alarm: as it is now.
        rule: of its type of fault; None where the plant has none for it.
        passages: what the manuals say to ``question_to_manuals``, best first.
        similar: reports that are like it, best first.
        units: sensor to unit.
        at: UTC epoch seconds by the plant's clock.
    """
    strongest = sorted(alarm.evidence, key=lambda one: -abs(one.z))[:MAX_READINGS]
    against = [reason for reason in alarm.reasons if reason.startswith(_SAID_AGAINST)]
    return AlarmDiagnosis(
        alarm.alarm_id,
        alarm.device_id,
        at,
        Basis.RULES,
        alarm.fault_type,
        _confidence(alarm, rule, bool(against)),
        tuple(
            CitedReading(one.sensor, one.value, one.since if one.at is None else one.at, units.get(one.sensor, ""))
            for one in strongest
        ),
        _sections(alarm.fault_type, passages),
        tuple(one.incident.incident_id for one in similar[:MAX_INCIDENTS]),
        MONITOR if rule is None or rule.together else "do what the section says, or propose it",
        _would_change(rule, against),
    )


def _confidence(alarm: Alarm, rule: FaultRule | None, contradicted: bool) -> Confidence:
    if rule is None:
        return Confidence.LOW if alarm.fault_type == UNCLASSIFIED else Confidence.MEDIUM
    if contradicted or any(reason.startswith("less strong") for reason in alarm.reasons):
        return Confidence.MEDIUM
    return Confidence.HIGH


def _sections(fault: str, passages: Sequence[Passage]) -> tuple[CitedSection, ...]:
    """Return the sections that are about the fault: those whose headings name it, else the likely ones."""
    name = fault.replace("_", " ")
    likely = [one for one in passages if one.score >= _LIKELY]
    named = [one for one in likely if name in one.section.lower()]
    cited = dict.fromkeys(CitedSection(one.manual, one.section) for one in (named or likely[:1]))
    return tuple(cited)[:MAX_SECTIONS]


def _would_change(rule: FaultRule | None, against: Sequence[str]) -> str:
    if rule is None:
        return "A named type of fault would change it, once more sensors show one"
    said = [f"It would change if {name} showed {' or '.join(signs)}" for name, signs in rule.unless.items()]
    if rule.together:
        said.append("It would change if one sensor moved away from the others, or the local gauges agreed with them")
    if against:
        said.append("speaks against it: " + ", ".join(one.removeprefix(_SAID_AGAINST) for one in against))
    if not said:
        said.append("It would change if another sensor moved further than " + ", ".join(rule.when))
    return "; ".join(said)
