"""A real ``aegisflow`` process in a folder of its own, and readings that make it raise an alarm."""

import json
import os
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from aegisflow.domain.times import format_instant
from tests.support.places import ROOT

DEVICE = "motor-03"
REPOSITORY = ROOT
NORMAL = {"temperature": 75.0, "pressure": 31.5, "vibration": 1.5, "humidity": 40.0, "power_consumption": 20.0}


class LivePlant:
    """How to start ``aegisflow`` on the shipped plant, with its store in ``folder`` and its broker at ``port``."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.broker_port = port
        self.file = folder / "plant.yaml"
        text = (REPOSITORY / "config/plant.yaml").read_text()
        assert "model: auto" in text
        assert "folder: ../manuals" in text
        assert "rest: 5s " in text
        text = text.replace("model: auto", "model: none")  # a model takes seconds and hundreds of megabytes
        text = text.replace("rest: 5s ", "rest: 200ms ")  # tests put a whole file in the place of the old one
        self.file.write_text(text.replace("folder: ../manuals", f"folder: {REPOSITORY / 'manuals'}"))
        self.settings = {
            "MQTT_BROKER_HOST": "127.0.0.1",
            "MQTT_BROKER_PORT": str(port),
            "AEGISFLOW_STORE_URL": f"sqlite:///{folder / 'aegisflow.db'}",
        }

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "aegisflow", *arguments]

    def mcp(self) -> list[str]:
        return self.command("mcp", "--plant", str(self.file))

    def publish(self, payloads: list[bytes], device_id: str = DEVICE) -> None:
        """Send readings, and return once the broker has all of them."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.connect("127.0.0.1", self.broker_port)
        client.loop_start()
        for payload in payloads:
            client.publish(f"aegisflow/sensors/{device_id}", payload, qos=1).wait_for_publish(20)
        client.disconnect()
        client.loop_stop()


def a_bearing_failure(device_id: str = DEVICE, quiet: int = 60, bad: int = 10) -> list[bytes]:
    """Return payloads of a quiet run that ends now in readings of strong vibration."""
    now, payloads = time.time(), []
    for index in range(quiet + bad):
        values = {name: level * (1 + 0.01 * (index % 5 - 2)) for name, level in NORMAL.items()}
        if index >= quiet:
            values |= {"vibration": 8.5, "temperature": 83.0}
        at = format_instant(now - 5.0 * (quiet + bad - 1 - index))
        payloads.append(json.dumps({"timestamp": at, "device_id": device_id, **values}).encode())
    return payloads
