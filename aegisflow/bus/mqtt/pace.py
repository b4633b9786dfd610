"""When the socket is read again: at once where much comes, a moment later where little does."""

import math
import time
from collections.abc import Callable

__all__ = ["ReadPace"]

_REST_S = 0.016
"""A sixth of what an alarm may take from the broker to the disk."""
_MUCH_BYTES = 65_536
"""Some 300 readings."""


class ReadPace:
    """Has messages that come one by one read several at a time.

    A broker writes each message by itself. To be woken for each costs several times what the message does, in this
    thread and in all that follow it; so after a read that brought little there is a rest. A lone message does not
    wait, for the last read was long ago, and no stream is held up: what comes in the meantime is read at once.
    """

    __slots__ = ("_monotonic", "_rests_until")

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rests_until = -math.inf

    def note(self, size: int) -> None:
        """Note that a read has just brought so many bytes."""
        if size < _MUCH_BYTES:
            self._rests_until = self._monotonic() + _REST_S

    @property
    def rest_s(self) -> float:
        """Seconds until the next read; zero or less when it is due."""
        return self._rests_until - self._monotonic()
