"""Incident reports in the store: written, reviewed, found."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from peewee import ModelSelect

from aegisflow.domain.alarms.model import Alarm, AlarmState, Severity
from aegisflow.domain.callers import quota_name
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.incidents.model import (
    CORRECTABLE,
    AlarmToMatch,
    Incident,
    IncidentFile,
    IncidentPage,
    IncidentQuery,
    IncidentReview,
    IncidentRevision,
    LinkedCommand,
    NewIncident,
    Pattern,
    SimilarIncident,
)
from aegisflow.domain.incidents.similarity import Occurrence, most_similar, patterns, signs_of
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError
from aegisflow.models import Anomaly, IncidentReport, ReportRevision, StoredCommand
from aegisflow.store.connection import Connection
from aegisflow.store.covered import incident_texts
from aegisflow.store.rows import OF_INCIDENT, Row, alarm_of, columns, covering, from_json, record_of, to_json
from aegisflow.store.writer import Writer

MAX_COMMANDS = 20
"""The most commands that are linked with a report; of more, the newest."""
MAX_CANDIDATES = 30
"""The most reports that are looked at for each thing that they may have in common with an alarm."""
MAX_OCCURRENCES = 20_000
"""The most alarms, and the most reports, in which patterns are looked for."""
MAX_DEVICE_REPORTS, MAX_REPORTS, REPORTS_WITHIN_S = 6, 30, 3_600.0
"""Reports that one agent may write of one device, and in all, within so many seconds."""
_LOOKED_AT = 1_000
"""The newest reports, among which an agent's are counted."""
LOOK_BACK = 4
"""How far back patterns are looked for, in spans within which a fault counts as repeated."""
# What a person has reviewed stands above what an agent wrote. The indexes have the same order.
_BY_TIME = (IncidentReport.reviewed.desc(), IncidentReport.occurred_at.desc(), IncidentReport.id.desc())
_PAGE = 500
_TOLD = (Anomaly.state != str(AlarmState.SUPPRESSED_BY_DESIGN)) & (Anomaly.state != str(AlarmState.OUT_OF_SERVICE))

# --- writing --------------------------------------------------------------------------------------


def add_incident(writer: Writer, incident: NewIncident, at: float) -> Incident:
    """Commit a report with its row of the audit; return it as it is stored, with its number."""
    return _stored(writer.connection, _add(writer, incident, at))


def review_incident(writer: Writer, review: IncidentReview, at: float) -> Incident:
    """Commit what a person says of a report with its row of the audit; return it as it stands then.

    Raises:
        UnknownNameError: a review of no report.
        ConflictError: a review of a revision that is no longer the newest; nothing was changed.
        NotAllowedError, BadValueError: see ``IncidentReview.check``.
    """
    # The revision is read and written in two transactions; nothing comes in between, as all reports go through
    # the one writer, one after the other.
    review.check()
    found = _one(writer.connection, review.incident_id)
    if found is None:
        raise UnknownNameError("incident report", str(review.incident_id), ())
    if found.revision != review.revision:
        raise ConflictError(
            f"report {found.incident_id} is at revision {found.revision} by now, not {review.revision}; read it again"
        )
    _revise(writer, found, review, at)
    return _stored(writer.connection, found.incident_id)


def _stored(connection: Connection, incident_id: int) -> Incident:
    stored = _one(connection, incident_id)
    assert stored is not None, "it was committed just now"
    return stored


