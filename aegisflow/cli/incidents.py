"""What operators do with incident reports from the command line, through a running plant."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.incidents import IncidentSummary, ListedIncident
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath, ServeUrl, seconds_of
from aegisflow.cli.client import OperatorClient

__all__ = ["incident", "incidents", "report", "review"]

Number = Annotated[int, Parameter(help="of the report, as incidents shows it")]
Words = Annotated[str | None, Parameter(help="what it should say")]
Severity = Literal["low", "medium", "high", "critical"]


def incidents(
    *,
    device: Annotated[str | None, Parameter(help="only of this device")] = None,
    kind: Annotated[str | None, Parameter(help="only of devices of this kind")] = None,
    fault: Annotated[str | None, Parameter(help="only of this type of fault")] = None,
    text: Annotated[str | None, Parameter(help="what they should be about, in any words")] = None,
    like: Annotated[str | None, Parameter(help="id of an alarm; the reports most like it")] = None,
    last: Annotated[str | None, Parameter(help="how far back: 30d")] = None,
    unreviewed: Annotated[bool, Parameter(negative="", help="only what waits for a review")] = False,
    withdrawn: Annotated[bool, Parameter(negative="", help="also what people withdrew")] = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Print reports, a paragraph each; return the exit code."""
    asked = {"device_id": device, "kind": kind, "fault_type": fault, "text": text, "similar_to": like}
    given = {name: value for name, value in asked.items() if value is not None}
    if last is not None:
        given["last_s"] = f"{seconds_of('--last', last, '8h or 30d'):.0f}"
    if unreviewed:
        given["reviewed"] = "no"
    if withdrawn:
        given["withdrawn"] = "yes"
    answer = OperatorClient(plant, url).call(ends.LIST_INCIDENTS, given)
    lines = [f"again and again: {line}" for line in answer.patterns]
    for found in answer.incidents:
        lines += ["", *_paragraph(found)]
    left = answer.total - len(answer.incidents)
    lines += [""] if answer.incidents else ["no reports"]
    lines += [f"{left} more; narrow the question to see them"] if left > 0 else []
    lines += [answer.note] if answer.note else []
    sys.stdout.write("\n".join(lines).strip("\n") + "\n")
    return 0


def incident(number: Number, *, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Print a report and what it said before; return the exit code."""
    found = OperatorClient(plant, url).call(ends.SHOW_INCIDENT, {"id": number})
    lines = _paragraph(found)
    for one in reversed(found.revisions):
        lines += ["", f"revision {one.revision}, until {one.changed_by} changed it at {one.changed_at}"]
        lines += [f"  because {one.note}"] if one.note else []
        lines += [f"  {name}: {value}" for name, value in one.was.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def report(
    device: Annotated[str, Parameter(help="device id")],
    fault: Annotated[str, Parameter(help="type of fault, as alarms name it")],
    *,
    severity: Severity,
    title: Annotated[str, Parameter(help="what happened, in a line")],
    cause: Annotated[str, Parameter(help="why")],
    actions: Annotated[str, Parameter(help="what was done")],
    outcome: Annotated[str, Parameter(help="how it ended")],
    alarm: Annotated[str | None, Parameter(help="id of the alarm that it is about")] = None,
    at: Annotated[str | None, Parameter(help="when, ISO 8601; now if left out")] = None,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Write a report; return the exit code."""
    values = {
        "device_id": device,
        "fault_type": fault,
        "severity": severity,
        "title": title,
        "root_cause": cause,
        "actions_taken": actions,
        "outcome": outcome,
        "alarm_id": alarm,
        "occurred_at": at,
    }
    body = {name: value for name, value in values.items() if value is not None}
    return _told(OperatorClient(plant, url).call(ends.WRITE_INCIDENT, body=body))


def review(
    number: Number,
    *,
    revision: Annotated[int | None, Parameter(help="the revision you read; the newest if left out")] = None,
    title: Words = None,
    cause: Words = None,
    actions: Words = None,
    outcome: Words = None,
    fault: Annotated[str | None, Parameter(help="the right type of fault")] = None,
    severity: Severity | None = None,
    at: Annotated[str | None, Parameter(help="when it happened, ISO 8601")] = None,
    note: Annotated[str, Parameter(help="why, for those who come after")] = "",
    withdraw: Annotated[bool, Parameter(negative="", help="it is wrong: hide it from agents")] = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Review a report as it stood at ``revision``, or as it stands now; return the exit code."""
    changes = {
        "title": title,
        "root_cause": cause,
        "actions_taken": actions,
        "outcome": outcome,
        "fault_type": fault,
        "severity": severity,
        "occurred_at": at,
    }
    serve = OperatorClient(plant, url)
    if revision is None:
        revision = serve.call(ends.SHOW_INCIDENT, {"id": number}).revision
    given = {name: value for name, value in changes.items() if value is not None}
    body = {"revision": revision, "changes": given, "note": note, "withdraw": withdraw}
    return _told(serve.call(ends.REVIEW_INCIDENT, {"id": number}, body))


def _told(report: IncidentSummary) -> int:
    sys.stdout.write("\n".join(_paragraph(report)) + "\n")
    return 0


def _paragraph(report: IncidentSummary) -> list[str]:
    """Return a report: the facts in a line, then the words and whose they are."""
    words = report.words_not_facts
    if report.withdrawn:
        state = f"WITHDRAWN by {report.reviewed_by}"
    else:
        state = f"reviewed by {report.reviewed_by}" if report.reviewed else "NOT REVIEWED"
    head = f"#{report.incident_id}  {report.occurred_at}  {report.severity} {report.fault_type}"
    lines = [f"{head} on {report.device_id}  ({state}, revision {report.revision})"]
    lines += [f"  alarm: {report.alarm_id}"] if report.alarm_id else []
    lines += [f"  alike: {'; '.join(report.alike)}"] if isinstance(report, ListedIncident) and report.alike else []
    lines += [f"  command: {command}" for command in report.commands]
    lines.append(f"  in the words of {words.of}: {words.title}")
    return [
        *lines,
        f"    cause: {words.root_cause}",
        f"    actions: {words.actions_taken}",
        f"    outcome: {words.outcome}",
    ]
