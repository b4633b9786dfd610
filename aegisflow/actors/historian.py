"""The historian's actor: the one writer of the store, and the memory of the others."""

from collections.abc import Callable
from typing import Any

from aegisflow.actors.messages.common import Bundle, Tick
from aegisflow.actors.messages.device import DeviceRecalled
from aegisflow.actors.messages.gateway import PublishClaimed, RecordsCommitted
from aegisflow.actors.messages.guard import AuditCommitted, CommandsRecalled, TransitionStored
from aegisflow.actors.messages.manuals import IncidentKept
from aegisflow.actors.messages.notifier import OpenAlarmsRecalled
from aegisflow.actors.messages.store import (
    AppendAudit,
    ClaimPublish,
    CommitAudit,
    FlushStore,
    ReadStoreHealth,
    RecallCommands,
    RecallDevice,
    RecallOpenAlarms,
    ReviewIncident,
    StoreAudit,
    StoreAuditOnce,
    StoreCredential,
    StoreDeadLetters,
    StoreDeliveries,
    StoreDiagnosis,
    StoreIncident,
    StoreLearning,
    StoreLevels,
    StoreRecords,
    StoreTransition,
)
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import GATEWAY, MANUALS, Directory
from aegisflow.config.services import StoreSettings
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.incidents.model import Incident
from aegisflow.domain.past import CommandsPast, DevicePast
from aegisflow.domain.readings import Receipt
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import StoreError
from aegisflow.store import Store
from aegisflow.store.batch import Record
from aegisflow.store.committer import Committed, Committer
from aegisflow.store.summing import LimitsOf

__all__ = ["AlarmsHeard", "Historian", "HistorianActor"]

AlarmsHeard = Callable[[tuple[AlarmEvent, ...]], None]
"""Hears of the alarm events of a commit, after it."""


class Historian:
    """Turns messages into calls on the committer, and its commits into messages; free of actors.

    ::

        StoreRecords ─┐                   ┌─► RecordsCommitted to the gateway (acknowledges to the broker)
        dead letters ─┼─► Committer.add ──┼─► on_alarms(alarm events)
        audit ────────┘     commits       └─► answers
    """

    def __init__(
        self,
        make_committer: Callable[[Callable[[Committed], None]], Committer],
        tell: Callable[[str, object], bool],
        on_alarms: AlarmsHeard = lambda events: None,
        on_diagnoses: Callable[[], None] = lambda: None,
    ) -> None:
        self.committer = make_committer(self._announce)
        self._tell = tell
        self._on_alarms = on_alarms
        self._on_diagnoses = on_diagnoses

    def receive(self, message: object) -> Any:
        """Take a message; for a question, return its answer, which may be a StoreError."""
        committer = self.committer
        match message:
            case StoreRecords():
                committer.add(Record(message, message.device_id, message.readings, message.alarms, audit=message.audit))
            case StoreDeadLetters():
                committer.add(Record(message, letters=message.letters))
            case AppendAudit(entry):
                committer.add(Record(message, audit=(entry,)))
            case StoreDeliveries(put, drop):
                committer.add(Record(message, deliveries=put, dropped_deliveries=drop))
            case StoreLevels(device_id, put, drop, audit):
                committer.add(Record(message, device_id, audit=audit, levels=put, dropped_levels=drop))
            case StoreLearning(device_id, kept, audit):
                committer.add(Record(message, device_id, audit=audit, learning={device_id: kept}))
            case StoreDiagnosis(diagnosis):
                committer.add(Record(message, diagnoses=(diagnosis,)))
            case StoreTransition():
                moved = committer.move(message.transition)
                command_id = message.transition.after.command.command_id
                self._tell(message.reply_to, TransitionStored(command_id, *moved))
            case CommitAudit(entry, number, reply_to):
                self._tell(reply_to, AuditCommitted(number, self._commit_audit(entry)))
            case ClaimPublish(record, claim_id, at, reply_to, audit):
                self._tell(reply_to, PublishClaimed(claim_id, *committer.claim_publish(record, at, audit)))
            case RecallDevice() | RecallCommands() | RecallOpenAlarms():
                self._recall(message)
            case Tick(at=at):
                committer.tick(at)
            case _:
                return self._answer(message)
        return None

    def abandon(self) -> tuple[object, ...]:
        """Give the store's connection back; return the messages whose records are not committed, in order."""
        return tuple(record.source for record in self.committer.abandon())

    def _answer(self, question: object) -> Any:
        """Return the answer to a question; a StoreError is returned, for it must not end the one writer."""
        try:
            match question:
                case StoreIncident(incident):
                    return self._tell_kept(self.committer.add_incident(incident))
                case ReviewIncident(review):
                    return self._tell_kept(self.committer.review_incident(review))
                case StoreCredential(credential, entry):
                    return self.committer.keep_credential(credential, entry)
                case StoreAudit(entry):
                    self.committer.commit_now(Record(AppendAudit(entry), audit=(entry,)))
                    return entry
                case StoreAuditOnce(entry, key):
                    return self.committer.keep_once(entry, key)
                case FlushStore():
                    return self.committer.flush()
                case ReadStoreHealth():
                    return self.committer.health()
        except StoreError as error:
            return error
        return None

    def _commit_audit(self, entry: AuditEntry) -> str:
        """Commit a row of the audit at once; return why it could not be, empty if it is on disk."""
        try:
            self.committer.commit_now(Record(AppendAudit(entry), audit=(entry,)))
        except StoreError as error:
            return str(error)
        return ""

    def _tell_kept(self, report: Incident) -> Incident:
        self._tell(MANUALS, IncidentKept(report))
        return report

    def _recall(self, message: RecallDevice | RecallCommands | RecallOpenAlarms) -> None:
        """Tell who asks what the store remembers, or why nobody knows."""
        answer: DeviceRecalled | CommandsRecalled | OpenAlarmsRecalled
        match message:
            case RecallDevice(device_id=device_id, count=count, since=since, before=before):
                try:
                    answer = DeviceRecalled(self.committer.recall_device(device_id, count, since, before))
                except StoreError as error:
                    answer = DeviceRecalled(DevicePast(), str(error))
            case RecallCommands(since=since):
                try:
                    answer = CommandsRecalled(self.committer.recall_commands(since))
                except StoreError as error:
                    answer = CommandsRecalled(CommandsPast(), str(error))
            case RecallOpenAlarms():
                try:
                    deliveries = self.committer.recall_deliveries()
                    answer = OpenAlarmsRecalled(self.committer.recall_open_alarms(), deliveries)
                except StoreError as error:
                    answer = OpenAlarmsRecalled((), failure=str(error))
        self._tell(message.reply_to, answer)

    def _announce(self, committed: Committed) -> None:
        """Tell those who wait for a commit; what became a dead letter is settled as well."""
        receipts: list[Receipt] = []
        events: list[AlarmEvent] = []
        count = 0
        for record in committed.records:
            message = record.source
            if isinstance(message, StoreRecords | StoreDeadLetters):
                receipts += message.receipts
                count += message.count
            # By identity: to compare records would compare all their readings.
            if record.events and not any(record is one for one in committed.refused):
                events += record.events
        if count or receipts:
            self._tell(GATEWAY, RecordsCommitted(tuple(receipts), count))
        if events:
            self._on_alarms(tuple(events))
        if any(record.diagnoses for record in committed.records):
            self._on_diagnoses()


