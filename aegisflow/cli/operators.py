"""The operators' commands: names and options; what they do is in ``commands``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from aegisflow.errors import BadValueError

__all__ = ["register"]

PlantPath = Annotated[Path, Parameter(help="plant.yaml")]
ServeUrl = Annotated[str | None, Parameter(help="of the running plant, instead of the file's address")]
CommandId = Annotated[str, Parameter(help="such as cmd-0123456789ab; approvals lists them")]
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
DEFAULT_PLANT = Path("config/plant.yaml")


def register(app: App) -> None:
    """Add the commands; each asks a running plant with the token in AEGISFLOW_OPERATOR_TOKEN."""
    for command in (approvals, approve, reject, command_, acknowledge):
        app.command(command, name=command.__name__.rstrip("_"))
    agents = App(name="agents", help="Whether agents may propose commands: show, stop, resume.")
    agents.default(agents_)
    agents.command(stop)
    agents.command(resume)
    app.command(agents)


def approvals(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """List the commands that wait for an operator: facts first, the proposer's words last."""
    from aegisflow.cli.commands import CommandClient

    return CommandClient(plant, url).approvals()


def approve(
    command_id: CommandId,
    *,
    yes: Annotated[bool, Parameter(negative="", help="do not ask again")] = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Show a command and approve exactly that; it is judged again before it is sent."""
    from aegisflow.cli.commands import CommandClient

    return CommandClient(plant, url).approve(command_id, sure=yes)


def reject(command_id: CommandId, *, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Reject a command that waits."""
    from aegisflow.cli.commands import CommandClient

    return CommandClient(plant, url).reject(command_id, reason)


def command_(
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
    """Give a machine a command as an operator; policy and interlocks hold all the same."""
    from aegisflow.cli.commands import CommandClient

    parameters: dict[str, str | float] = {}
    if reduction_pct is not None:
        parameters["reduction_pct"] = reduction_pct
    if (parameter is None) != (value is None):
        raise BadValueError("--parameter", parameter or value, "both --parameter and --value")
    if parameter is not None and value is not None:
        parameters |= {"name": parameter, "value": value}
    return CommandClient(plant, url).command(device, name, parameters, reason)


def acknowledge(
    alarm_id: Annotated[str, Parameter(help="such as pump-02@20260131T080000")],
    *,
    note: Annotated[str, Parameter(help="what you saw or do")],
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Take note of an alarm; it stays active while its cause lasts."""
    from aegisflow.cli.commands import CommandClient

    return CommandClient(plant, url).acknowledge(alarm_id, note)


def agents_(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Say whether agents may propose commands now, and who decided that."""
    from aegisflow.cli.commands import CommandClient

    return CommandClient(plant, url).agents()


def stop(*, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Stop every command of agents, from now on and over restarts."""
    from aegisflow.cli.commands import CommandClient

    return CommandClient(plant, url).switch(reason, allow=False)


def resume(*, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Allow agents to propose commands again."""
    from aegisflow.cli.commands import CommandClient

    return CommandClient(plant, url).switch(reason, allow=True)
