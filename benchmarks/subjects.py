"""What is compared: each runs as its own process, takes COUNT readings from the broker and reports.

``python -m benchmarks.subjects NAME PORT COUNT DEVICES``, NAME being floor, paho, plain, seed, aegisflow, mapped or
sparkplug, prints ``ready`` when it is subscribed and, once the last reading is done with, one JSON line: how many
readings were measured, the seconds and the CPU seconds of the process that they took, and resident memory. AegisFlow is
measured warm: the first readings of each device (``WARM``) are not counted.
"""

import json
import os
import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

WARM = 150
"""Readings of each device before AegisFlow is measured: its windows are full and its baselines learned by then."""
SENSORS = ("temperature", "pressure", "vibration", "humidity", "power_consumption")


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_kb() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


class Meter:
    """Counts readings and notes time and CPU at the first and the last."""

    def __init__(self, count: int) -> None:
        self.counted = self.left = count
        self.done = threading.Event()
        self.began = self.cpu = 0.0

    def first(self) -> None:
        self.began, self.cpu = time.monotonic(), cpu_s()

    def last(self) -> None:
        took, cpu = time.monotonic() - self.began, cpu_s() - self.cpu
        self.result = {"counted": self.counted, "seconds": took, "cpu": cpu, "rss_kb": resident_kb()}
        self.done.set()


