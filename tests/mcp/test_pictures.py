"""Pictures in the chat: who shows them gets a view and what it draws, and nobody else notices anything."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import pytest
from mcp import Client
from mcp.client import advertise

from aegisflow.domain.callers import CallerKind
from aegisflow.domain.credentials import AgentAccess, Credential, token_hash
from aegisflow.mcp.pictures import PICTURE_META, PICTURED, VIEW_URI
from aegisflow.mcp.proxy import build_proxy
from aegisflow.mcp.server import build_server
from aegisflow.plant.identities import Identities, Presented
from tests.support.memory_plant import MemoryPlant, an_alarm
from tests.support.subscribers import ERAS, Era
from tests.support.web_server import served

UI = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
SHOWS = {"mimeTypes": [MIME_TYPE]}
TREND = {"device_id": "pump-01", "last": "4h"}


async def seen(server: Any, era: Era, settings: dict[str, Any] | None) -> tuple[Any, Any, Any]:
    """Return the tools, the resources and a trend, as a client gets them."""
    extensions = () if settings is None else (advertise(UI, settings),)
    async with Client(server, mode=era, extensions=extensions) as client:
        tools, resources = await client.list_tools(), await client.list_resources()
        return tools, resources, await client.call_tool("get_sensor_stream", TREND)


def ask(era: Era, settings: dict[str, Any] | None, off: Sequence[str] = ()) -> tuple[Any, Any, Any]:
    plant = MemoryPlant()
    plant.alarms = [an_alarm(1)]
    identities = Identities({}, AgentAccess(tools_off=frozenset(off), anonymous=True))
    identities.keep([Credential("one", CallerKind.AGENT, token_hash("one"))])
    server: Any = build_server(lambda: plant, identities, lambda: Presented())
    return asyncio.run(seen(server._mcp_server, era, settings))


def views(tools: Any) -> dict[str, Any]:
    return {tool.name: tool.meta for tool in tools.tools if tool.meta}


@pytest.mark.parametrize("era", ERAS)
def test_a_client_that_shows_pictures_is_told_of_the_view_with_the_three_tools_that_have_one(era: Era) -> None:
    tools, resources, trend = ask(era, SHOWS)
    assert views(tools) == {name: {"ui": {"resourceUri": VIEW_URI}} for name in PICTURED}
    (view,) = [one for one in resources.resources if str(one.uri) == VIEW_URI]
    assert view.mime_type == MIME_TYPE
    picture = trend.meta[PICTURE_META]
    assert picture["limits"]["pump-01 vibration"] == {"normal": [0.5, 2.5], "alarm": [None, 3.5], "trip": [None, 5.0]}
    assert len(picture["series"]["pump-01 vibration"]["mean"]) == len(picture["offset_s"]) > 8
    (span,) = picture["alarms"]
    assert (span["device_id"], span["fault_type"], span["severity"]) == ("pump-01", "bearing_failure", "high")
    assert span["start"].endswith("Z")
    assert span["end"] is None


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("settings", [None, {"mimeTypes": ["text/html"]}])
def test_any_other_client_notices_nothing(era: Era, settings: dict[str, Any] | None) -> None:
    tools, resources, trend = ask(era, settings)
    shown, _, drawn = ask(era, SHOWS)
    assert views(tools) == {}
    assert not [one for one in resources.resources if str(one.uri).startswith("ui:")]
    assert PICTURE_META not in (trend.meta or {})
    # The answer is the same for both: a model reads no more where there are pictures.
    assert drawn.structured_content == trend.structured_content
    assert [tool.model_copy(update={"meta": None}) for tool in shown.tools] == tools.tools


def test_alarms_are_not_drawn_for_who_may_not_ask_for_them() -> None:
    _, _, trend = ask("legacy", SHOWS, off=["get_anomaly_history"])
    assert trend.meta[PICTURE_META]["alarms"] == []
    assert trend.meta[PICTURE_META]["limits"]


def test_behind_a_proxy_a_client_that_shows_pictures_gets_them() -> None:
    plant = MemoryPlant()
    plant.alarms = [an_alarm(1)]
    with served(plant) as url:
        proxy: Any = build_proxy(f"{url}/mcp", "")
        tools, _, trend = asyncio.run(seen(proxy._mcp_server, "legacy", SHOWS))
        told = {name: meta["ui"]["resourceUri"] for name, meta in views(tools).items() if "ui" in meta}
        assert told == dict.fromkeys(PICTURED, VIEW_URI)
        assert trend.meta[PICTURE_META]["alarms"]
        tools, _, trend = asyncio.run(seen(proxy._mcp_server, "legacy", None))
        # FastMCP's proxy has remarks of its own.
        assert not [meta for meta in views(tools).values() if "ui" in meta]
        assert PICTURE_META not in (trend.meta or {})


def test_the_view_is_one_page_that_loads_nothing_and_makes_no_markup_of_words() -> None:
    async def read() -> Any:
        server: Any = build_server(MemoryPlant)
        async with Client(server._mcp_server, mode="legacy") as client:
            return (await client.read_resource(VIEW_URI)).contents[0]

    page = asyncio.run(read())
    assert page.mime_type == MIME_TYPE
    assert "default-src 'none'" in page.text
    addresses = set(re.findall(r"[a-z]+://[^\s\"']+", page.text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a vocabulary, which nobody fetches
    forbidden = ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "XMLHttpRequest", "import(")
    assert not [word for word in (*forbidden, " src=", "tools/call", "ui/message", "<link") if word in page.text]
