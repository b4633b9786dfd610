"""Messages that no preset reads: which topics are of one kind, and the ``sources`` entry that reads them."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aegisflow.bus.sources.access import getter, records_getter
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.paths import DEVICE, join_path, may_coincide, parse_topic
from aegisflow.config.services import Topics
from aegisflow.config.sources import KEY
from aegisflow.config.units import conversion, known_unit
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import (
    UNITS,
    Leaves,
    device_path,
    is_wanted,
    last_key,
    leaves_of,
    long_lists,
    plain,
    sensor_of,
    time_format,
    time_path,
    told,
)
from aegisflow.discovery.quality import quality_settings
from aegisflow.discovery.shapes import MessageForm, is_numeric, shape_of
from aegisflow.discovery.speakers import GENERIC, Speaker, machine_level, pattern, speaker, varying

__all__ = ["Cluster", "PassOver", "can_be_named", "clusters_of", "may_be_ours"]

_ALIKE = 0.5
"""Share of common keys by which two topics carry the same kind of message."""
_COMPARED = 200
"""Kinds of records that a topic is compared with; where there are more, none is like another."""
_ORDERS = frozenset({"set", "get", "cmd", "command", "commands", "rpc", "request", "response", "config", "ack", "acks"})
"""Last levels of topics on which machines are told something, and say nothing of themselves."""
_OURS = tuple(template for _, template in Topics())
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MAX_NAME = 150
"""Letters of a sender's name for a sensor, beyond which plant.yaml cannot say it."""
LIKE_OURS = "on a topic that could be taken for one of AegisFlow's own"
_PLANT = "plant"
"""The device of values of which nothing says whose they are."""

Said = Sequence[tuple[CapturedMessage, Any]]
"""Messages with their payload as JSON, or a bare value."""


class PassOver(NamedTuple):
    """A message that means nothing, and why."""

    why: str
    message: CapturedMessage


class Cluster(NamedTuple):
    """Topics of one kind, with the ``sources`` entry that reads them."""

    settings: dict[str, Any]
    found: Sequence[tuple[CapturedMessage, tuple[Found, ...]]]
    doubts: tuple[str, ...] = ()
    """What a person should look at."""
    left_out: Mapping[str, str] = {}
    """Path of what is no sensor, to why."""


class _Topic:
    """One topic and what came on it in one form."""

    def __init__(self, name: str, shape: MessageForm) -> None:
        self.levels = name.split("/")
        self.shape = shape
        self.messages: list[tuple[CapturedMessage, Any]] = []
        self.keys: set[str] = set()

    def add(self, message: CapturedMessage, said: Any) -> None:
        self.messages.append((message, said))
        if self.shape.kind == "record":
            self.keys.update(leaves_of(said) if not self.shape.each else [self.shape.each])


def clusters_of(messages: Said, known: Collection[str] = ()) -> tuple[list[Cluster], list[PassOver]]:
    """Return what messages have in common that no preset reads, and those that mean nothing.

    Args:
        messages: with their payload.
        known: the senders' names of devices that presets have told.
    """
    by_topic: dict[str, list[tuple[CapturedMessage, Any]]] = defaultdict(list)
    passed: list[PassOver] = []
    for message, said in messages:
        why = _useless(message.topic)
        if why:
            passed.append(PassOver(why, message))
        else:
            by_topic[message.topic].append((message, said))
    topics = []
    for name, listed in by_topic.items():
        topic, others = _of_one_form(name, listed)
        topics.append(topic)
        passed += [PassOver("of another form than most on its topic", message) for message, _ in others]
    makers = {"record": _records, "points": _points, "value": _values, "alone": _values}
    clusters = []
    for group in _groups(topics):
        cluster = _apart_from_ours(makers[group[0].shape.kind](group, known))
        if cluster is None:
            passed += [PassOver(LIKE_OURS, message) for topic in group for message, _ in topic.messages]
        else:
            clusters.append(cluster)
    return clusters, passed


def _useless(topic: str) -> str:
    if topic.startswith("$SYS/"):
        return "of the broker itself"
    if topic.rpartition("/")[2].lower() in _ORDERS:
        return "an order to a machine, or an answer"
    return "" if can_be_named(topic) else "on a topic that plant.yaml cannot name"


def can_be_named(topic: str) -> bool:
    """Return whether plant.yaml can name a topic: braces have a meaning there."""
    try:
        parse_topic(topic)
    except ValueError:
        return False
    return True


