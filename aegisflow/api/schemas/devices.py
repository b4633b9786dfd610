"""Devices as people and programs see them now."""

from collections.abc import Iterable, Mapping
from math import isinf
from typing import Annotated, Self

from pydantic import Field

from aegisflow.api.fields import Number, name_in, words
from aegisflow.api.schemas.alarms import AlarmSummary
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Request, Shape, moment
from aegisflow.api.schemas.learning import LearningSummary
from aegisflow.api.text import clean, describe_limits, z_score
from aegisflow.domain.alarms.model import Alarm, Severity
from aegisflow.domain.commands.model import Mode, StatedMode
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.readings import Quality
from aegisflow.domain.refused import RefusedLine
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import Answer, DeviceStatus, SensorStatus

__all__ = [
    "DeviceBrief",
    "DeviceSummary",
    "ModeRequest",
    "ModeStatement",
    "RefusedList",
    "RefusedSummary",
    "SensorState",
    "device_briefs",
]


class SensorState(Shape):
    """One sensor now."""

    sensor: str
    unit: str
    quality: Quality
    value: float | None
    """Newest value, in the sensor's unit, as are ``mean`` and ``spread``."""
    at: Moment | None
    mean: float | None
    """Of the rolling window."""
    spread: float | None
    """Standard deviation of the rolling window."""
    z: float | None
    """Distance of the newest value from the window before it, in spreads, 9,999 of them at most."""
    window: int
    """Readings behind mean, spread and z."""
    normal: str | None
    """What is normal, as words such as ``65 to 85``; so with ``alarm`` and ``trip``."""
    alarm: str | None
    trip: str | None
    quality_reason: str = ""
    """Why the quality is not good; empty for good."""
    refused: dict[str, int] = Field(default_factory=dict)
    """Reason to how many values of this sensor could not be used, since the device's actor started."""
    interval_s: float | None = None
    """Usual seconds between two of its values, as learned; none while that is not known, or by exception."""
    stale_after_s: float | None = None
    """Without a value for so many seconds it counts as stale; none for never."""

    @classmethod
    def of(cls, status: SensorStatus) -> Self:
        """Return a sensor as it is now."""
        spec = status.spec
        return cls(
            sensor=spec.name,
            unit=spec.unit,
            quality=status.quality,
            value=status.value,
            at=moment(status.at),
            mean=status.mean,
            spread=status.spread,
            z=None if status.z is None else z_score(status.z),
            window=status.count,
            normal=describe_limits(spec.normal),
            alarm=describe_limits(spec.alarm),
            trip=describe_limits(spec.trip),
            quality_reason=status.reason,
            refused=dict(status.refused),
            interval_s=status.interval_s,
            stale_after_s=_finite(status.stale_after_s),
        )


class RefusedSummary(Shape):
    """One kind of refusal: of which device and sensor, why, and where to look."""

    device_id: str | None
    """None where the topic names no device of the plant."""
    sensor: str
    """Empty where the message was refused as a whole."""
    reason: str
    count: int
    first_at: Moment | None
    last_at: Moment | None
    topic: str
    sample: str
    """What was refused the last time, shortened."""
    detail: str

    @classmethod
    def of(cls, line: RefusedLine) -> Self:
        """Return a kind of refusal as people see it."""
        return cls(
            device_id=line.device_id,
            sensor=line.sensor,
            reason=line.reason,
            count=line.count,
            first_at=moment(line.first_at),
            last_at=moment(line.last_at),
            topic=line.topic,
            sample=line.sample,
            detail=line.detail,
        )


class RefusedList(ReadShape):
    """What was refused since the plant was started, the newest first."""

    refused: list[RefusedSummary]

    @classmethod
    def of(cls, answer: Answer[tuple[RefusedLine, ...]]) -> Self:
        """Return all kinds of refusals."""
        return cls(
            broker_away_since=moment(answer.broker_away_since),
            refused=[RefusedSummary.of(line) for line in answer.value],
        )


class ModeRequest(Request):
    """State the mode that a machine is in; nothing is sent to it."""

    mode: Annotated[Mode, name_in("mode", tuple(mode for mode in Mode if mode is not Mode.UNKNOWN))]
    reason: Annotated[str, words(WORDS_BYTES, "why, in a few words")]
    """How you know, which the audit keeps."""
    reduction_pct: Number = 0.0
    """With ``reduced_load``: per cent of full load that is gone."""


