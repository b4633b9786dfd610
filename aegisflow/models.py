"""The tables of the store, on SQLite and on PostgreSQL.

::

    devices ──┬── fresh_readings   as they came, appended; folded now and then into
              ├── readings         clustered by device and time; each hour that is over is summed up in
              ├── hours ─ hour_figures   what remains once the readings are too old
              └── minutes          one-minute aggregates of versions before 15; become hours by and by
    anomalies ──┬─ alarm_events    an alarm as it is now, and its life
                └─ diagnoses       what is probably the matter
    incidents ─── incident_revisions
    levels   learning   what people have said is normal, and what was learned while they said so
    commands   audit   dead_letters   deliveries   credentials   schema_version   writer

No table is bound to a database: whoever runs a query says on which (``query.bind(database)``), so
that one process can have several stores open. Times are UTC epoch seconds by the plant's clock.
"""

# ruff: noqa: D106 - a Meta says no more than its table does

from peewee import (
    SQL,
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CompositeKey,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)

SCHEMA_VERSION = 17
"""Of the tables below; each change of them raises it and adds a step to ``aegisflow.store.schema``."""

ALARM_IS_OPEN = SQL("state <> 'normal'")
"""It is not yet history; in these words, for SQLite uses a partial index only where it sees the same ones."""


class SchemaVersion(Model):
    """One row per step that the schema has gone."""

    version = IntegerField(primary_key=True)
    applied_at = DoubleField()

    class Meta:
        table_name = "schema_version"


class WriterRow(Model):
    """Who writes to this store: one row, changed each time that it is opened."""

    id = IntegerField(primary_key=True)
    epoch = BigIntegerField()
    """Counts those who have opened it for writing; whoever has an older one may not write."""
    holder = TextField()
    since = DoubleField()
    """By the wall clock of its machine."""

    class Meta:
        table_name = "writer"


class DeviceKey(Model):
    """A small number for each device name, since readings repeat it."""

    key = AutoField()
    name = TextField(unique=True)
    hours_until = DoubleField(null=True)
    """Every hour before this that has readings has a row in ``hours``; None as long as there is none."""

    class Meta:
        table_name = "devices"
        name = "device"  # of which the index in every store has its name


class FreshReading(Model):
    """A reading in the order of arrival within its bucket of devices, so that a commit writes few pages."""

    bucket = IntegerField()
    number = BigIntegerField()
    """Counts arrivals."""
    device = IntegerField()
    at = DoubleField()
    vals = TextField()
    """JSON: sensor to value."""
    stamp = DoubleField(null=True)
    """What the sender's clock said, where ``at`` is something else: then when the reading came, or beside another."""

    class Meta:
        table_name = "fresh_readings"
        primary_key = CompositeKey("bucket", "number")
        without_rowid = True


class StoredReading(Model):
    """A reading at its place: all of a device together, in the order of time."""

    device = IntegerField()
    at = DoubleField()
    vals = TextField()
    stamp = DoubleField(null=True)

    class Meta:
        table_name = "readings"
        primary_key = CompositeKey("device", "at")
        without_rowid = True


class HourRow(Model):
    """An hour of a device that is over; what its sensors showed is in ``hour_figures``."""

    device = IntegerField()
    at = DoubleField()
    """Start of the hour."""
    state = IntegerField()
    """0: to be summed up, for the first time or again; 1: summed up; 2: summed up, and its readings are gone."""
    touched = IntegerField()
    """Counts the folds that have brought readings of it since it was over."""
    readings = IntegerField()
    span = TextField()
    """JSON: the ``Span``; empty before it is summed up."""

    class Meta:
        table_name = "hours"
        primary_key = CompositeKey("device", "at")
        without_rowid = True


class HourFigures(Model):
    """What one sensor showed in an hour."""

    device = IntegerField()
    at = DoubleField()
    sensor = TextField()
    vals = BlobField()
    """A HEAD and some MINUTE of ``aegisflow.domain.hours``, packed, little-endian."""

    class Meta:
        table_name = "hour_figures"
        primary_key = CompositeKey("device", "at", "sensor")
        without_rowid = True


