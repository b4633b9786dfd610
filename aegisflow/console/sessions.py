"""Who is signed in: sessions of people, each begun with a token or by the sign-in service, and kept in memory alone."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aegisflow.domain.credentials import token_hash
from aegisflow.domain.people import ProvedPerson

__all__ = ["IDLE_S", "LONGEST_S", "Session", "Sessions"]

IDLE_S = 3_600.0
"""A session that is not used for so long has ended; a page that is open, and updated, is in use."""
LONGEST_S = 12 * 3_600.0
"""A session lasts for no more than a shift."""
MAX_SAID = 20
MAX_SESSIONS = 1_000
"""The one that was not used for the longest time makes room for another."""


@dataclass(slots=True)
class Session:
    """One browser that somebody has signed in with."""

    shown: str | ProvedPerson
    """SHA-256 of the operator's token, or whom the sign-in service proved: who that is now, and what they may, is
    asked each time."""
    csrf: str
    """Stands in each form, so that no other page can send one."""
    began: float
    used: float
    said: list[str] = field(default_factory=list)
    """What the next page is to tell, such as what became of a form."""


class Sessions:
    """Keeps sessions by the hash of the key that the browser has. Safe from any thread.

    Args:
        clock: monotonic, in seconds.
        idle_s: a session that is not used for so long has ended.
        longest_s: no session lasts longer.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        idle_s: float = IDLE_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._clock = clock
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._lock = threading.Lock()
        self._by_key: dict[str, Session] = {}

    def begin(self, shown: str | ProvedPerson) -> str:
        """Begin a session of whoever has this token, or was proved; return its key, for the browser alone."""
        key, at = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._forget_ended(at)
            if len(self._by_key) >= MAX_SESSIONS:
                del self._by_key[min(self._by_key, key=lambda one: self._by_key[one].used)]
            self._by_key[token_hash(key)] = Session(shown, secrets.token_urlsafe(32), at, at)
        return key

    def find(self, key: str) -> Session | None:
        """Return the session of a key, which counts as used now; None for one that has ended or never was."""
        at = self._clock()
        with self._lock:
            session = self._by_key.get(token_hash(key)) if key else None
            if session is None or self._has_ended(session, at):
                return None
            session.used = at
            return session

    def end(self, key: str) -> None:
        """End the session of a key, if there is one."""
        with self._lock:
            self._by_key.pop(token_hash(key), None)

    def say(self, session: Session, text: str) -> None:
        """Keep what the next page of a session is to tell; of more than any page would tell, the newest."""
        with self._lock:
            session.said = [*session.said, text][-MAX_SAID:]

    def take_said(self, session: Session) -> list[str]:
        """Return what the next page of a session is to tell, once."""
        with self._lock:
            said, session.said = session.said, []
        return said

    def _has_ended(self, session: Session, at: float) -> bool:
        return at - session.used > self._idle_s or at - session.began > self._longest_s

    def _forget_ended(self, at: float) -> None:
        self._by_key = {key: one for key, one in self._by_key.items() if not self._has_ended(one, at)}
