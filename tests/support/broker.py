"""A real mosquitto for tests: on a free port, with a session store that survives a restart."""

import getpass
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisflow.bus import BusMessage, LinkState
from aegisflow.bus.embedded import find_mosquitto, free_port, wait_for_port
from aegisflow.bus.mqtt import PahoBus
from aegisflow.config.services import BrokerSettings
from aegisflow.domain.readings import Receipt

START_S = 120.0
"""A machine that does ten other things takes its time."""


class Mosquitto:
    """One broker; ``extra`` are further lines of its configuration."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true\n") -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} {self.host}\n{extra}"
            f"user {getpass.getuser()}\npersistence true\npersistence_location {folder}/\n"
            "max_inflight_messages 0\nmax_queued_messages 1000000\nset_tcp_nodelay true\n"
        )

    def start(self) -> None:
        """Start it, and return once it accepts connections."""
        path = find_mosquitto()
        assert path is not None
        with (self._folder / "mosquitto.log").open("ab") as log:
            command = [path, "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for_port(self.port, self._process, START_S)

    def stop(self) -> None:
        """Stop it in good order: sessions and what waits in them are written down."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    def kill(self) -> None:
        """Give it no chance to write anything down."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=60)

    def restart(self) -> None:
        """Stop and start it on the same port with the same sessions."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it hang: its connections stay open, and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def settings(self, **more) -> BrokerSettings:
        """Return how to reach it, with short waits between attempts."""
        quick = {"host": self.host, "port": self.port, "reconnect_min_s": 0.05, "reconnect_max_s": 0.2}
        return BrokerSettings(**{**quick, **more})


@contextmanager
def running_mosquitto(folder: Path, extra: str = "allow_anonymous true\n") -> Iterator[Mosquitto]:
    """Run a broker for as long as the block lasts."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    broker = Mosquitto(folder, extra)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Listener:
    """A bus with ears: keeps what it is told, and can be waited for."""

    def __init__(self, settings: BrokerSettings, *topics: str, acknowledge: bool = True) -> None:
        self.messages: list[BusMessage] = []
        self.links: list[LinkState] = []
        self.acknowledge = acknowledge
        self._changed = threading.Condition()
        self.bus = PahoBus(settings)
        self.bus.subscribe(topics)

    def __enter__(self) -> "Listener":
        self.bus.start(self._hear, self._look)
        return self

    def __exit__(self, *error: object) -> None:
        self.bus.stop()

    def _hear(self, message: BusMessage) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        if self.acknowledge and message.receipt is not None:
            self.bus.acknowledge((message.receipt,))

    def _look(self, link: LinkState) -> None:
        with self._changed:
            self.links.append(link)
            self._changed.notify_all()

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        return tuple(message.receipt for message in self.messages if message.receipt is not None)

    def wait_until(self, true: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Wait until ``true()`` holds; it is looked at after each message and each change of the link."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(true()), timeout_s):
                raise TimeoutError(f"{len(self.messages)} messages, last link {self.bus.link()}")

    def wait_connected(self, connected: bool = True) -> None:
        """Wait until the bus has told that it is (or is not) connected."""
        self.wait_until(lambda: self.links and self.links[-1].connected is connected)
