"""Sources: what the messages of foreign machines mean, compiled from ``plant.yaml`` for one plant.

::

    message ─► Sources.route(topic) ─► None: one of AegisFlow's own topics, see ``codec``
                                  └──► Route ─► MessageSource.decode ─► Decoded: readings, and what was refused

Readings that leave here are as those of the codec: each value finite, in the sensor's own unit and within its span.
"""

from typing import NamedTuple, Protocol, runtime_checkable

from aegisflow.bus import BusMessage
from aegisflow.domain.readings import Reading
from aegisflow.errors import PayloadError

__all__ = ["Death", "Decoded", "MessageSource", "Route", "WritableSource"]


class Route(NamedTuple):
    """Where the messages on one topic go."""

    source: "MessageSource"
    device: str
    """The sender's name of the device; empty where the topic does not say it."""
    sensor: str
    """The sender's name of the sensor; empty where the topic does not say it."""
    device_id: str | None
    """Our device; None where the topic does not say it, or the plant has no such device."""


class Death(NamedTuple):
    """A machine of which its sender says that it is gone."""

    device_id: str
    why: str


class Decoded(NamedTuple):
    """What one message says."""

    readings: tuple[Reading, ...]
    """In the order of the message, each with the message's receipt."""
    problems: tuple[PayloadError, ...] = ()
    """Parts of the message that are refused; where there are readings as well, those are taken."""
    historical: tuple[Reading, ...] = ()
    """What its sender calls history: stored, and not judged, since it says nothing of now."""
    deaths: tuple[Death, ...] = ()
    answers: tuple[tuple[str, bytes], ...] = ()
    """Topics and payloads that the protocol asks us to publish now."""


class MessageSource(Protocol):
    """Takes the messages of one kind of foreign machine."""

    name: str
    """As ``plant.yaml`` names it."""

    def filters(self) -> tuple[str, ...]:
        """Return the MQTT topic filters of its messages."""

    def route(self, topic: str) -> Route | None:
        """Return where the messages on a topic go; None for a topic of somebody else."""

    def decode(self, route: Route, message: BusMessage, received_at: float) -> Decoded:
        """Return what a message says.

        Args:
            route: of its topic.
            message: as it came.
            received_at: UTC epoch seconds by the plant's clock.

        Raises:
            PayloadError: all of it is refused; the reason is one of ``aegisflow.bus.codec.REASONS``.
        """


@runtime_checkable
class WritableSource(Protocol):
    """A source that knows what its machines let be written."""

    def objection(self, topic: str, name: str, alias: int | None, datatype: int) -> str:
        """Return why a value cannot be written by a command on this topic now; empty if nothing is known against it."""
