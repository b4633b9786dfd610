"""Which preset a message belongs to, by its topic and its content: for a look at a broker that nobody knows."""

from collections.abc import Callable
from typing import Any, NamedTuple

from aegisflow.bus.sources.formats import FORMATS, decode_json
from aegisflow.errors import PayloadError

__all__ = ["Recognised", "recognise"]


class Recognised(NamedTuple):
    """A message that a preset reads."""

    preset: str
    device: str
    """The sender's name of the device; empty where this message does not name one."""
    why: str
    """What it was recognised by, in words."""


def recognise(topic: str, payload: bytes) -> Recognised | None:
    """Return the preset that a message belongs to; None for one that no preset reads.

    Only what is particular to a system counts: a topic alone, which anybody may choose, is enough for none.
    """
    levels = topic.split("/")
    if levels[0] == "spBv1.0":
        return _sparkplug(levels, payload)
    try:
        content = decode_json(payload)
    except PayloadError:
        return _line_protocol(payload)
    for rule in _RULES:
        found = rule(levels, content)
        if found is not None:
            return found
    return None


def _sparkplug(levels: list[str], payload: bytes) -> Recognised | None:
    from aegisflow.bus.sparkplug.payload import decode

    if len(levels) not in (4, 5):
        return None
    try:
        decode(payload)
    except PayloadError:
        return None
    return Recognised("sparkplug_b", "/".join((levels[1], *levels[3:])), f"a payload of Sparkplug B, {levels[2]}")


def _homeassistant(levels: list[str], said: Any) -> Recognised | None:
    if levels[-1] != "config" or not isinstance(said, dict) or not ({"state_topic", "stat_t"} & said.keys()):
        return None
    device = said.get("device", said.get("dev", {}))
    name = device.get("name", "") if isinstance(device, dict) else ""
    return Recognised("homeassistant", str(name), "an announcement with state_topic, on a topic that ends in config")


def _tasmota(levels: list[str], said: Any) -> Recognised | None:
    if levels[-1] != "SENSOR" or len(levels) < 3 or not isinstance(said, dict) or "Time" not in said:
        return None
    return Recognised("tasmota", levels[-2], "an object with Time, on a topic that ends in SENSOR")


def _shelly(levels: list[str], said: Any) -> Recognised | None:
    if levels[-2:] != ["events", "rpc"] or not isinstance(said, dict) or "method" not in said or "params" not in said:
        return None
    return Recognised("shelly_gen2", levels[-3] if len(levels) > 2 else "", "a notification with method and params")


def _zigbee(levels: list[str], said: Any) -> Recognised | None:
    if not isinstance(said, dict) or len(levels) < 2 or "bridge" in levels[1:] or levels[-1] in ("set", "get"):
        return None
    if "linkquality" in said:
        return Recognised("zigbee2mqtt", "/".join(levels[1:]), "linkquality in it")
    if levels[0] != "zigbee2mqtt" or levels[-1] == "availability":
        return None
    return Recognised("zigbee2mqtt", "/".join(levels[1:]), "an object below zigbee2mqtt")


def _telegraf(levels: list[str], said: Any) -> Recognised | None:
    records = said.get("metrics", [said]) if isinstance(said, dict) else None
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return None
    first = records[0]
    if not {"name", "fields", "tags"} <= first.keys() or not isinstance(first["tags"], dict):
        return None
    return Recognised("telegraf_json", str(first["tags"].get("host", "")), "metrics with name, tags and fields")


def _opcua(levels: list[str], said: Any) -> Recognised | None:
    messages = said.get("Messages") if isinstance(said, dict) else None
    if not isinstance(messages, list) or not any(isinstance(one, dict) and "Payload" in one for one in messages):
        return None
    publisher = said.get("PublisherId", levels[3] if len(levels) > 3 else "")
    return Recognised("opcua_pubsub_json", str(publisher), "a network message of OPC UA with Messages and Payload")


def _senml(levels: list[str], said: Any) -> Recognised | None:
    if not isinstance(said, list) or not said or not all(isinstance(one, dict) for one in said):
        return None
    named = any("n" in one or "bn" in one for one in said)
    valued = any({"v", "vs", "vb", "vd"} & one.keys() for one in said)
    return Recognised("senml", levels[-1], "a pack of records with n and v") if named and valued else None


def _line_protocol(payload: bytes) -> Recognised | None:
    try:
        lines = FORMATS["influx_line"](payload, 0.0)
    except PayloadError:
        return None
    if not lines or not all(isinstance(line, dict) for line in lines):
        return None
    tags = lines[0]["tags"]
    return Recognised("influx_line", tags.get("host", ""), "lines of measurement, tags and fields")


_RULES: tuple[Callable[[list[str], Any], Recognised | None], ...] = (
    _homeassistant,
    _shelly,
    _tasmota,
    _opcua,
    _telegraf,
    _senml,
    _zigbee,
)
"""From what nobody else could mean to what somebody else might."""
