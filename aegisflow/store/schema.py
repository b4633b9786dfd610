"""The schema's version, and the way from an older one to this."""

from collections.abc import Callable, Mapping
from typing import Any

from peewee import SchemaManager

from aegisflow.errors import StoreError, StoreNewerError
from aegisflow.models import SCHEMA_VERSION, TABLES, SchemaVersion
from aegisflow.store.chain import guard_audit, rehash
from aegisflow.store.connection import Connection, redacted
from aegisflow.store.step_commands import join_command_columns
from aegisflow.store.step_hours import add_hours
from aegisflow.store.step_indexes import add_indexes
from aegisflow.store.step_review import add_review
from aegisflow.store.step_shelving import add_shelving
from aegisflow.store.step_stamp import add_stamp
from aegisflow.store.step_timeliness import add_timeliness

Migration = Callable[[Connection], None]


def _commands_and_chain(connection: Connection) -> None:
    """Give commands what approvals are bound to (those of before were all denied), and chain the audit."""
    for column, kind in (
        ("digest", "TEXT NOT NULL DEFAULT ''"),
        ("state_version", "TEXT NOT NULL DEFAULT ''"),
        ("approvals_needed", "INTEGER NOT NULL DEFAULT 0"),
        ("approved_by", "TEXT NOT NULL DEFAULT '[]'"),
        ("facts", "TEXT NOT NULL DEFAULT '[]'"),
        ("send_by", "DOUBLE PRECISION"),
        ("expectation", "TEXT NOT NULL DEFAULT 'null'"),
    ):
        connection.run(f'ALTER TABLE commands ADD COLUMN "{column}" {kind}')
    for column in ("prev_hash", "hash"):
        connection.run(f"ALTER TABLE audit ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    rehash(connection)
    guard_audit(connection)


def _publishing(connection: Connection) -> None:
    """Let commands know when they were published; of those that were dispatched before, each may have been."""
    connection.run("ALTER TABLE commands ADD COLUMN published_at DOUBLE PRECISION")
    connection.run("UPDATE commands SET published_at = stage_at WHERE send_by IS NOT NULL")


def _count_writers(connection: Connection) -> None:
    """Make the row by which a writer proves that nobody else has the store."""
    connection.run(
        "CREATE TABLE writer (id INTEGER NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, holder TEXT NOT NULL, "
        "since DOUBLE PRECISION NOT NULL)"
    )
    _first_writer(connection)


def _first_writer(connection: Connection) -> None:
    connection.run("INSERT INTO writer (id, epoch, holder, since) VALUES (1, 0, 'nobody', 0)")


def _keep_deliveries(connection: Connection) -> None:
    """Make the table of what people are to be told."""
    connection.run("CREATE TABLE deliveries (key TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL)")


def _keep_credentials(connection: Connection) -> None:
    """Make the table of what is kept of tokens."""
    connection.run("CREATE TABLE credentials (token_sha256 TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL)")


def _keep_levels(connection: Connection) -> None:
    """Make the table of what people have accepted as normal."""
    connection.run("CREATE TABLE levels (key TEXT NOT NULL PRIMARY KEY, device_id TEXT NOT NULL, record TEXT NOT NULL)")
    connection.run("CREATE INDEX levelrow_device_id ON levels (device_id)")


def _seal_audit(connection: Connection) -> None:
    """Give rows of the audit room for a seal; those of before have none."""
    for column in ("key_id", "seal"):
        connection.run(f"ALTER TABLE audit ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")


def _keep_diagnoses(connection: Connection) -> None:
    """Make the table of what is probably the matter behind alarms."""
    connection.run("CREATE TABLE diagnoses (alarm_id TEXT NOT NULL PRIMARY KEY, record TEXT NOT NULL)")


def _keep_learning(connection: Connection) -> None:
    """Make the table of commissioning periods."""
    blob = "BLOB" if connection.is_sqlite else "BYTEA"
    connection.run(
        "CREATE TABLE learning (device_id TEXT NOT NULL PRIMARY KEY, period TEXT NOT NULL, "
        f"at DOUBLE PRECISION NOT NULL, learned {blob} NOT NULL, before {blob})"
    )


MIGRATIONS: Mapping[int, Migration] = {
    2: _commands_and_chain,
    3: add_shelving,
    4: add_review,
    5: join_command_columns,
    6: _publishing,
    7: _count_writers,
    8: _keep_deliveries,
    9: add_stamp,
    10: add_timeliness,
    11: _keep_credentials,
    12: _keep_levels,
    13: _seal_audit,
    14: _keep_diagnoses,
    15: add_hours,
    16: _keep_learning,
    17: add_indexes,
}
"""Version to the step that leads to it from the one before; a step may not use the models, which go on changing."""


def prepare_schema(
    connection: Connection,
    at: float,
    *,
    version: int = SCHEMA_VERSION,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> None:
    """Create the tables, or bring those of an older version up to ``version``, in one transaction.

    Raises:
        StoreNewerError: they are of a later version; nothing was changed.
        StoreError: the database belongs to something else.
    """
    # A step that fails, or a process that is killed in it, leaves the store as it was for the older version.
    with connection.transaction():
        found = _found(connection)
        if found == version:
            return
        if found > version:
            raise StoreNewerError(redacted(connection.url), found, version)
        # A new store is made as it is now, and takes none of the steps.
        if found == 0:
            _create(connection)
        else:
            for step in range(found + 1, version + 1):
                migrations[step](connection)
        SchemaVersion.insert(version=version, applied_at=at).execute(connection.database)


def _found(connection: Connection) -> int:
    tables = set(connection.database.get_tables())
    if SchemaVersion._meta.table_name in tables:
        return connection.value("SELECT max(version) FROM schema_version") or 0
    if tables & {model._meta.table_name for model in TABLES}:
        raise StoreError(
            f"the database {redacted(connection.url)} has tables like ours but is no AegisFlow store; use another one"
        )
    return 0


def _create(connection: Connection) -> None:
    for model in TABLES:
        manager: Any = SchemaManager(model, database=connection.database)
        sql, _ = manager._create_table(safe=False).query()
        # peewee writes WITHOUT ROWID for every database, but only SQLite knows it
        connection.run(sql if connection.is_sqlite else sql.replace(" WITHOUT ROWID", ""))
        manager.create_indexes(safe=False)
    _first_writer(connection)
    guard_audit(connection)
