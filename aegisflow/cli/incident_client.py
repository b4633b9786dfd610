"""What operators do with incident reports from the command line, through a running plant."""

import sys
from collections.abc import Mapping
from pathlib import Path

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.incidents import IncidentSummary, ListedIncident
from aegisflow.cli.client import OperatorClient
from aegisflow.domain.times import parse_duration
from aegisflow.errors import BadValueError

__all__ = ["IncidentClient"]


class IncidentClient:
    """Asks about incident reports and prints what is answered; each method returns the exit code."""

    def __init__(self, plant: Path, url: str | None) -> None:
        self._serve = OperatorClient(plant, url)

    def incidents(self, asked: Mapping[str, str | None], last: str | None, *, unreviewed: bool, withdrawn: bool) -> int:
        """List reports, a paragraph each."""
        given = {name: value for name, value in asked.items() if value is not None}
        if last is not None:
            try:
                given["last_s"] = f"{parse_duration(last):.0f}"
            except ValueError as error:
                raise BadValueError("--last", last, "a duration such as 8h or 30d") from error
        if unreviewed:
            given["reviewed"] = "no"
        if withdrawn:
            given["withdrawn"] = "yes"
        answer = self._serve.call(ends.LIST_INCIDENTS, given)
        lines = [f"again and again: {line}" for line in answer.patterns]
        for report in answer.incidents:
            lines += ["", *_paragraph(report)]
        left = answer.total - len(answer.incidents)
        lines += [""] if answer.incidents else ["no reports"]
        lines += [f"{left} more; narrow the question to see them"] if left > 0 else []
        lines += [answer.note] if answer.note else []
        sys.stdout.write("\n".join(lines).strip("\n") + "\n")
        return 0

    def show(self, number: int) -> int:
        """Show a report and what it said before."""
        report = self._serve.call(ends.SHOW_INCIDENT, {"id": number})
        lines = _paragraph(report)
        for one in reversed(report.revisions):
            lines += ["", f"revision {one.revision}, until {one.changed_by} changed it at {one.changed_at}"]
            lines += [f"  because {one.note}"] if one.note else []
            lines += [f"  {name}: {value}" for name, value in one.was.items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return 0

    def write(self, values: Mapping[str, object]) -> int:
        """Write a report."""
        return _told(self._serve.call(ends.WRITE_INCIDENT, body=values))

    def review(
        self, number: int, revision: int | None, changes: Mapping[str, str], note: str, *, withdraw: bool
    ) -> int:
        """Review a report as it stood at ``revision``, or as it stands now."""
        if revision is None:
            revision = self._serve.call(ends.SHOW_INCIDENT, {"id": number}).revision
        body = {"revision": revision, "changes": dict(changes), "note": note, "withdraw": withdraw}
        return _told(self._serve.call(ends.REVIEW_INCIDENT, {"id": number}, body))


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
