"""A plant of pumps for soak and flood, and the people who are told of its alarms."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from pathlib import Path

from tests.support.app_inside import KINDS
from tests.support.broker import Mosquitto
from tests.support.places import ROOT
from tests.support.serve_process import ServeProcess

WEBHOOK = "PUMPS_WEBHOOK"
PLANT = f"""
plant: {{{{name: Pumps}}}}
{{kinds}}
lines:
  line-1: {{{{devices: {{{{{{devices}}}}}}}}}}
broker: {{{{host: 127.0.0.1, port: {{port}}, reconnect_min: 100ms}}}}
store: {{{{url: "sqlite:///{{folder}}/aegisflow.db"}}}}
manuals: {{{{folder: "{{manuals}}", model: none}}}}
notifications: {{{{log: false, topic: "", webhook_env: {WEBHOOK}}}}}
"""


@contextmanager
def serving_pumps(
    folder: Path, broker: Mosquitto, devices: Sequence[str], told: dict[str, float]
) -> Iterator[ServeProcess]:
    """Serve a plant of pumps for as long as the block lasts; note when people were first told of each alarm."""
    with _people(told) as url:
        serve = ServeProcess(folder, broker.port)
        serve.plant.settings[WEBHOOK] = url
        listed = ", ".join(f"{name}: pump" for name in devices)
        filled = PLANT.format(kinds=KINDS, devices=listed, port=broker.port, folder=folder, manuals=ROOT / "manuals")
        serve.plant.file.write_text(filled, "utf-8")
        try:
            serve.start(and_wait=False)
            serve.url = serve.hear("serving", 180.0)["mcp"].removesuffix("/mcp")
            yield serve
        finally:
            serve.end()


@contextmanager
def _people(told: dict[str, float]) -> Iterator[str]:
    """Yield the address of the people's webhook."""

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


def took(serve: ServeProcess, told: Mapping[str, float], since: float) -> dict[str, float]:
    """Return device to how long it took until people were told of its first alarm since then of which they were.

    A second is counted from the stamp of the reading that raised the alarm, by the machine that sent it.
    """
    found: dict[str, float] = {}
    asked = "SELECT device_id, alarm_id, raised_at FROM anomalies WHERE raised_at >= ? ORDER BY 3"
    for device_id, alarm_id, at in serve.query(asked, since):
        if alarm_id in told:
            found.setdefault(device_id, told[alarm_id] - at)
    return found


def share(values: Sequence[float], part: float) -> float:
    """Return the value that so great a part of them does not exceed."""
    return sorted(values)[ceil(len(values) * part) - 1]


def told_in_words(seconds: Sequence[float], devices: int) -> str:
    """Return how soon people were told, as a line."""
    if not seconds:
        return f"people were told of none of {devices} devices"
    parts = ", ".join(f"p{100 * part:g} {share(seconds, part):.2f} s" for part in (0.5, 0.9, 0.99))
    return f"people were told of {len(seconds)} of {devices} devices: {parts}, the slowest {max(seconds):.2f} s"
