"""A topic for each value: the ``sources`` entry that reads them."""

from collections.abc import Sequence
from typing import Any

from aegisflow.bus.sources.access import getter, records_getter
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.paths import join_path
from aegisflow.config.units import known_unit
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import NOT_OF_MACHINES, Leaves, is_wanted, time_format, told
from aegisflow.discovery.quality import quality_settings
from aegisflow.discovery.shapes import MessageForm
from aegisflow.discovery.speakers import GENERIC, machine_levels, pattern, varying
from aegisflow.discovery.topics import Cluster, Told, Topic, at, device_of, zone_of

__all__ = ["of_values"]

_PLANT = "plant"
"""The device of values of which nothing says whose they are."""


def of_values(group: Sequence[Topic], told_before: Told) -> Cluster:
    """Return topics of one kind as a source of values; ``told_before`` is what others said."""
    shape, doubts = group[0].shape, list[str]()
    topics = [topic.levels for topic in group]
    differing = varying(topics)
    last = len(topics[0]) - 1
    while last > 0 and last not in differing and topics[0][last].lower() in GENERIC:
        last -= 1
    if any(levels[last] in told_before.devices for levels in topics):
        last = len(topics[0]) - 1  # what stands before the last level is a device, and no sensor
    devices = _devices(topics, [place for place in differing if place < last], last, told_before)
    # Levels between a device that is known and the last one are part of its sensors' names.
    sensors = [
        place
        for place in range(devices[-1] + 1 if devices else last, last + 1)
        if topics[0][place] and (place in differing or place == last or len(topics) == 1)
    ]
    settings: dict[str, Any] = {"topic": pattern(topics, devices, sensors)}
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
        settings |= _beside_values(shape, [(record, message.at) for _, message, record in rows], doubts)
    if not devices:
        settings["device"] = {"id": _PLANT}
    look = getter([shape.value]) if shape.kind == "alone" else None
    wanted = {
        device_of(topic.levels, sensors)
        for topic, _, record in rows
        if is_wanted(join_path("", topic.levels[last]), record if look is None else look(record))
    }
    found: dict[int, tuple[CapturedMessage, list[Found]]] = {}
    left_out: dict[str, str] = {}
    for topic, message, record in rows:
        said_name = device_of(topic.levels, sensors)
        values = found.setdefault(id(message), (message, []))[1]
        if said_name not in wanted:
            left_out[message.topic] = NOT_OF_MACHINES
            continue
        value = record if look is None else look(record)
        unit = known_unit(str(at(record, shape.unit) or "")) if shape.unit else ""
        values.append(Found(device_of(topic.levels, devices) or _PLANT, *told(said_name), value, unit))
    listed = [(message, tuple(values)) for message, values in found.values()]
    return Cluster(settings, listed, tuple(doubts), left_out)


def _devices(
    topics: Sequence[Sequence[str]], differing: Sequence[int], last: int, told_before: Told
) -> tuple[int, ...]:
    """Return the levels that name the devices: of those that differ, only the first ones where these are known."""
    for count in range(1, len(differing)):
        if any(device_of(levels, differing[:count]) in told_before.devices for levels in topics):
            return tuple(differing[:count])
    if differing or not last:
        return tuple(differing)
    machine = machine_levels(topics[0], told_before.devices, told_before.near, last)
    return machine if any(topics[0][place] for place in machine) else ()  # of /t1 nothing is left that could name one


def _beside_values(shape: MessageForm, heard: Sequence[tuple[Any, float]], doubts: list[str]) -> dict[str, Any]:
    """Return the keys that tell when a value was so, and how good it is; ``heard`` are records and when they came."""
    records = [record for record, _ in heard]
    found: dict[str, Any] = {}
    if shape.time:
        rows: list[Leaves] = [{shape.time: at(record, shape.time)} for record in records]
        known = {path: one for row in rows for path, one in row.items() if one is not None}
        when = time_format(known.get(shape.time), in_text=True)
        forms = {time_format(row[shape.time], in_text=True) for row in rows if row[shape.time] is not None}
        if when and len(forms) == 1:
            told = [(row[shape.time], came) for row, (_, came) in zip(rows, heard, strict=True)]
            told = [(said, came) for said, came in told if said is not None]
            zone = zone_of(shape.time, [said for said, _ in told], [came for _, came in told], when, doubts)
            found["time"] = {"path": shape.time, "format": when, **zone}
            if any(row[shape.time] is None for row in rows):
                found["time"]["optional"] = True
        else:
            doubts.append(f"{shape.time} looks like a time, but is not one throughout")
    if shape.quality:
        graded = quality_settings((at(record, shape.quality) for record in records), shape.quality)
        if graded is not None:
            found["quality"] = {"path": shape.quality, **graded}
    return found
