"""What people see of an answer in their chat: the view in Chromium, before a host that speaks MCP Apps."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client import advertise
from playwright.sync_api import FrameLocator, Page

from aegisflow.mcp.pictures import VIEW_URI
from aegisflow.mcp.server import build_server
from simulator.faults import Fault
from tests.support.chromium import PATIENCE_MS, chromium
from tests.support.commanding import several
from tests.support.places import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

HOST = ROOT / "tests" / "support" / "app_host.html"
HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "trend": ("get_sensor_stream", {"device_id": "pump-01", "last": "20min"}),
    "alarms": ("get_active_anomalies", {}),
    "machine": ("get_device_status", {"device_id": "pump-01"}),
    "plant": ("get_device_status", {}),
}


@dataclass
class Answered:
    """The view, and what the tools of a plant with a leak answer."""

    html: str
    results: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    async def ask(server: Any) -> Answered:
        async with Client(server, extensions=[advertise("io.modelcontextprotocol/ui", {})]) as client:
            page = (await client.read_resource(VIEW_URI)).contents[0]
            results = {}
            for name, (tool, arguments) in CALLS.items():
                result = await client.call_tool(tool, arguments)
                assert not result.is_error
                results[name] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
            return Answered(str(getattr(page, "text", "")), results)

    with several(tmp_path_factory.mktemp("plant")) as make:
        plant = make(faults=(Fault("pressure_leak", "pump-01", 700.0),))
        plant.live_until(lambda: plant.plant.active_alarms().value)
        plant.pass_time(240)
        server: Any = build_server(lambda: plant.plant)
        yield asyncio.run(ask(server._mcp_server))


class Host:
    """A chat that shows one view, and all that must not happen in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(HOST.as_uri())
        page.on("request", lambda request: self.asked.append(request.url))

    def show(self, html: str, result: dict[str, Any], **context: Any) -> FrameLocator:
        messages = [
            {"method": "ui/notifications/tool-input", "params": {"arguments": {}}},
            {"method": "ui/notifications/tool-result", "params": result},
        ]
        self.page.evaluate("([html, context, messages]) => start(html, context, messages)", [html, context, messages])
        frame = self.page.frame_locator("iframe")
        frame.locator("h1, .note").first.wait_for()
        self.page.wait_for_function("() => said.some((one) => one.method === 'ui/notifications/size-changed')")
        return frame

    def check(self) -> None:
        assert self.page.evaluate("() => minded") == []
        assert self.complaints == []
        assert [url for url in self.asked if url != "about:srcdoc"] == []


@pytest.fixture(scope="module")
def hosts() -> Iterator[Callable[..., Host]]:
    with chromium() as browser:

        def open_host(width: int = 760) -> Host:
            return Host(browser.new_context(viewport={"width": width, "height": 900}).new_page())

        yield open_host


def picture(host: Host, folder: Path, name: str) -> None:
    host.page.screenshot(path=str(folder / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_trend_shows_curve_limits_and_the_span_of_the_alarm(answered, hosts, tmp_path, theme) -> None:
    host = hosts()
    frame = host.show(answered.html, answered.results["trend"], theme=theme, timeZone="Europe/Berlin")
    stream = answered.results["trend"]["structuredContent"]
    assert frame.locator("h1").inner_text() == "pump-01"
    assert frame.locator("figure").count() == len(stream["sensors"])
    pressure = frame.locator("figure", has=frame.locator("strong", has_text="pressure"))
    assert pressure.locator("polyline.curve").count() >= 1
    picture(host, tmp_path, f"trend-{theme}")
    assert pressure.locator("rect.normal").count() == 1
    assert pressure.locator("line.alarm-limit").count() >= 1
    assert pressure.locator("rect.span").count() == 1
    assert "pressure leak" in frame.locator("main").inner_text()
    assert frame.locator("html").get_attribute("data-theme") == theme
    ground = frame.locator("body").evaluate("(body) => getComputedStyle(body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(27, 31, 35)"}[theme]
    host.check()


@pytest.mark.parametrize("name", ["alarms", "machine", "plant"])
@pytest.mark.parametrize("width", [760, 380])
def test_alarms_and_machines_are_tables(answered, hosts, tmp_path, name, width) -> None:
    host = hosts(width)
    frame = host.show(answered.html, answered.results[name], theme="light")
    told = frame.locator("main").inner_text()
    assert "pump-01" in told
    assert frame.locator("table").count() == 1
    expected = {"alarms": "1 open alarm", "machine": "pressure", "plant": "9 machines"}[name]
    assert expected in told
    picture(host, tmp_path, f"{name}-{width}")
    overflow = frame.locator("html").evaluate("(root) => root.scrollWidth - root.clientWidth")
    assert overflow <= 0
    host.check()


def test_words_of_others_are_shown_as_they_are_and_do_nothing(answered, hosts) -> None:
    host = hosts()
    hostile = json.loads(json.dumps(answered.results["alarms"]))
    (alarm, *_) = hostile["structuredContent"]["alarms"]
    alarm["untrusted_diagnosis"] = {"words": HOSTILE, "origin": HOSTILE}
    alarm["device_id"] = alarm["fault_type"] = alarm["severity"] = HOSTILE
    style = {"variables": {"--color-background-primary": "url(https://elsewhere.example/x)", "position": "fixed"}}
    frame = host.show(answered.html, hostile, styles=style, timeZone="Nowhere/Nothing", locale="¿?")
    assert HOSTILE in frame.locator("main").inner_text()
    assert frame.locator("main img, main script").count() == 0
    assert frame.locator("title").inner_text(timeout=PATIENCE_MS) != "broken"
    host.check()


@pytest.mark.parametrize(
    "result",
    [
        {"content": [{"type": "text", "text": "there is no device pump-99"}], "isError": True},
        {"content": [{"type": "text", "text": "not JSON"}]},
        {"content": []},
        {"content": [], "structuredContent": {"alarms": "many", "sensors": 3, "devices": None}},
    ],
)
def test_an_answer_that_is_none_is_said_in_words(answered, hosts, result) -> None:
    host = hosts()
    frame = host.show(answered.html, result)
    assert frame.locator(".note").inner_text()
    host.check()


def test_a_text_alone_is_shown_as_well_as_what_is_structured(answered, hosts) -> None:
    host = hosts()
    alone = {"content": answered.results["alarms"]["content"]}
    assert "1 open alarm" in host.show(answered.html, alone).locator("main").inner_text()
    host.check()
