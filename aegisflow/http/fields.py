"""What people send over HTTP, field by field: the value, or an error that says what was expected."""

import math

from aegisflow.api.text import clean
from aegisflow.errors import BadValueError

__all__ = ["real", "said", "whole", "yes_or_no"]


def said(value: object, name: str, limit: int, expected: str = "a text that is not empty") -> str:
    """Return a text on one line, without invisible characters, in at most ``limit`` bytes."""
    if not isinstance(value, str) or not (text := clean(value, limit)):
        raise BadValueError(name, value, expected)
    return text


def real(value: object, name: str, expected: str = "a number") -> float:
    """Return a finite number, also from its text."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadValueError(name, value, expected)
    return number


def whole(text: str, name: str, most: int) -> int:
    """Return a whole number from 1 to ``most`` from its text."""
    if not (text.isascii() and text.isdigit() and len(text) < 16 and 1 <= int(text) <= most):
        raise BadValueError(name, text, f"a whole number from 1 to {most}")
    return int(text)


def yes_or_no(text: str | None, name: str) -> bool | None:
    """Return whether it is ``yes``, None for nothing said."""
    if text not in (None, "yes", "no"):
        raise BadValueError(name, text, "yes or no")
    return None if text is None else text == "yes"
