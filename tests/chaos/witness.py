"""What stands beside the plant and counts: machines whose every stamp is unique, a forger, and people's webhook."""

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from aegisflow.domain.times import format_instant
from tests.chaos.core import BARE, PLUG, PLUG_CALLED, STEADY, WILD
from tests.support.live import NORMAL
from tests.support.waiting import ended

EVERY_S = 5.0 / 80.0
ORDERS = f"aegisflow/commands/{BARE}"
"""Topic of the commands to the machine that others command."""
SWITCHES = f"cmnd/{PLUG_CALLED}/POWER"
"""Topic on which the plug is switched."""
BUFFER_S = 15.0
"""From how long before its broker fell a machine sends everything again: more than a broker may have forgotten."""


class Line:
    """A connection at QoS 1 that knows which stamps the broker has confirmed."""

    def __init__(self, port: int, name: str) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"chaos-{name}", clean_session=False)
        self._client.max_inflight_messages_set(500)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = lambda _client, _data, mid, *_: self._confirmed(mid)
        self._lock, self._publishing = threading.Lock(), threading.Lock()
        self.under_way: dict[int, tuple[str, str]] = {}
        """What the broker has not confirmed, by packet id."""
        self._early: set[int] = set()
        self._sent: deque[tuple[float, str, str, bytes]] = deque(maxlen=20_000)
        self.confirmed: set[tuple[str, str]] = set()
        self._ordered: list[tuple[float, str, bytes]] = []
        self._orders: list[tuple[str, paho.MQTTMessageInfo]] = []
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def send(self, device_id: str, stamp: str, payload: bytes) -> None:
        """Publish a reading, now or when the broker is back."""
        self._sent.append((time.monotonic(), device_id, stamp, payload))
        self._publish(device_id, stamp, payload)

    def again(self, back_s: float) -> int:
        """Send everything of the last seconds once more, commands included; return how many readings."""
        return self.again_since(time.monotonic() - back_s)

    def again_since(self, since: float) -> int:
        """Do so from a monotonic time on."""
        several = [one for one in list(self._sent) if one[0] >= since]
        for _, device_id, stamp, payload in several:
            self._publish(device_id, stamp, payload)
        for at, topic, payload in list(self._ordered):
            if at >= since:
                self._orders.append((topic, self._client.publish(topic, payload, qos=1)))
        return len(several)

    def say(self, topic: str, payload: bytes) -> None:
        """Publish something else, at QoS 0: nobody counts it."""
        self._client.publish(topic, payload)

    def order(self, topic: str, payload: bytes) -> None:
        """Publish a command at QoS 1."""
        self._ordered.append((time.monotonic(), topic, payload))
        self._orders.append((topic, self._client.publish(topic, payload, qos=1)))

    def orders(self, topic: str) -> int:
        """Return how many commands on a topic the broker has confirmed."""
        # What was published without a connection is sent with the next one, and paho refuses to tell whether it was.
        sent = [order for name, order in self._orders if name == topic and order.rc == paho.MQTT_ERR_SUCCESS]
        return sum(order.is_published() for order in sent)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, device_id: str, stamp: str, payload: bytes) -> None:
        reading = (device_id, stamp)
        with self._publishing:
            with self._lock:
                self._early.clear()  # packet ids come again, and others have had them meanwhile
            # Not under our lock, for paho has one of its own, under which it tells us what is confirmed.
            mid = self._client.publish(f"aegisflow/sensors/{device_id}", payload, qos=1).mid
            with self._lock:
                if mid in self._early:
                    self.confirmed.add(reading)
                else:
                    self.under_way[mid] = reading

    def _confirmed(self, mid: int) -> None:
        with self._lock:
            reading = self.under_way.pop(mid, None)
            if reading is None:
                self._early.add(mid)  # before ``publish`` has returned, or something that is no reading
            else:
                self.confirmed.add(reading)


