"""What operators do from the command line: approvals, and commands of their own."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.next_steps import by_command_line
from aegisflow.api.schemas.commands import Approval, CommandSummary, WayBackSummary
from aegisflow.cli.arguments import DEFAULT_PLANT, AsJson, PlantPath, ServeUrl
from aegisflow.cli.client import OperatorClient, print_answer
from aegisflow.domain.commands.model import Stage
from aegisflow.errors import BadValueError, UnknownNameError

__all__ = ["approvals", "approve", "command", "commands", "mode", "reject", "way_back"]

CommandId = Annotated[str, Parameter(help="such as cmd-0123456789ab, as approvals and commands list it")]
Reason = Annotated[str, Parameter(help="why, for the audit")]
Name = Literal[
    "reduce_load",
    "restore_load",
    "set_parameter",
    "enable_maintenance_mode",
    "end_maintenance",
    "emergency_shutdown",
    "restart",
]


def approvals(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Print what waits for an operator; return the exit code."""
    answer = OperatorClient(plant, url).call(ends.LIST_APPROVALS)
    told = ["\n".join(_paragraph(one)) for one in answer.approvals]
    sys.stdout.write(("\n\n".join(told) or "nothing waits for an approval") + "\n")
    return 0


def approve(
    command_id: CommandId,
    *,
    yes: Annotated[bool, Parameter(negative="", help="do not ask again")] = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Show a command, have it confirmed, and approve exactly what was shown; return the exit code."""
    serve = OperatorClient(plant, url)
    waiting = _find(serve, command_id)
    sys.stdout.write("\n".join(_paragraph(waiting)) + "\n\n")
    if not yes:
        sys.stdout.write(f"Type {command_id} again to approve it: ")
        sys.stdout.flush()
        if sys.stdin.readline().strip() != command_id:
            sys.stdout.write("not approved\n")
            return 1
    return _told(serve.call(ends.APPROVE, {"id": command_id}, {"digest": waiting.digest}))


def reject(command_id: CommandId, *, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Reject a command; return the exit code."""
    return _told(OperatorClient(plant, url).call(ends.REJECT, {"id": command_id}, {"reason": reason}))


def command(
    device: str,
    name: Name,
    *,
    reason: Reason,
    reduction_pct: Annotated[float | None, Parameter(help="reduce_load: 20 to 80")] = None,
    parameter: Annotated[str | None, Parameter(help="set_parameter: its name")] = None,
    value: Annotated[float | None, Parameter(help="set_parameter: its value")] = None,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Give a command as an operator; return the exit code, 1 when it will not be done."""
    parameters: dict[str, str | float] = {}
    if reduction_pct is not None:
        parameters["reduction_pct"] = reduction_pct
    if (parameter is None) != (value is None):
        raise BadValueError("--parameter", parameter or value, "both --parameter and --value")
    if parameter is not None and value is not None:
        parameters |= {"name": parameter, "value": value}
    body = {"device_id": device, "command": name, "parameters": parameters, "justification": reason}
    return _told(OperatorClient(plant, url).call(ends.GIVE_COMMAND, body=body))


def way_back(
    command_id: CommandId,
    *,
    reason: Annotated[str | None, Parameter(help="propose it for this reason; left out, it is only shown")] = None,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Show what leads back from a verified command, or propose it; return the exit code, 1 when it will not be done."""
    serve = OperatorClient(plant, url)
    offer = serve.call(ends.SHOW_WAY_BACK, {"id": command_id})
    found = offer.way_back
    told = [*_story(offer.of), *_under(f"since then, {offer.as_of}", offer.since)]
    if found.command is None:
        told.append(f"  no way back: {found.note}")
    sys.stdout.write("\n".join(told) + "\n")
    if found.command is None:
        return 1
    return 0 if reason is None else _told(serve.call(ends.GO_BACK, {"id": command_id}, {"reason": reason}))


def commands(
    *,
    device: Annotated[str | None, Parameter(help="only those of this device")] = None,
    limit: Annotated[int, Parameter(help="how many, the newest first")] = 20,
    as_json: AsJson = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Print how far commands came, the newest first; return the exit code."""
    which: dict[str, object] = {"limit": limit} if device is None else {"limit": limit, "device_id": device}
    answer = OperatorClient(plant, url).call(ends.LIST_COMMANDS, which)
    told = [line for one in answer.commands for line in _story(one)]
    print_answer(answer, told or ["no command was ever proposed"], as_json=as_json)
    return 0


def mode(
    device: str,
    name: Annotated[
        Literal["normal", "reduced_load", "maintenance", "shutdown"], Parameter(help="the mode that it is in")
    ],
    *,
    reason: Annotated[str, Parameter(help="how you know, for the audit")],
    reduction_pct: Annotated[float, Parameter(help="reduced_load: per cent of the load that is gone")] = 0.0,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """State the mode that a machine is in; return the exit code."""
    body: dict[str, object] = {"mode": name, "reason": reason}
    if reduction_pct:
        body["reduction_pct"] = reduction_pct
    told = OperatorClient(plant, url).call(ends.STATE_MODE, {"id": device}, body)
    load = f", {told.reduction_pct:g} % of the load is gone" if told.reduction_pct else ""
    sys.stdout.write(f"{told.device_id}: {told.mode.replace('_', ' ')}{load}, by {told.by} at {told.at}\n")
    return 0


def _find(serve: OperatorClient, command_id: str) -> Approval:
    waiting = serve.call(ends.LIST_APPROVALS).approvals
    for one in waiting:
        if one.command_id == command_id:
            return one
    raise UnknownNameError("command that waits for approval", command_id, [one.command_id for one in waiting])


def _story(command: CommandSummary) -> list[str]:
    """Return a command as lines: how far it came and since when, and why."""
    values = ", ".join(f"{name} {value}" for name, value in command.parameters.items())
    what = f"{command.command}{f' ({values})' if values else ''} on {command.device_id}"
    stage = f"{command.stage.replace('_', ' ')} since {command.stage_at or command.proposed_at}"
    head = f"{command.command_id}: {what} by {command.words_not_facts.of}, {stage}"
    back = [] if command.way_back is None or command.way_back.command is None else [_leads_back(command.way_back)]
    ruling = command.ruling
    ruled = [f"  {ruling.words}, {ruling.at}"] if ruling else []
    reasons = [f"  {reason}" for reason in command.policy if ruling is None or reason not in ruling.words]
    return [head, *ruled, *reasons, *back]


def _leads_back(found: WayBackSummary) -> str:
    values = ", ".join(f"{name} {value}" for name, value in found.parameters.items())
    note = f"; {found.note}" if found.note else ""
    return f"  way back: {found.command}{f' ({values})' if values else ''}{note}"


def _told(command: CommandSummary) -> int:
    """Print how far a command came; return 1 when it will not be done."""
    reasons = [f"  {reason}" for reason in command.policy]
    head = f"{command.command_id}: {command.stage.replace('_', ' ')}"
    next_step = by_command_line(command.stage, command.next_step, command.command_id, command.device_id)
    sys.stdout.write("\n".join([head, *reasons, f"  {next_step}"]) + "\n")
    return 1 if command.stage in (Stage.DENIED, Stage.EXPIRED, Stage.FAILED) else 0


def _paragraph(waiting: Approval) -> list[str]:
    """Return a command as lines: what it is, the facts then and now, the policy, and last the proposer's words."""
    parameters = ", ".join(f"{name} {value}" for name, value in waiting.parameters.items())
    words = waiting.words_not_facts
    given = f", given so far by {', '.join(waiting.approved_by)}" if waiting.approved_by else ""
    what = f"{waiting.command}{f' ({parameters})' if parameters else ''}"
    return [
        f"{waiting.command_id}: {what} on {waiting.device_id}",
        *([f"  changes    {waiting.change}"] if waiting.change else []),
        f"  until      {waiting.expires_at}",
        f"  approvals  {waiting.approvals_needed} needed{given}",
        *_under(f"facts when it was proposed, {waiting.facts_at or waiting.proposed_at}", waiting.facts),
        *_under(f"facts now, {waiting.facts_now_at}", waiting.facts_now),
        *([] if waiting.facts_now_at else ["  facts now: the device does not answer"]),
        *(f"  {'policy' if not number else '':<9}  {reason}" for number, reason in enumerate(waiting.policy)),
        f"  words of the {words.of}, not facts: “{words.text}”",
    ]


def _under(head: str, facts: list[str]) -> list[str]:
    return [f"  {head}:", *(f"    {fact}" for fact in facts)] if facts else []
