"""Text for an agent: other people's words made harmless, limits and figures in few tokens."""

import unicodedata

from aegisflow.domain.equipment import Limits

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories without a glyph: controls, joiners and direction marks, surrogates, private, unassigned."""


def clean(text: str, limit: int) -> str:
    """Return ``text`` on one line, without invisible characters, in at most ``limit`` bytes of UTF-8."""
    return clip(" ".join("".join(_visible(char) for char in text[: 4 * limit]).split()), limit)


def clean_lines(text: str, limit: int) -> str:
    """Return ``text`` line by line, without invisible characters, in at most ``limit`` bytes of UTF-8."""
    lines = ("".join(_visible(char) for char in line).rstrip() for line in text[: 4 * limit].split("\n"))
    return clip("\n".join(lines).strip("\n"), limit)


def clip(text: str, limit: int) -> str:
    """Return ``text``, or as much as goes into ``limit`` bytes of UTF-8 with an ellipsis behind."""
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode(errors="ignore").rstrip() + "…"


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _INVISIBLE:
        return char
    return " " if char.isspace() else ""


def shorten(value: float) -> float:
    """Return ``value`` to five significant digits."""
    return float(f"{value:.5g}")


def maybe(value: float | None) -> float | None:
    """Return ``value`` to five significant digits, if there is one."""
    return None if value is None else shorten(value)


def z_score(value: float) -> float:
    """Return a z-score for reading: two decimals, and never larger than 9,999."""
    return round(max(-9_999.0, min(9_999.0, value)), 2)


def describe_limits(limits: Limits) -> str | None:
    """Return ``65 to 85``, ``up to 90``, ``from 18``, or None where there is no bound."""
    low, high = limits.low, limits.high
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if high is not None:
        return f"up to {high:g}"
    return None if low is None else f"from {low:g}"
