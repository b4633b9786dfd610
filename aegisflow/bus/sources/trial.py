"""Messages taken as the gateway of a plant would take them, of which nothing is stored."""

from collections.abc import Mapping

from aegisflow.bus import BusMessage
from aegisflow.bus.codec import Codec
from aegisflow.bus.sources import Decoded, Route
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.router import Sources
from aegisflow.bus.topics import Template
from aegisflow.config import Configuration
from aegisflow.domain.equipment import DeviceSpec

__all__ = ["Trial"]


class Trial:
    """Decodes by the sources and the own format of a plant file.

    One message after the other, since what a birth or an announcement says holds for what comes after.

    Args:
        configuration: the file.
        devices: to be tried in place of those of the file.
    """

    def __init__(self, configuration: Configuration, devices: Mapping[str, DeviceSpec] | None = None) -> None:
        most = configuration.gateway.max_payload_bytes
        self.devices = configuration.plant.devices if devices is None else devices
        self._own = Template(configuration.broker.topics.sensors)
        self._codec = Codec(configuration.broker.topics, self.devices, max_payload_bytes=most)
        self._sources = Sources(configuration.sources, self.devices, most)

    def route(self, topic: str) -> Route | None:
        """Return the source that takes a topic; None for AegisFlow's own topics and for those of nobody."""
        return self._sources.route(topic)

    def own_device(self, topic: str) -> str | None:
        """Return the device that one of AegisFlow's own topics names; None for any other topic."""
        return self._own.level(topic)

    def decode(self, message: CapturedMessage, received_at: float) -> Decoded:
        """Return what a message says.

        Raises:
            PayloadError: it is refused.
        """
        said = BusMessage(message.topic, message.payload, message.retained)
        route = self.route(message.topic)
        if route is None:
            return Decoded((self._codec.decode_reading(said, received_at),))
        return route.source.decode(route, said, received_at)