def _add(writer: Writer, incident: NewIncident, at: float) -> int:
    database = writer.connection.database
    # A person's own report needs nobody else's review.
    by_person = incident.origin == "person"
    if not by_person:
        _check_quota(writer.connection, incident, at)
    alarm = _alarm(writer.connection, incident.alarm_id)
    since = incident.occurred_at if alarm is None else alarm.raised_at
    row = {name: getattr(incident, name) for name in NewIncident.__dataclass_fields__} | {
        "severity": str(incident.severity),
        "reported_at": at,
        "reviewed": by_person,
        "reviewed_by": incident.author if by_person else "",
        "reviewed_at": at if by_person else None,
        "withdrawn": False,
        "revision": 1,
        "signs": to_json(() if alarm is None else signs_of(alarm)),
        "commands": to_json(_commands_since(writer.connection, incident.device_id, since, at)),
    }
    with writer.audited():
        incident_id = int(IncidentReport.insert(**row).execute(database))
        detail = {"device_id": incident.device_id, "fault_type": incident.fault_type, "origin": incident.origin}
        what = f"{OF_INCIDENT}{incident_id}"
        entry = AuditEntry(at, incident.author, "incident_reported", what, detail)
        writer.put_audit(covering((entry,), what, incident_texts(writer.connection, incident_id)[incident_id]))
    return incident_id


def _check_quota(connection: Connection, incident: NewIncident, at: float) -> None:
    """Refuse an agent's report beyond its quota; agents that prove no name share one.

    Raises:
        NotAllowedError: with the quota that is used up.
    """
    fields = (IncidentReport.device_id, IncidentReport.author, IncidentReport.origin, IncidentReport.reported_at)
    query = IncidentReport.select(*fields).order_by(IncidentReport.id.desc()).limit(_LOOKED_AT)
    who = quota_name(incident.author)
    # Not counted by SQL, because agents that prove no name share one quota, whatever they call themselves.
    devices = [
        device_id
        for device_id, author, origin, reported_at in query.tuples().execute(connection.database)
        if origin != "person" and reported_at > at - REPORTS_WITHIN_S and quota_name(author) == who
    ]
    for whose, used, most in (
        (f" of {incident.device_id}", devices.count(incident.device_id), MAX_DEVICE_REPORTS),
        ("", len(devices), MAX_REPORTS),
    ):
        if used >= most:
            why = f"its {most} reports{whose} in {REPORTS_WITHIN_S / 60:g} min are used up; people can write others"
            raise NotAllowedError("report an incident", incident.author, why)


def _revise(writer: Writer, found: Incident, review: IncidentReview, at: float) -> None:
    database = writer.connection.database
    before = {name: getattr(found, name) for name in CORRECTABLE}
    # As texts, for a severity is a word in the review and an enum in the report.
    changes = {name: value for name, value in review.changes.items() if str(before[name]) != str(value)}
    row = changes | {
        "reviewed": True,
        "reviewed_by": review.by.name,
        "reviewed_at": at,
        "withdrawn": review.withdraw,
        "revision": found.revision + 1,
    }
    act = "incident_withdrawn" if review.withdraw else "incident_reviewed"
    detail = {"revision": found.revision + 1, "changed": sorted(changes), "note": review.note}
    with writer.audited():
        ReportRevision.insert(
            incident_id=found.incident_id,
            revision=found.revision,
            changed_at=at,
            changed_by=review.by.name,
            note=review.note,
            report=to_json(before),
        ).execute(database)
        IncidentReport.update(row).where(IncidentReport.id == found.incident_id).execute(database)
        what = f"{OF_INCIDENT}{found.incident_id}"
        text = incident_texts(writer.connection, found.incident_id)[found.incident_id]
        writer.put_audit(covering((AuditEntry(at, review.by.name, act, what, detail),), what, text))


def _alarm(connection: Connection, alarm_id: str | None) -> Alarm | None:
    if alarm_id is None:
        return None
    query = Anomaly.select().where(Anomaly.alarm_id == alarm_id)
    return next((alarm_of(row) for row in query.execute(connection.database)), None)


def _commands_since(connection: Connection, device_id: str, since: float, until: float) -> list[str]:
    when = (StoredCommand.proposed_at >= since) & (StoredCommand.proposed_at <= until)
    query = StoredCommand.select(StoredCommand.command_id).where(StoredCommand.device_id == device_id, when)
    newest = query.order_by(StoredCommand.proposed_at.desc()).limit(MAX_COMMANDS)
    return [command_id for (command_id,) in newest.tuples().execute(connection.database)][::-1]


