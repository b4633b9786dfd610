"""Messages to a device."""

from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import Alarm, AlarmState
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.execution import Ack
from aegisflow.domain.commands.model import CommandRecord, Mode, StatedMode
from aegisflow.domain.commands.writing import MachineSaid
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.learning import LearningAct, LearningStatus
from aegisflow.domain.past import DevicePast
from aegisflow.domain.readings import Reading, Receipt
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
    """Why the store could not tell it; the device then begins without its past."""


@dataclass(frozen=True, slots=True)
class ReconfigureDevice:
    """The device has a new specification; what did not change keeps its state."""

    spec: DeviceSpec


@dataclass(frozen=True, slots=True)
class ReadDeviceStatus(Question[DeviceStatus]):
    """Ask for the device as it is now."""


@dataclass(frozen=True, slots=True)
class ReadFacts(Question[tuple[str, ...]]):
    """Ask for the device in figures, as whoever decides about a command to it is shown it."""


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
class StateMode(Question[StatedMode]):
    """An operator states the mode of the machine. Answered once it is audited; refusals are RequestErrors."""

    mode: Mode
    reduction_pct: float
    by: Caller
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptLevels(Question[tuple[AcceptedLevel, ...]]):
    """Take what sensors show now as normal. Answered with the levels; refusals are RequestErrors."""

    sensors: tuple[str, ...]
    """None named: all that speak for the alarm and can be accepted."""
    by: Caller
    reason: str
    alarm_id: str = ""


@dataclass(frozen=True, slots=True)
class RestoreLevels(Question[tuple[AcceptedLevel, ...]]):
    """Take an acceptance back. Answered with the levels that hold no longer; refusals are RequestErrors."""

    sensors: tuple[str, ...]
    by: Caller
    reason: str


@dataclass(frozen=True, slots=True)
class ReadLevels(Question[tuple[AcceptedLevel, ...]]):
    """Ask for what people have accepted as levels of the device's sensors."""


@dataclass(frozen=True, slots=True)
class DecideLearning(Question[LearningStatus | None]):
    """Do what a person decides about what the device learns.

    Answered with how that stands after it; refusals are RequestErrors.
    """

    act: LearningAct
    until: str
    """With ``BEGIN`` and ``EXTEND``: an ISO 8601 time, or a duration from now on."""
    by: Caller
    reason: str


@dataclass(frozen=True, slots=True)
class ReadLearning(Question[LearningStatus | None]):
    """Ask for the newest commissioning period of the device; None without one."""


@dataclass(frozen=True, slots=True)
class ViewDevice:
    """Tell ``reply_to`` how the device is now (DeviceViewed), for its decision with this number."""

    number: int
    reply_to: str


@dataclass(frozen=True, slots=True)
class ReportMode:
    """Tell the guard the device's mode (ModeReported), and again what has become of its newest command."""


@dataclass(frozen=True, slots=True)
class ExecuteCommand:
    """Execute a command, unless an interlock forbids it. Only the guard orders this, once it is on disk."""

    record: CommandRecord


@dataclass(frozen=True, slots=True)
class ForeignCommandSeen:
    """Somebody else has sent this machine a command, past policy and people."""

    what: str
    """What it says, in words."""
    receipts: tuple[Receipt, ...] = ()
    """Of the message: the broker must not forget it before the alarm is on disk."""


@dataclass(frozen=True, slots=True)
class DeathReported:
    """Its sender says that this machine is gone, as an edge node of Sparkplug does."""

    why: str


@dataclass(frozen=True, slots=True)
class CommandNotSent:
    """The gateway has not published a command of this device and never will; it is certain that nothing left."""

    command_id: str
    why: str


@dataclass(frozen=True, slots=True)
class MachineSpoke:
    """The device's machine, which is told by a template of plant.yaml, has said what may be an answer."""

    said: MachineSaid


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The device's machine has answered a command or a question."""

    ack: Ack