def _of_one_form(name: str, messages: Said) -> tuple[_Topic, Said]:
    """Return a topic with the messages of its usual form, and the others."""
    shapes = [shape_of(said) for _, said in messages]
    # Optional keys come and go: one is read like the other.
    usual, _ = Counter(shape._replace(time="", unit="", quality="") for shape in shapes).most_common(1)[0]
    best = max(
        (shape for shape in shapes if shape._replace(time="", unit="", quality="") == usual),
        key=lambda shape: sum(map(bool, shape)),
    )
    if best.kind == "alone" and not best.each and best.name:
        look = getter([best.name])
        names = {str(look(said)) for _, said in messages}
        # One object for each value on a topic of many; or the name is said once more than needed.
        best = best._replace(kind="points", points=".") if len(names) > 1 else best._replace(name="")
    topic, others = _Topic(name, best), []
    for (message, said), shape in zip(messages, shapes, strict=True):
        if shape._replace(time="", unit="", quality="") == usual:
            topic.add(message, said)
        else:
            others.append((message, said))
    return topic, others


def _groups(topics: Iterable[_Topic]) -> Iterator[list[_Topic]]:
    """Give topics of one kind together: of one form, as many levels, and for records mostly the same keys."""
    buckets: dict[Any, list[list[_Topic]]] = defaultdict(list)
    same: dict[Any, list[_Topic]] = {}
    for topic in topics:
        levels, record = topic.levels, topic.shape.kind == "record"
        first = "" if record or len(levels) > 2 else levels[0]
        bucket = (topic.shape, len(levels), tuple(not level for level in levels), first)
        exactly = (bucket, frozenset(topic.keys))
        group = same.get(exactly)
        if group is None:
            group = next((one for one in buckets[bucket][:_COMPARED] if not record or _are_alike(one[0], topic)), None)
        if group is None:
            group = []
            buckets[bucket].append(group)
        same.setdefault(exactly, group)
        group.append(topic)
    for groups in buckets.values():
        yield from groups


def _are_alike(one: _Topic, other: _Topic) -> bool:
    common, all_keys = one.keys & other.keys, one.keys | other.keys
    return len(common) >= _ALIKE * len(all_keys)


def may_be_ours(topic: str) -> bool:
    """Return whether a pattern fits topics on which AegisFlow itself speaks or listens."""
    return any(may_coincide(topic, ours) for ours in _OURS)


def _apart_from_ours(cluster: Cluster) -> Cluster | None:
    """Return a cluster whose topics cannot be taken for AegisFlow's own; None where that cannot be had.

    Where all is of one machine, the topic may as well name it.
    """
    topic = str(cluster.settings["topic"])
    if not may_be_ours(topic):
        return cluster
    message = cluster.found[0][0]
    devices = {one.device for _, values in cluster.found for one in values}
    levels = [
        said if level == DEVICE else level
        for level, said in zip(topic.split("/"), message.topic.split("/"), strict=True)
    ]
    narrow = "/".join(levels)
    name = next(iter(devices), "")
    if len(devices) != 1 or not _NAME.fullmatch(name) or may_be_ours(narrow):
        return None
    return cluster._replace(settings={**cluster.settings, "topic": narrow, "device": {"id": name}})


# --- who and when ------------------------------------------------------------------------------


def _who(
    group: Sequence[_Topic], who: str | None, known: Collection[str], doubts: list[str]
) -> tuple[dict[str, Any], Speaker]:
    """Return the keys ``topic`` and ``device`` of a source, and who speaks."""
    topics = [topic.levels for topic in group]
    names: list[Counter[str]] = []
    look = getter([who]) if who else None
    for topic in group:
        said = [look(one) for _, one in topic.messages] if look else []
        names.append(Counter(str(one) for one in said if isinstance(one, str | int) and str(one)))
    found = speaker(topics, who, names, known)
    topic_pattern = pattern(topics, found.devices)
    if found.doubt:
        doubts.append(f"{topic_pattern}: {found.doubt}")
    return {"topic": topic_pattern, **({} if found.devices else {"device": {"path": who}})}, found


def _device_of(levels: Sequence[str], devices: Sequence[int]) -> str:
    return "/".join(levels[place] for place in devices)


