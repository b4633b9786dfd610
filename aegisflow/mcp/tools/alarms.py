"""Tools about alarms: what is wrong now, what was, and taking note of it."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from aegisflow.api.names import device_named, fitting_name
from aegisflow.api.periods import asked_period
from aegisflow.api.schemas.alarms import AlarmDetail
from aegisflow.api.schemas.base import moment
from aegisflow.api.schemas.incidents import SimilarIncidentSummary
from aegisflow.api.text import clean
from aegisflow.domain.alarms.first_out import first_outs
from aegisflow.domain.alarms.model import Alarm, Severity
from aegisflow.domain.detection.finding import SENSOR_SILENT, SENSOR_STUCK, UNCLASSIFIED
from aegisflow.domain.times import Period, format_instant
from aegisflow.domain.tracing import of_alarm
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import UnknownNameError
from aegisflow.mcp.budget import largest_page
from aegisflow.mcp.gate import caller
from aegisflow.mcp.paging import make_cursor, read_cursor
from aegisflow.mcp.presenters import (
    acknowledgement,
    alarm_item,
    alarm_line,
    broker_away,
    most_frequent,
    past_alarm,
    pattern_lines,
    unavailable,
)
from aegisflow.mcp.schemas import Acknowledgement, ActiveAlarms, AlarmHistory, AlarmItem, PastAlarm
from aegisflow.mcp.tools.arguments import AlarmId, AnyFaultType, Cursor, DeviceId, End, Last, MinSeverity, Start
from aegisflow.plant.past import Past, past_of
from aegisflow.plant.protocol import Plant, PlantSource
from aegisflow.telemetry.current import note_span

_DAY_S = 86_400.0
_MAX_NAMED = 10
Limit = Annotated[int, Field(ge=1, le=100)]


class AlarmTools:
    """Answers ``get_active_anomalies``, ``get_anomaly_history`` and ``acknowledge_anomaly``."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def get_active_anomalies(
        self,
        device_id: DeviceId | None = None,
        min_severity: MinSeverity = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> ActiveAlarms:
        """What is wrong now: open alarms, most severe first, each with its evidence and what helped before.

        Use it first when watching the plant. Next: get_sensor_stream on the device and its
        neighbours, then query_device_manual.
        """
        plant = self._plant()
        device_id = device_named(device_id, plant.inventory())
        answer = plant.active_alarms(() if device_id is None else (device_id,))
        least = Severity(min_severity or "low").rank
        asked = [alarm for alarm in answer.value if alarm.severity.rank >= least]
        alarms = sorted((alarm for alarm in asked if not alarm.state.is_suppressed), key=_urgency)
        aside = [alarm_line(alarm) for alarm in asked if alarm.state.is_suppressed]
        first_out = sorted(first_outs(alarms, plant.inventory()))
        question = {
            "tool": "get_active_anomalies",
            "device_id": device_id,
            "min_severity": min_severity,
            "limit": limit,
        }
        rest = alarms
        if cursor is not None:
            after = tuple(read_cursor(cursor, question, int, float, str))
            rest = [alarm for alarm in alarms if _urgency(alarm) > after]
        page = rest[:limit]
        past = past_of(plant, page)
        by_severity = dict(Counter(str(alarm.severity) for alarm in alarms))

        def build(count: int, items: list[AlarmItem]) -> ActiveAlarms:
            more = count < len(rest)
            shown = page[:count]
            return ActiveAlarms(
                as_of=format_instant(answer.as_of),
                unavailable=unavailable({**answer.unavailable, **past.unavailable}),
                broker_away=broker_away(answer),
                total=len(alarms),
                truncated=more,
                next_cursor=make_cursor(question, *_urgency(shown[-1])) if more and shown else None,
                raw_values=sum(alarm.repeats for alarm in shown),
                by_severity=by_severity,
                first_out=first_out[:_MAX_NAMED],
                set_aside=aside[:_MAX_NAMED],
                alarms=items,
            )

        return largest_page(page, lambda alarm: _open_alarm(alarm, past, plant), build)

    def get_anomaly_history(
        self,
        device_id: DeviceId | None = None,
        fault_type: AnyFaultType | None = None,
        min_severity: MinSeverity = None,
        start: Start = None,
        end: End = None,
        last: Last = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> AlarmHistory:
        """Alarms active in a period (default: the last 24 h), newest first, with counts per device and type.

        Tells a recurring fault from a first one. Next: get_incident_reports.
        """
        plant = self._plant()
        device_id = device_named(device_id, plant.inventory())
        fault_type = None if fault_type is None else _fault_type(fault_type, plant)
        asked = [device_id, fault_type, min_severity, start, end, last, limit]
        question = {"tool": "get_anomaly_history", "asked": asked}
        before: tuple[float, str] | None = None
        if cursor is None:
            period = asked_period(start, end, last, now=plant.now(), default_s=_DAY_S)
        else:
            since, until, raised_at, alarm_id = read_cursor(cursor, question, float, float, float, str)
            period, before = Period(since, until), (raised_at, alarm_id)
        query = AlarmQuery(
            period=period,
            device_ids=() if device_id is None else (device_id,),
            fault_type=fault_type,
            min_severity=Severity(min_severity) if min_severity else None,
            limit=limit + 1,
            before=before,
        )
        answer = plant.alarm_history(query)
        found = answer.value
        kpis = plant.alarm_kpis(period, among=query).value if cursor is None else None

        def build(count: int, items: list[PastAlarm]) -> AlarmHistory:
            shown = found.alarms[:count]
            more = count < len(found.alarms)
            return AlarmHistory(
                as_of=format_instant(answer.as_of),
                unavailable=unavailable(answer.unavailable),
                broker_away=broker_away(answer),
                start=format_instant(period.start),
                end=format_instant(period.end),
                total=found.total,
                truncated=more,
                next_cursor=_cursor_behind(shown[-1], question, period) if more and shown else None,
                raw_values=sum(alarm.repeats for alarm in shown),
                by_device=most_frequent(found.by_device),
                by_type=most_frequent(found.by_type),
                data_from=moment(kpis.data.start) if kpis and kpis.data else None,
                data_to=moment(kpis.data.end) if kpis and kpis.data else None,
                figures=list(kpis.lines()) if kpis else [],
                alarms=items,
            )

        return largest_page(found.alarms[:limit], lambda alarm: past_alarm(_detail(alarm, plant)), build)

    def acknowledge_anomaly(
        self,
        alarm_id: AlarmId,
        note: Annotated[str, Field(min_length=3, max_length=500, description="what you found, what you will watch")],
    ) -> Acknowledgement:
        """Record that you have taken note of an alarm. It does not clear it and changes nothing on the machine.

        Only for low and medium severity; high and critical ones are the operators' to acknowledge.
        Next: get_active_anomalies; log_incident_report once it is over.
        """
        plant = self._plant()
        alarm = plant.acknowledge(alarm_id, caller(), clean(note, 2_000))
        note_span({"aegisflow.alarm.id": alarm.alarm_id}, of_alarm(alarm.alarm_id))
        return acknowledgement(AlarmDetail.of(alarm), format_instant(plant.now()))


def _open_alarm(alarm: Alarm, past: Past, plant: Plant) -> AlarmItem:
    similar = [SimilarIncidentSummary.of(one) for one in past.similar.get(alarm.alarm_id, ())]
    patterns = pattern_lines(past.patterns.get(alarm.alarm_id, ()))
    spec = plant.inventory()
    device = spec.devices.get(alarm.device_id)
    response = spec.response(alarm.fault_type, device.kind if device else "")
    return alarm_item(_detail(alarm, plant), similar, patterns, past.diagnoses.get(alarm.alarm_id), response)


def _detail(alarm: Alarm, plant: Plant) -> AlarmDetail:
    """Return an alarm with its evidence in the units of its device, while the plant has it."""
    return AlarmDetail.of(alarm, plant.inventory().devices.get(alarm.device_id))


def _fault_type(text: str, plant: Plant) -> str:
    """Return the type of fault that is meant; an empty answer about one that cannot be would read as good news."""
    devices = plant.inventory().devices.values()
    known = {rule.name for device in devices for rule in device.faults}
    known |= {UNCLASSIFIED, SENSOR_STUCK, SENSOR_SILENT}
    found = fitting_name(text, sorted(known))
    if found in known:
        return found
    known |= plant.alarm_history(AlarmQuery(limit=1)).value.by_type.keys()  # what rules of earlier days named
    found = fitting_name(text, sorted(known))
    if found not in known:
        raise UnknownNameError("type of fault", text, sorted(known))
    return found


def _urgency(alarm: Alarm) -> tuple[int, float, str]:
    """Return what sorts the most severe alarm first, and the newest among those."""
    return -alarm.severity.rank, -float(alarm.raised_at), alarm.alarm_id


def _cursor_behind(alarm: Alarm, question: Mapping[str, object], period: Period) -> str:
    """Return a cursor that carries the period too, so that ``last`` means the same on every page."""
    return make_cursor(question, float(period.start), float(period.end), float(alarm.raised_at), alarm.alarm_id)
