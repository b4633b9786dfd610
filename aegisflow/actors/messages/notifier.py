"""Messages to the notifier."""

from dataclasses import dataclass

from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Severity


@dataclass(frozen=True, slots=True)
class AlarmsCommitted:
    """These are on disk; whoever must know may be told."""

    events: tuple[AlarmEvent, ...]


@dataclass(frozen=True, slots=True)
class NotifyOperators:
    """Somebody must act now: an order contradicts a block, or a machine must be looked at."""

    device_id: str
    subject: str
    """Id of the command."""
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class OpenAlarmsRecalled:
    """What the store remembers of alarms that wait for somebody: told once after each start of the notifier."""

    alarms: tuple[Alarm, ...]
    failure: str = ""
