"""``python -m tests.chaos.soak --minutes 60``: a plant under steady load, and whether anything in it grows.

Readings come at a rate, agents ask and propose, and every few seconds memory, descriptors, threads and the
write-ahead log are looked at. In the end each reading that the broker has confirmed must be stored, once.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError

from tests.chaos.sender import device_names
from tests.support.app_inside import KINDS
from tests.support.broker import Mosquitto
from tests.support.places import ROOT
from tests.support.serve_process import ServeProcess
from tests.support.waiting import eventually

LOOK_EVERY_S = 5.0
WARM_UP = 1 / 3
"""Part of the time that no slope counts: windows, caches and the allocator fill up."""
FULL_OF, FULL_OF_EACH = 900_000, 3_700
"""Readings after which SQLite's cache of 64 MB is full, and of each device those after which its windows are."""
PLANT = """
plant: {{name: Soak}}
{kinds}
lines:
  line-1: {{devices: {{{devices}}}}}
broker: {{host: 127.0.0.1, port: {port}, reconnect_min: 100ms}}
store: {{url: "sqlite:///{folder}/aegisflow.db"}}
manuals: {{folder: "{manuals}", model: none}}
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the process found."""

    at_s: float
    memory_mb: float
    descriptors: float
    threads: float
    wal_mb: float


MEASURED = {"memory_mb": "MB", "descriptors": "descriptors", "threads": "threads", "wal_mb": "MB of WAL"}


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares through (seconds, value), for an hour."""
    if len(points) < 2:
        return 0.0
    mean_t = sum(t for t, _ in points) / len(points)
    mean_v = sum(v for _, v in points) / len(points)
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    return 3_600.0 * sum((t - mean_t) * (v - mean_v) for t, v in points) / spread if spread else 0.0


def look(process_id: int, store: Path, at_s: float) -> Look:
    """Return how much of everything a process has."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process_id}/status").read_text().splitlines() if ":" in line
    )
    wal = store.with_name(store.name + "-wal")
    return Look(
        at_s,
        int(status["VmRSS"].split()[0]) / 1_024,
        len(list(Path(f"/proc/{process_id}/fd").iterdir())),
        int(status["Threads"]),
        wal.stat().st_size / 2**20 if wal.exists() else 0.0,
    )


class Agents:
    """Agents that ask and propose over MCP for as long as the block lasts."""

    def __init__(self, url: str, devices: Sequence[str]) -> None:
        self._url, self._devices, self._stop = url, devices, threading.Event()
        self.counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), name="agents", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(number) for number in range(3)))

    async def _one(self, number: int) -> None:
        async with Client(f"{self._url}/mcp") as client:
            for turn in count(number):
                if self._stop.is_set():
                    return
                device_id = self._devices[turn * 7 % len(self._devices)]
                questions: dict[str, dict[str, object]] = {
                    "get_device_status": {"device_id": device_id},
                    "get_active_anomalies": {},
                    "get_sensor_stream": {"device_id": device_id, "last": "5min"},
                    "execute_device_command": _proposal(device_id),
                }
                for tool, arguments in questions.items():
                    await self._call(client, tool, arguments)
                    await asyncio.sleep(0.2)

    async def _call(self, client: Client[Any], tool: str, arguments: dict[str, object]) -> None:
        try:
            await client.call_tool(tool, arguments)
            self.counts[f"{tool} answered"] += 1
        except ToolError as error:
            self.counts[f"{tool} refused: {str(error)[:50]}"] += 1
            self.counts["no answer in time"] += "in time" in str(error)


def _proposal(device_id: str) -> dict[str, object]:
    why = "vibration is what it always was; the soak asks for less load all the same"
    return {"device_id": device_id, "command": "reduce_load", "reduction_pct": "20", "justification": why}


@contextmanager
def serving_pumps(
    folder: Path, broker: Mosquitto, devices: Sequence[str], more: str = "", **settings: str
) -> Iterator[ServeProcess]:
    """Serve a plant of pumps, with more lines in its file and more variables, for as long as the block lasts."""
    serve = ServeProcess(folder, broker.port)
    serve.plant.settings.update(settings)
    listed = ", ".join(f"{name}: pump" for name in devices)
    serve.plant.file.write_text(
        PLANT.format(kinds=KINDS, devices=listed, port=broker.port, folder=folder, manuals=ROOT / "manuals") + more,
        "utf-8",
    )
    try:
        serve.start(and_wait=False)
        serve.url = serve.hear("serving", 180.0)["mcp"].removesuffix("/mcp")
        yield serve
    finally:
        serve.end()


def soak(minutes: float, rate: float, devices: int, say: Callable[[str], None]) -> list[str]:
    """Run it; return what does not hold."""
    with tempfile.TemporaryDirectory(prefix="aegisflow-soak-") as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            (folder / "plant").mkdir()
            with serving_pumps(folder / "plant", broker, device_names(devices)) as serve:
                return _soak(serve, broker.port, minutes, rate, devices, say)
        finally:
            broker.stop()


def _soak(
    serve: ServeProcess, port: int, minutes: float, rate: float, devices: int, say: Callable[[str], None]
) -> list[str]:
    assert serve._process is not None
    command = [sys.executable, "-m", "tests.chaos.sender", str(port), str(devices), str(rate), str(60 * minutes)]
    agents, looks, pause = Agents(serve.url, device_names(devices)), [], threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as sender:
        try:
            began = time.monotonic()
            while sender.poll() is None:
                one = look(serve._process.pid, serve.store, time.monotonic() - began)
                looks.append(one)
                say(
                    f"{one.at_s:>7.0f} s  {one.memory_mb:.1f} MB, {one.descriptors:.0f} descriptors, "
                    f"{one.threads:.0f} threads, WAL {one.wal_mb:.1f} MB"
                )
                pause.wait(LOOK_EVERY_S)
        finally:
            agents.stop()
            if sender.poll() is None:
                sender.kill()
        assert sender.stdout is not None
        sent = json.loads(sender.stdout.read() or '{"sent": 0, "seconds": 0}')
    found = _compare(serve, sent["sent"])
    steady = [one for one in looks if one.at_s >= looks[-1].at_s * WARM_UP]
    say(f"{sent['sent']:,} readings in {sent['seconds']:.0f} s; {dict(sorted(agents.counts.items()))}")
    filled_s = max(FULL_OF, FULL_OF_EACH * devices) / rate
    if filled_s > 60 * minutes * WARM_UP:
        say(f"  cache and windows are full after {filled_s / 60:.0f} min only: the slope of memory says little")
    for field, unit in MEASURED.items():
        values = [(one.at_s, getattr(one, field)) for one in steady]
        say(f"  {slope_per_hour(values):+.2f} {unit} an hour, at most {max(value for _, value in values):.1f}")
    return found


def _compare(serve: ServeProcess, sent: int) -> list[str]:
    def stored() -> int:
        return sum(serve.rows().values())

    try:
        eventually(lambda: stored() >= sent, 180, every_s=2.0)
    except AssertionError:
        return [f"{sent - stored():,} of {sent:,} readings that the broker has confirmed are not stored"]
    return [] if stored() == sent else [f"{stored() - sent:,} readings are stored that nobody sent"]


def main() -> int:
    """Return 0 if no reading is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=5_000.0, help="readings a second")
    parser.add_argument("--devices", type=int, default=500)
    given = parser.parse_args()
    found = soak(given.minutes, given.rate, given.devices, lambda line: print(line, flush=True))
    print(*(found or ["nothing is missing"]), sep="\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
