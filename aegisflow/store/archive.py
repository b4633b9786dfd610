"""The archive: answers about the past, on a connection that can only read."""

from typing import Any

from peewee import Model, ModelSelect, PeeweeException, fn

from aegisflow.actors.messages.store import (
    FindAlarmFigures,
    FindAlarmHistory,
    FindAlarms,
    FindAudit,
    FindCommands,
    FindIncident,
    FindIncidents,
    FindPatterns,
    FindReadings,
    FindSimilarIncidents,
    FindStream,
    RecallIncidents,
)
from aegisflow.domain.alarms.kpis import AlarmKpis, AlarmTrace, alarm_kpis
from aegisflow.domain.alarms.model import AlarmEvent, AlarmState, Severity
from aegisflow.domain.readings import Reading
from aegisflow.domain.summary import MINUTE_S, StreamSummary
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    AlarmPage,
    AlarmQuery,
    AuditEntry,
    CommandPage,
    Stream,
)
from aegisflow.errors import StoreError
from aegisflow.models import AlarmChange, Anomaly, AuditRow, StoredCommand
from aegisflow.store.connection import Connection, describe
from aegisflow.store.incidents import all_incidents, find_incident, find_incidents, find_patterns, find_similar
from aegisflow.store.readings import minute_pages, newest, pages
from aegisflow.store.rows import (
    alarm_event_of,
    alarm_of,
    audit_entry_of,
    receipt_of,
)

_MAX_COUNTED = 100_000
"""Alarms that enter the figures of a period."""

Question = (
    FindAlarmFigures
    | FindStream
    | FindReadings
    | FindAlarms
    | FindAlarmHistory
    | FindIncident
    | FindIncidents
    | FindPatterns
    | FindSimilarIncidents
    | RecallIncidents
    | FindCommands
    | FindAudit
)


