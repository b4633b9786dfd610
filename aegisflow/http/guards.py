"""Who may come in over HTTP: guards for the host that was asked for, for the agents' token and for people's tokens.

::

    request ──► HostGuard ──► TokenGuard ──► /mcp, /metrics, /reload
                    │             └────────► /healthz, /instance  without a token
                    └──────────────────────► /operator/...        OperatorTokens, asked by each route
"""

import hmac
import ipaddress
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from aegisflow.api.endpoints import PREFIX
from aegisflow.domain.callers import Caller
from aegisflow.domain.credentials import token_hash
from aegisflow.domain.rights import Right
from aegisflow.errors import ListenError, NotAllowedError
from aegisflow.plant.identities import Identities, Presented

__all__ = [
    "MAX_FAILURES",
    "OPEN_PATHS",
    "SHOWN",
    "WITHIN_S",
    "HostGuard",
    "OperatorTokens",
    "TokenGuard",
    "bearer_hash",
    "is_loopback",
]

OPEN_PATHS = frozenset({"/healthz", "/instance"})
"""Answered without a token: a container's probes have none, and nobody sends theirs before they know who listens."""
MAX_FAILURES = 10
"""Wrong tokens within a minute, then 429. A right token still opens: a guesser must not keep people from the stop."""
WITHIN_S = 60.0
SHOWN = "aegisflow.shown"
"""Where a request's scope says what an agent has shown of itself."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]\\]+)(?::([0-9]{1,5}))?/?")

log = structlog.get_logger(__name__)


def is_loopback(host: str) -> bool:
    """Return whether a name or address, without its port, can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
    """

    def __init__(self, app: ASGIApp, token: str, identities: Identities, pages: Sequence[BaseRoute] = ()) -> None:
        self._app = app
        self._shared = token_hash(token) if token else ""
        self._identities = identities
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] == "http" and not self._has_own_guard(scope):
            given = bearer_hash(Headers(scope=scope).get("authorization", ""))
            is_shared = bool(self._shared) and hmac.compare_digest(given, self._shared)
            why = self._why_not(scope, given, is_shared)
            if why:
                await PlainTextResponse(why, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _has_own_guard(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if path in OPEN_PATHS or path.startswith(PREFIX):
            return True
        return any(route.matches(scope)[0] is not Match.NONE for route in self._pages)

    def _why_not(self, scope: Scope, given: str, is_shared: bool) -> str:
        """Return why a request may not pass; empty if it may."""
        if scope["path"] == "/reload" and not is_shared and self._identities.operators():
            person = self._identities.operator(given)
            needed = "a token is needed: an operator's, or the one that agents share"
            return "" if person is not None and person.may(Right.RELOAD) else needed
        if not scope["path"].rstrip("/").startswith("/mcp"):
            return "" if is_shared or not self._shared else "a bearer token is needed"
        if self._shared and not given:
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
    """Knows people by their tokens, and slows down whoever guesses. Safe from any thread.

    Args:
        identities: who the people are.
        agents_token: the secret that agents share, which must be nobody's.
        clock: monotonic, in seconds.

    Raises:
        ListenError: a person has the agents' token, so that agents could approve their own proposals.
    """

    def __init__(
        self, identities: Identities, agents_token: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.identities = identities
        self._shared = token_hash(agents_token) if agents_token else ""
        if self._is_shared_with_agents():
            raise ListenError(
                PREFIX,
                "an operator has the same token as the agents, who could then approve; make another one",
            )
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=MAX_FAILURES)
        self._lock = threading.Lock()
        self.failed = 0
        """Wrong tokens since the start."""

    def _is_shared_with_agents(self) -> bool:
        people = self.identities.operators().values()
        return bool(self._shared) and any(spec.token_sha256 == self._shared for spec, _ in people)

    def barred(self) -> bool:
        """Return whether too many wrong tokens came within the last minute."""
        with self._lock:
            return len(self._failures) == MAX_FAILURES and self._clock() - self._failures[0] < WITHIN_S

    def who(self, authorization: str) -> Caller | None:
        """Return whose token an Authorization header carries; None, and a failure counted, for nobody's."""
        given = bearer_hash(authorization)
        # A changed plant.yaml may name the agents' token as a person's while we run; it opens nothing for people.
        found = None if not given or given == self._shared else self.identities.operator(given)
        if found is not None:
            return found
        with self._lock:
            self.failed += 1
            self._failures.append(self._clock())
        log.warning("operator_refused", failed=self.failed)
        return None
