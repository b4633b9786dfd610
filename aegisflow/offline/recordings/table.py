"""Rows and columns of a text file: what stands between cells, and where the names of the columns are."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from aegisflow.errors import RecordingError
from aegisflow.offline.recordings.behind import units_behind
from aegisflow.offline.recordings.calendar import is_time_of_day, take_apart
from aegisflow.offline.recordings.numbers import NumberShape, shape_of
from aegisflow.offline.recordings.options import ReadingOptions
from aegisflow.offline.recordings.source import TextFile

SEPARATORS = (",", ";", "\t", "|", "^", "~")
BLANKS = " "
"""However many of them stand between two cells."""
_NAMES = {"\t": "tab", " ": "blank"}
_SAMPLE_LINES = 200
_LONGEST = 1_000_000
_SHOWN = 8
_EXCEL_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
_REMARKS = ("#", "//", "%")


Row = tuple[int, list[str]]
"""Number of a line in the file, from 1, and its cells."""


class Table:
    """A file of rows below a header; ``lines`` reads them from the beginning, as often as needed."""

    def __init__(self, path: Path, options: ReadingOptions, scale_free: bool = False) -> None:
        """Find separator and header.

        Args:
            path: The file.
            options: What a person says about it.
            scale_free: Whether columns may go without names; see ``Recording``.

        Raises:
            RecordingError: the file cannot be read, or has no header that names each column once.
        """
        self.path, self._scale_free = path, scale_free
        self._file = TextFile(path, options.encoding)
        self.guesses = list(self._file.guesses)
        sample = [
            (number, line[:_LONGEST])
            for number, line in enumerate(self._first(_SAMPLE_LINES + (options.header_line or 0)), start=1)
            if line.strip()
        ]
        if sample and sample[0][1].lstrip().startswith(("{", "[{")):
            raise RecordingError(path, sample[0][0], "JSON", "a table: a header, and a row of cells for each reading")
        self.separator, sample = self._separator(sample, options)
        self.header_line, self.header = self._find_header(sample, options.header_line)
        if scale_free and options.header_line is None and self._is_data(sample):
            self.header_line, self.header = self._find_header(sample, 0)
            self.guesses.append(f"no line names the columns: they are {_shown(self.header)} (--header-line)")
        self._check_header()
        self._numbered = False
        below = [_split(line, self.separator) for number, line in sample if number > self.header_line]
        self._behind = units_behind([cells for cells in below if len(cells) == len(self.header)])
        self.units = {} if self._behind is None else self._behind.units
        """What stands behind each number of a column, by its place."""

    def number_rows(self) -> int:
        """Give each row its number, from 0, as one more cell at its end, and return the place of that."""
        self._numbered = True
        self.header.append("row")
        return len(self.header) - 1

    @property
    def may_hide_marks(self) -> bool:
        """Whether a number somewhere may have a comma in it: in quotes, or where commas part no cells."""
        marks = self._file.marks
        return '"' in marks or ("," in marks and self.separator != ",")

    def lines(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[Row]:
        """Give the rows of data one by one; see ``blocks``."""
        for numbers, rows in self.blocks(progress):
            yield from zip(numbers, rows, strict=True)

    def blocks(
        self, progress: Callable[[float], None] = lambda share: None
    ) -> Generator[tuple[Sequence[int], list[list[str]]], None, None]:
        """Give numbers and cells of the rows of data, many at a time.

        Lines without any cell are no rows. Empty cells that a row has beyond the header are dropped: many
        programs end rows with a separator. ``progress`` is told the share of the file that is read, 0 to 1.
        """
        separator, columns = self.separator, len(self.header) - self._numbered
        passed = taken = 0
        for lines in self._file.blocks(progress):
            first = passed + 1
            passed += len(lines)
            if passed <= self.header_line:
                continue
            begin = max(first, self.header_line + 1)
            # Line by line, so that an open quote cannot swallow the rest of the file.
            rows = [
                line.split(separator) if '"' not in line and separator != BLANKS else _split(line, separator)
                for line in lines[begin - first :]
            ]
            numbers: Sequence[int] = range(begin, passed + 1)
            if not set(map(len, rows)) <= {columns}:
                kept = [(number, cells) for number, cells in zip(numbers, rows, strict=True) if not _is_blank(cells)]
                numbers, rows = [number for number, _ in kept], [cells for _, cells in kept]
                for number, cells in kept:
                    if len(cells) > columns and not any(cells[columns:]):
                        del cells[columns:]
                    elif self._numbered and not self.is_cut_off(number):
                        cells += [""] * (columns - len(cells))  # the number has its place behind all columns
            if self._behind is not None:
                self._behind.strip(rows)
            if self._numbered:
                for number, cells in enumerate(rows, start=taken):
                    cells.append(str(number))
                taken += len(rows)
            yield numbers, rows

    def is_cut_off(self, line: int) -> bool:
        """Return whether a line is the last one and has no ending, so that the rest of it may be missing."""
        return line == self._file.unended

    def _first(self, count: int) -> list[str]:
        return list(islice(chain.from_iterable(self._file.blocks()), count))

    def _separator(self, sample: list[tuple[int, str]], options: ReadingOptions) -> tuple[str, list[tuple[int, str]]]:
        """Return what parts the cells, and the sample without the line that says it."""
        if options.separator is not None:
            separator = {"tab": "\t", "\\t": "\t"}.get(options.separator.lower(), options.separator)
            if len(separator) != 1:
                raise RecordingError(self.path, None, f"--separator {separator}", "one character, or tab")
            return separator, sample
        said = _EXCEL_SEPARATOR.fullmatch(sample[0][1].strip()) if sample else None
        if said is not None:
            return said[1], sample[1:]
        lines = [line for _, line in sample if not line.startswith(_REMARKS)]
        if _parted_by_blanks(lines):
            return BLANKS, sample
        return max(SEPARATORS, key=lambda separator: _fit(lines, separator)), sample

    def _find_header(self, sample: list[tuple[int, str]], said: int | None) -> tuple[int, list[str]]:
        """Return line and names of the header: the first row that is as wide as those below it."""
        rows = [(number, _split(line, self.separator), line) for number, line in sample]
        if said == 0:
            width = max((_width(cells) for _, cells, _ in rows), default=0)
            if not width:
                raise RecordingError(self.path, 1, "nothing", "rows of data")
            return 0, [f"column_{number}" for number in range(1, width + 1)]
        if said is not None:
            found = next((row for row in rows if row[0] == said), None)
            if found is None:
                raise RecordingError(self.path, None, f"--header-line {said}", "a line that is not empty")
            return said, [name.strip() for name in found[1]]
        remarks = [row for row in rows if row[2].startswith(_REMARKS)]
        rows = [row for row in rows if not row[2].startswith(_REMARKS)] or rows
        if not rows:
            raise RecordingError(self.path, 1, "nothing", "a header with a column timestamp")
        widths = Counter(_width(cells) for _, cells, _ in rows[1:] or rows)
        usual = max(widths, key=lambda width: (widths[width], width))
        if remarks and remarks[-1][0] < rows[0][0] and len(remarks[-1][1]) == len(rows[0][1]) > 1 and _data(rows[0][1]):
            # A header behind a mark of remarks, as numpy writes it.
            rows.insert(0, remarks[-1])
            rows[0][1][0] = rows[0][1][0].lstrip("#/% ") or rows[0][1][0]
        start = 0
        if _width(rows[0][1]) == 1 < usual:
            start = next(place for place, (_, cells, _) in enumerate(rows) if _width(cells) == usual)
        number, cells, _ = rows[start]
        if start:
            self.guesses.append(f"the header is line {number}: what is above it is no table (--header-line)")
        while len(cells) > 1 and not cells[-1].strip() and len(cells) > usual:
            cells.pop()
        return number, [name.strip() for name in cells]

    def _is_data(self, sample: list[tuple[int, str]]) -> bool:
        """Return whether the header looks like a row of data; pandas names columns 0, 1, 2 and so on."""
        if len(self.header) > 1:
            counted = self.header == [str(number) for number in range(len(self.header))]
            return bool(_data(self.header)) and not counted
        below = [line.strip() for number, line in sample if number > self.header_line]
        named = self.header == ["0"] and not all(_is_whole(line) for line in below)
        return bool(below) and _is_number(self.header[0]) and not named

    def _name_apart(self) -> None:
        """Give columns of the same name a number each: ``flow``, ``flow_2``."""
        taken, twice = set(self.header), set[str]()
        for place, name in enumerate(self.header):
            if name and name in self.header[:place]:
                twice.add(name)
                number = 2
                while f"{name}_{number}" in taken:
                    number += 1
                self.header[place] = f"{name}_{number}"
                taken.add(self.header[place])
        if twice:
            shown = ", ".join(sorted(twice)[:_SHOWN])
            self.guesses.append(f"names that stand more than once are numbered: {shown} (--header-line)")

    def _check_header(self) -> None:
        """Refuse a name that stands twice, and data in place of names."""
        if self._scale_free:
            self._name_apart()
        places: dict[str, int] = {}
        for place, name in enumerate(self.header, start=1):
            if not name:
                continue
            if name in places:
                found = f"column {name!r} twice, as columns {places[name]} and {place}"
                raise RecordingError(self.path, self.header_line, found, "a name of its own for each column")
            places[name] = place
        counted = self.header == [str(number) for number in range(len(self.header))]
        data = [] if counted and self._scale_free else _data(self.header)
        if data:
            found = f"data in place of names ({', '.join(data[:3])})"
            expected = "a header with a column timestamp, or --header-line 0 where no line names the columns"
            raise RecordingError(self.path, self.header_line, found, expected)


def separator_name(separator: str) -> str:
    """Return a separator as people call it."""
    return _NAMES.get(separator, separator)


def _parted_by_blanks(lines: list[str]) -> bool:
    """Return whether lines are rows of numbers with nothing but blanks between them, whatever stands above them.

    Rows may begin with times where as many names stand above them, as in tables that are set for the eye.
    """
    rows = [line.split() for line in lines[1:] if not any(mark in line for mark in SEPARATORS)]
    widths = {len(row) for row in rows}
    if len(rows) != len(lines) - 1 or len(widths) != 1 or widths == {1}:
        return False
    if _numbers(rows):
        return True
    times = sum(map(_is_time, rows[0]))
    named = {len(lines[0].split())} == widths
    return named and 0 < times < len(rows[0]) and _numbers([row[times:] for row in rows]) and _times(rows, times)


def _numbers(rows: list[list[str]]) -> bool:
    return all(shape_of(cell) is not NumberShape.WORD for row in rows for cell in row)


def _times(rows: list[list[str]], count: int) -> bool:
    return all(_is_time(cell) for row in rows for cell in row[:count])


def _is_time(cell: str) -> bool:
    return take_apart(cell) is not None or is_time_of_day(cell)


def _split(text: str, separator: str) -> list[str]:
    if separator == BLANKS:
        return text.split()
    if '"' not in text:
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return text.split(separator)


def _is_blank(cells: list[str]) -> bool:
    return len(cells) <= 1 and not "".join(cells).strip()


def _width(cells: list[str]) -> int:
    """Return how many cells a row has, without empty ones at its end."""
    return next((len(cells) - place for place, cell in enumerate(reversed(cells)) if cell.strip()), 0)


def _fit(lines: list[str], separator: str) -> tuple[int, int, int]:
    """Return how well a separator parts lines into rows; the larger, the better.

    First counts how many rows are no wider than their header, since decimal commas make rows wider than it;
    then, for a file with lines above its header, how many rows are as wide as most.
    """
    if not lines:
        return 0, 0, 0
    head, *others = [_width(_split(line, separator)) for line in lines]
    widths = Counter(width for width in others if width > 1)
    usual = max(widths, key=lambda width: (widths[width], width), default=0)
    return sum(1 < width <= head for width in others), widths[usual], head


def _data(cells: list[str]) -> list[str]:
    """Return cells of a header that no name would look like: times, or numbers throughout."""
    data = [cell for cell in cells if take_apart(cell) is not None]
    return data or (cells if len(cells) > 1 and all(map(_is_number, cells)) else [])


def _shown(header: list[str]) -> str:
    return header[0] if len(header) == 1 else f"{header[0]} to {header[-1]}"


def _is_whole(text: str) -> bool:
    return shape_of(text) in (NumberShape.BARE, NumberShape.LONG)


def _is_number(name: str) -> bool:
    return shape_of(name) not in (NumberShape.WORD, NumberShape.ABSENT)
