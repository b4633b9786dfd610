"""Timestamps written back in the form of a recording."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

_DAY_LETTERS = 10


class TimeForm(NamedTuple):
    """How a file writes its timestamps, so that ours can be laid beside them.

    Forms of ISO 8601 and counts from the start are kept; from any other one it is ISO 8601 in UTC, or with the
    offset of the zone that was said of the file.
    """

    separator: str = "T"
    suffix: str = "Z"
    zone: tzinfo = UTC
    fraction: str = "seconds"
    count_s: float | None = None
    """Seconds that one count stands for, where times are counts from the start."""

    @classmethod
    def of(cls, text: str, zone: tzinfo | None = None) -> "TimeForm":
        """Return the form of one timestamp that can be read; ``zone`` is of stamps that say none."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return cls() if zone is None else cls(suffix="", zone=zone)
        if len(text) < _DAY_LETTERS or text[4] != "-" or (moment.tzinfo is None and zone is not None):
            return cls() if zone is None else cls(suffix="", zone=zone)
        letters = enumerate(text[_DAY_LETTERS:], start=_DAY_LETTERS)
        place = next((i for i, letter in letters if letter in "Zz+-"), len(text))
        digits = len(text[:place].partition(".")[2])
        fraction = "seconds" if not digits else "milliseconds" if digits <= 3 else "microseconds"
        return cls("T" if "T" in text else " ", text[place:], moment.tzinfo or UTC, fraction)

    def format(self, at: float) -> str:
        """Return ``at`` (UTC epoch seconds) in this form; a fraction that it has is shown all the same."""
        if self.count_s is not None:
            return f"{round(at / self.count_s, 6):.15g}"
        moment = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=round(at, 6))).astimezone(self.zone)
        fraction = "microseconds" if moment.microsecond % 1000 else self.fraction
        if moment.microsecond and fraction == "seconds":
            fraction = "milliseconds"
        if self.suffix or self.zone is UTC:
            moment = moment.replace(tzinfo=None)
        return moment.isoformat(self.separator, fraction) + self.suffix
