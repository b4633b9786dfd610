"""``aegisflow mcp`` as a client meets it: a process, three pipes and the official SDK."""

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import Implementation

from aegisflow.bus.embedded import free_port
from aegisflow.mcp.subscriptions import ALARMS_URI
from tests.support.live import DEVICE, LivePlant, a_bearing_failure
from tests.support.subscribers import ERAS, connected

pytestmark = pytest.mark.timeout(120)

TOOL_ERROR = 5
"""What the inspector ends with when a tool answers with an error."""
INSPECTOR = ["npx", "-y", "-p", "node@22", "-p", "@modelcontextprotocol/inspector@2.12.0", "mcp-inspector", "--cli"]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
STATUS = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "get_device_status", "arguments": {}}}


@pytest.fixture
def plant_without_broker(tmp_path: Path) -> LivePlant:
    return LivePlant(tmp_path, free_port())


def start(command: list[str], plant: LivePlant) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=plant.environment)


def tell(process: subprocess.Popen[bytes], *messages: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
    process.stdin.flush()


def hear(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    message = json.loads(process.stdout.readline())
    assert message["jsonrpc"] == "2.0"
    return dict(message)


async def in_a_session(plant: LivePlant, work: Callable[[ClientSession], Any]) -> Any:
    command, *arguments = plant.mcp()
    parameters = StdioServerParameters(command=command, args=arguments, env=plant.settings)
    named = Implementation(name="sdk agent", version="1")
    async with stdio_client(parameters) as pipes, ClientSession(*pipes, client_info=named) as session:
        await session.initialize()
        return await work(session)


def test_the_official_client_gets_nine_tools_and_answers_though_there_is_no_broker(plant_without_broker):
    async def work(session: ClientSession) -> tuple[int, dict[str, Any]]:
        tools = (await session.list_tools()).tools
        return len(tools), (await session.call_tool("get_device_status", {})).structured_content

    count, answer = asyncio.run(in_a_session(plant_without_broker, work))
    assert count == 9
    assert answer["total"] == 9
    assert answer["devices"][0]["device_id"] == "compressor-01"


def in_good_order(process: subprocess.Popen[bytes], plant: LivePlant, complaints: bytes) -> bool:
    assert process.returncode == 0
    assert b"Traceback" not in complaints
    with closing(sqlite3.connect(plant.folder / "aegisflow.db")) as store:
        return bool(store.execute("pragma integrity_check").fetchone() == ("ok",))


def test_standard_output_carries_nothing_but_the_protocol_whoever_prints_until_it_leaves(plant_without_broker):
    noisy = (
        "import ctypes, os, sys\n"
        "from aegisflow.cli import main\n"
        "import aegisflow.plant, aegisflow.plant.local as home\n"
        "def loud(self):\n"
        "    print('a print'); os.write(1, b'a write'); os.system('echo a child')\n"
        "    libc = ctypes.CDLL(None); libc.puts(b'a C library'); libc.fflush(None)\n"
        "    return old(self)\n"
        "old, home.LocalPlant.all_status = home.LocalPlant.all_status, loud\n"
        f"main({plant_without_broker.mcp()[3:]!r})\n"
    )
    with start([sys.executable, "-c", noisy], plant_without_broker) as process:
        tell(process, HELLO, READY, STATUS)
        assert hear(process)["id"] == 1
        assert hear(process)["result"]["structuredContent"]["total"] == 9
        rest, complaints = process.communicate(timeout=60)
    assert rest == b""
    for words in (b"a print", b"a write", b"a child", b"a C library"):
        assert words in complaints
    assert in_good_order(process, plant_without_broker, complaints)


@pytest.mark.long
@pytest.mark.parametrize("way", ["end of input", "SIGTERM"])
def test_it_leaves_in_good_order(plant_without_broker, way):
    with start(plant_without_broker.mcp(), plant_without_broker) as process:
        tell(process, HELLO, READY, STATUS)
        assert hear(process)["id"] == 1
        assert hear(process)["id"] == 2
        if way == "SIGTERM":
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        rest, complaints = process.communicate(timeout=60)
    assert rest == b""
    assert in_good_order(process, plant_without_broker, complaints)


def test_a_file_with_mistakes_ends_it_with_the_mistakes_on_stderr(plant_without_broker):
    plant_without_broker.file.write_text("plant: {nam: x}\n")
    done = subprocess.run(
        plant_without_broker.mcp(), capture_output=True, stdin=subprocess.DEVNULL, env=plant_without_broker.environment
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"plant.nam" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_client_that_leaves_after_the_greeting_is_not_waited_for_and_mistakes_are_still_told(plant_without_broker):
    for content, code in ((None, 0), ("plant: {nam: x}\n", 2)):
        if content is not None:
            plant_without_broker.file.write_text(content)
        with start(plant_without_broker.mcp(), plant_without_broker) as process:
            tell(process, HELLO, READY)
            assert hear(process)["id"] == 1
            rest, complaints = process.communicate(timeout=60)
        assert (process.returncode, rest) == (code, b"")
        assert b"Traceback" not in complaints


@pytest.mark.long
def test_a_second_process_on_the_same_store_says_who_holds_it(plant_without_broker):
    with start(plant_without_broker.mcp(), plant_without_broker) as first:
        tell(first, HELLO, READY, STATUS)
        assert hear(first)["id"] == 1
        assert not hear(first)["result"]["isError"]
        with start(plant_without_broker.mcp(), plant_without_broker) as second:
            tell(second, HELLO, READY, STATUS)
            assert hear(second)["id"] == 1
            refused = hear(second)["result"]
            second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert refused["isError"]
    assert "is in use by" in refused["content"][0]["text"]
    assert (first.returncode, second.returncode) == (0, 1)


async def until_alarmed(session: ClientSession, plant: LivePlant) -> list[dict[str, Any]]:
    """Send a failing bearing's readings once the plant is subscribed, and return the alarms that it raises."""
    first, *others = a_bearing_failure()

    async def ask(tool: str, **arguments: Any) -> dict[str, Any]:
        return dict((await session.call_tool(tool, arguments)).structured_content or {})

    while not (await ask("get_device_status", device_id=DEVICE))["device"]["readings_accepted"]:
        await asyncio.to_thread(plant.publish, [first])  # sent again, it is only a duplicate
    await asyncio.to_thread(plant.publish, others)
    while not (alarms := (await ask("get_active_anomalies"))["alarms"]):
        pass
    return list(alarms)


@pytest.mark.broker
def test_an_alarm_goes_from_the_broker_to_an_agent_who_may_not_acknowledge_a_serious_one(mosquitto, tmp_path):
    async def work(session: ClientSession) -> dict[str, Any]:
        (alarm, *_) = await until_alarmed(session, plant)
        arguments = {"device_id": DEVICE, "sensors": ["vibration"], "last": "10min"}
        while True:
            stream = (await session.call_tool("get_sensor_stream", arguments)).structured_content
            if stream["readings"] == 70:
                break
        note = {"alarm_id": alarm["alarm_id"], "note": "seen by a test"}
        refused = await session.call_tool("acknowledge_anomaly", note)
        return {"alarm": alarm, "stream": stream, "refused": refused}

    plant = LivePlant(tmp_path, mosquitto.port)
    seen = asyncio.run(in_a_session(plant, work))
    assert seen["alarm"]["device_id"] == DEVICE
    assert "vibration" in [item["sensor"] for item in seen["alarm"]["evidence"]]
    assert seen["stream"]["sensors"][0]["max"] == 8.5
    assert seen["alarm"]["severity"] in ("high", "critical")
    assert seen["refused"].is_error
    assert "an operator must take note of it" in seen["refused"].content[0].text


@pytest.mark.broker
@pytest.mark.long
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.filterwarnings("ignore:resources/.*subscribe is removed")
def test_a_client_of_the_process_is_told_of_an_alarm_instead_of_asking(mosquitto, tmp_path, era):
    plant = LivePlant(tmp_path, mosquitto.port)
    first, *others = a_bearing_failure()

    async def work() -> dict[str, Any]:
        command, *arguments = plant.mcp()
        there = StdioServerParameters(command=command, args=arguments, env=plant.settings)
        async with connected(there, era) as client, client.subscribed(ALARMS_URI):
            status: Any = {}
            while not status.get("device", {}).get("readings_accepted"):
                await asyncio.to_thread(plant.publish, [first])  # sent again, it is only a duplicate
                status = (await client.client.call_tool("get_device_status", {"device_id": DEVICE})).structured_content
            await asyncio.to_thread(plant.publish, others)
            await client.next(ALARMS_URI)
            return dict(json.loads(await client.read(ALARMS_URI)))

    answer = asyncio.run(work())
    assert [alarm["device_id"] for alarm in answer["alarms"]] == [DEVICE]


@pytest.mark.broker
@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_inspector_lists_nine_tools_and_calls_each(mosquitto, tmp_path):
    if shutil.which("npx") is None:
        pytest.skip("npx is not installed")

    def inspect(*arguments: str, code: int = 0) -> dict[str, Any]:
        passed_on = [word for name, value in plant.settings.items() for word in ("-e", f"{name}={value}")]
        command = [*INSPECTOR, *passed_on, *plant.mcp(), *arguments]
        done = subprocess.run(command, capture_output=True, timeout=90, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done.stderr.decode()
        return dict(json.loads(done.stdout)) if done.stdout else {}

    def call(tool: str, code: int = 0, **arguments: str) -> dict[str, Any]:
        words = [word for pair in arguments.items() for word in ("--tool-arg", "=".join(pair))]
        answer = inspect("--method", "tools/call", "--tool-name", tool, *words, code=code)
        if code:
            return answer
        assert not answer.get("isError"), answer
        return dict(answer["structuredContent"])

    plant = LivePlant(tmp_path, mosquitto.port)
    asyncio.run(in_a_session(plant, lambda session: until_alarmed(session, plant)))
    names = {tool["name"] for tool in inspect("--method", "tools/list")["tools"]}
    (alarm, *_) = call("get_active_anomalies")["alarms"]  # remembered by the store
    answers = {
        "get_active_anomalies": alarm,
        "get_anomaly_history": call("get_anomaly_history", last="1h"),
        "get_device_status": call("get_device_status", device_id=DEVICE),
        "get_sensor_stream": call("get_sensor_stream", device_id=DEVICE, last="10min"),
        "query_device_manual": call("query_device_manual", query="motor bearing vibration", device_id=DEVICE),
        "execute_device_command": call(
            "execute_device_command",
            device_id=DEVICE,
            command="reduce_load",
            reduction_pct='"30"',  # the inspector takes a bare 30 for a number
            justification="vibration 8.5 mm/s against 1.5: the manual's first response",
        ),
        "acknowledge_anomaly": call(  # it is high: an operator must
            "acknowledge_anomaly", TOOL_ERROR, alarm_id=alarm["alarm_id"], note="seen by a test"
        ),
        "log_incident_report": call(
            "log_incident_report",
            device_id=DEVICE,
            fault_type="bearing_failure",
            severity="high",
            title="Bearing of motor-03",
            root_cause="wear",
            actions_taken="load reduced",
            outcome="waits for inspection",
        ),
        "get_incident_reports": call("get_incident_reports", device_id=DEVICE),
    }
    assert names == set(answers)
    assert answers["get_anomaly_history"]["total"] >= 1
    assert answers["get_sensor_stream"]["readings"] == 70
    assert answers["query_device_manual"]["passages"]
    assert answers["execute_device_command"]["stage"] in ("denied", "awaiting_approval")
    assert answers["get_incident_reports"]["total"] == 1
