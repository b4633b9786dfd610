"""Which column of a recording holds times, devices, labels: by its name, and by what stands in it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise

from aegisflow.errors import RecordingError
from aegisflow.offline.recordings import names
from aegisflow.offline.recordings.calendar import is_clock_digits, is_time_of_day, take_apart
from aegisflow.offline.recordings.numbers import plain_number
from aegisflow.offline.recordings.options import NONE, ReadingOptions
from aegisflow.offline.recordings.survey import time_text
from aegisflow.offline.recordings.table import Row, Table
from aegisflow.offline.recordings.timestamps import UNITS, of_digits, unit_of

_MOST_DEVICES = 50
_SHOWN = 50
_CROWDED = 1.5
"""So many rows to a timestamp, and they are of several devices."""
_UNIQUE = 0.99
_EXCEL_DAYS = (29_000.0, 75_000.0)
"""Days since 1899 that are taken for dates: those of 1979 to 2105."""
_COUNTED = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "min": "minutes", "h": "hours", "d": "days"}


class Roles:
    """Columns of a file that are no sensors, found by the first rows."""

    def __init__(self, table: Table, sample: Sequence[Row], options: ReadingOptions, scale_free: bool = False) -> None:
        """Find them; ``scale_free`` as for ``Recording``.

        Raises:
            RecordingError: there is no column of times, or none of the name that was said.
        """
        self._table, self._options, self._scale_free = table, options, scale_free
        self._header, self._rows = table.header, [cells for _, cells in sample]
        self.guesses: list[str] = []
        self.device_place: int | None = None
        self.count_s: float | None = None
        """Seconds that one count from the start stands for, where times are no dates; None where they are."""
        self.of_day = False
        """Whether times are those of a clock on the wall, without any date."""
        self.excel = False
        """Whether times are days as spreadsheets count them."""
        self.unread_place: int | None = None
        """The column that is named like one of times, and that nobody can read; None for none."""
        self.numbered = False
        """Whether rows are numbered, for want of times."""
        self.time_places = self._find_time()
        self.device_place = self._find_device()
        self.tag_place = self._find_tag()
        """The column that says which sensor the one value of a row is of."""

    def place_of(self, name: str, option: str) -> int:
        """Return the column that a person named, in whichever case.

        Raises:
            RecordingError: there is no such column.
        """
        for known in (lambda text: text, names.plain, lambda text: names.plain(names.name_and_unit(text)[0])):
            found = [place for place, header in enumerate(self._header) if known(header) == known(name.strip())]
            if found:
                return found[0]
        shown = ", ".join(name for name in self._header if name)
        raise RecordingError(self._table.path, self._table.header_line, f"{option} {name}", f"one of {shown[:300]}")

    def _find_time(self) -> tuple[int, ...]:
        if self._options.interval_s is not None:
            return self._number_rows(self._options.interval_s)
        said = self._options.time_column
        if said:
            return tuple(self.place_of(name, "--time-column") for name in said)
        pair = self._date_and_time()
        if pair is not None:
            columns = " and ".join(self._header[place] for place in pair)
            self.guesses.append(f"times in two columns, {columns} (--time-column)")
            return pair
        parts = self._calendar()
        if parts:
            columns = ", ".join(self._header[place] for place in parts)
            self.guesses.append(f"times in {len(parts)} columns, {columns} (--time-column)")
            return parts
        named = self._named(names.TIME)
        for place in named:
            if self._share(place, self._is_time) >= 0.5:
                return (place,)
        undated = self._without_dates(named)
        if undated or (named and not (self._scale_free and self._rows)):
            return undated or (named[0],)
        if self._scale_free and (counted := self._counted(named)):
            return counted
        for is_time in (_is_stamp, self._is_time):
            for place in range(len(self._header)):
                if self._rows and self._share(place, is_time) >= _UNIQUE and self._rises(place):
                    self.guesses.append(f"times in column {self._header[place] or place + 1} (--time-column)")
                    return (place,)
        if self._scale_free and self._rows:
            self._tell_numbered(named)
            return self._number_rows(1.0)
        shown = ", ".join(self._header[:10])[:200] or "nothing"
        expected = "a header with a column timestamp, or --time-column, or --interval where there are no times"
        raise RecordingError(self._table.path, self._table.header_line, shown, expected)

    def _number_rows(self, interval_s: float) -> tuple[int, ...]:
        self.count_s, self.numbered = interval_s, True
        place = self._table.number_rows()
        for number, cells in enumerate(self._rows):
            cells.append(str(number))
        return (place,)

    def _tell_numbered(self, named: Sequence[int]) -> None:
        """Say why rows are numbered: there is no column of times, or only one that nobody can read."""
        for place in named:
            cells = [text for row in self._rows if (text := row[place].strip())]
            if cells and self._share(place, _is_number) < 1 - _UNIQUE:
                self.unread_place = place
                what = f"{self._header[place]} says no time ({cells[0][:_SHOWN]!r})"
                self.guesses.append(f"{what}: rows count as 1 s apart (--time-format, --interval)")
                return
        self.guesses.append("no column of times: rows count as 1 s apart (--interval, --time-column)")

    def _counted(self, named: Sequence[int]) -> tuple[int, ...]:
        """Return a column named after time that counts something: days as spreadsheets do, or nobody knows what."""
        for place in named:
            cells = [number for row in self._rows if (number := plain_number(row[place].strip())) is not None]
            if self._share(place, _is_number) < _UNIQUE or len(set(cells)) < 2 or not self._rises(place):
                continue
            name = self._header[place]
            parts_days = not all(cell.is_integer() for cell in cells) and abs(cells[-1] - cells[0]) < len(cells)
            dated = "dat" in name.lower() or "stamp" in name.lower() or parts_days
            if dated and all(_EXCEL_DAYS[0] <= cell < _EXCEL_DAYS[1] for cell in cells):
                self.excel = True
                self.guesses.append(f"{name} counts days as spreadsheets do (--time-format, --time-column)")
            else:
                self.count_s = 1.0
                self.guesses.append(f"{name} counts nobody knows what: taken as seconds (--time-format, --time-column)")
            return (place,)
        return ()

    def _without_dates(self, named: Sequence[int]) -> tuple[int, ...]:
        """Return the column of times that name no day: counts from the start, or times of day; none for no such."""
        for place, name in enumerate(self._header):
            unit = names.count_unit(name)
            if unit and self._share(place, _is_number) >= _UNIQUE and self._rises(place):
                self.count_s = 1.0 / UNITS[unit]
                self.guesses.append(f"{name} counts {_COUNTED[unit]} from the start (--time-format, --time-column)")
                return (place,)
        for place in dict.fromkeys((*named, *self._named(names.TIME_OF_DAY))):
            if self._share(place, is_time_of_day) >= _UNIQUE:
                self.of_day = True
                self.guesses.append(
                    f"{self._header[place]} says no day: each midnight begins the next (--time-column, for the day)"
                )
                return (place,)
        return ()

    def _date_and_time(self) -> tuple[int, int] | None:
        days, times = self._named(names.DATE), self._named(names.TIME_OF_DAY)
        for day in days:
            for time in times:
                both = day != time and self._share(day, self._is_time) >= 0.5
                if both and self._share(time, is_time_of_day) >= 0.5:
                    return day, time
                # An hour beside dates that have a time of day already is a sensor or a hint, no part of them.
                if both and self._share(day, _has_clock) == 0.0 and self._share(time, is_clock_digits) >= _UNIQUE:
                    return day, time
        return None

    def _calendar(self) -> tuple[int, ...]:
        """Return the columns of year, month, day and what follows of hour, minute and second; none for no such."""
        found = []
        for known in names.CALENDAR:
            named = self._named(known)
            if not named:
                break
            found.append(named[0])
        if len(found) < 3 or any(self._share(place, _is_stamp) >= 0.5 for place in self._named(names.TIME)):
            return ()
        return tuple(found)

    def _find_device(self) -> int | None:
        said = self._options.device_column
        if said is not None:
            return None if said.lower() == NONE else self.place_of(said, "--device-column")
        if self._options.device is not None:
            return None
        named = self._named(names.DEVICE)
        if named:
            return named[0]
        if self._named(names.TAG) and self._named(names.VALUE):
            return None
        place = self._parts_rows_of_one_time()
        if place is not None:
            name = self._header[place]
            self.guesses.append(
                f"column {name} says whose row it is: several rows have the same time (--device-column)"
            )
        return place

    def _find_tag(self) -> int | None:
        """Return the column by which the rows of one device and one time differ.

        Such a file has a row for each value. What it calls one sensor is watched as a device of its own: values of
        different sensors in one series would be judged against each other.
        """
        if self._options.device_column is not None:
            return None
        tags = self._named(names.TAG) if self._named(names.VALUE) else []
        place = tags[0] if tags else None if self.device_place is None else self._parts_rows_of_one_time()
        if place is not None:
            name = self._header[place]
            self.guesses.append(f"one value a row: each {name} counts as a device of its own (--device-column)")
        return place

    def _parts_rows_of_one_time(self) -> int | None:
        """Return the column by which rows of the same time and device differ, if there are many of them."""
        device = self.device_place
        times = [
            (time_text(cells, self.time_places), "" if device is None else cells[device].strip())
            for cells in self._rows
        ]
        if not times or len(times) < _CROWDED * len(set(times)):
            return None
        found = []
        for place, name in enumerate(self._header):
            cells = [row[place].strip() for row in self._rows]
            counts = Counter(cells)
            unique = len(set(zip(times, cells, strict=True))) >= _UNIQUE * len(times)
            if (
                name
                and place not in (*self.time_places, device)
                and unique
                and len(counts) <= _MOST_DEVICES
                and min(counts.values()) > 1
            ):
                words = not any(cell.replace(".", "").isdigit() for cell in counts)
                found.append((not words, len(counts), place))
        return min(found)[2] if found else None

    def _named(self, known: Sequence[str]) -> list[int]:
        """Return the columns that have one of these names, in the order of the names."""
        by_name: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(self._header):
            for form in {names.plain(name), names.plain(names.name_and_unit(name)[0])}:
                by_name[form].append(place)
        return list(dict.fromkeys(place for name in known for place in by_name.get(name, ())))

    def _share(self, place: int, test: Callable[[str], bool]) -> float:
        """Return the share of the cells of a column, empty ones aside, that pass a test."""
        cells = [text for row in self._rows if (text := row[place].strip())]
        return sum(map(test, cells)) / len(cells) if cells else 0.0

    def _is_time(self, text: str) -> bool:
        if self._options.time_format is not None:
            return True
        number = plain_number(text)
        if number is None:
            return _is_stamp(text)
        return unit_of(number) is not None or of_digits(text) is not None

    def _rises(self, place: int) -> bool:
        """Return whether a column goes one way, if it is of numbers; times in words are told by their look."""
        try:
            values = [float(row[place]) for row in self._rows if row[place].strip()]
        except ValueError:
            return True
        steps = [after - before for before, after in pairwise(values)]
        return len(values) > 2 and (all(step >= 0 for step in steps) or all(step <= 0 for step in steps))


def _has_clock(text: str) -> bool:
    stamp = take_apart(text)
    return plain_number(text) is None and (stamp is None or bool(stamp.since_midnight))


def _is_number(text: str) -> bool:
    return plain_number(text) is not None


def _is_stamp(text: str) -> bool:
    if plain_number(text) is not None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return take_apart(text) is not None
    return True
