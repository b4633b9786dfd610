"""The way back from a verified command: offered, with what has changed since, and proposed by a person alone."""

from aegisflow.api import endpoints as ends
from aegisflow.api.fields import parse
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Nothing
from aegisflow.console.machines import what_became
from aegisflow.console.visit import Act, Content, Page, Visit, link
from aegisflow.errors import BadValueError
from aegisflow.http.commands import CommandRoutes

__all__ = ["ACTS", "PAGES"]

PATH = "/commands/{id}/way-back"


def _show(visit: Visit) -> Content:
    offer = CommandRoutes(lambda: visit.plant).way_back(ById(id=visit.named["id"]), Nothing(), visit.who)
    title = f"The way back from {offer.of.command.replace('_', ' ')} of {offer.of.device_id}"
    return Content("way_back.html", title, lambda: {"offer": offer})


def _go(visit: Visit) -> str:
    command_id = visit.named["id"]
    device_id = visit.plant.command(command_id).value.command.device_id
    if visit.form.text("name") != device_id:
        raise BadValueError("name", visit.form.text("name"), f"the name of the machine, {device_id}")
    body = parse(ends.GO_BACK.body, visit.form.given())
    done = CommandRoutes(lambda: visit.plant).go_back(ById(id=command_id), body, visit.who)
    return what_became(done)


def _back(visit: Visit) -> str:
    return link("machines", visit.plant.command(visit.named["id"]).value.command.device_id)


PAGES = (Page(PATH, ends.SHOW_WAY_BACK.right, _show),)
ACTS = (
    Act(
        PATH,
        ends.GO_BACK.right,
        _go,
        _back,
        "propose the way back from a command",
        {"reason": "Reason", "name": "Name of the machine"},
    ),
)
