"""Messages to the notifier."""

from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.alarms.escalation import Escalated
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Severity
from aegisflow.domain.alarms.outbox import Delivery


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
    page: str = ""
    """What it has in common with others of the same device that need not be told beside it; empty for nothing."""


@dataclass(frozen=True, slots=True)
class OpenAlarmsRecalled:
    """What the store remembers of what waits for somebody: told once after each start of the notifier."""

    alarms: tuple[Alarm, ...]
    deliveries: tuple[Delivery, ...] = ()
    """What was to be delivered, and what was."""
    failure: str = ""
    """Why the store could not tell."""


@dataclass(frozen=True, slots=True)
class AlarmDiagnosed:
    """What is probably the matter behind an alarm; people who are told of it from now on are told this, too."""

    alarm_id: str
    text: str
    by_model: bool
    """Whether a model says so; whoever waits for the alarm is then told of it by itself."""


@dataclass(frozen=True, slots=True)
class DeliveryFinished:
    """A sink has taken a notification, or not."""

    sink: str
    number: int
    """Of the attempt."""
    why: str = ""
    """Why it was not taken; empty when it was."""
    wait_s: float = 0.0
    """How long it asked to be left alone."""


@dataclass(frozen=True, slots=True)
class ReadEscalation(Question[Escalated]):
    """Who has been told of an alarm that nobody has acknowledged, and who is next?"""

    alarm_id: str


@dataclass(frozen=True, slots=True)
class ReadNotifierProblems(Question[tuple[str, ...]]):
    """Which sinks do not take what people are to be told? Empty when all is delivered."""
