"""The handover of a shift: what is open, set aside and waiting, what has happened, and two signatures."""

from aegisflow.api.fields import parse
from aegisflow.api.schemas.journal import HandoverRequest, HandoverSummary, JournalPage
from aegisflow.console.snapshot import Snapshot
from aegisflow.console.visit import Act, Content, Page, Visit
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.handover import ACTS as HANDOVER_ACTS
from aegisflow.domain.handover import handovers
from aegisflow.domain.rights import Right
from aegisflow.domain.times import Period
from aegisflow.domain.views import AuditQuery
from aegisflow.errors import BadValueError

__all__ = ["ACTS", "PAGES", "facts_of"]

LISTED = 10
HAPPENED = 100
SHIFT_S = 12 * 3_600.0
_LOUD = ("alarm_", "command_", "agents_", "mode_stated", "incident_", "level_", "plant_reloaded", "policy_")


def facts_of(now: Snapshot) -> list[str]:
    """Return what is open, set aside and waiting, as sentences that are kept with the signature."""
    found = [
        f"{row.severity} {row.device_id}: {row.fault}, {row.state.replace('_', ' ')}"
        + (f" by {row.acknowledged_by}: {row.note}" if row.acknowledged_by else "")
        for row in now.open_rows
    ]
    for row in now.rows:
        if row.state is AlarmState.SHELVED:
            found.append(f"shelved until {row.shelved_until}: {row.device_id}, {row.fault}: {row.set_aside_because}")
        elif row.state is AlarmState.OUT_OF_SERVICE:
            found.append(f"out of service: {row.device_id}, {row.fault}: {row.set_aside_because}")
    found += [f"waits for approval: {one.command} for {one.device_id}" for one in now.approvals]
    found += [f"silent: {tile.device_id}" for tile in now.tiles if tile.silent]
    if now.agents is not None and not now.agents.allowed:
        found.append(f"agents are stopped by {now.agents.by}: {now.agents.reason}")
    return found


def _show(visit: Visit) -> Content:
    return Content("handover.html", "Handover", lambda: _past(visit), (visit.part("open", "parts/open.html"),))


def _past(visit: Visit) -> dict[str, object]:
    page = visit.plant.journal(AuditQuery(acts=HANDOVER_ACTS, limit=4 * LISTED)).value
    past = [HandoverSummary.of(one) for one in handovers(page.entries)][:LISTED]
    waits = past[0] if past and not past[0].taken_by else None
    now = visit.snapshot.as_of
    since = past[0].at if past else now - SHIFT_S
    happened = visit.plant.journal(AuditQuery(Period(since, now + 1.0), _LOUD, limit=HAPPENED))
    return {"past": past, "waits": waits, "since": since, "happened": JournalPage.of(happened).entries}


def _hand_over(visit: Visit) -> str:
    body = parse(HandoverRequest, visit.form.given())
    visit.plant.hand_over(body.note, facts_of(visit.snapshot), visit.who)
    return "You have signed. The shift is yours until somebody takes it over."


def _take_over(visit: Visit) -> str:
    body = parse(HandoverRequest, visit.form.given())
    try:
        at = float(visit.form.text("handover_at"))
    except ValueError as error:
        raise BadValueError("handover_at", visit.form.text("handover_at"), "the handover that was shown") from error
    visit.plant.take_over(at, body.note, visit.who)
    return "You have taken the shift over."


def _back(visit: Visit) -> str:
    return "/handover"


_NOTE = {"note": "Note"}
PAGES = (Page("/handover", Right.SEE, _show),)
ACTS = (
    Act("/handover/leave", Right.HANDLE_ALARMS, _hand_over, _back, "hand the shift over", _NOTE),
    Act("/handover/take", Right.HANDLE_ALARMS, _take_over, _back, "take the shift over", _NOTE),
)
