"""The bounds of a sensor, and whether they lie within each other."""

from collections.abc import Mapping
from typing import Any

from aegisflow.config.mistakes import KeyPath, Mistakes
from aegisflow.domain.equipment import Limits, SensorSpec

_SPAN, _NONE = SensorSpec("", "").span, Limits()
_OUTER_TO_INNER = ("span", "trip", "alarm", "normal")
_CHAIN = [(name, "low") for name in _OUTER_TO_INNER] + [(name, "high") for name in reversed(_OUTER_TO_INNER)]
"""Every bound, in the order their values must have."""


def limits(given: Mapping[str, Any], name: str) -> Limits:
    """Return one pair of bounds of a sensor or a set-point; a span that is not given is as wide as can be."""
    bounds = given.get(name)
    if not bounds:
        return _SPAN if name == "span" else _NONE
    low, high = bounds.get("low"), bounds.get("high")
    if name == "span":
        low, high = _SPAN.low if low is None else low, _SPAN.high if high is None else high
    return Limits(None if low is None else float(low), None if high is None else float(high))


def all_limits(at: KeyPath, given: Mapping[str, Any], own: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Limits]:
    """Return the bounds of a sensor by name; a mistake for every neighbouring pair in the wrong order.

    The order is ``span.low < trip.low <= alarm.low <= normal.low < normal.high <= alarm.high <=
    trip.high < span.high``, as far as given. ``own`` is the part of ``given`` that stands at ``at``;
    a pair that is wholly inherited was complained about where it stands.
    """
    found = {name: limits(given, name) for name in _OUTER_TO_INNER}
    values = [found[name].low for name in _OUTER_TO_INNER] + [found[name].high for name in reversed(_OUTER_TO_INNER)]
    lower, floor = _CHAIN[0], values[0]
    for upper, value in zip(_CHAIN, values, strict=True):
        if value is None:
            continue
        crossing = lower[1] != upper[1]
        if floor is not None and (value < floor or (crossing and value == floor)):
            unit = given.get("unit") or ""
            _complain(at, own, unit, ((lower, floor), (upper, value)), mistakes)
        lower, floor = upper, value
    return found


def check_bounds(
    at: KeyPath,
    own: Mapping[str, Any],
    at_once: float | None,
    in_an_hour: float | None,
    unit: str,
    mistakes: Mistakes,
) -> None:
    """Complain about a step that is larger than what may be moved in an hour, where it was given last."""
    if at_once is None or in_an_hour is None or at_once <= in_an_hour:
        return
    if own.get("max_change_per_hour") is None:
        expected = f"at most {in_an_hour:g} {unit}, its max_change_per_hour"
        mistakes.add((*at, "max_change"), at_once, expected)
    else:
        expected = f"at least {at_once:g} {unit}, its max_change"
        mistakes.add((*at, "max_change_per_hour"), in_an_hour, expected)


_Bound = tuple[tuple[str, str], float]


def _complain(at: KeyPath, own: Mapping[str, Any], unit: str, pair: tuple[_Bound, _Bound], mistakes: Mistakes) -> None:
    lower, upper = pair
    (lower_name, lower_side), (upper_name, upper_side) = lower[0], upper[0]
    or_equal = "" if lower_side != upper_side else "or equal to "
    # The bound that is not the span's is the likelier slip; of two others, the inner one.
    upper_is_wrong = lower_name == "span" or (upper_name != "span" and upper_side == "low")
    for wrong in (upper, lower) if upper_is_wrong else (lower, upper):
        (name, side), value = wrong
        if side in own.get(name, {}):
            other, relation = (lower, "above") if wrong is upper else (upper, "below")
            bound = f"{other[1]:g} {unit}".strip()
            expected = f"a value {relation} {or_equal}{bound}, this sensor's {'.'.join(other[0])}"
            mistakes.add((*at, name, side), value, expected)
            return
