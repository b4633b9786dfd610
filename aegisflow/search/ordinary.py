"""Words of every subject, which say nothing of what is sought: ``pulls``, ``worse``, ``obwohl``.

A manual need not have them to answer; what it must have are the things that are asked after. The lists
are ``ordinary.txt`` and ``ordinary-german.txt`` in ``vocabulary``.
"""

import re
from collections.abc import Iterator
from functools import cache

from aegisflow.search import german
from aegisflow.search.vocabulary import small_words, word_list

_ENDINGS = (
    ("ies", "y"), ("ied", "y"), ("iest", "y"), ("ily", "y"), ("es", ""), ("s", ""), ("ed", ""), ("ed", "e"),
    ("ing", ""), ("ing", "e"), ("est", ""), ("est", "e"), ("ly", ""),
)  # fmt: skip
"""Not ``er``: a printer is a thing, and not what prints somehow."""
_SHORTEST = 2
_NUMBER = re.compile(r"[\d.,]+%?|[%°]")
_GERMAN_ENDINGS = (*german.ENDINGS, "sten", "ten", "tet", "st", "te")
"""The endings of German words, those of verbs included."""


def is_ordinary(word: str) -> bool:
    """Return whether an English word, in any of its forms, or a number is of every subject."""
    return _NUMBER.fullmatch(word) is not None or any(form in _english() for form in forms(word))


def is_ordinary_german(word: str) -> bool:
    """Return whether a German word, in any of its forms, is of every subject."""
    folded = german.fold(word)
    stems = (folded.removesuffix(ending) for ending in ("", *_GERMAN_ENDINGS))
    return any(stem in _german() for stem in stems if stem == folded or len(stem) >= german.SHORTEST_STEM)


def forms(word: str) -> Iterator[str]:
    """Yield an English word and what it may be a form of: ``stopped``, ``stopp``, ``stop``."""
    yield word
    for ending, instead in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _SHORTEST:
            continue
        yield stem + instead
        if not instead and stem[-1] == stem[-2]:
            yield stem[:-1]


@cache
def _english() -> frozenset[str]:
    return word_list("ordinary.txt") | small_words("stop")


@cache
def _german() -> frozenset[str]:
    words = {german.fold(word) for word in word_list("ordinary-german.txt")}
    stems = {
        word[: -len(end)]
        for word in words
        for end in ("en", "e", "n")
        if word.endswith(end) and len(word) > len(end) + 3
    }
    return frozenset(words | stems)
