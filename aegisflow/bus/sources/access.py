"""Ways into a decoded payload, compiled once: plain Python for a path, and jmespath where that is asked for."""

from collections.abc import Callable, Sequence
from typing import Any

from aegisflow.config.paths import Step, parse_path
from aegisflow.config.sources import SourceSensor

__all__ = ["ALL", "MISS", "Getter", "Records", "expression", "getter", "records_getter"]

Getter = Callable[[Any], Any]
"""Takes a record, and returns what stands at a path in it; None for nothing."""

MISS = (KeyError, IndexError, TypeError)
"""What Python raises where a path leads nowhere."""


ALL = "*"
"""A step that leads to all that is in a list or an object, where a path leads to records."""


Records = list[tuple[Any, str | None]]
"""Each with the last key of an object that ``*`` went through, or None."""


def records_getter(paths: Sequence[str]) -> Callable[[Any], Records | None]:
    """Return what finds the records of a message at the first of some paths that leads to any.

    A path without ``*`` leads to a list of them. Where a path leads to a list or an object without records, there are
    none; where all lead nowhere, what is found is None.
    """
    ways = [_all_at(parse_path(path)) if ALL in parse_path(path) else _list_at(getter([path])) for path in paths]

    def get(message: Any) -> Records | None:
        empty = None
        for way in ways:
            found = way(message)
            if found:
                return found
            empty = found if empty is None else empty
        return empty

    return get


def _list_at(look: Getter) -> Callable[[Any], Records | None]:
    def get(message: Any) -> Records | None:
        found = look(message)
        return [(one, None) for one in found] if isinstance(found, list) else None

    return get


def _all_at(steps: Sequence[Step]) -> Callable[[Any], Records | None]:
    def get(message: Any) -> Records | None:
        found: Records = [(message, None)]
        is_there = False
        for step in steps:
            further: Records = []
            is_there |= step == ALL and any(isinstance(one, dict | list) for one, _ in found)
            for one, key in found:
                if step != ALL:
                    try:
                        further.append((one[step], key))
                    except MISS:
                        continue
                elif isinstance(one, list):
                    further += [(item, key) for item in one]
                elif isinstance(one, dict):
                    # What stands beside the records of an object, such as its time, is none.
                    further += [(item, str(name)) for name, item in one.items() if isinstance(item, dict | list)]
            found = further
        return found if found or is_there else None

    return get


def getter(paths: Sequence[str]) -> Getter:
    """Return what looks paths up in turn, until one leads to something other than null."""
    first, *rest = [_one(path) for path in paths] or [_nothing]
    if not rest:
        return first

    def get(record: Any) -> Any:
        found = first(record)
        for other in rest:
            if found is not None:
                break
            found = other(record)
        return found

    return get


def expression(path: str) -> str:
    """Return the Python expression that follows a path from ``record``; keys are in it as literals only."""
    return "record" + "".join(f"[{step!r}]" for step in parse_path(path))


def slow_getter(sensor: SourceSensor) -> Getter:
    """Return what evaluates an expression of JMESPath: some ten times as slow as a path."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    compiled = jmespath.compile(sensor.jmespath)

    def get(record: Any) -> Any:
        try:
            return compiled.search(record)
        except (JMESPathError, TypeError, ValueError):  # a function of it got something that it cannot take
            return None

    return get


def _one(path: str) -> Getter:
    steps = parse_path(path)
    if not steps:
        return lambda record: record
    if len(steps) == 1 and isinstance(steps[0], str):
        key = steps[0]
        return lambda record: record.get(key) if record.__class__ is dict else None

    def get(record: Any) -> Any:
        try:
            for step in steps:
                record = record[step]
        except MISS:
            return None
        return record

    return get


def _nothing(_record: Any) -> Any:
    return None