class Plug:
    """A plug that is switched by a bare word and answers by one, as Tasmota does: no command to it has an id."""

    def __init__(self, port: int) -> None:
        self.is_on = True
        self.heard: list[str] = []
        """The words that came, whoever sent them."""
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "chaos-plug", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(SWITCHES, 1)
        self._client.on_message = lambda _client, _data, message: self._obey(message.payload.decode())
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _obey(self, word: str) -> None:
        self.heard.append(word)
        self.is_on = word == "ON"
        self._client.publish(f"stat/{PLUG_CALLED}/RESULT", json.dumps({"POWER": word}), qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Witness:
    """Machines of our own: a steady one, which has faults, a wild one, and a plug."""

    def __init__(self, port: int, now: Callable[[], float], seed: int) -> None:
        self.line, self.plug = Line(port, "witness"), Plug(port)
        self._now, self._chance = now, random.Random(seed)
        self._stop, self._number = threading.Event(), count()
        self._steady_at = self._wild_at = 0.0
        self._hot = 0
        self.episodes: list[list[float]] = []
        """Begin and end of each fault of the steady machine, UTC epoch seconds by its stamps."""
        self.wild_off_s = 0.0
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    def fault(self, readings: int = 14) -> bool:
        """Let the steady machine run hot for so many readings, unless it does, or was, a moment ago."""
        if self._hot or (self.episodes and self._steady_at - self.episodes[-1][1] < 900.0):
            return False
        self._hot = readings
        return True

    @property
    def is_hot(self) -> bool:
        return self._hot > 0

    def flood(self, readings: int) -> None:
        """Have the wild machine send its buffer of one-millisecond readings as fast as it goes."""
        begin = max(self._now() + self.wild_off_s, self._wild_at)
        for number in range(1, readings + 1):
            self._reading(WILD, begin + 0.001 * number)
        self._wild_at = begin + 0.001 * readings

    def stop(self) -> None:
        self._stop.set()
        ended("the witness's thread", self._thread.join)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            due = max(due + EVERY_S, time.monotonic() - 1.0)
            self._steady_at = max(self._now(), self._steady_at + 0.002)
            hot = self._hot > 0
            if hot and (not self.episodes or len(self.episodes[-1]) == 2):
                self.episodes.append([self._steady_at])
            self._reading(STEADY, self._steady_at, 170.0 if hot else None)
            if hot:
                self._hot -= 1
                if not self._hot:
                    self.episodes[-1].append(self._steady_at)
            self._draw()
            wild_at = self._now() + self.wild_off_s
            if wild_at > self._wild_at or self.wild_off_s < 0:
                self._wild_at = max(wild_at, self._wild_at) if self.wild_off_s >= 0 else self._wild_at
                self._reading(WILD, wild_at)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _draw(self) -> None:
        """Tell what the plug draws."""
        stamp = format_instant(self._steady_at)
        power = round((120.0 + next(self._number) % 7 * 0.3) * self.plug.is_on, 2)
        content = {"timestamp": stamp, "device_id": PLUG, "power": power}
        self.line.send(PLUG, stamp, json.dumps(content).encode())

    def _reading(self, device_id: str, at: float, temperature: float | None = None) -> None:
        number = next(self._number)
        values = {name: round(level * (1.0 + self._chance.gauss(0, 0.004)), 4) for name, level in NORMAL.items()}
        values["humidity"] = round(40.0 + (number % 997) * 1e-4, 4)  # so that no two readings are equal
        if temperature is not None:
            values["temperature"] = temperature + number % 7
        stamp = format_instant(at)
        content = {"timestamp": stamp, "device_id": device_id, **values}
        self.line.send(device_id, stamp, json.dumps(content).encode())


class Forger:
    """Speaks in the names of others: answers that no machine gave, old ones once more, and commands."""

    def __init__(self, line: Line, chance: random.Random) -> None:
        self._line, self._chance = line, chance
        self.commands = 0

    def answer(self, devices: Sequence[str], at: float, known: Sequence[str]) -> None:
        """Answer, for a command that may exist, what nobody has asked."""
        device_id = self._chance.choice(devices)
        command_id = self._chance.choice([*known, "no-such-command", "", "0" * 40])
        content = {
            "command_id": command_id,
            "device_id": self._chance.choice([device_id, "nobody"]),
            "result": self._chance.choice(["done", "accepted", "refused", "unknown", "what"]),
            "at": format_instant(at - self._chance.choice([0.0, 86_400.0, 1e9])),
            "mode": self._chance.choice(["maintenance", "stopped", "normal", "reduced_load"]),
        }
        self._line.say(f"aegisflow/acks/{device_id}", json.dumps(content).encode())

    def replay(self, heard: Sequence[tuple[str, bytes]], most: int = 50) -> int:
        """Send true answers of machines once more."""
        several = [self._chance.choice(heard) for _ in range(most)] if heard else []
        for topic, payload in several:
            self._line.say(topic, payload)
        return len(several)

    def command(self, at: float) -> None:
        """Order a machine to stop, as if we were AegisFlow."""
        if self._chance.random() < 0.2:
            self._line.order(SWITCHES, b"OFF")
            return
        self.commands += 1
        content = {
            "command_id": f"forged-{self.commands}",
            "device_id": BARE,
            "command": "emergency_shutdown",
            "parameters": {},
            "issued_at": format_instant(at),
            "expires_at": format_instant(at + 60),
        }
        self._line.order(ORDERS, json.dumps(content).encode())

    def rubbish(self, messages: int) -> None:
        """Send what is no reading."""
        for _ in range(messages):
            payload = self._chance.choice([b"{", b"", b"\xff" * 60, b'{"timestamp": 1}', b"[" * 500])
            self._line.say(f"aegisflow/sensors/{self._chance.choice([WILD, BARE, 'nobody'])}", payload)


class People:
    """A webhook that notes of which alarms people were told, and that hangs up now and then."""

    def __init__(self, seed: int) -> None:
        self.told: set[str] = set()
        chance, told = random.Random(seed), self.told

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if chance.random() < 0.1:
                    self.send_error(503)
                    return
                with suppress(ValueError, KeyError):
                    told.add(json.loads(body)["subject"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
