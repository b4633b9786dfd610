"""Machines that know nothing of AegisFlow, on a real broker: an agent proposes, a person approves, readings verify."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from aegisflow.app import App
from aegisflow.config import load
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, CommandReceipt, Mode, Stage
from aegisflow.domain.device import FOREIGN_COMMAND
from aegisflow.mcp.server import build_server
from simulator.foreign import ForeignPlug
from simulator.sparkplug import SparkplugNode
from tests.support.broker import Listener, Mosquitto
from tests.support.foreign_plants import plant_text
from tests.support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.long, pytest.mark.timeout(240)]

ADA = Caller("ada", CallerKind.OPERATOR)
WHY = "the cold store is on fire, says its sensor"
PLUGS = ("zigbee2mqtt", "tasmota", "shelly")
WRITTEN = {
    "zigbee2mqtt": ("zigbee2mqtt/Cold store/set", '{"state":"OFF"}'),
    "tasmota": ("cmnd/Cold store/POWER", "OFF"),
    "shelly": ("Cold store/rpc", None),
}


class Watched:
    """An application in this process on a real broker, with an agent and a person beside it."""

    def __init__(self, folder: Path, text: str) -> None:
        (folder / "manuals").mkdir()
        (folder / "plant.yaml").write_text(text, "utf-8")
        self.folder = folder
        self.app = App(load(folder / "plant.yaml", {}))
        self.plant = self.app.plant
        self._server = build_server(lambda: self.plant)

    def agent(self, **arguments: Any) -> dict[str, Any]:
        async def run() -> dict[str, Any]:
            async with Client(self._server) as client:
                answer = await client.call_tool("execute_device_command", {**arguments, "justification": WHY})
                return dict(answer.structured_content or {})

        return asyncio.run(run())

    def approve(self, command_id: str) -> tuple[str, ...]:
        """Approve what an agent has proposed; return the facts that were shown."""
        (view,) = self.plant.approvals().value
        assert view.receipt.command.command_id == command_id
        self.plant.approve(command_id, view.digest, ADA)
        return view.facts

    def receipt(self, device_id: str) -> CommandReceipt:
        return self.plant.commands(device_id, 1).value.commands[0]

    def ends_as(self, device_id: str, stage: Stage) -> CommandReceipt:
        eventually(lambda: self.receipt(device_id).stage.is_final, 150)
        receipt = self.receipt(device_id)
        assert receipt.stage is stage, receipt.reasons
        return receipt

    def alarms(self) -> list[str]:
        return [alarm.fault_type for alarm in self.plant.active_alarms().value]

    def readings(self, device_id: str) -> int:
        return self.plant.device_status(device_id).value.accepted

    def rows(self, act: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.folder / "store.db")) as connection:
            found = connection.execute("SELECT detail FROM audit WHERE act = ? ORDER BY id", (act,))
            return [json.loads(row[0]) for row in found]


@pytest.fixture
def watched(tmp_path: Path, mosquitto: Mosquitto) -> Callable[..., Any]:
    """Give what runs an application on the plant of a dialect, its text changed by pairs of old and new."""

    @contextmanager
    def run(dialect: str, *changes: tuple[str, str]) -> Iterator[Watched]:
        text = plant_text(dialect, mosquitto.host, mosquitto.port)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        folder = tmp_path / "plant"
        folder.mkdir()
        made = Watched(folder, text)
        with made.app:
            eventually(lambda: made.plant.health().broker_connected)
            yield made

    return run


@contextmanager
def plug(mosquitto: Mosquitto, dialect: str, **more: Any) -> Iterator[ForeignPlug]:
    made = ForeignPlug(mosquitto.host, mosquitto.port, dialect, "Cold store", **more)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(("dialect", "protocol"), [*((one, "5") for one in PLUGS), ("zigbee2mqtt", "3.1.1")])
def test_a_plug_is_switched_off_once_in_its_own_words_and_its_readings_prove_it(
    watched, mosquitto: Mosquitto, dialect: str, protocol: str
) -> None:
    change = ("reconnect_max: 200ms", f'reconnect_max: 200ms, protocol: "{protocol}"')
    with watched(dialect, change) as plant, plug(mosquitto, dialect) as machine:
        eventually(lambda: plant.readings("plug-01") >= 20, 60)
        asked = plant.agent(device_id="plug-01", command="emergency_shutdown")
        assert asked["stage"] == "awaiting_approval"
        assert machine.taken == []
        facts = plant.approve(asked["command_id"])
        topic, payload = WRITTEN[dialect]
        assert facts[0].startswith(f"writes to {topic}: ")
        done = plant.ends_as("plug-01", Stage.VERIFIED)
        assert "readings show it" in done.reasons[0]
        assert not machine.on
        (sent,) = machine.taken
        if payload is not None:
            assert sent.decode() == payload
        (row,) = plant.rows("command_written")
        assert (row["topic"], row["payload"], row["retain"]) == (topic, sent.decode(), False)
        assert row["payload"] in facts[0]
        assert plant.plant.device_status("plug-01").value.mode is Mode.SHUTDOWN
        assert plant.rows("command_acknowledged")
        assert FOREIGN_COMMAND not in plant.alarms()


def test_what_somebody_else_writes_is_an_alarm_also_in_our_own_words(watched, mosquitto: Mosquitto) -> None:
    with watched("tasmota") as plant, plug(mosquitto, "tasmota") as machine:
        eventually(lambda: plant.readings("plug-01") >= 20, 60)
        plant.approve(plant.agent(device_id="plug-01", command="emergency_shutdown")["command_id"])
        plant.ends_as("plug-01", Stage.VERIFIED)
        with Listener(mosquitto.settings(client_id="intruder", protocol="3.1.1")) as intruder:
            intruder.wait_connected()
            intruder.bus.publish("cmnd/Cold store/POWER", b"OFF")
            eventually(lambda: FOREIGN_COMMAND in plant.alarms())
        assert len(machine.taken) == 2
        eventually(lambda: plant.plant.health().rejected == {"foreign_command": 1})


def test_where_its_own_panel_may_write_nobody_is_called(watched, mosquitto: Mosquitto) -> None:
    change = ("format: text", "format: text\n      others: allowed")
    with watched("tasmota", change) as plant, plug(mosquitto, "tasmota") as machine:
        eventually(lambda: plant.readings("plug-01") >= 5, 60)
        with Listener(mosquitto.settings(client_id="panel")) as panel:
            panel.wait_connected()
            panel.bus.publish("cmnd/Cold store/POWER", b"OFF")
            eventually(lambda: machine.taken)
        count = plant.readings("plug-01")
        eventually(lambda: plant.readings("plug-01") > count)
        assert plant.alarms() == []
        assert plant.plant.health().rejected == {}


def test_a_refusal_in_its_own_words_is_a_refusal(watched, mosquitto: Mosquitto) -> None:
    change = ("method: Switch.Set, params: {id: 0, on: false}", "method: Switch.Burn, params: {id: 0, on: false}")
    with watched("shelly", change) as plant, plug(mosquitto, "shelly") as machine:
        eventually(lambda: plant.readings("plug-01") >= 20, 60)
        plant.approve(plant.agent(device_id="plug-01", command="emergency_shutdown")["command_id"])
        failed = plant.ends_as("plug-01", Stage.FAILED)
        assert failed.reasons == ("the machine says: refused, No handler",)
        assert machine.on


def test_a_command_that_nobody_has_described_is_denied_with_that_reason(watched) -> None:
    with watched("tasmota") as plant:
        denied = plant.plant.request_command("plug-01", CommandName.ENABLE_MAINTENANCE_MODE, {}, ADA, WHY)
        assert denied.stage is Stage.DENIED
        assert any("plant.yaml does not say how enable_maintenance_mode is written" in one for one in denied.reasons)


@pytest.fixture
def node(mosquitto: Mosquitto) -> Iterator[SparkplugNode]:
    made = SparkplugNode(
        mosquitto.host,
        mosquitto.port,
        "Plant 1",
        "edge-7",
        {"D-101": {"Inputs/Speed": 1400.0, "Outputs/Speed": 1400.0}},
    )
    try:
        yield made
    finally:
        made.vanish()


def speak(node: SparkplugNode, plant: Watched, count: int) -> None:
    """Have the drive tell its values until so many readings have been taken."""
    before = plant.readings("drive-01")

    def told() -> bool:
        speed = node.values["D-101"]["Outputs/Speed"]
        assert isinstance(speed, float)
        node.send("D-101", {"Inputs/Speed": speed, "Outputs/Speed": speed})
        return plant.readings("drive-01") >= before + count

    eventually(told, 60)


@pytest.mark.parametrize("alias", ["", ", alias: 2"])
def test_a_drive_of_sparkplug_takes_its_set_point_by_dcmd_and_readings_alone_prove_it(
    watched, node: SparkplugNode, alias: str
) -> None:
    with watched("sparkplug", ("datatype: Double", f"datatype: Double{alias}")) as plant:
        node.wait_until(lambda: node.births >= 1)
        speak(node, plant, 1)
        node.wait_until(lambda: node.births >= 2)  # we came later than its birth, and asked for another
        speak(node, plant, 20)
        plant.plant.state_mode("drive-01", Mode.NORMAL, 0.0, ADA, "I stand at it")
        arguments = {"parameter": "speed", "value": "1200"}
        asked = plant.agent(device_id="drive-01", command="set_parameter", **arguments)
        assert asked["stage"] == "awaiting_approval", asked
        assert "the machine does not answer" in plant.approve(asked["command_id"])[0]
        node.wait_until(lambda: node.values["D-101"]["Outputs/Speed"] == 1200.0)
        speak(node, plant, 5)
        done = plant.ends_as("drive-01", Stage.VERIFIED)
        assert "readings show it" in done.reasons[0]
        assert plant.rows("command_acknowledged") == []
        (order,) = [one for one in node.commands if "/DCMD/" in one[0]]
        assert order[0] == "spBv1.0/Plant 1/DCMD/edge-7/D-101"
        (row,) = plant.rows("command_written")
        assert bytes.fromhex(row["payload_hex"]) == order[1]
        assert (b"Outputs/Speed" in order[1]) is (alias == "")
        assert plant.alarms() == []


def test_a_drive_whose_node_is_gone_is_sent_nothing(watched, node: SparkplugNode) -> None:
    with watched("sparkplug") as plant:
        speak(node, plant, 20)
        plant.plant.state_mode("drive-01", Mode.NORMAL, 0.0, ADA, "I stand at it")
        asked = plant.agent(device_id="drive-01", command="set_parameter", parameter="speed", value="1200")
        node.lose("D-101")
        eventually(lambda: plant.plant.device_status("drive-01").value.silent)
        plant.approve(asked["command_id"])
        assert plant.receipt("drive-01").stage in (Stage.EXPIRED, Stage.FAILED)
        assert [one for one in node.commands if "/DCMD/" in one[0]] == []
