"""The whole application in this process, on a FakeBus or a broker, from a plant file."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError

from aegisflow.app import App
from aegisflow.bus import Bus
from aegisflow.bus.fake import FakeBus
from aegisflow.config import load
from aegisflow.mcp.server import build_server
from aegisflow.store.connection import Connection
from tests.support.live import NORMAL
from tests.support.twins import windows

KINDS = """kinds:
  pump:
    sensors:
      temperature: {unit: °C, span: [-40, 1000], alarm: {high: 90}}
      pressure: {unit: PSI, span: [-15, 300]}
      vibration: {unit: mm/s, span: [0, 100]}
      humidity: {unit: "%RH"}
      power_consumption: {unit: kW}"""
"""The kind of pump that plant files here watch."""
PLANT = """
plant: {{name: Tried}}
defaults: {{detector: {{window: 60, min_readings: 20}}, stale_after: 30s, silent_after: 60s}}
{kinds}
lines:
  line-1: {{devices: {{pump-01: pump, pump-02: pump}}}}
broker: {{host: "{host}", port: {port}, reconnect_min: 50ms, reconnect_max: 200ms}}
store: {{url: "{url}"}}
clock: {{source: {clock}, max_age: 1d, max_ahead: 60s}}
manuals: {{folder: manuals, model: none}}
"""


class Inside:
    """An application, what it is fed with, and what can be seen of it."""

    def __init__(
        self,
        folder: Path,
        bus: Bus | None = None,
        *,
        url: str = "sqlite:///store.db",
        clock: str = "stream",
        host: str = "127.0.0.1",
        port: int = 1,
    ) -> None:
        (folder / "manuals").mkdir(parents=True, exist_ok=True)
        (folder / "manuals" / "pump.md").write_text("# Pumps\n\nReplace the seal when it drips.\n", "utf-8")
        file = folder / "plant.yaml"
        file.write_text(PLANT.format(kinds=KINDS, url=url, clock=clock, host=host, port=port), "utf-8")
        self.app = App(load(file, {}), bus)
        self.plant = self.app.plant
        self._server = build_server(lambda: self.plant)

    @property
    def bus(self) -> FakeBus:
        """The FakeBus it runs on."""
        bus = self.app._bus
        assert isinstance(bus, FakeBus)
        return bus

    def feed(self, device_id: str, at: float, values: Mapping[str, float | None]) -> None:
        """Deliver one reading."""
        assert self.bus.deliver_reading(device_id, at, values)

    def settle(self, count: int) -> None:
        """Wait until so many messages, all in all, are committed and acknowledged."""
        self.bus.wait_until(lambda: len(self.bus.acknowledged) >= count, 20.0)
        assert len(self.bus.acknowledged) == count

    def windows(self, device_id: str) -> dict[str, float | None]:
        """Return what everybody may see of a device's windows, to the last bit."""
        return windows(self.plant.device_status(device_id).value)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows of its store, read on a connection of our own."""
        connection = Connection(self.app.configuration.store.url, read_only=True)
        try:
            return list(connection.run(sql).fetchall())
        finally:
            connection.close()

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool as an agent would."""

        async def run() -> dict[str, Any]:
            async with Client(self._server) as client:
                return dict((await client.call_tool(tool, arguments)).structured_content or {})

        return asyncio.run(run())

    def refusal(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must refuse; return what it says."""
        try:
            answer = self.call(tool, **arguments)
        except ToolError as error:
            return str(error)
        raise AssertionError(f"{tool} answered {answer}")


@contextmanager
def inside(folder: Path, bus: Bus | None = None, **more: Any) -> Iterator[Inside]:
    """Run an application for as long as the block lasts; on a FakeBus if none is given and no port."""
    running = Inside(folder, bus if bus is not None or "port" in more else FakeBus(), **more)
    with running.app:
        yield running


def ordinary(number: int) -> dict[str, float]:
    """Return the values of the ``number``-th ordinary reading; no two are equal."""
    levels = enumerate(NORMAL.items())
    return {name: level * (1.0 + 0.01 * ((number * 7 + place) % 11 - 5)) for place, (name, level) in levels}
