"""MCP over streamable HTTP, as a part of the web application of ``aegisflow serve``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastmcp.server.dependencies import get_http_request
from starlette.applications import Starlette

from aegisflow.http.app import MountedApp
from aegisflow.http.guards import SHOWN
from aegisflow.mcp.server import PlantServer
from aegisflow.plant.identities import Presented

__all__ = ["MAX_SESSIONS", "mounted", "shown_over_http"]

MAX_SESSIONS = 1_000
"""Sessions of agents at a time, of some 40 KB each; one that asks nothing for half an hour ends. Whoever comes then is
answered 503."""


def shown_over_http() -> Presented:
    """Return what the running request shows of its sender, as the guard in front of us found it."""
    shown = get_http_request().scope.get(SHOWN)
    return shown if isinstance(shown, Presented) else Presented()


def mounted(server: PlantServer) -> MountedApp:
    """Return the application that answers at /mcp; the guard of the whole stands in front of it."""
    # No tool sends anything before its answer, and an event stream for each call is a quarter of what a call costs.
    app = server.http_app(path="/mcp", host_origin_protection=False, json_response=True)
    return MountedApp(app, _with_few_sessions(app), server.leave)


@asynccontextmanager
async def _with_few_sessions(app: Starlette) -> AsyncIterator[object]:
    """Run the application; its sessions, which clients begin as they like, must not fill our memory."""
    async with app.router.lifespan_context(app) as state:
        for route in app.routes:
            manager = getattr(getattr(route, "endpoint", None), "session_manager", None)
            if manager is not None:
                manager.max_sessions = MAX_SESSIONS
        yield state
