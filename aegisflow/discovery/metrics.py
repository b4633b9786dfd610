"""Metrics with tags, as Telegraf and InfluxDB write them: which tag names the machine, and which tell series apart."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.formats import FORMATS
from aegisflow.bus.sources.places import is_at_home, places
from aegisflow.config.presets import preset
from aegisflow.config.sources import KEY
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import MACHINE_KEYS, STRONG_KEYS, plain, time_format

__all__ = ["TAGGED", "MetricSurvey"]

TAGGED = frozenset({"telegraf_json", "influx_line"})
"""Presets of metrics with tags."""
_HOST = "host"
_TAG = "tags."
_MOST_NAMES = 3
"""Tags that become part of a sensor's name at most."""
_MOST_VALUES = 50
"""Values of a tag beyond which it names no part of a machine."""


class _Tags(NamedTuple):
    device: tuple[str, ...]
    """Tags that name the machine; the first one counts that a point has."""
    names: tuple[str, ...]
    """Tags that are part of a sensor's name."""


class MetricSurvey:
    """Gathers the messages of one preset, and says at the end whose values are in them.

    A series is told by all of its tags. Those that name no machine and yet differ within one are part of a sensor's
    name, so that no two series are taken for one.
    """

    def __init__(self, name: str) -> None:
        self._preset = preset(name)
        self._name = name
        self._heard: list[tuple[CapturedMessage, list[Mapping[str, Any]]]] = []
        said = self._preset.points
        self._named = tuple(path.removeprefix(_TAG) for path in said.name if path.startswith(_TAG)) if said else ()

    def add(self, message: CapturedMessage, said: Any) -> None:
        """Take in a message; ``said`` is its payload as JSON, or None for line protocol."""
        is_json = said is not None
        points = said.get("metrics", [said]) if is_json else FORMATS["influx_line"](message.payload, message.at)
        told = (point for point in points if isinstance(point, dict))
        self._heard.append(
            (message, [point for point in told if all(isinstance(point.get(one), dict) for one in ("fields", "tags"))])
        )

    def topics(self) -> list[str]:
        """Return the topics of the messages."""
        return list(dict.fromkeys(message.topic for message, _ in self._heard))

    def read(self, where: Sequence[str]) -> tuple[dict[str, Any], Iterator[tuple[CapturedMessage, tuple[Found, ...]]]]:
        """Return the source of the messages, and what each of them says.

        Args:
            where: patterns of the topics that are none of the preset's own.
        """
        points = [point for _, listed in self._heard for point in listed]
        tags = self._chosen(points)
        settings: dict[str, Any] = {"preset": self._name}
        if where:
            at_home = any(is_at_home(self._name, topic) for topic in self.topics())
            settings["topic"] = [*(self._preset.topic if at_home else ()), *where]
        if tags.device not in ((), (_HOST,)):
            paths = [f"{_TAG}{tag}" for tag in tags.device]
            settings["device"] = {"path": paths[0] if len(paths) == 1 else paths}
        if tags.names != self._named:
            settings["points"] = {"name": ["name", *(f"{_TAG}{tag}" for tag in tags.names), KEY]}
        forms = {time_format(at) for point in points if (at := point.get("timestamp")) is not None}
        if len(forms) == 1 and None not in forms and forms != {self._preset.time.format}:
            settings["time"] = {"format": forms.pop()}
        return settings, ((message, tuple(_fields(listed, tags))) for message, listed in self._heard)

    def elsewhere(self) -> tuple[str, ...]:
        """Return patterns of the topics that are none of the preset's own."""
        return places(self._name, [topic for topic in self.topics() if not is_at_home(self._name, topic)])

    def _chosen(self, points: Sequence[Mapping[str, Any]]) -> _Tags:
        values: dict[str, dict[str, None]] = defaultdict(dict)
        for point in points:
            for tag, value in point["tags"].items():
                if isinstance(value, str):
                    values[tag][value] = None
        known = [tag for tag in MACHINE_KEYS if tag in STRONG_KEYS and tag in values and tag not in self._named]
        device = [next((tag for tag in known if len(values[tag]) > 1), known[0])] if known else []
        if _HOST in values and not (device and _have_all(points, device)):
            # Where it is always the same, it is the one that collects, and another tag says whose a value is.
            device = [*(tag for tag in device if len(values[tag]) > 1), _HOST]
        if not _have_all(points, device):
            others = [tag for tag in values if tag not in device and len(values[tag]) <= _MOST_VALUES]
            device += sorted(others, key=lambda tag: (tag in self._named, len(self._apart(points, [tag]))))[:1]
        return _Tags(tuple(device), (*(tag for tag in self._named if tag not in device), *self._apart(points, device)))

    def _apart(self, points: Sequence[Mapping[str, Any]], device: Sequence[str]) -> list[str]:
        """Return the tags in which series of one machine differ, but for those that are in the name anyway."""
        seen: dict[Any, dict[str, set[Any]]] = defaultdict(lambda: defaultdict(set))
        for point in points:
            of = seen[point["name"], _device(point["tags"], device)]
            for tag, value in point["tags"].items():
                if tag not in device and tag not in self._named:
                    of[tag].add(value)
        found = dict.fromkeys(
            tag for of in seen.values() for tag, values in of.items() if 1 < len(values) <= _MOST_VALUES
        )
        return [*found][:_MOST_NAMES]


def _have_all(points: Sequence[Mapping[str, Any]], tags: Sequence[str]) -> bool:
    return all(_device(point["tags"], tags) for point in points)


def _device(tags: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((str(value) for name in names if isinstance(value := tags.get(name), str)), "")


def _fields(points: Sequence[Mapping[str, Any]], tags: _Tags) -> Iterator[Found]:
    """Give the fields of metrics; their name is made as the presets make it."""
    for point in points:
        said = [point["name"], *(point["tags"].get(tag) for tag in tags.names)]
        names = [str(one) for one in said if one is not None and not isinstance(one, dict | list)]
        device = _device(point["tags"], tags.device)
        for field, value in point["fields"].items():
            whole = ".".join((*names, field))
            yield Found(device, plain(whole), whole, value)
