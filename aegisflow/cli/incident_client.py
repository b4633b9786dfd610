"""What operators do with incident reports from the command line, through a running plant."""

import sys
import urllib.parse
from collections.abc import Mapping
from typing import Any

from aegisflow.cli.client import OperatorClient
from aegisflow.domain.times import parse_duration
from aegisflow.errors import BadValueError

_PARTS = (("root_cause", "cause"), ("actions_taken", "actions"), ("outcome", "outcome"))


class IncidentClient(OperatorClient):
    """The operators' side of a running plant: incident reports."""

    def incidents(self, asked: Mapping[str, str | None], last: str | None, *, unreviewed: bool, withdrawn: bool) -> int:
        """List reports, a paragraph each; return the exit code."""
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
        answer = self.call("GET", f"incidents?{urllib.parse.urlencode(given)}")
        lines = [f"again and again: {line}" for line in answer["patterns"]]
        for report in answer["incidents"]:
            lines += ["", *_paragraph(report)]
        left = answer["total"] - len(answer["incidents"])
        lines += [""] if answer["incidents"] else ["no reports"]
        lines += [f"{left} more; narrow the question to see them"] if left > 0 else []
        lines += [answer["note"]] if answer["note"] else []
        sys.stdout.write("\n".join(lines).strip("\n") + "\n")
        return 0

    def show(self, number: int) -> int:
        """Show a report and what it said before."""
        report = self.call("GET", f"incidents/{number}")
        lines = _paragraph(report)
        for one in reversed(report["revisions"]):
            lines += ["", f"revision {one['revision']}, until {one['changed_by']} changed it at {one['changed_at']}"]
            lines += [f"  because {one['note']}"] if one["note"] else []
            lines += [f"  {name}: {value}" for name, value in one["was"].items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return 0

    def write(self, values: Mapping[str, object]) -> int:
        """Write a report."""
        sys.stdout.write("\n".join(_paragraph(self.call("POST", "incidents", values))) + "\n")
        return 0

    def review(
        self, number: int, revision: int | None, changes: Mapping[str, str], note: str, *, withdraw: bool
    ) -> int:
        """Review a report as it stood at ``revision``, or as it stands now."""
        if revision is None:
            revision = self.call("GET", f"incidents/{number}")["revision"]
        body = {"revision": revision, "changes": changes, "note": note, "withdraw": withdraw}
        sys.stdout.write("\n".join(_paragraph(self.call("POST", f"incidents/{number}/review", body))) + "\n")
        return 0


def _paragraph(report: Mapping[str, Any]) -> list[str]:
    """Return a report: the facts in a line, then the words and whose they are."""
    words = report["words_not_facts"]
    if report["withdrawn"]:
        state = f"WITHDRAWN by {report['reviewed_by']}"
    else:
        state = f"reviewed by {report['reviewed_by']}" if report["reviewed"] else "NOT REVIEWED"
    head = f"#{report['incident_id']}  {report['occurred_at']}  {report['severity']} {report['fault_type']}"
    lines = [f"{head} on {report['device_id']}  ({state}, revision {report['revision']})"]
    lines += [f"  alarm: {report['alarm_id']}"] if report["alarm_id"] else []
    lines += [f"  alike: {'; '.join(report['alike'])}"] if report.get("alike") else []
    lines += [f"  command: {command}" for command in report["commands"]]
    lines.append(f"  in the words of {words['of']}: {words['title']}")
    return lines + [f"    {label}: {words[name]}" for name, label in _PARTS]
