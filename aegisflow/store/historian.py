"""The historian: gathers what is to be stored, commits it and says so; free of actors."""

import math
import time
from collections.abc import Callable
from typing import Any

import structlog
from peewee import PeeweeException

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.device import DeviceRecalled
from aegisflow.actors.messages.gateway import RecordsCommitted
from aegisflow.actors.messages.guard import TransitionStored
from aegisflow.actors.messages.manuals import IncidentKept
from aegisflow.actors.messages.store import (
    AppendAudit,
    CommitAudit,
    FlushStore,
    ReadStoreHealth,
    RecallCommands,
    RecallDevice,
    RecallOpenAlarms,
    ReviewIncident,
    StoreDeadLetters,
    StoreIncident,
    StoreRecords,
    StoreTransition,
)
from aegisflow.config.settings import StoreSettings
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.incidents.model import Incident
from aegisflow.domain.readings import Receipt
from aegisflow.domain.views import StoreHealth
from aegisflow.errors import StoreError
from aegisflow.store.batch import Record
from aegisflow.store.chain import HeadFile
from aegisflow.store.connection import describe
from aegisflow.store.housekeeping import Housekeeping, Pace
from aegisflow.store.incidents import keep_incident
from aegisflow.store.opening import Store
from aegisflow.store.recall import recall, recall_for
from aegisflow.store.writer import NEVER_STORABLE, Writer

DEFAULT_PACE = Pace()
Committed = Callable[[tuple[AlarmEvent, ...]], None]
"""Is told the alarm events of a commit, after it."""


