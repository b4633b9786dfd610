"""The draft of a plant file: what was seen, with everything uncertain marked."""

import json
import re
import textwrap
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

from aegisflow.config.presets import PRESETS, preset
from aegisflow.config.units import conversion
from aegisflow.discovery.profile import DeviceProfile, SensorProfile, described, unit_of
from aegisflow.domain.equipment import RESERVED, SensorKind
from aegisflow.domain.times import format_duration
from aegisflow.errors import printable

__all__ = ["NOTHING_TAKEN", "Draft", "Sender", "Taken", "free_name", "our_name", "sensor_name"]

MARK = "(?)"
"""Behind what was concluded from what was seen, and may be otherwise."""
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_./{}-]*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_NAME_LENGTH = 64
_REMARK_LENGTH = 200
_WIDTH = 116
_ENOUGH = 3
"""Values from which on it counts that they are all the same."""
_NO_SENSOR = frozenset({"timestamp", "device_id"})


def our_name(said: str) -> str:
    """Return a device's name as plant.yaml can have it."""
    # Kühlung is Kuhlung: an accent is no word's end.
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", said) if not unicodedata.combining(letter))
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", letters).strip("-._")[: _NAME_LENGTH - len("device-")]
    return name if re.match("[A-Za-z0-9]", name) and name not in RESERVED else f"device-{name}" if name else "device"


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


class Sender(NamedTuple):
    """One entry of ``sources``, before devices and sensors are named in it."""

    settings: Mapping[str, Any]
    """Without devices and sensors; empty for AegisFlow's own format, which needs none."""
    doubts: tuple[str, ...] = ()
    left_out: Mapping[str, str] = {}
    """Path of a number that is no sensor, to why."""


class Taken(NamedTuple):
    """Names that an existing file has, and that nothing new may have."""

    devices: frozenset[str]
    kinds: frozenset[str]
    lines: frozenset[str]
    sources: frozenset[str]


NOTHING_TAKEN = Taken(frozenset(), frozenset(), frozenset(), frozenset())


def free_name(base: str, taken: Container[str]) -> str:
    """Return a name like ``base`` that nobody has yet, and no longer than plant.yaml has them.

    Of thousands that are called alike, each looks at a few numbers and not at all that went before.
    """
    last, free = 0, 1
    while _nth_name(base, free) in taken:
        last, free = free, 2 * free
    while free - last > 1:
        middle = (last + free) // 2
        last, free = (middle, free) if _nth_name(base, middle) in taken else (last, middle)
    return _nth_name(base, free)


