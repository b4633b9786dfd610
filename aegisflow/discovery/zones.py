"""Times that are not of the zone that they say or leave out: seen by how far they lie from when messages came."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from aegisflow.bus.sources.instants import instant_reader
from aegisflow.config.sources import SourceTime
from aegisflow.domain.times import format_duration
from aegisflow.errors import PayloadError

__all__ = ["said_zone"]

_STEP_S = 1_800.0
"""Zones lie half hours apart, but for a few."""
_MOST_S = 14 * 3_600.0
_LATE_S = 120.0
"""So long a message may be under way, and so far clocks may be apart, for a zone to be recognised."""
_LOOKED_AT = 60


def said_zone(said: Sequence[object], came: Sequence[float], form: str, names_zone: bool) -> tuple[dict[str, Any], str]:
    """Return the key ``zone`` of a time, if it needs one, and what a person should look at; empty for nothing.

    Args:
        said: times as messages say them.
        came: when each of these messages came, UTC epoch seconds.
        form: the format of the times.
        names_zone: whether they say their zone themselves, or count from the epoch, which has one.
    """
    ahead_s = _ahead(said, came, form)
    if ahead_s is None or ahead_s == 0.0:
        return {}, "" if names_zone else "says no time zone: taken as UTC (time.zone)"
    how = f"lies {format_duration(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} when messages came"
    if names_zone:
        return {}, f"{how}: its sender may count local time as UTC; see to its clock"
    hours, rest = divmod(ahead_s, 3_600.0)
    if rest or not -12 <= hours <= 14:
        return {}, f"says no time zone, and {how}: say its zone (time.zone)"
    # The signs of these names are those of POSIX: what is ahead of UTC has a minus.
    zone = f"Etc/GMT{-int(hours):+d}"
    return {"zone": zone}, f"says no time zone, and {how}: taken as {zone}; where clocks change, name the place"


def _ahead(said: Sequence[object], came: Sequence[float], form: str) -> float | None:
    """Return how far times lie ahead of their messages, to half an hour; None where they do not steadily."""
    read = instant_reader(SourceTime(format=form))
    ahead: list[float] = []
    for one, at in [*zip(said, came, strict=False)][-_LOOKED_AT:]:
        try:
            ahead.append(read(one) - at)
        except PayloadError:
            continue
    if not ahead:
        return None
    usual = median(ahead)
    steps = round(usual / _STEP_S) * _STEP_S
    is_steady = all(abs(one - other) <= 2 * _LATE_S for one, other in pairwise(sorted(ahead)))
    return steps if is_steady and abs(usual - steps) <= _LATE_S and abs(usual) <= _MOST_S + _LATE_S else None
