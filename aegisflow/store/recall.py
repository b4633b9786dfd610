"""What the store remembers of one device, and of the commands that are not over."""

import math
from typing import NamedTuple

from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.alarms.outbox import Delivery
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import (
    MODE_STATED,
    AgentWrites,
    CommandName,
    CommandRecord,
    Mode,
    Stage,
    StatedMode,
)
from aegisflow.domain.device_learning import KEPT_READINGS
from aegisflow.domain.learning import KeptLearning
from aegisflow.domain.past import CommandsPast, DevicePast
from aegisflow.domain.readings import Reading
from aegisflow.domain.times import Period
from aegisflow.models import ALARM_IS_OPEN, Anomaly, AuditRow, DeliveryRow, LearningRow, LevelRow, StoredCommand
from aegisflow.store.connection import Connection
from aegisflow.store.readings import EVER, newest, stamps
from aegisflow.store.rows import alarm_of, audit_entry_of, delivery_of, from_json, learning_of, level_of, record_of
from aegisflow.store.writer import Writer

_MODES = {
    CommandName.REDUCE_LOAD: Mode.REDUCED_LOAD,
    CommandName.RESTORE_LOAD: Mode.NORMAL,
    CommandName.ENABLE_MAINTENANCE_MODE: Mode.MAINTENANCE,
    CommandName.END_MAINTENANCE: Mode.NORMAL,
    CommandName.EMERGENCY_SHUTDOWN: Mode.SHUTDOWN,
    CommandName.RESTART: Mode.NORMAL,
}
_UNSURE = (Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN)
_UNDER_WAY = (Stage.DISPATCHED, Stage.ACKNOWLEDGED)
_OPEN = (Stage.AWAITING_APPROVAL, *_UNDER_WAY)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_LAST_MOVE = f"""
SELECT record FROM commands
WHERE device_id = ? AND command IN ({_listed(tuple(_MODES))}) AND stage IN ({_listed((Stage.VERIFIED, *_UNSURE))})
ORDER BY stage_at DESC LIMIT 1
"""  # noqa: S608 - all ours
_HAS_OPEN = f"SELECT 1 FROM anomalies WHERE device_id = ? AND {ALARM_IS_OPEN.sql} LIMIT 1"  # noqa: S608 - all ours
_HAS_LEARNING = "SELECT 1 FROM learning WHERE device_id = ? LIMIT 1"
_LEARNED_SINCE = 2 * KEPT_READINGS
"""Newest readings of a device with a commissioning period: those since it was last stored are learned from again."""
_HAS_LEVEL = "SELECT 1 FROM levels WHERE device_id = ? LIMIT 1"
_DISPATCHED = "SELECT command_id, send_by FROM commands WHERE device_id = ? AND send_by > ?"
_SENT = "SELECT record FROM commands WHERE send_by > ? ORDER BY stage_at DESC LIMIT ?"
_SET = f"""
SELECT record FROM commands WHERE stage = '{Stage.VERIFIED}' AND command = '{CommandName.SET_PARAMETER}'
ORDER BY stage_at DESC LIMIT ?
"""  # noqa: S608 - all ours
_MAX_SET = 2_000
"""So many of the newest commands tell what set-points were, which no bound depends on beyond the last hour."""
_HAS_STATED = "SELECT 1 FROM audit WHERE act = ? AND subject = ? LIMIT 1"
_HAS_COMMAND = "SELECT 1 FROM commands WHERE device_id = ? LIMIT 1"

STOPPED, RESUMED = "agents_stopped", "agents_resumed"
"""Acts of the audit that switch what agents may propose."""


class _Mode(NamedTuple):
    mode: Mode
    reduction_pct: float
    since: float
    full_load: float | None = None


def recall_device(writer: Writer, device_id: str, count: int, since: float, before: float = math.inf) -> DevicePast:
    """Return the newest ``count`` readings of a device, its open alarms, its mode, and its commands.

    Of its commands these are the one that it is executing, and the ids of all that expire after ``since``.
    What is dated ``before`` or later is passed over: it was stored while our own clock was wrong, and
    must not stand for the newest until time catches up with it.
    """
    connection = writer.connection
    readings: tuple[Reading, ...] = ()
    learning = _learning(connection, device_id)
    if learning is not None:
        count = max(count, _LEARNED_SINCE)
    key = writer.keys.get(device_id)
    if key is not None:
        rows = newest(connection, key, count, Period(EVER.start, before), fresh=writer.fold.has(key))
        said = stamps(connection, key, rows[0][0]) if rows else {}
        readings = tuple(Reading(device_id, at, values, at, stamp=said.get(at)) for at, values in rows)
    alarms, levels = _open_alarms(connection, device_id), _levels(connection, device_id)
    stated = _stated(connection, device_id)
    # At a start this is asked for each of thousands of devices, of which most never had a command.
    if connection.value(_HAS_COMMAND, device_id) is None and stated is None:
        return DevicePast(readings, alarms, Mode.NORMAL, levels=levels, learning=learning)
    mode = _last_mode(connection, device_id)
    if stated is not None and stated.at >= mode.since:
        mode = _Mode(stated.mode, stated.reduction_pct, stated.at)
    else:
        stated = None  # a command has moved it since then
    under_way = _commands(connection, _UNDER_WAY, device_id)
    return DevicePast(
        readings,
        alarms,
        mode.mode,
        mode.reduction_pct,
        mode.since,
        mode.full_load,
        under_way[-1] if under_way else None,
        tuple((command_id, send_by) for command_id, send_by in connection.run(_DISPATCHED, device_id, since)),
        stated,
        levels,
        learning,
    )


