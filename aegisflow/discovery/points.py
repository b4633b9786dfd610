"""Points that name themselves: the ``sources`` entry that reads them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aegisflow.bus.sources.access import records_getter
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.paths import join_path
from aegisflow.config.sources import KEY
from aegisflow.config.units import conversion, known_unit
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import NOT_OF_MACHINES, Leaves, device_path, is_wanted, leaves_of, time_format, told
from aegisflow.discovery.quality import quality_settings
from aegisflow.discovery.shapes import MessageForm, is_numeric
from aegisflow.discovery.speakers import Speaker, pattern
from aegisflow.discovery.topics import Cluster, Told, Topic, at, device_of, time_of, who_speaks, zone_of

__all__ = ["of_points"]

MAX_NAME = 150
"""Letters of a sender's name for a sensor, beyond which plant.yaml cannot say it."""


def of_points(group: Sequence[Topic], told_before: Told) -> Cluster:
    """Return topics of one kind as a source of points; ``told_before`` is what others said."""
    shape, doubts = group[0].shape, list[str]()
    rows = [(topic, message, _points_of(message, said, shape)) for topic in group for message, said in topic.messages]
    every = [point for *_, points in rows for point in points]
    keys: dict[str, Any] = {"path": shape.points, "name": shape.name, "value": shape.value}
    settings: dict[str, Any] = {**({"each": shape.each} if shape.each else {}), "points": keys}
    beside = _beside(group, every, shape)
    settings |= _when(shape, every, beside, doubts)
    if "time" in settings and "path" not in settings["time"]:
        keys["time"] = shape.time
    qualities = (at(point.said, shape.quality) for point in every)
    graded = quality_settings(qualities, shape.quality) if shape.quality else None
    if graded is not None:
        keys["quality"] = shape.quality
        settings |= {"quality": graded} if graded else {}
    if shape.unit and _all_convert(every, shape.unit):
        keys["unit"] = shape.unit
    if shape.device:
        keys["device"] = shape.device
    who = shape.device or shape.who
    if who:
        where = {} if shape.device else {"device": {"path": who}}
        settings, spoken = {"topic": pattern([topic.levels for topic in group], ()), **where, **settings}, Speaker(())
    else:
        # Who sent a message stands before what it says of its values.
        who = device_path({path: one for path, one in beside.items() if path not in (shape.name, shape.value)}) or ""
        where, spoken = who_speaks(group, who or None, told_before, doubts)
        settings = {**where, **settings}
    wanted = {
        point.name
        for point in every
        if 0 < len(point.name) <= MAX_NAME and is_wanted(join_path("", point.name), at(point.said, shape.value))
    }
    found = [
        (
            message,
            tuple(
                Found(
                    device_of(topic.levels, spoken.devices) or _device(point, shape, who),
                    *told(point.name),
                    at(point.said, shape.value),
                    known_unit(str(at(point.said, shape.unit) or "")) if shape.unit else "",
                )
                for point in points
                if point.name in wanted
            ),
        )
        for topic, message, points in rows
    ]
    left_out = {
        path: "stands beside the points"
        for path, one in beside.items()
        if is_numeric(one) and shape.points != "." and path != who and time_format(one, in_text=True) is None
    }
    doubts += _machines_in_names(wanted)
    left_out |= {point.name: NOT_OF_MACHINES for point in every if point.name and point.name not in wanted}
    return Cluster(settings, found, tuple(doubts), left_out)


def _machines_in_names(names: Collection[str]) -> list[str]:
    """Return the doubt that names such as Line1.Pump1.Temp and Line1.Pump2.Temp are of several machines."""
    ends: dict[str, set[str]] = defaultdict(set)
    for name in names:
        mark = "." if "." in name else "/"
        head, _, end = name.rpartition(mark)
        ends[head].add(end)
    shared = Counter(end for head, of in ends.items() if head for end in of)
    heads = sorted(head for head, of in ends.items() if head and any(shared[end] > 1 for end in of))
    return [f"{', '.join(heads[:5])} may be machines of their own; here they are one"] if heads else []


class _Point(NamedTuple):
    """A point with what stands around it."""

    name: str
    said: Any
    record: Any
    message: Any
    key: str
    """Of the record in the object around it; empty for none."""
    came: float
    """When its message came."""


def _points_of(message: CapturedMessage, said: Any, shape: MessageForm) -> list[_Point]:
    """Return all points of a message."""
    find = records_getter([shape.each]) if shape.each else None
    records = [(said, None)] if find is None else find(said) or []
    return [
        _Point(name, point, record, said, key or "", message.at)
        for record, key in records
        for point, name in _points_in(record, said, shape)
    ]


def _device(point: _Point, shape: MessageForm, who: str) -> str:
    """Return the sender's name of the device of a point, which is looked for around it as a source does."""
    if who == KEY:
        return point.key
    around = (point.said, point.record, point.message) if shape.device else (point.record, point.message)
    said = next((found for one in around if (found := at(one, who)) is not None), "")
    return "" if isinstance(said, dict | list) else str(said)


def _beside(group: Sequence[Topic], points: Sequence[_Point], shape: MessageForm) -> Leaves:
    """Return what stands around points: in their records, then in the message."""
    around = {id(point.record): point.record for point in points}.values() if shape.each else ()
    messages = [said for topic in group for _, said in topic.messages]
    held = shape.each.partition(".")[0] if shape.each else shape.points
    found: Leaves = {}
    for place, inner in (*((one, shape.points) for one in around), *((one, held) for one in messages)):
        for path, one in leaves_of(place).items():
            is_within = inner not in ("", ".") and path.startswith(inner)
            if one is not None and "[" not in path and not is_within:
                found.setdefault(path, one)
    return found


def _points_in(record: Any, said: Any, shape: MessageForm) -> Iterator[tuple[Any, str]]:
    """Give the points of a record, each with its name."""
    place = record if shape.points == "." else at(record, shape.points)
    if shape.name == KEY and isinstance(place, dict):
        for key, point in place.items():
            if isinstance(point, dict):
                yield point, str(key)
        return
    for point in [place] if isinstance(place, dict) else place if isinstance(place, list) else ():
        name = next((found for one in (point, record, said) if (found := at(one, shape.name)) is not None), "")
        yield point, "" if isinstance(name, dict | list) else str(name)


def _all_convert(points: Iterable[_Point], path: str) -> bool:
    units = {unit for point in points if isinstance(unit := at(point.said, path), str) and unit}
    return all(len(unit) < 40 and conversion(unit, known_unit(unit)) is not None for unit in units)


def _when(shape: MessageForm, points: Sequence[_Point], beside: Leaves, doubts: list[str]) -> dict[str, Any]:
    """Return the key ``time`` of a source of points; without a path where it lies in the points themselves."""
    times = [(at(point.said, shape.time), point.came) for point in points] if shape.time else []
    told = [(one, came) for one, came in times if one is not None]
    said = [one for one, _ in told]
    if said:
        forms = {time_format(one, in_text=True) for one in said}
        form = forms.pop()
        if form and not forms:
            zone = zone_of(shape.time, said, [came for _, came in told], form, doubts)
            return {"time": {"format": form, **zone, **({"optional": True} if len(said) < len(times) else {})}}
        doubts.append(f"{shape.time} looks like a time, but is not one throughout: messages are dated by their receipt")
        return {}
    # The first of what stands around points is that of the first message.
    _, found = time_of(beside, [beside], [points[0].came if points else 0.0], doubts)
    return found
