"""V10: connections that say nothing keep nobody out, and each must say in time what it wants."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from aegisflow.http.connections import KEPT_DESCRIPTORS, MOST, descriptors_left
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.operators import build_operator_app
from tests.support.memory_plant import MemoryPlant
from tests.support.operator_tokens import ANNA, known
from tests.support.waiting import eventually
from tests.support.web_server import serving


@contextmanager
def served(most: int, head_within_s: float) -> Iterator[int]:
    plant = MemoryPlant()
    app = build_operator_app(lambda: plant, OperatorTokens(known()))
    with serving(app, most=most, head_within_s=head_within_s) as port:
        yield port


def asked(port: int) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/operator/agents", headers=ANNA)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


def has_ended(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET /operator/agents HTTP/1.1\r\nHost: 127"])
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


@pytest.mark.parametrize("begun", [b"", b"GET /operator/agents HTTP/1.1\r\nHost: 127"])
def test_v10_who_does_not_say_in_time_what_it_wants_is_ended_and_others_are_not(begun: bytes) -> None:
    with served(8, 0.3) as port:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as slow:
            slow.sendall(begun)
            assert eventually(lambda: has_ended(slow), 20)
        assert asked(port) == 200


def test_v10_there_are_fewer_connections_than_descriptors() -> None:
    assert 8 <= descriptors_left() <= MOST
    assert KEPT_DESCRIPTORS >= 64
