"""One timestamp taken apart: which digits are year, month and day is for the whole file to say."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

_MONTHS = (
    "jan january janvier januar jänner enero ene gennaio gen januari janeiro ianuarie",
    "feb february février fév févr fevr fev februar febrero febbraio februari fevereiro",
    "mar march mars mär märz mrz marzo maart mrt março marco",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag mei maio",
    "jun june juin juni junio giugno giu junho",
    "jul july juillet juil juli julio luglio lug julho",
    "aug august août aout aoû agosto ago augustus",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october octobre oktober okt octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december décembre déc dezember dez diciembre dic dicembre dezembro",
)
"""January to December in the languages that loggers of Western plants speak; no name stands for two months."""
MONTHS = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_WORD = r"[^\W\d_]{3,10}"
_WEEKDAY = rf"(?:{_WORD}\.?,?\s+)?"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:(?P<colon>[:.hH_\-])(?P<minute>\d{2})"
    r"(?:(?:(?P=colon)|m)(?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,9}))?s?)?)?"
)
"""The same mark between all of its parts, so that 10:00-05 is a minute and an offset."""
_TIME = rf"(?:{_CLOCK}(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?(?:\s*(?:Uhr|uhr|hrs|h))?)"
_ZONE = r"(?:\s*(?P<zone>(?:UTC|GMT)?[+\-]\d{1,2}(?::?\d{2})?|[A-Za-z]{1,5})(?:\s*[\[(][^\])]*[\])])?)?"
_BETWEEN = r"(?:\s*[T,;]\s*|[\s:_\-]\s*)"
_PATTERNS = tuple(
    re.compile(rf"{_WEEKDAY}{days}(?:{_BETWEEN}{_TIME})?{_ZONE}")
    for days in (
        r"(?P<a>\d{1,4})(?P<mark>[-/.:_])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[-/\s.]*(?P<month>{_WORD})\.?[-/\s.,]*(?P<year>\d{{4}}|\d{{2}})",
        rf"(?P<month>{_WORD})\.?[-/\s]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[-/\s]+(?P<year>\d{{4}})",
        rf"(?P<year>\d{{4}})[-/\s.]*(?P<month>{_WORD})\.?[-/\s.]*(?P<day>\d{{1,2}})",
    )
)
_CTIME = re.compile(rf"{_WEEKDAY}(?P<month>{_WORD})\s+(?P<day>\d{{1,2}})\s+{_TIME}{_ZONE}\s+(?P<year>\d{{4}})")
"""As C prints it: ``Sun Feb  1 10:00:00 2026``."""
_TIME_OF_DAY = re.compile(rf"\s*{_TIME}{_ZONE}\s*")
_PIVOT = 69
"""Two digits of a year from here on are of the last century, as POSIX has it."""
_CENTURY = 100

Order = str
"""The fields of a date as they stand there: ``dmy``, ``mdy`` or ``ymd``."""


class Digits(NamedTuple):
    """A date that is written in digits only: three numbers, and what stands between them."""

    a: str
    mark: str
    b: str
    c: str

    def orders(self) -> tuple[Order, ...]:
        """Return how it may be meant, the usual before the rare."""
        if len(self.a) == 4:
            return ("ymd",)
        if len(self.a) > 2 or len(self.c) not in (2, 4):
            return ()
        if len(self.c) == 4:
            return ("dmy", "mdy")
        return ("dmy", "mdy", "ymd")

    def day(self, order: Order) -> date | None:
        """Return the day that it is if meant so; None for none in the calendar."""
        parts = dict(zip(order, (self.a, self.b, self.c), strict=True))
        try:
            return date(_year(parts["y"]), int(parts["m"]), int(parts["d"]))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.a}{self.mark}{self.b}{self.mark}{self.c}"


class Stamp(NamedTuple):
    """A timestamp taken apart."""

    day: date | Digits
    since_midnight: timedelta
    zone: str
    """Offset or abbreviation as it stands there; empty for none."""

    def moment(self, order: Order | None) -> datetime:
        """Return the moment by the clock that wrote it, without a zone.

        Raises:
            ValueError: the calendar has no such day, or it could be one of several and ``order`` is None.
        """
        day = self.day
        if isinstance(day, Digits):
            orders = day.orders()
            if not orders:
                raise ValueError(f"no date: {day}")
            found = day.day(order if order in orders else orders[0])
            if found is None or (order is None and len(orders) > 1):
                raise ValueError(f"no date, or one of several: {day}")
            day = found
        return datetime(day.year, day.month, day.day) + self.since_midnight


def take_apart(text: str) -> Stamp | None:
    """Return the parts of a timestamp, or None where there is none in the text."""
    text = text.strip().replace("\u2212", "-").replace("\u00a0", " ").replace("\u202f", " ")
    for match in _matches(text):
        parts = match.groupdict()
        since = _since_midnight(parts)
        if since is None:
            continue
        if "a" in parts:
            if parts["mark"] == ":" and 4 not in map(len, (parts["a"] or "", parts["c"] or "")):
                continue  # 08:13:12 is a time of day; colons part dates only beside a year that has all of its digits
            return Stamp(Digits(parts["a"], parts["mark"], parts["b"], parts["c"]), since, parts["zone"] or "")
        month = MONTHS.get(parts["month"].lower())
        if month is None:
            continue
        try:
            day = date(_year(parts["year"]), month, int(parts["day"]))
        except ValueError:
            continue
        return Stamp(day, since, parts["zone"] or "")
    return None


def is_time_of_day(text: str) -> bool:
    """Return whether a text is a time without a date; a bare number of one or two digits is not."""
    return time_of_day(text) is not None


def time_of_day(text: str) -> timedelta | None:
    """Return the time since midnight of a time without a date; None for what is none."""
    match = _TIME_OF_DAY.fullmatch(text)
    return _since_midnight(match.groupdict()) if match and (match["minute"] or match["half"]) else None


def is_clock_digits(text: str) -> bool:
    """Return whether a number can be an hour, or hours and minutes without a mark between them: 7, 0730, 24."""
    return is_time_of_day(_clock(text))


def join_time(cells: Sequence[str]) -> str:
    """Return a timestamp of its parts: a date and a time of day, or year, month, day, hour and so on."""
    parts = [_whole(cell.strip()) for cell in cells]
    if len(parts) == 2:
        return f"{parts[0]} {_clock(parts[1])}"
    clock = ":".join(part.zfill(2) for part in (*parts[3:], "00")[:3]) or "00:00"
    return f"{'-'.join(part.zfill(2) for part in parts[:3])} {clock}"


def _whole(text: str) -> str:
    """Return a whole number without the decimals that a spreadsheet gives it."""
    digits, point, decimals = text.partition(".")
    return digits if point and digits.isdigit() and not decimals.strip("0") else text


def _clock(text: str) -> str:
    """Return digits with the marks that tell hours, minutes and seconds apart; other texts as they are."""
    text = _whole(text.strip())
    if not text.isdigit() or len(text) > 6:
        return text
    if len(text) <= 2:
        return f"{text}:00"
    text = text.zfill(len(text) + len(text) % 2)
    return ":".join(text[start : start + 2] for start in range(0, len(text), 2))


def _matches(text: str) -> Iterator[re.Match[str]]:
    for pattern in (*_PATTERNS, _CTIME):
        match = pattern.fullmatch(text)
        if match is not None:
            yield match


def _since_midnight(parts: dict[str, str | None]) -> timedelta | None:
    """Return the time of day; the end of a day (24:00) and a leap second are instants like others."""
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    half = (parts["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = parts["fraction"] or "0"
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and (minute or second)):
        return None
    micros = round(int(fraction) / 10 ** (len(fraction) - 6))
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (20 if year < _PIVOT else 19) * _CENTURY
