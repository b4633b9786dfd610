"""Messages to the historian, the one writer, and to the archive, which reads on a connection of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from aegisflow.actors.messages.common import Question
from aegisflow.domain.alarms.kpis import AlarmKpis
from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.alarms.outbox import Delivery
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import CommandReceipt, CommandRecord, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.credentials import Credential
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.incidents.model import (
    AlarmToMatch,
    Incident,
    IncidentFile,
    IncidentPage,
    IncidentQuery,
    IncidentReview,
    NewIncident,
    Pattern,
    SimilarIncident,
)
from aegisflow.domain.learning import KeptLearning
from aegisflow.domain.readings import DeadLetter, Reading, Receipt
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    AlarmPage,
    AlarmQuery,
    AuditEntry,
    AuditPage,
    AuditQuery,
    CommandPage,
    StoreHealth,
    Stream,
)


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
    audit: tuple[AuditEntry, ...] = ()
    """Of what a person, or an agent, has done to these alarms: both are on disk, or neither."""


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
class StoreDeliveries:
    """Keep these deliveries of notifications, each in the place of the one with its key, and drop those."""

    put: tuple[Delivery, ...]
    drop: tuple[str, ...]
    """Keys."""


@dataclass(frozen=True, slots=True)
class StoreLevels:
    """Keep what a person has accepted as levels of a device's sensors, and drop what was taken back."""

    device_id: str
    put: tuple[AcceptedLevel, ...] = ()
    drop: tuple[str, ...] = ()
    """Keys."""
    audit: tuple[AuditEntry, ...] = ()
    """Their rows of the audit, one for each key."""


@dataclass(frozen=True, slots=True)
class StoreLearning:
    """Keep the newest commissioning period of a device and what was learned; None for one that was thrown away."""

    device_id: str
    kept: KeptLearning | None
    audit: tuple[AuditEntry, ...] = ()
    """What was done to the period; none where only more was learned."""


@dataclass(frozen=True, slots=True)
class StoreDiagnosis:
    """Keep this diagnosis in the place of the alarm's last one."""

    diagnosis: AlarmDiagnosis


@dataclass(frozen=True, slots=True)
class StoreTransition:
    """Commit a step of a command with its audit rows at once, and tell ``reply_to`` (TransitionStored)."""

    transition: Transition
    reply_to: str


@dataclass(frozen=True, slots=True)
class RecallCommands:
    """Tell ``reply_to`` which commands are not over, and which agents had sent since then (CommandsRecalled)."""

    since: float
    reply_to: str


@dataclass(frozen=True, slots=True)
class CommitAudit:
    """Commit an audit row at once, and tell ``reply_to`` (AuditCommitted) by this number."""

    entry: AuditEntry
    number: int
    reply_to: str


@dataclass(frozen=True, slots=True)
class StoreIncident(Question[Incident]):
    """Commit an incident report."""

    incident: NewIncident


@dataclass(frozen=True, slots=True)
class ReviewIncident(Question[Incident]):
    """Commit what a person says of a report; UnknownNameError or ConflictError where it does not fit."""

    review: IncidentReview


@dataclass(frozen=True, slots=True)
class StoreCredential(Question[Credential]):
    """Commit what is kept of a token, with its row of the audit."""

    credential: Credential
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class RecallDevice:
    """Tell the actor called ``reply_to`` what you know of a device (DeviceRecalled); all told before is included."""

    device_id: str
    reply_to: str
    count: int
    """How many of the newest readings."""
    since: float = -inf
    """Commands that expired before this (UTC epoch seconds) need not be told."""
    before: float = inf
    """Readings that are dated so or later (UTC epoch seconds) are passed over."""


@dataclass(frozen=True, slots=True)
class ClaimPublish:
    """Mark a dispatched command as published before it is, and tell ``reply_to`` whether it may be (PublishClaimed).

    The mark is compare-and-set on the stored row: of all claims to one command one is granted, ever.
    """

    record: CommandRecord
    claim_id: str
    at: float
    """UTC epoch seconds by the plant's clock."""
    reply_to: str
    audit: AuditEntry | None = None
    """Committed with the mark, if that is granted: the bytes that are published then."""


@dataclass(frozen=True, slots=True)
class ReadStoreHealth(Question[StoreHealth]):
    """How is the store?"""


@dataclass(frozen=True, slots=True)
class FlushStore(Question[bool]):
    """Commit all that waits; True when there is nothing left."""


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
class FindAlarmKpis(Question[AlarmKpis]):
    """How many alarms people got in a period, by EEMUA 191; ``among`` narrows both to what is asked and stored."""

    period: Period
    operators: int
    among: AlarmQuery | None = None


@dataclass(frozen=True, slots=True)
class FindAlarmHistory(Question[tuple[AlarmEvent, ...]]):
    """The life of one alarm, oldest first."""

    alarm_id: str


@dataclass(frozen=True, slots=True)
class FindDiagnoses(Question[Mapping[str, AlarmDiagnosis]]):
    """The newest diagnosis of each of these alarms, by the alarm's id; those without any are absent."""

    alarm_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindIncidents(Question[IncidentPage]):
    """Incident reports."""

    query: IncidentQuery


@dataclass(frozen=True, slots=True)
class FindIncident(Question[IncidentFile]):
    """One report with its earlier revisions; UnknownNameError if there is none such."""

    incident_id: int


@dataclass(frozen=True, slots=True)
class FindSimilarIncidents(Question[Mapping[str, tuple[SimilarIncident, ...]]]):
    """For each alarm, by its id: at most so many reports that are like it, the best first."""

    alarms: tuple[AlarmToMatch, ...]
    most: int


@dataclass(frozen=True, slots=True)
class FindPatterns(Question[tuple[Pattern, ...]]):
    """Which faults come again in this plant, as of now?"""

    plant: PlantSpec
    now: float


@dataclass(frozen=True, slots=True)
class RecallIncidents:
    """Tell ``reply_to`` the reports behind the one with this id, a part of them (IncidentsRecalled)."""

    after: int
    reply_to: str


@dataclass(frozen=True, slots=True)
class FindCommands(Question[CommandPage]):
    """Commands to a device, or to all, newest first."""

    device_id: str | None
    limit: int
    stages: tuple[Stage, ...] = ()
    """Only those that stand at one of these; all without any."""
    of: CallerKind | None = None
    """Only those that such proposed."""


@dataclass(frozen=True, slots=True)
class FindCommand(Question[CommandReceipt | None]):
    """The command of this id; None for one that never was."""

    command_id: str


@dataclass(frozen=True, slots=True)
class FindAudit(Question[tuple[AuditEntry, ...]]):
    """The newest audit rows, oldest first; ``act`` narrows."""

    act: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class FindAuditPage(Question[AuditPage]):
    """Entries of the audit, newest first."""

    query: AuditQuery


@dataclass(frozen=True, slots=True)
class StoreAudit(Question[AuditEntry]):
    """Commit a row of the audit that is all there is to store of what somebody did, and answer with it."""

    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class StoreAuditOnce(Question[bool]):
    """Commit a row of the audit unless one of its act and subject has the same under ``key`` in its detail.

    The answer is whether it was committed: what it stands for happens once, whoever else asks for it.
    """

    entry: AuditEntry
    key: str


@dataclass(frozen=True, slots=True)
class RecallOpenAlarms:
    """Tell ``reply_to`` every alarm that is not yet history, and what people were told (OpenAlarmsRecalled)."""

    reply_to: str
