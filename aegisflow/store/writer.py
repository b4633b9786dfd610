"""The one who writes: groups of records in one transaction, one statement for many rows."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from peewee import DataError, IntegrityError, Model

from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.alarms.outbox import Delivery
from aegisflow.domain.audit import OF_COMMAND, OF_TOKEN
from aegisflow.domain.commands.model import CommandRecord, PublishClaim, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.credentials import Credential
from aegisflow.domain.learning import KeptLearning
from aegisflow.domain.readings import DeadLetter, Reading
from aegisflow.domain.views import AuditEntry
from aegisflow.models import (
    AlarmChange,
    Anomaly,
    AuditRow,
    CredentialRow,
    DeadLetterRow,
    DeliveryRow,
    DeviceKey,
    DiagnosisRow,
    FreshReading,
    LearningRow,
    LevelRow,
    StoredCommand,
)
from aegisflow.store.batch import Batch, Record, gather
from aegisflow.store.chain import HeadFile, newest_head
from aegisflow.store.connection import Connection
from aegisflow.store.fold import Fold, bucket_of
from aegisflow.store.rows import (
    Row,
    alarm_change_row,
    anomaly_row,
    audit_row,
    columns,
    command_row,
    covering,
    credential_row,
    dead_letter_row,
    delivery_row,
    diagnosis_row,
    learning_row,
    level_row,
)
from aegisflow.store.seals import Seals

NEVER_STORABLE = (IntegrityError, DataError, ValueError, TypeError, AttributeError, OverflowError)
"""Errors of the row itself; any other is the store's, and trying again may help."""
_ROWS = 200
"""Rows that one statement inserts at most."""
_encode = msgspec.json.Encoder().encode


class Claimed(NamedTuple):
    """What the store says to a claim to publish a command."""

    claim: PublishClaim
    why: str = ""
    """Why it is not granted; empty when it is."""