class Archive:
    """Each answer is of one moment: what is committed while it is made does not enter it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._database = connection.database

    def answer(self, question: Question) -> Any:
        """Return the answer to a question, on a new connection where the old one has been ended.

        Raises:
            StoreError: the store cannot be read now; the next question tries again.
        """
        try:
            return self._at_once(question)
        except PeeweeException:
            self.close()
        try:
            return self._at_once(question)
        except PeeweeException as error:
            self.close()
            raise StoreError(f"the store cannot be read: {describe(error)}") from error

    def _at_once(self, question: Question) -> Any:
        with self._connection.transaction():
            return self._answer(question)

    def _answer(self, question: Question) -> Any:
        match question:
            case FindStream():
                return self.stream(question)
            case FindReadings():
                return self.readings(question)
            case FindAlarms(query=query):
                return self.alarms(query)
            case FindAlarmFigures(period=period, operators=operators):
                return self.alarm_kpis(period, operators)
            case FindAlarmHistory(alarm_id=alarm_id):
                return self.alarm_history(alarm_id)
            case FindIncidents(query=reports):
                return find_incidents(self._connection, reports)
            case FindIncident(incident_id=incident_id):
                return find_incident(self._connection, incident_id)
            case FindSimilarIncidents():
                return find_similar(self._connection, question)
            case FindPatterns(plant=plant, now=now):
                return find_patterns(self._connection, plant, now)
            case RecallIncidents(after=after):
                return all_incidents(self._connection, after)
            case FindCommands(device_id=device_id, limit=limit):
                return self.commands(device_id, limit)
            case FindAudit(act=act, limit=limit):
                return self.audit(act, limit)

    def close(self) -> None:
        """Give the connection back; the next question connects again."""
        self._connection.close()

    def stream(self, question: FindStream) -> Stream:
        """Summarise: one-minute aggregates where raw readings are gone, raw ones where they are left."""
        device, period = question.device, question.period
        specs = [device.sensors[name] for name in question.sensors or device.sensors]
        summary = StreamSummary(specs, period, question.points, device.silent_after_s)
        key = self._key(device.device_id)
        if key is not None:
            whole = period._replace(start=period.start // MINUTE_S * MINUTE_S)
            for minutes in minute_pages(self._connection, key, whole):
                summary.add_minutes(minutes)
            for rows in pages(self._connection, key, period):
                summary.add_readings(rows)
        return summary.stream(device.device_id)

    def readings(self, question: FindReadings) -> tuple[Reading, ...]:
        """Return the newest readings of a period, oldest first."""
        device_id = question.device_id
        key = self._key(device_id)
        if key is None:
            return ()
        rows = newest(self._connection, key, question.limit, question.period)
        return tuple(Reading(device_id, at, values, at) for at, values in rows)

    def alarms(self, query: AlarmQuery) -> AlarmPage:
        """Return a page of alarms, newest first, and what is on all pages."""
        matching = _matching(Anomaly, _alarm_conditions(query))
        page = matching
        if query.before is not None:
            at, alarm_id = query.before
            older = (Anomaly.raised_at == at) & (Anomaly.alarm_id < alarm_id)
            page = page.where((Anomaly.raised_at < at) | older)
        page = page.order_by(Anomaly.raised_at.desc(), Anomaly.alarm_id.desc()).limit(query.limit)
        by_device = self._totals(matching, Anomaly.device_id)
        by_type = self._totals(matching, Anomaly.fault_type)
        return AlarmPage(
            tuple(alarm_of(row) for row in page.execute(self._database)), sum(by_device.values()), by_device, by_type
        )

    def alarm_kpis(self, period: Period, operators: int) -> AlarmKpis:
        """Return the figures of a period, from its newest alarms where there are too many; none that was suppressed."""
        fields = (Anomaly.device_id, Anomaly.fault_type, Anomaly.severity, Anomaly.raised_at, Anomaly.cleared_at)
        told = Anomaly.state != str(AlarmState.SUPPRESSED)
        there = Anomaly.cleared_at.is_null() | (Anomaly.cleared_at > period.start) | (Anomaly.raised_at >= period.start)
        query = Anomaly.select(*fields).where(told, there, Anomaly.raised_at < period.end)
        rows = query.order_by(Anomaly.raised_at.desc()).limit(_MAX_COUNTED).tuples().execute(self._database)
        traces = [AlarmTrace(name, kind, Severity(severity), at, gone) for name, kind, severity, at, gone in rows]
        return alarm_kpis(traces, period, operators)

    def alarm_history(self, alarm_id: str) -> tuple[AlarmEvent, ...]:
        """Return the life of an alarm, oldest first; empty for one that never was."""
        query = AlarmChange.select().where(AlarmChange.alarm_id == alarm_id).order_by(AlarmChange.id)
        return tuple(alarm_event_of(row) for row in query.execute(self._database))

    def commands(self, device_id: str | None, limit: int) -> CommandPage:
        """Return commands, newest first."""
        matching = StoredCommand.select()
        if device_id is not None:
            matching = matching.where(StoredCommand.device_id == device_id)
        page = matching.order_by(StoredCommand.proposed_at.desc(), StoredCommand.command_id.desc()).limit(limit)
        return CommandPage(tuple(receipt_of(row) for row in page.execute(self._database)), self._count(matching))

    def audit(self, act: str | None, limit: int) -> tuple[AuditEntry, ...]:
        """Return the newest audit entries, oldest first."""
        query = AuditRow.select().order_by(AuditRow.id.desc()).limit(limit)
        if act is not None:
            query = query.where(AuditRow.act == act)
        return tuple(audit_entry_of(row) for row in query.execute(self._database))[::-1]

    def _key(self, device_id: str) -> int | None:
        key: int | None = self._connection.value("SELECT key FROM devices WHERE name = ?", device_id)
        return key

    def _count(self, matching: Any) -> int:
        return int(matching.bind(self._database).count())

    def _totals(self, matching: ModelSelect, field: Any) -> dict[str, int]:
        number = fn.COUNT(Anomaly.alarm_id)
        query = matching.select(field, number.alias("number")).group_by(field).order_by(number.desc(), field)
        return dict(query.tuples().execute(self._database))


def _matching(model: type[Model], conditions: list[Any]) -> ModelSelect:
    query: ModelSelect = model.select()
    return query.where(*conditions) if conditions else query


def _alarm_conditions(query: AlarmQuery) -> list[Any]:
    found: list[Any] = []
    if query.period is not None:
        found += [Anomaly.raised_at >= query.period.start, Anomaly.raised_at < query.period.end]
    if query.device_ids:
        found.append(Anomaly.device_id.in_(query.device_ids))
    if query.fault_type is not None:
        found.append(Anomaly.fault_type == query.fault_type)
    if query.min_severity is not None:
        found.append(Anomaly.severity_rank >= query.min_severity.rank)
    if query.states:
        found.append(Anomaly.state.in_([str(state) for state in query.states]))
    return found
