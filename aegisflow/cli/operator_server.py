"""The way in for people beside ``aegisflow mcp``: approvals must not need another process on the same store."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Protocol

import structlog

from aegisflow.config import Configuration
from aegisflow.errors import ListenError
from aegisflow.plant.address import PlantAddress
from aegisflow.plant.identities import Identities
from aegisflow.plant.protocol import Plant

__all__ = ["operator_server"]

log = structlog.get_logger(__name__)


TAKEN_AGAIN_S = 1.0
"""How often an address that another process listens on is tried again."""


@contextmanager
def operator_server(
    configuration: Configuration,
    plant: Callable[[], Plant],
    identities: Identities,
    on_listening: Callable[[PlantAddress], None] = lambda address: None,
) -> Iterator[None]:
    """Serve operators over HTTP, where plant.yaml names any, as long as the block runs.

    A port that is taken is told and stops nothing: agents can still ask, and proposals expire. It is tried again, since
    whoever has it may be a process beside this one that leaves.

    Args:
        configuration: whether there are operators, and where to listen.
        plant: called for each request.
        identities: who the operators are.
        on_listening: told where they are served, from a thread of its own.
    """
    if not configuration.operators:
        yield
        return
    serving = _Serving(configuration, plant, identities, on_listening)
    serving.start()
    try:
        yield
    finally:
        serving.stop()


class _Server(Protocol):
    """What is told to end."""

    should_exit: bool


class _Serving:
    """A thread that listens as soon as it can, and then serves."""

    def __init__(
        self,
        configuration: Configuration,
        plant: Callable[[], Plant],
        identities: Identities,
        on_listening: Callable[[PlantAddress], None],
    ) -> None:
        self._configuration = configuration
        self._plant = plant
        self._identities = identities
        self._on_listening = on_listening
        self._leaving = threading.Event()
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._run, name="operators", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End what is served, or the waiting for it."""
        self._leaving.set()
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(10.0)

    def _run(self) -> None:
        from aegisflow.console.app import console_routes
        from aegisflow.http.app import web_server
        from aegisflow.http.guards import OperatorTokens
        from aegisflow.http.operators import build_operator_app

        http = self._configuration.http
        token = os.environ.get(http.token_env, "") if http.token_env else ""
        try:
            operators = OperatorTokens(self._identities, token)
        except ListenError as error:  # waiting would not mend it
            log.warning("approvals_not_reachable", reason=str(error))
            return
        bound = self._listen(token)
        if bound is None:
            return
        with closing(bound):
            address, port = bound.getsockname()[:2]
            here = PlantAddress.of(self._configuration, address, port)
            pages = console_routes(self._plant, operators)
            app = build_operator_app(self._plant, operators, here.instance, pages, http.hosts)
            server = self._server = web_server(app)
            self._on_listening(here)
            log.info("operators_served", url=f"http://{address}:{port}/operator/")
            if not self._leaving.is_set():
                server.run(sockets=[bound])

    def _listen(self, token: str) -> socket.socket | None:
        """Return a socket that listens, once one can; None when this process leaves before that.

        It is tried at least once, so that a port that is taken is told however short the process lives.
        """
        from aegisflow.http.app import listen

        told = ""
        while True:  # once at least: a client that leaves at once still has it said that nobody could come in
            try:
                return listen(self._configuration.http, token or "operators have tokens of their own")
            except ListenError as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("approvals_not_reachable", reason=told)
            if self._leaving.wait(TAKEN_AGAIN_S):
                return None
