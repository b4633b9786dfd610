"""What one connection has handed on and the broker has not been told of: how much, and under which packet ids."""

from collections import deque
from collections.abc import Sequence

__all__ = ["Deliveries"]


class Deliveries:
    """Counts QoS 1 messages from their arrival to their acknowledgement.

    ::

        taken(id) ──► open ──► settled(ids), any thread ──► due() ──► PUBACK
                       │
                       └─ more than allowed: ``is_over``, and nobody reads from the socket

    MQTT forbids a broker to use a packet id again before it was acknowledged, and to send more than the
    receive maximum (MQTT 5, 2.2.1 and 4.9). Some do both. Whatever they do, what is under way stays
    bounded, and no acknowledgement can release a message that is not committed: an id in double use is
    acknowledged, as often as it came, once everything that came under it is committed.

    All but ``settle`` is for the thread of the connection.
    """

    __slots__ = ("_allowed", "_held", "_open", "_settled", "reused", "uncommitted")

    def __init__(self, allowed: int) -> None:
        """Allow so many deliveries to be uncommitted."""
        self._allowed = allowed
        self._open: dict[int, int] = {}
        """Packet id to the deliveries under it that are not acknowledged."""
        self._held: dict[int, int] = {}
        """Packet id in double use to those of its deliveries that are committed."""
        self._settled: deque[Sequence[int]] = deque()
        self.uncommitted = 0
        """Deliveries that were handed on and are not committed."""
        self.reused = 0
        """How often a packet id came again before it was acknowledged."""

    @property
    def is_over(self) -> bool:
        """Whether the broker has sent more than it may."""
        return self.uncommitted > self._allowed

    def taken(self, packet_id: int) -> None:
        """Note a delivery that is handed on."""
        self.uncommitted += 1
        already = self._open.get(packet_id, 0)
        if already:
            self.reused += 1
        self._open[packet_id] = already + 1

    def settle(self, packet_ids: Sequence[int]) -> None:
        """Note that one delivery under each of these ids is committed; safe from any thread."""
        self._settled.append(packet_ids)

    def due(self) -> list[int]:
        """Return the ids that may be acknowledged now, an id in double use as often as it came."""
        ids: list[int] = []
        while self._settled:
            for packet_id in self._settled.popleft():
                under_way = self._open.get(packet_id, 0)
                # Settled twice; its acknowledgement has been sent.
                if not under_way:
                    continue
                self.uncommitted -= 1
                committed = 1 if under_way == 1 else self._held.get(packet_id, 0) + 1
                if committed < under_way:
                    self._held[packet_id] = committed
                    continue
                del self._open[packet_id]
                if under_way > 1:
                    del self._held[packet_id]
                ids += [packet_id] * under_way
        return ids
