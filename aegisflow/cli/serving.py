"""``aegisflow serve``, and what is behind ``aegisflow mcp``: a running plant, and who may talk to it."""

import gc
import os
import pwd
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import structlog
from cyclopts import Parameter

from aegisflow.cli.arguments import DEFAULT_PLANT, JsonLogs, LogLevel, PlantPath
from aegisflow.config import Configuration, load
from aegisflow.errors import AegisFlowError, StoreError, StoreHeldError, StoreNewerError, UnavailableError
from aegisflow.plant.address import PlantAddress, announced, leave_address
from aegisflow.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from aegisflow.app import App
    from aegisflow.mcp.greeting import Greeting
    from aegisflow.mcp.starting import StartingPlant
    from aegisflow.plant.identities import Identities, Presented

log = structlog.get_logger(__name__)

AGENT_TOKEN_ENV = "AEGISFLOW_AGENT_TOKEN"  # noqa: S105 - the name of a variable, not a secret
"""Where an agent's own token is, for the process that serves it on standard input and output."""
HELD_AGAIN_S = 1.0
"""How often a store that another process has is tried again."""
START_ENDS_S = 120.0
"""How long a process that is told to end waits for a plant that is just starting."""
STORE_AGAIN_S = 5.0
"""How often a store that cannot be opened is tried again: a database that is just starting, a disk not yet there."""


def serve(
    *,
    plant: PlantPath = DEFAULT_PLANT,
    host: Annotated[str | None, Parameter(help="address to listen on, instead of the file's")] = None,
    port: Annotated[int | None, Parameter(help="port to listen on, instead of the file's")] = None,
    log_level: LogLevel = "info",
    json_logs: JsonLogs = False,
) -> int:
    """Watch the plant and serve HTTP until a signal comes or a critical part is lost; return the exit code.

    Raises:
        AegisFlowError: why it cannot start.
    """
    configure_logs(log_level, json_lines=json_logs)
    _let_fastmcp_log_as_we_do()
    from aegisflow.app import App
    from aegisflow.cli.operator_server import served_at
    from aegisflow.console.app import console_routes
    from aegisflow.http.app import build_http_app, listen, web_server
    from aegisflow.http.failures import FailedLogins
    from aegisflow.http.guards import OperatorTokens
    from aegisflow.http.tls import certificate_of
    from aegisflow.mcp.server import build_server
    from aegisflow.mcp.web import mounted, shown_over_http
    from aegisflow.plant.identities import Identities

    configuration = load(plant)
    http = configuration.http
    http = http.model_copy(update={"host": host or http.host, "port": http.port if port is None else port})
    token = os.environ.get(http.token_env, "") if http.token_env else ""
    identities = Identities(configuration.operators, configuration.agents, configuration.sign_in)
    notes: list[Callable[[], tuple[str, ...]]] = []
    app = App(configuration, watch_file=True, on_lost=_end_process, identities=identities, door_notes=notes)
    operators = OperatorTokens(identities, token, FailedLogins(lambda way: app.metrics.failed_logins.labels(way).inc()))
    signal.signal(signal.SIGHUP, lambda number, frame: app.request_reload())
    _leave_on(signal.SIGTERM, signal.SIGINT)
    left: int | str | None = 0
    try:
        with certificate_of(http, notes) as certificate, closing(listen(http, token)) as bound, app:
            here = served_at(bound, configuration, certificate, partial(leave_address, configuration.store))
            server = build_server(lambda: app.plant, identities, shown_over_http, shares=True)
            pages = console_routes(lambda: app.plant, operators)
            web = build_http_app(
                mounted(server), app.plant, token, app.metrics.render, operators, here.instance, pages, http
            )
            with announced(configuration.store, here):
                log.info("serving", mcp=f"{here.url}/mcp", token_needed=bool(token))
                web_server(web, certificate=certificate).run(sockets=[bound])
    except SystemExit as exit_:
        left = exit_.code
    code = app.exit_code or (left if isinstance(left, int) else 1)
    log.info("stopped", exit_code=code)
    return code


def mcp_with_plant(plant: Path, wire: int, greeting: "Greeting", log_level: str, *, json_logs: bool) -> int:
    """Serve one client on standard input and output while the plant runs in this process; return the exit code.

    The client has been greeted before the server is loaded, and the server answers before the plant is up. A plant that
    cannot start does not end it: every call is then answered with the reason, which an agent can pass on, and the exit
    code is 1.
    """
    gc.disable()  # a tenth of the time to the first answer went into collecting what imports had just made
    configure_logs(log_level, json_lines=json_logs)
    configuration = load(plant)
    greeting.may_leave()

    _let_fastmcp_log_as_we_do()
    from aegisflow.cli.operator_server import operator_server
    from aegisflow.mcp.server import build_server
    from aegisflow.mcp.starting import StartingPlant
    from aegisflow.mcp.stdio import serve_stdio
    from aegisflow.plant.identities import Identities

    starting = StartingPlant()
    identities = Identities(configuration.operators, configuration.agents, configuration.sign_in)
    notes: list[Callable[[], tuple[str, ...]]] = []
    background = _PlantInBackground(configuration, starting, identities, notes)
    signal.signal(signal.SIGHUP, lambda number, frame: background.request_reload())
    shown = _shown_on_stdio()
    server = build_server(starting, identities, lambda: shown)
    gc.enable()
    background.start()
    try:
        with operator_server(configuration, starting, identities, background.announce, notes):
            serve_stdio(server, wire, greeting.hand_over())
    finally:
        # The client may send SIGTERM soon after it closed our input; the store is flushed first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        background.stop()
    return background.exit_code


