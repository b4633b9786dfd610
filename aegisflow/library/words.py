"""What a question asks for, as groups of words to look up and as one English sentence.

The manuals are English; people ask in English and German, in other words than the manuals use, and
with typing mistakes. The lists in ``vocabulary`` know the words.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache

from aegisflow.library import german
from aegisflow.library.vocabulary import Groups, glossary, small_words

MAX_QUERY_CHARS = 2_000
MAX_CONCEPTS = 32
LONGEST_WORD = 80
"""Characters; what is longer is no word."""
FOREIGN_CHARS = 7
"""In an English sentence only so long a word is taken for German: ``brand`` and ``last`` are English there."""

_NEWS = re.compile(
    r"\b(yesterday|today|tonight|currently|right now|scheduled|current (temp|val|read|press|stat|alarm|mode|load)\w*"
    r"|(last|this|next) (hour|shift|night|week|month|year|time)"
    r"|gestern|heute|aktuell\w*|derzeit|momentan|gerade an|letzte[nrs]? (stunde|schicht|nacht|woche|monat|jahr|mal))\b",
    re.IGNORECASE,
)
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
    asks_for_news: bool = False
    """It seems to ask what is or was the case on a machine, which no manual knows."""


def understand(
    text: str, knows: Callable[[str], bool], mend: Callable[[str], str | None], kinds: Collection[str] = ()
) -> Wording:
    """Take a question apart.

    Args:
        text: as the person wrote it; only the first ``MAX_QUERY_CHARS`` are read.
        knows: whether the manuals have a word.
        mend: the word of the manuals that was probably meant, or None.
        kinds: kinds of device; ``pump-02`` is a pump where ``pump`` is one of them.
    """
    text = unicodedata.normalize("NFC", text[:MAX_QUERY_CHARS]).strip()
    found = (token for token in _TOKEN.findall(text.lower()) if len(token) <= LONGEST_WORD)
    tokens = [part for token in found for part in _parts(token, knows)]
    side = german.germanness(tokens) or int(any(_only_german(token, knows) for token in tokens))
    reader = _Reader(side, knows, mend, kinds)
    read = [reader.read(token) for token in (german.join_verbs(tokens) if side > 0 else tokens)]
    concepts: dict[str, Concept] = {}
    for _, groups in read:
        for words in groups:
            concepts.setdefault(words[0], Concept(words, any(map(knows, words))))
    said = [word for word, _ in read]
    sentence = text if said == tokens else " ".join(filter(None, said))
    return Wording(tuple(concepts.values())[:MAX_CONCEPTS], sentence or text, bool(_NEWS.search(text)))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one token after the other."""

    germanness: int
    knows: Callable[[str], bool]
    mend: Callable[[str], str | None]
    kinds: Collection[str]

    def read(self, token: str) -> tuple[str, Groups]:
        """Return a token as said in English, and the groups of words to look up (none if it has no meaning)."""
        if (kind := token.rpartition("-")[0]) in self.kinds:
            return kind, [(token, kind)]
        if self.germanness > 0 and (translated := german.translate(token)) is not None:
            return self._english(translated)
        if self.germanness <= 0 and token in small_words("stop"):
            return token, []
        if token in glossary("synonyms.txt") or self.knows(token) or not token.isalpha():
            return token, [_widen(token)]
        if len(token) >= (FOREIGN_CHARS if self.germanness < 0 else 4):
            translated = german.translate(token)
            if translated is not None:
                return self._english(translated)
        if token in small_words("light") or re.fullmatch(r"[\d.,]+%?", token):
            return token, []
        meant = self.mend(token)
        mended = german.mend(token) if self.germanness > 0 or (self.germanness == 0 and meant is None) else None
        if mended is not None:
            return self._english(mended)
        return (meant, [_widen(meant)]) if meant else (token, [(token,)])

    def _known_phrases(self, groups: Groups) -> Groups:
        """Take a phrase apart where the manuals have it in none of its forms: they may have its words."""
        found: Groups = []
        for group in groups:
            if group and " " in group[0] and not any(map(self.knows, group)):
                found += [(word,) for word in group[0].split()]
            else:
                found.append(group)
        return found

    def _english(self, groups: Groups) -> tuple[str, Groups]:
        said = " ".join(group[0] for group in groups if group)
        stop, light = small_words("stop"), small_words("light")
        kept = (tuple(word for word in group if word not in stop) for group in self._known_phrases(groups))
        return said, [group for group in kept if group and (group[0] not in light or any(map(self.knows, group)))]


def _parts(token: str, knows: Callable[[str], bool]) -> list[str]:
    """Split words joined by hyphens or slashes, unless the manuals join them too; names with digits stay whole."""
    parts = re.split(r"[-_/]", token)
    return parts if len(parts) > 1 and all(map(str.isalpha, parts)) and not knows(token) else [token]


def _only_german(token: str, knows: Callable[[str], bool]) -> bool:
    return len(token) > 4 and not knows(token) and token not in _english_words() and german.translate(token) is not None


@cache
def _english_words() -> frozenset[str]:
    return small_words("light") | small_words("stop") | frozenset(glossary("synonyms.txt"))


def _widen(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((word, *glossary("synonyms.txt").get(word, ()))))
