import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp_types import Implementation

from aegisflow.config import HttpSettings
from aegisflow.domain.views import PlantChange
from aegisflow.errors import ListenError
from aegisflow.http.app import listen
from aegisflow.mcp import web
from aegisflow.mcp.proxy import build_proxy
from tests.support.memory_plant import an_alarm
from tests.support.web_server import served

Ask = Callable[..., tuple[int, bytes]]


def ask(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        url, body, {key.replace("_", "-"): value for key, value in headers.items()}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_health_is_200_or_503_with_reasons_and_the_age_of_the_last_commit(plant):
    with served(plant) as url:
        status, body = ask(f"{url}/healthz")
        health = json.loads(body)
        assert status == 200
        assert health["store"]["last_commit_age_s"] > 0
        assert health["last_reading_age_s"] == 2.0
        plant.healthy = False
        status, body = ask(f"{url}/healthz")
        assert status == 503
        assert json.loads(body)["reasons"] == ["the broker is away"]


def test_metrics_are_what_the_plant_counts(plant):
    with served(plant) as url:
        assert ask(f"{url}/metrics") == (200, b"counter_total 1.0\n")


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_an_agent_calls_tools_over_http_with_and_without_the_slash(plant, path):
    plant.alarms = [an_alarm(1)]

    async def run(url: str) -> dict[str, object]:
        async with Client(StreamableHttpTransport(url)) as client:
            return (await client.call_tool("get_active_anomalies")).structured_content

    with served(plant) as url:
        assert asyncio.run(run(url + path))["total"] == 1


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_a_post_is_answered_and_never_redirected(plant, path):
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    hello = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
    accept = "application/json, text/event-stream"
    with served(plant) as url:
        status, body = ask(url + path, "POST", hello, Accept=accept, Content_Type="application/json")
    assert status == 200
    assert json.loads(body)["result"]["serverInfo"]["name"] == "aegisflow"  # no event stream, which costs more


def test_sessions_that_nobody_ends_are_bounded(plant, monkeypatch):
    monkeypatch.setattr(web, "MAX_SESSIONS", 3)
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "many", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode()
    with served(plant) as url:
        answers = [
            ask(
                f"{url}/mcp",
                "POST",
                body,
                Content_Type="application/json",
                Accept="application/json, text/event-stream",
            )
            for _ in range(5)
        ]
    assert [status for status, _ in answers] == [200, 200, 200, 503, 503]


def test_with_a_token_everything_but_health_asks_for_it(plant):
    with served(plant, token="s3cret") as url:
        assert ask(f"{url}/healthz")[0] == 200
        for path, method in (("/metrics", "GET"), ("/mcp", "POST"), ("/mcp/", "POST"), ("/reload", "POST")):
            assert ask(url + path, method)[0] == 401
            assert ask(url + path, method, Authorization="Bearer wrong")[0] == 401
        assert ask(f"{url}/metrics", Authorization="Bearer s3cret")[0] == 200
    assert plant.reloads == 0


def test_a_page_in_a_browser_can_neither_reload_nor_call(plant):
    with served(plant) as url:
        for path in ("/reload", "/mcp"):
            assert ask(url + path, "POST", Origin="https://evil.example")[0] == 403
            assert ask(url + path, "POST", Host="evil.example")[0] == 421
    assert plant.reloads == 0


def test_reload_says_what_changed_or_why_nothing_did(plant):
    with served(plant) as url:
        status, body = ask(f"{url}/reload", "POST")
        assert (status, json.loads(body)["added"]) == (200, ["pump-04"])
        plant.change = PlantChange(applied=False, mistakes=("kinds.pump: unknown key",))
        status, body = ask(f"{url}/reload", "POST")
        assert (status, json.loads(body)["mistakes"]) == (422, ["kinds.pump: unknown key"])
        assert ask(f"{url}/reload")[0] == 404
        assert plant.reloads == 2


def test_beyond_loopback_there_is_no_listening_without_a_token():
    with pytest.raises(ListenError, match="AEGISFLOW_TOKEN is empty"):
        listen(HttpSettings(host="0.0.0.0", port=0), token="")
    listen(HttpSettings(host="0.0.0.0", port=0), token="s3cret").close()
    listen(HttpSettings(host="localhost", port=0), token="").close()


def test_an_address_that_is_taken_is_named():
    with closing(listen(HttpSettings(port=0), token="")) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}.*in use"):
            listen(HttpSettings(port=port), token="")


def test_through_the_proxy_each_agent_keeps_its_name(plant):
    plant.alarms = [an_alarm(1)]

    async def run(url: str) -> None:
        proxy = build_proxy(f"{url}/mcp", "s3cret")
        async with Client(proxy, client_info=Implementation(name="agent seven", version="1")) as client:
            assert len(await client.list_tools()) == 9
            await client.call_tool("acknowledge_anomaly", {"alarm_id": "pump-01@00001", "note": "seen it"})
            assert (await client.read_resource("aegisflow://plant"))[0].text.startswith("{")

    with served(plant, token="s3cret") as url:
        asyncio.run(run(url))
    assert plant.acknowledged[0][1].name == "calls itself “agent seven”"


def test_h6_a_client_that_pings_the_proxy_gets_an_empty_result_whether_the_plant_is_there_or_not(plant):
    async def ping(url: str) -> bool:
        proxy = build_proxy(f"{url}/mcp", "")
        # Only a client that opens a session in the old way pings at all.
        async with Client(proxy, mode="legacy") as client:
            return await client.ping()

    with served(plant) as url:
        assert asyncio.run(ping(url))
    assert asyncio.run(ping(url))
