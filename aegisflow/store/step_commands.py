"""The step of the schema to commands that are one JSON text, beside the columns that are asked for."""

import json
from typing import Any

from aegisflow.store.connection import Connection

_BEFORE = (
    "command_id, device_id, command, parameters, proposer, proposer_kind, justification, proposed_at, stage, stage_at, "
    "reasons, next_step, expires_at, digest, state_version, approvals_needed, approved_by, facts, send_by, expectation"
)
_AFTER = "command_id, device_id, command, proposer_kind, proposed_at, stage, stage_at, send_by, record"
_KINDS = {
    "command_id": "TEXT NOT NULL PRIMARY KEY",
    "proposed_at": "DOUBLE PRECISION NOT NULL",
    "stage_at": "DOUBLE PRECISION NOT NULL",
    "send_by": "DOUBLE PRECISION",
}


def join_command_columns(connection: Connection) -> None:
    """Put what was in a column each into one text; needs no other step."""
    rows = connection.run(f"SELECT {_BEFORE} FROM commands").fetchall()  # noqa: S608 - names are ours
    joined = [_row(dict(zip(_BEFORE.split(", "), row, strict=True))) for row in rows]
    # A new table under the old name: PostgreSQL would keep the name of the old one's key for a renamed table.
    connection.run("DROP TABLE commands")
    columns = ", ".join(f'"{name}" {_KINDS.get(name, "TEXT NOT NULL")}' for name in _AFTER.split(", "))
    connection.run(f"CREATE TABLE commands ({columns})")
    for indexed in ("proposed_at, command_id", "device_id, stage_at"):
        connection.run(f"CREATE INDEX storedcommand_{indexed.replace(', ', '_')} ON commands ({indexed})")
    for values in joined:
        marks = ", ".join("?" * len(values))
        connection.run(f"INSERT INTO commands ({_AFTER}) VALUES ({marks})", *values)  # noqa: S608 - names are ours


def _row(was: dict[str, Any]) -> list[Any]:
    record = {
        "receipt": {
            "command": {
                "command_id": was["command_id"],
                "device_id": was["device_id"],
                "command": was["command"],
                "parameters": json.loads(was["parameters"]),
                "proposed_by": {"name": was["proposer"], "kind": was["proposer_kind"]},
                "justification": was["justification"],
                "proposed_at": was["proposed_at"],
            },
            "stage": was["stage"],
            "reasons": json.loads(was["reasons"]),
            "next_step": was["next_step"],
            "expires_at": was["expires_at"],
        },
        "stage_at": was["stage_at"],
        "digest": was["digest"],
        "state_version": was["state_version"],
        "approvals_needed": was["approvals_needed"],
        "approved_by": json.loads(was["approved_by"]),
        "facts": json.loads(was["facts"]),
        "send_by": was["send_by"],
        "expectation": json.loads(was["expectation"]),
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return [text if name == "record" else was[name] for name in _AFTER.split(", ")]
