"""Web applications behind a real server, served as ``aegisflow serve`` does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from starlette.applications import Starlette

from aegisflow.config import HttpSettings
from aegisflow.http.app import build_http_app, listen, web_server
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.tls import Certificate
from aegisflow.mcp.server import build_server
from aegisflow.mcp.web import mounted, shown_over_http
from aegisflow.plant.identities import Identities
from aegisflow.plant.protocol import Plant
from tests.support.memory_plant import MemoryPlant


@contextmanager
def serving(
    app: Starlette,
    *,
    port: int = 0,
    token: str = "",
    most: int | None = None,
    head_within_s: float | None = None,
    ends_within_s: float = 10.0,
    certificate: Certificate | None = None,
) -> Iterator[int]:
    """Serve an application while the block runs; yield the port. ``most`` and ``head_within_s`` bound connections."""
    with closing(listen(HttpSettings(port=port), token)) as bound:
        running = web_server(app, most, head_within_s, certificate)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join(ends_within_s)
            assert not thread.is_alive()


@contextmanager
def served(plant: Plant, token: str = "", identities: Identities | None = None, port: int = 0) -> Iterator[str]:
    """Serve a plant while the block runs; yield the address."""
    own = plant.identities if isinstance(plant, MemoryPlant) else Identities()
    known = own if identities is None else identities
    server = build_server(lambda: plant, known, shown_over_http)
    app = build_http_app(mounted(server), plant, token, lambda: b"counter_total 1.0\n", OperatorTokens(known, token))
    with serving(app, port=port, token=token) as actual_port:
        yield f"http://127.0.0.1:{actual_port}"


def has_ended(connection: socket.socket) -> bool:
    """Return whether the server has ended a connection."""
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
