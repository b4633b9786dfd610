"""The step of the schema to indexes for questions that read all commands, alarms or rows of the audit before."""

from aegisflow.store.connection import Connection

_ASKED = {
    "storedcommand": (
        "commands",
        (
            "device_id, proposed_at, command_id",
            "proposer_kind, proposed_at, command_id",
            "stage, command, stage_at",
            "send_by",
        ),
    ),
    "anomaly": ("anomalies", ("cleared_at, raised_at",)),
    "auditrow": ("audit", ("at, id", "subject, act")),
}


def add_indexes(connection: Connection) -> None:
    """Make the indexes. Needs no other step; takes some seconds for a million rows."""
    for name, (table, indexes) in _ASKED.items():
        for columns in indexes:
            connection.run(f"CREATE INDEX {name}_{columns.replace(', ', '_')} ON {table} ({columns})")
