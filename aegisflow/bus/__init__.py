"""The bus: how messages reach AegisFlow from the machines, and the machines from AegisFlow."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from aegisflow.domain.readings import Receipt

__all__ = ["Bus", "BusMessage", "LinkState"]


class BusMessage(NamedTuple):
    """A message as the broker delivered it."""

    topic: str
    payload: bytes
    retain: bool = False
    receipt: Receipt | None = None
    """Present if the broker waits for an acknowledgement (QoS 1)."""


class LinkState(NamedTuple):
    """The state of the connection to the broker, as the health check and the log report it."""

    connected: bool
    since: float
    """When it last changed between connected and not; UTC epoch seconds by the wall clock."""
    detail: str
    """The reason for this state, in one line."""
    changes: int = 0
    """How often the connection was made or lost since the start."""
    warning: str = ""
    """What the broker does and must not, although there is a connection; empty where it keeps to MQTT."""


class Bus(Protocol):
    """A publish/subscribe link that is always there, connected or not.

    Callbacks run in the bus's own thread; they must return at once and never raise. A broker that
    is absent or goes away is the bus's own business: it tries again with growing back-off,
    subscribes anew on every connect and tells ``on_link`` of each change.
    """

    @property
    def sends_back(self) -> bool:
        """Whether what is published on a topic that is subscribed to comes back, as with MQTT 3.1.1."""

    def start(self, on_message: Callable[[BusMessage], None], on_link: Callable[[LinkState], None]) -> None:
        """Begin to connect, and return at once whether or not there is a broker."""

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """Subscribe to these topic filters at QoS 1 and to no others, now or at the next connect."""

    def acknowledge(self, receipts: tuple[Receipt, ...]) -> None:
        """Acknowledge messages that are committed; receipts of an earlier connection are ignored."""

    def publish(
        self, topic: str, payload: bytes, *, expiry_s: int | None = None, traceparent: str = "", qos: int = 1
    ) -> None:
        """Publish at QoS 0 or 1, and never retained; after ``expiry_s`` seconds the broker drops the message (MQTT 5).

        A ``traceparent`` becomes a user property (MQTT 5).

        Raises:
            NotConnectedError: there is no connection, and nothing was queued.
        """

    def link(self) -> LinkState:
        """Return the state of the connection."""

    def stop(self) -> None:
        """Disconnect and end the bus's thread; no callback runs after this returns."""
