"""Who may come in over HTTP: guards for the host that was asked for, for the agents' token and for people's tokens.

::

    request ──► trusted ──► HostGuard ──► TokenGuard ──► /mcp, /metrics, /reload
                proxies         │             └────────► /healthz, /readyz, /instance  without a token
                                ├──────────────────────► /operator/...  OperatorTokens, asked by each route
                                └──────────────────────► /i3x/v1/...    as at /mcp, or a person's; asked by each route
"""

import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from aegisflow.api.endpoints import PREFIX
from aegisflow.config import HttpSettings
from aegisflow.domain.callers import Caller
from aegisflow.domain.credentials import token_hash
from aegisflow.domain.rights import Right
from aegisflow.errors import ListenError, NotAllowedError
from aegisflow.http.failures import FailedLogins, address_of, is_loopback, is_of_this_machine
from aegisflow.plant.identities import Identities, Presented

__all__ = [
    "HEALTH_PATHS",
    "I3X_PATH",
    "OPEN_PATHS",
    "SHOWN",
    "STRANGE_HOST",
    "HostGuard",
    "OperatorTokens",
    "TokenGuard",
    "bearer_hash",
    "outer_guards",
]

HEALTH_PATHS = frozenset({"/healthz", "/readyz"})
"""Answered under any name: a probe asks by an address that nobody has written down (``aegisflow.http.health``)."""
OPEN_PATHS = HEALTH_PATHS | {"/instance"}
"""Answered without a token: a container's probes have none, and nobody sends theirs before they know who listens."""
I3X_PATH = "/i3x/v1"
"""Below it clients of i3X read; its routes ask for a token themselves, and refuse in the form that these understand."""
SHOWN = "aegisflow.shown"
"""Where a request's scope says what an agent has shown of itself."""
STRANGE_HOST = "aegisflow.strange_host"
"""What a request's scope has where it came under a name, or from a page, that would be refused elsewhere."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]\\]+)(?::([0-9]{1,5}))?/?")


def outer_guards(settings: HttpSettings) -> list[Middleware]:
    """Return what each request passes first: proxies that the file trusts are believed, and names are looked at.

    Args:
        settings: which proxies are believed, and by which names we are reached.
    """
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    trusted = [str(one) for one in settings.trusted_proxies]
    proxies = [Middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)] if trusted else []
    return [*proxies, Middleware(HostGuard, hosts=settings.hosts)]


class HostGuard:
    """Refuses requests that a page in somebody's browser makes, under this server's name or under a borrowed one.

    A browser sends along the page's origin, and the name by which it reached us: that of an attacker, where their
    domain suddenly resolves to this machine (DNS rebinding). On a loopback address every request is checked. Beyond
    it the token protects, unless ``hosts`` says by which names it is reached: then any other is refused.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 421 (another host) or 403 (another origin)."""
        refusal = _refusal(scope, self._hosts) if scope["type"] == "http" else None
        if refusal is not None and scope["path"] in HEALTH_PATHS:
            refusal, scope = None, {**scope, STRANGE_HOST: True}
        await (refusal or self._app)(scope, receive, send)


def _refusal(scope: Scope, hosts: frozenset[str]) -> PlainTextResponse | None:
    headers = Headers(scope=scope)
    scheme: str = scope.get("scheme", "http")
    ours = _Origin.of(f"{scheme}://{headers.get('host', '')}")
    server, _ = scope.get("server") or ("", None)
    allowed = is_loopback(ours.host) or ours.host in hosts
    if not allowed and (hosts or is_loopback(server)):
        return PlainTextResponse("this server does not go by that host name", 421)
    if "origin" not in headers or not (is_loopback(server) or is_loopback(ours.host)):
        return None
    theirs = _Origin.of(headers["origin"])
    # Tools for developers serve their pages from other ports of this machine; who is on it is no stranger.
    both_here = is_loopback(theirs.host) and is_loopback(ours.host)
    if both_here or (theirs == ours and ours.host):
        return None
    return PlainTextResponse("a page of another origin may not ask this server", 403)


class _Origin(NamedTuple):
    """What a browser calls an origin (RFC 6454); without a host where the text is none, such as ``null``."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> "_Origin":
        parts = _ORIGIN.fullmatch(text.strip().lower())
        if parts is None:
            return cls("", "", 0)
        scheme, host, port = parts.groups()
        return cls(scheme, host.strip("[]"), int(port or _DEFAULT_PORTS.get(scheme, 0)))


