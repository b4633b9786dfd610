"""One look at all rows of a file, before any of them counts: what its columns hold."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import repeat
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from aegisflow.offline.recordings.calendar import join_time
from aegisflow.offline.recordings.numbers import Mark, NumberShape, NumberSurvey, parse_number
from aegisflow.offline.recordings.table import Table
from aegisflow.offline.recordings.time_survey import TimeSurvey

_DISTINCT = 40
_BEGINNING = 2_000
"""Rows that tell what a file is like that has nothing in it which could be read in two ways."""
_LOOKED_AT = 64
"""Plain numbers at the beginning whose look is noted; of what is not plain, all is."""
Floats = NDArray[np.float64]


_HALF_TURN = 180.0


class ColumnSurvey:
    """What the cells of one column are."""

    def __init__(self) -> None:
        self.looks = NumberSurvey()
        self.numbers = 0
        """Cells that hold numbers, in whichever form."""
        self.words = 0
        """Cells that are neither numbers nor empty."""
        self.formatted = False
        """Whether some numbers are written in more than digits and a point."""
        self.texts: Counter[str] = Counter()
        """Different cells, as long as they are few, to how often they stand there."""
        self.many = False
        """Whether there are more than a few different cells."""
        self.counts_up = True
        """Whether each row has one more than the row before."""
        self.low = Extreme()
        self.high = Extreme()
        """Of the negated values."""
        self.steps = self.rises = self.falls = self.turns = 0
        """Differences between neighbouring rows: all, those upwards, downwards, and those of more than half a turn."""
        self._before: float | None = None

    @property
    def all_ambiguous(self) -> bool:
        """Whether all numbers are like ``1,011``, so that to read them in the wrong way changes their scale alone."""
        return self.numbers == self.looks.shapes[NumberShape.EITHER_COMMA]

    def take(self, cells: Sequence[str]) -> None:
        """Take in some cells, in the order of the file."""
        if not self.many:
            self.texts.update(cells)
            self.many = len(self.texts) > _DISTINCT
        for cell in cells[:_LOOKED_AT] if self._before is None else cells[:1]:
            self.looks.take(cell, 0)
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            self.counts_up = False
            values = np.array(list(self._values(Counter(cells))))
        else:
            self._count(values)
        if len(values):
            self._take_extremes(values)

    def _take_extremes(self, values: Floats) -> None:
        lowest, highest = float(values.min()), float(values.max())
        if not isfinite(highest - lowest):
            values = values[np.isfinite(values)]
            if not len(values):
                return
            lowest, highest = float(values.min()), float(values.max())
        self.low.take(lowest, values)
        self.high.take(-highest, -values if -highest <= self.high.value else values)

    def _count(self, values: Floats) -> None:
        self.numbers += int(np.isfinite(values).sum())
        with np.errstate(invalid="ignore", over="ignore"):
            steps = np.diff(values) if self._before is None else np.diff(values, prepend=self._before)
        self.counts_up = self.counts_up and bool((steps == 1).all())
        self.steps += len(steps)
        self.rises += int((steps > 0).sum())
        self.falls += int((steps < 0).sum())
        self.turns += int((np.abs(steps) > _HALF_TURN).sum())
        self._before = float(values[-1])

    def _values(self, cells: Counter[str]) -> Iterator[float]:
        """Give the numbers among some cells, each as often as it stands there, and note what the others are."""
        for cell, count in cells.items():
            value: float | None
            try:
                value = float(cell)
            except ValueError:
                value = self._note(cell, count)
            if value is not None and value == value:
                self.numbers += count
                yield from repeat(value, count)

    def _note(self, cell: str, count: int) -> float | None:
        shape = self.looks.take(cell, count)
        if shape is NumberShape.ABSENT:
            return None
        if shape is NumberShape.WORD:
            self.words += count
            return None
        self.formatted = True
        if shape is NumberShape.EITHER_COMMA:
            self.numbers += count
            return None
        return parse_number(cell, None)


class Extreme:
    """The smallest of the values, how often it occurs, and the smallest of the others."""

    __slots__ = ("count", "next", "value")

    def __init__(self) -> None:
        self.value = self.next = inf
        self.count = 0

    def take(self, lowest: float, values: Floats) -> None:
        """Take in values, all of them finite, of which one is the lowest; above ``value`` they do not matter."""
        if lowest > self.value:
            self.next = min(self.next, lowest)
            return
        if lowest < self.value:
            self.next, self.value, self.count = self.value, lowest, 0
        same = values == lowest
        self.count += int(same.sum())
        if not same.all():
            self.next = min(self.next, float(values[~same].min()))


class Survey:
    """All columns of a file, and all of its timestamps."""

    def __init__(self, table: Table, skipped: Collection[int], time_places: Sequence[int], times: TimeSurvey) -> None:
        """Prepare to look at a file.

        Args:
            table: The file.
            skipped: Columns of which nothing has to be known.
            time_places: Columns that make up a timestamp.
            times: Is told all timestamps.
        """
        self.rows = 0
        self.columns = [ColumnSurvey() for _ in table.header]
        self._table, self._times, self._time_places = table, times, time_places
        self._blocks = table.blocks()
        self._looked_at = [place for place in range(len(table.header)) if place not in {*skipped, *time_places}]

    def begin(self) -> None:
        """Look at the first rows."""
        self._look(_BEGINNING)

    def go_on(self) -> None:
        """Look at the rest of the rows."""
        self._look(None)

    def _look(self, enough: int | None) -> None:
        width = len(self._table.header)
        for numbers, rows in self._blocks:
            self.rows += len(rows)
            if not set(map(len, rows)) <= {width}:
                whole = [(number, row) for number, row in zip(numbers, rows, strict=True) if len(row) == width]
                numbers, rows = [number for number, _ in whole], [row for _, row in whole]
            if rows:
                cells = list(zip(*rows, strict=True))
                self._times.take(numbers, _texts(cells, self._time_places))
                for place in self._looked_at:
                    self.columns[place].take(cells[place])
            if enough is not None and self.rows >= enough:
                return

    def close(self) -> None:
        """Close the file, however much of it was looked at."""
        self._blocks.close()

    def marks(self) -> tuple[dict[int, Mark | None], dict[int, str]]:
        """Return what stands before decimals, by column, and of those that are ambiguous a cell that is.

        A column is asked first; where it is silent, the others of the file speak for it.
        """
        proven = {place: column.looks.own_mark for place, column in enumerate(self.columns)}
        known = {mark for mark in proven.values() if mark is not None}
        overall: Mark | None = next(iter(known)) if len(known) == 1 else None
        marks: dict[int, Mark | None] = {}
        ambiguous: dict[int, str] = {}
        for place, column in enumerate(self.columns):
            shapes = column.looks.shapes.keys()
            mark = proven[place] or overall
            if shapes >= {NumberShape.POINT, NumberShape.COMMA}:
                marks[place] = None
            elif shapes & {NumberShape.COMMA, NumberShape.EITHER_COMMA, NumberShape.EITHER_POINT}:
                marks[place] = mark or "."
                if mark is None and NumberShape.EITHER_COMMA in shapes:
                    ambiguous[place] = column.looks.example
            else:
                marks[place] = "."
        return marks, ambiguous


def time_text(cells: Sequence[str], places: Sequence[int]) -> str:
    """Return the timestamp of a row: from one cell, a date and a time of day, or year, month, day and so on."""
    return cells[places[0]] if len(places) == 1 else join_time([cells[place] for place in places])


def _texts(columns: Sequence[Sequence[str]], places: Sequence[int]) -> Sequence[str]:
    if len(places) == 1:
        return columns[places[0]]
    return [join_time(cells) for cells in zip(*(columns[place] for place in places), strict=True)]
