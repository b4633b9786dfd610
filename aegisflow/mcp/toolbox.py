"""How a tool is put on the server: its schema, its hints, its errors and its log line."""

import functools
import inspect
import logging
import time
from collections.abc import Callable
from typing import Any

import structlog
from fastmcp import FastMCP
from fastmcp.exceptions import ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import FunctionTool
from fastmcp.tools.base import ToolResult
from mcp_types import CallToolRequestParams, ToolAnnotations
from mcp_types import Tool as McpTool
from pydantic import ValidationError as PydanticValidationError

from aegisflow.api.text import clean
from aegisflow.errors import AegisFlowError
from aegisflow.mcp.gate import Gate, caller
from aegisflow.mcp.json_schema import plain_arguments, schema_of
from aegisflow.mcp.schemas import ToolAnswer
from aegisflow.mcp.shared import SharedAnswers

log = structlog.get_logger(__name__)

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
NOTES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
NOTES_ONCE = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
ACTS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True)


class _PlainTool(FunctionTool):
    """A tool without FastMCP's own remarks, which say nothing and are sent with every list of tools; ours stay."""

    def to_mcp_tool(self, **overrides: Any) -> McpTool:
        return super().to_mcp_tool(**{"_meta": self.meta, **overrides})


def add_tool(
    server: FastMCP,
    gate: Gate,
    function: Callable[..., ToolAnswer],
    hints: ToolAnnotations,
    shared: SharedAnswers | None = None,
    *,
    is_present: bool = False,
) -> None:
    """Put ``function`` on ``server`` as a tool of the same name, described by its docstring.

    Its parameters' annotations become the input schema, its return annotation the output schema.

    Args:
        server: of an agent.
        gate: asked at each call.
        function: that answers.
        hints: what it does to the plant.
        shared: the answers of the last second, forgotten by a tool that does more than read; None for no sharing.
        is_present: whether it tells of the present alone, which many ask for again and again.
    """
    answer: type[ToolAnswer] = inspect.signature(function).return_annotation
    tool = _PlainTool.from_function(
        _guarded(function, gate, shared, is_present=is_present, reads=bool(hints.read_only_hint)),
        description=" ".join((inspect.getdoc(function) or "").split()),
        output_schema=schema_of(answer),
        annotations=hints,
    )
    server.add_tool(tool.model_copy(update={"parameters": plain_arguments(tool.parameters)}))


def _guarded(
    function: Callable[..., ToolAnswer], gate: Gate, shared: SharedAnswers | None, *, is_present: bool, reads: bool
) -> Callable[..., ToolResult]:
    def answered(*args: Any, **kwargs: Any) -> ToolResult:
        return ToolResult(structured_content=function(*args, **kwargs).model_dump(mode="json", exclude_none=True))

    def work(*args: Any, **kwargs: Any) -> ToolResult:
        if shared is None or (reads and not is_present):
            return answered(*args, **kwargs)
        if is_present:
            question = (function.__name__, args, sorted(kwargs.items()))
            return shared.answer(caller(), question, lambda: answered(*args, **kwargs))
        try:
            return answered(*args, **kwargs)
        finally:
            shared.forget()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> ToolResult:
        begun = time.perf_counter()
        try:
            gate.admit(function.__name__)
            result = work(*args, **kwargs)
        except AegisFlowError as error:
            log.info("tool_refused", tool=function.__name__, reason=clean(str(error), 200))
            raise ToolError(clean(str(error), 1_000), log_level=logging.DEBUG) from error
        except Exception as error:
            log.exception("tool_failed", tool=function.__name__)
            text = f"{function.__name__} failed inside AegisFlow, its log says why; look before you repeat it"
            raise ToolError(text, log_level=logging.DEBUG) from error
        log.debug("tool_answered", tool=function.__name__, ms=round((time.perf_counter() - begun) * 1e3, 1))
        return result

    call.__doc__ = None  # already the description; FastMCP would load a parser for it
    return call


class ClearErrors(Middleware):
    """Tells an agent in one line what is wrong with an argument, instead of handing it pydantic's report."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Pass the call on, and turn what pydantic says about its arguments into a ToolError."""
        try:
            return await call_next(context)
        except ValidationError as error:
            cause = error.__cause__
            if not isinstance(cause, PydanticValidationError):
                raise
            raise ToolError(_explain(cause), log_level=logging.DEBUG) from None


def _explain(error: PydanticValidationError) -> str:
    lines = []
    for mistake in error.errors(include_url=False)[:5]:
        name = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] in ("missing", "missing_argument"):
            lines.append(f"{name} is required")
        elif mistake["type"] == "unexpected_keyword_argument":
            lines.append(f"{name} is not an argument of this tool")
        elif mistake["type"] == "literal_error" and not isinstance(mistake["input"], str):
            # A number is refused although a text of the same digits is taken: proxies compare strings.
            lines.append(f"{name}={_shown(mistake['input'])} must be a string, {mistake['ctx']['expected']}")
        else:
            lines.append(f"{name}={_shown(mistake['input'])} cannot be used: {mistake['msg'].lower()}")
    return "; ".join(lines)


def _shown(given: object) -> str:
    """Return what was given as it looks in a call: only a text stands in quotes."""
    return repr(clean(given, 100)) if isinstance(given, str) else clean(repr(given), 100)