# --- reading --------------------------------------------------------------------------------------


def find_incidents(connection: Connection, query: IncidentQuery) -> IncidentPage:
    """Return a page of reports in the query's order; those named by ``ids`` in the order of these."""
    conditions = _conditions(query)
    page = IncidentReport.select().where(*conditions)
    if query.before is not None:
        reviewed, at, incident_id = query.before
        older = (IncidentReport.occurred_at == at) & (IncidentReport.id < incident_id)
        same = (IncidentReport.reviewed == reviewed) & ((IncidentReport.occurred_at < at) | older)
        # Behind the last reviewed report come all that nobody has reviewed, whatever their time.
        page = page.where(same | (IncidentReport.reviewed == False) if reviewed else same)  # noqa: E712 - SQL
    if query.ids is None:
        total = int(IncidentReport.select().where(*conditions).bind(connection.database).count())
        return IncidentPage(tuple(_read(connection, page.order_by(*_BY_TIME).limit(query.limit))), total)
    # The search has ranked them by what the store does not know, so they are put in order here.
    place = {incident_id: number for number, incident_id in enumerate(query.ids)}
    found = sorted(_read(connection, page), key=lambda one: (not one.reviewed, place[one.incident_id]))
    return IncidentPage(tuple(found[query.skip : query.skip + query.limit]), len(found))


def find_incident(connection: Connection, incident_id: int) -> IncidentFile:
    """Return a report with what it said before; raises UnknownNameError if there is none such."""
    found = _one(connection, incident_id)
    if found is None:
        raise UnknownNameError("incident report", str(incident_id), ())
    query = ReportRevision.select().where(ReportRevision.incident_id == incident_id).order_by(ReportRevision.id)
    revisions = tuple(
        IncidentRevision(
            row.revision, row.changed_at, row.changed_by, row.note, from_json(row.report, dict[str, str | float])
        )
        for row in query.execute(connection.database)
    )
    return IncidentFile(found, revisions)


def find_similar(
    connection: Connection, alarms: Iterable[AlarmToMatch], most: int
) -> Mapping[str, tuple[SimilarIncident, ...]]:
    """Return for each alarm, by its id, at most so many reports that are like it, the best first."""
    return {asked.alarm.alarm_id: most_similar(asked, _candidates(connection, asked), most) for asked in alarms}


def find_patterns(connection: Connection, plant: PlantSpec, now: float) -> tuple[Pattern, ...]:
    """Return the faults that come again, from alarms that people were told of and reports without one.

    Only reports that people wrote or reviewed count: what an agent says often is not what happened often.
    """
    within_s = plant.repeats_within_s
    return patterns(_occurrences(connection, plant, now - LOOK_BACK * within_s), now, within_s)


def all_incidents(connection: Connection, after: int) -> tuple[Incident, ...]:
    """Return the next reports behind the one with this id, oldest first; none when there are no more."""
    query = IncidentReport.select().where(IncidentReport.id > after).order_by(IncidentReport.id).limit(_PAGE)
    # The search reads the words only, so the commands are not looked up.
    return tuple(_incident(row, {}) for row in query.execute(connection.database))


def _one(connection: Connection, incident_id: int) -> Incident | None:
    return next(iter(_read(connection, IncidentReport.select().where(IncidentReport.id == incident_id))), None)


def _conditions(query: IncidentQuery) -> list[Any]:
    found: list[Any] = [] if query.withdrawn else [IncidentReport.withdrawn == False]  # noqa: E712 - SQL
    if query.period is not None:
        found += [IncidentReport.occurred_at >= query.period.start, IncidentReport.occurred_at < query.period.end]
    if query.device_id is not None:
        found.append(IncidentReport.device_id == query.device_id)
    if query.kind is not None:
        found.append(IncidentReport.kind == query.kind)
    if query.fault_type is not None:
        found.append(IncidentReport.fault_type == query.fault_type)
    if query.reviewed is not None:
        found.append(IncidentReport.reviewed == query.reviewed)
    if query.ids is not None:
        found.append(IncidentReport.id.in_(query.ids))
    # peewee's where() fails without a condition.
    return found or [IncidentReport.id > 0]


