"""Time as text: ISO 8601 at the edges, UTC epoch seconds (``at``) inside."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from aegisflow.errors import BadValueError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = datetime(1970, 1, 1)  # subtracting beats replace(tzinfo=UTC) by a microsecond


class Period(NamedTuple):
    """The half-open span ``start <= at < end`` of UTC epoch seconds."""

    start: float
    end: float


def parse_instant(text: str) -> float:
    """Return the UTC epoch seconds of an ISO 8601 instant; without an offset it is taken as UTC.

    Raises:
        ValueError: it is not ISO 8601, or outside of the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text)
    return (moment - (_EPOCH if moment.tzinfo else _EPOCH_WITHOUT_ZONE)).total_seconds()


def format_instant(at: float) -> str:
    """Return ``at`` (UTC epoch seconds) as ISO 8601 with ``Z``, to the millisecond where there is one."""
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    spec = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as ``90s``, ``15min``, ``1h30m`` or ``7d``.

    Raises:
        ValueError: it is not such a text.
    """
    compact = text.strip().lower()
    position, seconds = 0, 0.0
    while position < len(compact):
        match = _DURATION.match(compact, position)
        if match is None:
            raise ValueError(f"not a duration: {text!r}")
        seconds += float(match[1]) * _SECONDS[match[2]]
        position = match.end()
    if not compact:
        raise ValueError("not a duration: ''")
    return seconds


def exact_duration(seconds: float) -> str:
    """Return ``seconds`` as ``plant.yaml`` has them, to the last one: ``90s``, ``15min``, ``8h``."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{repr(float(seconds)).removesuffix('.0')}s"


def format_duration(seconds: float) -> str:
    """Return ``seconds`` as people say it: ``45 s``, ``3 min``, ``1 h 30 min``, ``2 d 4 h``."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def parse_period(start: str | None, end: str | None, last: str | None, *, now: float, default_s: float) -> Period:
    """Return the period that a person or an agent asked for.

    ``start`` and ``end`` are ISO 8601, ``last`` a duration that ends at ``end`` (or now). Nothing
    given means the last ``default_s`` seconds.

    Raises:
        BadValueError: a text cannot be read, ``last`` stands beside ``start``, or the span is empty.
    """

    def instant(name: str, text: str) -> float:
        try:
            return parse_instant(text)
        except (ValueError, OverflowError):
            raise BadValueError(name, text, "ISO 8601 such as 2026-01-31T08:00:00Z") from None

    if last is not None and start is not None:
        raise BadValueError("last", last, "either start or last, not both")
    until = now if end is None else instant("end", end)
    if start is not None:
        since = instant("start", start)
    elif last is not None:
        try:
            since = until - parse_duration(last)
        except ValueError:
            raise BadValueError("last", last, "a duration such as 15min, 1h or 7d") from None
    else:
        since = until - default_s
    if not since < until:
        raise BadValueError("start", start or last, f"a time before the end ({format_instant(until)})")
    return Period(since, until)