class Minute(Model):
    """One minute of a device's readings as versions before 15 kept it; nothing writes it any more."""

    device = IntegerField()
    at = DoubleField()
    """Start of the minute."""
    readings = IntegerField()
    vals = TextField()
    """JSON: sensor to [count, mean, sum of squared deviations, min, max]."""

    class Meta:
        table_name = "minutes"
        primary_key = CompositeKey("device", "at")
        without_rowid = True


class Anomaly(Model):
    """An alarm as it is now."""

    alarm_id = TextField(primary_key=True)
    device_id = TextField()
    fault_type = TextField()
    first_type = TextField()
    severity = TextField()
    severity_rank = IntegerField()
    state = TextField()
    detector = TextField()
    evidence = TextField()
    """JSON: list of ``Evidence``."""
    reasons = TextField()
    """JSON: list of sentences."""
    raised_at = DoubleField()
    changed_at = DoubleField()
    cleared_at = DoubleField(null=True)
    acknowledged_at = DoubleField(null=True)
    acknowledged_by = TextField()
    note = TextField()
    repeats = IntegerField()
    # The columns keep the names that stores have known them by.
    suppressed_by = TextField(column_name="set_aside_by")
    suppression_reason = TextField(column_name="set_aside_reason")
    shelved_until = DoubleField(null=True)
    known_at = DoubleField(null=True)
    timeliness = TextField()

    class Meta:
        table_name = "anomalies"
        indexes = tuple(
            (asked, False)
            for asked in (("raised_at", "alarm_id"), ("device_id", "raised_at"), ("cleared_at", "raised_at"))
        )


HOUR_IS_OPEN = SQL("state = 0")
"""It is to be summed up; in these words, as above."""
HourRow.add_index(HourRow.device, HourRow.at, name="hours_open", where=HOUR_IS_OPEN)
Anomaly.add_index(Anomaly.device_id, name="anomalies_open", where=ALARM_IS_OPEN)


class AlarmChange(Model):
    """One change in the life of an alarm; only ever appended."""

    id = BigAutoField()
    alarm_id = TextField(index=True)
    at = DoubleField()
    change = TextField()
    by = TextField()
    alarm = TextField()
    """JSON: the ``Alarm`` after it."""

    class Meta:
        table_name = "alarm_events"


class DiagnosisRow(Model):
    """What is probably the matter behind an alarm: the newest."""

    alarm_id = TextField(primary_key=True)
    record = TextField()
    """JSON: the ``AlarmDiagnosis``."""

    class Meta:
        table_name = "diagnoses"


class IncidentReport(Model):
    """What happened and what was done, told by somebody; as it stands now."""

    id = BigAutoField()
    device_id = TextField()
    kind = TextField()
    """Of the device, as the plant knew it then; empty in reports older than this column."""
    alarm_id = TextField(null=True)
    fault_type = TextField()
    severity = TextField()
    title = TextField()
    root_cause = TextField()
    actions_taken = TextField()
    outcome = TextField()
    author = TextField()
    origin = TextField()
    occurred_at = DoubleField()
    reported_at = DoubleField()
    reviewed = BooleanField()
    reviewed_by = TextField()
    reviewed_at = DoubleField(null=True)
    withdrawn = BooleanField()
    revision = IntegerField()
    signs = TextField()
    """JSON: list of what the alarm's sensors showed."""
    commands = TextField()
    """JSON: list of the ids of commands proposed between the alarm and the report."""

    class Meta:
        table_name = "incidents"
        indexes = tuple(
            ((*asked, "withdrawn", "reviewed", "occurred_at", "id"), False)  # as they are asked for, in their order
            for asked in ((), ("device_id",), ("device_id", "fault_type"), ("fault_type",), ("fault_type", "kind"))
        )


