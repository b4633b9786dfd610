"""From what a machine says of one sensor to its value in the sensor's own unit, or the reason why not."""

import math
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from aegisflow.bus.sources.access import Getter, getter
from aegisflow.bus.sources.formats import is_hex
from aegisflow.config.sources import SourceQuality, SourceSensor
from aegisflow.config.units import Conversion, conversion
from aegisflow.domain.equipment import SensorKind, SensorSpec
from aegisflow.domain.readings import RefusalReason, RefusedValue
from aegisflow.errors import printable

__all__ = ["Grader", "SensorRule", "sample"]

_SAME = Conversion(1.0, 0.0)
_BIGGEST = sys.float_info.max
_WITH_UNIT = re.compile(r"((?>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)) ?([^\W\d_].{0,19}|[°%µ].{0,19})")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?![\d.])")
_between = lru_cache(1_000)(conversion)
"""Units come with messages, and are few."""


class Grader:
    """Says of what a sender writes beside a value whether that value is good."""

    def __init__(self, settings: SourceQuality) -> None:
        self._grades = settings.grades
        self._good = frozenset(str(word).casefold() for word in settings.good)

    def is_good(self, said: object) -> bool:
        """Return whether a value with this beside it can be used; nothing beside it is good."""
        if said is None:
            return True
        if self._grades == "words":
            return str(said).casefold() in self._good
        if isinstance(said, bool) or not isinstance(said, int | float):
            return str(said).casefold().startswith(("good", "uncertain"))
        # The two highest bits: 00 good and 01 uncertain of a status code (OPC UA part 4, 7.39); of a quality of
        # OPC DA 11 is good, 01 uncertain, 00 bad.
        # Of an integer that is no float either, as 400 digits are, isfinite cannot be asked.
        if isinstance(said, float) and not math.isfinite(said):
            return False
        severity = int(said) >> (30 if self._grades == "opcua" else 6) & 3
        return severity in ((0, 1) if self._grades == "opcua" else (1, 3))


class SensorRule:
    """How one sensor of a device is read."""

    __slots__ = (
        *("_decimal_comma", "_is_foreign", "_map", "_missing", "_numbers_in_text"),
        *("graded", "high", "low", "offset", "scale", "spec"),
    )

    def __init__(self, spec: SensorSpec, said: SourceSensor) -> None:
        self.spec = spec
        found = conversion(said.unit, spec.unit) if said.unit else _SAME
        self._is_foreign = found is None
        """Whether the sender's unit does not convert to the sensor's: a preset's, met by a sensor of another sort."""
        size = found or _SAME
        self.scale, self.offset = said.scale * size.scale, said.offset * size.scale + size.offset
        low, high = spec.span.low, spec.span.high
        # So that infinity is never within.
        self.low = -_BIGGEST if low is None else low
        self.high = _BIGGEST if high is None else high
        self._map: Mapping[str, float] = said.map
        self._missing = frozenset(said.missing)
        text = said.numbers_in_text
        self._decimal_comma = said.decimal_comma
        self._numbers_in_text = said.decimal_comma or (spec.numbers_in_text if text is None else text)
        self.graded: Getter | None = getter(said.quality) if said.quality else None

    @property
    def is_plain(self) -> bool:
        """Whether a number needs no more than its span checked."""
        special = self._map or self._missing or self.spec.missing_values or self.graded or self._is_foreign
        return self.scale == 1.0 and self.offset == 0.0 and not special

    def take(
        self, said: Any, values: dict[str, float], refused: list[RefusedValue], good: bool = True, unit: object = None
    ) -> None:
        """Put what a machine says into ``values``, or into ``refused`` with the reason.

        Args:
            said: neither null nor absent.
            values: of the reading.
            refused: of the reading.
            good: whether the sender itself calls it good.
            unit: the sender's unit, where the message names it.
        """
        result = self._converted(said, unit) if good else RefusalReason.BAD_QUALITY
        if isinstance(result, RefusalReason):
            refused.append(RefusedValue(self.spec.name, result, sample(said)))
        else:
            values[self.spec.name] = result

    def _converted(self, said: Any, unit: object) -> float | RefusalReason:
        scale, offset = self.scale, self.offset
        mapped = self._map.get(_word(said)) if self._map else None
        if mapped is not None:
            said, scale, offset = mapped, 1.0, 0.0
        if _is_hashable(said) and said in self._missing:
            return RefusalReason.MISSING_MARKER
        if self._is_foreign and said is not mapped:
            return RefusalReason.WRONG_UNIT
        if self._numbers_in_text and isinstance(said, str):
            said, unit = self._plainly(said, unit)
        number = self._number(said)
        if isinstance(number, RefusalReason):
            return number
        if unit is not None and unit != "":
            size = _between(unit, self.spec.unit) if isinstance(unit, str) and len(unit) < 40 else None
            if size is None:
                return RefusalReason.WRONG_UNIT
            scale, offset = size
        value = number
        if scale != 1.0 or offset != 0.0:
            # To as many digits as survive it: 293.15 K are 20 °C, and not 19.99999999999997.
            value = float(f"{number * scale + offset:{'.12g' if offset else '.15g'}}")
            if not math.isfinite(value):
                return RefusalReason.NOT_A_NUMBER
        if value in self.spec.missing_values or number in self.spec.missing_values:
            return RefusalReason.MISSING_MARKER
        return value if self.low <= value <= self.high else RefusalReason.OUT_OF_SPAN

    def _plainly(self, said: str, unit: object) -> tuple[str, object]:
        """Return a number in text with a point, and its unit where it stands behind it."""
        if is_hex(said.strip()):
            return said, unit
        # Where a comma is decimal, a point stands between thousands: 1.234 are a thousand.
        if self._decimal_comma and ("," in said or _THOUSANDS.match(said.strip())):
            said = said.replace(".", "").replace(",", ".")
        with_unit = _WITH_UNIT.fullmatch(said.strip())
        return (said, unit) if with_unit is None else (with_unit[1], with_unit[2])

    def _number(self, said: Any) -> float | RefusalReason:
        if isinstance(said, bool):
            # Nobody takes the truth for a temperature, but it says whether something is on.
            return float(said) if self.spec.kind is SensorKind.STATE else RefusalReason.WRONG_TYPE
        if isinstance(said, str) and not self._numbers_in_text:
            return RefusalReason.WRONG_TYPE
        if not isinstance(said, str | int | float):
            return RefusalReason.WRONG_TYPE
        try:
            number = _float_in(said) if isinstance(said, str) else float(said)
        except ValueError:
            return RefusalReason.WRONG_TYPE
        except OverflowError:
            return RefusalReason.NOT_A_NUMBER
        return number if math.isfinite(number) else RefusalReason.NOT_A_NUMBER


def _float_in(text: str) -> float:
    """Return the number that a text is.

    Raises:
        ValueError: it is none; Python would take 1_000 for one, which no machine writes.
    """
    if is_hex(text.strip()):
        return float(int(text, 16))
    if "_" in text:
        raise ValueError(text)
    return float(text)


def sample(said: object) -> str:
    """Return what a machine says, short and printable."""
    return printable(said if isinstance(said, str) else _word(said), 60)


def _word(said: object) -> str:
    """Return a value as a person would write it in ``plant.yaml``: true, 1, 21.5, ON."""
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, float):
        return f"{said:.15g}"
    if isinstance(said, int):
        return str(said) if abs(said) < 10**30 else "a number of more than 30 digits"
    return said if isinstance(said, str) else repr(said)[:100]


def _is_hashable(said: object) -> bool:
    return isinstance(said, str | int | float)
