"""Records with many values, one in each message or several: the ``sources`` entry that reads them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from aegisflow.bus.sources.access import records_getter
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.paths import join_path
from aegisflow.config.sources import KEY
from aegisflow.config.units import known_unit
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
)
from aegisflow.discovery.quality import quality_settings
from aegisflow.discovery.shapes import is_numeric
from aegisflow.discovery.speakers import Speaker, pattern
from aegisflow.discovery.topics import Cluster, Told, Topic, device_of, time_of, who_speaks

__all__ = ["LIST_OF", "of_records"]

LIST_OF = "a list of"
"""How the reason begins why a list is no sensor: it is a waveform or a history."""


def of_records(group: Sequence[Topic], told_before: Told) -> Cluster:
    """Return the source of records, one in each message or several; ``told_before`` by others."""
    shape, doubts = group[0].shape, list[str]()
    find = records_getter([shape.each]) if shape.each else None
    rows: list[tuple[Topic, CapturedMessage, str, Leaves]] = []
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
    came = [message.at for _, message, *_ in rows]
    time, when = time_of(leaves_seen, every, came, doubts)
    if time is None and find is not None:
        within = {path: one for path, one in outer.items() if not path.startswith(shape.each.partition(".")[0] or ".")}
        last = next((message.at for topic in group for message, _ in reversed(topic.messages)), 0.0)
        time, when = time_of(within, [within], [last], doubts)
    who = shape.who or (device_path(leaves_seen) if find is None else None)
    if shape.who:
        settings: dict[str, Any] = {"topic": pattern([topic.levels for topic in group], ()), "device": {"path": who}}
        spoken = Speaker(())
    else:
        settings, spoken = who_speaks(group, who, told_before, doubts)
    settings |= {**({"each": shape.each} if shape.each else {}), **when}
    quality = _quality_of_records(leaves_seen, every)
    settings |= quality
    others = {path for path in (time, who, str(quality.get("quality", {}).get("path", ""))) if path}
    sensors = _sensor_names(leaves_seen, others)
    found: dict[int, tuple[CapturedMessage, list[Found]]] = {}
    for topic, message, name, leaves in rows:
        device = name if shape.who else device_of(topic.levels, spoken.devices) or str(leaves.get(who or "") or "")
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
    found = quality_settings((row.get(path) for row in rows), path)
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
    found |= {path: f"{LIST_OF} {length:,}" for path, length in long_lists(first)}
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
    beside = _names_beside(leaves)
    for path in paths:
        if path in beside:
            names[path] = (beside[path], path)
            continue
        what = sensor_of(path)
        last = last_key(what)
        name = plain(last) if shared[plain(last)] == 1 and not plain(last).isdigit() else plain(what)
        if name.replace("_", "").isdigit():
            name = f"value_{name}"
        own = join_path("", last) == path and last == name
        names[path] = (name or path, "" if own else path)
    return names


def _names_beside(leaves: Leaves) -> dict[str, str]:
    """Return our names for numbers in a list, where a list of as many words stands beside it, as WAGO sends tags."""
    lists: dict[str, dict[int, object]] = defaultdict(dict)
    for path, said in leaves.items():
        head, _, place = path.removesuffix("]").rpartition("[")
        if path.endswith("]") and place.isdigit():
            lists[head][int(place)] = said
    words = {
        head: items
        for head, items in lists.items()
        if len(items) > 1 and all(isinstance(one, str) and plain(one) and not is_numeric(one) for one in items.values())
    }
    return {
        f"{head}[{place}]": plain(str(named[place]))
        for head, items in lists.items()
        if head not in words
        for named_head, named in words.items()
        if named.keys() == items.keys() and named_head.rpartition(".")[0] == head.rpartition(".")[0]
        for place in items
    }
