"""Resident memory per device of a started, warm plant, above one with a single device.

``python -m benchmarks.memory DEVICES ROUNDS`` starts a plant on a fake bus, gives every device
ROUNDS readings and prints one JSON line.
"""

import json
import subprocess
import sys
import tempfile
import time

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from benchmarks.plants import committed, configuration
from benchmarks.publisher import device_names
from benchmarks.subjects import resident_kb

PATIENCE_S = 0.005


def run(devices: int, rounds: int) -> dict[str, float]:
    bus, names = FakeBus(), device_names(devices)
    base = time.time() - 1_000
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with App(configuration(1, devices, folder), bus) as app:
            started = time.monotonic() - began
            done = 0
            for turn in range(rounds):
                for name in names:
                    # QoS 0, for the fake bus keeps what is not acknowledged, and that would be counted.
                    bus.deliver_reading(
                        name, base + 5 * turn, {"temperature": 75.0 + turn % 7, "pressure": 31.5}, qos=0
                    )
                    done += 1
                    # No faster than it is committed: a backlog is not what a device costs.
                    if done % 2_000 == 0:
                        while committed(app) < done:
                            time.sleep(PATIENCE_S)
            while committed(app) < done:
                time.sleep(PATIENCE_S)
            return {"rss_kb": resident_kb(), "start_s": started}


def measure(devices: int, rounds: int) -> dict[str, float]:
    def child(count: int) -> dict[str, float]:
        command = [sys.executable, "-m", "benchmarks.memory", str(count), str(rounds)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=3600
        )
        figures: dict[str, float] = json.loads(done.stdout)
        return figures

    one, many = child(1), child(devices)
    return {"per_device_kb": (many["rss_kb"] - one["rss_kb"]) / devices, "start_s": many["start_s"]}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
