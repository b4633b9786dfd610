"""The commands over incident reports: names and options; what they do is in ``incident_client``."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from aegisflow.cli.operators import DEFAULT_PLANT, PlantPath, ServeUrl

__all__ = ["register"]

Number = Annotated[int, Parameter(help="of the report, as incidents shows it")]
Words = Annotated[str | None, Parameter(help="the right words")]
Severity = Literal["low", "medium", "high", "critical"]


def register(app: App) -> None:
    """Add the commands; each asks a running plant with the token in AEGISFLOW_OPERATOR_TOKEN."""
    for command in (incidents, incident, report, review):
        app.command(command)


def incidents(
    *,
    device: Annotated[str | None, Parameter(help="only of this device")] = None,
    kind: Annotated[str | None, Parameter(help="only of devices of this kind")] = None,
    fault: Annotated[str | None, Parameter(help="only of this type of fault")] = None,
    text: Annotated[str | None, Parameter(help="what they should be about, in any words")] = None,
    like: Annotated[str | None, Parameter(help="id of an alarm whose like is looked for")] = None,
    last: Annotated[str | None, Parameter(help="how far back: 30d")] = None,
    unreviewed: Annotated[bool, Parameter(negative="", help="only what waits for a review")] = False,
    withdrawn: Annotated[bool, Parameter(negative="", help="also what people withdrew")] = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """List incident reports, reviewed ones first, and the faults that come again."""
    from aegisflow.cli.incident_client import IncidentClient

    asked = {"device_id": device, "kind": kind, "fault_type": fault, "text": text, "similar_to": like}
    return IncidentClient(plant, url).incidents(asked, last, unreviewed=unreviewed, withdrawn=withdrawn)


def incident(number: Number, *, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Show a report with the commands of its time, and what it said before it was corrected."""
    from aegisflow.cli.incident_client import IncidentClient

    return IncidentClient(plant, url).show(number)


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
    """Write an incident report of your own; it counts as reviewed."""
    from aegisflow.cli.incident_client import IncidentClient

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
    return IncidentClient(plant, url).write({name: value for name, value in values.items() if value is not None})


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
    """Say that a report is right as it stands, correct it, or withdraw it; what it said before is kept."""
    from aegisflow.cli.incident_client import IncidentClient

    changes = {
        "title": title,
        "root_cause": cause,
        "actions_taken": actions,
        "outcome": outcome,
        "fault_type": fault,
        "severity": severity,
        "occurred_at": at,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return IncidentClient(plant, url).review(number, revision, given, note, withdraw=withdraw)
