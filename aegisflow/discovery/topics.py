"""Topics of one kind: what came on each, who speaks there, and when it was so."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from aegisflow.bus.sources.access import Getter, getter
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import Leaves, leaves_of, time_format, time_path
from aegisflow.discovery.shapes import MessageForm
from aegisflow.discovery.speakers import Neighbours, Speaker, pattern, speaker
from aegisflow.discovery.zones import said_zone

__all__ = ["Cluster", "Told", "Topic", "at", "device_of", "time_of", "who_speaks", "zone_of"]


_ZONED = re.compile(r"[Zz]$|[+-]\d\d:?\d\d$")
"""End of a time that says its zone."""


class Cluster(NamedTuple):
    """Topics of one kind, with the ``sources`` entry that reads them."""

    settings: dict[str, Any]
    found: Sequence[tuple[CapturedMessage, tuple[Found, ...]]]
    doubts: tuple[str, ...] = ()
    """What a person should look at."""
    left_out: Mapping[str, str] = {}
    """Path of what is no sensor, to why."""


class Told(NamedTuple):
    """What other messages have told already."""

    devices: set[str]
    """The senders' names."""
    near: Neighbours
    """The topics of all messages."""


class Topic:
    """One topic and what came on it in one form."""

    def __init__(self, name: str, shape: MessageForm) -> None:
        self.levels = name.split("/")
        self.shape = shape
        self.messages: list[tuple[CapturedMessage, Any]] = []
        self.keys: set[str] = set()

    def add(self, message: CapturedMessage, said: Any) -> None:
        """Take in one message."""
        self.messages.append((message, said))
        if self.shape.kind == "record":
            self.keys.update(leaves_of(said) if not self.shape.each else [self.shape.each])


def who_speaks(
    group: Sequence[Topic], who: str | None, told_before: Told, doubts: list[str]
) -> tuple[dict[str, Any], Speaker]:
    """Return the keys ``topic`` and ``device`` of a source, and who speaks."""
    topics = [topic.levels for topic in group]
    names: list[Counter[str]] = []
    look = getter([who]) if who else None
    for topic in group:
        said = [look(one) for _, one in topic.messages] if look else []
        names.append(Counter(str(one) for one in said if isinstance(one, str | int) and str(one)))
    found = speaker(topics, who, names, told_before.devices, told_before.near)
    topic_pattern = pattern(topics, found.devices)
    if found.doubt:
        doubts.append(f"{topic_pattern}: {found.doubt}")
    return {"topic": topic_pattern, **({} if found.devices else {"device": {"path": who}})}, found


def device_of(levels: Sequence[str], devices: Sequence[int]) -> str:
    """Return the sender's name of a device by the levels of its topic; empty where none names it."""
    return "/".join(levels[place] for place in devices)


def time_of(
    leaves: Leaves, rows: Sequence[Leaves], came: Sequence[float], doubts: list[str]
) -> tuple[str | None, dict[str, Any]]:
    """Return the path of the time and the key ``time`` of a source.

    Args:
        leaves: all that is ever said.
        rows: what each record says.
        came: when its message came, UTC epoch seconds.
        doubts: gets what a person should look at.
    """
    found = time_path(leaves)
    if found is None:
        return None, {}
    path, form = found
    told = [(row[path], at) for row, at in zip(rows, came, strict=True) if row.get(path) is not None]
    said = [one for one, _ in told]
    forms = {time_format(one, in_text=True) for one in said}
    if len(forms) > 1 or (len(said) > 3 and len(set(map(str, said))) == 1):
        doubts.append(f"{path} looks like a time, but is not one throughout: messages are dated by their receipt")
        return None, {}
    zone = zone_of(path, said, [at for _, at in told], form, doubts)
    time: dict[str, Any] = {"path": path, "format": form, **zone}
    if len(said) < len(rows):
        time["optional"] = True
    return path, {"time": time}


def zone_of(path: str, said: Sequence[object], came: Sequence[float], form: str, doubts: list[str]) -> dict[str, Any]:
    """Return the key ``zone`` of a time, if it needs one; what a person should look at is added to ``doubts``."""
    names_zone = form.startswith("epoch") or (form == "iso" and bool(_ZONED.search(str(said[0])))) or "%z" in form
    zone, doubt = said_zone(said, came, form, names_zone)
    if doubt:
        doubts.append(f"{path} {doubt}")
    return zone


@cache
def _getter(path: str) -> Getter:
    return getter([path])


def at(said: Any, path: str) -> Any:
    """Return what stands at a path; None for nothing, and for the empty path."""
    return _getter(path)(said) if path else None
