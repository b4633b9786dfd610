"""The way back from a verified command, with what has changed since: for people, who decide whether they go it."""

from collections.abc import Iterator

from aegisflow.domain.commands.model import MOVES, CommandReceipt, Offer, Stage, WayBack
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import DeviceStatus
from aegisflow.plant.protocol import Plant

__all__ = ["offer_way_back"]

_LOOKED_AT = 50
"""Commands of the device that are looked through for those that came after."""
_NEVER_WENT = (Stage.DENIED, Stage.REJECTED, Stage.EXPIRED, Stage.PROPOSED)
"""Stages of commands that never went to the machine."""


def offer_way_back(plant: Plant, command_id: str) -> Offer:
    """Return the inverse of a command and what has changed since; it is not judged, for proposing it does that.

    Raises:
        UnknownNameError: there is no such command, or the plant has its device no more.
    """
    receipt = plant.command(command_id).value
    found = receipt.way_back or WayBack(None, {}, "it was never sent, or by a version that kept no way back")
    if receipt.stage is not Stage.VERIFIED:
        found = WayBack(None, {}, f"it is {receipt.stage}, and only from what is verified is a way back known")
    device_id = receipt.command.device_id
    status = plant.device_status(device_id)
    later = plant.commands(device_id, _LOOKED_AT).value.commands
    since = (*_since(receipt, found, status.value), *_commands_since(receipt, later))
    return Offer(receipt, found, since, status.as_of)


def _since(receipt: CommandReceipt, found: WayBack, status: DeviceStatus) -> Iterator[str]:
    if status.silent:
        yield "the device is silent, and what is told of it is of before"
    wanted = None if found.mode is None else MOVES[receipt.command.command].get(found.mode)
    if wanted is not None and status.mode is not wanted:
        yield f"the command led to the mode {wanted}, and the mode is {status.mode} now"
    change = receipt.change
    for sensor in status.sensors:
        if change is not None and sensor.spec.name == change.sensor and sensor.value is not None:
            yield f"{change} was the change; {sensor.spec.name} shows {sensor.value:.4g} {sensor.spec.unit} now"
    for alarm in status.alarms:
        if receipt.stage_at is not None and alarm.raised_at > receipt.stage_at:
            yield f"since {format_instant(alarm.raised_at)} there is a {alarm.severity} alarm, {alarm.fault_type}"


def _commands_since(receipt: CommandReceipt, later: tuple[CommandReceipt, ...]) -> Iterator[str]:
    """Yield the commands that went to the device after this one, the oldest first."""
    for other in reversed(later):
        command = other.command
        if command.proposed_at <= receipt.command.proposed_at or command.command_id == receipt.command.command_id:
            continue
        if other.stage in _NEVER_WENT:
            continue
        values = ", ".join(f"{name} {value}" for name, value in command.parameters.items())
        told = f" ({values})" if values else ""
        yield f"{command.command_id} followed it: {command.command}{told}, {str(other.stage).replace('_', ' ')}"
