"""Every message between actors, grouped by who receives it.

Acts are imperative, facts past tense, questions carry the type of their answer. Nothing in a
message is mutable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from aegisflow.domain.alarms import Alarm, AlarmEvent
from aegisflow.domain.commands import Caller, CommandName, CommandReceipt, Mode
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.readings import Reading, Receipt
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    AlarmPage,
    AlarmQuery,
    AuditEntry,
    ChildHealth,
    CommandPage,
    DeviceStatus,
    Incident,
    IncidentPage,
    IncidentQuery,
    ManualInfo,
    NewIncident,
    PassageAnswer,
    PlantChange,
    StoreHealth,
    Stream,
)

T_co = TypeVar("T_co", covariant=True)


class Question(Generic[T_co]):
    """A message that is asked, and answered with a ``T_co``."""

    __slots__ = ()


# --- everyone ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes: ``at`` is the plant's clock, UTC epoch seconds."""

    at: float


@dataclass(frozen=True, slots=True)
class Wake:
    """The time has come at which a threaded actor wanted to be woken (``wake_in``)."""


@dataclass(frozen=True, slots=True)
class Ping(Question[bool]):
    """Are you there? Answered with True once start-up succeeded."""


# --- gateway ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DrainInbound:
    """Messages wait in the gateway's inbound queue."""


@dataclass(frozen=True, slots=True)
class FlushInbound(Question[bool]):
    """Hand all that waits to the devices now; True when done."""


@dataclass(frozen=True, slots=True)
class RecordsCommitted:
    """The historian has these on disk; the broker may forget them."""

    receipts: tuple[Receipt, ...]
    count: int
    """Messages committed, with or without a receipt."""


@dataclass(frozen=True, slots=True)
class PlantReplaced:
    """The set of devices is a new one, from now on."""

    plant: PlantSpec


@dataclass(frozen=True, slots=True)
class GatewayCounts:
    """What came in since the start."""

    received: int
    rejected: Mapping[str, int]
    """Reason code to count, over all devices."""
    rejected_by_device: Mapping[str, Mapping[str, int]]
    """Known devices only, so that it cannot grow with invented names."""
    shed: int
    """Unacknowledged (QoS 0) messages dropped because too much was waiting."""
    in_flight: int
    last_reading_at: float | None
    """By the plant's clock."""
    quiet_s: float = 0.0
    """Seconds since the last reading (or the start), by the wall."""


@dataclass(frozen=True, slots=True)
class ReadGatewayCounts(Question[GatewayCounts]):
    """How much came in?"""


# --- device -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecordReadings:
    """Readings of one device, in the order they came."""

    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class DeviceRecalled:
    """What the store remembers of a device: told once after each start of its actor."""

    readings: tuple[Reading, ...]
    """The newest ones, oldest first."""
    alarms: tuple[Alarm, ...]
    """Those that are active or not yet acknowledged."""
    mode: Mode
    failure: str = ""
    """Why the store could not tell; the device then starts cold."""


@dataclass(frozen=True, slots=True)
class ReconfigureDevice:
    """The device has a new specification; what did not change keeps its state."""

    spec: DeviceSpec


@dataclass(frozen=True, slots=True)
class ReadDeviceStatus(Question[DeviceStatus]):
    """How are you now?"""


@dataclass(frozen=True, slots=True)
class ReadAlarms(Question[tuple[Alarm, ...]]):
    """Which of your alarms are active, or returned without being acknowledged?"""


@dataclass(frozen=True, slots=True)
class AcknowledgeAlarm(Question[Alarm]):
    """Somebody has taken note of an alarm. Answered with the alarm after it; UnknownNameError if it has none such."""

    alarm_id: str
    by: Caller
    note: str


