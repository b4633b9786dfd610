"""Numbers as people and spreadsheets write them: decimal points or commas, groups of three, words in between."""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

Mark = Literal[".", ","]
"""What stands before the decimals."""

ABSENT = frozenset({"", "nan", "-nan", "na", "n/a", "#n/a", "#na", "null", "none", "nil", "-", "--"})
"""Texts, in lower case, that stand for a value that was not reported."""
_GROUP = "[ \u00a0\u2009\u202f'\u2019]"
"""What can only stand between groups of three digits."""
_GROUPED = re.compile(rf"([+-]?\d{{1,3}})((?:{_GROUP}\d{{3}})+)([.,]\d*)?")
_POINT = re.compile(
    r"[+-]?(?:(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3})(?:\.\d*)?|\d*(?:\.\d*)?(?:[eE][+-]?\d+)?)"
)
_COMMA = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?|\d*(?:,\d*)?(?:[eE][+-]?\d+)?)")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}")
"""One mark before three digits, and no zero before it: decimals or a group."""
_DIGIT = re.compile(r"\d")
_WHOLE = re.compile(r"[+-]?\d+")
_DISTINCT_WORDS = 50


class NumberShape(Enum):
    """What the look of a number says about the marks in it."""

    BARE = auto()
    """Digits only, fewer than four."""
    LONG = auto()
    """Digits only, four or more: who wrote it groups nothing."""
    POINT = auto()
    """Only with a decimal point can it be a number: ``1.5``, ``1,234.5``, ``1,234,567``."""
    COMMA = auto()
    """Only with a decimal comma: ``1,5``, ``0,125``, ``1.234,5``, ``1.234.567``."""
    EITHER_POINT = auto()
    """``1.011``."""
    EITHER_COMMA = auto()
    """``1,011``."""
    WORD = auto()
    ABSENT = auto()


def shape_of(text: str) -> NumberShape:
    """Return what the look of one cell says; blanks around it say nothing."""
    text = _without_groups(text.strip())
    if text.lower() in ABSENT:
        return NumberShape.ABSENT
    if _WHOLE.fullmatch(text):
        return NumberShape.BARE if len(text.lstrip("+-")) < 4 else NumberShape.LONG
    if not _DIGIT.search(text):
        return NumberShape.WORD
    either = _EITHER.fullmatch(text)
    if either is not None:
        return NumberShape.EITHER_POINT if either[1] == "." else NumberShape.EITHER_COMMA
    if _POINT.fullmatch(text):
        return NumberShape.POINT
    return NumberShape.COMMA if _COMMA.fullmatch(text) else NumberShape.WORD


def plain_number(text: str) -> float | None:
    """Return the number of a text in digits, point and exponent, or None; 2026_02_01 is none, whatever Python says."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def parse_number(text: str, mark: Mark | None = ".") -> float | None:
    """Return the number of a cell, or None for a value that is absent.

    Args:
        text: The cell; blanks around it do not count.
        mark: What stands before decimals; None where both do and each number must say it by its look.

    Raises:
        ValueError: it is no number, or one that can be read in two ways.
    """
    if mark == "." or (mark is None and "," not in text):
        try:
            value = float(text)
        except ValueError:
            pass
        else:
            return None if value != value else value
    text = _without_groups(text.strip())
    if text.lower() in ABSENT:
        return None
    if mark is None:
        shape = shape_of(text)
        if shape is NumberShape.EITHER_COMMA:
            raise ValueError(f"decimals or a group of three: {text!r}")
        mark = "," if shape is NumberShape.COMMA else "."
    pattern = _POINT if mark == "." else _COMMA
    if _DIGIT.search(text):
        if not pattern.fullmatch(text):
            raise ValueError(f"no number: {text!r}")
        text = text.replace(",", "") if mark == "." else text.replace(".", "").replace(",", ".")
    value = float(text)
    return None if value != value else value


@dataclass(slots=True)
class NumberSurvey:
    """What the cells of one column look like."""

    shapes: Counter[NumberShape] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    """The first of different words, to how often they stand there."""
    ends_in_zero: bool = False
    """Whether a number such as ``1,010`` ends in a zero, which nobody writes who leaves decimals away."""
    example: str = ""
    """The first cell that can be read in two ways because of a comma."""

    def take(self, cell: str, count: int) -> NumberShape:
        """Take in a cell that stands there so often, and return its shape."""
        shape = shape_of(cell)
        self.shapes[shape] += count
        if shape is NumberShape.WORD:
            word = cell.strip()
            if word in self.words or len(self.words) < _DISTINCT_WORDS:
                self.words[word] += count
        elif shape is NumberShape.EITHER_COMMA:
            self.ends_in_zero = self.ends_in_zero or cell.rstrip().endswith("0")
            self.example = self.example or cell.strip()
        return shape

    @property
    def own_mark(self) -> Mark | None:
        """The mark that the column proves by itself; None for none, or for both."""
        shapes = self.shapes.keys()
        point, comma = NumberShape.POINT in shapes, NumberShape.COMMA in shapes
        if point or comma:
            return None if point and comma else "." if point else ","
        if NumberShape.EITHER_COMMA not in shapes:
            return None
        # Whoever groups digits groups all of them, so a bare 1234 beside 1,011 makes that a decimal comma.
        if NumberShape.LONG in shapes:
            return ","
        # 998 beside 1,010: fixed decimals would show as 998,000, shortened ones as 1,01.
        return "." if NumberShape.BARE in shapes and self.ends_in_zero else None


def _without_groups(text: str) -> str:
    """Return a number without what can only stand between groups; anything else as it is."""
    text = text.replace("\u2212", "-")
    match = _GROUPED.fullmatch(text)
    if match is None:
        return text
    return match[1] + re.sub(_GROUP, "", match[2]) + (match[3] or "")
