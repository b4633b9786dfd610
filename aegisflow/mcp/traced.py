"""What FastMCP's spans of tool calls lack of OpenTelemetry's conventions for generative AI and MCP."""

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp_types import CallToolRequestParams

from aegisflow.telemetry.current import note_span

__all__ = ["TracedCalls"]

_TRANSPORTS = {"stdio": "pipe"}


class TracedCalls(Middleware):
    """Adds operation, request and transport to the span of a call; no span of its own."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Note them, and pass the call on."""
        call = context.fastmcp_context
        if call is not None:
            transport = call.transport
            note_span(
                {
                    "gen_ai.operation.name": "execute_tool",
                    "jsonrpc.request.id": str(call.request_id),
                    **({"network.transport": _TRANSPORTS.get(transport, "tcp")} if transport else {}),
                }
            )
        return await call_next(context)
