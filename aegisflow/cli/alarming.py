"""What operators do to alarms from the command line, through a running serve."""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aegisflow.cli.reloading import base_url, settings_of
from aegisflow.domain.times import parse_duration
from aegisflow.errors import BadValueError, UnavailableError

TOKEN_ENV = "AEGISFLOW_OPERATOR_TOKEN"  # noqa: S105 - the name of a variable, not a secret
_TIMEOUT_S = 20.0


class Desk:
    """The operators' side of a running serve."""

    def __init__(self, plant: Path, url: str | None) -> None:
        self._base = (url or base_url(settings_of(plant))).rstrip("/")
        self._token = os.environ.get(TOKEN_ENV, "")

    def alarms(self) -> int:
        """List the alarms, those that ask for somebody first; return the exit code."""
        answer = self._ask("GET", "alarms")
        alarms = sorted(answer["alarms"], key=lambda alarm: "set_aside_by" in alarm and bool(alarm["set_aside_by"]))
        lines = [_line(alarm) for alarm in alarms] or ["no alarms"]
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
        answer = self._ask("GET", f"figures?last_s={last_s:g}&operators={operators}")
        lines = [f"{answer['alarms']} alarms in the last {last}", *answer["lines"]]
        lines += [f"  {count:>5} × {name}" for name, count in answer["top"].items()]
        sys.stdout.write("\n".join(lines) + "\n")
        return 0

    def _change(self, alarm_id: str, act: str, body: Mapping[str, object]) -> int:
        alarm = self._ask("POST", f"alarms/{urllib.parse.quote(alarm_id, safe='')}/{act}", body)
        sys.stdout.write(_line(alarm) + "\n")
        return 0

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        url = f"{self._base}/operator/{path}"
        if not url.startswith(("http://", "https://")):
            raise UnavailableError(url, "it is not an http address")
        if not self._token:
            raise UnavailableError(url, f"{TOKEN_ENV} is empty; aegisflow operator NAME makes a token")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http or https, see above
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
                answer = json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise UnavailableError(url, _why(error)) from error
        except OSError as error:
            raise UnavailableError(url, f"{getattr(error, 'reason', error)}; is aegisflow serve running?") from error
        except ValueError as error:
            raise UnavailableError(url, "its answer is not JSON; is it aegisflow serve?") from error
        if not isinstance(answer, dict):
            raise UnavailableError(url, "its answer is not an object; is it aegisflow serve?")
        return answer


def _why(error: urllib.error.HTTPError) -> str:
    text = error.read(2_000).decode(errors="replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {text[:200]}"


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
