"""What a question asks for, as groups of words to look up and as one English sentence.

The manuals are English; people ask in English and German, in other words than the manuals use, and
with typing mistakes. The lists in ``vocabulary`` know the words.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from aegisflow.library import german
from aegisflow.library.vocabulary import Groups, glossary, small_words

MAX_QUERY_CHARS = 2_000
MAX_CONCEPTS = 32

_TOKEN = re.compile(r"[^\W_]+(?:[-_.'/][^\W_]+)*%?|[%°]")


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that a question speaks of: any of these words stands for it."""

    words: tuple[str, ...]
    known: bool
    """Whether the manuals have any of the words."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A question, understood word by word."""

    concepts: tuple[Concept, ...]
    sentence: str
    """In English, typing mistakes mended, for a model that reads meaning."""


def understand(text: str, knows: Callable[[str], bool], mend: Callable[[str], str | None]) -> Wording:
    """Take a question apart.

    Args:
        text: as the person wrote it; only the first ``MAX_QUERY_CHARS`` are read.
        knows: whether the manuals have a word.
        mend: the word of the manuals that was probably meant, or None.
    """
    text = unicodedata.normalize("NFC", text[:MAX_QUERY_CHARS]).strip()
    tokens = _TOKEN.findall(text.lower())
    speaker = _Reader(german.is_german(tokens), knows, mend)
    found = [speaker.read(token) for token in tokens]
    concepts: dict[str, Concept] = {}
    for _, groups in found:
        for words in groups:
            concepts.setdefault(words[0], Concept(words, any(map(knows, words))))
    said = [word for word, _ in found]
    sentence = text if said == tokens else " ".join(filter(None, said))
    return Wording(tuple(concepts.values())[:MAX_CONCEPTS], sentence or text)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one token after the other."""

    german: bool
    knows: Callable[[str], bool]
    mend: Callable[[str], str | None]

    def read(self, token: str) -> tuple[str, Groups]:
        """Return a token as said in English, and the groups of words to look up (none if it has no meaning)."""
        if self.german and (translated := german.translate(token)) is not None:
            return self._english(translated)
        if not self.german and token in small_words("stop"):
            return token, []
        if token in glossary("synonyms.txt") or self.knows(token) or not token.isalpha():
            return token, [_widen(token)]
        if len(token) > 4 and (translated := german.translate(token)) is not None:
            return self._english(translated)
        if token in small_words("light"):
            return token, []
        meant = self.mend(token)
        mended = german.mend(token) if self.german or meant is None else None
        if mended is not None:
            return self._english(mended)
        return (meant, [_widen(meant)]) if meant else (token, [(token,)])

    def _english(self, groups: Groups) -> tuple[str, Groups]:
        said = " ".join(group[0] for group in groups if group)
        stop, light = small_words("stop"), small_words("light")
        kept = (tuple(word for word in group if word not in stop) for group in groups)
        return said, [group for group in kept if group and (group[0] not in light or any(map(self.knows, group)))]


def _widen(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((word, *glossary("synonyms.txt").get(word, ()))))