def _nth_name(base: str, number: int) -> str:
    end = "" if number == 1 else f"-{number}"
    return f"{base[: _NAME_LENGTH - len(end)]}{end}"


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
    units: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), init=False)
    """Sensor to its units, which may differ from kind to kind."""

    @classmethod
    def of(cls, devices: Mapping[str, DeviceProfile], senders: Mapping[str, Sender], taken: Taken) -> "Draft":
        """Return a draft with what is worth to be watched.

        A device that never said a number or a state is none; nor is a source without any device.
        """
        leave_out_constants(devices.values())
        for device in devices.values():
            for source in [source for source in device.senders if not device.said_by(source)]:
                del device.senders[source]
        watched = {name: device for name, device in devices.items() if device.watched() and name not in taken.devices}
        used = {source for device in watched.values() for source in device.senders}
        return cls(watched, {name: sender for name, sender in senders.items() if name in used}, taken)

    def __post_init__(self) -> None:
        alike: dict[Any, list[DeviceProfile]] = defaultdict(list)
        names: dict[Any, list[str]] = defaultdict(list)
        taken = set(self.taken.kinds)
        for name, device in self.devices.items():
            of = next(iter(device.senders)), frozenset(device.watched())
            alike[of].append(device)
            names[of].append(name)
        for of, devices in alike.items():
            kind = free_name(our_name(of[0]), taken)
            taken.add(kind)
            self.kinds[kind] = lines = []
            for name in devices[0].watched():
                unit, line = _sensor_line(name, [device.sensors[name] for device in devices], devices)
                self.units[name].add(unit)
                lines.append(line)
            lines += _left_out_sensors(devices)
            self.kind_of.update(dict.fromkeys(names[of], kind))

    def let_pass(self, sources: Collection[str]) -> None:
        """Let sources pass over messages without any sensor, since such are usual there."""
        self.senders = {
            name: sender._replace(settings={**sender.settings, "partial": True})
            if name in sources and sender.settings and "preset" not in sender.settings
            else sender
            for name, sender in self.senders.items()
        }

    def kind_lines(self) -> list[str]:
        """Return the entries of ``kinds``."""
        lines, counts = [], Counter(self.kind_of.values())
        for kind, sensors in self.kinds.items():
            lines += [
                f"  {flow(kind)}:",
                f"    description: Seen by discover; {counts[kind]} of this kind",
                "    sensors:",
            ]
            lines += [f"      {line}" for line in sensors]
        return lines

    def line_lines(self) -> list[str]:
        """Return the entries of ``lines``: the devices of each source."""
        by_source: dict[str, list[str]] = defaultdict(list)
        for name, device in self.devices.items():
            by_source[next(iter(device.senders))].append(name)
        lines, taken = [], set(self.taken.lines)
        for source, names in by_source.items():
            line = free_name(our_name(source), taken)
            taken.add(line)
            lines += [f"  {flow(line)}:", "    devices:"]
            for name in names:
                interval_s = self.devices[name].interval_s
                every = "one message only" if interval_s is None else f"every {format_duration(interval_s)}"
                lines.append(f"      {flow(name)}: {flow(self.kind_of[name])}  # {every}")
        return lines

    def source_lines(self) -> list[str]:
        """Return the entries of ``sources``."""
        lines, taken = [], set(self.taken.sources)
        devices: dict[str, dict[str, DeviceProfile]] = defaultdict(dict)
        for name, device in self.devices.items():
            for source in device.senders:
                devices[source][name] = device
        for source, sender in self.senders.items():
            if not sender.settings:
                continue
            lines += [f"  # {MARK} {printable(doubt, _REMARK_LENGTH)}" for doubt in sender.doubts]
            lines += _left_out_lines(sender.left_out)
            entry = free_name(source, taken)
            taken.add(entry)
            lines.append(f"  {flow(entry)}:")
            own = devices[source]
            settings = dict(sender.settings)
            if "id" in settings.get("device", {}):
                settings["device"] = {"id": next(iter(own))}
            lines += [f"    {key}: {flow(value)}" for key, value in settings.items()]
            named = {said: name for name, device in own.items() if (said := device.senders[source]) != name}
            if named and settings.get("device") != {"id": next(iter(own))}:
                lines += ["    devices:", *(f"      {flow(said)}: {flow(ours)}" for said, ours in named.items())]
            sensors = _source_sensors(source, list(own.values()))
            sensors |= dict(self._of_preset(str(settings.get("preset", "")), own.values(), sensors))
            if sensors:
                lines += ["    sensors:", *(f"      {flow(name)}: {flow(said)}" for name, said in sensors.items())]
        return lines

    def _of_preset(
        self, name: str, devices: Collection[DeviceProfile], told: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        """Give what a source must be told of sensors that its preset names, and that have no unit like the preset's.

        ``check`` has to refuse that unit. Where no device says such a sensor by this source, it never reads them;
        where one does, what it says is no number of that unit: a state.
        """
        for sensor, how in preset(name).sensors.items() if name in PRESETS else ():
            units = self.units.get(sensor)
            if how is None or how.unit is None or not units:
                continue
            if any(conversion(how.unit, unit) is not None for unit in units):
                continue
            if any(sensor in device.watched() for device in devices):
                before = told.get(sensor)
                keys = before if isinstance(before, Mapping) else {} if before is None else {"path": before}
                yield sensor, {**keys, "unit": min(units)}
            else:
                yield sensor, None


def _source_sensors(source: str, devices: Sequence[DeviceProfile]) -> dict[str, Any]:
    """Return what a source must be told of sensors: paths, words that stand for states or for nothing, and commas."""
    paths: dict[str, dict[str, None]] = defaultdict(dict)
    said: dict[str, dict[str, Any]] = defaultdict(dict)
    foreign: set[str] = set()
    for device in devices:
        by_source = device.said_by(source)
        for name, sensor in by_source.items():
            paths[name].update(dict.fromkeys(sensor.paths))
            if sensor.is_of_words:
                said[name]["map"] = {**sensor.map, **said[name].get("map", {})}
            elif sensor.gaps:
                said[name]["missing"] = sorted({*sensor.gaps, *said[name].get("missing", ())})
            if sensor.with_comma:
                said[name]["decimal_comma"] = True
        foreign |= device.watched().keys() - by_source.keys()
    found: dict[str, Any] = {}
    for name, ways in paths.items():
        told = [path for path in ways if path]
        path: Any = told[0] if len(told) == 1 else told
        # A value that has its sensor's name is found by it, unless another is looked for as well.
        is_known = not told or "" in ways
        if said[name]:
            map_ = said[name].get("map")
            said[name] = {**said[name], **({"map": _numbered(map_)} if map_ else {})}
            found[name] = {**({} if is_known else {"path": path}), **said[name]}
        elif not is_known:
            found[name] = path
    # A sensor that comes by another source must not be found here by its name.
    told_here = {path for ways in paths.values() for path in ways}
    found.update(dict.fromkeys(sorted(name for name in foreign - found.keys() if name in told_here)))
    return found


def _numbered(words: Mapping[str, float]) -> dict[str, float]:
    """Return words with a number each: of several devices they may be more than any of these says."""
    return (
        dict(words)
        if len(set(words.values())) == len(words) or set(words.values()) <= {0.0, 1.0}
        else {word: float(number) for number, word in enumerate(sorted(words))}
    )


def _left_out_lines(left_out: Mapping[str, str]) -> Iterator[str]:
    """Give the comment that names what is no sensor."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for path, why in left_out.items():
        by_reason[why].append(printable(path, _NAME_LENGTH))
    for why, paths in by_reason.items():
        text = f"left out, {why}: {', '.join(paths)}"
        yield from (f"  # {line}" for line in textwrap.wrap(text, _WIDTH, break_on_hyphens=False))


def leave_out_constants(devices: Collection[DeviceProfile]) -> None:
    """Mark as left out what never changed on any device of its source, and is not clearly measured.

    What is all that a device says stays.
    """
    changed = {
        (source, name)
        for device in devices
        for source in device.senders
        for name, sensor in device.said_by(source).items()
        if sensor.has_changed or sensor.count < _ENOUGH or _is_measured(source, name, sensor)
    }
    for device in devices:
        constant = {
            name for source in device.senders for name in device.said_by(source) if (source, name) not in changed
        }
        constant -= {name for source, name in changed if source in device.senders and name in device.said_by(source)}
        words = {name for name in constant if device.sensors[name].is_of_words}
        device.leave_out(constant if len(constant) < len(device.watched()) else words)


def _is_measured(source: str, name: str, sensor: SensorProfile) -> bool:
    """Return whether a value that did not change is one that does in the long run."""
    if sensor.is_of_words:
        return source in PRESETS and "" in sensor.paths
    if sensor.is_set:
        return False
    if sensor.truths:
        return source in PRESETS
    said = sensor.units.most_common(1)
    return unit_of(name, said[0][0] if said else "", inf, -inf)[0] != "1"


def _left_out_sensors(devices: Sequence[DeviceProfile]) -> Iterator[str]:
    """Give the sensors of devices of one kind that are left out, as comments."""
    for name in dict.fromkeys(name for device in devices for name in device.sensors if name in device.left_out):
        having = [device for device in devices if name in device.left_out]
        sensors = [device.sensors[name] for device in having]
        if not sensors[0].is_of_words or sensors[0].is_switch:
            yield f"# left out, never changed: {_sensor_line(name, sensors, having)[1]}"
    texts = {name: one for device in devices for name, one in device.sensors.items() if one.is_text and one.has_changed}
    for name, sensor in texts.items():
        said = f"{name}, such as {next(iter(sensor.words))!r}"
        yield printable(f"# left out, text that is no number: {said}", _REMARK_LENGTH)


def _sensor_line(name: str, sensors: Sequence[SensorProfile], devices: Sequence[DeviceProfile]) -> tuple[str, str]:
    """Return the unit of a sensor, and its entry in a kind."""
    columns = [sensor.survey() for sensor in sensors]
    bounds = [described(column) for column in columns]
    low = min((low for low, _ in bounds if low is not None), default=None)
    high = max((high for _, high in bounds if high is not None), default=None)
    kinds = Counter(sensor.kind(column) for sensor, column in zip(sensors, columns, strict=True))
    kind, kind_guessed = max(kinds, key=lambda one: (kinds[one], one[0] is not SensorKind.MEASUREMENT))
    said = sum((sensor.units for sensor in sensors), Counter[str]()).most_common(1)
    guess = unit_of(
        name, said[0][0] if said else "", low if low is not None else inf, high if high is not None else -inf
    )
    unit, unit_guessed = ("1", False) if kind is SensorKind.STATE else guess
    keys: dict[str, Any] = {"unit": unit}
    remarks = [f"unit {MARK}"] if unit_guessed else []
    if kind is not SensorKind.MEASUREMENT:
        keys["kind"] = kind.value
        remarks += [f"kind {MARK}"] if kind_guessed else []
    missing = {marker for sensor, column in zip(sensors, columns, strict=True) for marker in sensor.missing(column)}
    if missing:
        keys["missing_values"] = sorted(missing)
        remarks.append(f"missing_values {MARK}")
    if any(sensor.in_text and not sensor.with_comma for sensor in sensors):
        keys["numbers_in_text"] = True
    if 2 * sum(device.by_exception(sensor) for device, sensor in zip(devices, sensors, strict=True)) > len(sensors):
        keys["report"] = "by_exception"
        remarks.append(f"report {MARK}")
    words = sorted({word for sensor in sensors for word in sensor.words})
    is_of_words = all(sensor.is_of_words for sensor in sensors)
    seen = ", ".join(words) if is_of_words else f"seen {low:g} to {high:g}" if low != high else f"always {low:g}"
    if words and not is_of_words:
        remarks.append(f"now and then {', '.join(words[:3])}")
    if any(sensor.is_comma_guessed for sensor in sensors):
        remarks.append(f"decimal comma {MARK}, or thousands")
    return unit, f"{flow(name)}: {flow(keys)}  # {printable('; '.join([seen, *remarks]), _REMARK_LENGTH)}"
