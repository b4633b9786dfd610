"""A topic for each value: the ``sources`` entry that reads them."""

from collections.abc import Collection, Sequence
from typing import Any

from aegisflow.bus.sources.access import getter, records_getter
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.units import known_unit
from aegisflow.discovery import Found
from aegisflow.discovery.leaves import Leaves, time_format, told
from aegisflow.discovery.quality import quality_settings
from aegisflow.discovery.shapes import MessageForm
from aegisflow.discovery.speakers import GENERIC, machine_level, pattern, varying
from aegisflow.discovery.topics import Cluster, Topic, at, device_of

__all__ = ["of_values"]

_PLANT = "plant"
"""The device of values of which nothing says whose they are."""


def of_values(group: Sequence[Topic], known: Collection[str]) -> Cluster:
    """Return topics of one kind as a source of values; ``known`` are the senders' names of devices told elsewhere."""
    shape, doubts = group[0].shape, list[str]()
    topics = [topic.levels for topic in group]
    differing = varying(topics)
    last = len(topics[0]) - 1
    while last > 0 and last not in differing and topics[0][last].lower() in GENERIC:
        last -= 1
    devices = [place for place in differing if place < last]
    if not devices and last:
        machine = machine_level(topics[0][:last], known)
        devices = [machine] if topics[0][machine] else []  # of /t1 nothing is left that could name one
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
        device = device_of(topic.levels, devices) or _PLANT
        value = record if look is None else look(record)
        unit = known_unit(str(at(record, shape.unit) or "")) if shape.unit else ""
        one = Found(device, *told(said_name), value, unit)
        found.setdefault(id(message), (message, []))[1].append(one)
    listed = [(message, tuple(values)) for message, values in found.values()]
    return Cluster(settings, listed, tuple(doubts))


def _beside_values(shape: MessageForm, records: Sequence[Any], doubts: list[str]) -> dict[str, Any]:
    """Return the keys that tell when a value was so, and how good it is."""
    found: dict[str, Any] = {}
    if shape.time:
        rows: list[Leaves] = [{shape.time: at(record, shape.time)} for record in records]
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
        graded = quality_settings((at(record, shape.quality) for record in records), shape.quality)
        if graded is not None:
            found["quality"] = {"path": shape.quality, **graded}
    return found
