"""The rate of alarms over time as a chart beside the limits of EEMUA 191, and the same as rows of a table."""

from dataclasses import dataclass
from math import ceil

from aegisflow.domain.alarms.kpis import ACCEPTABLE, BIN_S, FLOOD_BEGINS, AlarmKpis
from aegisflow.domain.times import format_instant

__all__ = ["RateChart"]

_SPANS = {1: "", 6: "hour", 36: "six hours"}
"""Ten-minute bins in a column to the time that they are, in words."""
MOST_COLUMNS = 170
_ROOM = 1.15
"""Above the highest limit, for its words."""


@dataclass(frozen=True, slots=True)
class RateColumn:
    """The highest ten minutes of a time."""

    at: str
    """When the time begins, ISO 8601."""
    rate: float
    """Alarms per operator."""
    x: float
    y: float
    width: float
    height: float
    """Per cent of the chart, from its upper left corner."""

    @property
    def is_flood(self) -> bool:
        """Whether more came than begins a flood."""
        return self.rate > FLOOD_BEGINS


@dataclass(frozen=True, slots=True)
class RateChart:
    """What the template draws: columns where alarms came, and the two limits that hold for ten minutes."""

    columns: tuple[RateColumn, ...]
    of: str
    """The time of which each column is the highest ten minutes; empty where it is ten minutes itself."""
    start: str
    end: str
    acceptable_y: float
    flood_y: float

    @classmethod
    def of_kpis(cls, kpis: AlarmKpis) -> "RateChart":
        """Return the chart of a period; of a long one each column is the worst ten minutes, so that none is hidden."""
        length_s = kpis.period.end - kpis.period.start
        bins = max(1, round(length_s / BIN_S))
        size = next((size for size in _SPANS if bins <= size * MOST_COLUMNS), ceil(bins / MOST_COLUMNS))
        count = ceil(bins / size)
        highest = dict[int, int]()
        for number, alarms in kpis.per_bin.items():
            place = min(number, bins - 1) // size
            highest[place] = max(alarms, highest.get(place, 0))
        top = max(kpis.peak, FLOOD_BEGINS) * _ROOM
        wide = 100 / count
        columns = []
        for place, alarms in sorted(highest.items()):
            high = 100 * alarms / kpis.operators / top
            at = format_instant(kpis.period.start + place * size * BIN_S)
            columns.append(RateColumn(at, alarms / kpis.operators, place * wide, 100 - high, wide, high))
        return cls(
            tuple(columns),
            _SPANS.get(size, f"{size * BIN_S / 3_600:.0f} hours"),
            format_instant(kpis.period.start),
            format_instant(kpis.period.end),
            100 - 100 * ACCEPTABLE / top,
            100 - 100 * FLOOD_BEGINS / top,
        )
