"""A broker or a store that is away: health says so, nothing is acknowledged that is not safe, and it goes on."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from aegisflow.bus.embedded import free_port
from aegisflow.domain.times import format_instant
from aegisflow.errors import StoreNewerError
from simulator.protocol import Wire
from tests.support.app_inside import Inside, inside, ordinary
from tests.support.broker import Mosquitto
from tests.support.live import LivePlant
from tests.support.waiting import eventually

T0 = 1_760_000_000.0
WHY = "the seal drips, and the pressure falls with it"
REPORT = {
    "device_id": "pump-01",
    "fault_type": "pressure_leak",
    "severity": "high",
    "title": "Leak at the seal",
    "root_cause": "worn seal",
    "actions_taken": "none yet",
    "outcome": "open",
}


# --- broker -------------------------------------------------------------------------------------


def has_accepted(one: Inside, count: int) -> bool:
    return one.plant.device_status("pump-01").value.accepted == count


def reasons(one: Inside) -> str:
    return "; ".join(one.plant.health().reasons)


def publish(broker: Mosquitto, first: int, count: int) -> None:
    wire = Wire(broker.host, broker.port)
    wire.connect()
    for number in range(first, first + count):
        content = {"timestamp": format_instant(T0 + 5 * number), "device_id": "pump-01", **ordinary(number)}
        wire.publish("aegisflow/sensors/pump-01", json.dumps(content))
    wire.finish()
    wire.close()


@pytest.mark.broker
def test_a_broker_that_comes_late_and_goes_again_is_told_once_per_change(mosquitto: Mosquitto, tmp_path: Path) -> None:
    mosquitto.stop()
    with capture_logs() as logs, inside(tmp_path / "plant", port=mosquitto.port) as one:
        eventually(lambda: "refused" in reasons(one))
        assert f"not connected to the broker 127.0.0.1:{mosquitto.port} since " in reasons(one)
        # Many attempts go by, and the answers of the tools do not wait for them.
        assert one.call("get_device_status")["total"] == 2
        mosquitto.start()
        eventually(lambda: one.plant.health().ok)
        publish(mosquitto, 0, 30)
        eventually(lambda: one.plant.device_status("pump-01").value.accepted == 30)
        for round_ in (1, 2):
            mosquitto.stop()
            eventually(lambda: not one.plant.health().ok)
            assert "not connected to the broker" in reasons(one)
            mosquitto.start()
            eventually(lambda: one.plant.health().ok)
            publish(mosquitto, 30 * round_, 30)
            eventually(partial(has_accepted, one, 30 * (round_ + 1)))
        assert one.app._link().changes == 5
    told = [entry["event"] for entry in logs if "broker" in entry["event"] and entry["log_level"] != "debug"]
    assert told.count("broker_connected") == 3
    # A loss is told with its reason, and again only when the reason is another one.
    assert 3 <= told.count("broker_disconnected") <= 6
    assert set(told) == {"broker_connected", "broker_disconnected"}, "two lines tell the same"


def test_a_name_that_cannot_be_resolved_is_said_and_tried_again(tmp_path: Path) -> None:
    with capture_logs() as logs, inside(tmp_path, host="no-such-host.invalid", port=1883) as one:
        eventually(lambda: "not started" not in reasons(one))
        health = one.plant.health()
        assert not health.ok
        assert health.reasons[0].startswith("not connected to the broker no-such-host.invalid:1883 since ")
        assert "name" in health.broker_detail.lower()
        eventually(lambda: one.app._bus._generation >= 4)  # type: ignore[union-attr]
        assert one.call("get_device_status")["total"] == 2
    assert [entry["event"] for entry in logs].count("broker_disconnected") <= 2


# --- store --------------------------------------------------------------------------------------


@contextmanager
def fed(folder: Path) -> Iterator[Inside]:
    with inside(folder) as one:
        for number in range(40):
            one.feed("pump-01", T0 + 5 * number, ordinary(number))
        one.settle(40)
        yield one


def check_it_waits_and_goes_on(one: Inside, folder: Path, words: str, trouble: Any, relief: Any) -> None:
    """While the store cannot be written nothing is acknowledged and all else answers; afterwards all is there."""
    trouble()
    try:
        for number in range(40, 80):
            one.feed("pump-01", T0 + 5 * number, ordinary(number))
        eventually(lambda: "the store: " in reasons(one))
        assert words in reasons(one)
        health = one.plant.health()
        assert not health.ok
        assert not health.store.ok
        assert health.store.pending > 0
        eventually(lambda: one.plant.device_status("pump-01").value.accepted == 80)
        assert len(one.bus.acknowledged) == 40
        assert one.call("get_device_status", device_id="pump-01")["device"]["readings_accepted"] == 80
        refusal = one.refusal("log_incident_report", **REPORT)
        assert words in refusal
        assert "not stored" in refusal
        proposal = one.refusal("execute_device_command", device_id="pump-01", command="restart", justification=WHY)
        assert words in proposal
        assert len(one.bus.acknowledged) == 40
        assert one.bus.published == []
    finally:
        relief()
    one.settle(80)
    eventually(lambda: one.plant.health().ok)
    assert one.plant.health().store.pending == 0
    assert one.call("get_sensor_stream", device_id="pump-01", last="1h", points=0)["readings"] == 80
    # What was answered as not stored is not there.
    assert one.call("get_incident_reports")["total"] == 0
    assert one.query("SELECT count(*) FROM commands") == [(0,)]
    assert one.call("log_incident_report", **REPORT)["incident"]["incident_id"] >= 1


def test_a_locked_store_acknowledges_nothing_and_recovers(tmp_path: Path) -> None:
    with fed(tmp_path) as one, closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        check_it_waits_and_goes_on(
            one, tmp_path, "locked", lambda: other.execute("BEGIN IMMEDIATE"), lambda: other.execute("ROLLBACK")
        )


def test_a_full_disk_acknowledges_nothing_and_recovers(tmp_path: Path) -> None:
    """No file of this process may grow: to SQLite that is a disk that takes nothing any more."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with fed(tmp_path) as one:
            size = os.stat(tmp_path / "store.db-wal").st_size
            check_it_waits_and_goes_on(
                one,
                tmp_path,
                "disk",
                lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard)),
                lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard)),
            )
    finally:
        signal.signal(signal.SIGXFSZ, before)


