"""One machine: how it is, what it has shown, its alarms and commands, and its mode by somebody's word."""

from aegisflow.api import endpoints as ends
from aegisflow.api.fields import parse
from aegisflow.api.next_steps import on_the_page
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.commands import CommandRequest, CommandSummary
from aegisflow.api.schemas.devices import DeviceSummary
from aegisflow.console.alarm import SPANS, asked_span, trend_address
from aegisflow.console.overview import row_item
from aegisflow.console.render import render
from aegisflow.console.visit import Act, Content, Download, Item, LivePart, Page, Visit, link
from aegisflow.domain.commands.model import CommandName, Mode, Stage
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.learning import LearningAct, LearningStage
from aegisflow.domain.rights import Right
from aegisflow.errors import AegisFlowError, BadValueError, UnknownNameError
from aegisflow.http.commands import CommandRoutes
from aegisflow.http.learning import LearningRoutes
from aegisflow.http.plant import PlantRoutes

__all__ = ["ACTS", "LIFE", "PAGES", "what_became"]

MOST_COMMANDS = 30
LIFE = (Stage.PROPOSED, Stage.AWAITING_APPROVAL, Stage.APPROVED, Stage.DISPATCHED, Stage.ACKNOWLEDGED, Stage.VERIFIED)
"""The life of a command that goes well."""


def _device(visit: Visit) -> DeviceSpec:
    device_id, devices = visit.named["id"], visit.snapshot.plant.devices
    if device_id not in devices:
        raise UnknownNameError("device", device_id, tuple(devices))
    return devices[device_id]


def _show(visit: Visit) -> Content:
    spec, now = _device(visit), visit.snapshot
    status = now.statuses.get(spec.device_id)
    summary = DeviceSummary.of(status) if status else None
    last = asked_span(visit)
    rows = [row for row in now.rows if row.device_id == spec.device_id]
    alarms = [row_item(row, "brief") for row in rows]
    if not rows:
        none = {"item_id": "machine-none", "what": "This machine has no alarm."}
        alarms = [Item("machine-none", render("parts/none.html", none))]
    commands, missing = list[CommandSummary](), ""
    try:
        commands = visit.commands(spec.device_id, MOST_COMMANDS)
    except AegisFlowError as error:
        missing = str(error)
    context = {
        "device": spec,
        "last": last,
        "spans": SPANS,
        "trend": trend_address(spec.device_id, last),
        "modes": [mode for mode in Mode if mode is not Mode.UNKNOWN],
        "command_names": list(CommandName),
        "summary": summary,
    }
    period = summary.learning if summary else None
    waiting = period is not None and period.stage is LearningStage.WAITING
    shown = {"commands": commands, "missing": missing, "life": LIFE, "names_machine": False}
    parts = (
        visit.part("machine-now", "parts/machine_now.html", device=spec, summary=summary),
        LivePart("machine-alarms", tuple(alarms)),
        visit.part("machine-learning", "parts/machine_learning.html", device=spec, period=period, waiting=waiting),
        visit.part("machine-commands", "parts/commands.html", **shown),
    )
    return Content("machine.html", spec.device_id, lambda: context, parts)


def _trend(visit: Visit) -> Download:
    """Return what sensors have shown over the last hours as JSON."""
    wanted = parse(ends.SHOW_TREND.which, {**visit.query, "id": visit.named["id"]})
    trend = PlantRoutes(lambda: visit.plant).trend(wanted, ends.SHOW_TREND.body(), visit.who)
    return Download(trend.model_dump_json(), "application/json")


def _state_mode(visit: Visit) -> str:
    body = parse(ends.STATE_MODE.body, visit.form.given())
    stated = CommandRoutes(lambda: visit.plant).state_mode(ById(id=visit.named["id"]), body, visit.who)
    return f"{stated.device_id} counts as {stated.mode.replace('_', ' ')} by your word. Nothing was sent to it."


def _learn(visit: Visit) -> str:
    body = parse(ends.LEARN_DEVICE.body, visit.form.given())
    told = LearningRoutes(lambda: visit.plant).decide(ById(id=visit.named["id"]), body, visit.who).learning
    if body.act is LearningAct.DISCARD:
        return f"What was learned of {visit.named['id']} is thrown away: what was normal before is again."
    return "".join(f"{one.device_id}: {one.text}." for one in told)


def _command(visit: Visit) -> str:
    given = visit.form.given()
    device_id = visit.named["id"]
    if visit.form.text("name") != device_id:
        raise BadValueError("name", visit.form.text("name"), f"the machine's name, {device_id}, as you would write it")
    parameter, value = given.get("parameter", ""), given.get("value", "")
    parameters: dict[str, str | float] = {}
    if parameter:
        try:
            parameters[parameter] = float(value)
        except ValueError as error:
            raise BadValueError("value", value, "a number") from error
    body = parse(
        CommandRequest,
        {
            "device_id": device_id,
            "command": given.get("command"),
            "parameters": parameters,
            "justification": given.get("justification"),
        },
    )
    done = CommandRoutes(lambda: visit.plant).give(ends.GIVE_COMMAND.which(), body, visit.who)
    return what_became(done)


def what_became(done: CommandSummary) -> str:
    """Return what became of a command that somebody has just approved or given, in a line for them."""
    command, stage = done.command.replace("_", " "), done.stage.replace("_", " ")
    return f"{command} for {done.device_id}: {stage}. {on_the_page(done.stage, done.next_step)}"


def _back(visit: Visit) -> str:
    return link("machines", visit.named["id"])


PAGES = (Page("/machines/{id}", Right.SEE, _show), Page("/machines/{id}/trend", Right.SEE, _trend))
ACTS = (
    Act(
        "/machines/{id}/mode",
        ends.STATE_MODE.right,
        _state_mode,
        _back,
        "state the mode of a machine",
        {"mode": "Mode", "reduction_pct": "Per cent of the load that is gone", "reason": "How you know"},
    ),
    Act(
        "/machines/{id}/learning",
        ends.LEARN_DEVICE.right,
        _learn,
        _back,
        "say what is normal of a machine",
        {"until": "Healthy until, or for", "reason": "Why"},
    ),
    Act(
        "/machines/{id}/command",
        ends.GIVE_COMMAND.right,
        _command,
        _back,
        "give a machine a command",
        {"justification": "Why", "name": "Name of the machine", "value": "Value"},
    ),
)