class Writer:
    """Writes on a connection; after any error of the store, close that and make a new writer."""

    def __init__(self, connection: Connection, heads: HeadFile | None = None) -> None:
        self.connection = connection
        self._heads = heads
        self._seals = Seals() if heads is None else heads.seals
        self._newest_at: float | None = None
        """Time of the newest audit row that is not exported."""
        self.keys: dict[str, int] = {}
        """Device name to its number in the tables of readings."""
        self.fold = Fold(connection)
        self._load_keys()
        self._head = newest_head(connection).digest

    @classmethod
    def on(cls, connection: Connection, heads: HeadFile | None) -> "Writer":
        """Return a writer on a connection, which is closed where the store cannot be read."""
        try:
            return cls(connection, heads)
        except BaseException:
            connection.close()
            raise

    def _load(self) -> None:
        """Look again at what the database has: at the start, and after a transaction that was taken back."""
        self._load_keys()
        self._head, self._newest_at = newest_head(self.connection).digest, None
        self.fold = Fold(self.connection)

    def _load_keys(self) -> None:
        self.keys = dict(self.connection.run("SELECT name, key FROM devices").fetchall())

    def commit(self, records: Sequence[Record], now: float) -> list[tuple[Record, str]]:
        """Commit all records in one transaction; return those that can never be stored, and why.

        Each of these is stored as a dead letter instead, so that it blocks no others.

        Raises:
            PeeweeException: the store cannot be written now; nothing was committed.
        """
        try:
            with self.audited():
                self._write(gather(records))
        except NEVER_STORABLE:
            # The database does not say which row it was.
            return self._commit_singly(records, now)
        return []

    def _commit_singly(self, records: Sequence[Record], now: float) -> list[tuple[Record, str]]:
        refused: list[tuple[Record, str]] = []
        with self.connection.transaction():
            for record in records:
                newest_at = self._newest_at
                try:
                    with self.connection.transaction():
                        self._write(gather([record]))
                except NEVER_STORABLE as error:
                    # Numbers, hashes and counts have run ahead of what was taken back; what the records before
                    # this one wrote still stands, and its head is still to be exported.
                    self._load()
                    self._newest_at = newest_at
                    why = f"{type(error).__name__}: {error}"[:200].replace("\0", " ")
                    refused.append((record, why))
                    self._write(Batch(letters=[_unstorable(record, why, now)]))
        self._export_head()
        return refused

    @contextmanager
    def audited(self) -> Iterator[None]:
        """Commit what the block writes, with the rows that it gives to ``put_audit``, or nothing of it."""
        try:
            with self.connection.transaction():
                yield
        except NEVER_STORABLE:
            self._load()
            raise
        self._export_head()

    def move(self, transition: Transition) -> bool:
        """Commit a step of a command with its audit rows, if the command is still where it was (compare-and-set).

        Returns False, with nothing changed, if it is not. A step that is stored already counts as done.
        """
        row = command_row(transition.after)
        with self.audited():
            found = self._stage_of(row["command_id"])
            # The answer to the first try was lost, and the step comes again.
            if found == (row["stage"], row["stage_at"]):
                return True
            before = transition.before
            if found != (None if before is None else (str(before.stage), before.stage_at)):
                return False
            self._put(StoredCommand, [row], "command_id")  # leaves published_at, which the row has not
            self.put_audit(covering(transition.audit, OF_COMMAND + row["command_id"], row["record"]))
        return True

    def claim_publish(self, record: CommandRecord, at: float, audit: AuditEntry | None = None) -> Claimed:
        """Commit that a dispatched command is about to be published; granted once for each command, ever.

        A grant has the row ``audit`` committed with it.
        """
        command_id = record.command.command_id
        with self.connection.transaction() if audit is None else self.audited():
            marked = self.connection.run(
                "UPDATE commands SET published_at = ? "
                "WHERE command_id = ? AND stage = ? AND stage_at = ? AND published_at IS NULL",
                at,
                command_id,
                str(Stage.DISPATCHED),
                record.stage_at,
            )
            found = self.connection.run(
                "SELECT stage, published_at, record FROM commands WHERE command_id = ?", command_id
            ).fetchone()
            if marked.rowcount == 1 and audit is not None:
                self.put_audit(covering((audit,), OF_COMMAND + command_id, found[2]))
        if marked.rowcount == 1:
            return Claimed(PublishClaim.GRANTED)
        if found is None:
            return Claimed(PublishClaim.REFUSED, "the store does not know it")
        stage, published_at, _ = found
        if published_at is not None:
            return Claimed(PublishClaim.PUBLISHED_BEFORE, "it was published before")
        return Claimed(PublishClaim.REFUSED, f"the store has it as {stage}")

    def _stage_of(self, command_id: str) -> tuple[str, float] | None:
        found = self.connection.run("SELECT stage, stage_at FROM commands WHERE command_id = ?", command_id).fetchone()
        return None if found is None else (found[0], found[1])

    def _write(self, batch: Batch) -> None:
        if batch.readings:
            self._write_readings(batch.readings)
        if batch.events:
            # Many events of one alarm may come together; its row is what the last of them left.
            latest: dict[str, Alarm] = {event.alarm.alarm_id: event.alarm for event in batch.events}
            self._put(Anomaly, [anomaly_row(alarm) for alarm in latest.values()], "alarm_id")
            self._put(AlarmChange, [alarm_change_row(event) for event in batch.events])
        if batch.letters:
            self._put(DeadLetterRow, [dead_letter_row(letter) for letter in batch.letters])
        if batch.audit:
            self.put_audit(batch.audit)
        if batch.deliveries:
            self._write_deliveries(batch.deliveries)
        if batch.levels:
            self._write_levels(batch.levels)
        if batch.learning:
            self._write_learning(batch.learning)
        if batch.diagnoses:
            self._put(DiagnosisRow, [diagnosis_row(one) for one in batch.diagnoses.values()], "alarm_id")

    def _write_levels(self, levels: Mapping[str, AcceptedLevel | None]) -> None:
        kept = [level for level in levels.values() if level is not None]
        if kept:
            self._put(LevelRow, [level_row(level) for level in kept], "key")
        for key, level in levels.items():
            if level is None:
                self.connection.run("DELETE FROM levels WHERE key = ?", key)

    def _write_learning(self, learning: Mapping[str, KeptLearning | None]) -> None:
        kept = [one for one in learning.values() if one is not None]
        if kept:
            self._put(LearningRow, [learning_row(one) for one in kept], "device_id")
        for device_id, one in learning.items():
            if one is None:
                self.connection.run("DELETE FROM learning WHERE device_id = ?", device_id)

    def _write_deliveries(self, deliveries: Mapping[str, Delivery | None]) -> None:
        kept = [delivery for delivery in deliveries.values() if delivery is not None]
        if kept:
            self._put(DeliveryRow, [delivery_row(delivery) for delivery in kept], "key")
        for key, delivery in deliveries.items():
            if delivery is None:
                self.connection.run("DELETE FROM deliveries WHERE key = ?", key)

    def keep_credential(self, credential: Credential, entry: AuditEntry) -> None:
        """Commit what is kept of a token, with its row of the audit."""
        with self.audited():
            row = credential_row(credential)
            self._put(CredentialRow, [row], "token_sha256")
            self.put_audit(covering((entry,), OF_TOKEN + credential.token_sha256, row["record"]))

    def append_once(self, entry: AuditEntry, key: str) -> bool:
        """Commit a row of the audit and return True; False where one of its act and subject has that detail already."""
        with self.audited():
            found = self.connection.run(
                "SELECT detail FROM audit WHERE act = ? AND subject = ?", entry.act, entry.subject
            )
            if any(json.loads(detail).get(key) == entry.detail[key] for (detail,) in found.fetchall()):
                return False
            self.put_audit((entry,))
        return True

    def put_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Write rows of the audit, within a transaction."""
        rows: list[Row] = []
        for entry in entries:
            rows.append(audit_row(entry, rows[-1]["hash"] if rows else self._head, self._seals))
        self._put(AuditRow, rows)
        self._head = rows[-1]["hash"]
        self._newest_at = entries[-1].at

    def _export_head(self) -> None:
        """After a commit: tell the world outside of the database where the audit stands."""
        if self._newest_at is not None and self._heads is not None:
            self._heads.export(newest_head(self.connection), self._newest_at)
        self._newest_at = None

    def _write_readings(self, readings: list[Reading]) -> None:
        unknown = {reading.device_id for reading in readings}.difference(self.keys)
        if unknown:
            # Sorted, so that the numbers, and with them buckets and pages, do not hang on the order of a set.
            self._insert(DeviceKey, ("name",), sorted(unknown))
            self._load_keys()
        keys = self.keys
        devices = [keys[reading.device_id] for reading in readings]
        buckets = {device: bucket_of(device) for device in set(devices)}
        flat: list[Any] = []
        number = self.fold.next_number
        for device, (_, at, values, _, _, _, stamp, _) in zip(devices, readings, strict=True):
            flat += (buckets[device], number, device, at, _encode(values).decode(), stamp)
            number += 1
        self._insert(FreshReading, columns(FreshReading), flat)
        self.fold.added(devices)

    def bucket_due(self) -> int | None:
        """Return the bucket of readings that should be folded now, None if none."""
        return self.fold.due(len(self.keys))

    def _put(self, model: type[Model], rows: list[Row], unique: str = "") -> None:
        names = tuple(name for name in columns(model) if name in rows[0])
        self._insert(model, names, [row[name] for row in rows for name in names], unique)

    def _insert(self, model: type[Model], names: tuple[str, ...], flat: list[Any], unique: str = "") -> None:
        width = len(names)
        position, left = 0, len(flat) // width
        while left:
            # The rest goes in powers of two: nine texts for each table, where each number of rows would be a text
            # of its own.
            rows = _ROWS if left >= _ROWS else 1 << left.bit_length() - 1
            sql = _insert_sql(model._meta.table_name, names, rows, unique)
            self.connection.run(sql, *flat[position : position + rows * width])
            position += rows * width
            left -= rows


@lru_cache(256)
def _insert_sql(table: str, names: tuple[str, ...], rows: int, unique: str) -> str:
    """Return an insert of so many rows: few texts, so that the database has them prepared."""
    row = f"({', '.join('?' * len(names))})"
    quoted = [f'"{name}"' for name in names]
    sql = f"INSERT INTO {table} ({', '.join(quoted)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - names are ours
    if unique:
        updates = ", ".join(f"{name} = excluded.{name}" for name in quoted if name != f'"{unique}"')
        sql += f" ON CONFLICT ({unique}) DO UPDATE SET {updates}"
    return sql


def _unstorable(record: Record, why: str, now: float) -> DeadLetter:
    text = repr(record.source).encode("utf-8", "backslashreplace")
    digest = hashlib.sha256(text).hexdigest()
    return DeadLetter(now, type(record.source).__name__, None, "unstorable", why, text[:1024], len(text), digest)
