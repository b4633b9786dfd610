"""The form of one message that no preset reads: a value, a record, points with names, and any of these in lists."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aegisflow.bus.sources.access import ALL
from aegisflow.bus.sources.formats import is_number
from aegisflow.config.paths import join_path, parse_path
from aegisflow.config.sources import KEY
from aegisflow.discovery.leaves import (
    MACHINE_KEYS,
    NAMES,
    QUALITIES,
    TIMES,
    UNITS,
    VALUES,
    Leaves,
    is_of_network,
    is_wanted,
    last_key,
    leaves_of,
    plain,
    time_format,
)

__all__ = ["MessageForm", "is_numeric", "shape_of"]

_MANY = ("devices", "machines", "assets", "nodes", "things", "stations", "units", "equipment", "sensors", "meters")
"""Keys of objects that hold one object for each device."""
_LOOKED_AT = 8
"""Items of a list that tell what it is a list of."""
_DEEPEST = 3
_RATHER = 3
"""So many times more must stand in points than beside them, where something does."""
_SENDERS = tuple(key for key in MACHINE_KEYS if key not in ("id", "name", "source", "mac", "serial"))
_IDS = (
    *_SENDERS,
    "sensor_id",
    "sensorid",
    "meter_id",
    "meter",
    "id",
    "name",
    "serial",
    "mac",
    "slave",
    "address",
    "addr",
)


class MessageForm(NamedTuple):
    """What a message consists of."""

    kind: str
    """value, the message is one; alone, one value with what is said of it; points; record."""
    each: str = ""
    """Path to the records; empty where the message is the one record."""
    who: str = ""
    """Path within each to the name of its device, or ``@key``."""
    points: str = ""
    """Path to the points of a record."""
    name: str = ""
    value: str = ""
    time: str = ""
    quality: str = ""
    unit: str = ""
    device: str = ""
    """Of a point, or of a value that stands alone: keys in it."""


_RECORD = MessageForm("record")


def shape_of(said: object) -> MessageForm:
    """Return the form of a message, or of a record in one."""
    if isinstance(said, dict | list):
        return _alone(said) or _listed(said) or _RECORD
    return MessageForm("value")


def _alone(said: object) -> MessageForm | None:
    """Return the form of one value with its time, name, quality, and the like; None for anything else."""
    if not isinstance(said, dict):
        return None
    value = _key(said, VALUES, int | float | str | bool | None)
    within = None
    if not value:
        # OPC UA puts the value of a node, its time and its status into an object of their own.
        value = _key(said, VALUES, dict)
        within = _alone(said[value]) if value else None
        if within is None:
            return None
    rest = {key: one for key, one in said.items() if key != value}
    named = {plain(key) for key in rest} & {*NAMES, *QUALITIES, *MACHINE_KEYS}
    others = leaves_of({key: one for key, one in rest.items() if plain(key) not in named})
    if any(is_wanted(path, one) and isinstance(one, int | float) for path, one in others.items()):
        return None
    name = _key(rest, NAMES, str | int)
    time = next((key for key in rest if plain(key) in TIMES and time_format(rest[key], in_text=True)), "")
    device = _key({key: one for key, one in rest.items() if key != name}, _SENDERS, str | int)
    found = {"name": name, "value": value, "time": time, "unit": _key(rest, UNITS, str), "device": device}
    paths = {part: join_path("", key) for part, key in found.items() if key}
    form = MessageForm("alone", quality=_quality_of(rest), **paths)
    return form if within is None else _with_inner(form, within)


def _with_inner(form: MessageForm, within: MessageForm) -> MessageForm:
    """Return the form of an object whose value is an object: what that says of the value counts more."""
    below = {key: f"{form.value}.{path}" for key in ("time", "quality", "unit") if (path := getattr(within, key))}
    return form._replace(value=f"{form.value}.{within.value}", **below)


def _quality_of(beside: Mapping[str, Any]) -> str:
    """Return the path of a quality, which OPC UA writes as an object with a code as well."""
    key = _key(beside, QUALITIES, str | int | bool)
    if key:
        return join_path("", key)
    key = _key(beside, QUALITIES, dict)
    code = _key(beside[key], ("code", "symbol"), str | int) if key else ""
    return join_path(join_path("", key), code) if code else ""


def _key(point: Mapping[str, Any], names: Sequence[str], kind: Any) -> str:
    by_name = {plain(key): key for key in reversed([*map(str, point)])}
    return next((by_name[name] for name in names if name in by_name and isinstance(point[by_name[name]], kind)), "")


def _listed(said: dict[str, Any] | list[Any]) -> MessageForm | None:
    """Return the form of a message whose values stand in a list, or in an object of objects."""
    best: tuple[int, MessageForm, Any] | None = None
    for path, place, around in _containers(said, "", {}, 0):
        shape = _of_list(path, place, around) if isinstance(place, list) else _of_object(path, place)
        if shape is not None:
            many = _count(place)
            if many and (best is None or many > best[0]):
                best = many, shape, place
    if best is None:
        return None
    many, shape, place = best
    beside = _count(said, place)
    is_told = not beside or (shape.kind == "points" and many >= _RATHER * beside)
    return shape if is_told else None


def _containers(said: Any, path: str, around: dict[str, Any], depth: int) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Give lists and objects within a message, each with its path and the object around it."""
    if not isinstance(said, dict | list) or (path and is_of_network(path)):
        return
    yield path, said, around
    if isinstance(said, dict) and depth < _DEEPEST:
        for key, one in said.items():
            yield from _containers(one, join_path(path, str(key)), said, depth + 1)


