"""A recorded file of readings, in whichever dialect of CSV somebody's system wrote it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from math import inf, nan
from pathlib import Path
from statistics import median
from typing import NamedTuple

from aegisflow.domain.equipment import SensorKind
from aegisflow.errors import RecordingError
from aegisflow.offline.recordings import names
from aegisflow.offline.recordings.kinds import kind_of
from aegisflow.offline.recordings.missing import find_markers
from aegisflow.offline.recordings.numbers import ABSENT, Mark, parse_number
from aegisflow.offline.recordings.options import NONE, ReadingOptions
from aegisflow.offline.recordings.roles import Roles
from aegisflow.offline.recordings.states import states_of
from aegisflow.offline.recordings.survey import ColumnSurvey, Survey, time_text
from aegisflow.offline.recordings.table import Row, Table, separator_name
from aegisflow.offline.recordings.time_survey import Ambiguous, TimeSurvey
from aegisflow.offline.recordings.timeform import TimeForm
from aegisflow.offline.recordings.timestamps import EXCEL, TimeReader, parse_zone

_SAMPLE_ROWS = 2_000
_FEW_WORDS = 5
"""A column with no more different words than these is one of numbers, however often they stand there."""
_SHOWN = 8
_SHUFFLED = 0.1
"""Share of steps back in time, and of those forward, from which on rows stand in no order."""


class Column(NamedTuple):
    """A column of one sensor."""

    place: int
    name: str
    """Of the sensor."""
    unit: str
    """As the header has it in brackets; empty for none."""
    mark: Mark | None
    """What stands before decimals; None where both do."""
    grouped: bool
    """Whether some of its numbers are more than digits and a decimal point: groups of digits, other signs."""
    missing: frozenset[float | str]
    """Numbers and words that stand for no value."""
    states: Mapping[str, float] = {}
    """What stands for each of its words, in lower case; empty for a column of numbers."""

    def converter(self) -> Callable[[str], float]:
        """Return what makes a number of a cell, and not a number of one that stands for no value.

        It raises ``ValueError`` for what is neither. Wherever ``float`` will do it is that, since that is by far
        the fastest.
        """
        if self.states:
            return self._state
        if self.mark == "." and not self.grouped and not self.missing:
            return float

        def convert(cell: str) -> float:
            if cell.strip() in self.missing:
                return nan
            value = parse_number(cell, self.mark)
            return nan if value is None or value in self.missing else value

        return convert

    def _state(self, cell: str) -> float:
        word = cell.strip().lower()
        if word in ABSENT or word in self.missing:
            return nan
        try:
            return self.states[word]
        except KeyError:
            raise ValueError(f"no state that was seen before: {word!r}") from None


class Recording:
    """A file with its columns found; ``lines`` reads it from the oldest row to the newest.

    Everything that was concluded rather than read is told in ``guesses``, one line each with the option that
    says otherwise.
    """

    def __init__(
        self,
        path: Path,
        options: ReadingOptions | None = None,
        sensors: Collection[str] | None = None,
        *,
        scale_free: bool = False,
    ) -> None:
        """Read the whole file once.

        Args:
            path: The file.
            options: What a person says about it.
            sensors: Names of all sensors that its plant has; without them, every column of numbers is one.
            scale_free: Whether nothing hangs on how large numbers are, how long times, and what columns are called,
                as where no plant has limits and delays for them: then what the file leaves open of that is taken
                in one way, and told.

        Raises:
            RecordingError: it cannot be read, has no times or no numbers, or can be read in several ways.
        """
        self.path = path
        self.options = options = options or ReadingOptions()
        self._scale_free = scale_free
        self._table = Table(path, options, scale_free)
        self.header = self._table.header
        sample = _head(self._table)
        roles = Roles(self._table, sample, options, scale_free)
        self._numbered, self._unread_place = roles.numbered, roles.unread_place
        self.time_places, self.device_place = roles.time_places, roles.device_place
        self._tag_place = roles.tag_place
        said = replace(options, time_format=EXCEL) if roles.excel else options
        times = TimeSurvey(said, count_s=roles.count_s, of_day=roles.of_day, scale_free=scale_free)
        skipped = [place for place in (self.device_place, self._tag_place) if place is not None]
        self._survey = Survey(self._table, skipped, self.time_places, times)
        self._survey.begin()
        if not sample:
            self._refuse_without_rows()
        self.labels = self._find_labels(roles)
        """Places of columns that say what was really wrong, the most telling first."""
        if sensors is None or not self._is_plain(times):
            self._survey.go_on()
            self.labels = self._find_labels(roles)
        self._survey.close()
        self.guesses = [*self._table.guesses, *roles.guesses]
        self.hints: list[str] = []
        """What a person may want to say, although nothing was concluded."""
        self.columns = self._find_sensors(roles, sensors)
        self.times = self._conclude(times.reader())
        self.unsorted = False
        """Whether rows stand in no order of time, so that they are put into it."""
        self.interval_s, self.newest_first = self._rhythm(sample)
        self.times = self._conclude(times.reader(self.interval_s))
        self.guesses += list(dict.fromkeys(times.guesses))
        self._time_form(sample, roles.count_s)

    @property
    def separator(self) -> str:
        """What stands between two cells, as people call it."""
        return separator_name(self._table.separator)

    def kind(self, column: Column) -> SensorKind:
        """Return what the values of a column are, as far as they show it by themselves."""
        return SensorKind.STATE if column.states else kind_of(self._survey.columns[column.place])

    def rows_per_value(self, column: Column) -> float:
        """Return how many rows there are for each number of a column: more than one where it reports less often."""
        survey = self._survey.columns[column.place]
        found = survey.words if column.states else survey.numbers
        return max(1.0, self._survey.rows / found) if found else 1.0

    def label_counts(self, place: int) -> dict[str, int] | None:
        """Return the different cells of a column and how often they stand there; None where there are many."""
        column = self._survey.columns[place]
        return None if column.many else dict(column.texts)

    def device_of(self, cells: Sequence[str]) -> str:
        """Return whose row it is; all rows of a file without a device column belong to one device."""
        if self._tag_place is None:
            return self.one_device if self.device_place is None else cells[self.device_place].strip()
        tag = cells[self._tag_place].strip()
        owner = self.options.device if self.device_place is None else cells[self.device_place].strip()
        return f"{owner}/{tag}" if owner else tag

    @property
    def whose_place(self) -> int | None:
        """Where a row says in one cell of which device it is; None where ``device_of`` has to put that together."""
        return self.device_place if self._tag_place is None else None

    @property
    def says_whose(self) -> bool:
        """Whether rows say of which device they are."""
        return self.device_place is not None or self._tag_place is not None

    @property
    def one_device(self) -> str:
        """The device of a file without a device column: as was said, or the name of the file."""
        if self.options.device is not None:
            return self.options.device
        name = self.path.name.removesuffix(".gz")
        return Path(name).stem or name

    def stamp_text(self, cells: Sequence[str]) -> str:
        """Return the timestamp of a row as it stands there, also where it says no time and rows are numbered.

        Raises:
            IndexError: the row is too short to have one.
        """
        return self.time_text(cells) if self._unread_place is None else cells[self._unread_place]

    def time_text(self, cells: Sequence[str]) -> str:
        """Return the timestamp of a row as it stands there.

        Raises:
            IndexError: the row is too short to have one.
        """
        return time_text(cells, self.time_places)

    def filled(self, line: int, cells: list[str], width: int) -> list[str] | None:
        """Return a row that ends early with empty cells behind it, as spreadsheets leave them away at the end of rows.

        None for a row without any value, or without its time or device, for one that is too long, and for the last
        of a file which was cut off: of such a row not even the last number can be trusted.
        """
        said = (*self.time_places, self.device_place, self._tag_place)
        last = max(
            *(place for place in said if place is not None),
            min((column.place for column in self.columns.values()), default=0),
        )
        if not last < len(cells) < width or self._table.is_cut_off(line):
            return None
        return cells + [""] * (width - len(cells))

    def lines(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[Row]:
        """Give the rows of data from the oldest; ``progress`` is told the share of the file that is read, 0 to 1."""
        self.times.restart()
        if self.newest_first:
            # The end of a packed file can only be had by way of its beginning, so it is kept in memory.
            return reversed(list(self._table.lines(progress)))
        if self.unsorted:
            return iter(self._in_order(list(self._table.lines(progress))))
        return self._table.lines(progress)

    def _in_order(self, rows: list[Row]) -> list[Row]:
        """Return rows in the order of their times; one without a time stays behind the one before it."""
        instants, at = [], -inf
        for _, cells in rows:
            with suppress(ValueError, IndexError):
                at = self.times.at(self.time_text(cells), self.device_of(cells))
            instants.append(at)
        self.times.restart()
        return [rows[place] for place in sorted(range(len(rows)), key=instants.__getitem__)]

    def _is_plain(self, times: TimeSurvey) -> bool:
        """Return whether the first rows and a glance at all bytes tell enough, where a plant names the sensors.

        To look at everything takes a twentieth of a backtest, and would be in vain for most files.
        """
        if self._table.may_hide_marks or not times.is_plain:
            return False
        if any(column.formatted for column in self._survey.columns):
            return False
        return all(
            names.HEALTHY.intersection(map(names.plain_label, self._survey.columns[place].texts))
            for place in self.labels
        )

    def _refuse_without_rows(self) -> None:
        row = next(self._table.lines(), None)
        if row is None:
            expected = "rows of data, with at least one sensor"
            raise RecordingError(self.path, self._table.header_line, "no rows", expected)
        found = f"{len(row[1])} cells under {len(self.header)} names"
        raise RecordingError(self.path, row[0], found, "as many, or --separator, or --header-line")

    def _conclude(self, found: TimeReader | Ambiguous) -> TimeReader:
        if isinstance(found, Ambiguous):
            raise RecordingError(self.path, found.line, found.found, found.expected)
        return found

    def _find_labels(self, roles: Roles) -> tuple[int, ...]:
        said = self.options.label_column
        if said is not None:
            return () if said.lower() == NONE else (roles.place_of(said, "--label-column"),)
        used = {*self.time_places, self.device_place, self._tag_place}
        found = [
            place
            for place, name in enumerate(self.header)
            if place not in used and name and names.is_label(name, self._few(place))
        ]
        return tuple(sorted(found, key=lambda place: names.rank(self.header[place])))

    def _few(self, place: int) -> bool:
        """Return whether a column holds a few words or whole numbers, as labels do and measurements seldom."""
        column = self._survey.columns[place]
        return not column.many and all(
            (number := _as_number(text)) is None or number.is_integer() for text in column.texts
        )

    def _find_sensors(self, roles: Roles, known: Collection[str] | None) -> dict[str, Column]:
        """Return the columns that are judged, by the name of their sensor."""
        wanted = self._wanted(roles, known)
        marks, ambiguous = self._survey.marks()
        columns: dict[str, Column] = {}
        refused = []
        for place, name in wanted.items():
            alike = self._scale_free and self._survey.columns[place].all_ambiguous
            if place in ambiguous and self.options.decimal is None and not alike:
                shown = f"{ambiguous[place]!r} may have decimals or groups of three digits"
                refused.append(f"column {self.header[place]}: {shown}")
                continue
            unit = names.name_and_unit(self.header[place])[1] or self._table.units.get(place, "")
            mark = self.options.decimal or marks[place]
            if place in ambiguous and self.options.decimal is None:
                mark = ","  # taken for groups of three they would all be a thousand times as large, as their spread
            survey = self._survey.columns[place]
            states = states_of(survey) if known is None else {}
            columns[name] = Column(place, name, unit, mark, survey.formatted, frozenset(), states)
        self.guesses += [f"{text}: not judged (--decimal . or --decimal ,)" for text in refused]
        if refused and not columns:
            raise RecordingError(self.path, None, refused[0], "--decimal . or --decimal ,")
        self._tell_decimals(columns)
        behind = [
            f"{name} ({self._table.units[c.place]})" for name, c in columns.items() if c.place in self._table.units
        ]
        self._tell("units behind the numbers, taken away", behind, "--sensors")
        return self._with_markers(columns, known is not None)

    def _wanted(self, roles: Roles, known: Collection[str] | None) -> dict[int, str]:
        """Return the places of all columns that may be sensors, with the names of these."""
        if self.options.sensors:
            places = [roles.place_of(name, "--sensors") for name in self.options.sensors]
            return self._named_by_plant(places, known) if known is not None else self._named(places)
        if known is not None:
            return self._named_by_plant(range(len(self.header)), known)
        used = {*self.time_places, self._unread_place, self.device_place, self._tag_place, *self.labels}
        places, words, counts, states = [], [], [], []
        for place, name in enumerate(self.header):
            column = self._survey.columns[place]
            if place in used or (not name and not column.numbers):
                continue
            may_be_index = names.may_be_index(name) or (self._numbered and not self._table.header_line)
            if names.is_index(name) or (may_be_index and _counts(column)):
                counts.append(name or f"{place + 1} (no name)")
            elif _holds_numbers(column):
                places.append(place)
            elif states_of(column):
                states.append(place)
            else:
                words.append(name)
        self._tell("labels, no sensors", [self.header[place] for place in self.labels], "--sensors, --label-column")
        self._tell("numbers of rows, no sensors", counts, "--sensors")
        found = [self.header[place] for place in states]
        if places:  # states are judged only where there is nothing else
            words += found
        else:
            self._tell("states in words, judged by how long they last", found, "--sensors")
        self._tell("no numbers, not judged", words, "--sensors")
        return self._named(places or states)

    def _named(self, places: Collection[int]) -> dict[int, str]:
        """Return sensors named by the header without units, where that leaves them different names."""
        short = {place: names.name_and_unit(self.header[place])[0] for place in places}
        counts: dict[str, int] = defaultdict(int)
        for name in short.values():
            counts[name] += 1
        return {place: name if counts[name] == 1 else self.header[place] for place, name in short.items()}

    def _named_by_plant(self, places: Collection[int], known: Collection[str]) -> dict[int, str]:
        """Return the columns whose names are those of the plant's sensors, or mean the same."""
        exact = {place: self.header[place] for place in places if self.header[place] in known}
        free = {names.plain(name): name for name in known if name not in exact.values()}
        alike: dict[str, list[int]] = defaultdict(list)
        for place in places:
            for form in {names.plain(self.header[place]), names.plain(names.name_and_unit(self.header[place])[0])}:
                if place not in exact and form in free:
                    alike[free[form]].append(place)
        for name, found in alike.items():
            if len(found) == 1:
                exact[found[0]] = name
                self.guesses.append(f"column {self.header[found[0]]} is sensor {name} (rename it if it is not)")
        return dict(sorted(exact.items()))

    def _tell_decimals(self, columns: dict[str, Column]) -> None:
        commas = [column.name for column in columns.values() if column.mark == ","]
        if commas and self.options.decimal is None:
            self._tell("decimal commas", commas, "--decimal .")
        grouped = [c.name for c in columns.values() if c.mark == "." and self._survey.columns[c.place].looks.example]
        if grouped and self.options.decimal is None:
            self._tell("commas between groups of three digits", grouped, "--decimal ,")

    def _with_markers(self, columns: dict[str, Column], has_plant: bool) -> dict[str, Column]:
        """Return the columns with the numbers that stand for no value."""
        said = self.options.missing
        if said:
            values = {text if (number := _as_number(text)) is None else number for text in said} - {NONE}
            return {name: column._replace(missing=frozenset(values)) for name, column in columns.items()}
        surveys = {column.place: self._survey.columns[column.place] for column in columns.values()}
        markers = find_markers(surveys)
        by_marker: dict[float, list[str]] = defaultdict(list)
        for column in columns.values():
            if column.place in markers:
                by_marker[markers[column.place]].append(column.name)
        for marker, found in by_marker.items():
            if has_plant:
                self.hints.append(
                    f"{marker:g} repeats far outside in {_listed(found)}: no value? (--missing={marker:g})"
                )
            else:
                self._tell(f"{marker:g} stands for no value", found, "--missing none")
        if has_plant:
            return columns
        return {
            name: column._replace(missing=frozenset({markers[column.place]})) if column.place in markers else column
            for name, column in columns.items()
        }

    def _rhythm(self, sample: Sequence[Row]) -> tuple[float, bool]:
        """Return the usual time between two readings of one device, and whether the file goes back in time."""
        before: dict[str, float] = {}
        instants: set[float] = set()
        steps, back = [], 0
        for _, cells in sample:
            try:
                at = self.times.at(self.time_text(cells))
            except ValueError:
                continue
            device_id = self.device_of(cells)
            instants.add(at)
            step = at - before.get(device_id, at)
            if step:
                steps.append(abs(step))
                back += step < 0
            before[device_id] = at
        interval_s = median(steps) if steps else 1.0
        if self.options.newest_first or self.options.oldest_first:
            return interval_s, self.options.newest_first
        self.unsorted = self._scale_free and self._is_shuffled(back, len(steps), len(instants), len(sample))
        if self.unsorted:
            self.guesses.append("rows in no order of time: put into it (--oldest-first)")
            return interval_s, False
        newest_first = 2 * back > len(steps)
        if newest_first:
            self.guesses.append("newest row first: read from the end (--oldest-first)")
        return interval_s, newest_first

    @staticmethod
    def _is_shuffled(back: int, steps: int, instants: int, rows: int) -> bool:
        """Return whether times go to and fro; runs that begin anew do so seldom, or have many times in common."""
        return _SHUFFLED * steps < back < (1 - _SHUFFLED) * steps and instants > (1 - _SHUFFLED) * rows

    def _time_form(self, sample: Sequence[Row], count_s: float | None) -> None:
        self.time_form = TimeForm(count_s=count_s)
        if count_s is not None:
            return
        zone = None if self.options.timezone is None else parse_zone(self.options.timezone)
        for _, cells in sample:
            text = self.time_text(cells).strip()
            try:
                self.times.at(text)
            except ValueError:
                continue
            self.time_form = TimeForm.of(text, zone)
            return

    def _tell(self, what: str, columns: Sequence[str], option: str) -> None:
        if columns:
            self.guesses.append(f"{what}: {_listed(columns)} ({option})")


def _listed(columns: Sequence[str]) -> str:
    rest = len(columns) - _SHOWN
    return ", ".join(columns[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _holds_numbers(column: ColumnSurvey) -> bool:
    return column.numbers > 0 and (len(column.looks.words) <= _FEW_WORDS or column.numbers >= column.words)


def _counts(column: ColumnSurvey) -> bool:
    return column.counts_up and column.numbers > _FEW_WORDS


def _as_number(text: str) -> float | None:
    try:
        return parse_number(text, None)
    except ValueError:
        return None


def _head(table: Table) -> list[Row]:
    return list(islice((row for row in table.lines() if len(row[1]) == len(table.header)), _SAMPLE_ROWS))
