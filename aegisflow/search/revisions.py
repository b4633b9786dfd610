"""Revisions of one manual: which of several files is the newest."""

import re
from collections.abc import Iterable
from typing import Protocol

HEAD_CHARS = 1_500
"""Only so far into a text its own revision is looked for: further on it speaks of that of something else."""

_MARK = r"(?:revision|rev|version|ausgabe|issue|edition|release|stand|v)"
_VALUE = r"(?P<value>\d+(?:[./-]\d+)*[a-z]?|[a-z])"
_IN_TITLE = re.compile(rf"[\s,;:(\[–-]+{_MARK}\b[.:\s]*{_VALUE}[)\]]?$", re.IGNORECASE)
_IN_TEXT = re.compile(rf"(?:^|[,;(|–*]\s*)\W*{_MARK}\b[.:*\s]*{_VALUE}\b", re.IGNORECASE | re.MULTILINE)
_MONTH_YEAR = re.compile(r"(?P<month>\d{1,2})[./-](?P<year>\d{4})")


class Revised(Protocol):
    """A manual as far as its revision is concerned."""

    @property
    def name(self) -> str:
        """Return the file name."""

    @property
    def title(self) -> str:
        """Return the title."""

    @property
    def revision(self) -> str:
        """Return the revision, empty where none is known."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of device it is about; empty for all."""


def revision_in(title: str, text: str) -> str:
    """Return the revision that a manual gives itself in its title or on its first page, or nothing."""
    found = _IN_TITLE.search(title) or _IN_TEXT.search(text[:HEAD_CHARS])
    return found["value"] if found else ""


def superseded(manuals: Iterable[Revised]) -> dict[str, str]:
    """Return the name of each older revision and that of the newest one.

    Two files are of one manual if they have the same title, but for its revision, and no different kinds. Where
    revisions cannot be put in an order ("3" and "B"), none is older.
    """
    families: dict[str, list[Revised]] = {}
    for manual in manuals:
        families.setdefault(_bare(manual.title), []).append(manual)
    older: dict[str, str] = {}
    for family in families.values():
        for manual in family:
            newer = [
                other
                for other in family
                if _is_newer(other.revision, manual.revision)
                and (not other.kinds or not manual.kinds or set(other.kinds) == set(manual.kinds))
            ]
            for other in newer:
                if manual.name not in older or _is_newer(other.revision, _of(family, older[manual.name])):
                    older[manual.name] = other.name
    return older


def _of(family: list[Revised], name: str) -> str:
    return next(manual.revision for manual in family if manual.name == name)


def _bare(title: str) -> str:
    return " ".join(_IN_TITLE.sub("", title).casefold().split())


def _is_newer(one: str, other: str) -> bool:
    left, right = _parts(one), _parts(other)
    if not left or not right:
        return False
    for mine, its in zip(left, right, strict=False):
        if mine.isdigit() != its.isdigit():
            return False
        if mine != its and (not mine.isdigit() or int(mine) != int(its)):
            return int(mine) > int(its) if mine.isdigit() else mine > its
    return len(left) > len(right)


def _parts(revision: str) -> list[str]:
    revision = _MONTH_YEAR.sub(r"\g<year>-\g<month>", revision.lower())
    parts: list[str] = re.findall(r"\d+|[a-z]+", revision)
    # "rev. 3" and "3" are the same.
    return [part for part in parts if not re.fullmatch(_MARK, part) or part == "v" == revision]