def _count(said: Any, but: Any = None) -> int:
    """Return how many numbers stand in something, leaving out a part of it."""
    if said is but and but is not None:
        return 0
    if isinstance(said, dict):
        return sum(
            _count(one, but)
            if isinstance(one, dict | list)
            else is_numeric(one) and is_wanted(join_path("", str(key)), one)
            for key, one in said.items()
            if not is_of_network(join_path("", str(key)))
        )
    if isinstance(said, list):
        return sum(_count(one, but) for one in said)
    return is_numeric(said)


def is_numeric(said: object) -> bool:
    """Return whether something is a number, or the text of one."""
    return isinstance(said, int | float) or (isinstance(said, str) and is_number(said))


def _of_list(path: str, items: list[Any], around: dict[str, Any]) -> MessageForm | None:
    sample = items[:_LOOKED_AT]
    if sample and all(isinstance(one, dict) for one in sample):
        return _of_objects(path or ".", sample)
    pairs = [one for one in sample if isinstance(one, list) and len(one) == 2 and time_format(one[0], in_text=True)]
    if pairs and len(pairs) == len(sample):
        name = _key(around, NAMES, str)
        if name:
            return MessageForm("points", points=path, name=join_path("", name), value="[1]", time="[0]")
        return MessageForm("alone", each=path or ".", value="[1]", time="[0]")
    return None


def _of_objects(path: str, items: Sequence[dict[str, Any]]) -> MessageForm | None:
    """Return the form of a list of objects."""
    points = [one for one in map(_alone, items) if one is not None]
    if points and 2 * len(points) >= len(items):
        first = max(points, key=lambda one: sum(map(bool, one)))
        if first.name and all(one.name == first.name for one in points):
            return first._replace(kind="points", points=path)
        if first.time and not any(one.name for one in points):
            return first._replace(each=path)
    inner = shape_of(items[0])
    if inner.each:
        below = f"{path}.{ALL}.{inner.each}" if inner.each != "." else path
        return inner._replace(each=below.removeprefix("."))
    if inner.kind == "points":
        beside = [_without(one, inner.points) for one in items]
        return inner._replace(each=path, who="" if inner.device else _who_of(beside))
    who = _who_of(items)
    has_time = any(plain(key) in TIMES and time_format(one, in_text=True) for key, one in items[0].items())
    return MessageForm("record", each=path, who=who) if who or (has_time and len(items) > 1) else None


def _without(record: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a record but for what holds its points."""
    first = parse_path(path)[:1]
    return {key: one for key, one in record.items() if key not in first}


def _who_of(items: Sequence[dict[str, Any]]) -> str:
    """Return the path at which each of some records says whose it is; empty where none does."""
    leaves = [leaves_of(one) for one in items]
    ranked = [
        (is_of_network(path), len(parse_path(path)), _IDS.index(name), path)
        for path in leaves[0]
        if "[" not in path and (name := plain(last_key(path))) in _IDS
    ]
    return next((path for hidden, depth, _, path in sorted(ranked) if _tells(path, leaves, hidden or depth > 1)), "")


def _tells(path: str, leaves: Sequence[Leaves], is_deep: bool) -> bool:
    """Return whether all records say something short at a path that may well be their device."""
    said = [one.get(path) for one in leaves]
    if not all(isinstance(one, str | int) and not isinstance(one, bool) and len(str(one)) <= 64 for one in said):
        return False
    is_each_another = len(set(map(str, said))) == len(said) and (len(said) > 1 or not is_deep)
    return is_each_another or plain(last_key(path)) in _SENDERS


def _of_object(path: str, said: dict[str, Any]) -> MessageForm | None:
    """Return the form of an object whose keys are names."""
    below = {key: one for key, one in said.items() if isinstance(one, dict) and not is_of_network(join_path("", key))}
    points = [one for one in map(_alone, below.values()) if one is not None]
    if points and len(points) == len(below) and all(one.time or one.quality or one.unit for one in points):
        best = max(points, key=lambda one: sum(map(bool, one)))
        return best._replace(kind="points", points=path or ".", name=KEY)
    lists = [one for one in said.values() if isinstance(one, list) and one and isinstance(one[0], dict)]
    if lists and all(_has_values(one[0]) for one in lists) and len(lists) == sum(map(_is_filled, said.values())):
        return MessageForm("record", each=f"{path}.{ALL}.{ALL}".removeprefix("."), who=KEY)
    last = plain(path.rpartition(".")[2])
    if below and last in _MANY and all(_count(one) for one in below.values()):
        inner = shape_of(next(iter(below.values())))
        form = inner if inner.kind == "points" and not inner.each else MessageForm("record")
        return form._replace(each=f"{path}.{ALL}", who=KEY)
    return None


def _is_filled(said: object) -> bool:
    return isinstance(said, dict | list) and bool(said)


def _has_values(said: dict[str, Any]) -> bool:
    """Return whether an object is a time with values of it, as gateways send them below the name of each device."""
    has_time = any(plain(key) in TIMES and time_format(one, in_text=True) for key, one in said.items())
    return has_time and isinstance(said.get("values"), dict)
