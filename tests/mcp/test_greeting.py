"""The greeting: said before the server is loaded, and in the server's own words."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

from aegisflow.errors import UnavailableError
from aegisflow.mcp import greeting
from aegisflow.mcp.greeting import Greeting, answer_to
from aegisflow.mcp.server import build_server

CLIENT = {"name": "raw", "version": "1"}
READY = b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
LIST = b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}\n'


def hello(identity: Any = 1, **params: Any) -> bytes:
    asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": CLIENT, **params}
    return json.dumps({"jsonrpc": "2.0", "id": identity, "method": "initialize", "params": asked}).encode() + b"\n"


def no_plant() -> Any:
    raise UnavailableError("the plant", "not there")


SERVER = build_server(no_plant)


async def _answered_by_the_server(line: bytes) -> dict[str, Any]:
    low_level: Any = SERVER._mcp_server
    to_server, received = anyio.create_memory_object_stream[SessionMessage | Exception](1)
    sent, from_server = anyio.create_memory_object_stream[SessionMessage](1)
    async with anyio.create_task_group() as tasks, to_server, from_server:
        tasks.start_soon(low_level.run, received, sent, low_level.create_initialization_options())
        await to_server.send(SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False)))
        answer = await from_server.receive()
        tasks.cancel_scope.cancel()
    return dict(json.loads(answer.message.model_dump_json(by_alias=True, exclude_unset=True)))


def answered_by_the_server(line: bytes) -> dict[str, Any]:
    return anyio.run(_answered_by_the_server, line)


@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, "2026-07-28", "2024-01-01", ""])
def test_a_greeting_is_word_for_word_what_the_server_says(version: str) -> None:
    line = hello("a", protocolVersion=version)
    assert answer_to(line) == answered_by_the_server(line)


def test_the_versions_are_those_that_the_server_knows() -> None:
    assert greeting.VERSIONS == HANDSHAKE_PROTOCOL_VERSIONS
    assert greeting.VERSIONS[-1] == LATEST_HANDSHAKE_VERSION


odd = some.sampled_from([None, True, 0, 1.5, "", "x", [], {}, {"listChanged": True}, {"x": {"y": 1}}, {"x": None}])
capabilities = some.dictionaries(some.sampled_from(["roots", "sampling", "elicitation", "extensions", "x"]), odd)
clients = some.dictionaries(some.sampled_from(["name", "version", "title", "icons", "x"]), odd)


@settings(max_examples=60, deadline=None)
@given(odd, odd | some.just("2025-11-25"), odd | capabilities, odd | some.just(CLIENT) | clients)
def test_what_a_server_refuses_is_never_greeted(identity: Any, version: Any, able: Any, client: Any) -> None:
    line = hello(identity, protocolVersion=version, capabilities=able, clientInfo=client)
    answer = answer_to(line)
    if answer is not None:
        assert answer == answered_by_the_server(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        LIST,
        READY,
        hello().replace(b'"2.0"', b'"1.0"'),
        hello(_meta={"progressToken": 1}),
        hello(capabilities={"roots": {"listChanged": "yes"}}),
    ],
)
def test_every_other_message_is_left_to_the_server(line: bytes) -> None:
    assert answer_to(line) is None


@contextmanager
def greeted() -> Iterator[tuple[Greeting, int, int, int]]:
    """Yield a greeting that has begun, where its client writes and reads, and where the server reads on."""
    source, client_out = os.pipe()
    client_in, wire = os.pipe()
    one = Greeting(wire, source)
    one.start()
    try:
        yield one, client_out, client_in, source
    finally:
        for descriptor in (source, client_out, client_in, wire):
            os.close(descriptor)


def test_what_comes_after_the_greeting_is_kept_for_the_server() -> None:
    with greeted() as (one, client_out, client_in, source):
        os.write(client_out, hello(7)[:20])
        os.write(client_out, hello(7)[20:] + READY)
        answer = os.read(client_in, 65_536)
        opening = one.hand_over()
        os.write(client_out, LIST)
        assert json.loads(answer) == answer_to(hello(7))
        assert opening.answered == 7
        rest = os.read(source, 65_536)
    assert opening.read + rest == hello(7) + READY + LIST


def test_a_client_that_begins_otherwise_is_not_answered_here() -> None:
    with greeted() as (one, client_out, client_in, _):
        os.write(client_out, LIST + hello(7))
        opening = one.hand_over()
        os.set_blocking(client_in, False)
        with pytest.raises(BlockingIOError):
            os.read(client_in, 1)
    assert opening.answered is None


BEFORE = "import sys, aegisflow.cli, aegisflow.cli.stdio, aegisflow.mcp.greeting, aegisflow.mcp.stdout_guard; print(\
sorted({'fastmcp', 'mcp_types', 'numpy', 'pydantic', 'structlog', 'starlette', 'peewee'} & set(sys.modules)))"


def test_nothing_that_takes_its_time_is_loaded_before_the_greeting() -> None:
    done = subprocess.run([sys.executable, "-c", BEFORE], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
