"""Who shows tokens that open nothing: counted by address, told, and kept waiting for the answer.

A right token opens at once, whatever came from its address before: a guesser must not keep people from the stop, and
behind one address there may be a whole plant. Tokens are 32 random bytes, so that waiting is not what protects them;
it keeps a guesser from costing more than others, and gives whoever watches the counts their time.
"""

import asyncio
import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from functools import lru_cache

import structlog
from starlette.datastructures import Headers
from starlette.types import Scope

__all__ = ["MAX_FAILURES", "WITHIN_S", "FailedLogins", "address_of", "is_loopback", "is_of_this_machine"]

MAX_FAILURES = 10
"""Wrong tokens from one address within a minute; further ones are answered late, and with 429."""
WITHIN_S = 60.0
HOLD_S = 1.0
"""How long the answer to a further wrong token is held back."""
MAX_HELD = 32
"""Answers held back at a time; a held answer holds a connection, and those are few."""
MAX_ADDRESSES = 10_000
"""Addresses remembered; the one that has been quiet for longest makes room."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")

log = structlog.get_logger(__name__)


@lru_cache(maxsize=64)  # few, for whoever asks chooses what is kept
def is_loopback(host: str) -> bool:
    """Return whether a name or address, without its port, can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address_of(scope: Scope) -> str:
    """Return the address that a request comes from, as far as trusted proxies tell; of IPv6 its network.

    Whoever has one address of IPv6 has 2⁶⁴, which are counted as the one that they are.
    """
    host, _ = scope.get("client") or ("", 0)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"  # a proxy that is trusted, and tells nonsense
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def is_of_this_machine(scope: Scope) -> bool:
    """Return whether a request comes from this very machine, and not by way of a proxy on it, listed or not."""
    host, _ = scope.get("client") or ("", 0)
    headers = Headers(scope=scope)
    return is_loopback(host) and not any(name in headers for name in _FORWARDED)


class FailedLogins:
    """Counts wrong tokens by address. Safe from any thread.

    Args:
        count: told of each, and by which way it came.
        clock: monotonic, in seconds.
        hold_s: how long an answer is held back.
        most: addresses that are remembered.
    """

    def __init__(
        self,
        count: Callable[[str], None] = lambda way: None,
        clock: Callable[[], float] = time.monotonic,
        hold_s: float = HOLD_S,
        most: int = MAX_ADDRESSES,
    ) -> None:
        self._count = count
        self._clock = clock
        self._hold_s = hold_s
        self._most = most
        self._lock = threading.Lock()
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()
        self._held = 0

    def barred(self, address: str) -> bool:
        """Return whether too many wrong tokens came from an address within the last minute."""
        with self._lock:
            return self._is_barred(address)

    def addresses(self) -> Mapping[str, int]:
        """Return the addresses that are remembered, and how many wrong tokens of each."""
        with self._lock:
            return {address: len(times) for address, times in self._by_address.items()}

    def failed(self, address: str, way: str) -> None:
        """Count a wrong token, and tell of it unless its address has been told of often enough.

        Args:
            address: it came from.
            way: by which it came, such as ``page``.
        """
        self._count(way)
        with self._lock:
            was_barred = self._is_barred(address)
            times = self._by_address.setdefault(address, deque(maxlen=MAX_FAILURES))
            times.append(self._clock())
            self._by_address.move_to_end(address)
            while len(self._by_address) > self._most:
                self._by_address.popitem(last=False)
            is_barred = self._is_barred(address)
        if not was_barred:  # a guesser must not fill the log, either
            log.warning("login_failed", address=address, way=way, further_ones_wait=is_barred)

    async def hold(self, address: str) -> None:
        """Keep whoever has just shown a wrong token waiting, if it was one of too many."""
        if not self.barred(address):
            return
        with self._lock:
            if self._held >= MAX_HELD:
                return
            self._held += 1
        try:
            await asyncio.sleep(self._hold_s)
        finally:
            with self._lock:
                self._held -= 1

    def _is_barred(self, address: str) -> bool:
        times = self._by_address.get(address)
        return times is not None and len(times) == MAX_FAILURES and self._clock() - times[0] < WITHIN_S
