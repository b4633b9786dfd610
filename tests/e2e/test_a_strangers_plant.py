"""From a broker that nobody has described to the first alarm, by commands only, with a stopwatch."""

import json
import threading
import time
from pathlib import Path

import pytest

from simulator.protocol import Wire
from simulator.sparkplug import SparkplugNode
from tests.support.broker import Mosquitto
from tests.support.serve_process import ServeProcess
from tests.support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.long, pytest.mark.timeout(240)]


class ForeignPlants:
    """A house of Zigbee sensors, a line behind a Sparkplug node, and the metrics of a host; all speak at once."""

    def __init__(self, broker: Mosquitto) -> None:
        self._wire = Wire(broker.host, broker.port, name="house")
        self._node = SparkplugNode(
            broker.host, broker.port, "Works", "edge-1", {"press": {"Oil/Temperature": 55.0, "Oil/Pressure": 90.0}}
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.too_hot = False

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.1):
            number += 1
            noise = number % 7 / 10
            cold = {"temperature": (9.0 if self.too_hot else -18.0) + noise, "humidity": 48 + noise, "linkquality": 99}
            self._wire.publish("zigbee2mqtt/Cold store 2", json.dumps(cold))
            cpu = {"fields": {"usage_idle": 98 + noise}, "name": "cpu", "tags": {"host": "edge-7", "cpu": "cpu-total"}}
            self._wire.publish("telegraf/edge-7/cpu", json.dumps({**cpu, "timestamp": time.time()}))
            self._node.send("press", {"Oil/Temperature": 55 + noise, "Oil/Pressure": 90 + noise})

    def __enter__(self) -> "ForeignPlants":
        self._wire.connect()
        self._node.wait_until(lambda: self._node.births)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._wire.close()
        self._node.close()


def test_three_foreign_plants_are_discovered_checked_served_and_watched(
    mosquitto: Mosquitto, tmp_path: Path, record_property
) -> None:
    began = time.monotonic()
    serve = ServeProcess(tmp_path, mosquitto.port)
    file = tmp_path / "found" / "plant.yaml"
    with ForeignPlants(mosquitto) as plants:
        broker = ("--broker", f"127.0.0.1:{mosquitto.port}")
        found = serve.run("discover", *broker, "--for", "6s", "--ask-births", "--out", str(file))
        assert found.returncode == 0, found.stderr
        assert "Cold-store-2" in found.stderr
        text = file.read_text()
        # What only a person knows: how warm the store may be.
        line = next(line for line in text.splitlines() if line.strip().startswith("temperature: {unit"))
        known = line.replace("}", ", alarm: {high: -10}}", 1)
        serve.plant.file.write_text(text.replace(line, known) + "manuals_are_elsewhere: 1\n")
        wrong = serve.run("check", str(serve.plant.file))
        assert wrong.returncode == 1
        assert "manuals_are_elsewhere" in wrong.stderr
        serve.plant.file.write_text(text.replace(line, known))
        checked = serve.run("check", str(serve.plant.file))
        assert checked.returncode == 0, checked.stderr
        try:
            serve.start()
            devices = {"Cold-store-2", "edge-7", "Works-edge-1-press"}
            eventually(lambda: devices <= {name for name, count in serve.rows().items() if count > 10})
            plants.too_hot = True
            told = serve.hear("people_notified", within_s=120.0)
            assert told["device_id"] == "Cold-store-2", told
            record_property("seconds", round(time.monotonic() - began, 1))
        finally:
            serve.end()
