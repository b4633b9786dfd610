import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp_types import Implementation

from aegisflow.mcp.server import build_server
from tests.support.memory_plant import MemoryPlant


class Session:
    """One server and one agent connected to it, for all tests: to build them takes longer than most tests."""

    def __init__(self) -> None:
        self.plant = MemoryPlant()
        self._runner = asyncio.Runner()
        self._client = Client(
            build_server(lambda: self.plant), client_info=Implementation(name="test agent", version="1")
        )
        self._runner.run(self._client.__aenter__())

    def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the agent's client."""

        async def run() -> Any:
            return await getattr(self._client, method)(*args, **kwargs)

        return self._runner.run(run())

    def close(self) -> None:
        self._runner.run(self._client.__aexit__(None, None, None))
        self._runner.close()


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    opened = Session()
    yield opened
    opened.close()


@pytest.fixture
def plant(session: Session) -> MemoryPlant:
    session.plant = MemoryPlant()
    return session.plant


@pytest.fixture
def ask(session: Session, plant: MemoryPlant) -> Callable[..., Any]:
    """Calls a method of an in-memory client: ``ask("list_tools")``."""
    return session.ask


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
