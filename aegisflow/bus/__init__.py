"""The bus: how messages come from and go to machines."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from aegisflow.domain.readings import Receipt

__all__ = ["Bus", "BusMessage", "LinkState"]


class BusMessage(NamedTuple):
    """A message as it came from the broker."""

    topic: str
    payload: bytes
    retain: bool = False
    receipt: Receipt | None = None
    """Present when the broker waits for an acknowledgement (QoS 1)."""


class LinkState(NamedTuple):
    """The connection to the broker, for health and for people."""

    connected: bool
    since: float
    """UTC epoch seconds of the last change."""
    detail: str
    """Why it is as it is, in one line."""
    changes: int = 0
    """Counts connects and disconnects since the start."""


class Bus(Protocol):
    """A publish/subscribe link that is always there, connected or not.

    Callbacks come from the bus's own thread; they must return at once and never raise. A broker
    that is absent, or goes away, is the bus's own business: it retries with back-off, subscribes
    again on every connect and tells ``on_link`` about each change.
    """

    def start(self, on_message: Callable[[BusMessage], None], on_link: Callable[[LinkState], None]) -> None:
        """Begin to connect; returns at once, whether or not there is a broker."""

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """Replace the set of topic filters subscribed to (QoS 1), now or at the next connect."""

    def acknowledge(self, receipts: tuple[Receipt, ...]) -> None:
        """Tell the broker that these messages are safe; receipts of an earlier connection are ignored."""

    def publish(self, topic: str, payload: bytes, *, expiry_s: int | None = None) -> None:
        """Publish at QoS 1, never retained.

        Raises:
            NotConnectedError: there is no connection; nothing was queued.
        """

    def link(self) -> LinkState:
        """Return the state of the connection."""

    def stop(self) -> None:
        """Disconnect and end the bus's thread; no callback comes after it returns."""