def _candidates(connection: Connection, asked: AlarmToMatch) -> Iterator[Incident]:
    """Yield the reports that may be like an alarm: a bounded number, whatever the store holds."""
    same_fault = IncidentReport.fault_type == asked.alarm.fault_type
    same_device = IncidentReport.device_id == asked.alarm.device_id
    stands = IncidentReport.withdrawn == False  # noqa: E712 - SQL
    common = [same_fault & same_device, same_fault & (IncidentReport.kind == asked.kind), same_fault]
    if asked.alarm.evidence:
        common.append(same_device)
    queries = [IncidentReport.select().where(stands, each).order_by(*_BY_TIME).limit(MAX_CANDIDATES) for each in common]
    if asked.meaning:
        queries.append(IncidentReport.select().where(stands, IncidentReport.id.in_(list(asked.meaning))))
    rows = {row.id: row for query in queries for row in query.execute(connection.database)}
    yield from _linked(connection, rows.values())


def _occurrences(connection: Connection, plant: PlantSpec, since: float) -> Iterator[Occurrence]:
    fields = (Anomaly.device_id, Anomaly.fault_type, Anomaly.raised_at)
    alarms = Anomaly.select(*fields).where(_TOLD, Anomaly.raised_at >= since).order_by(Anomaly.raised_at.desc())
    for device_id, fault_type, at in alarms.limit(MAX_OCCURRENCES).tuples().execute(connection.database):
        device = plant.devices.get(device_id)
        yield Occurrence(device_id, "" if device is None else device.kind, fault_type, at)
    told = (
        IncidentReport.select(
            IncidentReport.device_id, IncidentReport.kind, IncidentReport.fault_type, IncidentReport.occurred_at
        )
        .where(
            IncidentReport.withdrawn == False,  # noqa: E712 - SQL
            IncidentReport.alarm_id.is_null(),
            (IncidentReport.reviewed == True) | (IncidentReport.origin == "person"),  # noqa: E712 - SQL
            IncidentReport.occurred_at >= since,
        )
        .order_by(IncidentReport.occurred_at.desc())
    )
    for device_id, kind, fault_type, at in told.limit(MAX_OCCURRENCES).tuples().execute(connection.database):
        device = plant.devices.get(device_id)
        yield Occurrence(device_id, kind if device is None else device.kind, fault_type, at)


def _read(connection: Connection, query: "ModelSelect[Any]") -> list[Incident]:
    return _linked(connection, list(query.execute(connection.database)))


def _linked(connection: Connection, rows: Iterable[IncidentReport]) -> list[Incident]:
    """Return rows as reports, with the commands as these are now."""
    rows = list(rows)
    wanted = {command_id for row in rows for command_id in from_json(row.commands, list[str])}
    query = StoredCommand.select().where(StoredCommand.command_id.in_(sorted(wanted)))
    commands = {} if not wanted else {row.command_id: _command(row) for row in query.execute(connection.database)}
    return [_incident(row, commands) for row in rows]


def _command(row: StoredCommand) -> LinkedCommand:
    record = record_of(row)
    command = record.command
    return LinkedCommand(command.command_id, command.command, command.parameters, record.stage)


def _incident(row: IncidentReport, commands: Mapping[str, LinkedCommand]) -> Incident:
    fields: Row = {name: getattr(row, name) for name in columns(IncidentReport)}
    fields |= {
        "severity": Severity(row.severity),
        "reviewed": bool(row.reviewed),
        "withdrawn": bool(row.withdrawn),
        "signs": from_json(row.signs, tuple[str, ...]),
        "commands": tuple(commands[one] for one in from_json(row.commands, list[str]) if one in commands),
    }
    return Incident(incident_id=row.id, **fields)
