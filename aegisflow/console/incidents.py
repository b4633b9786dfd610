"""Incident reports and manuals: read, search, write from an alarm, review."""

from aegisflow.api import endpoints as ends
from aegisflow.api.fields import parse
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.incidents import ByNumber, IncidentListRequest
from aegisflow.api.text import clean
from aegisflow.console.visit import Act, Content, Page, Visit, link
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.rights import Right
from aegisflow.domain.times import format_instant
from aegisflow.http.incidents import IncidentRoutes

__all__ = ["ACTS", "PAGES"]

MOST_PASSAGES = 6
TEXTS = {"title": "Title", "root_cause": "Root cause", "actions_taken": "What was done", "outcome": "Outcome"}


def _list(visit: Visit) -> Content:
    return Content("incidents.html", "Incidents", lambda: _listed(visit))


def _listed(visit: Visit) -> dict[str, object]:
    asked = {name: visit.query[name] for name in ("device_id", "kind", "fault_type", "text") if visit.query.get(name)}
    wanted = parse(IncidentListRequest, asked)
    found = IncidentRoutes(lambda: visit.plant).list(wanted, Nothing(), visit.who)
    return {"found": found, "wanted": wanted, "devices": list(visit.snapshot.plant.devices)}


def _one(visit: Visit) -> Content:
    which = parse(ByNumber, {"id": visit.named["id"]})
    return Content("incident.html", f"Report {which.id}", lambda: _report(visit, which))


def _report(visit: Visit, which: ByNumber) -> dict[str, object]:
    report = IncidentRoutes(lambda: visit.plant).show(which, Nothing(), visit.who)
    return {"one": report, "texts": TEXTS, "severities": [str(one) for one in Severity]}


def _new(visit: Visit) -> Content:
    return Content("incident_new.html", "Write a report", lambda: _begun(visit))


def _begun(visit: Visit) -> dict[str, object]:
    alarm_id = visit.query.get("alarm", "")
    alarm = None
    if alarm_id:
        events = visit.plant.alarm_life(alarm_id).value
        alarm = events[-1].alarm
    return {
        "alarm": alarm,
        "occurred_at": format_instant(alarm.raised_at) if alarm else "",
        "devices": [name for name in visit.snapshot.plant.devices if visit.may(Right.REPORT, name)],
        "severities": [str(one) for one in Severity],
        "texts": TEXTS,
    }


def _write(visit: Visit) -> str:
    body = parse(ends.WRITE_INCIDENT.body, visit.form.given())
    report = IncidentRoutes(lambda: visit.plant).write(Nothing(), body, visit.who)
    return f"Report {report.incident_id} is stored."


def _review(visit: Visit) -> str:
    given = visit.form.given()
    which = parse(ByNumber, {"id": visit.named["id"]})
    before = IncidentRoutes(lambda: visit.plant).show(which, Nothing(), visit.who)
    was = {**before.words_not_facts.model_dump(), "severity": str(before.severity), "fault_type": before.fault_type}
    named = (*TEXTS, "severity", "fault_type")
    changes = {name: given[name] for name in named if name in given and given[name] != was[name]}
    revision = given.get("revision", "")
    asked = {
        "revision": int(revision) if revision.isascii() and revision.isdigit() else None,
        "withdraw": given.get("decision") == "withdraw",
        "note": given.get("note", ""),
        "changes": {} if given.get("decision") == "withdraw" else changes,
    }
    report = IncidentRoutes(lambda: visit.plant).review(which, parse(ends.REVIEW_INCIDENT.body, asked), visit.who)
    return f"Report {report.incident_id} is {'withdrawn' if report.withdrawn else 'reviewed'}."


def _manuals(visit: Visit) -> Content:
    return Content("manuals.html", "Manuals", lambda: _found(visit))


def _found(visit: Visit) -> dict[str, object]:
    text = clean(visit.query.get("text", ""), 300)
    device_id = visit.query.get("device_id") or None
    found = visit.plant.find_passages(text, device_id, MOST_PASSAGES).value if text else None
    return {
        "manuals": visit.plant.manuals(),
        "text": text,
        "device_id": device_id or "",
        "found": found,
        "devices": list(visit.snapshot.plant.devices),
    }


def _manual(visit: Visit) -> Content:
    name = visit.named["name"]
    return Content("manual.html", name, lambda: {"name": name, "text": visit.plant.read_manual(name)})


def _to_list(visit: Visit) -> str:
    return "/incidents"


def _to_one(visit: Visit) -> str:
    return link("incidents", visit.named["id"])


_LABELS = {**TEXTS, "occurred_at": "When it happened, in UTC", "note": "Note"}
PAGES = (
    Page("/incidents", Right.SEE, _list),
    Page("/incidents/new", Right.REPORT, _new),
    Page("/incidents/{id}", Right.SEE, _one),
    Page("/manuals", Right.SEE, _manuals),
    Page("/manuals/{name}", Right.SEE, _manual),
)
ACTS = (
    Act("/incidents", ends.WRITE_INCIDENT.right, _write, _to_list, "write an incident report", _LABELS),
    Act("/incidents/{id}/review", ends.REVIEW_INCIDENT.right, _review, _to_one, "review an incident report", _LABELS),
)