def recall_commands(connection: Connection, since: float) -> CommandsPast:
    """Return what is open, what agents have had sent since an instant, and whether they may propose."""
    # Everybody but operators counts, and so also a kind that this version does not know: no limit is got around.
    sent = connection.run(
        "SELECT stage_at, device_id FROM commands WHERE proposer_kind != ? AND send_by IS NOT NULL "
        "AND proposed_at >= ?",
        str(CallerKind.OPERATOR),
        since,
    ).fetchall()
    return CommandsPast(
        _commands(connection, _OPEN),
        tuple((at, device) for at, device in sent),
        _agent_writes(connection),
        _moved(connection, since),
    )


def _moved(connection: Connection, since: float) -> tuple[CommandRecord, ...]:
    """Return what was sent since an instant, and what set a parameter, oldest first; of many, the newest."""
    # Two questions, for no index answers both at once.
    sent, has_set = connection.run(_SENT, since, _MAX_SET).fetchall(), connection.run(_SET, _MAX_SET).fetchall()
    found = {
        record.command.command_id: record
        for (text,) in (*sent, *has_set)
        for record in [from_json(text, CommandRecord)]
    }
    return tuple(sorted(found.values(), key=lambda record: record.stage_at)[-_MAX_SET:])


def recall_open_alarms(connection: Connection) -> tuple[Alarm, ...]:
    """Return every alarm that is not yet history, oldest first."""
    # Put in order here: asked to, SQLite would go through all alarms by their time, and not through the open ones.
    rows = Anomaly.select().where(ALARM_IS_OPEN).execute(connection.database)
    return tuple(alarm_of(row) for row in sorted(rows, key=lambda row: row.raised_at))


def recall_deliveries(connection: Connection) -> tuple[Delivery, ...]:
    """Return what people are to be told, or were told and have not yet acted on."""
    return tuple(delivery_of(row) for row in DeliveryRow.select().execute(connection.database))


def _commands(
    connection: Connection, stages: tuple[Stage, ...], device_id: str | None = None
) -> tuple[CommandRecord, ...]:
    query = StoredCommand.select().where(StoredCommand.stage.in_([str(stage) for stage in stages]))
    if device_id is not None:
        query = query.where(StoredCommand.device_id == device_id)
    return tuple(record_of(row) for row in query.order_by(StoredCommand.stage_at).execute(connection.database))


def _agent_writes(connection: Connection) -> AgentWrites:
    query = AuditRow.select().where(AuditRow.act.in_([STOPPED, RESUMED])).order_by(AuditRow.id.desc()).limit(1)
    for row in query.execute(connection.database):
        entry = audit_entry_of(row)
        return AgentWrites(entry.act == RESUMED, entry.actor, entry.at, str(entry.detail.get("reason", "")))
    return AgentWrites()


def _open_alarms(connection: Connection, device_id: str) -> tuple[Alarm, ...]:
    # One ready text that the partial index answers, where peewee would put the query together for each device.
    if connection.value(_HAS_OPEN, device_id) is None:
        return ()
    query = Anomaly.select().where(Anomaly.device_id == device_id, ALARM_IS_OPEN).order_by(Anomaly.raised_at)
    return tuple(alarm_of(row) for row in query.execute(connection.database))


def _stated(connection: Connection, device_id: str) -> StatedMode | None:
    """Return the newest mode of a device that an operator stated; None for none, or one that this version has not."""
    if connection.value(_HAS_STATED, MODE_STATED, device_id) is None:
        return None
    mine = (AuditRow.act == MODE_STATED) & (AuditRow.subject == device_id)
    for row in AuditRow.select().where(mine).order_by(AuditRow.id.desc()).limit(1).execute(connection.database):
        entry = audit_entry_of(row)
        said = entry.detail
        mode, reduction = said.get("mode"), said.get("reduction_pct", 0.0)
        if mode in set(Mode) and isinstance(reduction, int | float):
            return StatedMode(
                device_id, Mode(str(mode)), float(reduction), entry.actor, entry.at, str(said.get("reason", ""))
            )
    return None


def _levels(connection: Connection, device_id: str) -> tuple[AcceptedLevel, ...]:
    if connection.value(_HAS_LEVEL, device_id) is None:
        return ()
    query = LevelRow.select().where(LevelRow.device_id == device_id)
    return tuple(level_of(row) for row in query.execute(connection.database))


def _learning(connection: Connection, device_id: str) -> KeptLearning | None:
    if connection.value(_HAS_LEARNING, device_id) is None:
        return None
    query = LearningRow.select().where(LearningRow.device_id == device_id)
    return next((learning_of(row) for row in query.execute(connection.database)), None)


def _last_mode(connection: Connection, device_id: str) -> _Mode:
    """Return the mode that the last command led to: normal without any, unknown where its effect was not seen."""
    text = connection.value(_LAST_MOVE, device_id)
    if text is None:
        return _Mode(Mode.NORMAL, 0.0, 0.0)
    last = from_json(text, CommandRecord)
    if last.stage in _UNSURE:
        return _Mode(Mode.UNKNOWN, 0.0, last.stage_at)
    full_load = None if last.expectation is None else last.expectation.full_load
    return _Mode(_MODES[last.command.command], last.command.reduction_pct, last.stage_at, full_load)
