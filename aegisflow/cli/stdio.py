"""``aegisflow mcp``: one client on standard input and output.

A client is greeted before anything is loaded that takes its time, so this module imports little and the function less.
"""

from typing import Annotated

from cyclopts import Parameter

from aegisflow.cli.arguments import DEFAULT_PLANT, JsonLogs, LogLevel, PlantPath

__all__ = ["mcp"]

DEFAULT_TOKEN_ENV = "AEGISFLOW_TOKEN"  # noqa: S105 - the name of a variable, not a secret


def mcp(
    *,
    plant: PlantPath = DEFAULT_PLANT,
    connect: Annotated[str | None, Parameter(help="URL of a running serve, e.g. http://127.0.0.1:8765/mcp")] = None,
    token_env: Annotated[str, Parameter(help="variable with the token for --connect")] = DEFAULT_TOKEN_ENV,
    log_level: LogLevel = "warning",
    json_logs: JsonLogs = False,
) -> int:
    """Serve one MCP client on standard input and output; return the exit code."""
    from aegisflow.mcp.stdout_guard import take_stdout

    wire = take_stdout()
    if connect is not None:  # the plant elsewhere answers for itself
        from aegisflow.cli.serving import mcp_elsewhere

        return mcp_elsewhere(connect, token_env, wire, log_level, json_logs=json_logs)

    from aegisflow.mcp.greeting import Greeting

    greeting = Greeting(wire)
    greeting.start()
    from aegisflow.cli.serving import mcp_with_plant

    return mcp_with_plant(plant, wire, greeting, log_level, json_logs=json_logs)
