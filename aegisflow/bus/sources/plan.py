"""How the records of one source are read for one set of sensors, compiled to plain Python."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aegisflow.bus.sources.access import MISS, Getter, expression, slow_getter
from aegisflow.bus.sources.rules import Grader, SensorRule
from aegisflow.config.paths import join_path, parse_path
from aegisflow.config.sources import SourceSensor, SourceSettings
from aegisflow.domain.equipment import SensorSpec
from aegisflow.domain.readings import RefusedValue

__all__ = ["Plan"]

_Read = Callable[[Any, dict[str, float], list[RefusedValue]], None]
_UNLISTED = SourceSensor()


class Plan:
    """Reads the sensors of devices that have the same ones.

    ``read`` is a function that is written for exactly these sensors, because a loop over compiled paths costs
    twice as much: this is what every message of a foreign machine goes through.
    """

    def __init__(self, settings: SourceSettings, sensors: Mapping[str, SensorSpec], grader: Grader) -> None:
        self.by_name: dict[str, SensorRule] = {}
        """The sender's names of sensors, where it names them."""
        self.sensors = tuple(sensors)
        bases = settings.base or (".",)
        lines: list[str] = []
        scope: dict[str, Any] = {"MISS": MISS}
        for number, (name, spec) in enumerate(sensors.items()):
            said = settings.sensors.get(name, _UNLISTED)
            if said is None:
                continue
            rule = SensorRule(spec, said)
            self.by_name.update(dict.fromkeys(said.path or (name,), rule))
            for alias in said.path:
                # A name with quotes or brackets in it is written as a path: ["a \\"b\\""]. Our own names are none.
                if alias.startswith("[") and len(steps := parse_path(alias)) == 1:
                    self.by_name[str(steps[0])] = rule
            if said.jmespath:
                scope[f"look_{number}"] = slow_getter(said)
                finds = [f"    v = look_{number}(record)"]
            else:
                paths = [_joined(base, path) for base in bases for path in said.path or (join_path(".", name),)]
                finds = _finding(paths)
            lines += [*finds, *_taking(number, name, rule)]
            scope[f"low_{number}"], scope[f"high_{number}"] = rule.low, rule.high
            scope[f"take_{number}"] = partial(_graded, rule, rule.graded, grader) if rule.graded else rule.take
        self.read: _Read = _function(lines, scope)


def _finding(paths: list[str]) -> list[str]:
    """Return lines that set ``v`` to what stands at the first of some paths that leads somewhere."""
    first, *rest = (expression(path) for path in paths)
    lines = ["    try:", f"        v = {first}", "    except MISS:", "        v = None"]
    for other in rest:
        lines += [
            "    if v is None:",
            "        try:",
            f"            v = {other}",
            "        except MISS:",
            "            pass",
        ]
    return lines


def _taking(number: int, name: str, rule: SensorRule) -> list[str]:
    """Return lines that take ``v``; a number within its span, which nearly all are, needs no call."""
    slow = f"take_{number}({'record, ' if rule.graded else ''}v, values, refused)"
    if not rule.is_plain:
        return ["    if v is not None:", f"        {slow}"]
    return [
        f"    if v.__class__ is float and low_{number} <= v <= high_{number}:",
        f"        values[{name!r}] = v",
        "    elif v is not None:",
        f"        {slow}",
    ]


def _function(lines: list[str], scope: dict[str, Any]) -> _Read:
    # Keys of paths and names of sensors are in it as literals, and nothing else is that a file or a message says.
    text = "\n".join(["def read(record, values, refused):", *(lines or ["    pass"])])
    exec(compile(text, "<a source of plant.yaml>", "exec"), scope)  # noqa: S102
    read: _Read = scope["read"]
    return read


def _graded(
    rule: SensorRule, graded: Getter, grader: Grader, record: Any, said: Any, values: Any, refused: Any
) -> None:
    rule.take(said, values, refused, grader.is_good(graded(record)))


def _joined(base: str, path: str) -> str:
    if base == ".":
        return path
    return base if path == "." else f"{base}{'' if path.startswith('[') else '.'}{path}"
