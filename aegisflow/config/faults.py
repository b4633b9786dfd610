"""Types of fault as the file describes them, and which of them a device can show."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aegisflow.config.file import PlantFile
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.commands.interlocks import Recovery
from aegisflow.domain.equipment import FaultResponse, FaultRule, LoadSpec, SensorSpec

_FEWEST_TOGETHER = 3


def build_faults(file: PlantFile, mistakes: Mistakes) -> tuple[FaultRule, ...]:
    """Return the types of fault; a mistake for each that no device could ever show."""
    sensors = {name for kind in file.kinds.values() for name in kind.sensors}
    sensors |= {name for line in file.lines.values() for part in line.devices.values() for name in part.sensors}
    rules = []
    for name, part in file.faults.items():
        at = ("faults", name)
        if bool(part.when) == bool(part.together):
            found = Shown("both when and together" if part.when else "neither when nor together")
            mistakes.add(at, found, "either when or together, which say how it shows")
            continue
        if part.together and len(part.together) < _FEWEST_TOGETHER:
            mistakes.add((*at, "together"), Shown(f"{len(part.together)} sensors"), "three sensors or more")
        named = (("when", part.when), ("unless", part.unless), ("expects", part.expects), ("together", part.together))
        for key, names in named:
            for sensor in names:
                if sensor not in sensors:
                    known = sorted(sensors)
                    expected = f"a sensor of some device, {one_of(known)}{closest(sensor, known)}"
                    mistakes.add((*at, key), sensor, expected)
        rule = FaultRule(name, Severity(part.severity), part.when, part.unless, part.expects, part.together)
        rules.append(rule)
    return tuple(rules)


def build_responses(file: PlantFile, mistakes: Mistakes) -> Mapping[str, Mapping[str, FaultResponse]]:
    """Return what to do about each type of fault, by kind; a mistake for a kind that the plant does not have."""
    found: dict[str, Mapping[str, FaultResponse]] = {}
    for name, part in file.faults.items():
        given = part.response
        common = FaultResponse(given.cause, given.consequence, given.respond_within_s, given.action)
        by_kind = {} if common.is_empty else {"": common}
        for kind, differs in given.kinds.items():
            if kind not in file.kinds:
                known = list(file.kinds)
                expected = f"a kind of this plant, {one_of(known)}{closest(kind, known)}"
                mistakes.add(("faults", name, "response", "kinds", kind), kind, expected)
            changes = {key: value for key, value in differs.model_dump().items() if value is not None}
            by_kind[kind] = replace(common, **changes)
        if by_kind:
            found[name] = by_kind
    return found


def faults_of(rules: tuple[FaultRule, ...], sensors: Mapping[str, SensorSpec]) -> tuple[FaultRule, ...]:
    """Return the types that a device with these sensors can show."""
    return tuple(rule for rule in rules if all(name in sensors for name in (*rule.when, *rule.together)))


def load_of(
    at: KeyPath, given: Mapping[str, Any], sensors: Mapping[str, SensorSpec], mistakes: Mistakes
) -> LoadSpec | None:
    """Return what measures the load of a device; None without, or where the device has no such sensor."""
    load = given.get("load") or {}
    if not load:
        return None
    name = load.get("sensor", "")
    if name not in sensors and at[0] == "kinds":
        known = list(sensors)
        mistakes.add(
            (*at, "load", "sensor"), name or None, f"a sensor of this kind, {one_of(known)}{closest(name, known)}"
        )
    if name not in sensors:
        return None
    return LoadSpec(name, tuple(load.get("moves", ())), load.get("max_change"), load.get("max_change_per_hour"))


def recovery_of(
    at: KeyPath, given: Mapping[str, Any], sensors: Mapping[str, SensorSpec], mistakes: Mistakes
) -> Mapping[str, Recovery]:
    """Return what must hold before a device is started again, for the sensors that it has."""
    found: dict[str, Recovery] = {}
    for name, part in (given.get("recovery") or {}).items():
        if part is None:
            continue
        if name not in sensors and at[0] == "kinds":
            known = list(sensors)
            expected = f"a sensor of this kind, {one_of(known)}{closest(name, known)}"
            mistakes.add((*at, "recovery", name), Shown(repr(name)), expected)
        low, high = part.get("low"), part.get("high")
        if low is None and high is None:
            mistakes.add((*at, "recovery", name), Shown("no bound"), "low, high or both")
        if name in sensors:
            found[name] = Recovery(low, high, part["hold_s"])
    return found
