"""The answer to ``initialize`` on standard input, while the server that answers all else is still being loaded.

::

    client                 this process
    initialize        ->   Greeting, in a thread: answers at once       main thread: imports FastMCP, builds the server
    <- result
    tools/call        ->   kept
                           hand_over(): what was read ----------------> serve_stdio(): the server is told of
                                                                        initialize as well, and its answer is dropped

What a client is told here is word for word what the server would say; ``tests/mcp/test_greeting.py`` holds one against
the other. This module imports next to nothing, since what is imported before it keeps the client waiting.
"""

import contextlib
import json
import os
import select
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aegisflow import __version__
from aegisflow.api.instructions import INSTRUCTIONS

__all__ = ["NOTHING_READ", "Greeting", "Opening", "answer_to"]

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Versions of MCP that begin with ``initialize``; asked for any other, a server offers the newest."""
CAPABILITIES = {
    "logging": {},
    "prompts": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "tools": {"listChanged": True},
}
MAX_KEPT = 1_048_576
"""Bytes that are read ahead at most; a client that sends more waits for the server."""
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Opening:
    """What a client has sent before the server was there."""

    read: bytes = b""
    """All of it, what has been answered as well."""
    answered: int | str | None = None
    """The id of the request ``initialize`` that has been answered."""


NOTHING_READ = Opening()


class Greeting:
    """Answers ``initialize``, and keeps what comes after it, in a thread until the server takes over.

    A client that leaves before it has asked for anything else ends the process, once ``may_leave`` was called: there is
    nothing yet that could be lost.

    Args:
        wire: descriptor of the real standard output.
        source: descriptor of the standard input.
    """

    def __init__(self, wire: int, source: int = 0) -> None:
        self._wire = wire
        self._source = source
        self._read = b""
        self._answered: int | str | None = None
        self._may_leave = threading.Event()
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="greeting", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def may_leave(self) -> None:
        """Let the process end with the exit code 0 if the client leaves now: the plant's file has no mistakes."""
        self._may_leave.set()

    def hand_over(self) -> Opening:
        """Read no more; return what was read."""
        os.write(self._stop, b"\0")
        self._may_leave.set()
        self._thread.join()
        os.close(self._stop)
        os.close(self._stopped)
        return Opening(self._read, self._answered)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # a descriptor that cannot be used: the server meets it as well, and says so
            self._keep()

    def _keep(self) -> None:
        looked = False
        while len(self._read) < MAX_KEPT:
            ready, _, _ = select.select([self._source, self._stopped], [], [])
            if self._stopped in ready:
                return
            chunk = os.read(self._source, _CHUNK)
            if not chunk:
                self._leave()
                return
            self._read += chunk
            if not looked and b"\n" in self._read:
                looked = True
                self._greet(self._read.partition(b"\n")[0])

    def _greet(self, line: bytes) -> None:
        answer = answer_to(line)
        if answer is not None:
            text = json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n"
            _write(self._wire, text.encode())
            self._answered = answer["id"]

    def _leave(self) -> None:
        """End the process, if nobody waits for anything; whatever else there is to say, the server says."""
        after = self._read.partition(b"\n")[2]
        if self._answered is None or b'"id"' in after:
            return
        self._may_leave.wait()
        if not select.select([self._stopped], [], [], 0)[0]:
            os._exit(0)


def answer_to(line: bytes) -> dict[str, Any] | None:
    """Return what a server answers to ``initialize``; None where it is another message or one with a mistake."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or message.get("method") != "initialize":
        return None
    identity: object = message.get("id")
    asked: Any = message.get("params")
    if isinstance(identity, bool) or not isinstance(identity, int | str) or not _is_proper(asked):
        return None
    version = asked["protocolVersion"]
    result = {
        "protocolVersion": version if version in VERSIONS else VERSIONS[-1],
        "capabilities": CAPABILITIES,
        "serverInfo": {"name": "aegisflow", "version": __version__},
        "instructions": INSTRUCTIONS,
    }
    return {"jsonrpc": "2.0", "id": identity, "result": result}


def _is_proper(asked: Any) -> bool:
    """Return whether these are the parameters of a usual client; the server looks closer at those of any other."""
    if not isinstance(asked, Mapping) or not asked.keys() <= {"protocolVersion", "capabilities", "clientInfo"}:
        return False
    capabilities, client = asked.get("capabilities"), asked.get("clientInfo")
    return (
        isinstance(asked.get("protocolVersion"), str)
        and isinstance(capabilities, Mapping)
        and all(isinstance(value, Mapping) and _is_plain(name, value) for name, value in capabilities.items())
        and isinstance(client, Mapping)
        and {"name", "version"} <= client.keys() <= {"name", "version", "title", "description", "websiteUrl"}
        and all(isinstance(value, str) for value in client.values())
    )


def _is_plain(name: str, value: Any) -> bool:
    """Return whether a capability is made of objects; of its leaves only ``listChanged`` is a switch."""
    if not isinstance(value, Mapping):
        return name == "listChanged" and isinstance(value, bool)
    return all(_is_plain(inner, each) for inner, each in value.items())


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]
