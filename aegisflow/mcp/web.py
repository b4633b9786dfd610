"""MCP over streamable HTTP, as a part of the web application of ``aegisflow serve``."""

from fastmcp import FastMCP
from fastmcp.server.http import HostOriginGuardMiddleware
from starlette.middleware import Middleware

from aegisflow.http.app import MountedApp


def mounted(server: FastMCP) -> MountedApp:
    """Return the application that answers at /mcp; the guard stands in front of all, so not here."""
    app = server.http_app(path="/mcp", host_origin_protection=False)
    return MountedApp(app, app.lifespan(app))


def host_guard() -> Middleware:
    """Return what refuses a Host or Origin that is not this server's own.

    On a loopback address every request is checked; beyond it the token protects, and the names
    under which a reverse proxy is reached cannot be known here.
    """
    return Middleware(HostOriginGuardMiddleware, mode="auto")
