"""The period, or the instant, that somebody named."""

import math
import re

from aegisflow.domain.times import Period, format_instant, parse_instant, parse_period
from aegisflow.errors import BadValueError

_LAST_INSTANT = 253_402_300_799.0
"""The end of the year 9999, as UTC epoch seconds."""
PAST_INSTANT = "ISO 8601 such as 2026-01-31T08:00:00Z, not in the future"
"""What is expected of an instant at which something happened."""
_FUTURE_S = 60.0
"""How far ahead of the plant's clock somebody else's may be."""

_DAY_S = 86_400.0
_NUMBER = r"(\d+(?:\.\d+)?)"
_ISO = re.compile(rf"p(?:{_NUMBER}w)?(?:{_NUMBER}d)?(?:t(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?)?")
_ISO_UNITS = ("w", "d", "h", "min", "s")
_SHORT = {
    long: short
    for short, several in (
        ("s", ("sec", "secs", "second", "seconds")),
        ("min", ("mins", "minute", "minutes")),
        ("h", ("hr", "hrs", "hour", "hours")),
        ("d", ("day", "days")),
        ("w", ("week", "weeks")),
    )
    for long in several
}
_LONG_UNIT = re.compile(rf"(?<![a-z])(?:{'|'.join(sorted(_SHORT, key=len, reverse=True))})(?![a-z])")
_BETWEEN = re.compile(r"(?<=[a-z])(?:\s*,\s*|\s+and\s+|\s+)(?=\d)")


def asked_period(start: str | None, end: str | None, last: str | None, *, now: float, default_s: float) -> Period:
    """Return the period of the three arguments that every read over time has.

    Beside ISO 8601 and ``2h`` it takes what has only one meaning: ``2 hours``, ``PT2H``, ``today`` and ``yesterday``,
    both in UTC. One without an end includes what happened at this very instant: on recorded time that is the newest
    reading.

    Raises:
        BadValueError: a text cannot be read, or the period is empty or outside of 1970 to 9999.
    """
    start, end, last = _without_words(start, end, last, now)
    period = parse_period(start, end, last, now=now, default_s=default_s)
    if end is None:
        period = period._replace(end=math.nextafter(period.end, math.inf))
    if period.start < 0 or period.end > _LAST_INSTANT:
        given = " ".join(text for text in (start, end, last) if text)
        raise BadValueError("period", given, "a period between the years 1970 and 9999")
    return period


def past_instant(value: object, name: str, now: float) -> float:
    """Return an instant of ISO 8601 as epoch seconds, not after ``now``; raises BadValueError for anything else."""
    try:
        at = parse_instant(value) if isinstance(value, str) else math.nan
    except (ValueError, OverflowError):
        at = math.nan
    if not 0 <= at <= now + _FUTURE_S:
        raise BadValueError(name, value, PAST_INSTANT)
    return at


def _without_words(
    start: str | None, end: str | None, last: str | None, now: float
) -> tuple[str | None, str | None, str | None]:
    """Return the three arguments with instants for days and short units for long ones; the rest as it is."""
    today = now // _DAY_S * _DAY_S
    days = {"today": today, "yesterday": today - _DAY_S}
    day = _word(last)
    if day in days and start is None and end is None:
        return format_instant(days[day]), (format_instant(today) if day == "yesterday" else None), None
    if (word := _word(start)) in days:
        start = format_instant(days[word])
    if _word(end) == "now":
        end = None
    return start, end, last if last is None else short_duration(last)


def short_duration(text: str) -> str:
    """Return a duration such as ``2 hours``, ``1 hour and 30 minutes`` or ``PT2H`` as ``2h``; any other text as it is.

    Months and years are left as they are, and refused by whoever reads them: they are of several lengths.
    """
    plain = text.strip().lower()
    iso = _ISO.fullmatch(plain)
    if iso and any(iso.groups()):
        return "".join(f"{number}{unit}" for number, unit in zip(iso.groups(), _ISO_UNITS, strict=True) if number)
    if not plain.isascii() or len(plain) > 40:
        return text
    short = _LONG_UNIT.sub(lambda found: _SHORT[found[0]], plain)
    return _BETWEEN.sub("", short)


def _word(text: str | None) -> str:
    return (text or "").strip().lower()
