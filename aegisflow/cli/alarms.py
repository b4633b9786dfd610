"""What operators do to alarms from the command line, through a running serve."""

import sys
import urllib.parse
from collections.abc import Mapping
from typing import Any

from aegisflow.cli.client import OperatorClient
from aegisflow.domain.times import parse_duration
from aegisflow.errors import BadValueError


class AlarmClient(OperatorClient):
    """The operators' side of a running serve: alarms."""

    def alarms(self) -> int:
        """List the alarms, those that ask for somebody first; return the exit code."""
        answer = self.call("GET", "alarms")
        alarms = sorted(answer["alarms"], key=lambda alarm: "set_aside_by" in alarm and bool(alarm["set_aside_by"]))
        lines = [line for alarm in alarms for line in (_line(alarm), *_past(alarm))] or ["no alarms"]
        lines += [f"did not answer: {name}: {why}" for name, why in answer["unavailable"].items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return 0

    def shelve(self, alarm_id: str, duration: str, reason: str) -> int:
        """Set an alarm aside for a time."""
        try:
            duration_s = parse_duration(duration)
        except ValueError as error:
            raise BadValueError("--for", duration, "a duration such as 30min or 2h") from error
        return self._change(alarm_id, "shelve", {"duration_s": duration_s, "reason": reason})

    def unshelve(self, alarm_id: str) -> int:
        """End a shelf."""
        return self._change(alarm_id, "unshelve", {})

    def service(self, alarm_id: str, reason: str, *, out: bool) -> int:
        """Take an alarm out of service, or return it."""
        return self._change(alarm_id, "out-of-service" if out else "in-service", {"reason": reason} if out else {})

    def figures(self, last: str, operators: int) -> int:
        """Print how many alarms people got, by EEMUA 191."""
        try:
            last_s = parse_duration(last)
        except ValueError as error:
            raise BadValueError("--last", last, "a duration such as 8h or 7d") from error
        answer = self.call("GET", f"figures?last_s={last_s:g}&operators={operators}")
        lines = [f"{answer['alarms']} alarms in the last {last}", *answer["lines"]]
        lines += [f"  {count:>5} × {name}" for name, count in answer["top"].items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return 0

    def _change(self, alarm_id: str, act: str, body: Mapping[str, object]) -> int:
        alarm = self.call("POST", f"alarms/{urllib.parse.quote(alarm_id, safe='')}/{act}", body)
        sys.stdout.write(_line(alarm) + "\n")
        return 0


def _line(alarm: Mapping[str, Any]) -> str:
    """Return an alarm in one line: severity, type, state, id, and what else must be known."""
    parts = [f"{alarm['severity']:<8}  {alarm['fault_type']:<18}  {alarm['state']:<23}  {alarm['alarm_id']}"]
    if alarm.get("first_out"):
        parts.append("FIRST OUT")
    if not alarm["lasts"]:
        parts.append("its cause is gone")
    if alarm["set_aside_by"]:
        until = f" until {alarm['shelved_until']}" if alarm["shelved_until"] else ""
        parts.append(f"by {alarm['set_aside_by']}{until}: {alarm['set_aside_because']}")
    return "  ".join(parts)


def _past(alarm: Mapping[str, Any]) -> list[str]:
    """Return what is known of an alarm's like: patterns, then what was done then, in whose words."""
    if alarm["set_aside_by"]:
        return []
    lines = [f"    again: {pattern}" for pattern in alarm.get("patterns", ())]
    for one in alarm.get("similar_incidents", ()):
        words, state = one["words_not_facts"], "reviewed" if one["reviewed"] else "NOT REVIEWED"
        lines.append(
            f"    like #{one['incident_id']} on {one['device_id']}, {one['occurred_at']}, {state}: "
            f"{', '.join([*one['alike'], *one['commands']])}"
        )
        lines.append(f"      {words['of']}: {words['actions_taken']} -> {words['outcome']}")
    return lines