class ReportRevision(Model):
    """A report as it was before a review; only ever appended."""

    id = BigAutoField()
    incident_id = BigIntegerField(index=True)
    revision = IntegerField()
    changed_at = DoubleField()
    changed_by = TextField()
    note = TextField()
    report = TextField()
    """JSON: what may be corrected, as it was."""

    class Meta:
        table_name = "incident_revisions"


class StoredCommand(Model):
    """A command as far as it has come; how it came there is in the audit.

    All of it is in ``record``; the other columns repeat what is asked for.
    """

    command_id = TextField(primary_key=True)
    device_id = TextField()
    command = TextField()
    proposer_kind = TextField()
    proposed_at = DoubleField()
    stage = TextField()
    stage_at = DoubleField()
    send_by = DoubleField(null=True)
    record = TextField()
    """JSON: the ``CommandRecord``."""
    published_at = DoubleField(null=True)
    """When it was granted to whoever publishes: set once, before it is published, and never changed."""

    class Meta:
        table_name = "commands"
        indexes = tuple(
            (asked, False)
            for asked in (
                ("proposed_at", "command_id"),
                ("device_id", "proposed_at", "command_id"),
                ("proposer_kind", "proposed_at", "command_id"),
                ("device_id", "stage_at"),
                ("stage", "command", "stage_at"),
                ("send_by",),
            )
        )


class AuditRow(Model):
    """Who did what to what; only ever appended."""

    id = BigAutoField()
    at = DoubleField()
    actor = TextField()
    act = TextField(index=True)
    subject = TextField()
    detail = TextField()
    """JSON object."""
    prev_hash = TextField()
    """Of the row before."""
    hash = TextField()
    """Over this row and ``prev_hash``; see ``domain.audit``."""
    key_id = TextField()
    """Of the key that has sealed it; empty where none has."""
    seal = TextField()
    """Signature over the hash; see ``store.seals``."""

    class Meta:
        table_name = "audit"
        indexes = ((("at", "id"), False), (("subject", "act"), False))


class DeliveryRow(Model):
    """What people are to be told, or were told and have not yet acted on."""

    key = TextField(primary_key=True)
    """Sink, people, device and cause."""
    record = TextField()
    """JSON: the ``Delivery``."""

    class Meta:
        table_name = "deliveries"


class LevelRow(Model):
    """What a person has accepted as the usual level of a sensor."""

    key = TextField(primary_key=True)
    """Device and sensor."""
    device_id = TextField(index=True)
    record = TextField()
    """JSON: the ``AcceptedLevel``."""

    class Meta:
        table_name = "levels"


class LearningRow(Model):
    """The newest commissioning period of a device, and what its detectors have learned in it and since."""

    device_id = TextField(primary_key=True)
    period = TextField()
    """JSON: the ``Learning``."""
    at = DoubleField()
    """Of the newest reading that was learned from."""
    learned = BlobField()
    """What the detectors know, as MessagePack, compressed with zlib."""
    before = BlobField(null=True)
    """The same from before the period; None once a person has decided."""

    class Meta:
        table_name = "learning"


class CredentialRow(Model):
    """A token of an agent, or the revocation of a person's; never the token itself."""

    token_sha256 = TextField(primary_key=True)
    record = TextField()
    """JSON: the ``Credential``."""

    class Meta:
        table_name = "credentials"


class DeadLetterRow(Model):
    """A message that was refused."""

    id = BigAutoField()
    at = DoubleField()
    topic = TextField()
    device_id = TextField(null=True)
    reason = TextField()
    detail = TextField()
    payload = BlobField()
    size = IntegerField()
    sha256 = TextField()

    class Meta:
        table_name = "dead_letters"


TABLES: tuple[type[Model], ...] = (
    SchemaVersion,
    WriterRow,
    DeviceKey,
    FreshReading,
    StoredReading,
    HourRow,
    HourFigures,
    Minute,
    Anomaly,
    AlarmChange,
    DiagnosisRow,
    IncidentReport,
    ReportRevision,
    StoredCommand,
    AuditRow,
    DeadLetterRow,
    DeliveryRow,
    LevelRow,
    LearningRow,
    CredentialRow,
)
