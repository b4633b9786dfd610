"""The tools that only read, for a caller in this process: the same words, checks and budgets as for any agent."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp_types import Implementation

from aegisflow.mcp.server import build_server
from aegisflow.plant.protocol import PlantSource

__all__ = ["ReadTools"]


class ReadTools:
    """One client of a server of its own; for one thread.

    Args:
        plant: which is asked.
        name: by which the client introduces itself.
    """

    def __init__(self, plant: PlantSource, name: str) -> None:
        self._client = Client(build_server(plant), client_info=Implementation(name=name, version="1"))
        self._runner = asyncio.Runner()
        self._opened = AsyncExitStack()
        self._definitions: list[dict[str, Any]] = []

    def definitions(self) -> list[dict[str, Any]]:
        """Return name, description and input schema of each tool."""
        if not self._definitions:
            self._runner.run(self._opened.enter_async_context(self._client))
            tools = self._runner.run(self._client.list_tools())
            self._definitions = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
                for tool in tools
                if tool.annotations is not None and tool.annotations.read_only_hint
            ]
        return self._definitions

    def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        """Call a tool; return what it says, and whether that is why it does not answer."""
        if name not in {tool["name"] for tool in self.definitions()}:
            return f"there is no tool {name} here; nothing was done", True
        try:
            result = self._runner.run(self._client.call_tool(name, dict(arguments)))
        except ToolError as error:
            return str(error), True
        return json.dumps(result.structured_content, ensure_ascii=False, separators=(",", ":")), False

    def close(self) -> None:
        """End the session."""
        if self._definitions:
            self._runner.run(self._opened.aclose())
        self._runner.close()
