"""What the cells of a row say of the sensors of one device: texts to values, each of them checked by itself."""

import sys
from collections.abc import Callable, Collection, Mapping
from math import inf, nan
from typing import Final

from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import RefusalReason, RefusedValue

__all__ = ["RowReader"]

_SHOWN: Final = 50
"""Letters of a value that cannot be used."""
_LARGEST: Final = sys.float_info.max


class RowReader:
    """Reads the rows of one device, of which a recording has hundreds of thousands: this is compiled."""

    __slots__ = ("_absent", "_columns", "_markers", "bad")

    def __init__(
        self,
        spec: DeviceSpec,
        columns: Mapping[str, tuple[int, Callable[[str], float]]],
        absent: Collection[str],
    ) -> None:
        """Begin with no row.

        Args:
            spec: the device.
            columns: sensor to the place of its cell, and to what makes a number of that: not a number where it
                stands for no value, and ``ValueError`` where it is none.
            absent: texts, in lower case, of a value that was not reported.
        """
        self._absent = absent
        self._markers = {name: sensor.missing_values for name, sensor in spec.sensors.items() if sensor.missing_values}
        self._columns: list[tuple[int, str, float, float, Callable[[str], float] | None]] = []
        """None for ``float``, which is compiled where it is called by its name."""
        for name, sensor in spec.sensors.items():
            if name in columns:
                place, convert = columns[name]
                low = -_LARGEST if sensor.span.low is None else sensor.span.low
                high = _LARGEST if sensor.span.high is None else sensor.span.high
                self._columns.append((place, name, float(low), float(high), None if convert is float else convert))
        self.bad: list[RefusedValue] = []
        """Values of the newest row that cannot be used."""

    def values(self, cells: list[str]) -> dict[str, float]:
        """Return the good values of a row; the others are in ``bad``, with their reasons."""
        values: dict[str, float] = {}
        if self.bad:
            self.bad = []
        for place, name, low, high, convert in self._columns:
            cell = cells[place]
            try:
                value = float(cell) if convert is None else convert(cell)
            except ValueError:
                value = self._other(name, cell)
            if low <= value <= high:
                values[name] = value
            elif value == value:
                infinite = value in (inf, -inf)
                self._refuse(name, RefusalReason.NOT_A_NUMBER if infinite else RefusalReason.OUT_OF_SPAN, cell)
        for name, markers in self._markers.items():
            if values.get(name) in markers:
                self._refuse(name, RefusalReason.MISSING_MARKER, f"{values.pop(name):g}")
        return values

    def _refuse(self, name: str, reason: RefusalReason, cell: str) -> None:
        self.bad.append(RefusedValue(name, reason, cell.strip()[:_SHOWN]))

    def _other(self, name: str, cell: str) -> float:
        """Return not a number for what is none: a value that is absent, or one that is bad."""
        if cell.strip().lower() not in self._absent:
            self._refuse(name, RefusalReason.WRONG_TYPE, cell)
        return nan