def subscribe(port: int, handle: Callable[[bytes], None], count: int) -> dict[str, float]:
    """A bare paho subscriber, MQTT 5 and QoS 1 as AegisFlow's, that hands each payload on."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    meter = Meter(count)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"bench-{os.getpid()}", protocol=mqtt.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = 10_000

    def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if meter.began == 0.0:
            meter.first()
        handle(bytes(message.payload))
        meter.left -= 1
        if meter.left == 0:
            meter.last()

    def on_connect(*_: object) -> None:
        client.subscribe("aegisflow/sensors/+", qos=1)

    client.on_message = on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_connect = on_connect
    client.connect("127.0.0.1", port, properties=properties)
    client.loop_start()
    meter.done.wait()
    client.loop_stop()
    return meter.result


def floor(port: int, count: int, devices: int) -> dict[str, float]:
    """What nothing durable of ours can be faster than: our packet stream, decoding, a row, an ack once committed.

    Nothing is checked, looked up or detected. What comes while a commit is under way waits for the next one.
    """
    import msgspec

    from aegisflow.bus import BusMessage
    from aegisflow.bus.mqtt import PahoBus
    from aegisflow.config import BrokerSettings
    from aegisflow.domain.readings import Receipt
    from aegisflow.telemetry.logs import configure_logs

    configure_logs("error")
    meter, decode, come = Meter(count), msgspec.json.Decoder().decode, threading.Condition()
    waiting: list[BusMessage] = []

    def take(message: BusMessage) -> None:
        with come:
            waiting.append(message)
            if len(waiting) == 1:
                come.notify()

    with tempfile.TemporaryDirectory() as folder:
        base = _durable(f"{folder}/floor.db")
        bus = PahoBus(BrokerSettings(host="127.0.0.1", port=port, client_id="bench-floor"))
        bus.start(take, lambda _: None)
        bus.subscribe(("aegisflow/sensors/+",))
        while not bus.link().connected:
            time.sleep(0.01)
        print("ready", flush=True)
        while meter.left:
            with come:
                while not waiting:
                    come.wait()
                batch, waiting = waiting, []
            if meter.began == 0.0:
                meter.first()
            said = [decode(message.payload) for message in batch]
            base.executemany(_INSERT, [(row["timestamp"], row["device_id"], *map(row.get, SENSORS)) for row in said])
            base.commit()
            receipts: list[Receipt] = [message.receipt for message in batch if message.receipt is not None]
            bus.acknowledge(tuple(receipts))
            meter.left -= len(batch)
        meter.last()
        bus.stop()
        base.close()
    return meter.result


_INSERT = """
insert into sensor_readings (timestamp, device_id, temperature, pressure, vibration, humidity, power_consumption)
values (?, ?, ?, ?, ?, ?, ?)
"""


def _table(path: str) -> sqlite3.Connection:
    base = sqlite3.connect(path, check_same_thread=False)
    base.execute(
        "create table sensor_readings (id integer primary key, timestamp, device_id, temperature, pressure, "
        "vibration, humidity, power_consumption)"
    )
    return base


def _durable(path: str) -> sqlite3.Connection:
    """Return a base whose commits survive a loss of power, as those of AegisFlow do."""
    base = _table(path)
    base.execute("pragma journal_mode = wal")
    base.execute("pragma synchronous = full")
    return base


def paho(port: int, count: int, devices: int) -> dict[str, float]:
    """Decode and count, by paho alone: nothing is kept."""
    import msgspec

    decode = msgspec.json.Decoder().decode

    def handle(payload: bytes) -> None:
        decode(payload)

    return subscribe(port, handle, count)


def plain(port: int, count: int, devices: int) -> dict[str, float]:
    """What an afternoon gives: paho, one z-score for each sensor by running sums, a row each, a commit every 500."""
    windows: dict[tuple[str, str], list[Any]] = {}
    state = {"rows": 0, "breaches": 0}
    with tempfile.TemporaryDirectory() as folder:
        base = _durable(f"{folder}/plain.db")

        def handle(payload: bytes) -> None:
            row = json.loads(payload)
            device = row["device_id"]
            for sensor in SENSORS:
                value = row[sensor]
                window = windows.get((device, sensor))
                if window is None:
                    window = windows[device, sensor] = [deque(maxlen=60), 0.0, 0.0]
                last, total, squares = window
                if len(last) == 60:
                    mean = total / 60
                    spread = max(squares / 60 - mean * mean, 0.0) ** 0.5
                    if spread > 0.0 and abs(value - mean) > 3.0 * spread:
                        state["breaches"] += 1
                    total -= last[0]
                    squares -= last[0] ** 2
                last.append(value)
                window[1:] = total + value, squares + value * value
            base.execute(_INSERT, (row["timestamp"], device, *(row[sensor] for sensor in SENSORS)))
            state["rows"] += 1
            if state["rows"] % 500 == 0 or state["rows"] == count:
                base.commit()

        result = subscribe(port, handle, count)
        base.close()
    return result


def seed(port: int, count: int, devices: int) -> dict[str, float]:
    """The original algorithm: naive sums over 60 readings per sensor, a row per reading, a commit every fifth."""
    folder = tempfile.TemporaryDirectory()
    base = _table(f"{folder.name}/seed.db")
    windows: dict[tuple[str, str], deque[float]] = {}
    state = {"rows": 0, "breaches": 0}

    def handle(payload: bytes) -> None:
        row = json.loads(payload)
        device = row["device_id"]
        for sensor in SENSORS:
            value = row[sensor]
            window = windows.setdefault((device, sensor), deque(maxlen=60))
            if len(window) >= 20:
                mean = sum(window) / len(window)
                spread = (sum((x - mean) ** 2 for x in window) / len(window)) ** 0.5
                if spread > 0 and abs(value - mean) / spread > 3.0:
                    state["breaches"] += 1
            window.append(value)
        base.execute(_INSERT, (row["timestamp"], device, *(row[sensor] for sensor in SENSORS)))
        state["rows"] += 1
        if state["rows"] % 5 == 0:
            base.commit()

    result = subscribe(port, handle, count)
    base.close()
    folder.cleanup()
    return result


def aegisflow(port: int, count: int, devices: int, kind: str = "") -> dict[str, float]:
    """The whole of AegisFlow, warm: broker to committed rows; of a foreign kind of messages by its source."""
    from benchmarks.plants import committed, running_plant

    empty = resident_kb()
    with tempfile.TemporaryDirectory() as folder, running_plant(port, devices, folder, kind) as app:
        started = resident_kb()
        meter = Meter(count)
        print("ready", flush=True)
        while not app.inbound_queue.received:
            time.sleep(0.002)
        while (before := committed(app)) < min(WARM * devices, count // 2):
            time.sleep(0.02)
        meter.counted = count - before
        meter.first()
        while committed(app) < count:
            time.sleep(0.02)
        meter.last()
        return meter.result | {"rss_empty_kb": empty, "rss_started_kb": started}


def main() -> None:
    subjects: dict[str, Callable[[int, int, int], dict[str, float]]] = {
        "floor": floor,
        "paho": paho,
        "plain": plain,
        "seed": seed,
        "aegisflow": aegisflow,
        "mapped": partial(aegisflow, kind="mapped"),
        "sparkplug": partial(aegisflow, kind="sparkplug"),
    }
    subject = subjects[sys.argv[1]]
    port, count, devices = (int(text) for text in sys.argv[2:5])
    print(json.dumps(subject(port, count, devices)), flush=True)


if __name__ == "__main__":
    main()
