"""What people have said and done to alarms, reports and what is normal: is it as the rows of the audit have it?

An alarm changes by itself as well, so that its acts are compared one by one with their rows of the audit. Reports,
accepted levels and commissioning periods change only with such a row, which has the digest of the record.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.audit import text_digest
from aegisflow.domain.times import format_instant
from aegisflow.store.connection import Connection
from aegisflow.store.rows import OF_INCIDENT, OF_LEARNING, OF_LEVEL

__all__ = ["Acts", "changed_by_nobody", "incident_texts"]

_ACKNOWLEDGED = "alarm_acknowledged"
_SUPPRESSED = {"alarm_shelved": AlarmState.SHELVED, "alarm_out_of_service": AlarmState.OUT_OF_SERVICE}
# By name, so that a column which a later version adds leaves the digests of today as they are.
_INCIDENT = (
    "id, device_id, kind, alarm_id, fault_type, severity, title, root_cause, actions_taken, outcome, author, origin, "
    "occurred_at, reported_at, reviewed, reviewed_by, reviewed_at, withdrawn, revision, signs, commands"
)
_REVISION = "incident_id, revision, changed_at, changed_by, note, report"
_ALARM = "alarm_id, state, acknowledged_by, acknowledged_at, note, set_aside_by, set_aside_reason, shelved_until"


class _Suppressed(NamedTuple):
    state: str
    by: str
    reason: str
    until: str | None
    """When the shelf ends, as ISO 8601; None where the row does not say so, as one of before that was told."""


@dataclass(slots=True)
class Acts:
    """What the rows of the audit tell of alarms, and of which other records there is one."""

    acknowledged: dict[str, tuple[str, float, str]] = field(default_factory=dict)
    suppressed: dict[str, _Suppressed] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    """Records that a row speaks of, with or without their digest."""

    def note(self, at: float, actor: str, act: str, subject: str, detail: str) -> None:
        """Take note of a row."""
        if act == _ACKNOWLEDGED:
            self.acknowledged[subject] = (actor, at, json.loads(detail).get("note"))
        elif act in _SUPPRESSED:
            read = json.loads(detail)
            self.suppressed[subject] = _Suppressed(_SUPPRESSED[act], actor, read.get("note"), read.get("until"))
        elif act.startswith("command_"):
            self.told.add(f"command {json.loads(detail).get('command_id')}")
        elif act == "incident_reported":
            self.told.add(subject)
        elif act == "level_accepted":
            self.told.add(OF_LEVEL + subject)
        elif act.startswith("learning_"):
            self.told.add(OF_LEARNING + subject)


def changed_by_nobody(connection: Connection, acts: Acts, records: Mapping[str, str]) -> Iterator[str]:
    """Yield what stands in the store although no row of the audit says that anybody has done or said it.

    Args:
        connection: to the store.
        acts: what the rows of the audit tell.
        records: record to the digest that the newest row about it has; an empty one for what is gone.
    """
    left = acts.acknowledged.keys() | acts.suppressed.keys()
    for alarm_id, *row in connection.run(f"SELECT {_ALARM} FROM anomalies").fetchall():  # noqa: S608 - columns are ours
        left.discard(alarm_id)
        if not _alarm_fits(acts, alarm_id, *row):
            yield f"the alarm {alarm_id} was acknowledged or suppressed otherwise than the audit tells"
    if left:
        yield f"what the audit speaks of is gone from the store: the alarm {min(left)}"
    found = {f"{OF_INCIDENT}{number}": text for number, text in incident_texts(connection).items()}
    for table, what, columns in (("levels", OF_LEVEL, "key, record"), ("learning", OF_LEARNING, "device_id, period")):
        if table in connection.database.get_tables():
            rows = connection.run(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608 - names are ours
            found |= {what + name: text for name, text in rows}
    for name, text in found.items():
        known = records.get(name)
        # One from before rows had its digest must be told of at least.
        if known != text_digest(text) and not (known is None and name in acts.told):
            yield f"the {name} is not as the audit tells of it"
    for name, digest in records.items():
        if digest and name not in found and name.startswith((OF_INCIDENT, OF_LEVEL, OF_LEARNING)):
            yield f"what the audit speaks of is gone from the store: the {name}"


def incident_texts(connection: Connection, incident_id: int | None = None) -> dict[int, str]:
    """Return each report with its revisions as the one text that stands for it; only this one, if it is given."""
    which, of = ("", ()) if incident_id is None else (" WHERE {} = ?", (incident_id,))
    query = f"SELECT {_REVISION} FROM incident_revisions{which.format('incident_id')} ORDER BY incident_id, revision"  # noqa: S608
    by_report = groupby(connection.run(query, *of).fetchall(), key=lambda row: row[0])
    revisions = {number: [list(row) for row in rows] for number, rows in by_report}
    query = f"SELECT {_INCIDENT} FROM incidents{which.format('id')}"  # noqa: S608 - columns are ours
    return {
        # A truth is a number in one database and a word in the other.
        row[0]: json.dumps([[int(one) if isinstance(one, bool) else one for one in row], revisions.get(row[0], [])])
        for row in connection.run(query, *of).fetchall()
    }


def _alarm_fits(
    acts: Acts,
    alarm_id: str,
    state: str,
    acknowledged_by: str,
    acknowledged_at: float | None,
    note: str,
    suppressed_by: str,
    reason: str,
    until: float | None,
) -> bool:
    """Return whether somebody has done what an alarm says was done to it; what ended by itself may be left out."""
    if (acknowledged_by or state == AlarmState.ACKNOWLEDGED) and acts.acknowledged.get(alarm_id) != (
        acknowledged_by,
        acknowledged_at,
        note,
    ):
        return False
    if not suppressed_by and state not in _SUPPRESSED.values():
        return True
    told = acts.suppressed.get(alarm_id)
    if told is None or told[:3] != (state, suppressed_by, reason):
        return False
    return told.until is None or (until is not None and format_instant(until) == told.until)
