"""Home Assistant's discovery as it is overheard: announcements name the values of states on other topics."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.homeassistant import Entity, State, announced
from aegisflow.bus.sources.places import is_at_home
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import plain
from aegisflow.discovery.speakers import pattern
from aegisflow.errors import PayloadError

__all__ = ["PRESET", "HomeAssistantEar"]

PRESET = "homeassistant"
_WATCHED = ("/sensor/", "/binary_sensor/")
"""Sorts of entities that say how a machine is."""


class HomeAssistantEar:
    """Keeps what was announced, and names what states say after it."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}
        self._topics: set[str] = set()
        """Of announcements that are not below ``homeassistant``."""

    def listen(self, message: CapturedMessage) -> str:
        """Take in an announcement; return why it cannot be used, or the empty text.

        Args:
            message: on a topic that ends in ``config``, with a state topic in it.
        """
        if not any(sort in message.topic for sort in _WATCHED):
            return "announces what Home Assistant switches, and no sensor"
        try:
            self._entities[message.topic] = announced(message.topic, message.payload)
        except PayloadError as error:
            return f"announces a state that cannot be read: {error.detail}"
        if not is_at_home(PRESET, message.topic):
            self._topics.add(message.topic)
        return ""

    def by_state(self) -> dict[str, list[tuple[Entity, str, str]]]:
        """Return topic of a state to its entities, each with our name of the sensor and the announced one."""
        classes = Counter((_device(entity), entity.device_class) for entity in self._entities.values())
        found: dict[str, list[tuple[Entity, str, str]]] = defaultdict(list)
        for entity in self._entities.values():
            if entity.device_class and classes[_device(entity), entity.device_class] == 1:
                found[entity.state_topic].append((entity, entity.device_class, ""))
            else:
                unique, *others = entity.names
                said = next((name for name in reversed(others) if name != entity.device_class), unique)
                found[entity.state_topic].append((entity, plain(said) or said, unique))
        return found

    def settings(self, states: Sequence[str], others: Sequence[str]) -> dict[str, object]:
        """Return the source that reads states.

        Args:
            states: topics of states that were heard.
            others: topics of other messages, which the source must not take.
        """
        settings: dict[str, object] = {"preset": PRESET}
        if self._topics:
            heads = {
                topic.rpartition(sort)[0] + sort + "#" for topic in self._topics for sort in _WATCHED if sort in topic
            }
            settings["topic"] = sorted(heads)
        return {**settings, "states": _patterns(states, others)}


def values(entities: Sequence[tuple[Entity, str, str]], message: CapturedMessage) -> Iterator[Found]:
    """Give the values of a state."""
    state = State(message.payload)
    for entity, sensor, path in entities:
        try:
            said = entity.value(state)
        except PayloadError:
            continue
        is_truth = bool(entity.words) and said in (0.0, 1.0)
        yield Found(_device(entity), sensor, path, bool(said) if is_truth else said, entity.unit or "")


def _device(entity: Entity) -> str:
    return entity.device_name or next(iter(entity.devices), "")


def _patterns(states: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return few patterns for topics, which fit none of some others."""
    alike: dict[tuple[int, str, str], list[list[str]]] = defaultdict(list)
    for topic in states:
        levels = topic.split("/")
        alike[len(levels), levels[0], levels[-1]].append(levels)
    taken = {tuple(topic.split("/")) for topic in others}
    found: list[str] = []
    for group in alike.values():
        wide = pattern(group, ())
        levels = wide.split("/")
        is_wide = any(
            len(levels) == len(one) and all(here in ("+", there) for here, there in zip(levels, one, strict=True))
            for one in taken
        )
        found += ["/".join(one) for one in group] if is_wide else [wide]
    return found
