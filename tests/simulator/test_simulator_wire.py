import json
import threading
from argparse import Namespace

import pytest

from aegisflow.config import BrokerSettings
from aegisflow.errors import BusError
from simulator.__main__ import main, wire_from
from simulator.dataset import write_file
from simulator.faults import HOUR
from simulator.machine import Machine
from simulator.machines import CommandMemory, Fleet
from simulator.protocol import Wire
from simulator.replay import RecordedFile, replay
from simulator.scenario import REFERENCE_SENSORS, Scenario
from tests.support.broker import Listener, running_mosquitto

pytestmark = pytest.mark.broker


@pytest.fixture
def broker(tmp_path):
    folder = tmp_path / "broker"
    folder.mkdir()
    with running_mosquitto(folder) as broker:
        yield broker


@pytest.fixture
def wire_to():
    wires = []

    def connect(broker, **more):
        wire = Wire(broker.host, broker.port, **more)
        wires.append(wire)
        wire.connect()
        return wire

    yield connect
    for wire in wires:
        wire.close()


def keys(listener):
    readings = [json.loads(payload) for payload in listener.payloads]
    return {(reading["device_id"], reading["timestamp"]) for reading in readings}


def test_a_replay_over_a_broker_restart_loses_no_row(tmp_path, broker, wire_to):
    path = tmp_path / "day.csv"
    rows = write_file(Scenario(duration_s=HOUR / 2, faults=()), path)
    notices = []
    wire = wire_to(broker, window=50, notice=notices.append)
    with Listener(broker.settings(), "aegisflow/sensors/+") as listener:
        listener.wait_connected()
        done = []
        sender = threading.Thread(target=lambda: done.append(replay(RecordedFile(path), wire, speed=1800)))
        sender.start()
        listener.wait_until(lambda: len(listener.messages) > rows / 4)
        broker.restart()
        sender.join(30)
        listener.wait_until(lambda: len(keys(listener)) == rows)
    assert done[0].sent == done[0].acknowledged == rows
    assert "is gone" in notices[0]
    assert "is back" in notices[1]


def test_a_broker_that_stays_away_ends_the_patience_with_the_figures(broker, wire_to):
    wire = wire_to(broker, window=10, patience_s=0.5)
    wire.publish("a", b"1")
    wire.finish()
    broker.stop()
    for number in range(10):
        wire.publish("a", str(number))
    with pytest.raises(BusError, match=r"acknowledged nothing for 0 s; 1 messages are safe, 10 are not"):
        wire.publish("a", b"one too many")


def test_no_more_than_the_window_is_under_way(broker, wire_to):
    wire = wire_to(broker, window=7)
    for number in range(500):
        wire.publish("a", str(number))
        assert number - wire.acknowledged < 7
    wire.finish()
    assert wire.acknowledged == 500


def test_a_machine_answers_a_command_over_the_broker_and_after_its_restart(tmp_path, broker, wire_to):
    wire = wire_to(broker, name="machines", session=True)
    machine = Machine("pump-01", REFERENCE_SENSORS)
    fleet = Fleet({"pump-01": machine}, wire, CommandMemory(tmp_path / "commands.json"))
    fleet.listen()
    with Listener(broker.settings(), "aegisflow/acks/pump-01") as listener:
        listener.wait_connected()
        broker.restart()
        listener.wait_connected()
        running = threading.Thread(target=lambda: fleet.run(interval_s=5, speed=100, stop_after_s=4))
        running.start()
        command = {"command_id": "c-1", "device_id": "pump-01", "command": "emergency_shutdown", "parameters": {}}
        payload = json.dumps({**command, "expires_at": "2999-01-01T00:00:00Z"}).encode()
        listener.bus.publish("aegisflow/commands/pump-01", payload)
        listener.wait_until(lambda: len(listener.messages) >= 2)
        running.join()
    results = [json.loads(payload)["result"] for payload in listener.payloads]
    assert results == ["accepted", "done"]
    assert machine.load == 0


def test_h16_machines_and_recordings_of_a_plant_go_to_its_broker_with_its_login_and_topics(tmp_path, broker):
    plant = tmp_path / "plant.yaml"
    plant.write_text(
        f"broker: {{host: {broker.host}, port: {broker.port}, topics: {{sensors: 'works/{{device_id}}/data'}}}}\n"
        "kinds: {boiler: {sensors: {pressure: {unit: bar, normal: {low: 5, high: 7}}}}}\n"
        "lines: {line-1: {devices: {boiler-7: {kind: boiler}}}}\n"
    )
    recording = tmp_path / "day.csv"
    recording.write_text("timestamp,device_id,pressure\n2026-01-31T08:00:00Z,boiler-7,6.5\n")
    with Listener(broker.settings(), "works/boiler-7/data") as listener:
        listener.wait_connected()
        assert main(["replay", str(recording), "--plant", str(plant), "--speed", "0"]) == 0
        listener.wait_until(lambda: len(listener.messages) == 1)
        memory = ["--memory", str(tmp_path / "commands.json")]
        assert main(["machines", "--plant", str(plant), "--interval", "0.1", "--for", "0.5", *memory]) == 0
        listener.wait_until(lambda: len(listener.messages) > 2)


def test_h16_a_broker_that_is_named_gets_no_password_of_the_plants(monkeypatch):
    settings = BrokerSettings(host="plant.example", username="aegisflow", password_env="PLANT_PASSWORD")
    monkeypatch.setenv("PLANT_PASSWORD", "s3cret")
    options = Namespace(broker=None, user=None, patience=1.0)
    wire = wire_from(options, settings, "a")
    assert (wire._host, wire._client.username) == ("plant.example", "aegisflow")
    options.broker = ("other.example", 1884)
    wire = wire_from(options, settings, "a")
    assert (wire._host, wire._client.username) == ("other.example", None)
