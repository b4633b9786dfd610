"""The way in for people beside ``aegisflow mcp``: approvals must not need another process on the same store."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from aegisflow.config import Configuration
from aegisflow.errors import ListenError
from aegisflow.plant.protocol import Plant

__all__ = ["operator_server"]

log = structlog.get_logger(__name__)


@contextmanager
def operator_server(configuration: Configuration, plant: Callable[[], Plant]) -> Iterator[None]:
    """Serve operators over HTTP, where plant.yaml names any, as long as the block runs.

    A port that is taken is told and stops nothing: agents can still ask, and proposals expire.
    """
    if not configuration.operators:
        yield
        return
    from aegisflow.http.app import listen, web_server
    from aegisflow.http.guards import OperatorTokens
    from aegisflow.http.operators import build_operator_app

    http = configuration.http
    token = os.environ.get(http.token_env, "") if http.token_env else ""
    try:
        operators = OperatorTokens(configuration.operators, token)
        bound = listen(http, token or "operators have tokens of their own")
    except ListenError as error:
        log.warning("approvals_not_reachable", reason=str(error))
        yield
        return
    server = web_server(build_operator_app(plant, operators))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="operators", daemon=True)
    thread.start()
    address, port = bound.getsockname()[:2]
    log.info("operators_served", url=f"http://{address}:{port}/operator/")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10.0)
        bound.close()
