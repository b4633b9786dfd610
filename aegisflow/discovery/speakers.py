"""Who speaks on topics of one kind: a level of the topic, or a key of the message."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from aegisflow.config.paths import DEVICE, SENSOR
from aegisflow.discovery.leaves import STRONG_KEYS, last_key, plain

__all__ = ["Neighbours", "Speaker", "machine_levels", "names_something", "pattern", "speaker", "varying"]

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
_AREA = re.compile(
    "(?:hall|halle|line|linie|site|plant|werk|area|zone|building|gebäude|floor|factory|room|bereich|gw|gateway|group)"
    "(?![a-z])"
)
"""Names of places, in which several machines may be."""
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


class Neighbours:
    """All topics of a broker, which tell what the levels of one that is alone in its kind mean.

    Args:
        topics: of all messages.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self._alike = Counter(
            (*levels[:place], None, *levels[place + 1 :])
            for levels in (topic.split("/") for topic in topics)
            for place in range(len(levels))
        )

    def differ_in(self, levels: Sequence[str], place: int) -> bool:
        """Return whether other topics are the same as this one, but for one level."""
        return self._alike[(*levels[:place], None, *levels[place + 1 :])] > 1


NO_NEIGHBOURS = Neighbours(())


def machine_levels(
    levels: Sequence[str], known: Collection[str], near: Neighbours = NO_NEIGHBOURS, end: int | None = None
) -> tuple[int, ...]:
    """Return the levels that most likely name the machine of a topic that stands alone in its kind.

    Args:
        levels: of the topic.
        known: names of devices that other messages told.
        near: the topics beside it.
        end: the first level that cannot be part of it; left out, all may be.
    """
    end = len(levels) if end is None else end
    for first in reversed(range(end)):
        for after in range(end, first, -1):
            if "/".join(levels[first:after]) in known:
                return tuple(range(first, after))
    places = [place for place in range(end) if _may_name(levels[place])]
    # What ends alike and begins otherwise is the same sort of message of another machine.
    apart = [place for place in places if place < len(levels) - 1 and near.differ_in(levels, place)]
    if apart:
        return tuple(apart)
    if len(places) > 1 and _is_numbered(levels[places[-2]]) and not _is_numbered(levels[places[-1]]):
        return (places[-2],)
    return (places[-1] if places else end - 1,)


def names_something(level: str) -> bool:
    """Return whether a level is a name, and no mere number or word for a sort of message."""
    return _may_name(level) and not level.isdigit() and level.lower() not in _SORTS


def _may_name(level: str) -> bool:
    # Azure puts properties of a message into its topic.
    return bool(level) and level.lower() not in GENERIC and "=" not in level


def _is_numbered(level: str) -> bool:
    """Return whether a level has a number in it, as names of machines have, and of sorts of messages have not."""
    return any(letter.isdigit() for letter in level) and not _AREA.match(level.lower())


def pattern(topics: Sequence[Sequence[str]], devices: Collection[int], sensors: Collection[int] = ()) -> str:
    """Return the pattern of topics: a level that differs and names nothing is any."""
    return "/".join(
        SENSOR if place in sensors else DEVICE if place in devices else level[0] if len(set(level)) == 1 else "+"
        for place, level in enumerate(zip(*topics, strict=True))
    )


def speaker(
    topics: Sequence[Sequence[str]],
    who: str | None,
    names: Sequence[Mapping[str, int]],
    known: Collection[str],
    near: Neighbours,
) -> Speaker:
    """Return who speaks.

    Args:
        topics: the levels of each.
        who: path of the key that may name the device; None for none.
        names: for each topic what that key says, to how often it said it.
        known: names of devices that other messages told.
        near: the topics of all messages.
    """
    differing = varying(topics)
    said = {name for one in names for name in one}
    if who is not None and said:
        is_strong = plain(last_key(who)) in STRONG_KEYS
        level = next((place for place in range(len(topics[0])) if _names_it(topics, place, names)), None)
        if level is not None:
            # A mere name may come again elsewhere; an identifier is the same machine by another way.
            before = [] if is_strong else [place for place in differing if place < level]
            comes_again = len({tuple(levels[: level + 1]) for levels in topics}) > len(said)
            return Speaker((*before, level) if comes_again else (level,))
        all_numbers = all(name.isdigit() for name in said)
        returns = sum(count for one in names for count in one.values()) >= _RETURNS * len(said)
        if len(said) > len(topics) and (returns or not all_numbers):
            return Speaker(())
        if is_strong and not differing:
            return Speaker(())
        one_each = len(said) == len(topics) and all(len(one) == 1 for one in names)
        if is_strong and one_each and all(_OPAQUE.fullmatch(levels[at]) for levels in topics for at in differing):
            return Speaker(())
    if differing:
        return Speaker(tuple(differing))
    places = machine_levels(topics[0], known, near)
    name = "/".join(topics[0][place] for place in places)
    return Speaker(places, "" if name in known else f"one topic only; its level {name!r} is taken for the machine")


def _names_it(topics: Sequence[Sequence[str]], place: int, names: Sequence[Mapping[str, int]]) -> bool:
    return all(set(one) == {levels[place]} for levels, one in zip(topics, names, strict=True))
