"""The draft of a plant file: what was seen, with everything uncertain marked."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from aegisflow.discovery.profile import DeviceProfile, SensorProfile, described, unit_of
from aegisflow.domain.equipment import SensorKind
from aegisflow.domain.times import format_duration
from aegisflow.errors import printable

__all__ = ["NOTHING_TAKEN", "Draft", "Sender", "Taken", "free_name", "our_name", "sensor_name"]

MARK = "(?)"
"""Behind what was concluded from what was seen, and may be otherwise."""
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_./{}-]*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_NAME_LENGTH = 64
_REMARK_LENGTH = 200
_NO_SENSOR = frozenset({"timestamp", "device_id"})


def our_name(said: str) -> str:
    """Return a device's name as plant.yaml can have it."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", said).strip("-._")[:_NAME_LENGTH]
    return name if re.match("[A-Za-z0-9]", name) else f"device-{name}" if name else "device"


def sensor_name(said: str) -> str:
    """Return a sensor's name as plant.yaml can have it."""
    name = (
        "".join(letter for letter in said if letter.isprintable() and letter not in '"\\')
        .strip()[:_NAME_LENGTH]
        .strip()
    )
    return name if name and name not in _NO_SENSOR else f"{name}_value" if name else "value"


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        plain = _SIMPLE.fullmatch(value) and value.lower() not in _RESERVED and "{" not in value
        return value if plain else json.dumps(value, ensure_ascii=not value.isprintable())
    return json.dumps(value)


@dataclass(frozen=True, slots=True)
class Sender:
    """One entry of ``sources``, before devices and sensors are named in it."""

    settings: Mapping[str, Any]
    """Without devices and sensors; empty for AegisFlow's own format, which needs none."""
    doubts: tuple[str, ...] = ()


class Taken(NamedTuple):
    """Names that an existing file has, and that nothing new may have."""

    devices: frozenset[str]
    kinds: frozenset[str]
    lines: frozenset[str]
    sources: frozenset[str]


NOTHING_TAKEN = Taken(frozenset(), frozenset(), frozenset(), frozenset())


def free_name(base: str, taken: Collection[str]) -> str:
    """Return a name like ``base`` that nobody has yet."""
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 100_000))) if name not in taken)


@dataclass(slots=True)
class Draft:
    """Devices and the sources that they come by, as sections of a plant file."""

    devices: Mapping[str, DeviceProfile]
    """By our name."""
    senders: Mapping[str, Sender]
    """By the name of the source."""
    taken: Taken = NOTHING_TAKEN
    kinds: dict[str, list[str]] = field(default_factory=dict, init=False)
    """Name to its lines, each with two blanks less than it will have."""
    kind_of: dict[str, str] = field(default_factory=dict, init=False)
    """Device to the name of its kind."""

    def __post_init__(self) -> None:
        sensors = {name: self._sensor_lines(device) for name, device in self.devices.items()}
        alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name, lines in sensors.items():
            alike[tuple(line.partition("  #")[0] for line in lines)].append(name)
        for names in alike.values():
            base = our_name(next(iter(self.devices[names[0]].senders)))
            kind = free_name(base, self.taken.kinds | self.kinds.keys())
            self.kinds[kind] = sensors[names[0]]
            self.kind_of.update(dict.fromkeys(names, kind))

    def kind_lines(self) -> list[str]:
        """Return the entries of ``kinds``."""
        lines = []
        for kind, sensors in self.kinds.items():
            count = sum(found == kind for found in self.kind_of.values())
            lines += [f"  {flow(kind)}:", f"    description: Seen by discover; {count} of this kind", "    sensors:"]
            lines += [f"      {line}" for line in sensors]
        return lines

    def line_lines(self) -> list[str]:
        """Return the entries of ``lines``: the devices of each source."""
        by_source: dict[str, list[str]] = defaultdict(list)
        for name, device in self.devices.items():
            by_source[next(iter(device.senders))].append(name)
        lines = []
        for source, names in by_source.items():
            lines += [f"  {flow(free_name(our_name(source), self.taken.lines))}:", "    devices:"]
            for name in names:
                interval_s = self.devices[name].interval_s
                every = "one message only" if interval_s is None else f"every {format_duration(interval_s)}"
                lines.append(f"      {flow(name)}: {flow(self.kind_of[name])}  # {every}")
        return lines

    def source_lines(self) -> list[str]:
        """Return the entries of ``sources``."""
        lines = []
        for source, sender in self.senders.items():
            if not sender.settings:
                continue
            lines += [f"  # {MARK} {printable(doubt, _REMARK_LENGTH)}" for doubt in sender.doubts]
            lines.append(f"  {flow(free_name(source, self.taken.sources))}:")
            lines += [f"    {key}: {flow(value)}" for key, value in sender.settings.items()]
            named = {
                device.senders[source]: name
                for name, device in self.devices.items()
                if device.senders.get(source, name) != name
            }
            if named:
                lines += ["    devices:", *(f"      {flow(said)}: {flow(ours)}" for said, ours in named.items())]
            sensors = self._source_sensors(source)
            if sensors:
                lines += ["    sensors:", *(f"      {flow(name)}: {flow(said)}" for name, said in sensors.items())]
        return lines

    def _source_sensors(self, source: str) -> dict[str, Any]:
        """Return what a source must be told of sensors: paths, and words that stand for states."""
        sensors: dict[str, Any] = {}
        for device in self.devices.values():
            for name, sensor in device.said_by(source).items():
                path = sensor.paths.most_common(1)[0][0]
                if sensor.is_of_words:
                    sensors[name] = {**({"path": path} if path else {}), "map": sensor.map}
                elif path:
                    sensors.setdefault(name, path)
        return sensors

    def _sensor_lines(self, device: DeviceProfile) -> list[str]:
        return [_sensor_line(name, sensor, device) for name, sensor in device.watched().items()]


def _sensor_line(name: str, sensor: SensorProfile, device: DeviceProfile) -> str:
    column = sensor.survey()
    low, high = described(column)
    kind, kind_guessed = sensor.kind(column)
    said = sensor.units.most_common(1)
    guess = unit_of(
        name, said[0][0] if said else "", low if low is not None else inf, high if high is not None else -inf
    )
    unit, unit_guessed = ("1", False) if kind is SensorKind.STATE else guess
    keys: dict[str, Any] = {"unit": unit}
    remarks = [f"unit {MARK}"] if unit_guessed else []
    if kind is not SensorKind.MEASUREMENT:
        keys["kind"] = kind.value
        remarks += [f"kind {MARK}"] if kind_guessed else []
    if missing := sensor.missing(column):
        keys["missing_values"] = missing
        remarks.append(f"missing_values {MARK}")
    if sensor.in_text:
        keys["numbers_in_text"] = True
    if device.by_exception(sensor):
        keys["report"] = "by_exception"
        remarks.append(f"report {MARK}")
    seen = ", ".join(sorted(sensor.words)) if sensor.is_of_words else f"seen {low:g} to {high:g}"
    return f"{flow(name)}: {flow(keys)}  # {printable('; '.join([seen, *remarks]), _REMARK_LENGTH)}"
