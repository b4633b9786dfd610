"""The archive: answers about the past, on a connection that can only read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce, wraps
from math import inf, nextafter
from operator import or_
from typing import Any, Concatenate, ParamSpec, TypeVar

from peewee import Model, ModelSelect, PeeweeException, fn

from aegisflow.domain.alarms.kpis import AlarmKpis, AlarmTrace, alarm_kpis
from aegisflow.domain.alarms.model import AlarmEvent, AlarmState, Severity
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import CommandReceipt, Stage
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.incidents.model import (
    AlarmToMatch,
    Incident,
    IncidentFile,
    IncidentPage,
    IncidentQuery,
    Pattern,
    SimilarIncident,
)
from aegisflow.domain.readings import Reading
from aegisflow.domain.summary import StreamSummary
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    AlarmPage,
    AlarmQuery,
    AuditEntry,
    AuditPage,
    AuditQuery,
    CommandPage,
    Stream,
)
from aegisflow.errors import StoreError
from aegisflow.models import ALARM_IS_OPEN, AlarmChange, Anomaly, AuditRow, DiagnosisRow, StoredCommand
from aegisflow.store.connection import Connection, describe
from aegisflow.store.hours import add_past
from aegisflow.store.incidents import all_incidents, find_incident, find_incidents, find_patterns, find_similar
from aegisflow.store.readings import newest, stored_span
from aegisflow.store.rows import (
    alarm_event_of,
    alarm_of,
    audit_entry_of,
    diagnosis_of,
    receipt_of,
)

_MAX_COUNTED = 100_000
"""Alarms that enter the figures of a period."""
_MAX_ASKED = 500
"""Alarms in one query; SQLite takes so many parameters of one in every version."""

P = ParamSpec("P")
T = TypeVar("T")


def _of_one_moment(
    method: Callable[Concatenate["Archive", P], T],
) -> Callable[Concatenate["Archive", P], T]:
    """Have a method read in one transaction, and once more on a new connection where the old one was ended."""

    @wraps(method)
    def read(self: "Archive", /, *args: P.args, **kwargs: P.kwargs) -> T:
        def once() -> T:
            with self.connection.transaction():
                return method(self, *args, **kwargs)

        try:
            return once()
        # The server may have ended this session, by a restart or a timeout of its own. Only a second failure, on
        # a new connection, says something of the store.
        except PeeweeException:
            self.close()
        try:
            return once()
        except PeeweeException as error:
            self.close()
            raise StoreError(f"the store cannot be read: {describe(error)}") from error

    return read


class Archive:
    """Each answer is of one moment: what is committed while it is made does not enter it.

    Every method raises StoreError where the store cannot be read; the next question tries again.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._database = connection.database

    def close(self) -> None:
        """Give the connection back; the next question connects again."""
        self.connection.close()

    @_of_one_moment
    def stream(self, device: DeviceSpec, sensors: Sequence[str], period: Period, points: int) -> Stream:
        """Summarise sensors (none named: all) over a period, with at most so many buckets for each.

        Hours that are over are taken as they were summed up, which says the same as their readings; where those
        are gone, in minutes.
        """
        specs = [device.sensors[name] for name in sensors or device.sensors]
        summary = StreamSummary(specs, period, points, device.silent_after_s)
        key = self._key(device.device_id)
        if key is not None:
            width_s = (period.end - period.start) / points
            add_past(summary, self.connection, key, [spec.name for spec in specs], period, width_s)
        return summary.stream(device.device_id)

    @_of_one_moment
    def readings(self, device_id: str, period: Period, limit: int) -> tuple[Reading, ...]:
        """Return the newest ``limit`` readings of a device within a period, oldest first."""
        key = self._key(device_id)
        if key is None:
            return ()
        rows = newest(self.connection, key, limit, period)
        return tuple(Reading(device_id, at, values, at) for at, values in rows)

    @_of_one_moment
    def alarms(self, query: AlarmQuery) -> AlarmPage:
        """Return a page of alarms, newest first, and what is on all pages."""
        matching = _matching(Anomaly, _alarms(query))
        # The totals are of all pages, so the cursor narrows only the page.
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

    @_of_one_moment
    def alarm_kpis(self, period: Period, operators: int, among: AlarmQuery | None = None) -> AlarmKpis:
        """Return the figures of a period, from its newest alarms where there are too many; none that was suppressed.

        They are of the part of the period of which something is stored: a month of which one day is stored says
        nothing of the other days. With ``among`` only of alarms that it admits.
        """
        among = among or AlarmQuery()
        fields = (Anomaly.device_id, Anomaly.fault_type, Anomaly.severity, Anomaly.raised_at, Anomaly.cleared_at)
        told = Anomaly.state != str(AlarmState.SUPPRESSED_BY_DESIGN)
        query = Anomaly.select(*fields).where(told, *_alarms(replace(among, period=period)))
        rows = query.order_by(Anomaly.raised_at.desc()).limit(_MAX_COUNTED).tuples().execute(self._database)
        traces = [AlarmTrace(name, kind, Severity(severity), at, gone) for name, kind, severity, at, gone in rows]
        span = stored_span(self.connection, among.device_ids, period)
        known = [*(span or ()), *(trace.raised_at for trace in traces if trace.raised_at >= period.start)]
        if not known:
            return alarm_kpis(traces, period, operators)
        data = Period(min(known), max(known))
        # The period is half open, so it goes on a little behind the last that is known.
        judged = Period(data.start, min(period.end, nextafter(data.end, inf)))
        return replace(alarm_kpis(traces, judged, operators), data=data)

    @_of_one_moment
    def alarm_history(self, alarm_id: str) -> tuple[AlarmEvent, ...]:
        """Return the life of an alarm, oldest first; empty for one that never was."""
        query = AlarmChange.select().where(AlarmChange.alarm_id == alarm_id).order_by(AlarmChange.id)
        return tuple(alarm_event_of(row) for row in query.execute(self._database))

    @_of_one_moment
    def diagnoses(self, alarm_ids: Sequence[str]) -> Mapping[str, AlarmDiagnosis]:
        """Return the newest diagnosis of each of these alarms that has one, by the alarm's id."""
        found: dict[str, AlarmDiagnosis] = {}
        for start in range(0, len(alarm_ids), _MAX_ASKED):
            query = DiagnosisRow.select().where(DiagnosisRow.alarm_id.in_(alarm_ids[start : start + _MAX_ASKED]))
            found |= {row.alarm_id: diagnosis_of(row) for row in query.execute(self._database)}
        return found

    @_of_one_moment
    def incidents(self, query: IncidentQuery) -> IncidentPage:
        """Return a page of incident reports in the query's order."""
        return find_incidents(self.connection, query)

    @_of_one_moment
    def incident(self, incident_id: int) -> IncidentFile:
        """Return one report with its earlier revisions; raises UnknownNameError if there is none such."""
        return find_incident(self.connection, incident_id)

    @_of_one_moment
    def similar_incidents(self, alarms: Sequence[AlarmToMatch], most: int) -> Mapping[str, tuple[SimilarIncident, ...]]:
        """Return for each alarm, by its id, at most so many reports that are like it, the best first."""
        return find_similar(self.connection, alarms, most)

    @_of_one_moment
    def patterns(self, plant: PlantSpec, now: float) -> tuple[Pattern, ...]:
        """Return the faults that come again in this plant, as of an instant."""
        return find_patterns(self.connection, plant, now)

    @_of_one_moment
    def incidents_after(self, after: int) -> tuple[Incident, ...]:
        """Return the next reports behind the one with this id, oldest first; none when there are no more."""
        return all_incidents(self.connection, after)

    @_of_one_moment
    def commands(
        self, device_id: str | None, limit: int, stages: Sequence[Stage] = (), of: CallerKind | None = None
    ) -> CommandPage:
        """Return commands, newest first; only those at one of ``stages``, if there are any, and proposed by such."""
        matching = StoredCommand.select()
        if device_id is not None:
            matching = matching.where(StoredCommand.device_id == device_id)
        if stages:
            matching = matching.where(StoredCommand.stage.in_([str(stage) for stage in stages]))
        if of is not None:
            matching = matching.where(StoredCommand.proposer_kind == str(of))
        page = matching.order_by(StoredCommand.proposed_at.desc(), StoredCommand.command_id.desc()).limit(limit)
        return CommandPage(tuple(receipt_of(row) for row in page.execute(self._database)))

    @_of_one_moment
    def command(self, command_id: str) -> CommandReceipt | None:
        """Return the command of this id; None for one that never was."""
        query = StoredCommand.select().where(StoredCommand.command_id == command_id)
        return next((receipt_of(row) for row in query.execute(self._database)), None)

    @_of_one_moment
    def audit(self, act: str | None, limit: int) -> tuple[AuditEntry, ...]:
        """Return the newest audit entries, oldest first."""
        query = AuditRow.select().order_by(AuditRow.id.desc()).limit(limit)
        if act is not None:
            query = query.where(AuditRow.act == act)
        return tuple(audit_entry_of(row) for row in query.execute(self._database))[::-1]

    @_of_one_moment
    def audit_page(self, query: AuditQuery) -> AuditPage:
        """Return entries of the audit, newest first, and how many match."""
        matching = _matching(AuditRow, _audit_conditions(query))
        # By time first where one is asked for: else PostgreSQL goes back through every row since then.
        order = [AuditRow.at.desc()] if query.period is not None else []
        page = matching.order_by(*order, AuditRow.id.desc()).limit(query.limit)
        return AuditPage(tuple(audit_entry_of(row) for row in page.execute(self._database)), self._count(matching))

    def _key(self, device_id: str) -> int | None:
        key: int | None = self.connection.value("SELECT key FROM devices WHERE name = ?", device_id)
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


