"""From the file's kinds and devices to the plant: inheritance, and what only the whole can show to be wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import BaseModel

from aegisflow.config.faults import build_faults, faults_of, load_of, recovery_of
from aegisflow.config.file import PlantFile
from aegisflow.config.limits import check_limits, limits
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of, show
from aegisflow.config.plant import DefaultsPart, DevicePart, EquipmentPart
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
    SensorSpec,
)

_STALE_AFTER_S = SensorSpec("", "").stale_after_s
_SILENT_AFTER_S = DeviceSpec("", "", "", {}).silent_after_s

Tree = dict[str, Any]
"""What a part of the file says, without what it leaves out."""

_SHARING = {"kind", "description"}
"""A device that says no more than this shares everything with its kind."""


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
    builder = _Builder(file.defaults, build_faults(file, mistakes), mistakes)
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
                mistakes.add(
                    at,
                    Shown(repr(device_id)),
                    f"another name; AegisFlow's own parts are called {', '.join(sorted(RESERVED))}",
                )
            if part.kind in templates:
                devices[device_id] = builder.device(at, device_id, line_id, part, templates[part.kind])
            elif part.kind not in named.kinds:
                near = closest(part.kind or "", list(named.kinds))
                mistakes.add((*at, "kind"), part.kind, f"a name under kinds, {one_of(list(named.kinds))}{near}")
        on_line = tuple(device_id for device_id in line.devices if placed[device_id] == line_id)
        lines[line_id] = LineSpec(line_id, line.description, on_line)
    if not named.has_devices:
        mistakes.add(("lines",), Shown("no devices"), "at least one line with at least one device")
    return PlantSpec(file.plant.name, MappingProxyType(lines), MappingProxyType(devices))


@dataclass(frozen=True)
class _Template:
    """A kind, ready to be shared by its devices."""

    said: Tree
    sensors: Mapping[str, SensorSpec]
    parameters: Mapping[str, ParameterSpec]
    alarm: AlarmSpec
    silent_after_s: float
    faults: tuple[FaultRule, ...]
    load: LoadSpec | None
    recovery: Mapping[str, Recovery]


class _Builder:
    """Makes specs out of what the file says, with its defaults beneath."""

    def __init__(self, defaults: DefaultsPart, faults: tuple[FaultRule, ...], mistakes: Mistakes) -> None:
        self.defaults = _said(defaults)
        self.faults = faults
        self.mistakes = mistakes
        own = self.defaults.get("detector", {})
        self._detector(("defaults", "detector"), own, own)

    def template(self, name: str, kind: EquipmentPart) -> _Template:
        said, at = _said(kind), ("kinds", name)
        sensors = self._sensors(at, said, said, {})
        return _Template(
            said,
            sensors,
            self._parameters(at, said, said),
            self._alarm(said),
            self._silent_after(said),
            faults_of(self.faults, sensors),
            load_of(at, said, sensors, self.mistakes),
            recovery_of(at, said, sensors, self.mistakes),
        )

    def device(self, at: KeyPath, device_id: str, line_id: str, part: DevicePart, kind: _Template) -> DeviceSpec:
        own: Tree = {} if part.model_fields_set <= _SHARING else _said(part)
        said = _merged(kind.said, own) if own else kind.said
        sensors = self._sensors(at, said, own, kind.sensors) if "sensors" in own else kind.sensors
        if not sensors and not self.mistakes.any_in(("kinds", part.kind or "", "sensors")):
            self.mistakes.add((*at, "sensors"), Shown("no sensors"), "at least one sensor, here or in its kind")
        return DeviceSpec(
            device_id=device_id,
            line=line_id,
            kind=part.kind or "",
            sensors=sensors,
            description=part.description or said.get("description", ""),
            silent_after_s=self._silent_after(said) if own else kind.silent_after_s,
            alarm=self._alarm(said) if own else kind.alarm,
            parameters=self._parameters(at, said, own) if "parameters" in own else kind.parameters,
            manual=said.get("manual", ""),
            faults=faults_of(self.faults, sensors) if "sensors" in own else kind.faults,
            load=load_of(at, said, sensors, self.mistakes) if "sensors" in own or "load" in own else kind.load,
            recovery=recovery_of(at, said, sensors, self.mistakes)
            if "sensors" in own or "recovery" in own
            else kind.recovery,
        )

    def _sensors(
        self, at: KeyPath, said: Tree, own: Tree, inherited: Mapping[str, SensorSpec]
    ) -> Mapping[str, SensorSpec]:
        sensors: dict[str, SensorSpec] = {}
        for name, sensor in said.get("sensors", {}).items():
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
        return MappingProxyType(sensors)

    def _sensor(self, at: KeyPath, name: str, said: Tree, own: Tree) -> SensorSpec:
        check_limits(at, said, own, self.mistakes)
        detector = _merged(self.defaults.get("detector", {}), said.get("detector", {}))
        return SensorSpec(
            name=name,
            unit=said.get("unit") or "",
            normal=limits(said, "normal"),
            alarm=limits(said, "alarm"),
            trip=limits(said, "trip"),
            span=limits(said, "span"),
            stale_after_s=float({"stale_after": _STALE_AFTER_S, **self.defaults, **said}["stale_after"]),
            description=said.get("description", ""),
            detector=self._detector((*at, "detector"), detector, own.get("detector", {})),
            deadband=said.get("deadband"),
        )

    def _detector(self, at: KeyPath, said: Tree, own: Tree) -> DetectorSpec:
        spec = DetectorSpec(**said)
        if "min_readings" not in said:
            return replace(spec, min_readings=min(spec.min_readings, spec.window))
        if spec.min_readings > spec.window:
            if "min_readings" in own:
                self.mistakes.add((*at, "min_readings"), spec.min_readings, f"at most {spec.window}, the window")
            elif "window" in own:
                self.mistakes.add((*at, "window"), spec.window, f"at least {spec.min_readings}, its min_readings")
        return spec

    def _parameters(self, at: KeyPath, said: Tree, own: Tree) -> Mapping[str, ParameterSpec]:
        parameters: dict[str, ParameterSpec] = {}
        for name, parameter in said.get("parameters", {}).items():
            if parameter is None:
                continue
            below, bounds = (*at, "parameters", name), limits(parameter, "limits")
            shown_by, cap = parameter.get("sensor") or "", bool(parameter.get("cap"))
            parameters[name] = ParameterSpec(name, parameter.get("unit") or "", bounds, shown_by, cap)
            sensors = said.get("sensors", {})
            if shown_by and sensors.get(shown_by) is None:
                known = list(sensors)
                expected = f"a sensor, {one_of(known)}{closest(shown_by, known)}"
                self.mistakes.add((*below, "sensor"), shown_by, expected)
            if own["parameters"].get(name) is None:
                continue
            if not parameter.get("unit"):
                self.mistakes.add((*below, "unit"), None, "the unit of this setpoint, such as PSI, kW or rpm")
            if bounds.low is None or bounds.high is None or not bounds.low < bounds.high:
                found = Shown(f"low {show(bounds.low)}, high {show(bounds.high)}")
                self.mistakes.add((*below, "limits"), found, "a low bound and a higher high bound")
        return MappingProxyType(parameters)

    def _alarm(self, said: Tree) -> AlarmSpec:
        return AlarmSpec(**{**self.defaults.get("alarm", {}), **said.get("alarm", {})})

    def _silent_after(self, said: Tree) -> float:
        return float({"silent_after": _SILENT_AFTER_S, **self.defaults, **said}["silent_after"])


_ABSENT: Any = object()


def _said(part: BaseModel) -> Tree:
    return part.model_dump(exclude_unset=True)


def _merged(under: Tree, over: Tree) -> Tree:
    """Lay one tree over another: mappings are merged key by key, everything else is replaced."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
