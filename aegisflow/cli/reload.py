"""``aegisflow reload``: ask a running serve over HTTP."""

import os
import sys
from typing import Annotated

from cyclopts import Parameter

from aegisflow.api.endpoints import PREFIX, RELOAD
from aegisflow.api.schemas.health import ReloadReport
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath, ServeUrl
from aegisflow.cli.client import TOKEN_ENV, Reach, exchange, find_plant, why_not
from aegisflow.errors import UnavailableError

_TIMEOUT_S = 90.0
"""A reload may start and stop thousands of devices."""


def reload(
    *,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
    yes: Annotated[bool, Parameter(negative="", help="agree to what the last reload asked about")] = False,
) -> int:
    """Ask for a reload and print what it did; return the exit code.

    A change that takes much away waits until it is asked for with ``yes``. The running process reads
    its own file and judges it, so a file with mistakes does not keep the question from being asked.
    """
    report = _ask(find_plant(plant, url), yes=yes)
    for line in report.policy:
        sys.stderr.write(f"policy {line}\n")
    if report.waits:
        sys.stderr.write("\n".join(["nothing was changed yet:", *report.waits]) + "\n")
        sys.stderr.write("aegisflow reload --yes takes it over\n")
        return 1
    if not report.applied:
        sys.stderr.write("\n".join(["nothing was changed:", *report.mistakes]) + "\n")
        return 1
    changes = {"added": report.added, "removed": report.removed, "changed": report.changed}
    parts = [f"{word}: {', '.join(names)}" for word, names in changes.items() if names] or ["nothing differs"]
    if report.needs_restart:
        parts.append(f"only a restart brings in: {', '.join(report.needs_restart)}")
    sys.stdout.write("\n".join(parts) + "\n")
    return 0


def _ask(there: Reach, *, yes: bool) -> ReloadReport:
    """Ask with the operator's token if it is known there, so that the audit says who; else with the agents'.

    Only an operator can say yes, so nobody else's token is tried for that.
    """
    token = os.environ.get(TOKEN_ENV, "")
    url = f"{there.url}{PREFIX}{RELOAD.url({})}"
    if yes and not token:
        raise UnavailableError(url, f"only an operator can say yes, and {TOKEN_ENV} is empty")
    if token:
        answer = exchange(url, RELOAD.method, token, {"yes": yes}, _TIMEOUT_S, there.certificate)
        if answer.status == 200:
            return answer.read_as(ReloadReport)
        if yes:
            raise UnavailableError(url, why_not(answer))
    token = os.environ.get(there.token_env, "") if there.token_env else ""
    answer = exchange(f"{there.url}/reload", "POST", token, timeout_s=_TIMEOUT_S, certificate=there.certificate)
    if answer.status not in (200, 409, 422, 503):
        said = answer.content[:200].decode(errors="replace")
        raise UnavailableError(answer.url, f"HTTP {answer.status}: {said}")
    return answer.read_as(ReloadReport)