def mcp_elsewhere(url: str, token_env: str, wire: int, log_level: str, *, json_logs: bool) -> int:
    """Serve one client on standard input and output by forwarding to ``url``; return the exit code.

    An agent's own token counts more than the one that all agents share.
    """
    configure_logs(log_level, json_lines=json_logs)
    if not url.startswith(("http://", "https://")):
        raise UnavailableError(url, "--connect takes an http address such as http://127.0.0.1:8765/mcp")

    _let_fastmcp_log_as_we_do()
    from aegisflow.mcp.proxy import build_proxy
    from aegisflow.mcp.stdio import serve_stdio

    token = os.environ.get(AGENT_TOKEN_ENV, "") or os.environ.get(token_env, "")
    serve_stdio(build_proxy(url, token), wire)
    return 0


def _shown_on_stdio() -> "Presented":
    """Return what the client of this process shows: its own token, else the user who has started it."""
    from aegisflow.domain.credentials import token_hash
    from aegisflow.plant.identities import Presented

    token = os.environ.get(AGENT_TOKEN_ENV, "")
    if token:
        return Presented(token_hash(token))
    try:
        return Presented(user=pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # a container may run as a user without a name
        return Presented()


class _PlantInBackground:
    """Starts the plant in a thread, so that the server need not wait for it.

    Clients start a server each, so two may want the same plant. While another process has the store, every call is
    answered with that; once the store is free, the plant is started here.
    """

    def __init__(
        self,
        configuration: Configuration,
        starting: "StartingPlant",
        identities: "Identities",
        notes: Sequence[Callable[[], tuple[str, ...]]],
    ) -> None:
        self._configuration = configuration
        self._notes = notes
        self._identities = identities
        self._starting = starting
        self._app: App | None = None
        self._address: PlantAddress | None = None
        self._announced = ExitStack()
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._is_opening = False
        """Whether there may be something to close."""
        self._thread = threading.Thread(target=self._run, name="plant-start", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def announce(self, address: PlantAddress) -> None:
        """Leave the address at which operators are served beside the store, once the plant is up and holds it."""
        with self._lock:
            self._address = address
            self._leave_address()

    def _leave_address(self) -> None:
        if self._app is not None and self._address is not None:
            self._announced.enter_context(announced(self._configuration.store, self._address))

    def stop(self) -> None:
        """Stop the plant, or stop waiting for the store; one that is just starting is waited for first."""
        with self._lock:
            self._leaving.set()
            is_opening = self._is_opening
        if is_opening:  # else its modules are still being loaded, and there is nothing to stop
            self._thread.join(START_ENDS_S)
            if self._thread.is_alive():
                log.error("plant_start_hangs", waited_s=START_ENDS_S, plant=str(self._configuration.path))
        self._announced.close()
        if self._app is not None:
            self._app.stop()

    def request_reload(self) -> None:
        """Pass SIGHUP on."""
        if self._app is not None:
            self._app.request_reload()

    @property
    def exit_code(self) -> int:
        """0, or why the process should count as failed."""
        if self._starting.error is not None:
            return 1
        return self._app.exit_code if self._app is not None else 0

    def _run(self) -> None:
        told = ""
        while not self._leaving.is_set():
            error = self._try()
            if error is None:
                return
            if str(error) != told:
                told = str(error)
                log.error("plant_not_started", reason=told)
            again_s = _again_s(error)
            if again_s is None:
                self._starting.failed(error)
                return
            self._starting.failed(UnavailableError("the plant", f"{error}. It is tried again until it works"))
            self._leaving.wait(again_s)

    def _try(self) -> AegisFlowError | None:
        """Start the plant; return why it could not be started."""
        try:
            from aegisflow.app import App

            with self._lock:
                if self._leaving.is_set():
                    return None
                self._is_opening = True
            app = App(
                self._configuration,
                watch_file=True,
                on_lost=_end_process,
                identities=self._identities,
                door_notes=self._notes,
            )
            app.start()
        except AegisFlowError as error:
            return error
        except Exception as error:
            log.exception("plant_not_started")
            return UnavailableError("the plant", f"it could not start: {error}")
        with self._lock:
            self._app = app
            self._leave_address()
        self._starting.ready(app.plant)
        log.info("plant_ready")
        return None


def _again_s(error: AegisFlowError) -> float | None:
    """Return in how many seconds it is worth trying again; None where only a person can help."""
    if isinstance(error, StoreHeldError):
        return HELD_AGAIN_S
    if isinstance(error, StoreError) and not isinstance(error, StoreNewerError):
        return STORE_AGAIN_S
    return None


def _end_process(name: str, reason: str) -> None:
    """End in good order: the service manager is the next supervisor."""
    os.kill(os.getpid(), signal.SIGTERM)


def _let_fastmcp_log_as_we_do() -> None:
    """Keep FastMCP, at its import, from setting up logs of its own."""
    os.environ.setdefault("FASTMCP_LOG_ENABLED", "false")


def _leave_on(*signals: signal.Signals) -> None:
    """Have the first of these signals end the process in good order; further ones change nothing."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(0)

    for each in signals:
        signal.signal(each, leave)
