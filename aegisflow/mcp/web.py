"""MCP over streamable HTTP, as a part of the web application of ``aegisflow serve``."""

from fastmcp.server.dependencies import get_http_request

from aegisflow.http.app import MountedApp
from aegisflow.http.guards import SHOWN
from aegisflow.mcp.server import PlantServer
from aegisflow.plant.identities import Presented

__all__ = ["mounted", "shown_over_http"]


def shown_over_http() -> Presented:
    """Return what the running request shows of its sender, as the guard in front of us found it."""
    shown = get_http_request().scope.get(SHOWN)
    return shown if isinstance(shown, Presented) else Presented()


def mounted(server: PlantServer) -> MountedApp:
    """Return the application that answers at /mcp; the guard of the whole stands in front of it."""
    # No tool sends anything before its answer, and an event stream for each call is a quarter of what a call costs.
    app = server.http_app(path="/mcp", host_origin_protection=False, json_response=True)
    return MountedApp(app, app.lifespan(app), server.leave)
