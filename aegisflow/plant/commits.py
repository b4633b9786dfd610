"""What was committed just now that people and agents are told of at once: what happens to alarms and to commands."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

__all__ = ["CommitListener", "CommitNews", "Commits"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CommitNews:
    """What one commit has changed."""

    alarms: bool = False
    """Whether something happened to an alarm, or it was diagnosed."""
    command_id: str = ""
    """The command that came a step further; empty where none did."""


CommitListener = Callable[[CommitNews], None]
"""Hears of a commit in the thread of whoever made it, and returns at once."""


class Commits:
    """Numbers these commits, and tells whoever wants to hear of them. Safe from any thread."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._newest = 0
        self._lock = threading.Lock()
        self._listeners: tuple[CommitListener, ...] = ()
        """Replaced and never changed, so that ``note`` needs no lock: it stands in the way of every alarm."""

    def note(self, news: CommitNews) -> None:
        """Count one more commit, and tell of it."""
        self._newest = next(self._numbers)
        for listener in self._listeners:
            try:
                listener(news)
            except Exception:  # the commit is done, and whoever made it has other things to do
                log.exception("commit_listener_failed")

    def newest(self) -> int:
        """Return the number of the newest."""
        return self._newest

    def watch(self, listener: CommitListener) -> Callable[[], None]:
        """Have ``listener`` told of every commit from now on; return what ends that, also if called again."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return end
