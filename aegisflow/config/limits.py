"""Whether a sensor's bounds lie within each other."""

from collections.abc import Mapping
from typing import Any

from aegisflow.config.mistakes import KeyPath, Mistakes
from aegisflow.domain.equipment import Limits, SensorSpec

_SPAN = SensorSpec("", "").span
_OUTER_TO_INNER = ("span", "trip", "alarm", "normal")
_CHAIN = [(name, "low") for name in _OUTER_TO_INNER] + [(name, "high") for name in reversed(_OUTER_TO_INNER)]
"""Every bound, in the order their values must have."""


def limits(said: Mapping[str, Any], name: str) -> Limits:
    """Return one pair of bounds of a sensor; a span that is not given is as wide as can be."""
    bounds = said.get(name, {})
    low, high = bounds.get("low"), bounds.get("high")
    if name == "span":
        low, high = _SPAN.low if low is None else low, _SPAN.high if high is None else high
    return Limits(None if low is None else float(low), None if high is None else float(high))


def check_limits(at: KeyPath, said: Mapping[str, Any], own: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Add a mistake for every neighbouring pair of bounds in the wrong order.

    The order is ``span.low < trip.low <= alarm.low <= normal.low < normal.high <= alarm.high <=
    trip.high < span.high``, as far as given. ``own`` is the part of ``said`` that stands at ``at``;
    a pair that is wholly inherited was complained about where it stands.
    """
    below: tuple[str, str] | None = None
    for bound in _CHAIN:
        value = _value(said, bound)
        if value is None:
            continue
        if below is not None:
            floor = _value(said, below)
            crossing = below[1] != bound[1]
            if floor is not None and (value < floor or (crossing and value == floor)):
                _complain(at, said, own, (below, bound), mistakes)
        below = bound


def _complain(
    at: KeyPath,
    said: Mapping[str, Any],
    own: Mapping[str, Any],
    pair: tuple[tuple[str, str], tuple[str, str]],
    mistakes: Mistakes,
) -> None:
    lower, upper = pair
    unit = said.get("unit") or ""
    or_equal = "" if lower[1] != upper[1] else "or equal to "
    # The bound that is not the span's is the likelier slip; of two others, the inner one.
    upper_is_wrong = lower[0] == "span" or (upper[0] != "span" and upper[1] == "low")
    for wrong in (upper, lower) if upper_is_wrong else (lower, upper):
        if wrong[1] in own.get(wrong[0], {}):
            other, relation = (lower, "above") if wrong is upper else (upper, "below")
            floor = f"{_value(said, other):g} {unit}".strip()
            expected = f"a value {relation} {or_equal}{floor}, this sensor's {other[0]}.{other[1]}"
            mistakes.add((*at, *wrong), _value(said, wrong), expected)
            return


def _value(said: Mapping[str, Any], bound: tuple[str, str]) -> float | None:
    return getattr(limits(said, bound[0]), bound[1])  # type: ignore[no-any-return]
