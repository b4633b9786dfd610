"""From signs of single sensors to the type of a fault, by the rules of ``plant.yaml``."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.detection.drift import Drift
from aegisflow.domain.detection.evidence import finding_of, sign_of
from aegisflow.domain.detection.finding import DRIFT, SHIFT, Diagnosis, Finding
from aegisflow.domain.detection.load import LoadStep
from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.equipment import FaultRule

_NOT_A_DRIFT: Final = 2.7
"""A sensor that is off by more deadbands than this does not merely begin to drift with the others."""

Signs = Mapping[str, frozenset[str]]
"""Sensor to its signs now: ``high``, ``low``, ``swings``, ``beyond``; sensors without any are absent."""


class Fit(NamedTuple):
    """A rule that fits what the sensors show, and how strongly."""

    rule: FaultRule
    strength: float
    """How far the sensor of the rule that moved most has moved, in deadbands."""
    sensors: tuple[SensorDetector, ...]


def signs_of(
    sensors: Sequence[SensorDetector],
    at: float,
    off: set[str],
    load: LoadStep | None,
    active: bool,
    running_up: Collection[str] = (),
    following: Collection[str] = (),
) -> dict[str, frozenset[str]]:
    """Return the signs of the sensors in the reading of ``at``.

    Args:
        sensors: all of the device.
        at: UTC epoch seconds of the reading.
        off: names of the sensors whose shift was confirmed and still holds; this function keeps it up to date.
        load: the load, which allows the sensors that follow it more while it changes; None without one.
        active: whether an alarm is active, so that hysteresis applies.
        running_up: names of the sensors whose values may be low because the machine is starting.
        following: names of the sensors that may move because a set-point has moved.
    """
    signs: dict[str, frozenset[str]] = {}
    moving = load if load is not None and load.left else None
    for sensor in sensors:
        if sensor.at != at:
            continue
        if sensor.flatline.present:
            # A value that stands still says nothing new, so it ends nothing either: what it crossed, it has crossed.
            if active and sensor.limit.beyond and not sensor.at_marker:
                signs[sensor.name] = frozenset(("beyond", "high" if sensor.limit.beyond > 0 else "low"))
            continue
        shown = []
        rising = sensor.name in running_up
        beyond = sensor.limit.beyond
        if rising and sensor.limit.smooth < sensor.limit.high:
            if sensor.shifted() <= 0:
                continue
        elif beyond or (active and sensor.limit.limited and sensor.limit.held):
            shown.append("beyond")
            if beyond:
                shown.append("high" if beyond > 0 else "low")
        before = sensor.name in off
        times = 1.0 if moving is None else moving.allowance(sensor.name)
        shift = sensor.shifted(times, before)
        shift = shift or (sensor.held(times) if active and before else 0)
        if sensor.name in following:
            shift = 0
        if shift:
            shown.append("high" if shift > 0 else "low")
            off.add(sensor.name)
        elif before:
            off.discard(sensor.name)
        if sensor.oscillation.present:
            shown.append("swings")
        if shown:
            signs[sensor.name] = frozenset(shown)
    return signs


def fitting(
    rules: Sequence[FaultRule],
    sensors: Mapping[str, SensorDetector],
    signs: Signs,
    drift: Drift | None,
    drift_suspected: bool,
) -> list[Fit]:
    """Return the rules that fit, the strongest first.

    A rule fits when each sensor under ``when`` shows one of the signs given for it, and no sensor under
    ``unless`` even leans the way that would speak against the rule. While the sensors may be drifting
    together, what one of them shows must wait until it is too large for that, or beyond a limit.
    """
    if not signs and drift is None:
        return []
    fits = []
    for rule in rules:
        if rule.together:
            if drift is not None:
                shown = tuple(sensors[name] for name in rule.together if name in sensors)
                fits.append(Fit(rule, max(abs(sensor.moved) for sensor in shown), shown))
            continue
        shown = tuple(sensors[name] for name in rule.when if name in sensors)
        if len(shown) < len(rule.when) or not all(
            signs.get(name, _NOTHING) & frozenset(wanted) for name, wanted in rule.when.items()
        ):
            continue
        if any(_leans(sensors.get(name), unwanted, signs) for name, unwanted in rule.unless.items()):
            continue
        strength = max(abs(sensor.moved) for sensor in shown)
        limited = any("beyond" in signs[sensor.name] for sensor in shown)
        if drift_suspected and strength < _NOT_A_DRIFT and not limited:
            continue
        fits.append(Fit(rule, strength, shown))
    if drift is not None and any(fit.rule.together for fit in fits):
        # A common drift explains more than a fault of one sensor does; but a drift of instruments trips no limit.
        others = [fit for fit in fits if not fit.rule.together]
        if not any("beyond" in signs[s.name] for fit in others for s in fit.sensors):
            fits = [fit for fit in fits if fit.rule.together]
        else:
            fits = others
    # Of two that are equally strong, the one that stands first in plant.yaml comes first.
    return sorted(fits, key=lambda fit: -fit.strength)


_NOTHING: frozenset[str] = frozenset()


def _leans(sensor: SensorDetector | None, unwanted: Sequence[str], signs: Signs) -> bool:
    if sensor is None:
        return False
    if signs.get(sensor.name, _NOTHING) & frozenset(unwanted):
        return True
    leaning = sensor.leaning()
    return (leaning > 0 and "high" in unwanted) or (leaning < 0 and "low" in unwanted)


def diagnose(fits: Sequence[Fit], signs: Signs, drift: Drift | None) -> Diagnosis:
    """Return the diagnosis that the strongest rule gives, with its reasons and what speaks against it."""
    best = fits[0]
    rule = best.rule
    if rule.together and drift is not None:
        findings = tuple(finding_of(sensor, DRIFT, rule.severity) for sensor in best.sensors)
        percent = 100 * drift.share
        reasons = [
            f"all of {', '.join(rule.together)} are off by {percent:+.1f} % (± {100 * drift.error:.1f} %)",
            f"{drift.alone} of them show it by themselves, and none contradicts it",
        ]
    else:
        findings = tuple(_speaking_for(sensor, rule) for sensor in best.sensors)
        reasons = [_reason(sensor, signs[sensor.name]) for sensor in best.sensors]
    for other in fits[1:]:
        findings += tuple(_speaking_for(sensor, rule) for sensor in other.sensors if sensor not in best.sensors)
        what = ", ".join(_reason(sensor, signs.get(sensor.name, _NOTHING)) for sensor in other.sensors)
        reasons.append(f"less strong: {other.rule.name}, since {what}")
    for name in rule.expects:
        if name not in signs:
            reasons.append(not_shown(name))
    return Diagnosis(rule.name, findings, tuple(reasons), best.strength)


def not_shown(sensor: str) -> str:
    """Return what speaks against a fault that a sensor should show, and does not."""
    return f"against: {sensor} does not show it"


def _speaking_for(sensor: SensorDetector, rule: FaultRule) -> Finding:
    """Return what a sensor shows for a rule: of the rule's severity, but low while it is where it ordinarily is.

    A shift inside the normal range is news of what may come, and may as well be another set-point.
    """
    sign = sign_of(sensor)
    return finding_of(sensor, sign, Severity.LOW if sign == SHIFT and sensor.ordinary else rule.severity)


def apart(fits: Sequence[Fit], active: FaultRule) -> tuple[list[Fit], list[Fit]]:
    """Part the rules that fit into those that go with an active fault, and those of another fault beside it.

    One fault shows in several sensors, and a rule names them: under ``when``, and under ``expects`` what
    usually follows. Two rules that share such a sensor may be one fault, which changes its name at most.
    A drift is of all sensors, so nothing is beside it.
    """
    with_it: list[Fit] = []
    beside: list[Fit] = []
    for fit in fits:
        rule = fit.rule
        same = rule is active or rule.together or active.together or rule.sensors & active.sensors
        (with_it if same else beside).append(fit)
    return with_it, beside


def _reason(sensor: SensorDetector, signs: frozenset[str]) -> str:
    value, unit, level = sensor.limit.smooth, sensor.spec.unit, sensor.baseline.level
    number = f"{value:.4g} {unit}".strip()
    if "beyond" in signs:
        return f"{sensor.name} at {number} is beyond its limit"
    if "swings" in signs:
        return f"{sensor.name} swings: {sensor.oscillation.turns} turns, now {number}"
    return f"{sensor.name} at {number} is {value - level:+.3g} from its level of {level:.4g}"
