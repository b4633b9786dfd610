"""The period, or the instant, that somebody named."""

import math

from aegisflow.domain.times import Period, parse_instant, parse_period
from aegisflow.errors import BadValueError

_LAST_INSTANT = 253_402_300_799.0
"""The end of the year 9999, as UTC epoch seconds."""
PAST_INSTANT = "ISO 8601 such as 2026-01-31T08:00:00Z, not in the future"
"""What is expected of an instant at which something happened."""
_FUTURE_S = 60.0
"""How far ahead of the plant's clock somebody else's may be."""


def asked_period(start: str | None, end: str | None, last: str | None, *, now: float, default_s: float) -> Period:
    """Return the period of the three arguments that every read over time has.

    One without an end includes what happened at this very instant: on recorded time that is the newest reading.

    Raises:
        BadValueError: a text cannot be read, or the period is empty or outside of 1970 to 9999.
    """
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
