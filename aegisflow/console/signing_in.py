"""Sign-ins that are under way at the sign-in service: begun by a browser here, and ended by the same one, once."""

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aegisflow.console.forms import Kept
from aegisflow.domain.credentials import token_hash
from aegisflow.domain.people import SignInSpec
from aegisflow.http.openid import Asked

__all__ = ["LASTS_S", "MAX_KEPT", "SignInBegun", "SignIns"]

LASTS_S = 600.0
"""So long somebody may take at the sign-in service."""
MOST = 1_000
"""Sign-ins under way. Whoever begins one need not be anybody, so that they are few and small."""
MOST_OF_ADDRESS = 50
MAX_KEPT = 20_000
"""Characters of a form that are kept meanwhile; a longer one is not, and that is said."""


@dataclass(frozen=True, slots=True)
class SignInBegun:
    """One sign-in under way."""

    spec: SignInSpec
    """Of the service that was asked: another one's answer is none to this."""
    goal: str
    """Where to go on to."""
    kept: Kept | None
    address: str
    """Where it was begun from."""
    asked: Asked = field(default_factory=Asked)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """The browser's alone, so that nobody is signed in by an answer to somebody else's question."""
    at: float = 0.0


class SignIns:
    """Keeps what was begun. Safe from any thread.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_state: OrderedDict[str, SignInBegun] = OrderedDict()

    def keep(self, begun: SignInBegun) -> None:
        """Keep one; the oldest make room, those of its own address first."""
        with self._lock:
            own = [state for state, one in self._by_state.items() if one.address == begun.address]
            for state in own[: max(0, len(own) - MOST_OF_ADDRESS + 1)]:
                del self._by_state[state]
            self._by_state[token_hash(begun.asked.state)] = replace(begun, at=self._clock())
            while len(self._by_state) > MOST:
                self._by_state.popitem(last=False)

    def take(self, state: str, secret: str) -> SignInBegun | None:
        """Return what was begun with a state, to the browser that began it, and never again.

        None for one that is used, too old, nobody's, or another browser's, whose own attempt then goes on.
        """
        with self._lock:
            begun = self._by_state.get(token_hash(state))
            if begun is None or not hmac.compare_digest(begun.secret.encode(), secret.encode()):
                return None
            del self._by_state[token_hash(state)]
            return begun if self._clock() - begun.at <= LASTS_S else None
