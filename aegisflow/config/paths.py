"""Paths into a payload and patterns of topics, as ``sources`` in ``plant.yaml`` write them."""

import re
from itertools import zip_longest
from typing import NamedTuple

__all__ = ["SourceTopic", "Step", "join_path", "may_coincide", "parse_path", "parse_topic"]

Step = str | int
"""A key of an object, or a place in a list."""

_STEP = re.compile(r"""\[(-?\d{1,6})\]|\[("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\]|(?:^|\.)([^.\[\]"']+)""")
_PLAIN_KEY = re.compile(r"""[^.\[\]"']+""")
DEVICE, SENSOR = "{device}", "{sensor}"


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path such as ``params.switch:0.apower``, ``values[0].v`` or ``tags["a.b"]``.

    ``.`` is the thing itself, and has no steps.

    Raises:
        ValueError: it is no such path.
    """
    if text == ".":
        return ()
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or match.end() == position:
            raise ValueError(f"not a path: {text!r}")
        index, quoted, key = match.groups()
        if index is not None:
            steps.append(int(index))
        else:
            steps.append(re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted is not None else key)
        position = match.end()
    if not steps:
        raise ValueError("an empty path")
    return tuple(steps)


def join_path(path: str, step: Step) -> str:
    """Return a path one step further; the empty path, or ``.``, is where it begins."""
    path = "" if path == "." else path
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not _PLAIN_KEY.fullmatch(step):
        escaped = step.replace("\\", "\\\\").replace('"', '\\"')
        return f'{path}["{escaped}"]'
    return f"{path}.{step}" if path else step


def may_coincide(one: str, other: str) -> bool:
    """Return whether some topic fits both patterns; a level in braces is any level, as ``+`` is."""
    pair = [["+" if level.startswith("{") else level for level in text.split("/")] for text in (one, other)]
    for level, beside in zip_longest(*pair):
        if "#" in (level, beside):
            return True
        if level != beside and (None in (level, beside) or "+" not in (level, beside)):
            return False
    return True


class SourceTopic(NamedTuple):
    """A pattern of topics, in which ``{device}`` and ``{sensor}`` are levels that name them."""

    filter: str
    """The MQTT topic filter that it stands for."""
    regex: "re.Pattern[str]"
    devices: int
    """How many of its levels name the device; several are joined by slashes."""
    sensors: int
    """The same of the sensor."""

    @property
    def has_sensor(self) -> bool:
        """Whether it names a sensor."""
        return self.sensors > 0

    def match(self, topic: str) -> tuple[str, str] | None:
        """Return the sender's names of device and sensor, empty where the topic has none; None for another topic."""
        found = self.regex.fullmatch(topic)
        if found is None:
            return None
        groups = found.groupdict()
        device = "/".join(groups[f"device{number}"] for number in range(self.devices))
        return device, "/".join(groups[f"sensor{number}"] for number in range(self.sensors))


def parse_topic(text: str) -> SourceTopic:
    """Return what a pattern such as ``plant/{device}/+/{sensor}`` stands for.

    Raises:
        ValueError: it is no such pattern; the error says why.
    """
    levels = text.split("/")
    if not text or len(text) > 500 or not text.isprintable():
        raise ValueError("a topic of 1 to 500 printable characters")
    wanted, devices, sensors = [], 0, 0
    for place, level in enumerate(levels):
        if level == DEVICE:
            wanted.append(rf"(?P<device{devices}>[^/]+)")
            devices += 1
        elif level == SENSOR:
            wanted.append(rf"(?P<sensor{sensors}>[^/]+)")
            sensors += 1
        elif level == "+":
            wanted.append("[^/]*")
        elif level == "#" and place == len(levels) - 1:
            wanted.append(".*")
        elif set(level) & set("+#{}"):
            raise ValueError("{device}, {sensor}, + and # (at the end) as whole levels")
        else:
            wanted.append(re.escape(level))
    expression = "/".join(wanted)
    # In MQTT a/# is also a itself.
    if levels[-1] == "#" and len(levels) > 1:
        expression = f"{'/'.join(wanted[:-1])}(?:/.*)?"
    filter_ = "/".join("+" if level in (DEVICE, SENSOR) else level for level in levels)
    return SourceTopic(filter_, re.compile(expression), devices, sensors)
