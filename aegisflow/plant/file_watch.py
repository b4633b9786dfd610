"""Watches files, as the plant's: what was written in several steps is taken over once, as a whole."""

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from aegisflow.config import content_of

__all__ = ["FileWatch", "digest_of"]

LOOK_EVERY_S = 0.5
"""How often the file is read; a plant of 10,000 devices is read in a fraction of a millisecond."""


def digest_of(*paths: Path) -> str:
    """Return the SHA-256 of the content of files as hex; empty where one cannot be read."""
    digest = hashlib.sha256()
    try:
        for path in paths:
            digest.update(content_of(path))
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


class FileWatch:
    """A thread that has a changed file read again, once its content has rested, or when asked to.

    The content is compared, and nothing else: whether an editor wrote the file in place or put a new
    one over it, whether a link was swapped (a ConfigMap), a mount replaced or the file away for a
    moment, is all the same. Times of files and the kernel's notices know less, and on network file
    systems nothing::

        half written        the rest              rests                     reloaded
        ────┬──────────────────┬────────────────────────────────────────────────┬─────
            └ rest_s begins    └ begins anew                                    └ rest_s after the last change

    A file that cannot be read counts as content too: it is told once it has been away for ``rest_s``.

    Args:
        path: of the file, links and all; or of several that only make sense together.
        rest_s: how long the content must have been the same, in seconds.
        judged: returns the digest of the content that the last reload judged, whoever asked for it.
        reload: has the file read again.
        monotonic: in seconds.
    """

    def __init__(
        self,
        path: Path | tuple[Path, ...],
        rest_s: float,
        judged: Callable[[], str],
        reload: Callable[[], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = path if isinstance(path, tuple) else (path,)
        self._rest_s = rest_s
        self._judged = judged
        self._reload = reload
        self._monotonic = monotonic
        self._seen = judged()
        self._since = monotonic()
        # Its put() may interrupt itself, as a signal handler does; an Event's set() may not.
        self._wishes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("aegisflow").bind(
            file=" ".join(map(str, self._paths))
        )
        self._thread = threading.Thread(target=self._run, name="file-watch", daemon=True)

    def start(self) -> None:
        """Begin; a change since the file was judged is seen as well."""
        self._thread.start()

    def request(self) -> None:
        """Have the file read again now, rested or not; safe in a signal handler."""
        self._wishes.put("reload")

    def stop(self) -> None:
        """Stop watching, and wait for the thread to end."""
        self._wishes.put("stop")
        if self._thread.is_alive():
            self._thread.join(5.0)

    def look(self) -> bool:
        """Read the file; return whether what it says now has rested and is still to be judged."""
        now, digest = self._monotonic(), digest_of(*self._paths)
        if digest != self._seen:
            self._seen, self._since = digest, now
        return digest != self._judged() and now - self._since >= self._rest_s

    def _run(self) -> None:
        pause_s = min(LOOK_EVERY_S, max(self._rest_s / 4, 0.01))
        while True:
            try:
                wish = self._wishes.get(timeout=pause_s)
            except queue.Empty:
                wish = ""
            if wish == "stop":
                return
            # A wish does not wait for the content to rest: whoever asks knows that the file is whole.
            if wish == "reload" or self.look():
                try:
                    self._reload()
                except Exception:  # noqa: BLE001 - the next change must still be seen
                    self._log.exception("reload_failed")
