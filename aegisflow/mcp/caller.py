"""Who calls a tool, as the transport knows it."""

from fastmcp.server.dependencies import get_context

from aegisflow.api.text import clean
from aegisflow.domain.callers import Caller, CallerKind


def caller() -> Caller:
    """Return the client of the running call: the name it introduced itself with, never an argument.

    An MCP client names itself, so the name tells agents apart but proves nothing; whoever comes this
    way is an agent.
    """
    session = get_context().session
    params = session.client_params
    name = clean(params.client_info.name, 80) if params is not None else ""
    return Caller(name=name or "unnamed MCP client", kind=CallerKind.AGENT)
