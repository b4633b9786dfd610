"""A stdio server that forwards to a running ``aegisflow serve``, so that many agents share one plant."""

from fastmcp import FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server.dependencies import get_context
from fastmcp.server.providers.proxy import FastMCPProxy, ProxyClient
from mcp_types import Implementation

from aegisflow import __version__


def build_proxy(url: str, token: str) -> FastMCP:
    """Return a server that passes everything on to ``url``, each call in the name of its own client."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def connect() -> ProxyClient[StreamableHttpTransport]:
        transport = StreamableHttpTransport(url, headers=headers)
        return ProxyClient(transport, client_info=_client_in_front(), mode="auto")

    return FastMCPProxy(client_factory=connect, provider_error_strategy="raise", identity="upstream", name="aegisflow")


def _client_in_front() -> Implementation:
    params = get_context().session.client_params
    return params.client_info if params is not None else Implementation(name="aegisflow mcp", version=__version__)
