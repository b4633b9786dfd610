"""All sources of a plant: which of them a message is for."""

from collections.abc import Mapping
from typing import Any

from aegisflow.bus.sources import MessageSource, Route, WritableSource
from aegisflow.bus.sources.homeassistant import HomeAssistantSource
from aegisflow.bus.sources.mapped import MappedSource
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.equipment import DeviceSpec

__all__ = ["Sources"]

MAX_TOPICS = 100_000
MAX_LENGTH = 250
"""Letters of a topic of which is remembered whose it is; a longer one is looked up each time."""


class Sources:
    """The compiled sources of one plant. A changed plant needs new ones; only one thread may use them at a time.

    Args:
        settings: name to source, as ``plant.yaml`` has them; of several that a topic fits, the first takes it.
        devices: the devices of the plant, by id.
        max_payload_bytes: larger payloads are refused.
        memory: what sources have learned from messages, by source; it outlives the sources of a plant that is replaced.
        max_topics: topics of which is remembered whose they are.
    """

    def __init__(
        self,
        settings: Mapping[str, SourceSettings],
        devices: Mapping[str, DeviceSpec],
        max_payload_bytes: int = 65_535,
        memory: dict[str, dict[str, Any]] | None = None,
        max_topics: int = MAX_TOPICS,
    ) -> None:
        memory = {} if memory is None else memory
        # No source has signatures: whoever could publish on one of its topics could speak for a signed machine.
        devices = {name: device for name, device in devices.items() if not device.signed}
        self._sources = [
            _source(name, one, devices, max_payload_bytes, memory.setdefault(name, {}))
            for name, one in settings.items()
        ]
        self._known: dict[str, Route | None] = {}
        self._max_topics = max_topics

    def __bool__(self) -> bool:
        """Return whether there is any source."""
        return bool(self._sources)

    def filters(self) -> tuple[str, ...]:
        """Return the MQTT topic filters of all sources."""
        return tuple(dict.fromkeys(one for source in self._sources for one in source.filters()))

    def route(self, topic: str) -> Route | None:
        """Return where the messages on a topic go; None for one of AegisFlow's own topics, or of nobody."""
        if not self._sources:
            return None
        try:
            return self._known[topic]
        except KeyError:
            pass
        found = next((route for source in self._sources if (route := source.route(topic)) is not None), None)
        # Invented topics must not fill our memory, neither by their number nor by their length.
        if len(topic) <= MAX_LENGTH:
            if len(self._known) >= self._max_topics:
                self._known.clear()
            self._known[topic] = found
        return found

    def objection(self, topic: str, metric: tuple[str, int | None, int]) -> str:
        """Return why a metric cannot be written by a Sparkplug command on this topic now; empty if it can be.

        ``metric`` is its name, its alias or None, and the number of its data type.
        """
        hosts = [source for source in self._sources if isinstance(source, WritableSource)]
        found = [host.objection(topic, *metric) for host in hosts]
        return min(found, key=len, default="no source of Sparkplug B follows its births")

    def device_of(self, topic: str) -> str | None:
        """Return the device that a topic of a source names, or None."""
        route = self.route(topic)
        return None if route is None else route.device_id


def _source(
    name: str, settings: SourceSettings, devices: Mapping[str, DeviceSpec], max_bytes: int, memory: dict[str, Any]
) -> MessageSource:
    if settings.format == "homeassistant":
        return HomeAssistantSource(name, settings, devices, max_bytes, memory)
    if settings.format == "sparkplug_b":
        # Only where it is used: it brings protobuf.
        from aegisflow.bus.sparkplug.host import SparkplugSource

        return SparkplugSource(name, settings, devices, max_bytes, memory)
    return MappedSource(name, settings, devices, max_bytes)
