"""The thread of an actor that may not wait: it does in turn what would hold up its inbox."""

import queue
import threading
from collections.abc import Callable

import structlog

from aegisflow.actors.runtime.directory import describe

__all__ = ["Helper"]

STOP_S = 0.2
"""How long the end waits for it; it is a daemon, so that a long task holds up nobody. A client that starts a server and
leaves again waits for this where a model is just being loaded."""


class Helper:
    """Does one task after another in a thread of its own; one that fails stops no other.

    Args:
        name: of the actor that it works for.
        at_end: called in the thread, once it does nothing more.
    """

    def __init__(self, name: str, at_end: Callable[[], None] = lambda: None) -> None:
        self._at_end = at_end
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-helper", daemon=True)
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("aegisflow").bind(actor=name)

    @property
    def is_stopping(self) -> bool:
        """Whether it is to end: a long task looks at that now and then, and nobody wants to hear how it failed."""
        return self._stopping.is_set()

    @property
    def is_waited_for(self) -> bool:
        """Whether a task waits that it has not begun."""
        return not self._tasks.empty()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def do(self, task: Callable[[], None]) -> None:
        """Have it do this after all that it was given before; safe from any thread, its own included."""
        self._tasks.put(task)

    def end(self) -> None:
        """Have it end after the task that it is at, without waiting for that."""
        self._stopping.set()
        self._tasks.put(None)

    def join(self) -> None:
        """Wait a little for its end."""
        self._thread.join(timeout=STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set() and (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - the thread must live on for what comes after
                if not self._stopping.is_set():
                    self._log.exception("helper_failed", error=describe(error))
        self._at_end()
