"""What an agent can read about the plant: its inventory and its manuals."""

import json
from collections.abc import Callable
from typing import ParamSpec

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError

from aegisflow.api.schemas.commands import CommandSummary
from aegisflow.domain.equipment import DeviceSpec, Limits, PlantSpec, SensorSpec
from aegisflow.domain.times import format_instant
from aegisflow.errors import AegisFlowError, UnknownNameError
from aegisflow.mcp.gate import Gate
from aegisflow.mcp.presenters import broker_away, command_answer
from aegisflow.mcp.subscriptions import ALARMS_URI, COMMAND_URI
from aegisflow.mcp.tools.alarms import AlarmTools
from aegisflow.plant.protocol import PlantSource

P = ParamSpec("P")


def add_resources(server: FastMCP, plant: PlantSource, gate: Gate) -> None:
    """Put the inventory and the manuals on ``server``; whoever may not call the tool that tells it may not read it."""

    def inventory() -> str:
        return _json(_describe_plant(plant().inventory()))

    def device(device_id: str) -> str:
        devices = plant().inventory().devices
        if device_id not in devices:
            raise UnknownNameError("device", device_id, list(devices))
        return _json(_describe_device(devices[device_id]) | _describe_equipment(devices[device_id]))

    def manuals() -> str:
        return _json([{"name": name, "title": title} for name, title in plant().manuals().items()])

    def manual(name: str) -> str:
        return plant().read_manual(name)

    def command(command_id: str) -> str:
        answer = plant().command(command_id)
        told = command_answer(CommandSummary.of(answer.value), format_instant(answer.as_of)).model_dump(mode="json")
        told["untrusted_reasons"] = told.pop("reasons")  # an operator's or the machine's words may be among them
        told["broker_away"] = broker_away(answer)
        return _json({name: value for name, value in told.items() if value is not None})

    def alarms() -> str:
        return AlarmTools(plant).get_active_anomalies().model_dump_json(exclude_none=True)

    def offer(uri: str, tool: str, read: Callable[..., str], title: str, mime_type: str = "application/json") -> None:
        server.resource(uri, name=read.__name__, description=title, mime_type=mime_type)(_guarded(read, gate, tool))

    status, manual_tool = "get_device_status", "query_device_manual"
    offer("aegisflow://plant", status, inventory, "Lines, devices, sensors, units and limits")
    offer("aegisflow://devices/{device_id}", status, device, "One device: sensors, limits, set-points")
    offer(ALARMS_URI, "get_active_anomalies", alarms, "What is wrong now; subscribe to be told when it changes")
    how_far = "How far a command came, and why; subscribe to be told of each stage"
    offer(COMMAND_URI + "{command_id}", status, command, how_far)
    offer("aegisflow://manuals", manual_tool, manuals, "Names and titles of the manuals")
    offer("aegisflow://manuals/{name}", manual_tool, manual, "The text of a manual", "text/markdown")


def _guarded(read: Callable[P, str], gate: Gate, tool: str) -> Callable[P, str]:
    def call(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            gate.check(tool)
            return read(*args, **kwargs)
        except AegisFlowError as error:
            raise ResourceError(str(error)) from error

    call.__wrapped__ = read  # type: ignore[attr-defined]  # the signature; a docstring would load a parser
    call.__annotations__ = read.__annotations__
    return call


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _describe_plant(plant: PlantSpec) -> dict[str, object]:
    """Describe the plant; a kind's equipment stands once, and again only where a device differs from it."""
    kinds: dict[str, dict[str, object]] = {}
    devices: dict[str, object] = {}
    for device_id, device in plant.devices.items():
        equipment = _describe_equipment(device)
        own = _describe_device(device)
        if kinds.setdefault(device.kind, equipment) != equipment:
            own |= equipment
        devices[device_id] = own
    lines = {
        line_id: {"description": line.description, "devices": list(line.devices)}
        for line_id, line in plant.lines.items()
    }
    return {"name": plant.name, "lines": lines, "kinds": kinds, "devices": devices}


def _describe_device(device: DeviceSpec) -> dict[str, object]:
    return {"device_id": device.device_id, "line": device.line, "kind": device.kind, "description": device.description}


def _describe_equipment(device: DeviceSpec) -> dict[str, object]:
    return {
        "manual": device.manual or None,
        "sensors": {name: _describe_sensor(sensor) for name, sensor in device.sensors.items()},
        "parameters": {
            name: {"unit": parameter.unit, "limits": _pair(parameter.limits)}
            for name, parameter in device.parameters.items()
        },
    }


def _describe_sensor(sensor: SensorSpec) -> dict[str, object]:
    limits = {"normal": sensor.normal, "alarm": sensor.alarm, "trip": sensor.trip}
    described: dict[str, object] = {"unit": sensor.unit}
    described |= {name: _pair(limit) for name, limit in limits.items() if limit != Limits()}
    if sensor.description:
        described["description"] = sensor.description
    return described


def _pair(limits: Limits) -> list[float | None]:
    return [limits.low, limits.high]
