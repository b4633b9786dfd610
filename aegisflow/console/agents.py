"""Agents and people: who they are, what they may, what they proposed and what became of it, and their tokens."""

import secrets

from aegisflow.api import endpoints as ends
from aegisflow.api.fields import parse
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.commands import CommandSummary
from aegisflow.api.schemas.tokens import ByName
from aegisflow.console.visit import Act, Content, Page, Visit
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.credentials import token_hash
from aegisflow.domain.rights import TOOLS, Right
from aegisflow.http.tokens import TokenRoutes

__all__ = ["ACTS", "PAGES"]

PROPOSALS = 100
"""So many are listed; older ones are in the journal."""


def _show(visit: Visit) -> Content:
    return Content("agents.html", "Agents", lambda: _known(visit))


def _known(visit: Visit) -> dict[str, object]:
    routes = TokenRoutes(lambda: visit.plant)
    # Of agents alone, or those of a busy shift would take all the room.
    found = visit.plant.commands(None, PROPOSALS + 1, of=CallerKind.AGENT).value.commands
    return {
        "agents": routes.agents(Nothing(), Nothing(), visit.who).agents,
        "people": routes.operators(Nothing(), Nothing(), visit.who).operators,
        "proposed": [CommandSummary.of(one) for one in found[:PROPOSALS]],
        "has_older": len(found) > PROPOSALS,
        "tools": TOOLS,
    }


def _add(visit: Visit) -> str:
    given = visit.form.given()
    token = secrets.token_urlsafe(32)
    quotas = {name: _number(given.get(name)) for name in ("calls_per_min", "proposals_per_hour")}
    asked = {
        "name": given.get("name"),
        "token_sha256": token_hash(token),
        "tools": list(visit.form.all("tools")),
        "read_only": given.get("read_only") == "yes",
        **quotas,
        **({"expires_at": f"{given['expires_at']}T00:00:00Z"} if given.get("expires_at") else {}),
    }
    made = TokenRoutes(lambda: visit.plant).add(Nothing(), parse(ends.ADD_AGENT_TOKEN.body, asked), visit.who)
    return f"The token of {made.name}, shown this once and kept nowhere: {token}"


def _number(text: str | None) -> object:
    """Return a number for the request to judge; what is none goes on as it is, and is refused there in words."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else text


def _revoke(visit: Visit) -> str:
    body = parse(ends.REVOKE_AGENT_TOKEN.body, visit.form.given())
    ended = TokenRoutes(lambda: visit.plant).revoke(ByName(name=visit.named["name"]), body, visit.who)
    return f"The token of {ended.name} opens nothing any more."


def _revoke_person(visit: Visit) -> str:
    body = parse(ends.REVOKE_OPERATOR.body, visit.form.given())
    ended = TokenRoutes(lambda: visit.plant).revoke_operator(ByName(name=visit.named["name"]), body, visit.who)
    return f"The token of {ended.name} opens nothing any more; their lines in plant.yaml can go."


def _back(visit: Visit) -> str:
    return "/agents"


_REASON = {"reason": "Reason"}
PAGES = (Page("/agents", Right.SEE, _show),)
ACTS = (
    Act("/agents", ends.ADD_AGENT_TOKEN.right, _add, _back, "make a token of an agent", {"name": "Name of the agent"}),
    Act("/agents/{name}/revoke", ends.REVOKE_AGENT_TOKEN.right, _revoke, _back, "end the token of an agent", _REASON),
    Act(
        "/people/{name}/revoke", ends.REVOKE_OPERATOR.right, _revoke_person, _back, "end the token of a person", _REASON
    ),
)
