"""Alarms as people and programs see them, and what people ask to be done to them."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field

from aegisflow.api.fields import Number, Read, as_number, number, within, words
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Request, Shape, moment
from aegisflow.api.schemas.diagnosis import DiagnosisSummary
from aegisflow.api.schemas.incidents import SimilarIncidentSummary
from aegisflow.api.text import clean, describe_limits, z_score
from aegisflow.domain.alarms.first_out import first_outs
from aegisflow.domain.alarms.kpis import AlarmKpis
from aegisflow.domain.alarms.model import Alarm, AlarmState, Change, Evidence, Severity, Timeliness
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.equipment import DeviceSpec, FaultResponse, PlantSpec, SensorSpec
from aegisflow.domain.incidents.model import Pattern, SimilarIncident
from aegisflow.domain.incidents.similarity import pattern_line
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import Answer

__all__ = [
    "AlarmAcknowledged",
    "AlarmDetail",
    "AlarmKpiRequest",
    "AlarmKpiSummary",
    "AlarmList",
    "AlarmRecord",
    "AlarmStep",
    "AlarmSummary",
    "ById",
    "ListedAlarm",
    "ListedEvidence",
    "NoteRequest",
    "OutOfServiceRequest",
    "SensorEvidence",
    "ShelfRequest",
    "WhatToDo",
    "listed_alarms",
]

MAX_REASONS = 6
MAX_PATTERNS = 5
MAX_OPERATORS = 100
LONGEST_PERIOD_S = 400 * 86_400.0


class SensorEvidence(Shape):
    """Why one sensor speaks for an alarm."""

    sensor: str
    detector: str
    value: float
    """In the sensor's unit, as are ``baseline`` and ``spread``."""
    baseline: float
    spread: float
    """Standard deviation of the baseline."""
    z: float
    """Distance from the baseline in spreads, 9,999 of them at most."""
    direction: str
    """``high`` or ``low``."""
    since: Moment
    at: Moment | None = None
    """Of the reading with this value, the weightiest so far; what the sensor shows now may be another."""
    unit: str = ""
    """Empty for a sensor that the plant does not have any more."""

    @classmethod
    def of(cls, evidence: Evidence, spec: SensorSpec | None = None) -> Self:
        """Return the evidence of one sensor."""
        return cls(
            unit=spec.unit if spec else "",
            sensor=evidence.sensor,
            detector=evidence.detector,
            value=evidence.value,
            baseline=evidence.baseline,
            spread=evidence.spread,
            z=z_score(evidence.z),
            direction=evidence.direction,
            since=format_instant(evidence.since),
            at=moment(evidence.at),
        )


class AlarmSummary(Shape):
    """One alarm, in short; what people wrote comes last."""

    alarm_id: str
    device_id: str
    fault_type: str
    severity: Severity
    state: AlarmState
    raised_at: Moment
    known_at: Moment | None = None
    """When it came to be known, by our own clock: later than it was raised where its readings came late."""
    timeliness: Timeliness = Timeliness.LIVE
    """``catching_up`` while a backlog comes that may show its end, ``history`` where it began and ended in one."""
    lasts: bool
    """Whether its cause is still there, whoever is told."""
    shelved_until: Moment | None
    reasons: list[str]
    """Why it is of this type of fault, and what speaks against that."""
    set_aside_by: str
    """Who shelved it or took it out of service; empty for nobody."""
    set_aside_because: str
    """That person's words."""

    @classmethod
    def of(cls, alarm: Alarm, **more: Any) -> Self:
        """Return an alarm; ``more`` are the fields that a longer shape adds."""
        return cls(
            alarm_id=alarm.alarm_id,
            device_id=alarm.device_id,
            fault_type=alarm.fault_type,
            severity=alarm.severity,
            state=alarm.state,
            raised_at=format_instant(alarm.raised_at),
            known_at=moment(alarm.known_at),
            timeliness=alarm.timeliness,
            lasts=alarm.lasts,
            shelved_until=moment(alarm.shelved_until),
            reasons=[clean(reason, 200) for reason in alarm.reasons[:MAX_REASONS]],
            set_aside_by=clean(alarm.suppressed_by, NAME_BYTES),
            set_aside_because=clean(alarm.suppression_reason, WORDS_BYTES),
            **more,
        )


