"""What a person may say about a file, so that nothing has to be concluded from it."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from aegisflow.domain.times import parse_duration, parse_instant
from aegisflow.errors import BadValueError

NONE = "none"
"""Said of a column or a marker: there is none."""
FEWEST_HEALTHY = 60
"""Readings from which something can be learned."""
_DIGITS_OF_A_DATE = 8
_MOST_PARTS = 6
"""Columns that make up a time: year, month, day, hour, minute and second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """How a recording is to be read; what is left out here is found in the file, and told.

    Attributes:
        separator: between two cells: one character, or tab
        decimal: what stands before decimals; the other mark then stands between groups of three digits
        encoding: of the text, such as utf-8 or cp1252
        header_line: number of the line that names the columns, or 0 where none does
        time_column: column of times; said twice, a column of dates and one of times of day;
            or three to six times, the columns of year, month, day, hour, minute and second
        time_format: of strptime, such as %d.%m.%Y %H:%M; or excel; or what is counted from 1970 or from the start:
            s, ms, us, ns, min, h, d
        interval: between two rows of a file that has no times, such as 5s or 15min
        timezone: of times that say none: Europe/Berlin, or +01:00 (default UTC)
        day_first: 04/07 is the 4th of July
        month_first: 04/07 is the 7th of April
        newest_first: the file goes back in time
        oldest_first: the file goes forward in time
        device_column: column that says whose row it is, or none
        device: whose rows they are where no column says so (default: the name of the file)
        sensors: column to judge, said once for each, and no others
        label_column: column that says what was really wrong, or none
        healthy_label: label that means that nothing was wrong
        healthy_until: how far the file is known to be healthy, so that it is learned from: a number of readings of
            each device, or an ISO 8601 time
        missing: value that stands for no value, such as -200 or Bad, or none

    Raises:
        BadValueError: two of them contradict each other.
    """

    separator: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    header_line: int | None = None
    time_column: tuple[str, ...] = ()
    time_format: str | None = None
    interval: str | None = None
    timezone: str | None = None
    day_first: bool = False
    month_first: bool = False
    newest_first: bool = False
    oldest_first: bool = False
    device_column: str | None = None
    device: str | None = None
    sensors: tuple[str, ...] = ()
    label_column: str | None = None
    healthy_label: tuple[str, ...] = ()
    healthy_until: str | None = None
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.day_first and self.month_first:
            raise BadValueError("--month-first", "beside --day-first", "one of them")
        if self.newest_first and self.oldest_first:
            raise BadValueError("--oldest-first", "beside --newest-first", "one of them")
        if len(self.time_column) > _MOST_PARTS:
            expected = "one column, a date and a time, or year, month, day, hour, minute and second"
            raise BadValueError("--time-column", ", ".join(self.time_column), expected)
        if self.interval is not None and self.time_column:
            raise BadValueError("--interval", "beside --time-column", "one of them")
        if self.healthy_until is not None:
            self.healthy_part()
        if self.interval is not None:
            self._read_interval(self.interval)

    @property
    def interval_s(self) -> float | None:
        """Seconds between two rows of a file that has no times; None where that was not said."""
        return None if self.interval is None else self._read_interval(self.interval)

    @staticmethod
    def _read_interval(text: str) -> float:
        try:
            interval_s = parse_duration(text)
        except ValueError:
            interval_s = 0.0
        if interval_s <= 0:
            raise BadValueError("--interval", text, "a duration above zero, such as 5s or 15min")
        return interval_s

    def healthy_part(self) -> tuple[int, float]:
        """Return how many readings of a device are known to be healthy, or until when; 0 and infinity for unsaid.

        Raises:
            BadValueError: it is neither a number of readings nor a time.
        """
        text = self.healthy_until
        if text is None:
            return 0, inf
        if text.isdecimal() and len(text) < _DIGITS_OF_A_DATE:
            if int(text) >= FEWEST_HEALTHY:
                return int(text), inf
        else:
            try:
                return 0, parse_instant(text)
            except ValueError:
                pass
        raise BadValueError("--healthy-until", text, f"at least {FEWEST_HEALTHY} readings, or an ISO 8601 time")
