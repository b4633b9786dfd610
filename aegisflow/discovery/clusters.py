"""Messages that no preset reads: which topics are of one kind, and where in them device and sensor stand."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.paths import DEVICE, SENSOR, join_path, may_coincide, parse_topic
from aegisflow.config.services import Topics
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import (
    UNWANTED,
    Leaves,
    device_path,
    last_key,
    leaves_of,
    plain,
    time_format,
    time_path,
)

__all__ = ["Cluster", "clusters_of"]

_ALIKE = 0.5
"""Share of common keys by which two topics carry the same kind of message."""
_ORDERS = frozenset({"set", "get", "cmd", "command", "commands", "rpc", "request", "response", "config", "ack", "acks"})
"""Last levels of topics on which machines are told something, and say nothing of themselves."""
_GENERIC = frozenset(
    {"data", "state", "status", "telemetry", "sensor", "sensors", "json", "value", "values", "measurements", "up"}
    | {"messages", "events", "reading", "readings", "out", "raw", "process", "uplink", "attributes", "v1"}
)
"""Levels that name no machine."""
_OURS = tuple(template for _, template in Topics())
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NAMES = ("name", "tag", "id", "n", "sensor", "signal", "key", "variable", "metric", "point", "nodeid", "tagname")
_VALUES = ("value", "v", "val", "reading", "present_value")
_QUALITIES = ("quality", "q", "status", "statuscode")


class Cluster(NamedTuple):
    """Topics of one kind, with the ``sources`` entry that reads them."""

    settings: dict[str, Any]
    found: Sequence[tuple[CapturedMessage, tuple[Found, ...]]]
    doubts: tuple[str, ...]
    """What a person should look at."""


class _Topic:
    """One topic and what came on it."""

    def __init__(self, name: str) -> None:
        self.levels = name.split("/")
        self.messages: list[tuple[CapturedMessage, Any]] = []
        self.keys: set[str] = set()
        self.shape = ""

    def add(self, message: CapturedMessage, said: Any) -> None:
        self.messages.append((message, said))
        if isinstance(said, dict):
            self.shape = "points" if _points_of(said) else "record"
            self.keys |= set(leaves_of(said)) if self.shape == "record" else set(said)
        elif isinstance(said, list):
            self.shape = "points" if _points_of(said) else ""
        else:
            self.shape = "value"


def clusters_of(messages: Sequence[tuple[CapturedMessage, Any]]) -> list[Cluster]:
    """Return what messages have in common that no preset reads.

    Args:
        messages: with their payload as JSON, or a bare value; none that is neither.
    """
    topics: dict[str, _Topic] = {}
    for message, said in messages:
        levels = message.topic.split("/")
        if levels[-1].lower() not in _ORDERS and not message.topic.startswith("$") and _can_be_written(message.topic):
            topics.setdefault(message.topic, _Topic(message.topic)).add(message, said)
    groups: list[list[_Topic]] = []
    for topic in topics.values():
        group = next((group for group in groups if _are_alike(group[0], topic)), None)
        if group is None:
            groups.append([topic])
        elif topic.shape:
            group.append(topic)
    makers = {"record": _records, "points": _point_lists, "value": _values}
    clusters = [makers[group[0].shape](group) for group in groups if group[0].shape]
    return [cluster for cluster in map(_apart_from_ours, clusters) if cluster is not None]


def _apart_from_ours(cluster: Cluster) -> Cluster | None:
    """Return a cluster whose topics cannot be taken for AegisFlow's own; None where that cannot be had.

    Where all is of one machine, the topic may as well name it.
    """
    topic = str(cluster.settings["topic"])
    if not any(may_coincide(topic, ours) for ours in _OURS):
        return cluster
    message = cluster.found[0][0]
    devices = {one.device for _, values in cluster.found for one in values}
    levels = [
        said if level == DEVICE else level
        for level, said in zip(topic.split("/"), message.topic.split("/"), strict=True)
    ]
    narrow = "/".join(levels)
    name = next(iter(devices), "")
    if len(devices) != 1 or not _NAME.fullmatch(name) or any(may_coincide(narrow, ours) for ours in _OURS):
        return None
    return cluster._replace(settings={**cluster.settings, "topic": narrow, "device": {"id": name}})


def _can_be_written(topic: str) -> bool:
    """Return whether plant.yaml can name a topic: braces have a meaning there."""
    try:
        parse_topic(topic)
    except ValueError:
        return False
    return True


def _are_alike(one: _Topic, other: _Topic) -> bool:
    if one.shape != other.shape or len(one.levels) != len(other.levels):
        return False
    if one.shape == "value":
        return one.levels[0] == other.levels[0] or len(one.levels) > 2
    common, all_keys = one.keys & other.keys, one.keys | other.keys
    return len(common) >= _ALIKE * len(all_keys)


def _varying(group: Sequence[_Topic]) -> list[int]:
    """Return the levels in which the topics of a group differ."""
    return [place for place, level in enumerate(zip(*(topic.levels for topic in group), strict=True))
            if len(set(level)) > 1]  # fmt: skip


def _machine_level(levels: Sequence[str]) -> int:
    """Return the level that most likely names the machine of a topic that stands alone."""
    places = [place for place, level in enumerate(levels) if level and level.lower() not in _GENERIC]
    return places[-1] if places else len(levels) - 1


def _pattern(levels: Sequence[str], devices: Sequence[int], sensor: int | None = None) -> str:
    return "/".join(
        SENSOR if place == sensor else DEVICE if place in devices else level for place, level in enumerate(levels)
    )


def _device_of(levels: Sequence[str], devices: Sequence[int]) -> str:
    return "/".join(levels[place] for place in devices)


# --- one record with many values ---------------------------------------------------------------


def _records(group: Sequence[_Topic]) -> Cluster:
    rows = [(topic, message, leaves_of(said)) for topic in group for message, said in topic.messages]
    all_leaves: Leaves = {path: value for _, _, leaves in rows for path, value in leaves.items() if value is not None}
    doubts: list[str] = []
    time, settings = _time_of(all_leaves, [leaves for _, _, leaves in rows], doubts)
    who = device_path(all_leaves)
    names = {str(leaves[who]) for _, _, leaves in rows if leaves.get(who)} if who else set()
    devices = _varying(group) or [_machine_level(group[0].levels)]
    by_payload = who is not None and len(names) > len(group)
    topic = "/".join(_pattern(group[0].levels, () if by_payload else devices).split("/"))
    if by_payload:
        settings["device"] = {"path": who}
        topic = "/".join("+" if place in _varying(group) else level for place, level in enumerate(group[0].levels))
    elif not _varying(group):
        doubts.append(f"{topic}: one topic only; its level {group[0].levels[devices[0]]!r} is taken for the machine")
    sensors = _sensor_names(all_leaves, {path for path in (time, who) if path})
    settings = {"topic": topic, **settings}
    found = [
        (
            message,
            tuple(
                Found(
                    str(leaves.get(who or "", "")) if by_payload else _device_of(one.levels, devices),
                    name,
                    where,
                    value,
                )
                for path, value in leaves.items()
                if path in sensors
                for name, where in [sensors[path]]
            ),
        )
        for one, message, leaves in rows
    ]
    return Cluster(settings, found, tuple(doubts))


def _time_of(leaves: Leaves, rows: Sequence[Leaves], doubts: list[str]) -> tuple[str | None, dict[str, Any]]:
    """Return the path of the time and the key ``time`` of a source."""
    found = time_path(leaves)
    if found is None:
        return None, {}
    path, form = found
    said = [row[path] for row in rows if row.get(path) is not None]
    forms = {time_format(one) for one in said}
    if len(forms) > 1 or (len(said) > 3 and len(set(map(str, said))) == 1):
        doubts.append(f"{path} looks like a time, but is not one throughout: messages are dated by their receipt")
        return None, {}
    if form == "iso" and not any(mark in str(said[0])[10:] for mark in ("Z", "z", "+", "-")):
        doubts.append(f"{path} says no time zone: taken as UTC (time.zone)")
    time: dict[str, Any] = {"path": path, "format": form}
    if len(said) < len(rows):
        time["optional"] = True
    return path, {"time": time}


def _sensor_names(leaves: Leaves, others: set[str]) -> dict[str, tuple[str, str]]:
    """Return path to our name of a sensor, and to the path that a source must be told; empty where the name does."""
    paths = [
        path
        for path, value in leaves.items()
        if path not in others and plain(last_key(path)) not in UNWANTED and time_format(value) is None
    ]
    shared = Counter(plain(last_key(path)) for path in paths)
    names: dict[str, tuple[str, str]] = {}
    for path in paths:
        name = plain(last_key(path)) if shared[plain(last_key(path))] == 1 else plain(path)
        own = join_path("", last_key(path)) == path and last_key(path) == name
        names[path] = (name or path, "" if own else path)
    return names


# --- a list or an object of points -------------------------------------------------------------


def _points_of(said: Any) -> tuple[str, list[dict[str, Any]]] | None:
    """Return the path and the points of a message that lists them."""
    listed = [(".", said)] if isinstance(said, list) else [(str(key), value) for key, value in said.items()]
    for path, points in listed:
        if isinstance(points, list) and points and all(isinstance(one, dict) for one in points):
            first = points[0]
            if _key(first, _NAMES, str | int) and _key(first, _VALUES, object):
                return join_path("", path) if path != "." else path, points
    return None


def _key(point: dict[str, Any], names: tuple[str, ...], kind: Any) -> str:
    by_name = {plain(str(key)): str(key) for key in point}
    return next((by_name[name] for name in names if name in by_name and isinstance(point[by_name[name]], kind)), "")


def _point_lists(group: Sequence[_Topic]) -> Cluster:
    doubts: list[str] = []
    listed = _points_of(group[0].messages[0][1])
    assert listed is not None
    path, points = listed
    name, value = _key(points[0], _NAMES, str | int), _key(points[0], _VALUES, object)
    times = time_path({str(key): one for key, one in points[0].items() if not isinstance(one, dict | list)})
    around = group[0].messages[0][1]
    outer: Leaves = {str(key): one for key, one in around.items()} if isinstance(around, dict) else {}
    settings: dict[str, Any] = {"points": {"path": path, "name": name, "value": value}}
    if times is not None:
        settings["points"]["time"] = times[0]
        settings["time"] = {"format": times[1]}
    elif (said := time_path(outer)) is not None:
        settings["time"] = {"path": said[0], "format": said[1]}
    if quality := _key(points[0], _QUALITIES, str | int):
        settings["points"]["quality"] = quality
        numeric = isinstance(points[0][quality], int)
        settings["quality"] = (
            {"grades": "opcda" if numeric and points[0][quality] == 192 else "opcua"} if numeric else {}
        )
        settings = {key: one for key, one in settings.items() if one != {}}
    who = device_path(outer)
    devices = _varying(group) or [_machine_level(group[0].levels)]
    by_payload = who is not None and not _varying(group)
    if by_payload:
        settings["device"] = {"path": who}
    settings = {"topic": "/".join(group[0].levels) if by_payload else _pattern(group[0].levels, devices), **settings}
    found = []
    for topic in group:
        for message, said_whole in topic.messages:
            inner = _points_of(said_whole)
            device = str(said_whole.get(who, "")) if by_payload else _device_of(topic.levels, devices)
            found.append((message, tuple(_named_points(device, inner[1] if inner else [], name, value))))
    return Cluster(settings, found, tuple(doubts))


def _named_points(device: str, points: list[dict[str, Any]], name: str, value: str) -> Iterator[Found]:
    for point in points:
        said = str(point.get(name, ""))
        if said:
            ours = plain(said) or said
            yield Found(device, ours, said if ours != said else "", point.get(value))


# --- a topic for each value --------------------------------------------------------------------


def _values(group: Sequence[_Topic]) -> Cluster:
    varying = _varying(group)
    length = len(group[0].levels)
    last = length - 1
    while last > 0 and last not in varying and group[0].levels[last].lower() in _GENERIC:
        last -= 1
    devices = [place for place in varying if place < last] or ([last - 1] if last else [])
    topic = _pattern(group[0].levels, devices, last)
    settings: dict[str, Any] = {"topic": topic, "format": "value"}
    if not devices:
        settings["device"] = {"id": "plant"}
    found: list[tuple[CapturedMessage, tuple[Found, ...]]] = []
    for one in group:
        said_name = one.levels[last]
        ours = plain(said_name) or said_name
        device = _device_of(one.levels, devices) if devices else "plant"
        found += [
            (message, (Found(device, ours, said_name if ours != said_name else "", said),))
            for message, said in one.messages
        ]
    return Cluster(settings, found, ())
