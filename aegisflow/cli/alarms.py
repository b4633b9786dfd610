"""What operators do to alarms from the command line, through a running plant."""

import sys
from collections.abc import Mapping
from pathlib import Path

from aegisflow.api import endpoints as ends
from aegisflow.api.endpoints import Endpoint
from aegisflow.api.schemas.alarms import AlarmSummary, ById, ListedAlarm
from aegisflow.api.schemas.base import Request
from aegisflow.cli.client import OperatorClient
from aegisflow.domain.times import parse_duration
from aegisflow.errors import BadValueError

__all__ = ["AlarmClient"]


class AlarmClient:
    """Asks about alarms and prints what is answered; each method returns the exit code."""

    def __init__(self, plant: Path, url: str | None) -> None:
        self._serve = OperatorClient(plant, url)

    def alarms(self) -> int:
        """List the alarms, those that ask for somebody first."""
        answer = self._serve.call(ends.LIST_ALARMS)
        alarms = sorted(answer.alarms, key=lambda alarm: bool(alarm.set_aside_by))
        lines = [line for alarm in alarms for line in (_line(alarm), *_past(alarm))] or ["no alarms"]
        lines += [f"did not answer: {name}: {why}" for name, why in answer.unavailable.items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return 0

    def shelve(self, alarm_id: str, duration: str, reason: str) -> int:
        """Shelve an alarm for a time."""
        try:
            duration_s = parse_duration(duration)
        except ValueError as error:
            raise BadValueError("--for", duration, "a duration such as 30min or 2h") from error
        return self._change(ends.SHELVE, alarm_id, {"duration_s": duration_s, "reason": reason})

    def unshelve(self, alarm_id: str) -> int:
        """Return an alarm to service before its shelf ends."""
        return self._change(ends.UNSHELVE, alarm_id, {})

    def service(self, alarm_id: str, reason: str, *, out: bool) -> int:
        """Take an alarm out of service, or return it."""
        if out:
            return self._change(ends.TAKE_OUT_OF_SERVICE, alarm_id, {"reason": reason})
        return self._change(ends.RETURN_TO_SERVICE, alarm_id, {})

    def figures(self, last: str, operators: int) -> int:
        """Print how many alarms people got, by EEMUA 191."""
        try:
            last_s = parse_duration(last)
        except ValueError as error:
            raise BadValueError("--last", last, "a duration such as 8h or 7d") from error
        answer = self._serve.call(ends.SHOW_FIGURES, {"last_s": f"{last_s:g}", "operators": operators})
        lines = [f"{answer.alarms} alarms in the last {last}", *answer.lines]
        lines += [f"  {count:>5} × {name}" for name, count in answer.top.items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return 0

    def _change(
        self, endpoint: Endpoint[ById, Request, AlarmSummary], alarm_id: str, body: Mapping[str, object]
    ) -> int:
        alarm = self._serve.call(endpoint, {"id": alarm_id}, body)
        sys.stdout.write(_line(alarm) + "\n")
        return 0


def _line(alarm: AlarmSummary) -> str:
    """Return an alarm in one line: severity, type, state, id, and what else must be known."""
    parts = [f"{alarm.severity:<8}  {alarm.fault_type:<18}  {alarm.state:<23}  {alarm.alarm_id}"]
    if isinstance(alarm, ListedAlarm) and alarm.first_out:
        parts.append("FIRST OUT")
    if not alarm.lasts:
        parts.append("its cause is gone")
    if alarm.set_aside_by:
        until = f" until {alarm.shelved_until}" if alarm.shelved_until else ""
        parts.append(f"by {alarm.set_aside_by}{until}: {alarm.set_aside_because}")
    return "  ".join(parts)


def _past(alarm: ListedAlarm) -> list[str]:
    """Return what is known of alarms like this one: whether they come again, and what was done, in whose words."""
    if alarm.set_aside_by:
        return []
    lines = [f"    again: {pattern}" for pattern in alarm.patterns]
    for one in alarm.similar_incidents:
        words, state = one.words_not_facts, "reviewed" if one.reviewed else "NOT REVIEWED"
        lines.append(
            f"    like #{one.incident_id} on {one.device_id}, {one.occurred_at}, {state}: "
            f"{', '.join([*one.alike, *one.commands])}"
        )
        lines.append(f"      {words.of}: {words.actions_taken} -> {words.outcome}")
    return lines