class ModeStatement(Shape):
    """The mode of a machine by an operator's word."""

    device_id: str
    mode: Mode
    reduction_pct: float
    by: str
    at: Moment
    reason: str

    @classmethod
    def of(cls, stated: StatedMode) -> Self:
        """Return what was stated."""
        return cls(
            device_id=stated.device_id,
            mode=stated.mode,
            reduction_pct=stated.reduction_pct,
            by=clean(stated.by, NAME_BYTES),
            at=format_instant(stated.at),
            reason=clean(stated.reason, WORDS_BYTES),
        )


class DeviceSummary(Shape):
    """One device now."""

    device_id: str
    line: str
    kind: str
    mode: Mode
    silent: bool
    """It has reported before, and does not any more."""
    latest_at: Moment | None
    sensors: list[SensorState]
    alarms: list[AlarmSummary]
    """The most severe first."""
    readings_accepted: int
    """Since its actor started."""
    readings_refused: dict[str, int]
    """Why readings were not taken, and how many, since then."""
    notes: list[str] = Field(default_factory=list)
    """What is worth knowing and is no alarm."""
    interval_s: float | None = None
    """Usual seconds between two of its readings, as learned; none while it is not known."""
    regularity: float | None = None
    """Share of its newest readings that came at about that interval: 1 for a clockwork, near 0 by exception."""
    silent_after_s: float | None = None
    """Without a reading for so many seconds it counts as silent; none for never."""
    learning: LearningSummary | None = None
    """Until when it is being learned by somebody's word, or who has accepted what was; none without such a word."""

    @classmethod
    def of(cls, status: DeviceStatus) -> Self:
        """Return a device as it is now."""
        return cls(
            device_id=status.device_id,
            line=status.line,
            kind=status.kind,
            mode=status.mode,
            silent=status.silent,
            latest_at=moment(status.latest_at),
            sensors=[SensorState.of(sensor) for sensor in status.sensors],
            alarms=[AlarmSummary.of(alarm) for alarm in status.alarms],
            readings_accepted=status.accepted,
            readings_refused=dict(status.refused),
            notes=list(status.notes),
            interval_s=None if status.clock is None else status.clock.interval_s,
            regularity=None if status.clock is None else status.clock.regularity,
            silent_after_s=_finite(status.silent_after_s),
            learning=None if status.learning is None else LearningSummary.of(status.learning),
        )


class DeviceBrief(Shape):
    """One device now, in the few words that there is room for beside a thousand others."""

    device_id: str
    line: str
    kind: str
    answers: bool
    """Whether its part of AegisFlow answered; else nothing is known of it but its alarms."""
    mode: Mode
    silent: bool
    """It has reported before, and does not any more."""
    latest_at: Moment | None
    severity: Severity | None
    """Of its worst alarm that is not suppressed, as is ``fault_type``; none without one."""
    fault_type: str
    alarms: int
    """That are not suppressed."""
    unacknowledged: int
    """Of these: nobody has acknowledged them, whether their cause lasts or not."""
    refused: int
    """Readings that were not taken since its actor started."""
    learning: str = ""
    """How far it is learned by somebody's word, or that this waits for a decision; empty for neither."""

    @classmethod
    def of(cls, spec: DeviceSpec, status: DeviceStatus | None, alarms: list[Alarm]) -> Self:
        """Return a device with its alarms, the worst first; ``status`` is None where it does not answer."""
        worst = alarms[0] if alarms else None
        return cls(
            device_id=spec.device_id,
            line=spec.line,
            kind=spec.kind,
            answers=status is not None,
            mode=status.mode if status else Mode.UNKNOWN,
            silent=bool(status and status.silent),
            latest_at=moment(status.latest_at) if status else None,
            severity=worst.severity if worst else None,
            fault_type=worst.fault_type if worst else "",
            alarms=len(alarms),
            unacknowledged=sum(alarm.state.needs_acknowledgement for alarm in alarms),
            refused=sum(status.refused.values()) if status else 0,
            learning=status.learning.brief if status and status.learning else "",
        )

    @property
    def is_normal(self) -> bool:
        """Whether there is nothing about it that anybody need look at."""
        told = self.severity or self.silent or self.learning
        return self.answers and not (told or self.mode not in (Mode.NORMAL, Mode.REDUCED_LOAD))


def device_briefs(plant: PlantSpec, statuses: Mapping[str, DeviceStatus], alarms: Iterable[Alarm]) -> list[DeviceBrief]:
    """Return every device of a plant, in the order of its file; one without a status does not answer."""
    found: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        if not alarm.state.is_suppressed:
            found.setdefault(alarm.device_id, []).append(alarm)
    for several in found.values():
        several.sort(key=lambda one: (-one.severity.rank, -one.raised_at))
    return [DeviceBrief.of(spec, statuses.get(name), found.get(name, [])) for name, spec in plant.devices.items()]


def _finite(seconds: float) -> float | None:
    return None if isinf(seconds) else seconds
