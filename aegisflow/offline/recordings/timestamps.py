"""Text of one timestamp to UTC epoch seconds, once the file has said how it means them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from math import inf
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aegisflow.domain.times import parse_instant
from aegisflow.offline.recordings.calendar import Order, take_apart, time_of_day
from aegisflow.offline.recordings.numbers import plain_number

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9, "min": 1 / 60, "h": 1 / 3_600, "d": 1 / 86_400}
"""How many of them are a second."""
PLAUSIBLE = {"s": (1e8, 2.2e9), "ms": (4.8e11, 2.2e12), "us": (4.8e14, 2.2e15), "ns": (9e17, 2.2e18)}
"""Numbers that are taken for time since 1970 unasked: up to 2039, from 1985 on, and in seconds from 1973 on.

Counts of other epochs (file times of Windows, ticks of .NET) and digits of dates without a century lie outside.
"""
_CALENDAR = (-62_135_596_800.0, 253_402_300_800.0)
"""The years 1 to 9999, in UTC epoch seconds."""
EXCEL = "excel"
_EXCEL_ZERO = datetime(1899, 12, 30, tzinfo=UTC).timestamp()
_DAY_S = 86_400.0
_HALF_DAY = timedelta(hours=12)
_FIRST_DAY = datetime(1970, 1, 1)
DIGIT_FORMS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}
"""Digits of a date, by how many there are."""
_DIGIT_YEARS = range(1950, 2100)
_ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 1, "cet": 1, "cest": 2, "mez": 1, "mesz": 2, "eet": 2,
    "eest": 3, "edt": -4, "est": -5, "cdt": -5, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8, "jst": 9,
}  # fmt: skip
"""Abbreviations of zones with one meaning in practice, to hours east of Greenwich."""
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


def parse_zone(text: str) -> tzinfo:
    """Return the zone of an IANA name (``Europe/Berlin``), ``UTC``, or an offset (``+01:00``).

    Raises:
        ValueError: there is no such zone.
    """
    offset = _OFFSET.fullmatch(text.strip())
    if offset is not None:
        return _fixed(offset)
    if text.strip().lower() in ("utc", "z", "gmt"):
        return UTC
    try:
        return ZoneInfo(text.strip())
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no such time zone: {text!r}") from None


def of_digits(text: str) -> datetime | None:
    """Return the moment of ``20260302000500`` and shorter ones (8, 10, 12, 14 or 17 digits); None if it is none."""
    form = DIGIT_FORMS.get(len(text))
    if form is None or not (text.isascii() and text.isdigit()) or int(text[:4]) not in _DIGIT_YEARS:
        return None
    try:
        parts = [int(text[place : place + 2]) for place in range(4, min(len(text), 14), 2)]
        return datetime(int(text[:4]), *parts, microsecond=int(text[14:] or 0) * 1000)  # type: ignore[arg-type,misc]
    except (TypeError, ValueError):
        return None


def unit_of(number: float) -> str | None:
    """Return the unit in which a number is a plausible time since 1970, or None."""
    return next((unit for unit, (low, high) in PLAUSIBLE.items() if low <= number < high), None)


class _Last(NamedTuple):
    """The newest stamp of one device in a zone that puts its clocks back."""

    wall: datetime
    at: float
    fold: int


@dataclass(slots=True)
class _Zone:
    """A zone in which some hours come twice a year and others not at all."""

    zone: tzinfo
    interval_s: float
    """Usual time between two stamps of a device: stamps an hour apart may be equal, and right."""
    last: dict[str, _Last]

    def at(self, wall: datetime, device_id: str) -> float:
        """Return the instant of a local time.

        An hour that comes twice is told by the order: when the stamps of a device go back by much, the
        second time has begun.

        Raises:
            ValueError: the clock was put forward over that time.
        """
        first, second = (wall.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        at = first.timestamp()
        if first.utcoffset() == second.utcoffset():
            self.last[device_id] = _Last(wall, at, 0)
            return at
        if datetime.fromtimestamp(at, self.zone).replace(tzinfo=None) != wall:
            raise ValueError(f"{wall} does not exist in {self.zone}, where the clock went forward")
        fold, last = 0, self.last.get(device_id)
        if last is not None and at <= last.at:
            back_s = (last.wall - wall).total_seconds()
            length_s = second.timestamp() - at
            begins = back_s >= length_s / 2 or (back_s == 0 and self.interval_s >= length_s)
            fold = 1 if begins else last.fold
        at = (second if fold else first).timestamp()
        if last is None or at > last.at:
            self.last[device_id] = _Last(wall, at, fold)
        return at


@dataclass(slots=True)
class _Days:
    """Clocks on the wall that say no day: each passing of midnight begins the next one."""

    last: dict[str, timedelta]

    def at(self, since_midnight: timedelta, device_id: str) -> datetime:
        """Return the moment of a time of day, from the 1st of January 1970 on.

        A time that is more than half a day before the one before it is after midnight; one that is more than half a
        day after it came late, from before midnight.
        """
        last = self.last.get(device_id, since_midnight)
        day = timedelta(days=last.days)
        ahead = since_midnight - (last - day)
        day += timedelta(days=(ahead < -_HALF_DAY) - (ahead > _HALF_DAY))
        self.last[device_id] = max(last, day + since_midnight)
        return _FIRST_DAY + day + since_midnight


class TimeReader:
    """Reads the timestamps of one file."""

    def __init__(
        self,
        *,
        order: Order | None = None,
        dates_in_digits: bool = False,
        unit: str | None = None,
        form: str | None = None,
        zone: tzinfo | None = None,
        interval_s: float = 1.0,
        count_s: float | None = None,
        of_day: bool = False,
    ) -> None:
        """Take what is known of the file.

        Args:
            order: Fields of dates such as 04/07/2016.
            dates_in_digits: Whether numbers such as 202603020005 are dates, and not counted from 1970.
            unit: Of numbers that count from 1970, or ``excel`` for days; None lets their size tell.
            form: A format of ``strptime`` that all stamps have.
            zone: Of stamps that say none; None is UTC.
            interval_s: Usual time between two stamps of a device.
            count_s: Seconds that one count from the start stands for, where stamps are such counts.
            of_day: Whether stamps are times of day, without a date.
        """
        self._count_s, self._days = count_s, _Days({}) if of_day else None
        self._order, self._dates_in_digits, self._unit, self._form = order, dates_in_digits, unit, form
        self._zone = zone or UTC
        self._wall = _Zone(zone, interval_s, {}) if isinstance(zone, ZoneInfo) else None
        self._parse: Callable[[str, str], float] = self._formatted if form else self._any

    @property
    def by_device(self) -> bool:
        """Whether the same text may be another instant on another device."""
        return self._wall is not None or self._days is not None

    def restart(self) -> None:
        """Forget the order of the stamps so far: the file is read again."""
        if self._wall is not None:
            self._wall.last.clear()
        if self._days is not None:
            self._days.last.clear()

    def at(self, text: str, device_id: str = "") -> float:
        """Return UTC epoch seconds of a timestamp.

        Raises:
            ValueError: it is none; says why where that is known.
        """
        try:
            at = self._parse(text, device_id)
        except (OverflowError, OSError):
            at = inf
        if not _CALENDAR[0] <= at < _CALENDAR[1]:
            raise ValueError("beyond the calendar")
        return at

    def _any(self, text: str, device_id: str) -> float:
        if self._unit is None and self._wall is None and self._zone is UTC and text[4:5] == "-":
            try:
                return parse_instant(text)
            except ValueError:
                pass
        text = text.strip()
        if self._days is not None:
            since = time_of_day(text)
            if since is None:
                raise ValueError("no time of day")
            return self._settle(self._days.at(since, device_id), device_id)
        number = _number(text)
        if number is not None:
            return self._of_number(text, number, device_id)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return self._of_stamp(text, device_id)
        return self._settle(moment, device_id)

    def _formatted(self, text: str, device_id: str) -> float:
        assert self._form is not None
        return self._settle(datetime.strptime(text.strip(), self._form), device_id)

    def _of_number(self, text: str, number: float, device_id: str) -> float:
        if self._unit == EXCEL:
            wall = datetime.fromtimestamp(round(_EXCEL_ZERO + number * _DAY_S, 3), UTC).replace(tzinfo=None)
            return self._settle(wall, device_id)
        if self._count_s is not None:
            return number * self._count_s
        if self._unit is not None:
            return number / UNITS[self._unit]
        moment = of_digits(text)
        unit = unit_of(number)
        if moment is not None and (self._dates_in_digits or unit is None):
            return self._settle(moment, device_id)
        if unit is None:
            raise ValueError("no number that could count from 1970")
        return number / UNITS[unit]

    def _of_stamp(self, text: str, device_id: str) -> float:
        stamp = take_apart(text)
        if stamp is None:
            raise ValueError("no timestamp")
        moment = stamp.moment(self._order)
        if stamp.zone and not self._is_own(stamp.zone, moment):
            moment = moment.replace(tzinfo=_zone_of(stamp.zone))
        elif stamp.zone:
            fold = next(f for f in (0, 1) if self._name(moment, f) == stamp.zone)
            return moment.replace(tzinfo=self._zone, fold=fold).timestamp()
        return self._settle(moment, device_id)

    def _settle(self, moment: datetime, device_id: str) -> float:
        if moment.tzinfo is not None:
            return (moment - datetime.fromtimestamp(0, UTC)).total_seconds()
        if self._wall is not None:
            return self._wall.at(moment, device_id)
        return (moment.replace(tzinfo=self._zone) - datetime.fromtimestamp(0, UTC)).total_seconds()

    def _is_own(self, name: str, moment: datetime) -> bool:
        """Return whether an abbreviation is one of the zone that was said: EST means many things elsewhere."""
        return self._wall is not None and name in (self._name(moment, 0), self._name(moment, 1))

    def _name(self, moment: datetime, fold: int) -> str | None:
        return moment.replace(tzinfo=self._zone, fold=fold).tzname()


def _number(text: str) -> float | None:
    """Return the number of a text that can be nothing else; a date in ISO 8601 is none."""
    if not text[:1].isdigit() and text[:1] not in "+-.":
        return None
    return plain_number(text)


def _zone_of(text: str) -> tzinfo:
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        return _fixed(offset)
    hours = _ZONES.get(text.lower())
    if hours is None:
        raise ValueError(f"no time zone that has one meaning: {text!r} (--timezone)")
    return timezone(timedelta(hours=hours))


def _fixed(match: re.Match[str]) -> tzinfo:
    size = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-size if match[1] == "-" else size)
