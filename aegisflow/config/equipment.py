"""From the file's kinds and devices to the plant: inheritance, and what only the whole can show to be wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import BaseModel

from aegisflow.config.command_checks import WritingRules, build_writing
from aegisflow.config.faults import build_faults, build_responses, faults_of, load_of, recovery_of
from aegisflow.config.fields import BY_EXCEPTION
from aegisflow.config.file import PlantFile
from aegisflow.config.limits import all_limits, check_bounds, limits
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of, show
from aegisflow.config.plant import DevicePart, EquipmentPart
from aegisflow.domain.commands.interlocks import Recovery
from aegisflow.domain.equipment import (
    RESERVED,
    AlarmSpec,
    DetectorSpec,
    DeviceSpec,
    FaultRule,
    LineSpec,
    LoadSpec,
    ParameterSpec,
    PlantSpec,
    SensorKind,
    SensorSpec,
)

COUNTED_S = 5.0
"""What a reading stands for at least where an older file counts readings instead of saying how long."""
_DELAYS = {"on_delay": "on", "off_delay": "off"}

Tree = dict[str, Any]
"""What a part of the file gives, by the names of its fields, without what it leaves out."""

_SHARING = {"kind", "description"}
"""A device that gives no more than this shares everything with its kind."""


class Outline(NamedTuple):
    """What a file names, even where the form of what it names is wrong."""

    kinds: tuple[str, ...]
    has_devices: bool


def outline(data: Mapping[str, Any]) -> Outline:
    """Return what the raw content of a file names."""
    kinds, lines = data.get("kinds"), data.get("lines")
    parts = lines.values() if isinstance(lines, dict) else ()
    has_devices = any(isinstance(part, dict) and bool(part.get("devices")) for part in parts)
    return Outline(tuple(kinds) if isinstance(kinds, dict) else (), has_devices)


def build_plant(file: PlantFile, named: Outline, mistakes: Mistakes) -> PlantSpec:
    """Return the plant; devices of one kind share its sensors unless they override them."""
    builder = _Builder(file, mistakes)
    templates = {name: builder.template(name, kind) for name, kind in file.kinds.items()}
    lines: dict[str, LineSpec] = {}
    devices: dict[str, DeviceSpec] = {}
    placed: dict[str, str] = {}
    for line_id, line in file.lines.items():
        for device_id, part in line.devices.items():
            at = ("lines", line_id, "devices", device_id)
            if device_id in placed:
                expected = f"each device id once; it already stands under lines.{placed[device_id]}"
                mistakes.add(at, Shown(f"{device_id!r} a second time"), expected)
                continue
            placed[device_id] = line_id
            if device_id in RESERVED:
                expected = f"another name; AegisFlow's own parts are called {', '.join(sorted(RESERVED))}"
                mistakes.add(at, Shown(repr(device_id)), expected)
            if part.kind in templates:
                devices[device_id] = builder.device(at, part, templates[part.kind])
            elif part.kind not in named.kinds:
                near = closest(part.kind or "", list(named.kinds))
                mistakes.add((*at, "kind"), part.kind, f"a name under kinds, {one_of(list(named.kinds))}{near}")
        on_line = tuple(device_id for device_id in line.devices if placed[device_id] == line_id)
        lines[line_id] = LineSpec(line_id, line.description, on_line)
    if not named.has_devices:
        mistakes.add(("lines",), Shown("no devices"), "at least one line with at least one device")
    responses = build_responses(file, mistakes)
    return PlantSpec(file.plant.name, MappingProxyType(lines), MappingProxyType(devices), responses=responses)


@dataclass(frozen=True)
class _Template:
    """A kind, built and checked once, to be shared by its devices."""

    name: str
    given: Tree
    sensors: Mapping[str, SensorSpec]
    parameters: Mapping[str, ParameterSpec]
    alarm: AlarmSpec
    silent_after_s: float | None
    faults: tuple[FaultRule, ...]
    load: LoadSpec | None
    recovery: Mapping[str, Recovery]


class _Builder:
    """Makes specs out of what the file gives, with its defaults beneath."""

    def __init__(self, file: PlantFile, mistakes: Mistakes) -> None:
        self.mistakes = mistakes
        self.faults = build_faults(file, mistakes)
        self.rules = WritingRules(file.broker.topics, _names_in_sources(file))
        self.defaults = _given(file.defaults)
        own = self.defaults.get("detector", {})
        self._detector(("defaults", "detector"), own, own)

    def template(self, name: str, kind: EquipmentPart) -> _Template:
        given, at = _given(kind), ("kinds", name)
        sensors = self._sensors(at, given, given, {})
        return _Template(
            name=name,
            given=given,
            sensors=sensors,
            parameters=self._parameters(at, given, given),
            alarm=self._alarm(given),
            silent_after_s=self._silent_after_s(given),
            faults=faults_of(self.faults, sensors),
            load=self._load(at, given, given, sensors),
            recovery=recovery_of(at, given, sensors, self.mistakes),
        )

    def _load(self, at: KeyPath, given: Tree, own: Tree, sensors: Mapping[str, SensorSpec]) -> LoadSpec | None:
        if own.get("load"):
            steps = given["load"].get("max_change"), given["load"].get("max_change_per_hour")
            check_bounds((*at, "load"), own["load"], *steps, "% of full load", self.mistakes)
        return load_of(at, given, sensors, self.mistakes)

    def device(self, at: KeyPath, part: DevicePart, kind: _Template) -> DeviceSpec:
        """Return a device; only what it gives beyond its kind is built and checked anew."""
        _, line_id, _, device_id = at
        own: Tree = {} if part.model_fields_set <= _SHARING else _given(part)
        given = _merged(kind.given, own) if own else kind.given
        sensors = self._sensors(at, given, own, kind.sensors) if "sensors" in own else kind.sensors
        same = sensors.keys() == kind.sensors.keys()
        parameters = kind.parameters if "parameters" not in own else self._parameters(at, given, own)
        if not sensors and not self.mistakes.any_in(("kinds", kind.name, "sensors")):
            self.mistakes.add((*at, "sensors"), Shown("no sensors"), "at least one sensor, here or in its kind")
        return DeviceSpec(
            device_id=str(device_id),
            line=str(line_id),
            kind=kind.name,
            sensors=sensors,
            description=part.description or given.get("description", ""),
            silent_after_s=self._silent_after_s(given) if own else kind.silent_after_s,
            signed=bool(given.get("signed")),
            watched_only=given.get("commands", {}).get("take") == "none",
            writing=build_writing(at, kind.name, given.get("commands", {}), parameters, self.rules, self.mistakes),
            alarm=self._alarm(given) if "alarm" in own else kind.alarm,
            parameters=parameters,
            manual=given.get("manual", ""),
            faults=kind.faults if same else faults_of(self.faults, sensors),
            load=kind.load if same and "load" not in own else self._load(at, given, own, sensors),
            recovery=kind.recovery
            if same and "recovery" not in own
            else recovery_of(at, given, sensors, self.mistakes),
        )

    def _sensors(
        self, at: KeyPath, given: Tree, own: Tree, inherited: Mapping[str, SensorSpec]
    ) -> Mapping[str, SensorSpec]:
        sensors: dict[str, SensorSpec] = {}
        for name, sensor in given.get("sensors", {}).items():
            below, its_own = (*at, "sensors", name), own["sensors"].get(name, _ABSENT)
            if its_own is _ABSENT:
                if name in inherited:
                    sensors[name] = inherited[name]
            elif sensor is not None:
                if sensor.get("unit") is None and name not in inherited:
                    self.mistakes.add((*below, "unit"), None, "the unit of this sensor, such as °C, PSI or mm/s")
                sensors[name] = self._sensor(below, name, sensor, its_own)
            elif name not in inherited:
                names = list(inherited)
                expected = f"a sensor of its kind to take away, {one_of(names)}{closest(name, names)}"
                self.mistakes.add(below, Shown(f"null for {show(name)}"), expected)
        for name, spec in sensors.items():
            self._check_followers((*at, "sensors", name, "moves"), spec, sensors)
        return MappingProxyType(sensors)

    def _check_followers(self, at: KeyPath, spec: SensorSpec, sensors: Mapping[str, SensorSpec]) -> None:
        if spec.moves and spec.kind is not SensorKind.SETPOINT:
            self.mistakes.add(at, Shown(f"of a sensor of kind {spec.kind}"), "nothing; only a set-point moves others")
            return
        for follower in spec.moves:
            others = [name for name in sensors if name != spec.name]
            if follower not in others and at[0] == "kinds":
                expected = f"another sensor of this kind, {one_of(others)}{closest(follower, others)}"
                self.mistakes.add(at, follower, expected)

    def _sensor(self, at: KeyPath, name: str, given: Tree, own: Tree) -> SensorSpec:
        detector = _merged(self.defaults.get("detector", {}), given.get("detector", {}))
        return SensorSpec(
            name=name,
            unit=given.get("unit") or "",
            stale_after_s={**self.defaults, **given}.get("stale_after_s"),
            by_exception=given.get("report") == BY_EXCEPTION,
            description=given.get("description", ""),
            detector=self._detector((*at, "detector"), detector, own.get("detector", {})),
            deadband=given.get("deadband"),
            missing_values=tuple(given.get("missing_values") or ()),
            numbers_in_text=bool(given.get("numbers_in_text")),
            kind=SensorKind(given.get("kind") or SensorKind.MEASUREMENT),
            moves=tuple(given.get("moves") or ()),
            **all_limits(at, given, own, self.mistakes),
        )

    def _detector(self, at: KeyPath, given: Tree, own: Tree) -> DetectorSpec:
        spec = DetectorSpec(**given)
        if "min_readings" not in given:
            return replace(spec, min_readings=min(spec.min_readings, spec.window))
        if spec.min_readings > spec.window:
            if "min_readings" in own:
                self.mistakes.add((*at, "min_readings"), spec.min_readings, f"at most {spec.window}, the window")
            elif "window" in own:
                self.mistakes.add((*at, "window"), spec.window, f"at least {spec.min_readings}, its min_readings")
        return spec

    def _parameters(self, at: KeyPath, given: Tree, own: Tree) -> Mapping[str, ParameterSpec]:
        parameters: dict[str, ParameterSpec] = {}
        sensors = given.get("sensors", {})
        for name, parameter in given.get("parameters", {}).items():
            if parameter is None:
                continue
            below, bounds = (*at, "parameters", name), limits(parameter, "limits")
            shown_by, cap = parameter.get("sensor") or "", bool(parameter.get("cap"))
            steps = parameter.get("max_change"), parameter.get("max_change_per_hour")
            unit = parameter.get("unit") or ""
            parameters[name] = ParameterSpec(name, unit, bounds, shown_by, cap, *steps)
            if shown_by and sensors.get(shown_by) is None:
                known = list(sensors)
                expected = f"a sensor, {one_of(known)}{closest(shown_by, known)}"
                self.mistakes.add((*below, "sensor"), shown_by, expected)
            if own["parameters"].get(name) is None:
                continue
            if steps != (None, None) and not shown_by:
                expected = "the sensor that shows it; without one nobody knows how far it is moved"
                self.mistakes.add((*below, "sensor"), None, expected)
            check_bounds(below, own["parameters"][name], *steps, unit, self.mistakes)
            if not parameter.get("unit"):
                self.mistakes.add((*below, "unit"), None, "the unit of this set-point, such as PSI, kW or rpm")
            if bounds.low is None or bounds.high is None or not bounds.low < bounds.high:
                found = Shown(f"low {show(bounds.low)}, high {show(bounds.high)}")
                self.mistakes.add((*below, "limits"), found, "a low bound and a higher high bound")
        return MappingProxyType(parameters)

    def _alarm(self, given: Tree) -> AlarmSpec:
        merged = {**self.defaults.get("alarm", {}), **given.get("alarm", {})}
        fields = {name: value for name, value in merged.items() if name not in _DELAYS}
        for name, side in _DELAYS.items():
            if name in merged:
                count = merged[name] if isinstance(merged[name], int) else 0
                fields[f"{side}_readings"] = count
                fields[f"{side}_delay_s"] = count * COUNTED_S if count else merged[name]
        return AlarmSpec(**fields)

    def _silent_after_s(self, given: Tree) -> float | None:
        silent_after_s: float | None = {**self.defaults, **given}.get("silent_after_s")
        return silent_after_s


_ABSENT: Any = object()


def _names_in_sources(file: PlantFile) -> Mapping[str, tuple[str, ...]]:
    """Return device to what the sources call it."""
    named: dict[str, tuple[str, ...]] = {}
    for source in file.sources.values():
        for theirs, ours in source.devices.items():
            named[ours] = (*named.get(ours, ()), theirs)
    return named


def _given(part: BaseModel) -> Tree:
    return part.model_dump(exclude_unset=True)


def _merged(under: Tree, over: Tree) -> Tree:
    """Lay one tree over another: mappings are merged key by key, everything else is replaced."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