def _time_of(leaves: Leaves, rows: Sequence[Leaves], doubts: list[str]) -> tuple[str | None, dict[str, Any]]:
    """Return the path of the time and the key ``time`` of a source."""
    found = time_path(leaves)
    if found is None:
        return None, {}
    path, form = found
    said = [row[path] for row in rows if row.get(path) is not None]
    forms = {time_format(one, in_text=True) for one in said}
    if len(forms) > 1 or (len(said) > 3 and len(set(map(str, said))) == 1):
        doubts.append(f"{path} looks like a time, but is not one throughout: messages are dated by their receipt")
        return None, {}
    if not form.startswith("epoch") and not (form == "iso" and re.search(r"[Zz]$|[+-]\d\d:?\d\d$", str(said[0]))):
        doubts.append(f"{path} says no time zone: taken as UTC (time.zone)")
    time: dict[str, Any] = {"path": path, "format": form}
    if len(said) < len(rows):
        time["optional"] = True
    return path, {"time": time}


# --- records with many values ------------------------------------------------------------------


def _records(group: Sequence[_Topic], known: Collection[str]) -> Cluster:
    """Return the source of records: one in each message, or several under ``each``."""
    shape, doubts = group[0].shape, list[str]()
    find = records_getter([shape.each]) if shape.each else None
    rows: list[tuple[_Topic, CapturedMessage, str, Leaves]] = []
    outer: Leaves = {}
    for topic in group:
        for message, said in topic.messages:
            records = [(said, None)] if find is None else find(said) or []
            if find is not None:
                outer |= {path: one for path, one in leaves_of(said).items() if one is not None}
            for record, key in records:
                leaves = leaves_of(record)
                name = key if shape.who == KEY else leaves.get(shape.who) if shape.who else ""
                rows.append((topic, message, str(name or ""), leaves))
    every = [leaves for *_, leaves in rows]
    leaves_seen: Leaves = {path: value for leaves in every for path, value in leaves.items() if value is not None}
    time, when = _time_of(leaves_seen, every, doubts)
    if time is None and find is not None:
        within = {path: one for path, one in outer.items() if not path.startswith(shape.each.partition(".")[0] or ".")}
        time, when = _time_of(within, [within], doubts)
    who = shape.who or (device_path(leaves_seen) if find is None else None)
    if shape.who:
        settings: dict[str, Any] = {"topic": pattern([topic.levels for topic in group], ()), "device": {"path": who}}
        spoken = Speaker(())
    else:
        settings, spoken = _who(group, who, known, doubts)
    settings |= {**({"each": shape.each} if shape.each else {}), **when}
    quality = _quality_of_records(leaves_seen, every)
    settings |= quality
    others = {path for path in (time, who, str(quality.get("quality", {}).get("path", ""))) if path}
    sensors = _sensor_names(leaves_seen, others)
    found: dict[int, tuple[CapturedMessage, list[Found]]] = {}
    for topic, message, name, leaves in rows:
        device = name if shape.who else _device_of(topic.levels, spoken.devices) or str(leaves.get(who or "") or "")
        values = found.setdefault(id(message), (message, []))[1]
        values += [
            Found(device, *sensors[path], one, _unit_beside(path, leaves))
            for path, one in leaves.items()
            if path in sensors
        ]
    left_out = _left_out(leaves_seen, outer, others, sensors, group[0].messages[0][1], is_whole=find is None)
    listed = [(message, tuple(values)) for message, values in found.values()]
    return Cluster(settings, listed, tuple(doubts), left_out)


def _quality_of_records(known: Leaves, rows: Sequence[Leaves]) -> dict[str, Any]:
    path = next((path for path in known if path in ("quality", "q", "qc")), None)
    if path is None:
        return {}
    said = Counter(one for row in rows if isinstance(one := row.get(path), str | int))
    found = quality_settings(said, path)
    return {} if found is None else {"quality": {"path": path, **found}}


def _left_out(
    known: Leaves, outer: Leaves, others: set[str], sensors: Mapping[str, Any], first: Any, *, is_whole: bool
) -> dict[str, str]:
    """Return the numbers that are no sensors, with the reason."""
    found = {}
    for path, value in known.items():
        if is_numeric(value) and path not in sensors and path not in others:
            found[path] = "a time" if time_format(value) else "says something of the message or the network"
    if not is_whole:
        beside = (path for path, one in outer.items() if is_numeric(one) and "[" not in path)
        found |= {path: "stands beside the records" for path in beside if path not in others and path not in known}
    found |= {path: f"a list of {length:,}" for path, length in long_lists(first)}
    return found