class Historian:
    """Gathers records, commits them as groups and tells who waits.

    ::

        StoreRecords ─┐                     ┌─► RecordsCommitted to the gateway (acknowledges to the broker)
        dead letters ─┼─► pending ─► commit ┼─► on_committed(alarm events)
        audit ────────┘      ▲         │    └─► answers
                             └─────────┘ failed: all stays pending, in order, and is tried again

    A commit is due as soon as nothing else waits, but no sooner than ``commit_interval_s`` after the
    last one began: a lone record is on disk at once, a stream shares its commits.
    """

    def __init__(
        self,
        store: Store,
        settings: StoreSettings,
        tell: Callable[[str, object], bool],
        on_committed: Committed = lambda events: None,
        *,
        gateway: str = "gateway",
        library: str = "manuals",
        pace: Pace = DEFAULT_PACE,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._tell = tell
        self._gateway, self._library = gateway, library
        self._on_committed = on_committed
        self._pace = pace
        self._monotonic = monotonic
        self._wall = wall
        self._log = structlog.get_logger("aegisflow").bind(actor="historian")
        self._writer: Writer | None = None
        self._pending: list[Record] = []
        self._pending_readings = 0
        self._pending_devices: set[str] = set()
        self._committed_readings = 0
        self._unstorable = 0
        self._last_commit_at: float | None = None
        self._began = self._oldest = -math.inf
        self._failure = ""
        self._retry_at = -math.inf
        self._retry_s = 0.0
        self._look_at = -math.inf  # before this nothing is due, by the monotonic clock
        self._plant_at: float | None = None
        self._house = Housekeeping(settings, pace)
        self._heads = HeadFile.beside(settings.url, settings.audit_head)

    def start(self) -> None:
        """Connect, and put readings into their places; raises StoreError or PeeweeException where it cannot."""
        self._connected().fold.finish()

    @property
    def pending(self) -> tuple[Record, ...]:
        """What is not yet committed, in order."""
        return tuple(self._pending)

    def receive(self, message: object) -> Any:
        """Take a message; for a question, return its answer, which may be a StoreError."""
        match message:
            case StoreRecords() | StoreDeadLetters() | AppendAudit():
                self._add(message)
            case CommitAudit():
                return self._commit_audit(message)
            case StoreTransition():
                self._tell(message.reply_to, self._store_transition(message))
            case RecallCommands() | RecallOpenAlarms():
                self._tell(message.reply_to, recall_for(self._connected, message))
            case StoreIncident() | ReviewIncident():
                return self._keep_incident(message)
            case RecallDevice():
                self._tell(message.reply_to, self._recall(message))
            case FlushStore():
                return not self._pending or self._commit() is not None
            case ReadStoreHealth():
                return self.health()
            case Tick(at=at):
                self._plant_at = at
                self._house.tick(at)
                self._look_at = -math.inf
        return None

    def work(self, *, more_waits: bool) -> float | None:
        """Do what is due now; return in how many seconds something else will be, None for nothing."""
        now = self._monotonic()
        if now < self._look_at and self._pending_readings < self._pace.rows:
            return self._look_at - now
        if now >= self._commit_at(more_waits):
            self._commit()
        if not self._failure and self._house.is_due(now, self._writer):
            self._keep_house()
        house_at = math.inf if self._failure else self._house.due_at(self._writer)
        self._look_at = min(self._commit_at(False), house_at)
        wake_at = min(self._commit_at(more_waits), house_at)
        return None if wake_at == math.inf else max(0.0, wake_at - self._monotonic())

    def close(self) -> None:
        """Commit what can be, and give the connection back."""
        if self._pending and self._commit() is None:
            self._log.error("closed_with_uncommitted", records=len(self._pending), reason=self._failure)
        self._disconnect()

    def abandon(self) -> tuple[Record, ...]:
        """Give the connection back without a commit; return what is not committed."""
        self._disconnect()
        return self.pending

    def health(self) -> StoreHealth:
        """Return how the store is."""
        reasons = [self._failure] if self._failure else []
        if self._pending_readings > self._pace.many:
            reasons.append(f"{self._pending_readings} readings wait for a commit")
        notes = [text for text in (self._house.failure, self._heads.failure) if text]
        if self._unstorable:
            notes.append(f"{self._unstorable} messages could not be stored and became dead letters")
        return StoreHealth(
            ok=not reasons,
            detail="; ".join(reasons + notes),
            last_commit_at=self._last_commit_at,
            pending=self._pending_readings,
            committed_readings=self._committed_readings,
        )

    def _commit_at(self, more_waits: bool) -> float:
        """Return when to commit, by the monotonic clock; infinity while there is nothing to commit."""
        if self._failure:
            return self._retry_at
        if not self._pending:
            return math.inf
        if self._pending_readings >= self._pace.rows:
            return -math.inf
        first = self._oldest if more_waits else -math.inf
        return max(self._began, first) + self._settings.commit_interval_s

    def _add(self, record: Record) -> None:
        if not self._pending:
            self._oldest = self._monotonic()
            self._look_at = -math.inf
        self._pending.append(record)
        if isinstance(record, StoreRecords):
            self._pending_readings += len(record.readings)
            self._pending_devices.add(record.device_id)

    def _commit(self) -> list[Record] | None:
        """Commit all that is pending; return what could not be stored ever, None when nothing was committed."""
        self._began = self._monotonic()
        try:
            refused = self._connected().commit(self._pending, self._wall())
        except (PeeweeException, StoreError) as error:
            self._fail(error)
            return None
        records = self._pending
        self._pending, self._pending_readings, self._pending_devices = [], 0, set()
        self._last_commit_at = self._wall()
        if self._failure:
            self._log.info("store_recovered", committed=len(records))
            self._failure, self._retry_s = "", 0.0
        for record, why in refused:
            self._unstorable += 1
            self._log.error("record_unstorable", record=type(record).__name__, reason=why)
        never = [record for record, _ in refused]
        self._announce(records, never)
        return never

    def _announce(self, records: list[Record], never: list[Record]) -> None:
        """Tell those who wait for a commit; what became a dead letter is settled as well."""
        receipts: list[Receipt] = []
        events: list[AlarmEvent] = []
        count = 0
        for record in records:
            if isinstance(record, StoreRecords | StoreDeadLetters):
                receipts += record.receipts
                count += record.count
            if isinstance(record, StoreRecords) and not any(record is one for one in never):
                events += record.alarms
                self._committed_readings += len(record.readings)
        if count or receipts:
            self._tell(self._gateway, RecordsCommitted(tuple(receipts), count))
        if events:
            self._on_committed(tuple(events))

    def _store_transition(self, message: StoreTransition) -> TransitionStored:
        """Commit a step of a command by itself and at once: it waits for no reading."""
        command_id = message.transition.after.command.command_id
        try:
            moved = self._connected().move(message.transition)
        except (*NEVER_STORABLE, PeeweeException, StoreError) as error:
            final = isinstance(error, NEVER_STORABLE)
            if not final:
                self._fail(error)
            return TransitionStored(command_id, False, f"the command was not stored: {describe(error)}", final)
        self._last_commit_at = self._wall()
        return TransitionStored(command_id, moved, "" if moved else "it is no longer at that stage", final=not moved)

    def _commit_audit(self, message: CommitAudit) -> bool | StoreError:
        self._add(AppendAudit(message.entry))
        if self._commit() is not None:
            return True
        self._pending.pop()
        return StoreError(f"it was not stored: {self._failure}")

    def _keep_incident(self, message: StoreIncident | ReviewIncident) -> Incident | StoreError:
        try:
            kept = keep_incident(self._connected(), message, self._plant_at or self._wall())
        except NEVER_STORABLE as error:
            return StoreError(f"the report was not stored: {describe(error)}")
        except (PeeweeException, StoreError) as error:
            self._fail(error)
            return StoreError(f"the report was not stored: {self._failure}")
        self._tell(self._library, IncidentKept(kept))
        return kept

    def _recall(self, message: RecallDevice) -> DeviceRecalled:
        if message.device_id in self._pending_devices and self._commit() is None:
            return DeviceRecalled((), (), Mode.UNKNOWN, failure=self._failure)
        return recall(self._connected, message.device_id, message.count)

    def _keep_house(self) -> None:
        try:
            self._house.step(self._connected(), self._monotonic)
        except (PeeweeException, StoreError) as error:
            self._log.warning("housekeeping_failed", reason=describe(error))
            self._house.fail(describe(error), self._monotonic())
            self._disconnect()

    def _connected(self) -> Writer:
        if self._writer is None:
            self._writer = Writer.on(self._store.writer(), self._heads)
        return self._writer

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.connection.close()
            self._writer = None
            self._house.reset()

    def _fail(self, error: Exception) -> None:
        """Note that nothing can be committed now, and when to try again."""
        failure = f"the store cannot be written: {describe(error)}"
        if failure != self._failure:
            self._log.error("commit_failed", reason=failure, pending=self._pending_readings)
        self._failure = failure
        self._retry_s = min(self._pace.retry_max_s, max(self._pace.retry_min_s, 2 * self._retry_s))
        self._retry_at = self._monotonic() + self._retry_s
        self._look_at = -math.inf
        self._disconnect()