def test_a_store_that_stays_locked_at_the_end_loses_nothing(tmp_path: Path) -> None:
    """What was not committed was not acknowledged, so the broker has it still."""
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        with fed(tmp_path) as one:
            other.execute("BEGIN IMMEDIATE")
            for number in range(40, 60):
                one.feed("pump-01", T0 + 5 * number, ordinary(number))
            eventually(lambda: "locked" in reasons(one))
        assert len(one.bus.acknowledged) == 40
        assert len(one.bus._session) == 20
        other.execute("ROLLBACK")
    with inside(tmp_path, one.bus) as again:
        again.settle(60)
        stream = again.call("get_sensor_stream", device_id="pump-01", last="1h", points=0)
        assert stream["readings"] == 60


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder with the store of a later version."""
    with inside(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "store.db")) as store, store:
        store.execute("INSERT INTO schema_version VALUES (999, 0)")
    return tmp_path


def test_a_store_from_a_newer_version_is_left_alone(newer: Path) -> None:
    before = (newer / "store.db").read_bytes()
    with pytest.raises(StoreNewerError, match="schema version 999, this AegisFlow knows up to"), inside(newer):
        pass
    assert (newer / "store.db").read_bytes() == before


@pytest.mark.long
@pytest.mark.timeout(120)
def test_the_commands_say_why_a_newer_store_stops_them(newer: Path) -> None:
    plant = LivePlant(newer, free_port())
    shutil.copy(newer / "store.db", newer / "aegisflow.db")
    command = plant.command("serve", "--plant", str(plant.file), "--port", "0")
    served = subprocess.run(command, capture_output=True, text=True, env=plant.environment, timeout=60)
    assert served.returncode == 1
    assert "schema version 999" in served.stderr
    assert "Traceback" not in served.stderr
    messages: list[dict[str, Any]] = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "get_device_status", "arguments": {}}},
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(plant.mcp(), stdin=pipe, stdout=pipe, stderr=pipe, env=plant.environment) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        for message in messages:
            agent.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        agent.stdin.flush()
        assert json.loads(agent.stdout.readline())["id"] == 1
        answer = json.loads(agent.stdout.readline())["result"]
        _, complaints = agent.communicate(timeout=60)
    assert answer["isError"]
    assert "schema version 999" in answer["content"][0]["text"]
    assert agent.returncode == 1
    assert b"Traceback" not in complaints