def _unit_beside(path: str, leaves: Leaves) -> str:
    """Return the unit that stands beside a value."""
    name = sensor_of(path)
    if name == path:
        return ""
    units = (leaves.get(join_path(name, key)) for key in (*UNITS, *map(str.upper, UNITS)))
    return next((known_unit(unit) for unit in units if isinstance(unit, str) and unit), "")


def _sensor_names(leaves: Leaves, others: set[str]) -> dict[str, tuple[str, str]]:
    """Return path to our name of a sensor, and to the path that a source must be told; empty where the name does."""
    paths = [path for path, value in leaves.items() if path not in others and is_wanted(path, value)]
    paths = [path for path in paths if plain(last_key(path)) not in UNITS or not isinstance(leaves[path], str)]
    shared = Counter(plain(last_key(sensor_of(path))) for path in paths)
    names: dict[str, tuple[str, str]] = {}
    for path in paths:
        what = sensor_of(path)
        last = last_key(what)
        name = plain(last) if shared[plain(last)] == 1 and not plain(last).isdigit() else plain(what)
        if name.replace("_", "").isdigit():
            name = f"value_{name}"
        own = join_path("", last) == path and last == name
        names[path] = (name or path, "" if own else path)
    return names


# --- points that name themselves ---------------------------------------------------------------


def _points(group: Sequence[_Topic], known: Collection[str]) -> Cluster:
    shape, doubts = group[0].shape, list[str]()
    find = records_getter([shape.each]) if shape.each else None
    rows: list[tuple[_Topic, CapturedMessage, list[tuple[Any, str, Any]]]] = []
    qualities: Counter[Any] = Counter()
    outer: Leaves = {}
    times: list[object] = []
    for topic in group:
        for message, said in topic.messages:
            outer |= {path: one for path, one in leaves_of(said).items() if one is not None and "[" not in path}
            points = [
                point
                for record, _ in ([(said, None)] if find is None else find(said) or [])
                for point in _points_in(record, said, shape)
            ]
            rows.append((topic, message, points))
            for point, _, _ in points:
                qualities[_at(point, shape.quality)] += 1
                times.append(_at(point, shape.time))
    keys: dict[str, Any] = {"path": shape.points, "name": shape.name, "value": shape.value}
    settings: dict[str, Any] = {**({"each": shape.each} if shape.each else {}), "points": keys}
    settings |= _when_of_points(shape, outer, times, doubts)
    if "time" in settings and "path" not in settings["time"]:
        keys["time"] = shape.time
    del qualities[None]
    graded = quality_settings(qualities, shape.quality) if shape.quality else None
    if graded is not None:
        keys["quality"] = shape.quality
        settings |= {"quality": graded} if graded else {}
    if shape.unit and _all_convert(rows, shape.unit):
        keys["unit"] = shape.unit
    inner = {path: one for path, one in outer.items() if shape.points == "." or not path.startswith(shape.points)}
    if shape.device:
        keys["device"] = shape.device
        settings, spoken, who = {"topic": pattern([topic.levels for topic in group], ()), **settings}, Speaker(()), None
    else:
        who = device_path({path: one for path, one in inner.items() if path not in (shape.name, shape.value)})
        where, spoken = _who(group, who, known, doubts)
        settings = {**where, **settings}
    found = []
    for topic, message, points in rows:
        device = _device_of(topic.levels, spoken.devices)
        values = [
            Found(
                str(_at(point, shape.device) or "")
                if shape.device
                else device or str(_at(message_said, who or "") or ""),
                *told(name),
                _at(point, shape.value),
                known_unit(str(_at(point, shape.unit) or "")) if shape.unit else "",
            )
            for point, name, message_said in points
            if 0 < len(name) <= MAX_NAME
        ]
        found.append((message, tuple(values)))
    beside = {path: one for path, one in inner.items() if is_numeric(one) and shape.points != "."}
    left_out = {path: "stands beside the points" for path, one in beside.items() if time_format(one) is None}
    return Cluster(settings, found, tuple(doubts), left_out)


