"""What people do with incident reports over HTTP: find, write, review, correct, withdraw; see ``operator_api``."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from aegisflow.api.periods import past_instant
from aegisflow.api.text import clean
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller
from aegisflow.domain.incidents.model import (
    CORRECTABLE,
    WORDS,
    Incident,
    IncidentQuery,
    IncidentReview,
    NewIncident,
    SimilarIncident,
)
from aegisflow.domain.incidents.similarity import pattern_line
from aegisflow.domain.times import Period, format_instant
from aegisflow.errors import BadValueError
from aegisflow.http.fields import real, said, whole, yes_or_no
from aegisflow.plant.protocol import Plant

MAX_REPORTS = 200
MAX_NUMBER = 10**15
_FAULT = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WORDS_BYTES = 4_000
_SHORT_BYTES = 300
_NAME_BYTES = 200


class IncidentRoutes:
    """One method per route: parse, one call of the plant, shape."""

    def __init__(self, plant: Callable[[], Plant]) -> None:
        self._plant = plant

    def list(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """Reports by ``device_id``, ``kind``, ``fault_type``, ``text``, ``similar_to``, ``last_s``, ``reviewed``."""
        plant, asked = self._plant(), request.query_params
        now = plant.now()
        last_s = asked.get("last_s")
        query = IncidentQuery(
            period=None if last_s is None else _period(last_s, now),
            device_id=asked.get("device_id"),
            kind=asked.get("kind"),
            fault_type=asked.get("fault_type"),
            text=asked.get("text"),
            similar_to=asked.get("similar_to"),
            reviewed=yes_or_no(asked.get("reviewed"), "reviewed"),
            withdrawn=bool(yes_or_no(asked.get("withdrawn"), "withdrawn")),
            limit=whole(asked.get("limit", "50"), "limit", MAX_REPORTS),
        )
        answer = plant.incidents(query)
        found = answer.value
        return {
            "as_of": format_instant(answer.as_of),
            "total": found.total,
            "method": found.method,
            "note": found.note,
            "patterns": [pattern_line(pattern) for pattern in plant.patterns()],
            "incidents": [
                {**describe_incident(one), "alike": list(found.why.get(one.incident_id, ()))} for one in found.incidents
            ],
        }

    def show(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """One report, and what it said before."""
        file = self._plant().incident(whole(request.path_params["id"], "id", MAX_NUMBER))
        return {
            **describe_incident(file.incident),
            "revisions": [
                {
                    "revision": one.revision,
                    "changed_at": format_instant(one.changed_at),
                    "changed_by": clean(one.changed_by, _NAME_BYTES),
                    "note": clean(one.note, _WORDS_BYTES),
                    "was": {name: _shown(name, value) for name, value in one.values.items()},
                }
                for one in file.revisions
            ],
        }

    def write(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """A report of the person's own."""
        plant = self._plant()
        now = plant.now()
        values = _values(body, now)
        for name in (*WORDS, "fault_type", "severity"):
            if name not in values:
                raise BadValueError(name, body.get(name), "a text that is not empty")
        alarm_id = body.get("alarm_id")
        if alarm_id is not None and not isinstance(alarm_id, str):
            raise BadValueError("alarm_id", alarm_id, "the id of an alarm, or nothing")
        report = NewIncident(
            device_id=said(body.get("device_id"), "device_id", _NAME_BYTES),
            alarm_id=alarm_id,
            fault_type=str(values["fault_type"]),
            severity=Severity(str(values["severity"])),
            title=str(values["title"]),
            root_cause=str(values["root_cause"]),
            actions_taken=str(values["actions_taken"]),
            outcome=str(values["outcome"]),
            author=by.name,
            origin="person",
            occurred_at=float(values.get("occurred_at", now)),
        )
        return describe_incident(plant.log_incident(report))

    def review(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        """That a report, as it stood at ``revision``, is right, is right with ``changes``, or is withdrawn."""
        plant = self._plant()
        revision, changes, withdraw = body.get("revision"), body.get("changes", {}), body.get("withdraw", False)
        if not isinstance(revision, int) or isinstance(revision, bool) or revision < 1:
            raise BadValueError("revision", revision, "the number of the revision that was read")
        if not isinstance(changes, dict):
            raise BadValueError("changes", changes, "a JSON object with the new values")
        if not isinstance(withdraw, bool):
            raise BadValueError("withdraw", withdraw, "true or false")
        for name in changes:
            if name not in CORRECTABLE:
                raise BadValueError("changes", name, f"some of {', '.join(CORRECTABLE)}")
        note = clean(str(body.get("note", "")), _WORDS_BYTES)
        review = IncidentReview(
            whole(request.path_params["id"], "id", MAX_NUMBER),
            revision,
            by,
            _values(changes, plant.now()),
            note,
            withdraw,
        )
        return describe_incident(plant.review_incident(review))


def describe_similar(similar: SimilarIncident) -> dict[str, object]:
    """Return in short what was done about something like an alarm; words last, with whose they are."""
    incident = similar.incident
    return {
        "incident_id": incident.incident_id,
        "device_id": incident.device_id,
        "occurred_at": format_instant(incident.occurred_at),
        "reviewed": incident.reviewed,
        "alike": list(similar.why),
        "commands": [clean(str(command), 200) for command in incident.commands],
        "words_not_facts": {
            "of": clean(f"{incident.origin} {incident.author}", _NAME_BYTES),
            "actions_taken": clean(incident.actions_taken, _SHORT_BYTES),
            "outcome": clean(incident.outcome, _SHORT_BYTES),
        },
    }


def describe_incident(incident: Incident) -> dict[str, object]:
    """Return a report as JSON; its author's words come last and say whose they are."""
    reviewed_at = incident.reviewed_at
    corrected = f", as corrected by {incident.reviewed_by}" if incident.revision > 1 and not incident.withdrawn else ""
    return {
        "incident_id": incident.incident_id,
        "device_id": incident.device_id,
        "kind": incident.kind,
        "alarm_id": incident.alarm_id,
        "fault_type": incident.fault_type,
        "severity": str(incident.severity),
        "occurred_at": format_instant(incident.occurred_at),
        "reported_at": format_instant(incident.reported_at),
        "revision": incident.revision,
        "reviewed": incident.reviewed,
        "reviewed_by": clean(incident.reviewed_by, _NAME_BYTES),
        "reviewed_at": None if reviewed_at is None else format_instant(reviewed_at),
        "withdrawn": incident.withdrawn,
        "commands": [f"{command.command_id} {clean(str(command), 200)}" for command in incident.commands],
        "words_not_facts": {
            "of": clean(f"{incident.origin} {incident.author}{corrected}", _NAME_BYTES),
            **{name: clean(getattr(incident, name), _WORDS_BYTES) for name in WORDS},
        },
    }


def _values(given: Mapping[str, Any], now: float) -> dict[str, str | float]:
    """Return what is given of a report's correctable parts, checked."""
    values: dict[str, str | float] = {name: said(given[name], name, _WORDS_BYTES) for name in WORDS if name in given}
    if "fault_type" in given:
        fault = given["fault_type"]
        if not isinstance(fault, str) or not _FAULT.fullmatch(fault):
            raise BadValueError("fault_type", fault, "a type of fault as alarms name it, such as bearing_failure")
        values["fault_type"] = fault
    if "severity" in given:
        severity = given["severity"]
        if severity not in list(Severity):
            raise BadValueError("severity", severity, f"one of {', '.join(Severity)}")
        values["severity"] = str(severity)
    if "occurred_at" in given:
        values["occurred_at"] = past_instant(given["occurred_at"], "occurred_at", now)
    return values


def _shown(name: str, value: str | float) -> str:
    return format_instant(float(value)) if name == "occurred_at" else clean(str(value), _WORDS_BYTES)


def _period(last_s: str, now: float) -> Period:
    seconds = real(last_s, "last_s")
    if not 0 < seconds <= now:
        raise BadValueError("last_s", last_s, "seconds, more than 0 and no more than since 1970")
    return Period(now - seconds, now + 1.0)
