"""What the bus's thread hands to the gateway: queues, a bell, and counts that outlive a gateway that fails."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from aegisflow.actors.messages.gateway import DrainInbound, GatewayCounts
from aegisflow.actors.runtime.directory import GATEWAY, Directory
from aegisflow.bus import BusMessage
from aegisflow.domain.readings import Receipt

__all__ = ["InboundQueue"]

_REMEMBERED = 0.999
"""Part of the longest quiet time that is kept with each batch of readings."""


class InboundQueue:
    """The messages from the bus that the gateway has not taken yet.

    QoS 1 messages are bounded by the broker, which waits for our acknowledgements. Of the others the oldest are
    shed, and counted, once ``limit`` of them wait. Topics that ``is_urgent`` picks out (the answers of machines to
    commands) go first. Nothing with a receipt is ever shed, and no telemetry sheds an answer.
    """

    def __init__(
        self,
        directory: Directory,
        limit: int,
        is_urgent: Callable[[str], object] = lambda topic: False,
        urgent_prefix: str = "",
    ) -> None:
        """Begin empty.

        Args:
            directory: where the gateway is found.
            limit: of messages without a receipt that wait.
            is_urgent: true for what goes first.
            urgent_prefix: what all topics begin with that ``is_urgent`` picks out; no other is asked about.
        """
        self._is_urgent = is_urgent
        self._urgent_prefix = urgent_prefix
        self._urgent: deque[BusMessage] = deque()
        """Urgent messages with a receipt (QoS 1)."""
        self._urgent_unassured: deque[BusMessage] = deque(maxlen=limit)
        self._directory = directory
        self._limit = limit
        self._assured: deque[BusMessage] = deque()
        self._unassured: deque[BusMessage] = deque(maxlen=limit)
        self._begun: list[BusMessage] = []
        self._rung = False
        self._closed = False
        self.received = 0
        self.shed = 0
        self.in_flight = 0
        """How many messages have been handed on and are not yet committed."""
        self.parts: dict[Receipt, int] = {}
        """Receipt of a message that became several readings to how many of them are not committed yet."""
        self.learned: dict[str, dict[str, Any]] = {}
        """What sources have learned from messages that come once in a connection, by source."""
        self.rejected: Counter[str] = Counter()
        self.rejected_by_device: dict[str, Counter[str]] = {}
        self.last_reading_at: float | None = None
        self._last_reading_monotonic = time.monotonic()
        self._longest_quiet_s = 0.0
        """Longest time between readings of any device; an outage is forgotten over some thousands of them."""

    def on_message(self, message: BusMessage) -> None:
        """Take a message in the bus's thread; it returns at once and never raises."""
        if self._closed:
            return
        topic = message.topic
        # All readings come this way, and to compare a few letters spares them the call.
        urgent = topic.startswith(self._urgent_prefix) and self._is_urgent(topic)
        if message.receipt is not None:
            (self._urgent if urgent else self._assured).append(message)
        else:
            unassured = self._urgent_unassured if urgent else self._unassured
            if len(unassured) == self._limit:
                self.shed += 1
            unassured.append(message)
        # One bell for any number of messages, until the gateway takes them.
        if not self._rung:
            self._rung = True
            self._directory.tell(GATEWAY, DrainInbound())

    def take(self, most: int) -> list[BusMessage]:
        """Remove and return at most so many messages, oldest first; QoS 0 ones only while there is room for them."""
        # First, so that a message that comes while this runs rings again.
        self._rung = False
        batch = self._begun
        if not batch:
            batch = _take(self._urgent, most)
            batch += _take(self._urgent_unassured, most - len(batch))
            batch += _take(self._assured, most - len(batch))
        room = min(most - len(batch), self._limit - self.in_flight - len(batch))
        if room > 0 and self._unassured:
            batch += _take(self._unassured, room)
        self._begun = batch
        return batch

    def done(self) -> None:
        """Note that what was taken last has been handed on. Until then, a new gateway would take it again."""
        self.received += len(self._begun)
        self._begun = []

    def whole(self, receipts: tuple[Receipt, ...]) -> tuple[Receipt, ...]:
        """Take note of parts that are committed; return the receipts of the messages of which no part is missing."""
        settled = []
        for receipt in receipts:
            left = self.parts.get(receipt, 1) - 1
            if left:
                self.parts[receipt] = left
            else:
                self.parts.pop(receipt, None)
                settled.append(receipt)
        return tuple(settled)

    def has_waiting(self) -> bool:
        """Return whether ``take`` would return anything now."""
        assured = self._begun or self._urgent or self._urgent_unassured or self._assured
        return bool(assured) or (bool(self._unassured) and self.in_flight < self._limit)

    @property
    def unsettled(self) -> int:
        """How many messages have been received and are not yet settled on disk, wherever they are."""
        waiting = (self._begun, self._urgent, self._urgent_unassured, self._assured, self._unassured)
        return sum(len(messages) for messages in waiting) + self.in_flight

    def close(self) -> None:
        """Take no more messages; the broker keeps those that are not acknowledged."""
        self._closed = True

    def note_readings(self, at: float) -> None:
        """Note that readings have been handed on, at ``at`` by the plant's clock."""
        self.last_reading_at = at
        now = time.monotonic()
        quiet_s = now - self._last_reading_monotonic
        self._last_reading_monotonic = now
        self._longest_quiet_s = max(quiet_s, self._longest_quiet_s * _REMEMBERED)

    def note_rejected(self, reason: str, device_id: str | None) -> None:
        """Count a refused message: by its reason and, if it is from a device of the plant, by the device too."""
        self.rejected[reason] += 1
        if device_id is not None:
            self.rejected_by_device.setdefault(device_id, Counter())[reason] += 1

    def keep_counts_of(self, device_ids: Iterable[str]) -> None:
        """Forget the counts of all devices but these."""
        known = set(device_ids)
        self.rejected_by_device = {name: counts for name, counts in self.rejected_by_device.items() if name in known}

    def counts(self) -> GatewayCounts:
        """Return the counts as they are now."""
        return GatewayCounts(
            received=self.received,
            rejected=dict(self.rejected),
            rejected_by_device={name: dict(counts) for name, counts in self.rejected_by_device.items()},
            shed=self.shed,
            in_flight=self.in_flight,
            unsettled=self.unsettled,
            last_reading_at=self.last_reading_at,
            quiet_s=time.monotonic() - self._last_reading_monotonic,
            longest_quiet_s=self._longest_quiet_s,
        )


def _take(queue: "deque[BusMessage]", most: int) -> list[BusMessage]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]
