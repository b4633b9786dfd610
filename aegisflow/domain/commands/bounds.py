"""How far a command may move a set-point or the load, and the command that leads back to what was before.

``limits`` say where a value may lie, the bounds say how far it may be moved: at once, against what the readings
show now, and away from anything that it was within the hour. They belong to the machine and hold for everybody. To
come back is never too far, for within the hour it was there. Nothing here bounds a stop or what brings the whole
load back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from statistics import pstdev

from aegisflow.domain.commands.model import Command, CommandName, DeviceView, Movement, WayBack
from aegisflow.domain.commands.validation import check_proposal
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.errors import BadValueError

__all__ = ["HOUR_S", "LOAD", "Bound", "beyond", "bounds_of", "change_of", "way_back"]

HOUR_S = 3600.0
LOAD = "load"
"""What ``reduce_load`` moves, in per cent of full load that are taken away."""
_NOISE = 3.0
"""Standard errors that the mean of the newest readings may be off."""
_SLACK = 0.1
"""The most of a bound that noise may add to it, so that no machine widens its own by unrest."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How far one set-point, or the load, may be moved; None for no bound."""

    unit: str
    sensor: str = ""
    """What shows it; empty for the load, which the mode tells, and for a set-point that nothing shows."""
    is_cap: bool = False
    """Whether the sensor only stays below it, and so does not show what it is set to."""
    max_change: float | None = None
    max_change_per_hour: float | None = None


def bounds_of(spec: DeviceSpec) -> dict[str, Bound]:
    """Return what can be moved on a device, the load included, to how far."""
    load = (
        Bound("%") if spec.load is None else Bound("%", "", False, spec.load.max_change, spec.load.max_change_per_hour)
    )
    return {LOAD: load} | {
        name: Bound(one.unit, one.sensor, one.is_cap, one.max_change, one.max_change_per_hour)
        for name, one in spec.parameters.items()
    }


def change_of(command: Command, device: DeviceView, bounds: Mapping[str, Bound]) -> Movement | None:
    """Return what a command would move, from what it is now; None for one that moves neither load nor set-point."""
    if command.command is CommandName.REDUCE_LOAD:
        return Movement(LOAD, "%", device.reduction_pct, command.reduction_pct)
    name = str(command.parameters.get("name", ""))
    if command.command is not CommandName.SET_PARAMETER or name not in bounds:
        return None
    return Movement(
        name, bounds[name].unit, _shown(bounds[name], device), float(command.parameters["value"]), bounds[name].sensor
    )


def _shown(bound: Bound, device: DeviceView) -> float | None:
    """Return what readings show now; None where there is no sensor, or none of its values is of now."""
    if not bound.sensor or device.silent or bound.sensor in device.stale:
        return None
    return device.means.get(bound.sensor)


def beyond(
    command: Command, device: DeviceView, bounds: Mapping[str, Bound], held: Mapping[str, tuple[float, ...]]
) -> Iterator[str]:
    """Yield why a command moves something too far, as sentences; nothing where it does not.

    Args:
        command: the proposal, or what is about to be published.
        device: the device as it is now.
        bounds: of this device; see ``bounds_of``.
        held: set-point, or load, to what it was before each command of the last hour that moved it.
    """
    change = change_of(command, device, bounds)
    bound = None if change is None else bounds.get(change.what)
    if change is None or bound is None:
        return
    at_once, in_an_hour = bound.max_change, bound.max_change_per_hour
    if at_once is None and in_an_hour is None:
        return
    if change.before is None:
        yield f"{bound.sensor or change.what} has no value of now, so nobody knows how far {change.what} would move"
        return
    noise = _noise(device.recent.get(bound.sensor, ()))
    step = abs(change.after - change.before)
    if at_once is not None and step > at_once + _slack(noise, at_once):
        yield f"{change} is a change of {step:.4g} {bound.unit} at once, and {at_once:g} is the limit"
    if in_an_hour is not None:
        was = max((*held.get(change.what, ()), change.before), key=lambda value: abs(change.after - value))
        far = abs(change.after - was)
        if far > in_an_hour + _slack(noise, in_an_hour):
            yield (
                f"{change.what} was {was:.4g} {bound.unit} within the last hour, {change.after:.4g} is "
                f"{far:.4g} from that, and {in_an_hour:g} in an hour is the limit"
            )


def _noise(values: tuple[float, ...]) -> float:
    return _NOISE * pstdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def _slack(noise: float, limit: float) -> float:
    return min(noise, _SLACK * limit) + 1e-9


def way_back(command: Command, device: DeviceView, spec: DeviceSpec, last_set: float | None) -> WayBack:
    """Return the command that leads back to what a device is before a command, or why there is none.

    Args:
        command: about to be dispatched.
        device: the device as it is before.
        spec: the device as configured.
        last_set: what the set-point that it changes was last verified to be set to; None where nobody knows.
    """
    return replace(_inverse(command, device, spec, last_set), mode=device.mode)


def _inverse(command: Command, device: DeviceView, spec: DeviceSpec, last_set: float | None) -> WayBack:
    reduction, running = device.reduction_pct, device.mode.is_running
    reduced = f"leads to full load, and {reduction:g} % was taken away before" if reduction else ""
    match command.command:
        case CommandName.SET_PARAMETER:
            return _set_back(command, device, spec, last_set)
        case CommandName.REDUCE_LOAD:
            return WayBack(CommandName.RESTORE_LOAD, {}, reduced)
        case CommandName.RESTORE_LOAD:
            # Checked as any proposal is, for a machine may have been in another reduction than can be ordered.
            return _checked(CommandName.REDUCE_LOAD, {"reduction_pct": reduction}, spec)
        case CommandName.ENABLE_MAINTENANCE_MODE:
            return WayBack(CommandName.END_MAINTENANCE, {}, reduced)
        case CommandName.END_MAINTENANCE:
            return WayBack(CommandName.ENABLE_MAINTENANCE_MODE)
        case CommandName.EMERGENCY_SHUTDOWN if running:
            return WayBack(CommandName.RESTART, {}, reduced)
    return WayBack(None, {}, f"it was in {device.mode} before, and no command leads back there")


def _set_back(command: Command, device: DeviceView, spec: DeviceSpec, last_set: float | None) -> WayBack:
    name = str(command.parameters["name"])
    bound = bounds_of(spec)[name]
    shown = None if bound.is_cap else _shown(bound, device)
    value = last_set if shown is None else float(f"{shown:.4g}")
    if (
        last_set is not None
        and shown is not None
        and abs(last_set - shown) <= _NOISE * device.spreads.get(bound.sensor, 0.0)
    ):
        value = last_set  # what was set is exact; the readings around it are not
    if value is None:
        return WayBack(None, {}, f"what {name} was before is not known")
    return _checked(CommandName.SET_PARAMETER, {"name": name, "value": value}, spec)


def _checked(command: CommandName, parameters: dict[str, str | float], spec: DeviceSpec) -> WayBack:
    try:
        return WayBack(command, check_proposal(command, parameters, spec))
    except BadValueError as error:
        return WayBack(None, {}, f"what it was before cannot be ordered: {error}")
