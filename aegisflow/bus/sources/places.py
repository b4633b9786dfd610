"""On which topics a known system speaks where it is not set up as it comes: the ``topic`` to lay over its preset."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from aegisflow.config.paths import DEVICE, parse_topic
from aegisflow.config.presets import preset

__all__ = ["is_at_home", "places"]

_FIXED = {"tasmota": ("tele", "SENSOR"), "shelly_gen2": ("events", "rpc")}
"""Levels that the system itself writes, wherever its own are."""
_NAMED_BY_TOPIC = frozenset({"zigbee2mqtt", "tasmota", "shelly_gen2", "senml", "opcua_pubsub_json"})
"""Presets whose devices are named by a level of the topic."""


def is_at_home(name: str, topic: str) -> bool:
    """Return whether a topic is one of those that a preset has by itself."""
    return any(parse_topic(text).match(topic) is not None for text in preset(name).topic)


def places(name: str, topics: Collection[str]) -> tuple[str, ...]:
    """Return patterns for the topics on which messages of a preset were seen.

    Args:
        name: of the preset.
        topics: those of its messages that are none of the preset's own.
    """
    alike: dict[int, list[Sequence[str]]] = defaultdict(list)
    for topic in topics:
        levels = topic.split("/")
        alike[len(levels)].append(levels)
    return tuple(_pattern(name, group) for group in alike.values())


def _pattern(name: str, topics: Sequence[Sequence[str]]) -> str:
    fixed, names_devices = _FIXED.get(name, ()), name in _NAMED_BY_TOPIC
    columns = list(zip(*topics, strict=True))
    free = [place for place, column in enumerate(columns) if not set(column) <= set(fixed) and all(column)]
    differing = [place for place in free if len(set(columns[place])) > 1]
    devices = (differing or free[-1:]) if names_devices else []
    return "/".join(
        DEVICE if place in devices else column[0] if len(set(column)) == 1 else "+"
        for place, column in enumerate(columns)
    )
