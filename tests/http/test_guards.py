"""Who may come in, asked of the guards alone."""

import asyncio
from typing import Any

import pytest
from fastmcp.server.http import HostOriginGuardMiddleware
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from aegisflow.errors import ListenError
from aegisflow.http.guards import HostGuard, OperatorTokens, TokenGuard
from aegisflow.plant.identities import Identities
from tests.support.operator_tokens import known

HERE = ("127.0.0.1", "localhost", "[::1]")
NAMES = st.sampled_from([*HERE, "LOCALHOST", "evil.example", "plant.example", "10.0.0.7", "127.0.0.1.evil.example"])
PORTS = st.sampled_from(["", ":80", ":443", ":8765", ":9999"])
HOSTS = st.builds(str.__add__, NAMES, PORTS)
ORIGINS = st.builds("{}://{}{}".format, st.sampled_from(["http", "https"]), HOSTS, st.sampled_from(["", "/"]))
SERVERS = st.sampled_from(["127.0.0.1", "::1", "10.0.0.7", "plant.example"])
NO_ORIGINS = (
    "null",
    "",
    "file://",
    "http://",
    "localhost",
    "http://localhost:port",
    "http://[::1",
    "http:// localhost",
)
NO_HOSTS = ("", ":80", "evil.example@127.0.0.1", "127.0.0.1/x", "127.0.0.1#x", "[::1", "127.0.0.1 evil.example", "\xff")


def status(guard: ASGIApp, server: str, host: str, origin: str | None, **more: Any) -> int:
    """Return the status that a request gets; 200 for one that is let through."""
    headers = [(b"host", host.encode("latin-1"))] + ([] if origin is None else [(b"origin", origin.encode("latin-1"))])
    headers += more.get("headers", [])
    path = more.get("path", "/mcp")
    scope = {
        "type": "http", "method": "POST", "path": path, "scheme": "http", "server": (server, 8765), "headers": headers,
        "client": more.get("client", ("127.0.0.1", 50_000)),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]
    return int(sent[0]["status"])


BEHIND = PlainTextResponse("let through")


@given(SERVERS, HOSTS, st.none() | ORIGINS)
def test_hosts_and_origins_are_judged_as_the_library_of_mcp_judges_them(
    server: str, host: str, origin: str | None
) -> None:
    theirs = HostOriginGuardMiddleware(BEHIND, mode="auto")
    assert status(HostGuard(BEHIND), server, host, origin) == status(theirs, server, host, origin)


@pytest.mark.parametrize("host", [*NO_HOSTS, "evil.example", "127.0.0.1.evil.example"])
def test_on_loopback_nothing_is_told_under_a_borrowed_name(host: str) -> None:
    assert status(HostGuard(BEHIND), "127.0.0.1", host, None) == 421


@pytest.mark.parametrize("origin", [*NO_ORIGINS, "https://evil.example", "http://127.0.0.1.evil.example"])
def test_on_loopback_nothing_is_told_to_a_page_from_elsewhere(origin: str) -> None:
    assert status(HostGuard(BEHIND), "127.0.0.1", "127.0.0.1:8765", origin) == 403


@pytest.mark.parametrize("host", HERE)
def test_a_page_of_this_machine_may_ask(host: str) -> None:
    assert status(HostGuard(BEHIND), "127.0.0.1", f"{host}:8765", f"http://{host}:6274") == 200


@pytest.mark.parametrize(("path", "expected"), [("/mcp", 401), ("/metrics", 401), ("/reload", 401), ("/healthz", 200)])
def test_the_agents_token_is_asked_for_everywhere_but_where_others_are_or_none_can_be(path: str, expected: int) -> None:
    right = [(b"authorization", b"Bearer s3cret")]
    guard = TokenGuard(BEHIND, "s3cret", Identities())
    assert status(guard, "127.0.0.1", "127.0.0.1", None, path=path) == expected
    assert status(guard, "127.0.0.1", "127.0.0.1", None, path=path, headers=right) == 200
    assert status(guard, "127.0.0.1", "127.0.0.1", None, path="/operator/alarms") == 200


def test_an_operator_may_not_share_the_agents_token():
    with pytest.raises(ListenError, match="same token as the agents"):
        OperatorTokens(known(), "token-of-anna")