def _points_in(record: Any, said: Any, shape: MessageForm) -> Iterator[tuple[Any, str, Any]]:
    """Give the points of a record, each with its name and the message."""
    place = record if shape.points == "." else _at(record, shape.points)
    if shape.name == KEY and isinstance(place, dict):
        for key, point in place.items():
            if isinstance(point, dict):
                yield point, str(key), said
        return
    for point in [place] if isinstance(place, dict) else place if isinstance(place, list) else ():
        name = next((found for one in (point, record, said) if (found := _at(one, shape.name)) is not None), "")
        yield point, "" if isinstance(name, dict | list) else str(name), said


def _at(said: Any, path: str) -> Any:
    return getter([path])(said) if path else None


def _all_convert(rows: Iterable[tuple[Any, Any, list[tuple[Any, str, Any]]]], path: str) -> bool:
    units = {unit for *_, points in rows for point, *_ in points if isinstance(unit := _at(point, path), str) and unit}
    return all(len(unit) < 40 and conversion(unit, known_unit(unit)) is not None for unit in units)


def _when_of_points(shape: MessageForm, outer: Leaves, times: Sequence[object], doubts: list[str]) -> dict[str, Any]:
    """Return the key ``time`` of a source of points; without a path where it lies in the points themselves."""
    said = [one for one in times if one is not None]
    if shape.time and said:
        forms = {time_format(one, in_text=True) for one in said}
        form = forms.pop()
        if form and not forms:
            return {"time": {"format": form, **({"optional": True} if len(said) < len(times) else {})}}
        doubts.append(f"{shape.time} looks like a time, but is not one throughout: messages are dated by their receipt")
        return {}
    beside = {path: one for path, one in outer.items() if shape.points == "." or not path.startswith(shape.points)}
    _, found = _time_of(beside, [beside], doubts)
    return found


# --- a topic for each value --------------------------------------------------------------------


def _values(group: Sequence[_Topic], known: Collection[str]) -> Cluster:
    shape, doubts = group[0].shape, list[str]()
    topics = [topic.levels for topic in group]
    differing = varying(topics)
    last = len(topics[0]) - 1
    while last > 0 and last not in differing and topics[0][last].lower() in GENERIC:
        last -= 1
    devices = [place for place in differing if place < last]
    if not devices and last:
        devices = [machine_level(topics[0][:last], known)]
    settings: dict[str, Any] = {"topic": pattern(topics, devices, last)}
    find = records_getter([shape.each]) if shape.each else None
    if shape.kind == "value":
        settings["format"] = "value"
    else:
        settings |= {**({"each": shape.each} if shape.each else {}), "value": shape.value}
    rows = [
        (topic, message, record)
        for topic in group
        for message, said in topic.messages
        for record, _ in ([(said, None)] if find is None else find(said) or [])
    ]
    if shape.kind == "alone":
        settings |= _beside_values(shape, [record for *_, record in rows], doubts)
    if not devices:
        settings["device"] = {"id": _PLANT}
    look = getter([shape.value]) if shape.kind == "alone" else None
    found: dict[int, tuple[CapturedMessage, list[Found]]] = {}
    for topic, message, record in rows:
        said_name = topic.levels[last]
        device = _device_of(topic.levels, devices) or _PLANT
        value = record if look is None else look(record)
        unit = known_unit(str(_at(record, shape.unit) or "")) if shape.unit else ""
        one = Found(device, *told(said_name), value, unit)
        found.setdefault(id(message), (message, []))[1].append(one)
    listed = [(message, tuple(values)) for message, values in found.values()]
    return Cluster(settings, listed, tuple(doubts))


def _beside_values(shape: MessageForm, records: Sequence[Any], doubts: list[str]) -> dict[str, Any]:
    """Return the keys that tell when a value was so, and how good it is."""
    found: dict[str, Any] = {}
    if shape.time:
        rows: list[Leaves] = [{shape.time: _at(record, shape.time)} for record in records]
        known = {path: one for row in rows for path, one in row.items() if one is not None}
        when = time_format(known.get(shape.time), in_text=True)
        forms = {time_format(row[shape.time], in_text=True) for row in rows if row[shape.time] is not None}
        if when and len(forms) == 1:
            found["time"] = {"path": shape.time, "format": when}
            if any(row[shape.time] is None for row in rows):
                found["time"]["optional"] = True
        else:
            doubts.append(f"{shape.time} looks like a time, but is not one throughout")
    if shape.quality:
        graded = quality_settings(Counter(_at(record, shape.quality) for record in records), shape.quality)
        if graded is not None:
            found["quality"] = {"path": shape.quality, **graded}
    return found
