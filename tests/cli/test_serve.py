"""``aegisflow serve`` as a process: who reaches it, how it reloads, how it leaves."""

import asyncio
import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from aegisflow.bus.embedded import free_port
from aegisflow.domain.credentials import token_hash
from tests.support.certificates import pair
from tests.support.live import LivePlant
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


class Serve:
    """A running serve; what it logs is read line by line."""

    def __init__(self, plant: LivePlant) -> None:
        command = plant.command("serve", "--plant", str(plant.file), "--port", "0", "--json-logs")
        self.plant = plant
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=plant.environment)
        self.url = self.hear("serving")["mcp"].removesuffix("/mcp")

    def hear(self, event: str) -> dict[str, Any]:
        """Return the next log line of this kind."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith(b"{") and (entry := json.loads(line)).get("event") == event:
                return dict(entry)
        raise AssertionError(f"serve ended without {event}")

    def health(self) -> tuple[int, dict[str, object]]:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=60) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def reload(self) -> subprocess.CompletedProcess[str]:
        command = self.plant.command("reload", "--plant", str(self.plant.file), "--url", self.url)
        return subprocess.run(command, capture_output=True, text=True)


@contextmanager
def running(folder: Path) -> Iterator[Serve]:
    serve = Serve(LivePlant(folder, free_port()))
    with serve.process as process:
        try:
            yield serve
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=60)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """One for all tests that leave it as it was."""
    with running(tmp_path_factory.mktemp("serve")) as serve:
        yield serve


@pytest.fixture
def own_serve(tmp_path: Path) -> Iterator[Serve]:
    with running(tmp_path) as serve:
        yield serve


def test_health_is_red_with_the_reason_while_there_is_no_broker(serve):
    status, health = serve.health()
    assert status == 503
    assert any("not connected to the broker" in reason for reason in health["reasons"])
    assert health["store"]["ok"] is True
    assert health["devices"] == 9


def test_metrics_are_prometheus_text(serve):
    with urllib.request.urlopen(f"{serve.url}/metrics", timeout=60) as response:
        text = response.read().decode()
    assert re.search(r"^aegisflow_devices 9\.0$", text, re.MULTILINE)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_signal_ends_it_in_good_order(own_serve, number):
    own_serve.process.send_signal(number)
    assert own_serve.hear("stopped")["exit_code"] == 0
    rest, complaints = own_serve.process.communicate(timeout=60)
    assert own_serve.process.returncode == 0
    assert rest == b""
    assert b"Traceback" not in complaints


def test_reload_says_what_it_changed_and_why_it_did_not(serve):
    file = serve.plant.file
    text = file.read_text()
    file.write_text(text.replace("pump-01: pump\n", "pump-01: pump\n      pump-09: pump\n", 1))
    serve.hear("plant_reloaded")  # by itself, since the file was saved
    file.write_text(text.replace("pump-01: pump\n", "pump-01: pomp\n", 1))
    serve.hear("plant_not_reloaded")
    refused = serve.reload()
    assert refused.returncode == 1
    assert "nothing was changed" in refused.stderr
    assert "pomp" in refused.stderr
    assert serve.health()[1]["devices"] == 10
    file.write_text(text)
    assert serve.reload().returncode == 0
    assert serve.health()[1]["devices"] == 9


def test_sighup_reloads(serve):
    serve.process.send_signal(signal.SIGHUP)
    assert serve.hear("plant_reloaded")["added"] == []


def test_an_agent_on_stdio_is_connected_to_the_running_plant(serve):
    command, *arguments = serve.plant.command("mcp", "--connect", f"{serve.url}/mcp")

    async def run() -> tuple[int, dict[str, object]]:
        parameters = StdioServerParameters(command=command, args=arguments)
        async with stdio_client(parameters) as pipes, ClientSession(*pipes) as session:
            await session.initialize()
            tools = (await session.list_tools()).tools
            return len(tools), (await session.call_tool("get_device_status", {})).structured_content

    count, answer = asyncio.run(run())
    assert count == 9
    assert answer["total"] == 9


@pytest.mark.long
def test_a_second_serve_on_the_same_store_says_who_holds_it(serve):
    command = serve.plant.command("serve", "--plant", str(serve.plant.file), "--port", "0")
    done = subprocess.run(command, capture_output=True, env=serve.plant.environment)
    assert done.returncode == 1
    assert b"is in use by" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.long
def test_behind_tls_of_its_own_people_reach_it_by_our_commands_whatever_its_files_say_by_now(tmp_path: Path) -> None:
    plant = LivePlant(tmp_path, free_port())
    first, second = pair("first.example"), pair("second.example")
    first.write(tmp_path)
    text = plant.file.read_text().replace(
        "  port: 8765", "  port: 8765\n  tls: {cert_file: cert.pem, key_file: key.pem}"
    )
    plant.file.write_text(text)
    token = "a-token-of-anna-that-nobody-guesses"
    plant.settings |= {"AEGISFLOW_OPERATORS": f"anna={token_hash(token)}", "AEGISFLOW_OPERATOR_TOKEN": token}

    def agents() -> str:
        command = plant.command("agents", "--plant", str(plant.file))
        return subprocess.run(command, capture_output=True, text=True, env=plant.environment).stdout

    with (serve := Serve(plant)).process as process:
        try:
            assert serve.url.startswith("https://")
            assert "agents may propose" in agents()
            (tmp_path / "cert.pem").write_bytes(second.certificate)
            serve.hear("certificate_not_taken_over")
            assert "agents may propose" in agents()
            second.write(tmp_path)
            serve.hear("certificate_taken_over")
            assert eventually(lambda: "agents may propose" in agents(), 60)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
