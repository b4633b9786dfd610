"""What stands on every page: the worst alarm, what waits, whether agents may propose, and whether it is all fresh."""

from aegisflow.api import endpoints as ends
from aegisflow.api.fields import parse
from aegisflow.api.schemas.base import Nothing
from aegisflow.console.snapshot import severity_counts
from aegisflow.console.visit import Act, LivePart, Visit
from aegisflow.http.commands import CommandRoutes

__all__ = ["ACTS", "frame_parts"]

NO_REASON = "stopped with the switch of the page"


def frame_parts(visit: Visit) -> tuple[LivePart, ...]:
    """Return the parts that every page has."""
    now = visit.snapshot
    rows, waiting = now.open_rows, now.waiting_rows
    worst = rows[0] if rows else None
    loudest = waiting[0] if waiting else None
    return (
        visit.part("bar", "parts/bar.html", worst=worst, counts=severity_counts(rows), waiting=len(waiting)),
        visit.part("sounding", "parts/sounding.html", loudest=loudest, waiting=len(waiting)),
        visit.part("switch", "parts/switch.html"),
        visit.part("nav-alarms", "parts/count.html", number=len(rows), of="open alarms"),
        visit.part("nav-approvals", "parts/count.html", number=len(now.approvals), of="waiting commands"),
    )


def _stop(visit: Visit) -> str:
    given = {"reason": NO_REASON, **visit.form.given()}
    CommandRoutes(lambda: visit.plant).stop(Nothing(), parse(ends.STOP_AGENTS.body, given), visit.who)
    return "All commands of agents are stopped, from now on and over restarts."


def _resume(visit: Visit) -> str:
    body = parse(ends.RESUME_AGENTS.body, visit.form.given())
    CommandRoutes(lambda: visit.plant).resume(Nothing(), body, visit.who)
    return "Agents may propose commands again."


def _approvals(visit: Visit) -> str:
    return "/approvals"


ACTS = (
    Act(
        "/agents/stop",
        ends.STOP_AGENTS.right,
        _stop,
        _approvals,
        "stop all commands of agents",
        {"reason": "Reason"},
    ),
    Act(
        "/agents/resume",
        ends.RESUME_AGENTS.right,
        _resume,
        _approvals,
        "let agents propose commands again",
        {"reason": "Reason"},
    ),
)
