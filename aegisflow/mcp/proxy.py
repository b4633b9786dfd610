"""A stdio server that forwards to a running ``aegisflow serve``, so that many agents share one plant."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Self

from fastmcp import FastMCP
from fastmcp.apps.config import UI_EXTENSION_ID
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server.dependencies import get_context
from fastmcp.server.providers.proxy import FastMCPProxy, ProxyClient
from mcp.client import ClientExtension, advertise
from mcp.client.subscriptions import Subscription, listen
from mcp_types import EmptyResult, Implementation, RequestParams

from aegisflow import __version__
from aegisflow.mcp.forwarding import ForwardedSubscriptions, Listening
from aegisflow.mcp.subscriptions import add_subscriptions


def build_proxy(url: str, token: str) -> FastMCP:
    """Return a server that passes everything on to ``url``, each call in the name of its own client."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def connect(front: _Front | None = None) -> ProxyClient[StreamableHttpTransport]:
        front = front or _Front.now()
        transport = StreamableHttpTransport(url, headers=headers)
        return ProxyClient(transport, client_info=front.name, extensions=front.extensions, mode="auto")

    def listening() -> Listening:
        front = _Front.now()

        @asynccontextmanager
        async def block(uris: Sequence[str]) -> AsyncIterator[Subscription]:
            async with connect(front) as there, listen(there.session, resource_subscriptions=uris) as subscription:
                yield subscription

        return block

    proxy = FastMCPProxy(
        client_factory=lambda: connect(), provider_error_strategy="raise", identity="upstream", name="aegisflow"
    )
    # FastMCP passes pings on, and what serves MCP without sessions knows none: the client would leave over -32601.
    proxy._mcp_server.add_request_handler("ping", RequestParams, _pong)
    add_subscriptions(proxy, ForwardedSubscriptions(listening))
    return proxy


async def _pong(context: object, params: RequestParams | None) -> EmptyResult:
    """Answer for this process; a plant that is away is told by each call that needs it."""
    return EmptyResult()


class _Front(NamedTuple):
    """The client in front of this process, as the plant is to know it."""

    name: Implementation
    extensions: tuple[ClientExtension, ...]

    @classmethod
    def now(cls) -> Self:
        """Return who sends the running request."""
        session = get_context().session
        params, capabilities = session.client_params, session.client_capabilities
        name = params.client_info if params is not None else Implementation(name="aegisflow mcp", version=__version__)
        declared = (capabilities.extensions if capabilities is not None else None) or {}
        shows = declared.get(UI_EXTENSION_ID)
        return cls(name, () if shows is None else (advertise(UI_EXTENSION_ID, shows),))
