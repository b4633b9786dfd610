"""Messages of systems that are known: which preset reads them, and which values they have."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from aegisflow.bus.sources.formats import FORMATS
from aegisflow.config.presets import preset
from aegisflow.discovery import Found, Message
from aegisflow.discovery.leaves import MACHINE_KEYS, UNWANTED, joined, last_key, leaves_of, plain
from aegisflow.errors import PayloadError

__all__ = ["OWN", "Spotted", "spot"]

OWN = "aegisflow"
"""Stands for AegisFlow's own topics and format, which need no source."""
_OWN_TOPIC = re.compile(r"aegisflow/sensors/([^/]+)")
_ZIGBEE = re.compile(r"zigbee2mqtt/([^/]+)")
_TASMOTA = re.compile(r"tele/([^/]+)/SENSOR")
_SHELLY = re.compile(r"([^/]+)/events/rpc")
_OPCUA = re.compile(r"opcua/json/data/([^/]+)(?:/.*)?")
_TELEGRAF_TAGS = ("cpu", "device", "name", "interface", "sensor")
_SHELLY_PARTS = ("switch:", "pm1:", "em:", "emdata:", "em1:", "em1data:", "temperature:", "humidity:", "voltmeter:")


class Spotted(NamedTuple):
    """A message of a known system."""

    preset: str
    found: tuple[Found, ...]
    tag: str = ""
    """The tag that names the machine, where it is not the one that the preset looks at."""


def spot(message: Message, said: Any) -> Spotted | None:
    """Return what a message of a known system says; None for one that no preset reads.

    Args:
        message: as it came.
        said: its payload as JSON; None where it is none.
    """
    for name, look in _LOOKS.items():
        found = look(message, said)
        if found is not None:
            return Spotted(name, tuple(found), _odd_tag(message, said) if name in _TAGGED else "")
    return None


def _own(message: Message, said: Any) -> Iterator[Found] | None:
    match = _OWN_TOPIC.fullmatch(message.topic)
    if match is None or not isinstance(said, dict):
        return None
    return (Found(match[1], key, "", value) for key, value in said.items() if key not in ("timestamp", "device_id"))


def _zigbee2mqtt(message: Message, said: Any) -> Iterator[Found] | None:
    match = _ZIGBEE.fullmatch(message.topic)
    return _by_paths("zigbee2mqtt", match[1], said, "") if match and isinstance(said, dict) else None


def _tasmota(message: Message, said: Any) -> Iterator[Found] | None:
    match = _TASMOTA.fullmatch(message.topic)
    return _by_paths("tasmota", match[1], said, "") if match and isinstance(said, dict) and "Time" in said else None


def _shelly(message: Message, said: Any) -> Iterator[Found] | None:
    match = _SHELLY.fullmatch(message.topic)
    if match is None or not isinstance(said, dict) or not str(said.get("method", "")).startswith("Notify"):
        return None
    params = said.get("params")
    parts = params if isinstance(params, dict) and said["method"] != "NotifyEvent" else {}
    wanted = {name: part for name, part in parts.items() if name.startswith(_SHELLY_PARTS)}
    return _by_paths("shelly_gen2", match[1], wanted, "params")


def _telegraf(_message: Message, said: Any) -> Iterator[Found] | None:
    metrics = said.get("metrics", [said]) if isinstance(said, dict) else []
    if not isinstance(metrics, list) or not metrics or not all(map(_is_metric, metrics)):
        return None
    return _fields(metrics, [*_TELEGRAF_TAGS])


def _influx_line(message: Message, said: Any) -> Iterator[Found] | None:
    if said is not None or b"=" not in message.payload:
        return None
    try:
        points = FORMATS["influx_line"](message.payload, message.at)
    except PayloadError:
        return None
    return _fields(points, []) if points and all(isinstance(point, dict) for point in points) else None


def _opcua(message: Message, said: Any) -> Iterator[Found] | None:
    messages = said.get("Messages") if isinstance(said, dict) else None
    match = _OPCUA.fullmatch(message.topic)
    if match is None or not isinstance(messages, list):
        return None
    payloads = [one["Payload"] for one in messages if isinstance(one, dict) and isinstance(one.get("Payload"), dict)]
    return (Found(match[1], name, name, _opcua_value(value)) for one in payloads for name, value in one.items())


def _senml(message: Message, said: Any) -> Iterator[Found] | None:
    level = re.fullmatch(r"senml/([^/]+)", message.topic)
    if level is None or not isinstance(said, list):
        return None
    try:
        records = FORMATS["senml"](message.payload, message.at)
    except PayloadError:
        return None
    return (
        Found(level[1], plain(record["name"]) or record["name"], record["name"], record["value"], record["unit"] or "")
        for record in records
        if record["name"] and record["value"] is not None
    )


_LOOKS: Mapping[str, Callable[[Message, Any], Iterator[Found] | None]] = {
    OWN: _own,
    "zigbee2mqtt": _zigbee2mqtt,
    "tasmota": _tasmota,
    "shelly_gen2": _shelly,
    "telegraf_json": _telegraf,
    "influx_line": _influx_line,
    "opcua_pubsub_json": _opcua,
    "senml": _senml,
}


_TAGGED = frozenset({"telegraf_json", "influx_line"})


def _odd_tag(message: Message, said: Any) -> str:
    """Return the tag by which ``_fields`` names the machine; empty for host, which the presets look at."""
    points = FORMATS["influx_line"](message.payload, message.at) if said is None else said.get("metrics", [said])
    tags = points[0]["tags"]
    return "" if isinstance(tags.get("host"), str) else _machine_tag(tags)


def _machine_tag(tags: Mapping[str, Any]) -> str:
    words = [tag for tag, value in tags.items() if isinstance(value, str)]
    return next((tag for tag in MACHINE_KEYS if tag in words), words[0] if words else "")


def _is_metric(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("fields"), dict)
        and isinstance(one.get("name"), str)
        and isinstance(one.get("tags"), dict)
    )


def _fields(points: list[dict[str, Any]], tags: list[str]) -> Iterator[Found]:
    """Give the fields of metrics; their name is made as the presets make it."""
    for point in points:
        names = [point["name"], *(point["tags"][tag] for tag in tags if isinstance(point["tags"].get(tag), str))]
        device = point["tags"].get("host")
        if not isinstance(device, str):
            device = point["tags"].get(_machine_tag(point["tags"]), "")
        for field, value in point["fields"].items():
            whole = ".".join((*names, field))
            yield Found(device, plain(whole), whole, value)


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
            where = path if joined("", last_key(path)) != path else ""
            yield Found(device, plain(path) if where else path, where, value)
