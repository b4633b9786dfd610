"""What clients of i3X have subscribed to: values are looked up when a client syncs, and kept until it has them."""

import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

TTL_S = 600.0
"""A subscription that nobody has synced for so long is forgotten."""
MAX_SUBSCRIPTIONS = 200
MAX_UPDATES = 10_000
"""Kept for one subscription until they are acknowledged; beyond it the oldest go."""

Update = dict[str, Any]


@dataclass(slots=True)
class SyncSubscription:
    """One subscription of one client; its fields are its own lock's."""

    owner: tuple[str, str]
    """Who came in, and what it calls its client."""
    name: str
    seen_at: float
    subscription_id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    depths: dict[str, int] = field(default_factory=dict)
    """Object to how deep its parts are told."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _batches: deque[tuple[int, list[Update]]] = field(default_factory=deque)
    _told: dict[str, Update] = field(default_factory=dict)
    _last: int = 0

    def shape(self) -> dict[str, Any]:
        """Return it as i3X writes it."""
        monitored = [{"elementId": one, "maxDepth": depth} for one, depth in self.depths.items()]
        return {"subscriptionId": self.subscription_id, "displayName": self.name, "monitoredObjects": monitored}

    def acknowledge(self, last: int) -> None:
        """Forget what a client has, up to a number; all of it for -1."""
        while self._batches and (last == -1 or self._batches[0][0] <= last):
            self._batches.popleft()

    def add(self, updates: Sequence[Update]) -> bool:
        """Keep those that differ from what was told before; return whether older ones had to go for them."""
        fresh = [one for one in updates if self._told.get(one["elementId"]) != one]
        self._told |= {one["elementId"]: one for one in fresh}
        if fresh:
            self._last += 1
            self._batches.append((self._last, fresh))
        dropped = False
        while len(self._batches) > 1 and sum(len(batch) for _, batch in self._batches) > MAX_UPDATES:
            self._batches.popleft()
            dropped = True
        return dropped

    def pending(self) -> list[dict[str, Any]]:
        """Return what the client has not acknowledged, oldest first."""
        return [{"sequenceNumber": number, "updates": batch} for number, batch in self._batches]

    def forget(self, element_id: str) -> bool:
        """Tell nothing more of an object; return whether it was told of. What is kept already stays."""
        self._told.pop(element_id, None)
        return self.depths.pop(element_id, None) is not None


class SyncSubscriptions:
    """All subscriptions of this process. Safe from any thread.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, SyncSubscription] = {}

    def create(self, owner: tuple[str, str], name: str) -> SyncSubscription | None:
        """Return a new one; None where there are too many already."""
        with self._lock:
            self._forget_old()
            if len(self._known) >= MAX_SUBSCRIPTIONS:
                return None
            made = SyncSubscription(owner, name, self._clock())
            self._known[made.subscription_id] = made
            return made

    def find(self, owner: tuple[str, str], subscription_id: str) -> SyncSubscription | None:
        """Return a client's own; None for one that is another's, old, or never was."""
        with self._lock:
            self._forget_old()
            found = self._known.get(subscription_id)
            if found is None or found.owner != owner:
                return None
            found.seen_at = self._clock()
            return found

    def delete(self, owner: tuple[str, str], subscription_id: str) -> bool:
        """Forget a client's own; return whether there was such a one."""
        if self.find(owner, subscription_id) is None:
            return False
        with self._lock:
            return self._known.pop(subscription_id, None) is not None

    def _forget_old(self) -> None:
        before = self._clock() - TTL_S
        self._known = {key: one for key, one in self._known.items() if one.seen_at >= before}