class TokenGuard:
    """Lets agents in at /mcp by a token of their own or by the one they share, and people at the rest by theirs.

    People's routes under ``PREFIX`` ask for themselves. Where agents need no token (``Identities.admits_anonymous``)
    and share none, nothing is asked for at /mcp and /metrics, which only this machine can reach then. /reload wants
    a token as soon as anybody has one who may ask for it.

    Args:
        app: what is behind; it finds what an agent has shown under ``SHOWN`` in the scope.
        token: the secret that all agents share; empty for none.
        identities: who is known by a token of their own.
        pages: routes that ask for a session of their own.
        failures: counts tokens that open nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        identities: Identities,
        pages: Sequence[BaseRoute] = (),
        failures: FailedLogins | None = None,
    ) -> None:
        self._app = app
        self._shared = token_hash(token) if token else ""
        self._identities = identities
        self._pages = pages
        self._failures = failures or FailedLogins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] == "http" and not self._has_own_guard(scope):
            given = bearer_hash(Headers(scope=scope).get("authorization", ""))
            is_shared = bool(self._shared) and hmac.compare_digest(given, self._shared)
            why = self._why_not(scope, given, is_shared)
            if why:
                if given:
                    address = address_of(scope)
                    self._failures.failed(address, "agents")
                    await self._failures.hold(address)
                await PlainTextResponse(why, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _has_own_guard(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if path == "/mcp":  # routed before any page; where agents ask, each page's pattern was a twentieth of a call
            return False
        if path in OPEN_PATHS or path.startswith((PREFIX, f"{I3X_PATH}/")):
            return True
        return any(route.matches(scope)[0] is not Match.NONE for route in self._pages)

    def _why_not(self, scope: Scope, given: str, is_shared: bool) -> str:
        """Return why a request may not pass; empty if it may."""
        if scope["path"] == "/reload" and not is_shared and self._identities.operators():
            person = self._identities.operator(given)
            needed = "a token is needed: an operator's, or the one that agents share"
            return "" if person is not None and person.may(Right.RELOAD) else needed
        # Where none is shared we listen on this machine alone; a proxy on it brings others.
        needs_one = bool(self._shared) or not is_of_this_machine(scope)
        if not scope["path"].rstrip("/").startswith("/mcp"):
            return "" if is_shared or not needs_one else "a bearer token is needed"
        if needs_one and not given:
            return "a bearer token is needed"
        shown = scope[SHOWN] = Presented(given, is_shared)
        try:
            self._identities.agent(shown)
        except NotAllowedError as error:
            return str(error)
        return ""


def bearer_hash(authorization: str) -> str:
    """Return the hash of the token that an Authorization header carries; empty where it carries none."""
    scheme, _, token = authorization.partition(" ")
    return token_hash(token) if scheme.lower() == "bearer" and token else ""


class OperatorTokens:
    """Knows people by their tokens. Safe from any thread.

    Args:
        identities: who the people are.
        agents_token: the secret that agents share, which must be nobody's.
        failures: counts tokens that open nothing.

    Raises:
        ListenError: a person has the agents' token, so that agents could approve their own proposals.
    """

    def __init__(self, identities: Identities, agents_token: str = "", failures: FailedLogins | None = None) -> None:
        self.identities = identities
        self.failures = failures or FailedLogins()
        self._shared = token_hash(agents_token) if agents_token else ""
        if self._is_shared_with_agents():
            raise ListenError(
                PREFIX,
                "an operator has the same token as the agents, who could then approve; make another one",
            )

    def _is_shared_with_agents(self) -> bool:
        people = self.identities.operators().values()
        return bool(self._shared) and any(spec.token_sha256 == self._shared for spec, _ in people)

    def who(self, authorization: str, address: str, way: str) -> Caller | None:
        """Return whose token an Authorization header carries; None for nobody's, and a failure counted.

        Args:
            authorization: the header.
            address: where it came from.
            way: by which it came, for whoever reads the counts.
        """
        given = bearer_hash(authorization)
        # A changed plant.yaml may name the agents' token as a person's while we run; it opens nothing for people.
        found = None if not given or given == self._shared else self.identities.operator(given)
        if found is None and given:
            self.failures.failed(address, way)
        return found
