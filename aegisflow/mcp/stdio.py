"""Serving one client over standard input and output, until it leaves or a signal comes."""

import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

import anyio
from fastmcp import FastMCP
from mcp.server.stdio import stdio_server

from aegisflow.mcp.greeting import NOTHING_READ, Opening

_CHUNK = 65_536


def serve_stdio(server: FastMCP, wire: int, opening: Opening = NOTHING_READ) -> None:
    """Serve until standard input ends, or SIGTERM or SIGINT comes.

    Args:
        server: the server.
        wire: descriptor of the real standard output, from ``take_stdout``.
        opening: what has been read before, and what of it has been answered.
    """
    anyio.run(partial(_serve, server, wire, opening))


class _Unanswered:
    """Takes what a server writes, line by line, without its answer to a request that has been answered."""

    def __init__(self, out: anyio.AsyncFile[str], answered: int | str) -> None:
        self._out = out
        self._answered: int | str | None = answered

    async def write(self, line: str) -> None:
        if self._answered is not None and json.loads(line).get("id") == self._answered:
            self._answered = None
        else:
            await self._out.write(line)

    async def flush(self) -> None:
        await self._out.flush()


async def _serve(server: FastMCP, wire: int, opening: Opening) -> None:
    out = anyio.wrap_file(os.fdopen(wire, "w", encoding="utf-8", closefd=False))
    if opening.answered is not None:
        out = cast("anyio.AsyncFile[str]", _Unanswered(out, opening.answered))
    lines = cast("anyio.AsyncFile[str]", _lines(0, opening.read))
    # FastMCP's own run_stdio_async takes no streams and would claim descriptor 1 for itself.
    low_level: Any = server._mcp_server
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_leave_on_signal, tasks.cancel_scope)
        async with server._lifespan_manager(), stdio_server(lines, out) as (received, sent):
            await low_level.run(received, sent, low_level.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _leave_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()


async def _lines(descriptor: int, read: bytes) -> AsyncIterator[str]:
    """Yield lines without a thread that waits in ``read``, since a signal could not end such a thread."""
    *complete, waiting = read.split(b"\n")
    while True:
        for line in complete:
            yield line.decode(errors="replace")
        chunk = await _read(descriptor)
        if not chunk:
            break
        *complete, waiting = (waiting + chunk).split(b"\n")
    if waiting:
        yield waiting.decode(errors="replace")


async def _read(descriptor: int) -> bytes:
    with contextlib.suppress(PermissionError):  # epoll has no regular files; those never keep one waiting
        await anyio.wait_readable(descriptor)
    return os.read(descriptor, _CHUNK)
