"""Times as foreign machines write them."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from math import isfinite
from zoneinfo import ZoneInfo

from aegisflow.config.sources import SourceTime
from aegisflow.errors import PayloadError, printable

__all__ = ["instant_reader"]

_PER_SECOND = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}
_FIRST, _END = -62_135_596_800.0, 253_402_300_800.0
"""The years 1 to 9999, which is what can be written as ISO 8601."""


def instant_reader(settings: SourceTime) -> Callable[[object], float]:
    """Return what reads a time: it takes what a message says and returns UTC epoch seconds.

    Raises (what is returned):
        PayloadError: ``bad_timestamp``.
    """
    form = settings.format
    zone: tzinfo = UTC if settings.zone == "UTC" else ZoneInfo(settings.zone)
    per_second = _PER_SECOND.get(form)

    def parse(said: object) -> float:
        if per_second is not None:
            return _epoch(said, per_second)
        if isinstance(said, bool) or not isinstance(said, str | int):
            raise ValueError
        text = str(said)
        moment = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.timestamp()

    known: list[object] = [None, 0.0]

    def read(said: object) -> float:
        # Machines that report together repeat it, and so do the points of a message.
        last, at = known
        if said == last and said.__class__ is last.__class__:
            return at  # type: ignore[return-value]
        try:
            at = parse(said)
            if not _FIRST <= at < _END:
                raise ValueError
        except (ValueError, OverflowError):
            raise PayloadError("bad_timestamp", f"found {printable(repr(said), 40)}, expected {form}") from None
        known[:] = said, at
        return at

    return read


def _epoch(said: object, per_second: int) -> float:
    if isinstance(said, str):
        said = int(said) if said.lstrip("-").isdigit() and len(said) < 30 else float(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not isfinite(said):
        raise ValueError
    # Of an integer, so that nanoseconds are not rounded before they are divided.
    return said / per_second