class ListedEvidence(SensorEvidence):
    """Why one sensor speaks for an alarm, beside what is normal for it."""

    normal: str | None = None
    """As words such as ``65 to 85``, in the sensor's unit; so with ``alarm_limit``."""
    alarm_limit: str | None = None

    @classmethod
    def beside(cls, evidence: SensorEvidence, spec: SensorSpec | None) -> Self:
        """Return the evidence with the limits of its sensor; without, where the plant has no such sensor any more."""
        if spec is None:
            return cls(**evidence.model_dump())
        normal, alarm_limit = describe_limits(spec.normal), describe_limits(spec.alarm)
        return cls(**{**evidence.model_dump(), "unit": spec.unit}, normal=normal, alarm_limit=alarm_limit)


class WhatToDo(Shape):
    """What to do about a fault, as the plant's file says: its row of the master alarm table of ISA-18.2."""

    cause: str
    """Empty where nobody has said, as are the others."""
    consequence: str
    """What happens if nobody acts."""
    respond_within_s: float | None
    """How much time there is before it does."""
    action: str

    @classmethod
    def of(cls, response: FaultResponse) -> Self:
        """Return a row of the table."""
        return cls(
            cause=response.cause,
            consequence=response.consequence,
            respond_within_s=response.respond_within_s,
            action=response.action,
        )


class ListedAlarm(AlarmSummary):
    """One alarm among others, with its evidence and what of the past is like it."""

    line: str = ""
    """Of its device; empty for one that the plant does not have any more."""
    duration_s: float | None = None
    """From when it was raised until it returned to normal, or until now."""
    acknowledged_at: Moment | None = None
    acknowledged_by: str = ""
    note: str = ""
    """The words of whoever acknowledged it."""
    evidence: list[ListedEvidence] = Field(default_factory=list)
    """Of every sensor that speaks for it, the strongest deviation first; as of the last change of the alarm."""
    first_out: bool
    """Whether it was the first where several devices of a line tripped together."""
    patterns: list[str]
    """The fault comes again and again: how often, and how far apart."""
    similar_incidents: list[SimilarIncidentSummary]
    diagnosis: DiagnosisSummary | None = None
    """What is probably the matter; not known for the first moments of an alarm."""
    what_to_do: WhatToDo | None = None
    """None where nobody has said."""

    @classmethod
    def among(
        cls,
        alarm: Alarm,
        device: DeviceSpec | None,
        now: float,
        *,
        first_out: bool,
        patterns: Sequence[Pattern],
        similar: Sequence[SimilarIncident],
        diagnosis: AlarmDiagnosis | None = None,
        response: FaultResponse | None = None,
    ) -> Self:
        """Return an alarm of a device, as of an instant in UTC epoch seconds, with its past."""
        sensors = device.sensors if device else {}
        strongest = sorted(alarm.evidence, key=lambda one: -abs(one.z))
        until = now if alarm.cleared_at is None else alarm.cleared_at
        return cls.of(
            alarm,
            line=device.line if device else "",
            duration_s=max(0.0, until - alarm.raised_at),
            acknowledged_at=moment(alarm.acknowledged_at),
            acknowledged_by=clean(alarm.acknowledged_by, NAME_BYTES),
            note=clean(alarm.note, WORDS_BYTES),
            evidence=[ListedEvidence.beside(SensorEvidence.of(one), sensors.get(one.sensor)) for one in strongest],
            first_out=first_out,
            patterns=[pattern_line(pattern) for pattern in patterns[:MAX_PATTERNS]],
            similar_incidents=[SimilarIncidentSummary.of(one) for one in similar],
            diagnosis=None if diagnosis is None else DiagnosisSummary.of(diagnosis),
            what_to_do=None if response is None else WhatToDo.of(response),
        )


def listed_alarms(plant: PlantSpec, answer: Answer[tuple[Alarm, ...]]) -> tuple[ListedAlarm, ...]:
    """Return alarms by severity and time, the worst and newest first.

    They come without what of the past is like them: that costs a search for each.
    """
    first = first_outs((alarm for alarm in answer.value if not alarm.state.is_suppressed), plant)
    ordered = sorted(answer.value, key=lambda one: (-one.severity.rank, -one.raised_at, one.alarm_id))
    return tuple(
        ListedAlarm.among(
            alarm,
            plant.devices.get(alarm.device_id),
            answer.as_of,
            first_out=alarm.alarm_id in first,
            patterns=(),
            similar=(),
        )
        for alarm in ordered
    )


class AlarmStep(Shape):
    """Something that happened to an alarm."""

    at: Moment
    change: Change
    by: str
    """Who did it; empty for the machine itself."""
    severity: Severity
    """As it was then."""


