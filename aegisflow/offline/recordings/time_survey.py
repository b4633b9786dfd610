"""What all timestamps of a file say together about how each of them is meant."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from aegisflow.offline.recordings.calendar import Digits, Order, take_apart
from aegisflow.offline.recordings.numbers import plain_number
from aegisflow.offline.recordings.options import ReadingOptions
from aegisflow.offline.recordings.timestamps import EXCEL, UNITS, TimeReader, of_digits, parse_zone, unit_of

_DIGITS = str.maketrans("123456789", "000000000")
_ISO = ("iso", "iso-local")
_WORDS = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
_TYPO = 0.01
"""Share of dates that may contradict what all others say."""
_ROWS_A_DAY = 4
"""With fewer, a step of a day and one of a month may both be the file's rhythm."""
_FAR_DAYS = 20
_CLEAR = 10
_NAMED = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


class Ambiguous(NamedTuple):
    """What a file leaves open, and what a person can say to settle it."""

    line: int | None
    found: str
    expected: str


class TimeSurvey:
    """Looks at every timestamp once, and concludes."""

    def __init__(
        self,
        options: ReadingOptions,
        *,
        count_s: float | None = None,
        of_day: bool = False,
        scale_free: bool = False,
    ) -> None:
        """Take what the columns have said.

        Args:
            options: What a person says about the file.
            count_s: Seconds that one count from the start stands for, where times are such counts.
            of_day: Whether times are those of a day, without a date.
            scale_free: Whether dates that nothing settles may be taken in one way; see ``Recording``.
        """
        self._options, self._count_s, self._of_day = options, count_s, of_day
        self._scale_free = scale_free
        self._shapes: dict[str, str] = {}
        self._last = ""
        self._dates: dict[Digits, int] = {}
        """Dates in digits that may be meant in several ways, to the first line with each."""
        self._steps: Counter[tuple[Digits, Digits]] = Counter()
        self._before: Digits | None = None
        self._dated = 0
        self._units: Counter[str] = Counter()
        self._of_digits = 0
        self._numbers = 0
        self._number = ""
        self._read = 0
        self._local = 0
        self._bad: tuple[int, str] | None = None
        self.guesses: list[str] = []

    def take(self, lines: Sequence[int], texts: Sequence[str]) -> None:
        """Take in the timestamps of some rows, in the order of the file."""
        last = self._last
        for line, text in zip(lines, texts, strict=True):
            if text == last:
                continue
            last = text
            shape = text.translate(_DIGITS)
            kind = self._shapes.get(shape)
            if kind is None:
                kind = self._shapes[shape] = _kind(text)
            if kind in _ISO:
                self._read += 1
            else:
                self._take_other(kind, text.strip(), line)
        self._last = last

    @property
    def is_plain(self) -> bool:
        """Whether all timestamps so far are ISO 8601, which nothing further down can make mean anything else."""
        return self._read > 0 and set(self._shapes.values()) <= set(_ISO)

    def reader(self, interval_s: float = 1.0) -> TimeReader | Ambiguous:
        """Return what reads the timestamps of the file, or what it leaves open."""
        options = self._options
        zone: tzinfo | None = None
        if options.timezone is not None:
            try:
                zone = parse_zone(options.timezone)
            except ValueError:
                return Ambiguous(None, f"--timezone {options.timezone}", "a name such as Europe/Berlin, or +01:00")
        if self._count_s is not None or self._of_day:
            return TimeReader(count_s=self._count_s, of_day=self._of_day, zone=zone, interval_s=interval_s)
        form = options.time_format
        if form in UNITS or form == EXCEL:
            return TimeReader(unit=form, zone=zone, interval_s=interval_s)
        if form is not None:
            if not _is_format(form):
                expected = "a format of strptime such as %d.%m.%Y %H:%M, or s, ms, us, ns, min, h, d, excel"
                return Ambiguous(None, f"--time-format {form!r}", expected)
            return TimeReader(form=form, zone=zone, interval_s=interval_s)
        if not self._read:
            line, text = self._bad or (None, "nothing")
            return Ambiguous(
                line, f"{text[:50]!r} as a time", "ISO 8601, another form of date and time, or --time-format"
            )
        order = self._order()
        if isinstance(order, Ambiguous):
            return order
        dates_in_digits = self._conclude_numbers()
        if options.timezone is None and (self._local or "iso-local" in self._shapes.values()):
            self.guesses.append("times say no zone: taken as UTC (--timezone)")
        return TimeReader(order=order, dates_in_digits=dates_in_digits, zone=zone, interval_s=interval_s)

    def _take_other(self, kind: str, text: str, line: int) -> None:
        if kind == "number":
            self._take_number(text, line)
            return
        stamp = take_apart(text)
        if stamp is None:
            self._bad = self._bad or ((line, text) if text else None)
            return
        self._read += 1
        self._local += not stamp.zone
        day = stamp.day
        if isinstance(day, Digits) and len(day.orders()) > 1:
            self._dated += 1
            if day != self._before:
                self._dates.setdefault(day, line)
                if self._before is not None:
                    self._steps[self._before, day] += 1
                self._before = day

    def _take_number(self, text: str, line: int) -> None:
        unit = unit_of(float(text))
        moment = of_digits(text)
        if unit is None and moment is None:
            self._bad = self._bad or (line, text)
            return
        self._read += 1
        self._numbers += 1
        self._number = self._number or text
        self._of_digits += moment is not None
        if unit is not None:
            self._units[unit] += 1

    def _conclude_numbers(self) -> bool:
        """Return whether numbers are digits of dates: all of them can be, which counts from 1970 hardly are."""
        if not self._numbers:
            return False
        if self._of_digits >= (1 - _TYPO) * self._numbers:
            self._local += 1
            self.guesses.append(f"times such as {self._number} are the digits of a date (--time-format)")
            return True
        units = " or ".join(_NAMED[unit] for unit, _ in self._units.most_common())
        self.guesses.append(f"times such as {self._number} count {units} since 1970 (--time-format)")
        return False

    def _order(self) -> Order | Ambiguous | None:
        """Return the order of day, month and year in dates that do not show it by themselves."""
        if not self._dates:
            return None
        if self._options.day_first or self._options.month_first:
            return "dmy" if self._options.day_first else "mdy"
        orders: tuple[Order, ...] = min((day.orders() for day in self._dates), key=len)
        against = {order: [day for day in self._dates if self._contradicts(day, order, orders)] for order in orders}
        possible = [order for order in orders if len(against[order]) <= _TYPO * len(self._dates)]
        if not possible:
            shown = " and ".join(f"{days[0]} in line {self._dates[days[0]]}" for days in against.values())
            return Ambiguous(self._dates[against[orders[0]][0]], f"both {shown}", "one order of day and month")
        chosen = self._continuous(possible)
        why = "only so do its days follow each other"
        if chosen is None:
            # Two digits of a year in front are rare but between dashes.
            usual = [order for order in possible if order != "ymd" or next(iter(self._dates)).mark == "-"] or possible
            if len(usual) > 1 and next(iter(self._dates)).mark == "." and "dmy" in usual:
                chosen, why = "dmy", "as dates with dots are"
            elif len(usual) == 1:
                chosen = usual[0]
                others = [day for order in orders if order != chosen for day in against[order][:1]]
                why = f"{others[0]} in line {self._dates[others[0]]} can mean nothing else" if others else "as usual"
        if chosen is None and self._scale_free:
            chosen = min(possible, key=self._strides)
            why = "nothing says otherwise"
        if chosen is None:
            day, line = next(iter(self._dates.items()))
            meant = " or ".join(str(day.day(order)) for order in possible)
            settle = "--day-first or --month-first" + (", or --time-format" if "ymd" in possible else "")
            return Ambiguous(line, f"{day} throughout, which may be {meant}", settle)
        override = "--month-first" if chosen == "dmy" else "--day-first"
        self.guesses.append(f"dates such as {next(iter(self._dates))} have the {_WORDS[chosen]}: {why} ({override})")
        return chosen

    def _strides(self, order: Order) -> tuple[int, bool]:
        """Return how many days the dates of the file stride over in one order, and whether that is not day first."""
        total = 0
        for (before, after), count in self._steps.items():
            first, second = before.day(order), after.day(order)
            total += count * (abs((second - first).days) if first and second else _FAR_DAYS)
        return total, order != "dmy"

    def _contradicts(self, day: Digits, order: Order, orders: Sequence[Order]) -> bool:
        """Return whether a date is none if meant so, and one if meant otherwise."""
        return day.day(order) is None and any(day.day(other) is not None for other in orders)

    def _continuous(self, possible: Sequence[Order]) -> Order | None:
        """Return the one order in which a day is followed by the next one, where in all others it is not by far."""
        if len(possible) < 2 or self._dated < _ROWS_A_DAY * len(self._dates):
            return None
        support: Counter[Order] = Counter()
        for (before, after), count in self._steps.items():
            steps = {}
            for order in possible:
                first, second = before.day(order), after.day(order)
                steps[order] = abs((second - first).days) if first and second else _FAR_DAYS
            near = [order for order in possible if steps[order] <= 1]
            if len(near) == 1 and all(step >= _FAR_DAYS for order, step in steps.items() if order != near[0]):
                support[near[0]] += count
        ranked = support.most_common()
        if not ranked or (len(ranked) > 1 and ranked[0][1] < _CLEAR * ranked[1][1]):
            return None
        return ranked[0][0]


def _is_format(form: str) -> bool:
    """Return whether ``strptime`` understands a format, and would learn a time from it."""
    try:
        datetime.strptime("", form)
    except ValueError as error:
        return "%" in form and "bad directive" not in str(error) and "stray" not in str(error)
    return False


def _kind(text: str) -> str:
    """Return what a text looks like: ``iso``, ``iso-local`` (no zone), ``number``, or ``other``."""
    text = text.strip()
    if plain_number(text) is not None:
        return "number" if text[:1].isdigit() else "other"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return "other"
    return "iso" if moment.tzinfo else "iso-local"
