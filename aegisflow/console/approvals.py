"""Commands that wait for a person: facts as of now, what policy says, the proposer's words last."""

import re
from collections.abc import Sequence

from aegisflow.api import endpoints as ends
from aegisflow.api.fields import parse
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import moment
from aegisflow.api.schemas.commands import Approval, CommandSummary
from aegisflow.console.machines import LIFE, what_became
from aegisflow.console.render import element_id, render
from aegisflow.console.visit import Act, Content, Item, LivePart, OverError, Page, Visit
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.rights import Right
from aegisflow.domain.times import parse_instant
from aegisflow.errors import AegisFlowError, BadValueError
from aegisflow.http.commands import CommandRoutes

__all__ = ["ACTS", "PAGES"]

MOST_DECIDED = 20
STAYS_S = 900.0
"""So long a card tells in its place what became of it: whoever was reading it must not find it gone."""


def _show(visit: Visit) -> Content:
    now = visit.snapshot
    items = []
    for one in now.approvals:
        name = element_id("card", one.command_id)
        new, gone = _differing(one.facts_now, one.facts), _differing(_alarms(one.facts), one.facts_now)
        warnings = _warnings(visit, one, changed=bool(new or gone))
        context = {**visit.context(), "item_id": name, "one": one, "new": new, "gone": gone, "warnings": warnings}
        items.append(Item(name, render("parts/approval.html", context)))
    decided, missing = list[CommandSummary](), ""
    try:
        waiting = {one.command_id for one in now.approvals}
        decided = [one for one in visit.commands(None, MOST_DECIDED) if one.command_id not in waiting]
    except AegisFlowError as error:
        missing = str(error)
    for over in decided:
        if over.ruling is not None and now.as_of - parse_instant(over.ruling.at) < STAYS_S:
            name = element_id("card", over.command_id)
            items.append(Item(name, render("parts/decided.html", {"item_id": name, "one": over})))
    if not now.approvals:
        none = {"item_id": "card-none", "what": "No command waits for a decision."}
        items.insert(0, Item("card-none", render("parts/none.html", none)))
    listed = {"commands": decided, "missing": missing, "life": LIFE, "names_machine": True}
    parts = (
        LivePart("cards", tuple(items)),
        visit.part("agents", "parts/agents_switch.html"),
        visit.part("decided", "parts/commands.html", **listed),
    )
    return Content("approvals.html", "Approvals", parts=parts)


_READING = re.compile(r"^(\S+) [-+.\de]+(?= )")
"""What a sensor shows, in a fact about it: that readings move is no news, and is told by the figures."""


def _alarms(facts: Sequence[str]) -> list[str]:
    return [fact for fact in facts if fact.startswith(tuple(f"{severity} alarm " for severity in Severity))]


def _differing(facts: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return the facts that say something else than ``others`` do: mode, load, alarms, quality, limits."""
    known = {_READING.sub(r"\1", fact) for fact in others}
    return [fact for fact in facts if _READING.sub(r"\1", fact) not in known] if others else []


def _warnings(visit: Visit, one: Approval, *, changed: bool) -> list[str]:
    """Return what whoever decides should know beside the facts."""
    found = []
    if not one.facts_now:
        found.append("The machine's part of AegisFlow does not answer: nothing is known of it now.")
    elif changed:
        found.append("The machine has changed since the command was proposed.")
    if one.device_id not in visit.snapshot.plant.devices:
        found.append("The plant does not have this machine any more.")
    away = visit.snapshot.broker_away_since
    if away is not None:
        found.append(f"The broker is away since {moment(away)}: values are of before.")
    return found


def _approve(visit: Visit) -> str:
    command_id = visit.named["id"]
    device_id = _device_of(visit, command_id)
    if visit.form.text("name") != device_id:
        raise BadValueError("name", visit.form.text("name"), f"the name of the machine, {device_id}")
    body = parse(ends.APPROVE.body, visit.form.given())
    done = CommandRoutes(lambda: visit.plant).approve(ById(id=command_id), body, visit.who)
    return what_became(done)


def _device_of(visit: Visit, command_id: str) -> str:
    waiting = {one.command_id: one.device_id for one in visit.snapshot.approvals}
    if command_id not in waiting:
        known = CommandSummary.of(visit.plant.command(command_id).value)
        how = f"{known.ruling.words} (at {known.ruling.at})" if known.ruling else "; ".join(known.policy)
        what = f"{known.command.replace('_', ' ')} for {known.device_id} does not wait any more: {how}"
        stage = known.stage.replace("_", " ")
        raise OverError(f"{what}. {'' if stage in how else f'It is {stage} now. '}Nothing has been done.")
    return waiting[command_id]


def _reject(visit: Visit) -> str:
    _device_of(visit, visit.named["id"])
    body = parse(ends.REJECT.body, visit.form.given())
    done = CommandRoutes(lambda: visit.plant).reject(ById(id=visit.named["id"]), body, visit.who)
    return f"{done.command.replace('_', ' ')} for {done.device_id} is rejected; nothing was sent."


def _back(visit: Visit) -> str:
    return "/approvals"


PAGES = (Page("/approvals", Right.SEE, _show),)
ACTS = (
    Act(
        "/approvals/{id}/approve",
        ends.APPROVE.right,
        _approve,
        _back,
        "approve a command",
        {"name": "Name of the machine"},
    ),
    Act("/approvals/{id}/reject", ends.REJECT.right, _reject, _back, "reject a command", {"reason": "Reason"}),
)
