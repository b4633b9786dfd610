"""V10: connections that say nothing keep nobody out, and each must say in time what it wants."""

import asyncio
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from aegisflow.http.connections import KEPT_DESCRIPTORS, MOST, ConnectionLimit, descriptors_left
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.operators import build_operator_app
from tests.support.memory_plant import MemoryPlant
from tests.support.operator_tokens import ANNA, known
from tests.support.waiting import eventually
from tests.support.web_server import has_ended, serving

WITHOUT_BODY = (
    b"POST /operator/commands/cmd-1/approve HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    + "".join(f"{name}: {value}\r\n" for name, value in ANNA.items()).encode()
    + b'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"'
)
BEGUN = (b"", b"GET /operator/agents HTTP/1.1\r\nHost: 127", WITHOUT_BODY)
"""How far somebody comes who then says nothing more."""


async def without_end(_: Request) -> StreamingResponse:
    """Answer as a server of MCP does to whoever listens."""

    async def words() -> AsyncIterator[bytes]:
        yield b": listening\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(words(), media_type="text/event-stream")


@contextmanager
def served(most: int, head_within_s: float) -> Iterator[int]:
    plant = MemoryPlant()
    app = build_operator_app(lambda: plant, OperatorTokens(known()))
    app.router.routes.append(Route("/mcp", without_end))
    with serving(app, most=most, head_within_s=head_within_s) as port:
        yield port


def asked(port: int) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/operator/agents", headers=ANNA)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


@pytest.mark.parametrize("begun", BEGUN)
def test_v10_however_many_say_nothing_an_operator_comes_in_and_the_longest_silent_leave(begun: bytes) -> None:
    with served(8, 60.0) as port:
        silent = []
        for _ in range(40):
            silent.append(socket.create_connection(("127.0.0.1", port), timeout=20))
            silent[-1].sendall(begun)
        for _ in range(3):
            assert asked(port) == 200
        assert eventually(lambda: all(map(has_ended, silent[:30])), 20)
        assert not has_ended(silent[-1])
        for one in silent:
            one.close()
        assert asked(port) == 200


@pytest.mark.parametrize("begun", BEGUN)
def test_v10_who_does_not_say_in_time_what_it_wants_is_ended_and_others_are_not(begun: bytes) -> None:
    with served(8, 0.3) as port:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as slow:
            slow.sendall(begun)
            assert eventually(lambda: has_ended(slow), 20)
        assert asked(port) == 200


def test_v10_agents_that_listen_without_end_keep_no_operator_out() -> None:
    with served(8, 60.0) as port:
        listening = []
        for _ in range(12):
            listening.append(socket.create_connection(("127.0.0.1", port), timeout=20))
            listening[-1].sendall(b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert listening[-1].recv(1_000)
        for _ in range(3):
            assert asked(port) == 200
        assert eventually(lambda: has_ended(listening[0]), 20)
        assert not has_ended(listening[-1])
        for one in listening:
            one.close()


def test_v10_an_answer_to_a_person_is_not_ended_for_another_connection() -> None:
    limit = ConnectionLimit(2)
    person, agent, late, later = (One() for _ in range(4))
    for one, path in ((person, "/operator/agents"), (agent, "/mcp/")):
        limit.opened(one)
        limit.heard(one, path)
    limit.opened(late)
    assert (person.ended, agent.ended, late.ended) == (0, 1, 0)
    limit.closed(agent)
    limit.heard(late, "/operator/agents")
    limit.opened(later)
    assert (person.ended, late.ended, later.ended) == (0, 0, 1)
    limit.closed(later)
    assert limit.count == 2


class One:
    """A connection that counts how often it was ended."""

    def __init__(self) -> None:
        self.ended = 0

    def end(self) -> None:
        self.ended += 1


def test_v10_there_are_fewer_connections_than_descriptors() -> None:
    assert 8 <= descriptors_left() <= MOST
    assert KEPT_DESCRIPTORS >= 64
