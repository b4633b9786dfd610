"""The committer: gathers what is to be stored, commits it in groups, and goes on when the store comes back."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeVar

import structlog
from peewee import PeeweeException

from aegisflow.config.services import StoreSettings
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.alarms.outbox import Delivery
from aegisflow.domain.commands.model import CommandRecord, PublishClaim
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.credentials import Credential
from aegisflow.domain.incidents.model import Incident, IncidentReview, NewIncident
from aegisflow.domain.past import CommandsPast, DevicePast
from aegisflow.domain.views import AuditEntry, StoreHealth
from aegisflow.errors import StoreError, StoreLostError
from aegisflow.store.batch import Record
from aegisflow.store.chain import HeadFile
from aegisflow.store.connection import describe
from aegisflow.store.housekeeping import Housekeeping, Pace
from aegisflow.store.incidents import add_incident, review_incident
from aegisflow.store.opening import Store
from aegisflow.store.recall import recall_commands, recall_deliveries, recall_device, recall_open_alarms
from aegisflow.store.slack import Slack, trim
from aegisflow.store.summing import LimitsOf
from aegisflow.store.writer import NEVER_STORABLE, Claimed, Writer

__all__ = ["DEFAULT_PACE", "Committed", "Committer", "Moved", "Pace"]

DEFAULT_PACE = Pace()
_ALARMS_SHARE = 0.2
"""Part of the interval between two commits after which one with an alarm is due."""
T = TypeVar("T")


class Committed(NamedTuple):
    """What one commit settled, in the order in which it came."""

    records: tuple[Record, ...]
    """All of them, those that became dead letters included."""
    refused: tuple[Record, ...]
    """Those that can never be stored and became dead letters."""


class Moved(NamedTuple):
    """Whether a step of a command is on disk."""

    ok: bool
    why: str = ""
    """Why it is not; empty when it is."""
    final: bool = False
    """Whether trying again cannot help."""


class Committer:
    """Commits records in groups and keeps, in order, what cannot be committed yet.

    ::

        add ──► pending ──► commit ──► on_committed
                   ▲           │
                   └───────────┘ failed: all stays pending, in order, and is tried again

    A commit is due as soon as nothing else waits, but no sooner than ``commit_interval_s`` after the
    last one began: a lone record is on disk at once, a stream shares its commits. What people are to hear
    of, which they do once it is on disk, waits for a fifth of that at most.
    """

    def __init__(
        self,
        store: Store,
        settings: StoreSettings,
        on_committed: Callable[[Committed], None] = lambda committed: None,
        *,
        pace: Pace = DEFAULT_PACE,
        limits: LimitsOf = lambda device_id: {},
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._settings = settings
        self._on_committed = on_committed
        self._pace = pace
        self._monotonic = monotonic
        self._wall = wall
        self._log = structlog.get_logger("aegisflow").bind(actor="historian")
        self._writer: Writer | None = None
        self._pending: list[Record] = []
        self._pending_readings = 0
        self._pending_devices: set[str] = set()
        self._has_events = False
        """Whether an alarm is among what is pending."""
        self._committed_readings = 0
        self._unstorable = 0
        self._unstorable_at = -math.inf
        self.lost = ""
        """Why nothing may ever be written from here again; empty as long as it may."""
        self._last_commit_at: float | None = None
        self._began = self._oldest = -math.inf
        self._failure = ""
        self._retry_at = -math.inf
        self._retry_s = 0.0
        self._look_at = -math.inf  # before this nothing is due, by the monotonic clock
        self._plant_at: float | None = None
        self._house = Housekeeping(settings, pace, limits)
        self._slack = Slack()
        self._heads = store.heads or HeadFile.beside(settings.url, settings.audit_head)

    def start(self) -> None:
        """Connect, and fold the readings that still wait; raises StoreError or PeeweeException where it cannot."""
        self._connected().fold.finish()

    # --- what is to be stored -----------------------------------------------------------------

    def add(self, record: Record) -> None:
        """Have a record committed with the next group."""
        if not self._pending:
            self._oldest = self._monotonic()
            self._look_at = -math.inf
        self._pending.append(record)
        self._pending_readings += len(record.readings)
        if record.device_id is not None:
            self._pending_devices.add(record.device_id)
        if record.events and not self._has_events:
            self._has_events = True
            self._look_at = -math.inf

    def flush(self) -> bool:
        """Commit all that is pending; return whether nothing is left."""
        return not self._pending or self._commit() is not None

    def commit_now(self, record: Record) -> None:
        """Commit a record, and all that is pending, at once.

        Raises:
            StoreError: it is not stored, and not kept either: who gave it knows, and may give it again.
        """
        self.add(record)
        if self._commit() is None:
            self._pending.pop()
            raise StoreError(f"it was not stored: {self._failure}")

    def move(self, transition: Transition) -> Moved:
        """Commit a step of a command by itself and at once: it waits for no reading."""
        try:
            moved = self._connected().move(transition)
        except (*NEVER_STORABLE, PeeweeException, StoreError) as error:
            # The row itself is wrong, not the store: trying again would fail in the same way.
            final = isinstance(error, NEVER_STORABLE)
            if not final:
                self._fail(error)
            return Moved(False, f"the command was not stored: {describe(error)}", final)
        self._last_commit_at = self._wall()
        return Moved(moved, "" if moved else "it is no longer at that stage", final=not moved)

    def claim_publish(self, record: CommandRecord, at: float, audit: AuditEntry | None = None) -> Claimed:
        """Commit that a command is about to be published, by itself and at once: it waits for no reading."""
        try:
            claimed = self._connected().claim_publish(record, at, audit)
        except (*NEVER_STORABLE, PeeweeException, StoreError) as error:
            if not isinstance(error, NEVER_STORABLE):
                self._fail(error)
            return Claimed(PublishClaim.NOT_STORED, f"the store cannot be written: {describe(error)}")
        self._last_commit_at = self._wall()
        return claimed

    def add_incident(self, incident: NewIncident) -> Incident:
        """Commit an incident report and return it with its number.

        Raises:
            StoreError: it is not stored.
        """
        return self._keep(lambda writer: add_incident(writer, incident, self._plant_at or self._wall()))

    def review_incident(self, review: IncidentReview) -> Incident:
        """Commit what a person says of a report and return it as it stands then.

        Raises:
            RequestError: the review does not fit the report; see ``store.incidents.review_incident``.
            StoreError: it is not stored.
        """
        return self._keep(lambda writer: review_incident(writer, review, self._plant_at or self._wall()))

    def keep_credential(self, credential: Credential, entry: AuditEntry) -> Credential:
        """Commit what is kept of a token, with its row of the audit, and return it.

        Raises:
            StoreError: it is not stored.
        """

        def write(writer: Writer) -> Credential:
            writer.keep_credential(credential, entry)
            return credential

        return self._keep(write, "the token")

    def keep_once(self, entry: AuditEntry, key: str) -> bool:
        """Commit a row of the audit, unless one of its act and subject has the same under ``key`` in its detail.

        Raises:
            StoreError: it is not stored.
        """
        return self._keep(lambda writer: writer.append_once(entry, key), "the use of the link")

    # --- what is remembered -------------------------------------------------------------------

    def recall_device(
        self, device_id: str, count: int, since: float = -math.inf, before: float = math.inf
    ) -> DevicePast:
        """Return a device's past with its newest ``count`` readings before an instant, all that was added included.

        Commands that expired before ``since`` (UTC epoch seconds) are left out.

        Raises:
            StoreError: the store cannot tell.
        """
        # What a device left behind just before it fell may still be pending; its successor must begin with it.
        if device_id in self._pending_devices and self._commit() is None:
            raise StoreError(self._failure)
        return self._read(lambda writer: recall_device(writer, device_id, count, since, before))

    def recall_commands(self, since: float) -> CommandsPast:
        """Return the commands that are not over, and what agents have had sent since an instant.

        Raises:
            StoreError: the store cannot tell.
        """
        return self._read(lambda writer: recall_commands(writer.connection, since))

    def recall_open_alarms(self) -> tuple[Alarm, ...]:
        """Return every alarm that is not yet history, oldest first.

        Raises:
            StoreError: the store cannot tell.
        """
        return self._read(lambda writer: recall_open_alarms(writer.connection))

    def recall_deliveries(self) -> tuple[Delivery, ...]:
        """Return what people are to be told, or were told and have not yet acted on.

        Raises:
            StoreError: the store cannot tell.
        """
        return self._read(lambda writer: recall_deliveries(writer.connection))

    # --- time ---------------------------------------------------------------------------------

    def tick(self, at: float) -> None:
        """Take note of the plant's clock, UTC epoch seconds, by which rows grow old."""
        self._plant_at = at
        self._house.tick(at)
        self._look_at = -math.inf
        if self._slack.is_due(self._monotonic()):
            self._give_back()

    def work(self, *, more_waits: bool) -> float | None:
        """Do what is due now; return in how many seconds something else will be, None for nothing."""
        now = self._monotonic()
        # This runs after each message, and what follows costs more than one comparison.
        if now < self._look_at and self._pending_readings < self._pace.rows:
            return self._look_at - now
        if now >= self._commit_at(more_waits):
            self._commit()
        # What keeps a commit from the store keeps housekeeping from it as well, and the commit matters more.
        if not self._failure and self._house.is_due(now, self._writer):
            self._keep_house()
        house_at = math.inf if self._failure else self._house.due_at(self._writer)
        # By then the inbox may be empty, and a commit with nothing behind it is due earlier.
        self._look_at = min(self._commit_at(False), house_at)
        wake_at = min(self._commit_at(more_waits), house_at)
        return None if wake_at == math.inf else max(0.0, wake_at - self._monotonic())

    def close(self) -> None:
        """Commit what can be, and give the connection back."""
        if self._pending and self._commit() is None:
            self._log.error("closed_with_uncommitted", records=len(self._pending), reason=self._failure)
        self._disconnect()

    def abandon(self) -> tuple[Record, ...]:
        """Give the connection back without a commit; return what is not committed, in order."""
        self._disconnect()
        return tuple(self._pending)

    def health(self) -> StoreHealth:
        """Return whether the store takes what is written, and what waits for it."""
        reasons = [self._failure] if self._failure else []
        if self._pending_readings > self._pace.many:
            reasons.append(f"{self._pending_readings} readings wait for a commit")
        notes = [text for text in (self._house.failure, self._heads.failure) if text]
        if self._unstorable:
            recent = self._monotonic() - self._unstorable_at < self._pace.unstorable_red_s
            told = f"{self._unstorable} messages could not be stored and became dead letters"
            (reasons if recent else notes).append(told)
        return StoreHealth(
            ok=not reasons,
            detail="; ".join(reasons + notes),
            last_commit_at=self._last_commit_at,
            pending=self._pending_readings,
            committed_readings=self._committed_readings,
        )

    # --- inside -------------------------------------------------------------------------------

    def _commit_at(self, more_waits: bool) -> float:
        """Return when to commit, by the monotonic clock; infinity while there is nothing to commit."""
        if self.lost:
            return math.inf
        if self._failure:
            return self._retry_at
        if not self._pending:
            return math.inf
        if self._pending_readings >= self._pace.rows:
            return -math.inf
        # With nothing behind it, waiting would gather no company: only the interval since the last commit counts.
        first = self._oldest if more_waits else -math.inf
        interval_s = self._settings.commit_interval_s
        return max(self._began, first) + (interval_s * _ALARMS_SHARE if self._has_events else interval_s)

    def _commit(self) -> Committed | None:
        """Commit all that is pending, and say so; None when nothing was committed."""
        self._began = self._monotonic()
        try:
            refused = self._connected().commit(self._pending, self._wall())
        except (PeeweeException, StoreError) as error:
            self._fail(error)
            return None
        records = self._pending
        self._pending, self._pending_readings, self._pending_devices = [], 0, set()
        self._has_events = False
        self._last_commit_at = self._wall()
        if self._failure:
            self._log.info("store_recovered", committed=len(records))
            self._failure, self._retry_s = "", 0.0
        for record, why in refused:
            self._unstorable += 1
            self._unstorable_at = self._monotonic()
            self._log.error("record_unstorable", record=type(record.source).__name__, reason=why)
        committed = Committed(tuple(records), tuple(record for record, _ in refused))
        readings = sum(len(record.readings) for record in records)
        self._slack.note(readings)
        self._committed_readings += readings
        self._committed_readings -= sum(len(record.readings) for record in committed.refused)
        if records:
            self._on_committed(committed)
        return committed

    def _keep(self, write: Callable[[Writer], T], what: str = "the report") -> T:
        try:
            return write(self._connected())
        except NEVER_STORABLE as error:
            raise StoreError(f"{what} was not stored: {describe(error)}") from error
        except (PeeweeException, StoreError) as error:
            self._fail(error)
            raise StoreError(f"{what} was not stored: {self._failure}") from error

    def _read(self, work: Callable[[Writer], T]) -> T:
        try:
            return work(self._connected())
        except (PeeweeException, StoreError) as error:
            if isinstance(error, StoreLostError):
                self._fail(error)
            else:
                # It may be the connection that is broken, and as long as nothing is to be written nobody else notices.
                self._disconnect()
            raise StoreError(f"the store could not be read: {describe(error)}") from error

    def _keep_house(self) -> None:
        try:
            self._house.step(self._connected(), self._monotonic)
        except StoreLostError as error:
            self._fail(error)
        except (PeeweeException, StoreError) as error:
            self._log.warning("housekeeping_failed", reason=describe(error))
            self._house.fail(describe(error), self._monotonic())
            self._disconnect()

    def _give_back(self) -> None:
        """Give back the memory that a flood has taken."""
        # What keeps the store from answering shows at the next commit.
        with suppress(PeeweeException):
            if self._writer is not None:
                self._writer.connection.give_back()
        trim()

    def _connected(self) -> Writer:
        if self.lost:
            raise StoreError(self.lost)
        if self._writer is None:
            self._writer = Writer.on(self._store.writer(), self._heads)
        return self._writer

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.connection.close()
            self._writer = None
            self._house.reset()

    def _fail(self, error: Exception) -> None:
        """Note that nothing can be committed now, and when to try again; never, once the store is another's."""
        if isinstance(error, StoreLostError):
            self.lost = str(error)
        failure = f"the store cannot be written: {describe(error)}"
        # Said once for each reason: it is tried again every few seconds for as long as it lasts.
        if failure != self._failure:
            self._log.error("commit_failed", reason=failure, pending=self._pending_readings)
        self._failure = failure
        self._retry_s = min(self._pace.retry_max_s, max(self._pace.retry_min_s, 2 * self._retry_s))
        self._retry_at = self._monotonic() + self._retry_s
        self._look_at = -math.inf
        self._disconnect()
