"""``python -m tests.chaos.flood --devices 500``: every device fails at once, and how soon people are told of each.

A second is counted from the stamp of the reading that raised the alarm, by the machine that sent it, to the webhook.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from pathlib import Path

from tests.chaos.sender import device_names
from tests.chaos.soak import serving_pumps
from tests.support.broker import Mosquitto
from tests.support.places import ROOT
from tests.support.serve_process import ServeProcess
from tests.support.waiting import eventually

HEALTHY_S, HOT_S = 60.0, 30.0
TOLD_WITHIN_S = 300.0
WEBHOOK = "FLOOD_WEBHOOK"
NOTIFICATIONS = f'notifications: {{log: false, topic: "", webhook_env: {WEBHOOK}}}\n'


def share(values: list[float], part: float) -> float:
    """Return the value that so great a part of them does not exceed."""
    return sorted(values)[ceil(len(values) * part) - 1]


@contextmanager
def _people(told: dict[str, float]) -> Iterator[str]:
    """Note when people were first told of each alarm; yield the address of the webhook."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at = time.time()
            told.setdefault(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["subject"], at)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def flood(devices: int, rate: float) -> tuple[list[float], list[str]]:
    """Return how long it took until people were told of each device, in seconds, and what does not hold."""
    names, told = device_names(devices), dict[str, float]()
    with tempfile.TemporaryDirectory(prefix="aegisflow-flood-") as name, _people(told) as url:
        folder = Path(name)
        for part in ("broker", "plant"):
            (folder / part).mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            with serving_pumps(folder / "plant", broker, names, NOTIFICATIONS, **{WEBHOOK: url}) as serve:
                numbers = [broker.port, devices, rate, HEALTHY_S + HOT_S, HEALTHY_S]
                command = [sys.executable, "-m", "tests.chaos.sender", *map(str, numbers)]
                subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
                with suppress(AssertionError):
                    eventually(lambda: len(_took(serve, told)) == devices, TOLD_WITHIN_S, every_s=1.0)
                took = _took(serve, told)
        finally:
            broker.stop()
    missing = sorted(set(names) - set(took))
    return list(took.values()), [f"nobody was told of {len(missing)} devices: {missing[:3]}"] if missing else []


def _took(serve: ServeProcess, told: Mapping[str, float]) -> dict[str, float]:
    """Return device to how long it took until people were told of its first alarm of which they were."""
    found: dict[str, float] = {}
    for device_id, alarm_id, at in serve.query("SELECT device_id, alarm_id, raised_at FROM anomalies ORDER BY 3"):
        if alarm_id in told:
            found.setdefault(device_id, told[alarm_id] - at)
    return found


def main() -> int:
    """Return 0 if people were told of every device."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.flood", description=__doc__)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--rate", type=float, default=500.0, help="readings a second, of all devices")
    given = parser.parse_args()
    took, found = flood(given.devices, given.rate)
    if took:
        parts = ", ".join(f"p{100 * part:g} {share(took, part):.2f} s" for part in (0.5, 0.9, 0.99))
        print(f"people were told of {len(took)} of {given.devices} devices: {parts}, the slowest {max(took):.2f} s")
    print(*(found or ["nobody was forgotten"]), sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
