"""A bus without a broker, to test AegisFlow itself or your own ``plant.yaml``.

It behaves like a broker with a persistent session: what was delivered at QoS 1 and not acknowledged
is delivered again after the link was broken, under a new generation::

    bus = FakeBus()
    ...                                       # start the plant on it
    bus.deliver_reading("pump-02", at, {"pressure": 14.0, "power": 29.5})
    bus.wait_until(lambda: bus.acknowledged)  # the reading is committed
    bus.break_link()
    bus.restore_link()
    assert bus.published == []                # no command went out
"""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from aegisflow.bus import BusMessage, LinkState
from aegisflow.config.services import Topics
from aegisflow.domain.readings import Receipt
from aegisflow.domain.times import format_instant
from aegisflow.errors import NotConnectedError

__all__ = ["FakeBus", "Published", "matches"]


class Published(NamedTuple):
    """A message that AegisFlow published."""

    topic: str
    payload: bytes
    expiry_s: int | None
    traceparent: str = ""
    qos: int = 1


class FakeBus:
    """A ``Bus`` that a test drives from any thread.

    ``on_message`` runs in the thread that calls ``deliver``, for one message at a time. ``published``
    and ``acknowledged`` are in the order in which things happened.
    """

    def __init__(
        self, *, connected: bool = True, topics: Topics | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.published: list[Published] = []
        self.acknowledged: list[Receipt] = []
        self.filters: tuple[str, ...] = ()
        self.sends_back = False
        self._topics = topics or Topics()
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        # Held while on_message runs, so that messages come one at a time; _changed is free then, since the
        # callback may acknowledge or publish from another thread and wait for it.
        self._delivering = threading.RLock()
        self._on_message: Callable[[BusMessage], None] | None = None
        self._on_link: Callable[[LinkState], None] | None = None
        self._broker_up = connected
        self._generation = 0
        self._packet_ids = itertools.count(1)
        self._unacknowledged: dict[Receipt, BusMessage] = {}
        self._session: list[BusMessage] = []  # what the broker keeps while the link is broken
        self._link = LinkState(False, clock(), "not started")

    def start(self, on_message: Callable[[BusMessage], None], on_link: Callable[[LinkState], None]) -> None:
        """Connect at once, unless the bus was made with ``connected=False`` or its link is broken."""
        with self._changed:
            self._on_message, self._on_link = on_message, on_link
            broker_up = self._broker_up
        if broker_up:
            self.restore_link()

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """Subscribe to these topic filters and to no others."""
        with self._changed:
            self.filters = tuple(topics)
            self._changed.notify_all()

    def acknowledge(self, receipts: tuple[Receipt, ...]) -> None:
        """Take receipts; one of an earlier generation, or one that was taken before, changes nothing."""
        with self._changed:
            for receipt in receipts:
                if self._unacknowledged.pop(receipt, None) is not None:
                    self.acknowledged.append(receipt)
            self._changed.notify_all()

    def publish(
        self, topic: str, payload: bytes, *, expiry_s: int | None = None, traceparent: str = "", qos: int = 1
    ) -> None:
        """Append to ``published``.

        Raises:
            NotConnectedError: the link is broken, and nothing was appended.
        """
        with self._changed:
            if not self._link.connected:
                raise NotConnectedError("the fake broker")
            self.published.append(Published(topic, payload, expiry_s, traceparent, qos))
            self._changed.notify_all()

    def link(self) -> LinkState:
        """Return the state of the connection."""
        with self._changed:
            return self._link

    def stop(self) -> None:
        """Disconnect for good: nothing is delivered from now on, but the session is kept."""
        self._disconnect("stopped")
        # Waits for a callback that runs at this moment: none may run once this has returned.
        with self._delivering, self._changed:
            self._on_message = self._on_link = None

    # --- what a test does ---------------------------------------------------------------------

    def deliver(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        """Publish as a machine would, and return whether a topic filter matched.

        While the link is broken, a message at QoS 1 waits for ``restore_link`` and one at QoS 0 is lost.
        """
        with self._delivering:
            with self._changed:
                if not any(matches(pattern, topic) for pattern in self.filters):
                    return False
                message = BusMessage(topic, payload, retain)
                if not self._link.connected:
                    if qos:
                        self._session.append(message)
                    return True
            self._hand_over(message, qos)
            return True

    def deliver_reading(self, device_id: str, at: float, values: Mapping[str, float | None], qos: int = 1) -> bool:
        """Report ``values`` as a device would, with the timestamp ``at`` (UTC epoch seconds)."""
        content = {"timestamp": format_instant(at), "device_id": device_id, **values}
        topic = self._topics.sensors.replace("{device_id}", device_id)
        return self.deliver(topic, msgspec.json.encode(content), qos)

    def break_link(self, detail: str = "link broken by the test") -> None:
        """Lose the broker: publishing fails from now on, and receipts of this generation become void."""
        self._broker_up = False
        self._disconnect(detail)

    def restore_link(self) -> None:
        """Bring the broker back under a new generation, and deliver again all that was not acknowledged."""
        with self._delivering:
            with self._changed:
                self._broker_up = True
                if self._on_link is None or self._link.connected:
                    return
                self._generation += 1
                self._packet_ids = itertools.count(1)
                waiting, self._session = self._session, []
                self._tell_link(True, "connected to the fake broker")
            for message in waiting:
                self._hand_over(message, qos=1)

    def wait_until(self, true: Callable[[], object], timeout_s: float = 30.0) -> None:
        """Wait until ``true()`` holds, which is looked at after each publish, acknowledge and subscribe.

        Raises:
            TimeoutError: it did not hold within ``timeout_s`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: bool(true()), timeout_s):
                raise TimeoutError(
                    f"not within {timeout_s:g} s; published {len(self.published)}, "
                    f"acknowledged {len(self.acknowledged)}, waiting for it {len(self._unacknowledged)}"
                )

    # --- inside -------------------------------------------------------------------------------

    def _hand_over(self, message: BusMessage, qos: int) -> None:
        with self._changed:
            on_message = self._on_message
            if on_message is None or not self._link.connected:  # broken by the callback of the message before
                if qos:
                    self._session.append(message)
                return
            receipt = Receipt(self._generation, next(self._packet_ids)) if qos else None
            message = message._replace(receipt=receipt)
            if receipt is not None:
                self._unacknowledged[receipt] = message
        on_message(message)

    def _disconnect(self, detail: str) -> None:
        with self._changed:
            if not self._link.connected:
                return
            # As a broker does: first what was under way, in the order of the first delivery.
            self._session[:0] = self._unacknowledged.values()
            self._unacknowledged = {}
            self._tell_link(False, detail)

    def _tell_link(self, connected: bool, detail: str) -> None:
        self._link = LinkState(connected, self._clock(), detail, self._link.changes + 1)
        if self._on_link is not None:
            self._on_link(self._link)
        self._changed.notify_all()


def matches(pattern: str, topic: str) -> bool:
    """Return whether an MQTT topic filter (with ``+`` and ``#``) matches a topic name (MQTT 5, section 4.7)."""
    wanted, found = pattern.split("/"), topic.split("/")
    # Topics with a $ are the broker's own, and no filter that begins with a wildcard gets them.
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position == len(found) or level not in ("+", found[position]):
            return False
    return len(wanted) == len(found)
