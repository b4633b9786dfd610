"""Messages to a device."""

from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.alarms.model import Alarm, AlarmState
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.execution import Ack
from aegisflow.domain.commands.model import CommandRecord
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.past import DevicePast
from aegisflow.domain.readings import Reading
from aegisflow.domain.views import DeviceStatus


@dataclass(frozen=True, slots=True)
class RecordReadings:
    """Readings of one device, in the order they came."""

    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class DeviceRecalled:
    """What the store remembers of a device: told once after each start of its actor."""

    past: DevicePast
    failure: str = ""
    """Why the store could not tell; the device then starts cold."""


@dataclass(frozen=True, slots=True)
class ReconfigureDevice:
    """The device has a new specification; what did not change keeps its state."""

    spec: DeviceSpec


@dataclass(frozen=True, slots=True)
class ReadDeviceStatus(Question[DeviceStatus]):
    """Ask for the device as it is now."""


@dataclass(frozen=True, slots=True)
class ReadAlarms(Question[tuple[Alarm, ...]]):
    """Ask for the alarms that are not history; suppressed ones are among them."""


@dataclass(frozen=True, slots=True)
class AcknowledgeAlarm(Question[Alarm]):
    """Record that somebody acknowledges an alarm. Answered with the alarm after it; refusals are RequestErrors."""

    alarm_id: str
    by: Caller
    note: str


@dataclass(frozen=True, slots=True)
class SuppressAlarm(Question[Alarm]):
    """Shelve an alarm, or take it out of service. Answered with the alarm after it; refusals are RequestErrors."""

    alarm_id: str
    by: Caller
    reason: str
    shelf_s: float | None
    """Seconds until its shelf ends; None takes it out of service until somebody returns it."""


@dataclass(frozen=True, slots=True)
class ReturnAlarmToService(Question[Alarm]):
    """Return the alarm to service before its shelf ends, or after it was out of service.

    Answered with the alarm after it; refusals are RequestErrors.
    """

    alarm_id: str
    state: AlarmState
    """What is to end: ``SHELVED`` or ``OUT_OF_SERVICE``."""
    by: Caller


@dataclass(frozen=True, slots=True)
class ViewDevice:
    """Tell ``reply_to`` how you are, for its decision with this number (DeviceViewed)."""

    number: int
    reply_to: str


@dataclass(frozen=True, slots=True)
class ReportMode:
    """Tell the guard your mode (ModeReported)."""


@dataclass(frozen=True, slots=True)
class ExecuteCommand:
    """Execute this, unless an interlock forbids it. Only the guard says so, and only once it is on disk."""

    record: CommandRecord


@dataclass(frozen=True, slots=True)
class CommandNotSent:
    """The gateway could not publish your command; nothing has left."""

    command_id: str
    why: str


@dataclass(frozen=True, slots=True)
class AckReceived:
    """Your machine has answered a command."""

    ack: Ack
