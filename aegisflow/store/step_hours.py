"""The step of the schema to hours that are summed up. The tables are empty: the hours of before come by and by."""

from aegisflow.store.connection import Connection


def add_hours(connection: Connection) -> None:
    """Make the tables. Needs no other step, and takes no longer on a large store."""
    blob, end = ("BLOB", " WITHOUT ROWID") if connection.is_sqlite else ("BYTEA", "")
    connection.run("ALTER TABLE devices ADD COLUMN hours_until DOUBLE PRECISION")
    connection.run(
        "CREATE TABLE hours (device INTEGER NOT NULL, at DOUBLE PRECISION NOT NULL, state INTEGER NOT NULL, "
        "touched INTEGER NOT NULL, readings INTEGER NOT NULL, span TEXT NOT NULL, PRIMARY KEY (device, at))" + end
    )
    connection.run("CREATE INDEX hours_open ON hours (device, at) WHERE state = 0")
    connection.run(
        "CREATE TABLE hour_figures (device INTEGER NOT NULL, at DOUBLE PRECISION NOT NULL, sensor TEXT NOT NULL, "
        f"vals {blob} NOT NULL, PRIMARY KEY (device, at, sensor))" + end
    )
