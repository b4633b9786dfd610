"""The MCP server over a plant."""

from collections.abc import Callable

from fastmcp import FastMCP

from aegisflow import __version__
from aegisflow.api.instructions import INSTRUCTIONS
from aegisflow.mcp.gate import Gate, ListedTools
from aegisflow.mcp.pictures import Pictures, add_view
from aegisflow.mcp.prompts import add_prompts
from aegisflow.mcp.resources import add_resources
from aegisflow.mcp.shared import SharedAnswers
from aegisflow.mcp.subscriptions import ResourceUpdates, Subscriptions, add_subscriptions
from aegisflow.mcp.toolbox import ClearErrors
from aegisflow.mcp.tools import add_tools
from aegisflow.mcp.traced import TracedCalls
from aegisflow.plant.identities import Identities, Presented
from aegisflow.plant.protocol import PlantSource


class PlantServer(FastMCP):
    """The server, which can be told that it is about to end."""

    updates: ResourceUpdates

    def leave(self) -> None:
        """End what would otherwise keep connections open; called in the event loop."""
        self.updates.end()


def build_server(
    plant: PlantSource,
    identities: Identities | None = None,
    shown: Callable[[], Presented] = Presented,
    *,
    shares: bool = False,
) -> PlantServer:
    """Return the server.

    Args:
        plant: called anew for each question, so the plant may still be starting.
        identities: who may come in; without, anybody.
        shown: what the running call shows of whoever sends it.
        shares: whether several agents that ask the same within a second get one answer; see ``SharedAnswers``.
    """
    gate = Gate(plant, identities or Identities(), shown)
    server = PlantServer(
        "aegisflow",
        instructions=INSTRUCTIONS,
        version=__version__,
        middleware=[TracedCalls(), ClearErrors(), ListedTools(gate), Pictures(plant, gate)],
        mask_error_details=True,
    )
    add_tools(server, plant, gate, SharedAnswers(plant) if shares else None)
    add_resources(server, plant, gate)
    add_view(server)
    add_prompts(server, plant)
    server.updates = ResourceUpdates(plant)
    add_subscriptions(server, Subscriptions(plant, gate, server.updates))
    return server
