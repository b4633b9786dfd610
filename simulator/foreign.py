"""Machines that know nothing of AegisFlow: a plug of Zigbee2MQTT, one of Tasmota, and a switch of Shelly.

Each is switched on and off in its own words, answers in them, and tells its power. Written from the public
documentation of each system.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

__all__ = ["DIALECTS", "ForeignPlug"]

POWER_W = 120.0
"""What it draws while it is on."""

Said = list[tuple[str, str]]
"""Topics and payloads."""


class Dialect(NamedTuple):
    """How one make is told, how it answers, and how it tells its power."""

    listens: str
    """Topic of its commands; {name} is its own."""
    wanted: Callable[[bytes], bool | None]
    """Takes a payload; returns whether it is to be on, None for what it does not understand."""
    answers: Callable[[str, bytes, bool | None, bool], Said]
    """Takes its name, the command, what was wanted and how it is now."""
    readings: Callable[[str, float, bool], Said]
    """Takes its name, its power in W and how it is."""


def _word(on: bool) -> str:
    return "ON" if on else "OFF"


def _on_or_off(word: object) -> bool | None:
    return {"ON": True, "OFF": False}.get(str(word).upper())


def _loaded(payload: bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _zigbee_state(name: str, power: float, on: bool) -> Said:
    return [(f"zigbee2mqtt/{name}", json.dumps({"state": _word(on), "power": power, "linkquality": 120}))]


def _tasmota_answers(name: str, _payload: bytes, wanted: bool | None, on: bool) -> Said:
    if wanted is None:
        return [(f"stat/{name}/RESULT", json.dumps({"Command": "Unknown"}))]
    return [(f"stat/{name}/RESULT", json.dumps({"POWER": _word(on)})), (f"stat/{name}/POWER", _word(on))]


def _tasmota_readings(name: str, power: float, _on: bool) -> Said:
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    return [(f"tele/{name}/SENSOR", json.dumps({"Time": now, "ENERGY": {"Power": power, "Voltage": 230}}))]


def _shelly_wanted(payload: bytes) -> bool | None:
    said = _loaded(payload)
    if said.get("method") != "Switch.Set":
        return None
    return {True: True, False: False}.get(said.get("params", {}).get("on"))


def _shelly_answers(name: str, payload: bytes, wanted: bool | None, on: bool) -> Said:
    said = _loaded(payload)
    back = {"id": said.get("id"), "src": name, "dst": said.get("src")}
    more = {"error": {"code": 404, "message": "No handler"}} if wanted is None else {"result": {"was_on": not on}}
    return [(f"{said.get('src')}/rpc", json.dumps(back | more))]


def _shelly_readings(name: str, power: float, on: bool) -> Said:
    status = {"ts": time.time(), "switch:0": {"id": 0, "apower": power, "output": on}}
    return [(f"{name}/events/rpc", json.dumps({"src": name, "method": "NotifyStatus", "params": status}))]


DIALECTS = {
    "zigbee2mqtt": Dialect(
        "zigbee2mqtt/{name}/set",
        lambda payload: _on_or_off(_loaded(payload).get("state")),
        lambda name, _payload, _wanted, on: _zigbee_state(name, POWER_W * on, on),
        _zigbee_state,
    ),
    "tasmota": Dialect(
        "cmnd/{name}/POWER",
        lambda payload: _on_or_off(payload.decode(errors="replace")),
        _tasmota_answers,
        _tasmota_readings,
    ),
    "shelly": Dialect("{name}/rpc", _shelly_wanted, _shelly_answers, _shelly_readings),
}


class ForeignPlug:
    """One of them on a broker; it begins switched on, and tells its power every ``every_s`` seconds.

    Args:
        host: of the broker.
        port: of the broker.
        dialect: one of ``DIALECTS``.
        name: its own, by which its topics go.
        every_s: between two readings.
        deaf: whether it ignores what it is told.
    """

    def __init__(
        self, host: str, port: int, dialect: str, name: str, *, every_s: float = 0.1, deaf: bool = False
    ) -> None:
        self.taken: list[bytes] = []
        """Payloads of the commands that came."""
        self.on, self.deaf = True, deaf
        self._dialect, self._name, self._every_s = DIALECTS[dialect], name, every_s
        self._change, self._ends = threading.Condition(), threading.Event()
        self._number = 0
        self._client = Client(
            CallbackAPIVersion.VERSION2, f"plug-{uuid4().hex[:8]}", protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.on_connect = lambda client, *_: client.subscribe(self._dialect.listens.format(name=name), 1)
        self._client.on_message = self._obey
        self._client.connect(host, port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _obey(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        with self._change:
            self.taken.append(payload)
            self._change.notify_all()
            if self.deaf:
                return
            wanted = self._dialect.wanted(payload)
            self.on = self.on if wanted is None else wanted
            self._say(self._dialect.answers(self._name, payload, wanted, self.on))

    def _live(self) -> None:
        while not self._ends.wait(self._every_s):
            with self._change:
                self._number += 1
                power = round((POWER_W + self._number % 7 * 0.3) * self.on, 2)
                self._say(self._dialect.readings(self._name, power, self.on))

    def _say(self, said: Said) -> None:
        for topic, payload in said:
            self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        """Fall silent."""
        self._ends.set()
        self._thread.join(30.0)
        self._client.disconnect()
        self._client.loop_stop()
