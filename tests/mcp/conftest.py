import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp_types import Implementation

from aegisflow.mcp.server import build_server
from tests.support.memory_plant import MemoryPlant


@pytest.fixture
def plant() -> MemoryPlant:
    return MemoryPlant()


@pytest.fixture
def ask(plant: MemoryPlant) -> Callable[..., Any]:
    """Calls a method of an in-memory client: ``ask("list_tools")``."""
    server = build_server(lambda: plant)

    def ask(method: str, *args: Any, **kwargs: Any) -> Any:
        async def run() -> Any:
            async with Client(server, client_info=Implementation(name="test agent", version="1")) as client:
                return await getattr(client, method)(*args, **kwargs)

        return asyncio.run(run())

    return ask


@pytest.fixture
def call(ask: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Calls a tool and returns its structured answer."""

    def call(tool: str, **arguments: Any) -> dict[str, Any]:
        content = ask("call_tool", tool, arguments).structured_content
        assert isinstance(content, dict)
        return content

    return call


@pytest.fixture
def refusal(call: Callable[..., Any]) -> Callable[..., str]:
    """Calls a tool that must refuse, and returns what it says."""

    def refusal(tool: str, **arguments: Any) -> str:
        with pytest.raises(ToolError) as caught:
            call(tool, **arguments)
        return str(caught.value)

    return refusal
