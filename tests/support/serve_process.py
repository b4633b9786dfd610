"""``aegisflow serve`` as a process that may be killed, and the recorded day streaming towards it."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from fastmcp import Client

from tests.support.broker import Mosquitto
from tests.support.live import LivePlant
from tests.support.waiting import eventually

ROWS = """
SELECT d.name, count(*) FROM (SELECT device, at FROM readings UNION SELECT device, at FROM fresh_readings) r
JOIN devices d ON d.key = r.device GROUP BY d.name
"""
"""Distinct readings per device, wherever they lie."""


class ServeProcess:
    """A plant on recorded time; ``replace`` changes its file, ``start`` may follow ``kill``."""

    def __init__(self, folder: Path, port: int, *replace: tuple[str, str], store_url: str = "") -> None:
        self.plant = LivePlant(folder, port)
        self.edit(("source: wall", "source: stream"), *replace)
        self.store = folder / "aegisflow.db"
        if store_url:
            self.plant.settings["AEGISFLOW_STORE_URL"] = store_url
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0
        self.url = ""

    # --- its life -----------------------------------------------------------------------------

    def start(self, *, and_wait: bool = True) -> None:
        """Start it, and return once it serves; or at once, when ``serves`` is to be waited for later."""
        command = self.plant.command("serve", "--plant", str(self.plant.file), "--port", "0", "--json-logs")
        self._read = len(self.log())
        with self._log.open("ab") as log:
            log.write(b"\n")  # behind a line that a kill cut short
            log.flush()
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self.plant.environment)
        if and_wait:
            self.serves()

    def serves(self) -> None:
        """Wait until it serves."""
        self.url = self.hear("serving")["mcp"].removesuffix("/mcp")

    def kill(self) -> None:
        """Give it no chance."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> int:
        """End it in good order; return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def end(self) -> None:
        """Leave no process behind, whatever the test did."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def hang_up(self) -> None:
        """Send SIGHUP."""
        self.send(signal.SIGHUP)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, within_s: float = 60.0) -> int:
        """Wait until it has ended by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait(within_s)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, which has been started."""
        assert self._process is not None
        return self._process

    # --- its file and its log -----------------------------------------------------------------

    def edit(self, *replacements: tuple[str, str]) -> None:
        """Save the file with these texts replaced, as an editor does: a new file in the place of the old one."""
        text = self.plant.file.read_text("utf-8")
        for old, new in replacements:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        fresh = self.plant.file.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(self.plant.file)

    def log(self) -> list[dict[str, Any]]:
        """Return what it has logged so far, all of its lives together; what a kill cut short is left out."""
        if not self._log.exists():
            return []
        entries = []
        for line in self._log.read_bytes().split(b"\n")[:-1]:
            with suppress(ValueError):
                entries.append(json.loads(line))
        return [entry for entry in entries if isinstance(entry, dict)]

    def hear(self, event: str, within_s: float = 60.0) -> dict[str, Any]:
        """Return the next log line of this kind; each line is heard once."""

        def found() -> dict[str, Any] | None:
            entries = self.log()
            for place in range(self._read, len(entries)):
                if entries[place].get("event") == event:
                    self._read = place + 1
                    return entries[place]
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text("utf-8")[-2_000:]
            return None

        entry = eventually(found, within_s)
        assert entry is not None
        return entry

    # --- what it knows ------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """Return what /healthz says."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=60) as response:
                return dict(json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return dict(json.loads(error.read()))

    def figures(self, within_s: float = 10.0) -> dict[str, float]:
        """Return the figures of /metrics that have no labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=within_s) as response:
            lines = response.read().decode().splitlines()
        return {name: float(value) for name, value in (line.split() for line in lines if not set(line) & set("#{"))}

    def reload(self) -> subprocess.CompletedProcess[str]:
        """Run ``aegisflow reload``."""
        command = self.plant.command("reload", "--plant", str(self.plant.file), "--url", self.url)
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of ours."""
        command, environment = self.plant.command(*arguments), self.plant.environment
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool over HTTP, as an agent would."""

        async def run() -> dict[str, Any]:
            async with Client(f"{self.url}/mcp") as client:
                return dict((await client.call_tool(tool, arguments)).structured_content or {})

        return asyncio.run(run())

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return rows of its store."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=60)) as store:
            return store.execute(sql, values).fetchall()

    def rows(self) -> dict[str, int]:
        """Return how many distinct readings of each device are stored."""
        return dict(self.query(ROWS))


@contextmanager
def serving(
    folder: Path, broker: Mosquitto, *replace: tuple[str, str], environment: Mapping[str, str] | None = None
) -> Iterator[ServeProcess]:
    """Run ``aegisflow serve`` on this broker for as long as the block lasts."""
    folder.mkdir(exist_ok=True)
    process = ServeProcess(folder, broker.port, *replace)
    process.plant.settings |= environment or {}
    try:
        process.start()
        yield process
    finally:
        process.end()


class Replay:
    """``python -m simulator replay`` as a process; ``sent`` is how many readings it says to have sent."""

    def __init__(self, recording: Path, broker: Mosquitto, folder: Path, *, speed: float) -> None:
        self._report = folder / "replay.out"
        self._complaints = folder / "replay.err"
        command = [sys.executable, "-m", "simulator", "replay", str(recording), "--report"]
        command += ["--speed", str(speed), "--broker", f"{broker.host}:{broker.port}"]
        with self._report.open("wb") as out, self._complaints.open("wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err)

    def progress(self) -> dict[str, Any]:
        """Return its last report."""
        lines = self._report.read_bytes().split(b"\n")[:-1]
        return dict(json.loads(lines[-1])) if lines else {"share": 0.0, "sent": 0, "acknowledged": 0}

    def wait_for(self, share: float, within_s: float = 120.0) -> None:
        """Return once so much of the recorded time has been sent."""
        eventually(lambda: self.progress()["share"] >= share, within_s)

    def finish(self, within_s: float = 300.0) -> dict[str, Any]:
        """Wait for its end, which must be a good one, and return its last report."""
        assert self.process.wait(within_s) == 0, self._complaints.read_text("utf-8")
        return self.progress()


@contextmanager
def replaying(recording: Path, broker: Mosquitto, folder: Path, *, speed: float = 0.0) -> Iterator[Replay]:
    """Replay a recording for as long as the block lasts; speed 0 is as fast as it goes."""
    replay = Replay(recording, broker, folder, speed=speed)
    try:
        yield replay
    finally:
        if replay.process.poll() is None:
            replay.process.kill()
            replay.process.wait(10)
