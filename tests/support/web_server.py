"""The web application over a plant, served as ``aegisflow serve`` does."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from aegisflow.config import HttpSettings
from aegisflow.http.app import build_http_app, listen, web_server
from aegisflow.http.guards import OperatorTokens
from aegisflow.mcp.server import build_server
from aegisflow.mcp.web import mounted, shown_over_http
from aegisflow.plant.identities import Identities
from tests.support.memory_plant import MemoryPlant


@contextmanager
def served(plant: MemoryPlant, token: str = "", identities: Identities | None = None) -> Iterator[str]:
    """Serve a plant while the block runs; yield the address."""
    known = plant.identities if identities is None else identities
    server = build_server(lambda: plant, known, shown_over_http)
    app = build_http_app(mounted(server), plant, token, lambda: b"counter_total 1.0\n", OperatorTokens(known, token))
    with closing(listen(HttpSettings(port=0), token)) as bound:
        running = web_server(app)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(10)
            assert not thread.is_alive()
