"""How many connections there may be, and how long each may take to say what it wants.

A connection costs a file descriptor, and those are few: without a bound, whoever opens enough of them and says nothing
keeps out operators, the broker and the store. So there are fewer connections than descriptors, and where there are too
many, the one that has waited longest without a whole request makes room for the next: whoever asks something comes in.
Where all have asked, the answer to an agent that has lasted longest is ended: agents listen to streams without end, and
as many of them as there are connections must not keep out a person.
With TLS a connection counts from its first byte on, and not only once both sides have agreed on keys.
"""

import asyncio
import os
import resource
import ssl
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import Any, Protocol, cast

__all__ = ["HEAD_WITHIN_S", "KEPT_DESCRIPTORS", "ConnectionLimit", "descriptors_left", "secured_protocol"]

HEAD_WITHIN_S = 10.0
"""A request must have come as a whole within so long of its first byte, and of the connection's beginning."""
ANSWER_TIMES = 3
"""Whoever is answered more than buffers hold may take so many times as long to take it."""
SHUTDOWN_S = 5.0
"""How long the other side of TLS may take to say that it leaves, too."""
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


def secured_protocol(limit: ConnectionLimit, tls: ssl.SSLContext | None) -> Any:
    """Return ``bounded_protocol`` behind TLS; as it is, where there is none."""
    bounded = bounded_protocol(limit)
    return bounded if tls is None else lambda **settings: _Handshake(bounded(**settings), limit, tls)


def bounded_protocol(limit: ConnectionLimit) -> Any:
    """Return HTTP/1.1 of which each request must say in time what it wants, for uvicorn, which is loaded only here."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class BoundedProtocol(H11Protocol):
        """HTTP/1.1 of which each request must say in time what it wants."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._patience = _Patience(limit.head_within_s, self.end)

        def connection_made(self, transport: Any) -> None:
            """Begin to wait for a request."""
            super().connection_made(transport)
            self._patience.begin()
            limit.opened(self)

        def data_received(self, data: bytes) -> None:
            """Take what came, and stop waiting once it is a whole request."""
            super().data_received(data)
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete:
                # Whoever holds its body back has not said yet what it wants.
                if not cycle.more_body:
                    self._patience.end()
                    limit.heard(self, cycle.scope["path"])
            elif not self.transport.is_closing():
                self._patience.begin()

        def on_response_complete(self) -> None:
            """Count as one that waits again; uvicorn itself ends a connection on which no further request begins."""
            super().on_response_complete()
            limit.waits(self)

        def pause_writing(self) -> None:
            """Give whoever does not read our answer its time."""
            super().pause_writing()
            self._patience.begin(ANSWER_TIMES)

        def resume_writing(self) -> None:
            """Go on with the answer."""
            super().resume_writing()
            self._patience.end()

        def connection_lost(self, exc: Exception | None) -> None:
            """Wait no longer."""
            self._patience.end()
            limit.closed(self)
            super().connection_lost(exc)

        def end(self) -> None:
            """End the connection at once."""
            self.transport.abort()

    return BoundedProtocol


class _Patience:
    """How long a connection may still take for what is expected of it; used in the event loop alone."""

    def __init__(self, once_s: float, give_up: Callable[[], None]) -> None:
        self._once_s = once_s
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, times: int = 1) -> None:
        """Begin to wait, unless something is waited for already."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(times * self._once_s, self._give_up)

    def end(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Handshake(asyncio.Protocol):
    """A connection that is still agreeing on keys, before it is handed over to a protocol."""

    def __init__(self, then: asyncio.Protocol, limit: ConnectionLimit, tls: ssl.SSLContext) -> None:
        self._then = then
        self._limit = limit
        self._tls = tls
        self._early = bytearray()
        self._counts = False
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; nothing is read before TLS reads it."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()
        self._counts = True
        self._limit.opened(self)
        self._task = asyncio.get_running_loop().create_task(self._shake_hands(self._transport))

    def data_received(self, data: bytes) -> None:
        """Keep what came together with the last word of the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Count no longer."""
        self._leave()

    def end(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        loop, within_s = asyncio.get_running_loop(), self._limit.head_within_s
        secured = None
        # A stranger's mistakes in TLS are theirs; nothing of them is worth a line in our log.
        with suppress(OSError, ValueError):
            secured = None if transport.is_closing() else await loop.start_tls(
                transport, self, self._tls, server_side=True, ssl_handshake_timeout=within_s,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )  # fmt: skip
        self._leave()
        if secured is None:
            transport.abort()
            return
        secured.set_protocol(self._then)
        self._then.connection_made(secured)
        if self._early:
            self._then.data_received(bytes(self._early))

    def _leave(self) -> None:
        if self._counts:
            self._counts = False
            self._limit.closed(self)
