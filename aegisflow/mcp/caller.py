"""Who calls a tool, as the transport knows it."""

from fastmcp.server.dependencies import get_context

from aegisflow.api.text import clean
from aegisflow.domain.callers import Caller


def caller() -> Caller:
    """Return the client of the running call: the name it introduced itself with, never an argument.

    An MCP client names itself, so the name tells agents apart but proves nothing, and is quoted as such;
    whoever comes this way is an agent.
    """
    session = get_context().session
    params = session.client_params
    return Caller.self_named(clean(params.client_info.name, 60) if params is not None else "")
