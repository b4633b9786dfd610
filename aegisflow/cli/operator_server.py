"""The way in for people beside ``aegisflow mcp``: approvals must not need another process on the same store."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import structlog

from aegisflow.config import Configuration
from aegisflow.errors import ListenError
from aegisflow.plant.address import PlantAddress
from aegisflow.plant.identities import Identities
from aegisflow.plant.protocol import Plant

if TYPE_CHECKING:
    from aegisflow.http.guards import OperatorTokens
    from aegisflow.http.tls import Certificate

__all__ = ["operator_server", "served_at"]

log = structlog.get_logger(__name__)


TAKEN_AGAIN_S = 1.0
"""How often an address that another process listens on is tried again."""


@contextmanager
def operator_server(
    configuration: Configuration,
    plant: Callable[[], Plant],
    identities: Identities,
    on_listening: Callable[[PlantAddress], None] = lambda address: None,
    notes: list[Callable[[], tuple[str, ...]]] | None = None,
) -> Iterator[None]:
    """Serve operators over HTTP, where plant.yaml names any or a sign-in service, as long as the block runs.

    A port that is taken is told and stops nothing: agents can still ask, and proposals expire. It is tried again, since
    whoever has it may be a process beside this one that leaves.

    Args:
        configuration: whether there are operators, and where to listen.
        plant: called for each request.
        identities: who the operators are.
        on_listening: told where they are served, from a thread of its own.
        notes: gets what tells people of the certificate in use.
    """
    if not configuration.operators and configuration.sign_in is None:
        yield
        return
    serving = _Serving(configuration, plant, identities, on_listening, [] if notes is None else notes)
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
        notes: list[Callable[[], tuple[str, ...]]],
    ) -> None:
        self._configuration = configuration
        self._plant = plant
        self._identities = identities
        self._on_listening = on_listening
        self._notes = notes
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
        from aegisflow.http.guards import OperatorTokens
        from aegisflow.http.tls import certificate_of

        http = self._configuration.http
        token = os.environ.get(http.token_env, "") if http.token_env else ""
        try:
            operators = OperatorTokens(self._identities, token)
            with certificate_of(http, self._notes) as certificate:
                self._serve(operators, token, certificate)
        except ListenError as error:  # waiting would not mend it
            log.warning("approvals_not_reachable", reason=str(error))

    def _serve(self, operators: "OperatorTokens", token: str, certificate: "Certificate | None") -> None:
        from aegisflow.console.app import console_routes
        from aegisflow.http.app import web_server
        from aegisflow.http.operators import build_operator_app

        bound = self._listen(token)
        if bound is None:
            return
        with closing(bound):
            here = served_at(bound, self._configuration, certificate, self._on_listening)
            pages = console_routes(self._plant, operators)
            app = build_operator_app(self._plant, operators, here.instance, pages, self._configuration.http)
            server = self._server = web_server(app, certificate=certificate)
            self._on_listening(here)
            log.info("operators_served", url=f"{here.url}/operator/")
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


def served_at(
    bound: socket.socket,
    configuration: Configuration,
    certificate: "Certificate | None",
    announce: Callable[[PlantAddress], object],
) -> PlantAddress:
    """Return the address of who listens on a socket; ``announce`` gets it again with each further certificate."""
    host, port = bound.getsockname()[:2]
    here = PlantAddress.of(configuration, host, port, certificate.pem if certificate else "")
    if certificate is not None:
        certificate.on_taken_over = lambda: announce(replace(here, certificate=certificate.pem))
    return here
