"""Pictures in the chat, for clients that can show them (MCP Apps 2026-01-26): trends, alarms and machines.

A client that declares the extension is told with three tools where their view lies, fetches it once and hands it each
answer. The view is a page of its own that loads nothing and only shows. All other clients notice nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

from anyio.to_thread import run_sync
from fastmcp import FastMCP
from fastmcp.apps.config import UI_EXTENSION_ID, UI_MIME_TYPE
from fastmcp.resources import Resource
from fastmcp.server.context import Context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult
from mcp_types import CallToolRequestParams, ListResourcesRequest, ListToolsRequest

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.equipment import Limits, PlantSpec
from aegisflow.domain.times import Period, format_instant, parse_instant
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import AegisFlowError
from aegisflow.mcp.gate import Gate
from aegisflow.mcp.trends import SeriesGrid, trends_of
from aegisflow.plant.protocol import Plant, PlantSource

__all__ = ["PICTURED", "PICTURE_META", "VIEW_URI", "Pictures", "add_view"]

VIEW_URI = "ui://aegisflow/view.html"
PICTURED = frozenset({"get_sensor_stream", "get_active_anomalies", "get_device_status"})
"""Tools whose answers can be shown."""
PICTURE_META = "aegisflow/picture"
"""Under which an answer's ``_meta`` has what a trend is drawn with beside its series; a model does not read that."""
_MAX_SPANS = 20
_POINTS = 120
"""Of each series in a picture, which no model reads."""


def add_view(server: FastMCP) -> None:
    """Put the page on ``server`` that shows answers: it holds none, so anybody may read it."""

    def view() -> str:
        return _page()

    what = "Shows answers as trends and tables"
    server.resource(
        VIEW_URI, name="view", description=what, mime_type=UI_MIME_TYPE, meta={"ui": {"prefersBorder": True}}
    )(view)


@cache
def _page() -> str:
    return files("aegisflow.mcp").joinpath("view", "view.html").read_text("utf-8")


class Pictures(Middleware):
    """Tells clients that show pictures of the view, and hands it the limits and alarms of a trend."""

    def __init__(self, plant: PlantSource, gate: Gate) -> None:
        self._plant = plant
        self._gate = gate

    async def on_list_tools(
        self, context: MiddlewareContext[ListToolsRequest], call_next: CallNext[ListToolsRequest, Sequence[Tool]]
    ) -> Sequence[Tool]:
        """Pass on what is listed, for those who show pictures with where the view lies."""
        tools = await call_next(context)
        if not _shows_pictures(context.fastmcp_context):
            return tools
        meta = {"ui": {"resourceUri": VIEW_URI}}
        return [tool.model_copy(update={"meta": meta}) if tool.name in PICTURED else tool for tool in tools]

    async def on_list_resources(
        self,
        context: MiddlewareContext[ListResourcesRequest],
        call_next: CallNext[ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """Pass on what is listed, for those who show no pictures without the view."""
        resources = await call_next(context)
        if _shows_pictures(context.fastmcp_context):
            return resources
        return [resource for resource in resources if str(resource.uri) != VIEW_URI]

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Pass the answer on, for those who show pictures with what a trend is drawn with."""
        result = await call_next(context)
        stream = result.structured_content
        if context.message.name != "get_sensor_stream" or not stream or not _shows_pictures(context.fastmcp_context):
            return result
        picture = await run_sync(self._picture, stream)
        return result.model_copy(update={"meta": {**(result.meta or {}), PICTURE_META: picture}})

    def _picture(self, stream: Mapping[str, Any]) -> dict[str, object]:
        """Return limits and alarms of the sensors that an answer of ``get_sensor_stream`` tells of."""
        own: str = stream["device_id"]
        sensors: dict[str, list[str]] = {}
        for one in stream["sensors"]:
            sensors.setdefault(one.get("device_id", own), []).append(one["sensor"])
        plant = self._plant()
        period = Period(parse_instant(stream["start"]), parse_instant(stream["end"]))
        # What cannot be had is not shown; the trend itself is answered already.
        alarms: tuple[Alarm, ...] = ()
        with suppress(AegisFlowError):
            self._gate.check("get_anomaly_history")
            query = AlarmQuery(period=period, device_ids=tuple(sensors), limit=_MAX_SPANS)
            alarms = plant.alarm_history(query).value.alarms
        finer: dict[str, object] = {}
        with suppress(AegisFlowError):
            finer = _series(plant, sensors, period)
        return {
            **finer,
            "limits": _limits(plant.inventory(), sensors),
            "alarms": [
                {
                    "device_id": alarm.device_id,
                    "fault_type": alarm.fault_type,
                    "severity": str(alarm.severity),
                    "start": format_instant(alarm.raised_at),
                    "end": None if alarm.cleared_at is None else format_instant(alarm.cleared_at),
                }
                for alarm in alarms
            ],
        }


def _series(plant: Plant, sensors: Mapping[str, Sequence[str]], period: Period) -> dict[str, object]:
    """Return series as fine as a picture can show them, where those that a model reads have to be short."""
    streams = [plant.sensor_stream(name, tuple(own), period, _POINTS).value for name, own in sensors.items()]
    if not streams:
        return {}
    grid = SeriesGrid(trends_of(plant.inventory(), streams, {}), period, _POINTS)
    offsets, trends = grid.show(grid.sensors, _POINTS)
    only = next(iter(sensors))
    series = {f"{one.device_id or only} {one.sensor}": one.series.model_dump() for one in trends if one.series}
    return {"offset_s": offsets, "series": series}


def _limits(plant: PlantSpec, sensors: Mapping[str, Sequence[str]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for device_id, names in sensors.items():
        device = plant.devices.get(device_id)
        for name in names:
            spec = device.sensors.get(name) if device else None
            if spec is None:
                continue
            kinds = {"normal": spec.normal, "alarm": spec.alarm, "trip": spec.trip}
            told = {kind: [limits.low, limits.high] for kind, limits in kinds.items() if limits != Limits()}
            found[f"{device_id} {name}"] = told
    return found


def _shows_pictures(context: Context | None) -> bool:
    """Return whether the client of a running request has declared the extension, for pages like ours."""
    capabilities = context.session.client_capabilities if context is not None else None
    declared = capabilities.extensions if capabilities is not None else None
    settings = (declared or {}).get(UI_EXTENSION_ID)
    if not isinstance(settings, Mapping):
        return False
    shown = settings.get("mimeTypes")
    return shown is None or (isinstance(shown, Sequence) and UI_MIME_TYPE in shown)
