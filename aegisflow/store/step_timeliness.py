"""The step of the schema to alarms that know when they came to be known, and whether that was too late."""

from aegisflow.store.connection import Connection


def add_timeliness(connection: Connection) -> None:
    """Give alarms the columns; those of before were all told as if they were live. Needs no other step."""
    connection.run("ALTER TABLE anomalies ADD COLUMN known_at DOUBLE PRECISION")
    connection.run("ALTER TABLE anomalies ADD COLUMN timeliness TEXT NOT NULL DEFAULT 'live'")
