"""Who calls, and whether they may: asked before each tool and each resource, on standard input and over HTTP alike."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TypeVar

from fastmcp.server.dependencies import get_context
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool
from mcp_types import ListToolsRequest

from aegisflow.api.text import clean
from aegisflow.domain.callers import Caller
from aegisflow.errors import NotAllowedError
from aegisflow.plant.identities import Identities, Presented
from aegisflow.plant.protocol import PlantSource

__all__ = ["Gate", "ListedTools", "caller", "looks_at_caller"]

T = TypeVar("T")
_caller: ContextVar[Caller] = ContextVar("caller")
_looked_at: ContextVar[bool] = ContextVar("looked_at", default=False)


def caller() -> Caller:
    """Return who calls the running tool, as the gate knows them: by their token, else by a name that proves nothing."""
    _looked_at.set(True)
    return _caller.get()


def looks_at_caller(make: Callable[[], T]) -> tuple[T, bool]:
    """Return what ``make`` returns, and whether it looked at ``caller``, so that it is for them alone."""
    _looked_at.set(False)
    made = make()
    return made, _looked_at.get()


class Gate:
    """Lets calls through to the plant.

    Args:
        plant: waited for first, since who is known is in its store.
        identities: who is known.
        shown: what the running call shows of whoever sends it.
    """

    def __init__(self, plant: PlantSource, identities: Identities, shown: Callable[[], Presented]) -> None:
        self._plant = plant
        self._identities = identities
        self._shown = shown

    def admit(self, tool: str) -> None:
        """Have ``caller`` name whoever calls a tool, and count the call.

        Raises:
            AegisFlowError: there is no plant, or this agent may not call this tool, or not so often.
        """
        self._plant()
        _caller.set(self._identities.admit(tool, self._shown(), _own_word()))

    def check(self, tool: str) -> None:
        """Make sure that the caller may read what a tool tells; this counts no call.

        Raises:
            AegisFlowError: there is no plant, or this agent may not.
        """
        self._plant()
        self._identities.check(tool, self._shown())

    def hold(self, tool: str) -> Callable[[], bool]:
        """Return what says, now and later, whether this caller may read what a tool tells.

        Raises:
            AegisFlowError: there is no plant, or this agent may not even now.
        """
        self.check(tool)
        shown = self._shown()

        def may_read() -> bool:
            try:
                self._identities.check(tool, shown)
            except NotAllowedError:
                return False
            return True

        return may_read

    def visible(self) -> frozenset[str]:
        """Return the tools that the running call is told of."""
        return self._identities.tools_of(self._shown())


class ListedTools(Middleware):
    """Tells agents only of tools that they may call: what is switched off costs their conversation nothing."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def on_list_tools(
        self, context: MiddlewareContext[ListToolsRequest], call_next: CallNext[ListToolsRequest, Sequence[Tool]]
    ) -> Sequence[Tool]:
        """Pass on what is listed, without what may not be called."""
        visible = self._gate.visible()
        return [tool for tool in await call_next(context) if tool.name in visible]


def _own_word() -> str:
    """Return the name by which an MCP client introduces itself: it tells agents apart and proves nothing."""
    params = get_context().session.client_params
    return clean(params.client_info.name, 60) if params is not None else ""
