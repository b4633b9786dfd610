"""What kind of sensor a column is, where no plant file says it: counters, on/off states, directions."""

from aegisflow.domain.equipment import SensorKind
from aegisflow.offline.recordings.survey import ColumnSurvey

__all__ = ["WORDS", "kind_of"]

_ENOUGH = 200
"""Steps between rows below which nothing is concluded."""
_RARE = 0.002
"""Part of the steps that may lead downwards in a counter, which wraps or is reset seldom."""
_RISES = 20
_STATES = 3
_TURNS, _TURNING = 3, 0.2
"""A direction goes through north at least so often, and in at most so great a part of its steps."""

WORDS = {
    SensorKind.COUNTER: "only grows, and is watched by its rate",
    SensorKind.STATE: "is on or off, and has no level",
    SensorKind.CIRCULAR: "is a direction, of which 359 and 1 are neighbours",
}


def kind_of(column: ColumnSurvey) -> SensorKind:
    """Return what the values of a column are; a measurement unless they show clearly that they are not."""
    steps = column.steps
    if steps < _ENOUGH:
        return SensorKind.MEASUREMENT
    if not column.many and _is_state(tuple(column.texts)):
        return SensorKind.STATE
    if column.rises >= _RISES and column.falls <= _RARE * steps:
        return SensorKind.COUNTER
    low, high = column.low.value, -column.high.value
    whole_circle = 0 <= low < 20 and 340 < high <= 360
    if whole_circle and _TURNS <= column.turns <= _TURNING * steps:
        return SensorKind.CIRCULAR
    return SensorKind.MEASUREMENT


def _is_state(texts: tuple[str, ...]) -> bool:
    """Return whether these cells are nought and one or two other whole numbers."""
    try:
        values = {float(text) for text in texts}
    except ValueError:
        return False
    return 2 <= len(values) <= _STATES and 0.0 in values and all(value == int(value) for value in values)
