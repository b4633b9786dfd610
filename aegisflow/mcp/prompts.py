"""The agent's instructions, as an MCP prompt.

No ``from __future__ import annotations`` here: FastMCP reads the annotations as they are.
"""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field

from aegisflow.api.instructions import operations_engineer as instructions_for
from aegisflow.api.text import clean
from aegisflow.domain.equipment import PlantSpec
from aegisflow.errors import AegisFlowError
from aegisflow.plant.protocol import PlantSource


def add_prompts(server: FastMCP, plant: PlantSource) -> None:
    """Put the agent's instructions on ``server``."""

    def operations_engineer(
        task: Annotated[str, Field(description="what to begin with, e.g. 'pump-02 leaks?'; may be empty")] = "",
    ) -> str:
        try:
            spec = plant().inventory()
        except AegisFlowError:
            spec = PlantSpec(name="the plant", lines={}, devices={})
        return instructions_for(spec, clean(task, 1_000))

    server.prompt(operations_engineer, description="How to watch this plant and answer its alarms")