# --- historian (the one writer) ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoreRecords:
    """Commit these together, then tell the gateway."""

    device_id: str
    readings: tuple[Reading, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    """Of all messages this settles, duplicates included."""
    count: int = 0
    """Messages this settles, with or without receipt."""
    alarms: tuple[AlarmEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was refused, shortened."""

    at: float
    topic: str
    device_id: str | None
    """Only when it is a device of the plant."""
    reason: str
    detail: str
    payload: bytes
    """The first 1,024 bytes."""
    size: int
    sha256: str
    """Of the whole payload, hexadecimal."""


@dataclass(frozen=True, slots=True)
class StoreDeadLetters:
    """Keep these, then tell the gateway that their receipts are settled."""

    letters: tuple[DeadLetter, ...]
    receipts: tuple[Receipt, ...]
    count: int


@dataclass(frozen=True, slots=True)
class AppendAudit:
    """Keep an audit row."""

    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class StoreCommand(Question[bool]):
    """Commit a command at a stage, with its audit row in the same transaction; True once on disk."""

    receipt: CommandReceipt
    audit: AuditEntry


@dataclass(frozen=True, slots=True)
class StoreIncident(Question[Incident]):
    """Commit an incident report."""

    incident: NewIncident


@dataclass(frozen=True, slots=True)
class RecallDevice:
    """Tell the actor called ``reply_to`` what you know of a device (DeviceRecalled); all told before is included."""

    device_id: str
    reply_to: str
    count: int
    """How many of the newest readings."""


@dataclass(frozen=True, slots=True)
class ReadStoreHealth(Question[StoreHealth]):
    """How is the store?"""


@dataclass(frozen=True, slots=True)
class FlushStore(Question[bool]):
    """Commit all that waits; True when there is nothing left."""


# --- archive (reads the store on a connection of its own) --------------------------------------


@dataclass(frozen=True, slots=True)
class FindStream(Question[Stream]):
    """Summarise a device's sensors over a period, with at most ``points`` buckets per sensor."""

    device: DeviceSpec
    sensors: tuple[str, ...]
    period: Period
    points: int


@dataclass(frozen=True, slots=True)
class FindReadings(Question[tuple[Reading, ...]]):
    """The newest ``limit`` readings of a device within a period, oldest first."""

    device_id: str
    period: Period
    limit: int


@dataclass(frozen=True, slots=True)
class FindAlarms(Question[AlarmPage]):
    """Alarms of the past and present."""

    query: AlarmQuery


@dataclass(frozen=True, slots=True)
class FindAlarmHistory(Question[tuple[AlarmEvent, ...]]):
    """The life of one alarm, oldest first."""

    alarm_id: str


@dataclass(frozen=True, slots=True)
class FindIncidents(Question[IncidentPage]):
    """Incident reports."""

    query: IncidentQuery


@dataclass(frozen=True, slots=True)
class FindCommands(Question[CommandPage]):
    """Commands to a device, or to all, newest first."""

    device_id: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class FindAudit(Question[tuple[AuditEntry, ...]]):
    """The newest audit rows, oldest first; ``act`` narrows."""

    act: str | None
    limit: int


# --- manuals ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FindPassages(Question[PassageAnswer]):
    """Which passages of the manuals answer this?"""

    text: str
    kind: str | None
    """Kind of device: its manual and the plant's procedures only."""
    limit: int


@dataclass(frozen=True, slots=True)
class ListManuals(Question[tuple[ManualInfo, ...]]):
    """Which manuals are there?"""


@dataclass(frozen=True, slots=True)
class ReadManual(Question[str]):
    """The whole text of one manual; UnknownNameError if there is none such."""

    name: str


@dataclass(frozen=True, slots=True)
class ReadManualProblems(Question[Mapping[str, str]]):
    """Which files, or ``model`` or ``cache``, are not used, and why? Empty when all is well."""


# --- guard ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestCommand(Question[CommandReceipt]):
    """Somebody proposes a command."""

    device_id: str
    command: CommandName
    parameters: Mapping[str, str | float]
    by: Caller
    justification: str


# --- supervisor -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """A child has died; ``backlog`` is what it had not begun, in order."""

    name: str
    reason: str
    backlog: tuple[object, ...]
    incarnation: str = ""
    """The URN of the actor that died, for it may have a successor already."""


@dataclass(frozen=True, slots=True)
class ReplacePlant(Question[PlantChange]):
    """Run this plant from now on: start, stop and reconfigure devices, leave the others alone."""

    plant: PlantSpec


@dataclass(frozen=True, slots=True)
class StartChildren(Question[bool]):
    """Start them all; answered when they are up. What a critical one could not start with is raised."""


@dataclass(frozen=True, slots=True)
class StopChildren(Question[bool]):
    """Stop them all, last started first, once each has done what it was told before."""


@dataclass(frozen=True, slots=True)
class ReadSupervision(Question[tuple[ChildHealth, ...]]):
    """How are your children?"""
