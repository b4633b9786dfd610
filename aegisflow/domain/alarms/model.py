"""Alarms and their life after ISA-18.2 / IEC 62682."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad an alarm is; ordered by ``rank``."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Place in the order: 0 for low to 3 for critical."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class AlarmState(StrEnum):
    """The state of an alarm, by the names of ISA-18.2, figure 5."""

    UNACKNOWLEDGED = "unacknowledged"
    """Active, and nobody has acknowledged it."""
    ACKNOWLEDGED = "acknowledged"
    """Active, and somebody has acknowledged it."""
    RETURNED = "returned_unacknowledged"
    """Returned to normal, but nobody has acknowledged it yet."""
    NORMAL = "normal"
    """Returned to normal and acknowledged: history."""
    SHELVED = "shelved"
    """Suppressed by an operator for a time, whether its cause lasts or not."""
    SUPPRESSED_BY_DESIGN = "suppressed"
    """Suppressed because the mode that the device is in causes it."""
    OUT_OF_SERVICE = "out_of_service"
    """Suppressed by an operator until somebody returns it to service."""

    @property
    def is_active(self) -> bool:
        """Whether the cause is still there and people are told of it."""
        return self in (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether people are told of it and nobody has acknowledged it, also where it has returned to normal."""
        return self in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED)

    @property
    def is_suppressed(self) -> bool:
        """Whether nobody is asked to acknowledge it for now, whatever its cause does."""
        return self.is_set_aside or self is AlarmState.SUPPRESSED_BY_DESIGN

    @property
    def is_set_aside(self) -> bool:
        """Whether an operator suppressed it; that changes who is told of it, and nothing about the machine."""
        return self in (AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE)


class Timeliness(StrEnum):
    """Whether an alarm was known while its cause lasted, or only from readings that came late."""

    LIVE = "live"
    """It was raised as its readings came, or its readings have caught up with now while its cause lasted."""
    CATCHING_UP = "catching_up"
    """It was raised by readings of a backlog that is still coming: nobody knows yet whether its cause lasts."""
    HISTORY = "history"
    """It began and ended within a backlog: there is nothing to be done about it any more."""


class Change(StrEnum):
    """What happened to an alarm."""

    RAISED = "raised"
    """A new alarm; or, where too many of a device wait for an acknowledgement, its newest one is open again."""
    UPDATED = "updated"
    """Another sensor speaks for it, the evidence grew, or its readings have caught up with now."""
    ESCALATED = "escalated"
    """Its severity rose; whoever acknowledged the milder alarm is asked again."""
    RETYPED = "retyped"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"
    """The cause is gone (return to normal)."""
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    """Its shelf has ended, or an operator ended it."""
    SUPPRESSED_BY_DESIGN = "suppressed"
    """It began while the device's mode suppresses alarms by design."""
    UNSUPPRESSED = "unsuppressed"
    """The device left that mode, and the cause lasts."""
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    """An operator has returned it to service."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why one sensor speaks for the alarm, in the figures that a person would look up."""

    sensor: str
    detector: str
    value: float
    baseline: float
    spread: float
    """Standard deviation of the baseline, in the sensor's unit."""
    z: float
    """(value - baseline) / spread."""
    direction: str
    """``high`` or ``low``."""
    since: float
    """UTC epoch seconds of the first breach in this run."""
    at: float | None = None
    """UTC epoch seconds of the reading with this value, the weightiest so far; None where an older store kept none."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of one device at one moment of its life."""

    alarm_id: str
    """Readable and unique: ``compressor-01@20260131T080000`` (device and time raised), ``-2`` appended on a clash."""
    device_id: str
    fault_type: str
    """Its type of fault, as last diagnosed."""
    first_type: str
    """Its type of fault when it was raised."""
    severity: Severity
    state: AlarmState
    detector: str
    evidence: tuple[Evidence, ...]
    raised_at: float
    changed_at: float
    cleared_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str = ""
    note: str = ""
    """The words of whoever acknowledged it, which are not facts."""
    repeats: int = 0
    """Readings in breach that were counted into this alarm since it was raised."""
    reasons: tuple[str, ...] = ()
    """Why it is of this type, and what speaks against that, in short sentences."""
    suppressed_by: str = ""
    """Name of the operator who shelved it or took it out of service."""
    suppression_reason: str = ""
    """The words of that operator, which are not facts."""
    shelved_until: float | None = None
    """UTC epoch seconds; None unless it is shelved."""
    known_at: float | None = None
    """When it came to be known, by our own clock, whatever its readings are dated; None for one of an old store."""
    timeliness: Timeliness = Timeliness.LIVE

    @property
    def lasts(self) -> bool:
        """Whether the cause is still there, whoever knows of it."""
        return self.cleared_at is None

    @property
    def sensors(self) -> tuple[str, ...]:
        """Names of the sensors that speak for it, weightiest first."""
        return tuple(item.sensor for item in self.evidence)


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """A change in the life of an alarm, with the alarm as it is after it."""

    change: Change
    at: float
    alarm: Alarm
    by: str = ""
    """Name of whoever did it; empty for the device itself."""


def device_of(alarm_id: str) -> str:
    """Return the device that an alarm belongs to: its id begins with it, so that nobody has to be asked."""
    return alarm_id.rpartition("@")[0]


def worst_of(alarms: Iterable[Alarm]) -> Severity | None:
    """Return the severity of the worst of these alarms; None for no alarm."""
    return max((alarm.severity for alarm in alarms), key=lambda one: one.rank, default=None)


def command_alarm(
    alarm_id: str,
    device_id: str,
    fault_type: str,
    reasons: tuple[str, ...],
    at: float,
    severity: Severity = Severity.HIGH,
) -> Alarm:
    """Return an alarm that no reading raised and none will end: it waits until a person acknowledges it."""
    return Alarm(
        alarm_id,
        device_id,
        fault_type,
        fault_type,
        severity,
        AlarmState.RETURNED,
        "command",
        (),
        raised_at=at,
        changed_at=at,
        cleared_at=at,
        reasons=reasons,
    )
