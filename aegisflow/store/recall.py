"""What the store remembers of one device."""

from aegisflow.actors.messages import DeviceRecalled
from aegisflow.domain.alarms import Alarm
from aegisflow.domain.commands import CommandName, Mode, Stage
from aegisflow.domain.readings import Reading
from aegisflow.models import ALARM_IS_OPEN, Anomaly
from aegisflow.store.connection import Connection
from aegisflow.store.readings import newest
from aegisflow.store.rows import alarm_of
from aegisflow.store.writer import Writer

_MODES = {
    CommandName.REDUCE_LOAD: Mode.REDUCED_LOAD,
    CommandName.ENABLE_MAINTENANCE_MODE: Mode.MAINTENANCE,
    CommandName.EMERGENCY_SHUTDOWN: Mode.SHUTDOWN,
    CommandName.RESTART: Mode.NORMAL,
}
_OBEYED = (Stage.ACKNOWLEDGED, Stage.VERIFIED)
_UNSURE = (Stage.DISPATCHED, Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN)
_LAST_SENT = """
SELECT command, stage FROM commands WHERE device_id = ? AND command IN ({}) AND stage IN ({})
ORDER BY stage_at DESC LIMIT 1
""".format(", ".join(f"'{name}'" for name in _MODES), ", ".join(f"'{stage}'" for stage in (*_OBEYED, *_UNSURE)))
_HAS_OPEN = f"SELECT 1 FROM anomalies WHERE device_id = ? AND {ALARM_IS_OPEN.sql} LIMIT 1"  # noqa: S608 - all ours


def recall(writer: Writer, device_id: str, count: int) -> DeviceRecalled:
    """Return the newest ``count`` readings of a device, its open alarms and its mode."""
    connection = writer.connection
    readings: tuple[Reading, ...] = ()
    key = writer.keys.get(device_id)
    if key is not None:
        rows = newest(connection, key, count, fresh=writer.fold.has(key))
        readings = tuple(Reading(device_id, at, values, at) for at, values in rows)
    return DeviceRecalled(readings, _open_alarms(connection, device_id), _last_mode(connection, device_id))


def _open_alarms(connection: Connection, device_id: str) -> tuple[Alarm, ...]:
    if connection.value(_HAS_OPEN, device_id) is None:
        return ()
    query = Anomaly.select().where(Anomaly.device_id == device_id, ALARM_IS_OPEN).order_by(Anomaly.raised_at)
    return tuple(alarm_of(row) for row in query.execute(connection.database))


def _last_mode(connection: Connection, device_id: str) -> Mode:
    """Return the mode that the last command sent led to: normal without any, unknown where its outcome is."""
    row = connection.run(_LAST_SENT, device_id).fetchone()
    if row is None:
        return Mode.NORMAL
    command, stage = row
    return _MODES[CommandName(command)] if Stage(stage) in _OBEYED else Mode.UNKNOWN
