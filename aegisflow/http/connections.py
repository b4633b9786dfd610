"""How many connections there may be, and how long each may take to say what it wants.

A connection costs a file descriptor, and those are few: without a bound, whoever opens enough of them and says nothing
keeps out operators, the broker and the store. So there are fewer connections than descriptors, and where there are too
many, the one that has waited longest without a whole request makes room for the next: whoever asks something comes in.
Where all have asked, the answer to an agent that has lasted longest is ended: agents listen to streams without end, and
as many of them as there are connections must not keep out a person.
"""

import asyncio
import os
import resource
from contextlib import suppress
from itertools import chain
from typing import Any, Protocol

__all__ = ["HEAD_WITHIN_S", "KEPT_DESCRIPTORS", "ConnectionLimit", "bounded_protocol", "descriptors_left"]

HEAD_WITHIN_S = 10.0
"""A request must have come as a whole within so long of its first byte, and of the connection's beginning."""
KEPT_DESCRIPTORS = 128
"""Kept for the broker, the store and files, whoever connects."""
MOST = 500
FOR_AGENTS = "/mcp"


def descriptors_left() -> int:
    """Return how many connections this process may have, so that ``KEPT_DESCRIPTORS`` stay free."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = 0
    with suppress(OSError):
        in_use = len(os.listdir("/proc/self/fd"))
    return max(8, min(MOST, limit - in_use - KEPT_DESCRIPTORS))


class Connected(Protocol):
    """One connection."""

    def end(self) -> None:
        """End it at once."""


class ConnectionLimit:
    """The connections of a server; used in its event loop alone.

    Args:
        most: connections at a time.
        head_within_s: how long each may take to say what it wants.
    """

    def __init__(self, most: int, head_within_s: float = HEAD_WITHIN_S) -> None:
        self.most = most
        self.head_within_s = head_within_s
        self.count = 0
        self._silent: dict[Connected, None] = {}
        self._agents: dict[Connected, None] = {}

    def opened(self, connection: Connected) -> None:
        """Take in a connection; where there are too many, end the one that has been silent for longest.

        Where none is, an agent's goes, and only where there is none of those either, the new one.
        """
        self.count += 1
        if self.count > self.most:
            ends = next(chain(self._silent, self._agents), connection)
            # It is closed only in the loop's next turn, and several may come within one.
            self._forget(ends)
            ends.end()
            if ends is connection:
                return
        self._silent[connection] = None

    def heard(self, connection: Connected, path: str = "") -> None:
        """Take note that a connection has asked something, and for which path."""
        self._forget(connection)
        if path.rstrip("/") == FOR_AGENTS:
            self._agents[connection] = None

    def waits(self, connection: Connected) -> None:
        """Take note that a connection has been answered and may be ended for another."""
        self._agents.pop(connection, None)
        self._silent.setdefault(connection)

    def closed(self, connection: Connected) -> None:
        """Forget a connection."""
        self.count -= 1
        self._forget(connection)

    def _forget(self, connection: Connected) -> None:
        self._silent.pop(connection, None)
        self._agents.pop(connection, None)


def bounded_protocol(limit: ConnectionLimit) -> Any:
    """Return HTTP/1.1 of which each request must say in time what it wants, for uvicorn, which is loaded only here."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class BoundedProtocol(H11Protocol):
        """HTTP/1.1 of which each request must say in time what it wants."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            """Begin to wait for a request."""
            super().connection_made(transport)
            self._arm()
            limit.opened(self)

        def data_received(self, data: bytes) -> None:
            """Take what came, and stop waiting once it is a whole request."""
            super().data_received(data)
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete:
                # Whoever holds its body back has not said yet what it wants.
                if not cycle.more_body:
                    self._disarm()
                    limit.heard(self, cycle.scope["path"])
            elif not self.transport.is_closing():
                self._arm()

        def on_response_complete(self) -> None:
            """Count as one that waits again; uvicorn itself ends a connection on which no further request begins."""
            super().on_response_complete()
            limit.waits(self)

        def connection_lost(self, exc: Exception | None) -> None:
            """Wait no longer."""
            self._disarm()
            limit.closed(self)
            super().connection_lost(exc)

        def end(self) -> None:
            """End the connection at once."""
            self.transport.abort()

        def _arm(self) -> None:
            if self._deadline is None:
                self._deadline = self.loop.call_later(limit.head_within_s, self.end)

        def _disarm(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return BoundedProtocol
