"""The HTTP side of ``aegisflow serve``: MCP at /mcp, health, metrics and reload."""

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from aegisflow import __version__
from aegisflow.api.schemas.base import Shape
from aegisflow.api.schemas.health import ReloadReport
from aegisflow.config import HttpSettings
from aegisflow.domain.callers import Caller, CallerKind, require_operator
from aegisflow.domain.rights import Extent, Right
from aegisflow.errors import AegisFlowError, ListenError, NotAllowedError
from aegisflow.http.failures import is_loopback
from aegisflow.http.guards import I3X_PATH, OperatorTokens, TokenGuard, bearer_hash, outer_guards
from aegisflow.http.health import health_routes
from aegisflow.http.i3x.routes import i3x_app
from aegisflow.http.operators import instance_route, operator_routes
from aegisflow.http.tls import Certificate
from aegisflow.plant.identities import Identities
from aegisflow.plant.protocol import Plant

if TYPE_CHECKING:
    import uvicorn


_NOBODY = Caller("whoever asks", CallerKind.UNKNOWN)
_BY_OPERATORS = "that needs an operator's token: aegisflow reload --yes with AEGISFLOW_OPERATOR_TOKEN"


class MountedApp(NamedTuple):
    """An application inside this one, and what must run as long as it does."""

    app: ASGIApp
    lifespan: AbstractAsyncContextManager[object]
    leave: Callable[[], None] = lambda: None
    """Ends the answers that go on and on; called in the event loop before connections are closed."""


def listen(settings: HttpSettings, token: str) -> socket.socket:
    """Return a socket that listens where ``settings`` say; whoever connects early waits for the server.

    Raises:
        ListenError: the address is taken or not ours, or it is open to others and there is no token.
    """
    where = f"{settings.host}:{settings.port}"
    if not token and not is_loopback(settings.host):
        raise ListenError(
            where,
            f"it can be reached from other machines, and {settings.token_env or 'the token variable'} is empty; "
            "set it to a secret, or listen on 127.0.0.1",
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(where, str(error)) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise ListenError(where, error.strerror or str(error)) from error
    return bound


def build_http_app(
    mcp_app: MountedApp,
    plant: Plant,
    token: str,
    metrics: Callable[[], bytes],
    operators: OperatorTokens | None = None,
    instance: str = "",
    pages: Sequence[BaseRoute] = (),
    settings: HttpSettings | None = None,
) -> Starlette:
    """Return the web application.

    Args:
        mcp_app: answers at /mcp.
        plant: answers for health and reload.
        token: bearer token that all but OPEN_PATHS ask for; empty for none.
        metrics: renders the counters in Prometheus' text format.
        operators: who may come in, people and agents; without, no people and any agent.
        instance: by which a client knows this process from any other that listens here later.
        pages: what people see in a browser; they ask for a session of their own.
        settings: by which names it is reached, and which proxies are believed; left out, any and none.
    """
    operators = operators or OperatorTokens(Identities())

    async def show_metrics(_: Request) -> Response:
        return Response(await run_in_threadpool(metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def reload(request: Request) -> Response:
        try:
            by = operators.identities.operator(bearer_hash(request.headers.get("authorization", "")))
            yes = request.query_params.get("yes") == "true"
            if yes:  # it takes away what is watched: not for whoever has the token of agents, or none
                what = "agree to what a reload takes away"
                require_operator(by or _NOBODY, Right.RELOAD, what, _BY_OPERATORS, on=Extent.WHOLE_PLANT)
            change = await run_in_threadpool(plant.reload, yes=yes, by=by)
        except AegisFlowError as error:
            return _send(ReloadReport.refused([str(error)]), 403 if isinstance(error, NotAllowedError) else 503)
        return _send(ReloadReport.of(change), 200 if change.applied else 409 if change.waits else 422)

    agents = _WithoutSlash(mcp_app.app, "/mcp")
    return Starlette(
        routes=[
            Route("/mcp", agents),  # first, for nobody asks as often as agents do
            *health_routes(lambda: plant, operators, token),
            instance_route(instance),
            Route("/metrics", show_metrics),
            Route("/reload", reload, methods=["POST"]),
            *operator_routes(lambda: plant, operators),
            *pages,
            Mount(I3X_PATH, i3x_app(plant, operators, token, __version__)),
            Mount("/", agents),
        ],
        middleware=[
            *outer_guards(settings or HttpSettings()),
            Middleware(
                TokenGuard, token=token, identities=operators.identities, pages=pages, failures=operators.failures
            ),
        ],
        lifespan=_with(mcp_app),
    )


def _with(mounted: MountedApp) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with mounted.lifespan:
            app.state.leave = mounted.leave
            yield

    return lifespan


def web_server(
    app: Starlette,
    most: int | None = None,
    head_within_s: float | None = None,
    certificate: Certificate | None = None,
) -> "uvicorn.Server":
    """Return a server to start with ``run(sockets=[bound])``; a signal ends it cleanly before our own handler runs.

    Args:
        app: what it serves.
        most: connections at a time; left out, as many as leave descriptors for broker and store.
        head_within_s: how long each may take to say what it wants.
        certificate: by which connections are encrypted; None for none.
    """
    import uvicorn

    from aegisflow.http.connections import HEAD_WITHIN_S, ConnectionLimit, descriptors_left, secured_protocol

    limit = ConnectionLimit(most or descriptors_left(), head_within_s or HEAD_WITHIN_S)
    config = uvicorn.Config(
        app,
        http=secured_protocol(limit, certificate.context if certificate else None),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # it would believe whoever is on this machine; ours believes whom the file names
        timeout_graceful_shutdown=2,
    )

    class Server(uvicorn.Server):
        """Says that it leaves before it waits for the answers under way."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            getattr(app.state, "leave", _nothing)()
            await super().shutdown(sockets)

    return Server(config)


def _nothing() -> None:
    """Do nothing."""


class _WithoutSlash:
    """Takes ``path/`` for ``path``, where the router would redirect and lose a POST's body."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == f"{self._path}/":
            scope = {**scope, "path": self._path, "raw_path": self._path.encode()}
        await self._app(scope, receive, send)


def _send(answer: Shape, status: int) -> Response:
    return Response(answer.model_dump_json(exclude_unset=True), status, media_type="application/json")
