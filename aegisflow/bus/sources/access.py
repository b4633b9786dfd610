"""Ways into a decoded payload, compiled once: plain Python for a path, and jmespath where that is asked for."""

from collections.abc import Callable, Sequence
from typing import Any

from aegisflow.config.paths import parse_path
from aegisflow.config.sources import SourceSensor

__all__ = ["MISS", "Getter", "expression", "getter"]

Getter = Callable[[Any], Any]
"""Takes a record, and returns what stands at a path in it; None for nothing."""

MISS = (KeyError, IndexError, TypeError)
"""What Python raises where a path leads nowhere."""


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
