"""What is probably the matter behind an alarm, as people and programs see it."""

from typing import Self

from pydantic import Field

from aegisflow.api.schemas.base import Moment, Shape
from aegisflow.api.text import clean
from aegisflow.domain.diagnosis import AlarmDiagnosis, Basis, Confidence
from aegisflow.domain.times import format_instant

__all__ = ["CitedReadingSummary", "CitedSectionSummary", "DiagnosisSummary"]

SECTION_BYTES = 240
MODEL_BYTES = 600
"""Of the words of a model."""


class CitedReadingSummary(Shape):
    """A stored value that speaks for the fault."""

    sensor: str
    value: float
    """In ``unit``."""
    unit: str
    at: Moment


class CitedSectionSummary(Shape):
    """A section of a manual that is about it."""

    manual: str
    """File name."""
    section: str
    """Headings from the top, `` > `` between."""


class DiagnosisSummary(Shape):
    """The newest diagnosis of an alarm; show ``source`` with it, for a model's words were checked by nobody."""

    at: Moment
    basis: Basis
    """``rules``, or ``model`` for the words of a language model, of which only what is cited was looked up."""
    source: str
    """Whose words these are, to be shown beside them; by rules it also says why no model was heard."""
    fault: str
    confidence: Confidence
    readings: list[CitedReadingSummary]
    sections: list[CitedSectionSummary]
    incidents: list[int]
    """Numbers of incident reports that are like it."""
    causes: list[str] = Field(default_factory=list)
    """Ids of earlier alarms that are said to have caused this one; each was there before it."""
    proposal: str
    """A command as ``reduce_load 30``, or what else to do; it becomes one only by way of the guard."""
    command_id: str
    """Of the proposal, once the guard has it; empty without."""
    would_change: str
    """What would have to be seen for another diagnosis."""
    words: str
    """Of a model, why; empty by rules."""
    model: str
    dropped: int
    """Citations of a model that were left out, since they do not exist or come after what they should explain."""
    line: str
    """All of it in one line, without ``source``."""

    @classmethod
    def of(cls, diagnosis: AlarmDiagnosis) -> Self:
        """Return a diagnosis."""
        return cls(
            at=format_instant(diagnosis.at),
            basis=diagnosis.basis,
            source=clean(diagnosis.source, SECTION_BYTES),
            fault=clean(diagnosis.fault, 100),
            confidence=diagnosis.confidence,
            readings=[
                CitedReadingSummary(sensor=one.sensor, value=one.value, unit=one.unit, at=format_instant(one.at))
                for one in diagnosis.readings
            ],
            sections=[
                CitedSectionSummary(manual=clean(one.manual, 100), section=clean(one.section, SECTION_BYTES))
                for one in diagnosis.sections
            ],
            incidents=list(diagnosis.incidents),
            causes=list(diagnosis.causes),
            proposal=clean(diagnosis.proposal, SECTION_BYTES),
            command_id=diagnosis.command_id,
            would_change=clean(diagnosis.would_change, MODEL_BYTES),
            words=clean(diagnosis.words, MODEL_BYTES),
            model=clean(diagnosis.model, 100),
            dropped=diagnosis.dropped,
            line=clean(diagnosis.line, 2 * MODEL_BYTES),
        )
