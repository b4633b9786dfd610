"""Messages of systems that are known: which preset reads them, and which values they have."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.formats import FORMATS
from aegisflow.bus.sources.recognise import recognise
from aegisflow.config.paths import SourceTopic, join_path, parse_topic
from aegisflow.config.presets import preset
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import UNWANTED, last_key, leaves_of, plain
from aegisflow.discovery.metrics import TAGGED

__all__ = ["OWN", "Elsewhere", "Spotted", "Tagged", "read", "spot"]

OWN = "aegisflow"
"""Stands for AegisFlow's own topics and format, which need no source."""
_OWN_TOPIC = re.compile(r"aegisflow/sensors/([^/]+)")
_SHELLY_STATUS = ("NotifyStatus", "NotifyFullStatus")
_SHELLY_PARTS = ("switch:", "pm1:", "em:", "emdata:", "em1:", "em1data:", "temperature:", "humidity:", "voltmeter:")


class Spotted(NamedTuple):
    """A message of a known system."""

    preset: str
    found: tuple[Found, ...]


class Elsewhere(NamedTuple):
    """A message of a known system on another topic than those of its preset."""

    preset: str


class Tagged(NamedTuple):
    """A message of metrics with tags: whose they are can be told only once all of them were seen."""

    preset: str


def spot(message: CapturedMessage, said: Any) -> Spotted | Elsewhere | Tagged | None:
    """Return what a message of a known system says; None for one that no preset reads.

    Args:
        message: as it came.
        said: its payload as JSON; None where it is none.
    """
    own = _OWN_TOPIC.fullmatch(message.topic)
    if own is not None and isinstance(said, dict):
        values = ((key, value) for key, value in said.items() if key not in ("timestamp", "device_id"))
        return Spotted(OWN, tuple(Found(own[1], key, "", value) for key, value in values))
    known = recognise(message.topic, message.payload)
    if known is not None and known.preset in TAGGED:
        return Tagged(known.preset)
    if known is None or known.preset not in _VALUES:
        return None
    return read(message, said, known.preset, _topics(known.preset)) or Elsewhere(known.preset)


def read(message: CapturedMessage, said: Any, name: str, topics: Sequence[SourceTopic]) -> Spotted | None:
    """Return what a message says by a preset; None where its topic is none of these."""
    named = [topic.match(message.topic) for topic in topics]
    levels = next((match for match in named if match is not None), None)
    if levels is None:
        return None
    found = tuple(_VALUES[name](levels[0], message, said))
    return Spotted(name, found)


@cache
def _topics(name: str) -> tuple[SourceTopic, ...]:
    return tuple(map(parse_topic, preset(name).topic))


def _zigbee2mqtt(device: str, _message: CapturedMessage, said: Any) -> Iterator[Found]:
    return _by_paths("zigbee2mqtt", device, said, "")


def _tasmota(device: str, _message: CapturedMessage, said: Any) -> Iterator[Found]:
    return _by_paths("tasmota", device, said, "")


def _shelly(device: str, _message: CapturedMessage, said: Any) -> Iterator[Found]:
    params = said["params"]
    parts = params if isinstance(params, dict) and said["method"] in _SHELLY_STATUS else {}
    wanted = {name: part for name, part in parts.items() if name.startswith(_SHELLY_PARTS)}
    return _by_paths("shelly_gen2", device, wanted, "params")


def _opcua(device: str, _message: CapturedMessage, said: Any) -> Iterator[Found]:
    messages = [one for one in said["Messages"] if isinstance(one, dict)]
    payloads = [one["Payload"] for one in messages if isinstance(one.get("Payload"), dict)]
    return (Found(device, name, name, _opcua_value(value)) for one in payloads for name, value in one.items())


def _senml(device: str, message: CapturedMessage, _said: Any) -> Iterator[Found]:
    records = FORMATS["senml"](message.payload, message.at)
    return (
        Found(device, plain(record["name"]) or record["name"], record["name"], record["value"], _unit(record["unit"]))
        for record in records
        if isinstance(record["name"], str) and record["name"] and record["value"] is not None
    )


def _unit(said: Any) -> str:
    return said if isinstance(said, str) else ""


_VALUES: Mapping[str, Callable[[str, CapturedMessage, Any], Iterator[Found]]] = {
    "zigbee2mqtt": _zigbee2mqtt,
    "tasmota": _tasmota,
    "shelly_gen2": _shelly,
    "opcua_pubsub_json": _opcua,
    "senml": _senml,
}
"""Preset to what gives the values of a message that ``recognise`` takes for one of it."""


def _opcua_value(value: Any) -> object:
    """Return the value of a field: raw, a variant, or a data value."""
    for key in ("Value", "Body"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    return value if not isinstance(value, dict | list) else None


@cache
def _known_paths(name: str) -> Mapping[str, tuple[str, str]]:
    """Return the paths that a preset reads by itself, to the sensor and its unit."""
    settings = preset(name)
    return {
        path: (sensor, said.unit or "")
        for sensor, said in settings.sensors.items()
        if said is not None
        for path in said.path
    }


def _by_paths(name: str, device: str, said: Mapping[str, Any], base: str) -> Iterator[Found]:
    """Give the values of a message that a preset reads by paths; what it does not know by its own name."""
    known = _known_paths(name)
    taken: set[str] = set()
    for path, value in leaves_of(said).items():
        if path in known:
            sensor, unit = known[path]
            if sensor not in taken:
                taken.add(sensor)
                yield Found(device, sensor, "", value, unit)
        elif plain(last_key(path)) not in UNWANTED and not isinstance(value, str):
            where = path if join_path("", last_key(path)) != path else ""
            yield Found(device, plain(path) if where else path, where, value)
