"""The step of the schema to incident reports that people review, with the commands that belong to them."""

from aegisflow.store.connection import Connection


def add_review(connection: Connection) -> None:
    """Give reports the columns, their new indexes, and a table for what they said before. Needs no other step."""
    for column, kind in (
        ("kind", "TEXT NOT NULL DEFAULT ''"),
        ("reviewed_by", "TEXT NOT NULL DEFAULT ''"),
        ("reviewed_at", "DOUBLE PRECISION"),
        ("withdrawn", "BOOLEAN NOT NULL DEFAULT FALSE"),
        ("revision", "INTEGER NOT NULL DEFAULT 1"),
        ("signs", "TEXT NOT NULL DEFAULT '[]'"),
        ("commands", "TEXT NOT NULL DEFAULT '[]'"),
    ):
        connection.run(f'ALTER TABLE incidents ADD COLUMN "{column}" {kind}')
    for columns in ("reported_at_id", "device_id_reported_at"):
        connection.run(f"DROP INDEX IF EXISTS incidentreport_{columns}")
    for asked in ("", "device_id, ", "device_id, fault_type, ", "fault_type, ", "fault_type, kind, "):
        columns = f"{asked}withdrawn, reviewed, occurred_at, id"
        name = "incidentreport_" + columns.replace(", ", "_")
        connection.run(f"CREATE INDEX {name} ON incidents ({columns})")
    number = "INTEGER NOT NULL PRIMARY KEY" if connection.is_sqlite else "BIGSERIAL NOT NULL PRIMARY KEY"
    connection.run(
        f"CREATE TABLE incident_revisions (id {number}, incident_id BIGINT NOT NULL, revision INTEGER NOT NULL, "
        "changed_at DOUBLE PRECISION NOT NULL, changed_by TEXT NOT NULL, note TEXT NOT NULL, report TEXT NOT NULL)"
    )
    connection.run("CREATE INDEX reportrevision_incident_id ON incident_revisions (incident_id)")
