"""Plain text and pages of PDFs -> sections and statements, which no marks part there.

What a line is shows in its number, its capitals, its gaps and its length; a manual that was printed is read as a
person reads it.
"""

import re
from collections.abc import Iterator, Sequence

PAGE_END = "\f"
"""A line of its own between two pages."""
LONGEST_HEADING = 78
MOST_WORDS = 9
"""Of a heading."""
PLAIN_LEVEL = 9
"""Of a heading that nothing but its place and length tells: below any other."""
RAGGED = 0.3
"""From this share of short lines on, the lines of a block are a list and no prose."""

_NUMBERED = re.compile(r"\s{0,4}(?P<number>\d{1,2}(?:\.\d{1,2}){0,4})\.?\s{1,6}(?P<words>[^\W\d_].*)")
_GAP = re.compile(r"\S(?: {2,}|\t+| ?\.{3,} ?|(?: \.){3,} )\S")
"""What parts the columns of a table in plain text."""
_ITEM = re.compile(r"\s*(?:[-*+•–‣▪]|\d{1,3}[.)]|[a-z]\))\s+\S")
_RULE = re.compile(r"\s*(?:={3,}|-{3,}|~{3,}|_{3,})\s*$")
_SIGNAL = re.compile(
    r"(?:danger|warning|caution|notice|note|important|gefahr|warnung|vorsicht|hinweis|achtung|wichtig)\W*", re.I
)
"""Words of ISO 3864 above a warning, which head no section."""
_BROKEN = re.compile(r"([^\W\d_]{2,})[-\u00ad\u2010]\n[ \t]*([^\W\d_]\S*)[ \t]*")
_HANGING = re.compile(r"(?:und|oder|bzw|sowie|bis|and|or|to)\b")
"""``Saug- und Druckleitung``: what follows such a hyphen is no end of a word."""
_ROW = re.compile(r"\s*(?:[^\W\d_]{1,4}[-.]?\d{1,5}\b|(?![^\W_A-Z\d]|[äöüß])[^\W\d_][^:.]{1,40}: +\S)")
"""A line that begins with a code, or names something and what holds for it."""


def joined(text: str) -> str:
    """Return a text whose words are no longer broken at the ends of lines.

    The hyphen stays where both parts are words of this text and the whole is none: ``low-pressure``.
    """
    if not re.search(r"[-\u00ad\u2010]\n", text):
        return text
    words = set(re.findall(r"[^\W\d_]+", _BROKEN.sub(" ", text).lower()))

    def join(found: re.Match[str]) -> str:
        left, right = found[1], found[2]
        if not right[0].islower() or _HANGING.match(right):
            return found[0]
        end = re.match(r"[^\W\d_]+", right)
        tail = end[0].lower() if end else right
        parts = left.lower() in words and tail in words and len(left) > 2 and len(tail) > 2
        return f"{left}{'-' if parts and left.lower() + tail not in words else ''}{right}\n"

    return _BROKEN.sub(join, text)


