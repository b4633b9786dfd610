"""MCP over streamable HTTP, as a part of the web application of ``aegisflow serve``."""

from fastmcp import FastMCP

from aegisflow.http.app import MountedApp


def mounted(server: FastMCP) -> MountedApp:
    """Return the application that answers at /mcp; the guard of the whole stands in front of it."""
    app = server.http_app(path="/mcp", host_origin_protection=False)
    return MountedApp(app, app.lifespan(app))
