"""Under load: from a published reading to its committed alarm, and from a question to its answer.

``python -m benchmarks.load PORT RATE SECONDS`` runs a plant that takes RATE readings/s of nine
devices, while probe devices beside them break out one after another, and prints one JSON line.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Reading
from benchmarks.ingest import let_go, start
from benchmarks.publisher import connect, packet
from benchmarks.publisher import reading as ordinary

PROBES = 120
QUIET = 40
"""Ordinary readings that a probe sends before it breaks out."""
STEP_S = 5.0
ASK_EVERY_S = 0.005


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def breaches_until_alarm(spec: DeviceSpec) -> int:
    """Return with how many readings beyond the limit the alarm is due, by asking a device of the same kind."""
    device, began = Device(spec), time.time()

    def record(number: int, temperature: float) -> tuple[AlarmEvent, ...]:
        at = began + STEP_S * number
        return device.record(Reading(spec.device_id, at, {"temperature": temperature}, received_at=at))[1]

    for number in range(QUIET):
        record(number, 75.0 + number % 3)
    for number in range(1, 100):
        if record(QUIET + number - 1, 160.0):
            return number
    raise SystemExit("a probe that breaks out raises no alarm")


def breaking_out(device: str, at: float) -> bytes:
    content = {"timestamp": _stamp(at), "device_id": device, "temperature": 160.0, "pressure": 31.5}
    return json.dumps(content).encode()


def _stamp(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Alarms:
    """Notes when each probe's alarm was committed."""

    def __init__(self) -> None:
        self.committed: dict[str, float] = {}
        self.one = threading.Condition()

    def hear(self, events: tuple[AlarmEvent, ...]) -> None:
        now = time.monotonic()
        with self.one:
            for event in events:
                if event.change is Change.RAISED:
                    self.committed.setdefault(event.alarm.device_id, now)
            self.one.notify_all()

    def wait_for(self, device: str) -> float:
        with self.one:
            if not self.one.wait_for(lambda: device in self.committed, timeout=30):
                raise SystemExit(f"no alarm of {device} within 30 s")
        return self.committed[device]


def probe_alarms(port: int, alarms: Alarms, probes: list[str], breaches: int) -> list[float]:
    """Let each probe break out by itself; return the seconds from its last publish to its committed alarm."""
    import random

    rng, link, base, taken = random.Random(3), connect(port), time.time() - 1_000, []
    for number, device in enumerate(probes):
        topic = f"aegisflow/sensors/{device}"
        calm = [packet(topic, ordinary(device, base + STEP_S * n, rng), 1 + n) for n in range(QUIET)]
        wild = [packet(topic, breaking_out(device, base + STEP_S * (QUIET + n)), 100 + n) for n in range(breaches)]
        link.sendall(b"".join(calm) + b"".join(wild[:-1]))
        # Not always at the same point of the committer's interval.
        time.sleep(0.02 + 0.003 * (number % 10))
        published = time.monotonic()
        link.sendall(wild[-1])
        taken.append(alarms.wait_for(device) - published)
        # What the broker has acknowledged is read and thrown away, or a full socket would hold it up.
        link.setblocking(False)
        while True:
            try:
                if not link.recv(65_536):
                    raise SystemExit("the broker closed the connection")
            except BlockingIOError:
                break
        link.setblocking(True)
    link.close()
    return taken


def time_asks(ask: Callable[[], object], seconds: float) -> list[float]:
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        ask()
        taken.append(time.monotonic() - began)
        time.sleep(ASK_EVERY_S)
    return taken


def run(port: int, rate: float, seconds: float) -> dict[str, float]:
    from aegisflow.app import App
    from benchmarks.plants import configuration
    from benchmarks.publisher import device_names

    names = device_names(9 + PROBES)
    alarms = Alarms()
    with tempfile.TemporaryDirectory() as folder:
        settings = configuration(port, len(names), folder)
        with App(settings, listeners=(alarms.hear,)) as app:
            while not app.plant.health().broker_connected:
                time.sleep(0.01)
            idle = time_asks(lambda: app.plant.device_status(names[0]), seconds / 2)
            # 9 devices from the front are loaded, the probes are the others.
            load = start("benchmarks.publisher", port, int(rate * (seconds + 15)), 9, rate)
            let_go(load)
            time.sleep(1.0)
            loaded = time_asks(lambda: app.plant.device_status(names[0]), seconds / 2)
            latencies = probe_alarms(port, alarms, names[9:], breaches_until_alarm(settings.plant.devices[names[9]]))
            still_loaded = load.poll() is None
            load.kill()
            load.wait()
    return {
        "alarm_p50_ms": statistics.median(latencies) * 1e3,
        "alarm_p99_ms": percentile(latencies, 0.99) * 1e3,
        "ask_idle_p50_ms": statistics.median(idle) * 1e3,
        "ask_idle_p99_ms": percentile(idle, 0.99) * 1e3,
        "ask_loaded_p50_ms": statistics.median(loaded) * 1e3,
        "ask_loaded_p99_ms": percentile(loaded, 0.99) * 1e3,
        "load_lasted": float(still_loaded),
    }


def measure(rate: float, seconds: float = 10.0) -> dict[str, float]:
    """Run it in a process of its own against a fresh broker."""
    from aegisflow.bus.embedded import start_embedded_broker

    with start_embedded_broker(kind="mosquitto") as broker:
        line = subprocess.run(
            [sys.executable, "-m", "benchmarks.load", str(broker.port), str(rate), str(seconds)],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=600,
        ).stdout
    result: dict[str, float] = json.loads(line)
    return result


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))))