def sections(lines: Sequence[str]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the headings that stand above some lines, from the top, and these lines; each line once.

    A ``PAGE_END`` is yielded by itself.
    """
    path: list[tuple[int, str]] = []
    held: list[str] = []
    reader = _HeadingReader(lines)
    for number, line in enumerate(lines):
        level = reader.level(number)
        if line == PAGE_END:
            yield _names(path), held
            yield (), [line]
            held = []
        elif level:
            yield _names(path), held
            held = []
            path = [step for step in path if step[0] < level] + [(level, line.strip())]
        elif not (number and reader.is_underlined(number - 1)):
            held.append(line)
    yield _names(path), held


def _names(path: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(name for _, name in path)


def title_of(text: str) -> str:
    """Return the first line of a text that has its title there, or nothing."""
    lines = text.lstrip("\n").splitlines()
    if not lines or len(lines[0].strip()) > LONGEST_HEADING or not _reads_as_heading(lines[0]):
        return ""
    stands_alone = len(lines) > 1 and (not lines[1].strip() or bool(_RULE.match(lines[1])))
    return lines[0].strip() if stands_alone or _is_in_capitals(lines[0]) else ""


def statements(lines: Sequence[str]) -> list[str]:
    """Return the lines of a block joined to what they say: sentences in a row, a row of a table or an item each."""
    lengths = [len(line.strip()) for line in lines]
    width = max(lengths, default=0)
    is_list = sum(length < 0.75 * width for length in lengths[:-1]) > RAGGED * max(1, len(lengths) - 1)
    found: list[str] = []
    before = ""
    for line in lines:
        if found and not _starts(before, line, width, is_list):
            found[-1] += f" {line.strip()}"
            # A row that goes on below its last column is still that row.
            before = before if _GAP.search(before) and _indent(line) > _indent(before) + 3 else line
        else:
            found.append(line.strip())
            before = line
    return found


def _starts(before: str, line: str, width: int, is_list: bool) -> bool:
    """Return whether a line says something new."""
    if _ITEM.match(line):
        return True
    if _GAP.search(before.strip()):
        return _indent(line) <= _indent(before) + 3
    if _GAP.search(line.strip()) or _ROW.match(line) or before.rstrip().endswith((".", "!", "?", ";", ":")):
        return True
    first = line.lstrip()[:1]
    if not (first.isupper() or first.isdigit()):
        return False
    return is_list or len(before.strip()) < 0.6 * width


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _reads_as_heading(line: str) -> bool:
    words = line.strip()
    return bool(
        1 < len(words) <= LONGEST_HEADING
        and len(words.split()) <= MOST_WORDS
        and words[-1] not in ".;:,!-|"
        and sum(map(str.isalpha, words)) >= len(words) / 2
        and not _GAP.search(words)
        and not _SIGNAL.fullmatch(words)
    )


def _is_in_capitals(line: str) -> bool:
    words = line.strip()
    return sum(map(str.isalpha, words)) >= 4 and words.upper() == words and words.lower() != words


class _HeadingReader:
    """Tells headings from other lines, from the first line on: numbers of headings follow each other."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._last: tuple[int, ...] = ()
        self._named: dict[tuple[int, ...], str] = {}
        self._in_list = False
        self._was_heading = True
        """Whether the last line that is not empty was one, or there was none yet."""

    def is_underlined(self, number: int) -> bool:
        """Return whether the next line is a rule below this one."""
        below = self._lines[number + 1] if number + 1 < len(self._lines) else ""
        words = self._lines[number].strip()
        return bool(_RULE.match(below)) and _reads_as_heading(words) and len(below.strip()) >= len(words) / 2

    def level(self, number: int) -> int:
        """Return the level of the heading that a line is, from 1; 0 if it is none. Lines are asked for in order."""
        line = self._lines[number]
        if not line.strip():
            self._in_list = False
            return 0
        level = self._level_of(number, line)
        self._was_heading = level > 0
        return level

    def _level_of(self, number: int, line: str) -> int:
        if _RULE.match(line):
            return 0
        if self.is_underlined(number):
            return 1 if "=" in self._lines[number + 1] else 2
        found = _NUMBERED.match(line)
        if found:
            return self._numbered(number, found)
        if not _reads_as_heading(line):
            return 0
        after = self._lines[number + 1] if number + 1 < len(self._lines) else ""
        if _is_in_capitals(line):
            return 1 if self._stands_apart(number) else 0
        return PLAIN_LEVEL if self._is_plain(number, line, after) else 0

    def _numbered(self, number: int, found: re.Match[str]) -> int:
        at = tuple(map(int, found["number"].split(".")))
        words = found["words"].strip()
        below = _NUMBERED.match(self._lines[number + 1]) if number + 1 < len(self._lines) else None
        goes_on = below is not None and len(at) == 1 == below["number"].count(".") + 1
        again = self._named.get(at)
        is_heading = (
            words[0].isupper()
            and _reads_as_heading(words)
            and not self._in_list
            and not goes_on
            and (self._follows(at) or (again is not None and again.startswith(words[:20])))
        )
        if not is_heading:
            self._in_list = len(at) == 1
            return 0
        self._last, self._named[at] = at, words
        return len(at)

    def _follows(self, at: tuple[int, ...]) -> bool:
        last = self._last
        if not last:
            return at[0] <= 2
        if at[: len(last)] == last:
            return len(at) == len(last) + 1 and at[-1] <= 1
        depth = next((place for place, (one, other) in enumerate(zip(at, last, strict=False)) if one != other), None)
        return depth is not None and last[depth] < at[depth] <= last[depth] + 2 and len(at) <= depth + 2

    def _stands_apart(self, number: int) -> bool:
        before = self._lines[number - 1].rstrip() if number else ""
        return self._was_heading or not before or before.endswith((".", "!", "?"))

    def _is_plain(self, number: int, line: str, after: str) -> bool:
        words, below = line.strip(), after.strip()
        return (
            self._stands_apart(number)
            and words[0].isupper()
            and len(words.split()) <= 5
            and not re.search(r"[,;:.]|\d", words)
            and len(below) > max(40, len(words))
            and (below[0].isupper() or below[0].isdigit())
            and not _GAP.search(below)
            and not _ITEM.match(line)
        )
