"""What the demo needs before it can begin: a folder, a recorded day, a plant.yaml and an empty store."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aegisflow.bus.embedded import EmbeddedBroker
from aegisflow.errors import ConfigError, Mistake, RecordingError

_HEADER = "# Made by `aegisflow demo` from {source}; the next demo makes it anew.\n"


@dataclass(frozen=True, slots=True)
class Setting:
    """The files of one demo."""

    folder: Path

    @property
    def recording(self) -> Path:
        """The day, as labelled CSV."""
        return self.folder / "day.csv"

    @property
    def plant(self) -> Path:
        """The plant file, for the demo and for agents after it."""
        return self.folder / "plant.yaml"

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.folder / "aegisflow.db"

    @property
    def log(self) -> Path:
        """What the plant logs meanwhile."""
        return self.folder / "aegisflow.log"


def clear_store(setting: Setting) -> None:
    """Remove the store of an earlier demo.

    Raises:
        StoreHeldError: a process still works with it, an agent's for example.
    """
    from aegisflow.store.lock import FileLock

    setting.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(setting.store)
    try:
        for ending in ("", "-wal", "-shm", ".audit-head"):
            setting.store.with_name(setting.store.name + ending).unlink(missing_ok=True)
    finally:
        lock.release()


def record_day(setting: Setting, seed: int) -> None:
    """Have the simulator write the day.

    Raises:
        RecordingError: it could not; with its own words.
    """
    command = [sys.executable, "-m", "aegisflow", "simulate", "dataset", str(setting.recording), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise RecordingError(setting.recording, None, done.stderr.strip()[-200:], "the simulator to write it")


def write_plant(setting: Setting, source: Path, broker: EmbeddedBroker, http_port: int) -> None:
    """Write the plant of ``source`` with the demo's own broker, store, clock and port.

    Raises:
        ConfigError: ``source`` cannot be read.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    try:
        plant: Any = yaml.load(source.read_text("utf-8"))
        own = {
            "broker": {"host": broker.host, "port": broker.port, "protocol": broker.protocol},
            "store": {"url": f"sqlite:///{setting.store.name}"},
            # Recorded readings: the newest timestamp is the plant's now.
            "clock": {"source": "stream"},
            "http": {"host": "127.0.0.1", "port": http_port},
        }
        folder = Path(plant.get("manuals", {}).get("folder", "manuals"))
        own["manuals"] = {"folder": str((source.resolve().parent / folder).resolve())}
        for section, values in own.items():
            plant.setdefault(section, {}).update(values)
    except (OSError, UnicodeError, YAMLError, AttributeError, TypeError) as error:
        found = str(error).splitlines()[0][:200]
        raise ConfigError([Mistake(str(source), "", found, "a plant.yaml that `aegisflow check` accepts")]) from None
    with setting.plant.open("w", encoding="utf-8") as file:
        file.write(_HEADER.format(source=source.resolve()))
        yaml.dump(plant, file)


def mcp_servers(setting: Setting) -> str:
    """Return the snippet for an MCP client's configuration."""
    beside = Path(sys.executable).with_name("aegisflow")
    command, first = (str(beside), []) if beside.exists() else (sys.executable, ["-m", "aegisflow"])
    server = {"command": command, "args": [*first, "mcp", "--plant", str(setting.plant.resolve())]}
    return json.dumps({"mcpServers": {"aegisflow": server}}, indent=2)


def connect_command(http_port: int) -> str:
    """Return the command by which an agent joins the demo while it runs."""
    beside = Path(sys.executable).with_name("aegisflow")
    command = str(beside) if beside.exists() else f"{sys.executable} -m aegisflow"
    return f"{command} mcp --connect http://127.0.0.1:{http_port}/mcp"