class AlarmRecord(ReadShape):
    """One alarm with all that is known of it, also one that is history."""

    as_of: Moment
    alarm: ListedAlarm
    life: list[AlarmStep]
    """What has happened to it, oldest first, without how its evidence grew; empty until it is on disk."""
    unavailable: dict[str, str]
    """Who could not be asked, and why."""


class AlarmDetail(AlarmSummary):
    """All that is known of one alarm now."""

    first_type: str
    """The type of fault as it was raised."""
    detector: str
    changed_at: Moment
    cleared_at: Moment | None
    acknowledged_at: Moment | None
    acknowledged_by: str
    note: str
    """The words of whoever acknowledged it."""
    repeats: int
    """Breaching readings since it was raised."""
    evidence: list[SensorEvidence]
    """Of every sensor that speaks for it, the strongest deviation first."""

    @classmethod
    def of(cls, alarm: Alarm, device: DeviceSpec | None = None, **more: Any) -> Self:
        """Return an alarm with its evidence, in the units of its device's sensors."""
        sensors = device.sensors if device else {}
        strongest = sorted(alarm.evidence, key=lambda one: -abs(one.z))
        return super().of(
            alarm,
            first_type=alarm.first_type,
            detector=alarm.detector,
            changed_at=format_instant(alarm.changed_at),
            cleared_at=moment(alarm.cleared_at),
            acknowledged_at=moment(alarm.acknowledged_at),
            acknowledged_by=clean(alarm.acknowledged_by, NAME_BYTES),
            note=clean(alarm.note, WORDS_BYTES),
            repeats=alarm.repeats,
            evidence=[SensorEvidence.of(one, sensors.get(one.sensor)) for one in strongest],
            **more,
        )


class AlarmList(ReadShape):
    """The alarms that are not history, those that people set aside among them."""

    as_of: Moment
    alarms: list[ListedAlarm]
    unavailable: dict[str, str]
    """Who could not be asked, and why."""


class AlarmAcknowledged(Shape):
    """What acknowledging an alarm did."""

    alarm_id: str
    state: AlarmState
    acknowledged_by: str


class AlarmKpiSummary(ReadShape):
    """How many alarms people got, by EEMUA 191."""

    data_from: Moment | None
    """The figures are of the time since then; nothing of what was asked for is stored before it. Null: nothing is."""
    data_to: Moment | None
    """The last instant of which something is stored."""
    alarms: int
    lines: list[str]
    """The figures as sentences: rate, floods, chattering, stale, the most frequent, severities."""
    top: dict[str, int]
    """Device and type of fault of the most frequent alarms, and how often each came."""

    @classmethod
    def of(cls, answer: Answer[AlarmKpis]) -> Self:
        """Return the figures of a period."""
        kpis = answer.value
        return cls(
            broker_away_since=moment(answer.broker_away_since),
            data_from=moment(kpis.data.start) if kpis.data else None,
            data_to=moment(kpis.data.end) if kpis.data else None,
            alarms=kpis.alarms,
            lines=list(kpis.lines()),
            top=dict(kpis.top),
        )


class ById(Request):
    """Which alarm, command or device."""

    id: str


class ShelfRequest(Request):
    """Shelve an alarm for a time."""

    duration_s: Number
    """From a minute to twelve hours, in seconds."""
    reason: Annotated[str, words(WORDS_BYTES, "why, in a few words")]


class OutOfServiceRequest(Request):
    """Take an alarm out of service until it is returned."""

    reason: Annotated[str, words(WORDS_BYTES, "why, in a few words")]


class NoteRequest(Request):
    """Take note of an alarm."""

    note: Annotated[str, words(WORDS_BYTES)]
    """What you saw or do."""


def _people(value: object) -> int:
    count = within(as_number(value), 1, MAX_OPERATORS)
    if count % 1:
        raise ValueError(value)
    return int(count)


LastS = Annotated[float, number(600.0, LONGEST_PERIOD_S, f"600 to {LONGEST_PERIOD_S:.0f} seconds")]
People = Annotated[
    int, Read(_people, f"a whole number from 1 to {MAX_OPERATORS}", {"minimum": 1, "maximum": MAX_OPERATORS})
]


class AlarmKpiRequest(Request):
    """Over which time, and for how many people, the figures are worked out."""

    last_s: LastS = 86_400.0
    operators: People = 1
    """On duty at a time."""
