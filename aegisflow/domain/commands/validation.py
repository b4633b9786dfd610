"""Whether a proposed command makes sense for its device at all, before policy is asked whether it is allowed."""

import math
from collections.abc import Mapping

from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.equipment import DeviceSpec, Limits
from aegisflow.errors import BadValueError, UnknownNameError

__all__ = ["REDUCTION_PCT", "check_proposal"]

REDUCTION_PCT = Limits(20.0, 80.0)
"""The bounds of ``reduction_pct``, in per cent of full load."""

_PARAMETERS: Mapping[CommandName, tuple[str, ...]] = {
    CommandName.REDUCE_LOAD: ("reduction_pct",),
    CommandName.SET_PARAMETER: ("name", "value"),
    CommandName.ENABLE_MAINTENANCE_MODE: (),
    CommandName.EMERGENCY_SHUTDOWN: (),
    CommandName.RESTART: (),
    CommandName.RESTORE_LOAD: (),
    CommandName.END_MAINTENANCE: (),
}


def check_proposal(
    command: CommandName, parameters: Mapping[str, str | float], device: DeviceSpec
) -> dict[str, str | float]:
    """Return the parameters of a proposed command, with numbers as floats.

    Raises:
        UnknownNameError: the device has no such setpoint.
        BadValueError: a parameter is missing, unexpected, not a number, or out of bounds.
    """
    expected = _PARAMETERS[command]
    for name in parameters:
        if name not in expected:
            known = f"only {' and '.join(expected)}" if expected else "no parameters"
            raise BadValueError(f"parameters.{name}", parameters[name], f"{known} for {command.value}")
    for name in expected:
        if name not in parameters:
            raise BadValueError(f"parameters.{name}", None, f"a value, which {command.value} needs")
    if command is CommandName.REDUCE_LOAD:
        return {"reduction_pct": _number("reduction_pct", parameters["reduction_pct"], REDUCTION_PCT, "%")}
    if command is CommandName.SET_PARAMETER:
        name = str(parameters["name"])
        setpoint = device.parameters.get(name)
        if setpoint is None:
            raise UnknownNameError(f"parameter of {device.device_id}", name, tuple(device.parameters))
        return {"name": name, "value": _number("value", parameters["value"], setpoint.limits, setpoint.unit)}
    return {}


def _number(name: str, value: str | float, limits: Limits, unit: str) -> float:
    low = -math.inf if limits.low is None else limits.low
    high = math.inf if limits.high is None else limits.high
    expected = f"a number from {low:g} to {high:g} {unit}"
    # float() would take true for 1.
    if isinstance(value, bool):
        raise BadValueError(f"parameters.{name}", value, expected)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high or not math.isfinite(number):
        raise BadValueError(f"parameters.{name}", value, expected)
    return number
