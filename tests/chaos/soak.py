"""``python -m tests.chaos.soak --minutes 60``: a plant under steady load, and whether anything in it grows.

Readings come at a rate, agents ask and propose, and every few seconds memory, descriptors, threads and the
write-ahead log are looked at. After that every device fails at once, under the same load, and people must be told. In
the end each reading that the broker has confirmed must be stored, once.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError

from tests.chaos.growth import Look, in_words, look
from tests.chaos.pumps import serving_pumps, told_in_words, took
from tests.chaos.sender import device_names
from tests.support.broker import Mosquitto
from tests.support.ending import leave_nothing_behind
from tests.support.places import ROOT
from tests.support.serve_process import ServeProcess
from tests.support.waiting import eventually

LOOK_EVERY_S = 10.0
WARM_UP = 1 / 3
"""Part of the time, at least, that no slope counts: windows, caches and the allocator fill up."""
FULL_OF, FULL_OF_EACH = 900_000, 3_700
"""Readings after which SQLite's cache of 64 MB is full, and of each device those after which its windows are."""
HOT_S = 30.0
"""How long every device fails after the soak."""
TOLD_WITHIN_S = 120.0
SENT_WITHIN_S = 900.0
"""How much longer than it should the sender may take: on a busy machine the broker keeps it waiting."""


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
        self.counts["agents that do not end"] += self._thread.is_alive()

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
            why = re.sub(r"pump-\d+", "a device", str(error))
            self.counts[f"{tool} refused: {why[:60]}"] += 1
            self.counts["no answer in time"] += "no answer within" in why


def _proposal(device_id: str) -> dict[str, object]:
    why = "vibration is what it always was; the soak asks for less load all the same"
    return {"device_id": device_id, "command": "reduce_load", "reduction_pct": "20", "justification": why}


def soak(minutes: float, rate: float, devices: int, say: Callable[[str], None]) -> list[str]:
    """Run it; return what does not hold."""
    names, told = device_names(devices), dict[str, float]()
    with tempfile.TemporaryDirectory(prefix="aegisflow-soak-") as name:
        folder = Path(name)
        for part in ("broker", "plant"):
            (folder / part).mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            with serving_pumps(folder / "plant", broker, names, told) as serve:
                agents, began = Agents(serve.url, names), time.time()
                try:
                    looks, sent = _load(serve, broker.port, minutes, rate, devices, say)
                finally:
                    agents.stop()
                found = _compare(serve, int(sent["sent"]))
                say(f"{sent['sent']:,} readings in {sent['seconds']:.0f} s; {dict(sorted(agents.counts.items()))}")
                _say_slopes(looks, 60 * minutes, sent["sent"] / sent["seconds"], devices, say)
                return found + _say_flood(serve, told, began + 60 * minutes, devices, say)
        finally:
            broker.stop()


def _load(
    serve: ServeProcess, port: int, minutes: float, rate: float, devices: int, say: Callable[[str], None]
) -> tuple[list[Look], dict[str, float]]:
    """Send readings, and look; return what was seen, and how many were sent in which time."""
    process, asked_s = serve.process, 60 * minutes
    numbers = [port, devices, rate, asked_s + HOT_S, asked_s]
    command = [sys.executable, "-m", "tests.chaos.sender", *map(str, numbers)]
    looks, pause, began = list[Look](), threading.Event(), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as sender:
        try:
            while sender.poll() is None:
                assert process.poll() is None, f"the core has ended with exit code {process.poll()}"
                at_s = time.monotonic() - began
                assert at_s < asked_s + HOT_S + SENT_WITHIN_S, "the broker has not confirmed all to the sender in time"
                metrics: dict[str, float] = {}
                with suppress(OSError):  # whoever has no time to answer is looked at again
                    metrics = serve.figures()
                looks.append(look(process.pid, serve.store, metrics, at_s))
                say(str(looks[-1]))
                pause.wait(LOOK_EVERY_S)
        finally:
            sender.kill()
        assert sender.stdout is not None
        return looks, json.loads(sender.stdout.read() or '{"sent": 0, "seconds": 1}')


def _say_slopes(looks: Sequence[Look], until_s: float, rate: float, devices: int, say: Callable[[str], None]) -> None:
    filled_s = max(FULL_OF, FULL_OF_EACH * devices) / max(rate, 1.0)
    since_s = max(until_s * WARM_UP, filled_s)
    say(
        f"slopes from {since_s / 60:.1f} min to {until_s / 60:.1f} min, by Theil and Sen "
        f"(at {rate:,.0f} readings/s, cache and windows are full after {filled_s / 60:.1f} min):"
    )
    if since_s > until_s * (1 - WARM_UP):
        say("  that is too late: the slopes of memory say little")
        since_s = until_s * WARM_UP
    for line in in_words([one for one in looks if one.at_s <= until_s], since_s):
        say(line)


def _say_flood(
    serve: ServeProcess, told: dict[str, float], since: float, devices: int, say: Callable[[str], None]
) -> list[str]:
    """Say how soon people were told when every device failed; return what does not hold."""
    before = serve.query("SELECT count(*) FROM anomalies WHERE raised_at < ?", since)[0][0]
    with suppress(AssertionError):
        eventually(lambda: len(took(serve, told, since)) == devices, TOLD_WITHIN_S, every_s=1.0)
    found = took(serve, told, since)
    say(
        f"when every device failed at once, {told_in_words(list(found.values()), devices)}; {before} alarms before that"
    )
    return [] if len(found) == devices else [f"nobody was told of {devices - len(found)} devices"]


def _compare(serve: ServeProcess, sent: int) -> list[str]:
    def stored() -> int:
        return sum(serve.rows().values())

    before = -1
    while before < (now := stored()) < sent:  # for as long as there are ever more: a starved core has lost none yet
        before = now
        with suppress(AssertionError):
            eventually(lambda: stored() >= sent, 60.0, every_s=2.0)
    if now < sent:
        return [f"{sent - now:,} of {sent:,} readings that the broker has confirmed are not stored"]
    return [] if stored() == sent else [f"{stored() - sent:,} readings are stored that nobody sent"]


def main() -> int:
    """Return 0 if no reading is missing."""
    leave_nothing_behind()
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