class HistorianActor(ThreadedActor):
    """The historian as an actor; a successor begins with what this one had not committed."""

    def __init__(
        self,
        name: str,
        directory: Directory,
        store: Store,
        settings: StoreSettings,
        on_alarms: AlarmsHeard = lambda events: None,
        on_lost: Callable[[str], None] = lambda why: None,
        on_diagnoses: Callable[[], None] = lambda: None,
        limits: LimitsOf = lambda device_id: {},
    ) -> None:
        """Connect to nothing yet.

        Args:
            name: of this actor in the directory.
            directory: where the others are found.
            store: what is written to.
            settings: how often, and how long rows are kept.
            on_alarms: hears of the alarm events of each commit.
            on_lost: told once, and why, when the store has become another process's: nothing is stored any more.
            on_diagnoses: hears of each commit of diagnoses.
            limits: says what is normal for the sensors of a device.
        """
        super().__init__(name, directory)
        self._on_lost = on_lost
        self._has_told = False
        self._historian = Historian(
            lambda announce: Committer(store, settings, announce, limits=limits), self.tell, on_alarms, on_diagnoses
        )

    def on_start(self) -> None:
        """Connect to the store."""
        self._historian.committer.start()

    def on_receive(self, message: Any) -> Any:
        """Take a message, then do what is due."""
        answer = None
        if type(message) is Bundle:
            self._unpack(message)
        else:
            answer = self._historian.receive(message)
        committer = self._historian.committer
        wait_s = committer.work(more_waits=not self.actor_inbox.empty())
        if committer.lost and not self._has_told:
            self._has_told = True
            self._on_lost(committer.lost)
        if wait_s is not None:
            self.wake_in(wait_s)
        return answer

    def _unpack(self, bundle: Bundle) -> None:
        for position, message in enumerate(bundle.messages):
            try:
                self._historian.receive(message)
            except Exception:
                # They are in no inbox any more, so nobody else would hand them on.
                self.give_back(*bundle.messages[position + 1 :])
                raise

    def on_stop(self) -> None:
        """Commit what still waits, and close the connection."""
        self._historian.committer.close()

    def on_failure(self, *_: object) -> None:
        """Hand what is not committed to the successor."""
        self.give_back(*self._historian.abandon())