def _audit_conditions(query: AuditQuery) -> list[Any]:
    found: list[Any] = []
    if query.period is not None:
        found += [AuditRow.at >= query.period.start, AuditRow.at < query.period.end]
    if query.acts:
        # By ``between``: LIKE would take the underscore of ``command_`` for any character.
        found.append(reduce(or_, (AuditRow.act.between(act, f"{act}\uffff") for act in query.acts)))
    for word in query.text.lower().split():
        fields = (AuditRow.actor, AuditRow.act, AuditRow.subject, AuditRow.detail)
        found.append(reduce(or_, (fn.LOWER(field).contains(word) for field in fields)))
    return found


def _alarms(query: AlarmQuery) -> list[Any]:
    """Return the conditions for alarms, as questions that an index answers each."""
    others = _alarm_conditions(query)
    if query.period is None:
        return others
    start, end = query.period
    # An alarm belongs to every period in which it was active, not only to the one in which it was raised. Joined
    # by OR, the database would read every alarm that was raised before the end.
    before = Anomaly.raised_at < start
    raised, cleared, is_open = (
        Anomaly.select(Anomaly.alarm_id).where(*each, *others)
        for each in (
            (Anomaly.raised_at >= start, Anomaly.raised_at < end),
            (Anomaly.cleared_at > start, before),
            (Anomaly.cleared_at.is_null(), ALARM_IS_OPEN, before),
        )
    )
    return [Anomaly.alarm_id.in_(raised.union_all(cleared).union_all(is_open))]


def _alarm_conditions(query: AlarmQuery) -> list[Any]:
    found: list[Any] = []
    if query.device_ids:
        found.append(Anomaly.device_id.in_(query.device_ids))
    if query.fault_type is not None:
        found.append(Anomaly.fault_type == query.fault_type)
    if query.min_severity is not None:
        found.append(Anomaly.severity_rank >= query.min_severity.rank)
    if query.states:
        found.append(Anomaly.state.in_([str(state) for state in query.states]))
    return found
