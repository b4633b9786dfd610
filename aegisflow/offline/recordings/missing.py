"""Values that stand for no value: -200, -999, 65535, and how they give themselves away."""

from collections.abc import Mapping

from aegisflow.offline.recordings.survey import ColumnSurvey

_USUAL = frozenset(
    {32_767.0, 65_535.0, 2_147_483_647.0, 4_294_967_295.0}
    | {float("9" * digits) for digits in range(3, 11)}
    | {float(10**digits) for digits in (10, 20, 30, 31)}
)
"""Positive numbers that programs write where they have none; of negative ones any whole number may be one."""
_FEWEST = 3
_VARIED = 10
"""Fewer different cells are states, and one of them lies outside of the others by nature."""
_FAR = 3.0
"""Widths of all other values between them and a marker."""
_ALSO_FAR = 0.05
"""The same where another column has given the marker away."""


def find_markers(columns: Mapping[int, ColumnSurvey]) -> dict[int, float]:
    """Return the marker of each column that has one: place to value.

    A marker repeats exactly, lies beyond all other values, and by more than their width, in one column at
    least; a logger writes the same one everywhere, so that in its other columns less will do.
    """
    found = {
        place: marker for place, column in columns.items() if (marker := _marker(column, _FEWEST, _FAR)) is not None
    }
    known = set(found.values())
    for place, column in columns.items():
        if place not in found:
            marker = _marker(column, 1, _ALSO_FAR)
            if marker in known and marker is not None:
                found[place] = marker
    return found


def _marker(column: ColumnSurvey, fewest: int, far: float) -> float | None:
    low, high = column.low, column.high
    if not column.many and len(column.texts) < _VARIED:
        return None
    width = -high.value - low.next
    if low.value < 0 and low.value.is_integer() and low.count >= fewest and low.next - low.value > far * width:
        return low.value
    top, below = -high.value, -high.next
    if top in _USUAL and high.count >= fewest and top - below > far * (below - low.value):
        return top
    return None
