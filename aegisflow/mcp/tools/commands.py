"""The one tool that proposes to act on a machine."""

from typing import Annotated, Literal

from pydantic import Field

from aegisflow.api.schemas.commands import CommandSummary
from aegisflow.api.text import clean
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.times import format_instant
from aegisflow.domain.tracing import TraceParent
from aegisflow.errors import BadValueError
from aegisflow.mcp.gate import caller
from aegisflow.mcp.presenters import command_answer
from aegisflow.mcp.schemas import CommandAnswer
from aegisflow.mcp.tools.arguments import DeviceId
from aegisflow.plant.protocol import PlantSource
from aegisflow.telemetry.current import note_span

CommandChoice = Literal["reduce_load", "set_parameter", "enable_maintenance_mode", "emergency_shutdown", "restart"]
ReductionPct = Literal["20", "25", "30", "35", "40", "45", "50", "55", "60", "65", "70", "75", "80"]


class CommandTools:
    """Answers ``execute_device_command``."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def execute_device_command(
        self,
        device_id: DeviceId,
        command: CommandChoice,
        justification: Annotated[
            str,
            Field(min_length=20, max_length=1_000, description="evidence, likely cause, manual section"),
        ],
        reduction_pct: Annotated[ReductionPct | None, Field(description="reduce_load only")] = None,
        parameter: Annotated[str | None, Field(max_length=100, description="set_parameter only; a name")] = None,
        value: Annotated[float | None, Field(allow_inf_nan=False, description="set_parameter only")] = None,
    ) -> CommandAnswer:
        """Propose a command to a machine. It is checked, and mostly put before an operator or denied.

        Read query_device_manual first, rule out sensor_drift, and take the mildest command that
        suffices: reduce_load up to 30 %, then more, then the others. restart belongs to
        people. Never report it as done unless 'stage' is verified.
        Next: follow next_step; never repeat a command that awaits approval.
        """
        parameters = _parameters(command, reduction_pct, parameter, value)
        plant = self._plant()
        receipt = plant.request_command(
            device_id, CommandName(command), parameters, caller(), clean(justification, 4_000)
        )
        place = TraceParent.parse(receipt.command.traceparent)
        note_span({"aegisflow.command.id": receipt.command.command_id}, place)
        return command_answer(CommandSummary.of(receipt), format_instant(plant.now()))


def _parameters(
    command: CommandChoice, reduction_pct: ReductionPct | None, parameter: str | None, value: float | None
) -> dict[str, str | float]:
    """Return the parameters of a command; refuse one that is missing and one that means nothing to it."""
    if command != "reduce_load" and reduction_pct is not None:
        raise BadValueError("reduction_pct", reduction_pct, f"no such argument with {command}")
    if command != "set_parameter" and (parameter is not None or value is not None):
        raise BadValueError("parameter", parameter or value, f"no parameter and no value with {command}")
    if command == "reduce_load":
        if reduction_pct is None:
            raise BadValueError("reduction_pct", None, "how much to reduce the load: 20, 25, 30, ... or 80")
        return {"reduction_pct": float(reduction_pct)}
    if command == "set_parameter":
        if parameter is None or value is None:
            raise BadValueError("parameter", parameter, "both parameter and value; get_device_status names them")
        return {"name": parameter, "value": value}
    return {}
