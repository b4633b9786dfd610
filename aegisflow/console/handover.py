"""The handover of a shift: what is open, set aside and waiting, what has happened, and two signatures."""

from aegisflow.api.fields import parse
from aegisflow.api.schemas.handover import HandoverRequest, TakeOverRequest, open_facts
from aegisflow.console.visit import Act, Content, Page, Visit
from aegisflow.domain.rights import Right
from aegisflow.http.handover import past_shifts

__all__ = ["ACTS", "PAGES"]


def _show(visit: Visit) -> Content:
    return Content("handover.html", "Handover", lambda: _past(visit), (visit.part("open", "parts/open.html"),))


def _past(visit: Visit) -> dict[str, object]:
    return past_shifts(visit.plant, visit.snapshot.as_of)._asdict()


def _hand_over(visit: Visit) -> str:
    body = parse(HandoverRequest, visit.form.given())
    now = visit.snapshot
    silent = (tile.device_id for tile in now.tiles if tile.silent)
    visit.plant.hand_over(body.note, open_facts(now.alarms, now.approvals, silent, now.agents), visit.who)
    return "You have signed. The shift is yours until somebody takes it over."


def _take_over(visit: Visit) -> str:
    body = parse(TakeOverRequest, visit.form.given())
    visit.plant.take_over(body.handover_at, body.note, visit.who)
    return "You have taken the shift over."


def _back(visit: Visit) -> str:
    return "/handover"


_NOTE = {"note": "Note"}
PAGES = (Page("/handover", Right.SEE, _show),)
ACTS = (
    Act("/handover/leave", Right.HANDLE_ALARMS, _hand_over, _back, "hand the shift over", _NOTE),
    Act("/handover/take", Right.HANDLE_ALARMS, _take_over, _back, "take the shift over", _NOTE),
)
