"""The replay as a process of its own: the machines are not part of the plant that watches them."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from aegisflow.bus.embedded import EmbeddedBroker
from aegisflow.errors import AegisFlowError

_PATIENCE_S = 20
_END_S = 5.0


class ReplayFailedError(AegisFlowError):
    """The replay ended before the day did."""


class Sent(NamedTuple):
    """How far the replay is, in its own words."""

    share: float = 0.0
    """Of the day, 0 to 1."""
    sent: int = 0
    acknowledged: int = 0
    at: float = 0.0
    """Timestamp of the newest reading, UTC epoch seconds."""
    shift: float = 0.0
    """Seconds added to the recording's timestamps."""


class DemoReplay:
    """A replay that runs as long as its ``with``."""

    _process: subprocess.Popen[str]

    def __init__(self, recording: Path, broker: EmbeddedBroker, speed: float, notice: Callable[[str], None]) -> None:
        """Start nothing yet.

        Args:
            recording: CSV to replay, shifted so that it ends now.
            broker: Where to.
            speed: Recorded seconds per second; 0 is as fast as it goes.
            notice: Told what it says to people, line by line, in a thread of its own.
        """
        self.progress = Sent()
        self._command = [
            *(sys.executable, "-m", "aegisflow", "simulate", "replay", str(recording)),
            *("--broker", f"{broker.host}:{broker.port}", "--speed", repr(speed), "--restamp", "now"),
            *("--report", "--patience", str(_PATIENCE_S)),
        ]
        self._said: list[str] = []
        self._notice = notice
        self._threads: list[threading.Thread] = []

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def finish(self) -> Sent:
        """Wait for its end and return what it sent.

        Raises:
            ReplayFailedError: it did not get to the end of the day; says what it said.
        """
        code = self._process.wait()
        for thread in self._threads:
            thread.join()
        if code:
            raise ReplayFailedError("; ".join(self._said[-3:]) or f"the replay ended with exit code {code}")
        return self.progress

    def __enter__(self) -> "DemoReplay":
        process: subprocess.Popen[str] | None = None
        try:
            with _ctrl_c_later():
                # In a session of its own, so that Ctrl-C is for us, and we end it in our order.
                self._process = process = subprocess.Popen(  # noqa: S603 - our own module
                    self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
                )
                for work in (self._follow, self._listen):
                    self._threads.append(threading.Thread(target=work, name="demo-replay"))
                    self._threads[-1].start()
        except BaseException:
            if process is not None:
                self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _follow(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.progress = Sent(**json.loads(line))

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line.strip())
            self._notice(line.strip())


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Keep Ctrl-C until the end: in the middle of starting a process, it would leave that behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # nobody is interrupted there
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)
