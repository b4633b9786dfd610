"""Columns whose numbers have their unit behind them, as displays and web pages write them: ``72.4 °C``, ``45%``."""

import re
from collections import Counter
from collections.abc import Sequence

from aegisflow.offline.recordings.numbers import NumberShape, shape_of

__all__ = ["Behind", "units_behind"]

_FEWEST = 3
"""Cells that make a column, and not a remark that begins with a number."""
_NEARLY_ALL = 0.8
_WITH_UNIT = re.compile(r"([+\-\u2212]?\d[\d.,' \u00a0\u202f]*?)\s*((?:[^\W\d_]|[%‰°\"])[^\s,;]{0,15})")


class Behind:
    """Takes the units of some columns away from rows."""

    def __init__(self, units: dict[int, str]) -> None:
        """Take the unit of each such column, by its place."""
        self.units = units

    def strip(self, rows: list[list[str]]) -> None:
        """Leave the numbers alone in these rows.

        A number without its unit, or with another one, may be of another size (``900`` beside ``12k``), so it
        becomes text that says so, and is refused as a value like any other text.
        """
        for place, unit in self.units.items():
            for cells in rows:
                if place < len(cells):
                    cells[place] = _without(cells[place], unit)


def units_behind(rows: Sequence[list[str]]) -> Behind | None:
    """Return what stands behind all numbers of a column of these rows; None where no column is like that."""
    width = max(map(len, rows), default=0)
    found = {place: unit for place in range(width) if (unit := _unit([row[place] for row in rows if place < len(row)]))}
    return Behind(found) if found else None


def _unit(cells: list[str]) -> str:
    """Return the unit that nearly all cells of a column have which hold anything; empty where they do not agree."""
    units, others = Counter[str](), 0
    for cell in cells:
        shape = shape_of(cell)
        if shape is NumberShape.ABSENT:
            continue
        match = _WITH_UNIT.fullmatch(cell.strip()) if shape is NumberShape.WORD else None
        if match is None or shape_of(match[1]) is NumberShape.WORD:
            others += 1
        else:
            units[match[2]] += 1
    if len(units) != 1:
        return ""
    ((unit, count),) = units.items()
    return unit if count >= max(_FEWEST, _NEARLY_ALL * (count + others)) else ""


def _without(cell: str, unit: str) -> str:
    text = cell.rstrip()
    if text.endswith(unit):
        return text[: -len(unit)].rstrip()
    return cell if shape_of(text) in (NumberShape.WORD, NumberShape.ABSENT) else f"{text} without {unit}"
