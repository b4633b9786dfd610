"""Lines of fields as they are overheard: which texts are any, and how their fields are called."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from aegisflow.bus.sources.formats import is_number, text_of
from aegisflow.bus.sources.lines import decode_lines, fields_of, pairs_of
from aegisflow.discovery.leaves import time_format
from aegisflow.discovery.profile import number_in
from aegisflow.errors import PayloadError

__all__ = ["LineForm", "line_form", "records_in"]

_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
"""A number with commas between its thousands."""
_NUMERIC_SHARE = 0.5
_TIME = "time"


class LineForm(NamedTuple):
    """How the lines of a text are written."""

    names: tuple[str, ...]
    """Of their fields; empty where the lines or a header name them."""
    has_header: bool = False


def line_form(payload: bytes) -> LineForm | None:
    """Return how a text consists of fields; None for a text of another form."""
    try:
        lines = [line for line in text_of(payload).splitlines() if line.strip()]
    except PayloadError:
        return None
    if not lines or _THOUSANDS.fullmatch(lines[0].strip()) or number_in(lines[0].strip()) is not None:
        return None
    rows = [fields_of(line) for line in lines]
    pairs = [pairs_of(row) for row in rows]
    if all(pairs):
        values = [value for one in pairs for value in one.values()]
        # One word before a colon is a sentence; two are a record.
        is_record = len(pairs[0]) > 1 or ("=" in lines[0] and bool(_numbers(values)))
        return LineForm(()) if is_record and _numbers(values) else None
    first, *others = rows
    if len({len(row) for row in rows}) > 1 or len(first) < 2 or not any(mark in lines[0] for mark in ";,\t|"):
        return None
    if others and not _numbers(first) and _is_of_values(others[0]):
        return LineForm((), has_header=True)
    return LineForm(_names(first)) if _is_of_values(first) else None


def records_in(payload: bytes, form: LineForm) -> Any:
    """Return the records of a text as JSON would have them: one alone is a message of its own."""
    records = [one for one in decode_lines(payload, form.names) if isinstance(one, dict)]
    return records[0] if len(records) == 1 else records


def _is_of_values(fields: Sequence[str]) -> bool:
    return len(_numbers(fields)) >= _NUMERIC_SHARE * len(fields)


def _numbers(fields: Sequence[str]) -> list[str]:
    return [one for one in fields if is_number(one) or number_in(one) is not None or time_format(one)]


def _names(fields: Sequence[str]) -> tuple[str, ...]:
    """Return names for the fields of a line by their places, and for the first time by what it is."""
    timed = next((place for place, one in enumerate(fields) if time_format(one, in_text=True)), None)
    return tuple(_TIME if place == timed else f"field_{place + 1}" for place in range(len(fields)))
