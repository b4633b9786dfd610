"""German words of the trade -> the English ones that manuals use: inflected, compound or mistyped."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from aegisflow.search.spelling import Spelling
from aegisflow.search.vocabulary import Groups, glossary, small_words

_JOINTS = ("", "s", "n", "en", "es", "e", "er")
"""What German puts between the parts of a compound."""
ENDINGS = ("ern", "em", "er", "en", "es", "e", "n", "s", "t")
_UMLAUTS = (("ß", "ss"), ("ä", "a"), ("ö", "o"), ("ü", "u"), ("ae", "a"), ("oe", "o"), ("ue", "u"))
_PREFIXES = frozenset({"ab", "an", "auf", "aus", "ein", "zu", "um", "vor", "nach", "frei", "hoch"})
SHORTEST_STEM = 3
_COMPOUND = 8
"""The shortest compound has so many letters."""


def germanness(tokens: Iterable[str]) -> int:
    """Tell German (above 0) from English (below 0) by the small words, and where these are even, by umlauts."""
    words = list(tokens)
    german, english = small_words("german"), small_words("english")
    weight = sum((word in german) - (word in english) for word in words)
    return weight or int(any(set(word) & set("äöüß") for word in words))


def translate(word: str) -> Groups | None:
    """Return English words for each part of a German word: an empty group if it is dropped, None if it is unknown."""
    table = _table()
    folded = fold(word)
    for form in (folded, _stem(folded)):
        if form in table:
            return [table[form]]
    parts = _parts(folded, table) if len(folded) >= _COMPOUND else None
    return None if parts is None else [table[part] for part in parts]


def join_verbs(tokens: Sequence[str]) -> list[str]:
    """Put a verb and the prefix at the sentence's end together: ``stelle ... ab`` is ``abstellen``."""
    if not tokens or tokens[-1] not in _PREFIXES:
        return list(tokens)
    for at, token in enumerate(tokens[:-1]):
        joined = fold(f"{tokens[-1]}{_stem(fold(token))}en")
        if joined in _table():
            return [*tokens[:at], joined, *tokens[at + 1 : -1]]
    return list(tokens)


def correct_spelling(word: str) -> Groups | None:
    """Return the English words for a mistyped German one, or None."""
    known = _spelling().nearest(fold(word)) or _spelling().nearest(word)
    return [_table()[known]] if known else None


def fold(word: str) -> str:
    """Return a German word in lower case without umlauts, however they were written."""
    word = word.lower()
    # An "ae" that was never an umlaut is folded as well, which does no harm: the word lists are folded in the
    # same way.
    for written, plain in _UMLAUTS:
        word = word.replace(written, plain)
    return word


def _stem(folded: str) -> str:
    for ending in ENDINGS:
        if folded.endswith(ending) and len(folded) - len(ending) >= SHORTEST_STEM:
            return folded[: -len(ending)]
    return folded


def _parts(word: str, table: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """Split a compound into words of the table, the longest first part first."""
    for length in range(len(word), 3, -1):
        head = word[:length]
        known = next((form for form in (head, _stem(head)) if form in table), None)
        if known is None:
            continue
        rest = word[length:]
        if rest in _JOINTS:
            return [known]
        for joint in _JOINTS:
            if rest.startswith(joint) and len(rest) - len(joint) >= 3:
                tail = _parts(rest[len(joint) :], table)
                if tail is not None:
                    return [known, *tail]
    return None


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    table = {fold(said): written for said, written in glossary("german.txt").items()}
    # A whole word counts more than another one's stem.
    return {_stem(said): written for said, written in table.items()} | table


@cache
def _spelling() -> Spelling:
    return Spelling(said for said in _table() if len(said) > 4)
