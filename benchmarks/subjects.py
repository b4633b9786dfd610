"""What is compared: each runs as its own process, takes COUNT readings from the broker and reports.

``python -m benchmarks.subjects floor|seed|aegisflow|mapped|sparkplug PORT COUNT DEVICES`` prints ``ready`` when it is
subscribed and, once the last reading is done with, one JSON line: seconds from the first reading to the
last, CPU seconds of the process in that span, and resident memory before and after.
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
        self.left = count
        self.done = threading.Event()
        self.began = self.cpu = 0.0

    def first(self) -> None:
        self.began, self.cpu = time.monotonic(), cpu_s()

    def last(self) -> None:
        self.result = {"seconds": time.monotonic() - self.began, "cpu": cpu_s() - self.cpu, "rss_kb": resident_kb()}
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
    """Decode and count: what no subscriber in Python can be faster than."""
    import msgspec

    decode = msgspec.json.Decoder().decode
    seen = [0]

    def handle(payload: bytes) -> None:
        decode(payload)
        seen[0] += 1

    return subscribe(port, handle, count)


def seed(port: int, count: int, devices: int) -> dict[str, float]:
    """The original algorithm: naive sums over 60 readings per sensor, a row per reading, a commit every fifth."""
    folder = tempfile.TemporaryDirectory()
    base = sqlite3.connect(f"{folder.name}/seed.db", check_same_thread=False)
    base.execute(
        "create table sensor_readings (id integer primary key, timestamp, device_id, temperature, pressure, "
        "vibration, humidity, power_consumption)"
    )
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
        base.execute(
            "insert into sensor_readings (timestamp, device_id, temperature, pressure, vibration, humidity, "
            "power_consumption) values (?, ?, ?, ?, ?, ?, ?)",
            (row["timestamp"], device, *(row[sensor] for sensor in SENSORS)),
        )
        state["rows"] += 1
        if state["rows"] % 5 == 0:
            base.commit()

    result = subscribe(port, handle, count)
    base.close()
    folder.cleanup()
    return result


def aegisflow(port: int, count: int, devices: int, kind: str = "") -> dict[str, float]:
    """The whole of AegisFlow: broker to committed rows; of a foreign kind of messages by its source."""
    from benchmarks.plants import committed, running_plant

    empty = resident_kb()
    with tempfile.TemporaryDirectory() as folder, running_plant(port, devices, folder, kind) as app:
        started = resident_kb()
        meter = Meter(count)
        print("ready", flush=True)
        while not app.inbound_queue.received:
            time.sleep(0.002)
        meter.first()
        while committed(app) < count:
            time.sleep(0.02)
        meter.last()
        return meter.result | {"rss_empty_kb": empty, "rss_started_kb": started}


def main() -> None:
    subjects: dict[str, Callable[[int, int, int], dict[str, float]]] = {
        "floor": floor,
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
