"""Lines of fields, as loggers and small controllers send them: ``12.3;45.6;1000`` or ``temp=20.5;state=RUN``."""

import csv
import re
from collections.abc import Sequence
from typing import Any

from aegisflow.bus.sources.formats import is_number, text_of
from aegisflow.errors import PayloadError

__all__ = ["decode_lines", "fields_of", "looks_like_lines", "pairs_of"]

_SEPARATORS = ";\t|,"
"""In this order, since a comma may as well be that of a number."""
_PAIR = re.compile(r"\s*([^\W\d][^=:;,|\t]*?)\s*[=:]\s*(.*?)\s*", re.DOTALL)
_MAX_INTEGER = 18
"""Digits of an integer that is one; a longer one is a number."""


def decode_lines(payload: bytes, names: Sequence[str]) -> list[Any]:
    """Return a record for each line of a text.

    Fields that say their names, ``name=value`` or ``name: value``, need no others. A line with too few fields, which
    has probably been cut off, becomes the line itself, to be refused.

    Args:
        payload: in UTF-8.
        names: of the fields in their order; empty where the first line of a text names them.

    Raises:
        PayloadError: it is no text.
    """
    records: list[Any] = []
    for line in text_of(payload).splitlines():
        if not line.strip():
            continue
        fields = fields_of(line)
        pairs = pairs_of(fields)
        if pairs:
            records.append({name: _scalar(value) for name, value in pairs.items()})
        elif not names:
            names = fields
        elif len(fields) < len(names):
            records.append(line)
        else:
            records.append({name: _scalar(field) for name, field in zip(names, fields, strict=False)})
    return records


def fields_of(line: str) -> list[str]:
    """Return the fields of a line, by the first of semicolon, tab, bar, comma that is in it, else by blanks."""
    separator = next((one for one in _SEPARATORS if one in line), None)
    if separator is None:
        words = line.split()
        return [line] if pairs_of([line]) and not pairs_of(words) else words
    return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]


def pairs_of(fields: Sequence[str]) -> dict[str, str]:
    """Return names and values of fields that all say both; empty for any others."""
    pairs = [_PAIR.fullmatch(field) for field in fields if field]
    return {pair[1]: pair[2] for pair in pairs if pair is not None} if pairs and all(pairs) else {}


def looks_like_lines(payload: bytes) -> bool:
    """Return whether a payload seems to be lines of fields, half of them numbers at least."""
    try:
        first = next((line for line in text_of(payload).splitlines() if line.strip()), "")
    except PayloadError:
        return False
    fields = fields_of(first)
    values = [*pairs_of(fields).values()] or fields
    return len(values) > 1 and 2 * sum(map(is_number, values)) >= len(values)


def _scalar(field: str) -> Any:
    if is_number(field):
        is_integer = field.lstrip("+-").isdigit() and len(field) <= _MAX_INTEGER
        return int(field) if is_integer else float(field)
    return {"true": True, "false": False, "": None, "null": None}.get(field.lower(), field)
