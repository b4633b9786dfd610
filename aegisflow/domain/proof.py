"""What the readings must show when a command has worked.

Power follows load, not in proportion (an idle machine still takes some), so a reduction by r % counts
as seen when the mean power has fallen by half of that share; noise of a healthy machine does not do it.
"""

from aegisflow.domain.commands import Command, CommandName, DeviceView, Expectation
from aegisflow.domain.equipment import DeviceSpec

__all__ = ["expect"]

_SHARE = 0.5
"""Of a change of load that must be seen in the power."""
_IDLE = 0.15
"""Share of the normal power below which a machine has stopped."""
_WITHIN_S = {
    CommandName.REDUCE_LOAD: 120.0,
    CommandName.RESTORE_LOAD: 180.0,
    CommandName.SET_PARAMETER: 120.0,
    CommandName.ENABLE_MAINTENANCE_MODE: 900.0,
    CommandName.EMERGENCY_SHUTDOWN: 60.0,
    CommandName.RESTART: 300.0,
    CommandName.END_MAINTENANCE: 300.0,
}
"""Seconds from the dispatch: a reduction ramps within half a minute, a planned stop takes ten."""


def expect(command: Command, device: DeviceView, spec: DeviceSpec) -> Expectation | None:
    """Return what the command must bring about; None when no sensor of the device can show it."""
    within_s = _WITHIN_S[command.command]
    if command.command is CommandName.SET_PARAMETER:
        return _setpoint(command, spec, within_s)
    if spec.load is None:
        return None
    sensor = spec.load.sensor
    normal = spec.sensors[sensor].normal.low
    mean = device.means.get(sensor)
    if command.command in (CommandName.EMERGENCY_SHUTDOWN, CommandName.ENABLE_MAINTENANCE_MODE):
        full = normal if normal is not None else mean
        return None if full is None else Expectation(sensor, None, _IDLE * abs(full), within_s)
    if command.command is CommandName.REDUCE_LOAD:
        if mean is None:
            return None
        left = 100.0 - device.reduction_pct
        share = (command.reduction_pct - device.reduction_pct) / left
        return Expectation(sensor, None, mean * (1 - _SHARE * share), within_s)
    if normal is not None:
        return Expectation(sensor, normal * (1 - _SHARE / 2), None, within_s)
    if command.command is CommandName.RESTORE_LOAD and mean is not None:
        share = device.reduction_pct / (100.0 - device.reduction_pct)
        return Expectation(sensor, mean * (1 + _SHARE * share), None, within_s)
    return None


def _setpoint(command: Command, spec: DeviceSpec, within_s: float) -> Expectation | None:
    parameter = spec.parameters.get(str(command.parameters["name"]))
    if parameter is None or parameter.sensor not in spec.sensors:
        return None
    value = float(command.parameters["value"])
    slack = spec.sensors[parameter.sensor].deadband or abs(value) * 0.05
    low = None if parameter.is_cap else value - slack
    return Expectation(parameter.sensor, low, value + slack, within_s)
