"""The step of the schema to alarms that can be suppressed: shelved, by design, out of service."""

from aegisflow.store.connection import Connection


def add_shelving(connection: Connection) -> None:
    """Give alarms the columns, and let the index of open alarms know the states. Needs no other step."""
    for column, kind in (
        ("set_aside_by", "TEXT NOT NULL DEFAULT ''"),
        ("set_aside_reason", "TEXT NOT NULL DEFAULT ''"),
        ("shelved_until", "DOUBLE PRECISION"),
    ):
        connection.run(f'ALTER TABLE anomalies ADD COLUMN "{column}" {kind}')
    connection.run("DROP INDEX IF EXISTS anomalies_open")
    connection.run("CREATE INDEX anomalies_open ON anomalies (device_id) WHERE state <> 'normal'")
