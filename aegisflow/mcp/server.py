"""The MCP server over a plant."""

from fastmcp import FastMCP

from aegisflow import __version__
from aegisflow.mcp.prompts import INSTRUCTIONS, add_prompts
from aegisflow.mcp.resources import add_resources
from aegisflow.mcp.toolbox import ClearErrors
from aegisflow.mcp.tools import add_tools
from aegisflow.plant.protocol import PlantSource


def build_server(plant: PlantSource) -> FastMCP:
    """Return the server; ``plant`` is called anew for each question, so the plant may still be starting."""
    server = FastMCP(
        "aegisflow",
        instructions=INSTRUCTIONS,
        version=__version__,
        middleware=[ClearErrors()],
        mask_error_details=True,
    )
    add_tools(server, plant)
    add_resources(server, plant)
    add_prompts(server, plant)
    return server
