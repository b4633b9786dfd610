"""Agents that poll a plant over MCP and HTTP: how long a call takes, and what it costs ``aegisflow serve``.

``python -m benchmarks.agents [--agents 50] [--seconds 20]``: each agent has a session of its own and calls
``get_device_status`` once a second, of the whole plant and of one device in turn.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aegisflow.bus.embedded import free_port
from benchmarks.startup import INITIALIZE, PLANT

EVERY_S = 1.0
_DEVICE = "pump-01"
_HEAD = (
    "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Accept: application/json, text/event-stream\r\n{session}Content-Length: {length}\r\n\r\n"
)


class Agent:
    """One session over one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._session = ""

    @classmethod
    async def connect(cls, port: int) -> "Agent":
        """Return an agent that has been greeted."""
        agent = cls(*await asyncio.open_connection("127.0.0.1", port))
        await agent.post(INITIALIZE)
        await agent.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return agent

    async def call(self, number: int) -> None:
        """Ask for the whole plant, or for one device."""
        arguments = {"device_id": _DEVICE} if number % 2 else {}
        params = {"name": "get_device_status", "arguments": arguments}
        answer = await self.post({"jsonrpc": "2.0", "id": number + 2, "method": "tools/call", "params": params})
        if b'"isError":false' not in answer:
            raise SystemExit(f"a call was answered with {answer[:300]!r}")

    async def post(self, message: dict[str, Any]) -> bytes:
        """Send a message and return the body of what is answered."""
        body = json.dumps(message).encode()
        self._writer.write(_HEAD.format(session=self._session, length=len(body)).encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        for line in head.split("\r\n"):
            if line.startswith("mcp-session-id:"):
                self._session = f"Mcp-Session-Id: {line.partition(':')[2].strip()}\r\n"
        if "content-length:" in head:
            return await self._reader.readexactly(int(head.partition("content-length:")[2].split("\r\n")[0]))
        if "chunked" not in head:
            return b""
        answer = b""
        while size := int(await self._reader.readline(), 16):
            answer += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return answer

    async def poll(self, first_at: float, seconds: float) -> list[float]:
        """Call once every second; return how long each call took, from when it was due."""
        taken = []
        for number in range(int(seconds / EVERY_S)):
            due = first_at + number * EVERY_S
            await asyncio.sleep(due - time.monotonic())
            await self.call(number)
            taken.append(time.monotonic() - due)
        return taken


@contextlib.contextmanager
def served() -> Iterator[tuple[int, int]]:
    """Run ``aegisflow serve`` on the shipped plant, without a broker; yield its process id and its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        plant = Path(folder, "plant.yaml")
        text = PLANT.read_text().replace("folder: ../manuals", f"folder: {PLANT.parent.parent / 'manuals'}")
        plant.write_text(text.replace("model: auto", "model: none").replace("multilingual_model: auto", ""))
        environment = {
            **os.environ,
            "AEGISFLOW_STORE_URL": f"sqlite:///{folder}/agents.db",
            "MQTT_BROKER_PORT": "1",  # nobody listens there
            "AEGISFLOW_HTTP_PORT": str(port),
        }
        command = [sys.executable, "-m", "aegisflow", "serve", "--plant", str(plant), "--log-level", "error"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as server:
            try:
                yield server.pid, port
            finally:
                server.terminate()


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _first(port: int) -> Agent:
    until = time.monotonic() + 120
    while True:
        try:
            return await Agent.connect(port)
        except OSError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)


async def _measure(pid: int, port: int, agents: int, seconds: float) -> dict[str, float]:
    everyone = [await _first(port), *[await Agent.connect(port) for _ in range(agents - 1)]]
    for number in range(2):  # what is made at the first call is not counted
        await everyone[0].call(number)
    before, begun = cpu_s(pid), time.monotonic()
    # Spread over the second, as agents are that were started one after another.
    polls = (one.poll(begun + EVERY_S * index / agents, seconds) for index, one in enumerate(everyone))
    taken = sorted(each for several in await asyncio.gather(*polls) for each in several)
    return {
        "agents_p50_ms": 1e3 * statistics.median(taken),
        "agents_p99_ms": 1e3 * taken[int(len(taken) * 0.99)],
        "agents_cpu_ms": 1e3 * (cpu_s(pid) - before) / len(taken),
    }


def measure(agents: int = 50, seconds: float = 20.0) -> dict[str, float]:
    """Return median and 99th percentile of a call in ms, and the CPU of the server for each call in ms."""
    with served() as (pid, port):
        return asyncio.run(_measure(pid, port, agents, seconds))


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    for name, value in measure(options.agents, options.seconds).items():
        print(f"{name:16} {value:8.2f}")


if __name__ == "__main__":
    main()
