"""Who speaks on topics of one kind: a level of the topic, or a key of the message."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from aegisflow.config.paths import DEVICE, SENSOR
from aegisflow.discovery.leaves import STRONG_KEYS, last_key, plain

__all__ = ["Speaker", "machine_level", "pattern", "speaker", "varying"]

GENERIC = frozenset(
    {"data", "state", "status", "telemetry", "sensor", "sensors", "json", "value", "values", "measurements", "up"}
    | {"messages", "events", "reading", "readings", "out", "raw", "process", "uplink", "attributes", "v1", "v2", "v3"}
    | {
        "upload",
        "tags",
        "default",
        "event",
        "update",
        "accepted",
        "reported",
        "shadow",
        "daten",
        "werte",
        "tele",
        "stat",
    }
    | {"publish", "pub", "report", "info", "current", "live", "all", "bulk", "message", "payload", "export", "opc"}
)
"""Levels that name no machine."""
_SORTS = frozenset(
    {"sensor", "sensors", "binary_sensor", "switch", "number", "text_sensor", "light", "fan", "climate", "input"}
    | {"output", "inputs", "outputs", "analog", "digital", "select", "button", "cover", "relay", "status", "state"}
)
"""Levels that say of which sort a value is, and not whose."""
_OPAQUE = re.compile(r"(?:[0-9a-fA-F]{2}[:-]?){4,16}|[0-9a-fA-F-]{32,36}|\d+")
"""Names that nobody gave: addresses, serial numbers."""
_RETURNS = 2
"""So often a number must come on average to be the name of a device, and not that of a message."""


class Speaker(NamedTuple):
    """Who is meant on the topics of one kind."""

    devices: tuple[int, ...]
    """The levels that name the device; none where the message does."""
    doubt: str = ""


def varying(topics: Sequence[Sequence[str]]) -> list[int]:
    """Return the levels in which topics differ, but for those that only say a sort of value."""
    return [
        place
        for place, level in enumerate(zip(*topics, strict=True))
        if len(kinds := set(level)) > 1 and not kinds <= _SORTS
    ]


def machine_level(levels: Sequence[str], known: Collection[str]) -> int:
    """Return the level that most likely names the machine of a topic that stands alone.

    Args:
        levels: of the topic.
        known: names of devices that other messages told.
    """
    place = next((place for place, level in enumerate(levels) if level in known), None)
    if place is not None:
        return place
    places = [place for place, level in enumerate(levels) if level and level.lower() not in GENERIC]
    return places[-1] if places else len(levels) - 1


def pattern(topics: Sequence[Sequence[str]], devices: Sequence[int], sensor: int | None = None) -> str:
    """Return the pattern of topics: a level that differs and names nothing is any."""
    return "/".join(
        SENSOR if place == sensor else DEVICE if place in devices else level[0] if len(set(level)) == 1 else "+"
        for place, level in enumerate(zip(*topics, strict=True))
    )


def speaker(
    topics: Sequence[Sequence[str]], who: str | None, names: Sequence[Mapping[str, int]], known: Collection[str]
) -> Speaker:
    """Return who speaks.

    Args:
        topics: the levels of each.
        who: path of the key that may name the device; None for none.
        names: for each topic what that key says, to how often it said it.
        known: names of devices that other messages told.
    """
    differing = varying(topics)
    said = {name for one in names for name in one}
    if who is not None and said:
        level = next((place for place in range(len(topics[0])) if _names_it(topics, place, names)), None)
        if level is not None:
            return Speaker((level,))
        all_numbers = all(name.isdigit() for name in said)
        returns = sum(count for one in names for count in one.values()) >= _RETURNS * len(said)
        if len(said) > len(topics) and (returns or not all_numbers):
            return Speaker(())
        is_strong = plain(last_key(who)) in STRONG_KEYS
        if is_strong and not differing:
            return Speaker(())
        one_each = len(said) == len(topics) and all(len(one) == 1 for one in names)
        if is_strong and one_each and all(_OPAQUE.fullmatch(levels[at]) for levels in topics for at in differing):
            return Speaker(())
    if differing:
        return Speaker(tuple(differing))
    place = machine_level(topics[0], known)
    return Speaker((place,), f"one topic only; its level {topics[0][place]!r} is taken for the machine")


def _names_it(topics: Sequence[Sequence[str]], place: int, names: Sequence[Mapping[str, int]]) -> bool:
    return all(set(one) == {levels[place]} for levels, one in zip(topics, names, strict=True))
