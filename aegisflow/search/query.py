"""What a question asks for, as groups of words to look up and as one English sentence.

The manuals are English; people ask in English and German, in other words than the manuals use, and
with typing mistakes. The lists in ``vocabulary`` know the words.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass

from aegisflow.search import german
from aegisflow.search.ordinary import forms, is_ordinary, is_ordinary_german
from aegisflow.search.vocabulary import Groups, glossary, small_words

MAX_QUERY_CHARS = 2_000
MAX_CONCEPTS = 32
LONGEST_WORD = 80
"""Characters; what is longer is no word."""
SHORTEST_BASE = 4
FOREIGN_CHARS = 7
"""In an English sentence only so long a word is taken for German: ``brand`` and ``last`` are English there."""

_NEWS = re.compile(
    r"\b(yesterday|today|tonight|currently|right now|scheduled|current (temp|val|read|press|stat|alarm|mode|load)\w*"
    r"|(last|this|next) (hour|shift|night|week|month|year|(mon|tues|wednes|thurs|fri|satur|sun)day)"
    r"|gestern|heute|aktuell\w*|derzeit|momentan|gerade an|letzte[nrs]? (stunde|schicht|nacht|woche|monat|jahr))\b",
    re.IGNORECASE,
)
_ASKS = {
    False: re.compile(r"\b(who|whom|what|which|when|where|how (many|much|often|long)|list|show)\b", re.IGNORECASE),
    True: re.compile(r"\b(wer|wen|wem|was|welche[nrsm]?|wann|wo|wie ?(viele?|oft|lange)|zeige?)\b", re.IGNORECASE),
}
"""Whether German: what begins a question."""
_ADVICE = re.compile(
    r"\b(can|could|may|must|should|shall|what do (i|we)|how do (i|we)"
    r"|darf|dürfen|kann|können|muss|müssen|sollte?n?|mache? ich|machen wir|tun)\b",
    re.IGNORECASE,
)
"""Asks what to do, not what was, be it today."""
_SENTENCE_END = re.compile(r"[.!?;]\s+|\n")
_TOKEN = re.compile(r"[^\W_]+(?:[-_.'/][^\W_]+)*%?|[%°]")


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that a question speaks of: any of these words stands for it."""

    words: tuple[str, ...]
    known: bool
    """Whether the manuals have any of the words."""


@dataclass(frozen=True, slots=True)
class QueryWording:
    """A question, understood word by word."""

    concepts: tuple[Concept, ...]
    sentence: str
    """In English, typing mistakes corrected, for a model that reads meaning."""
    asks_for_news: bool = False
    """It seems to ask what is or was the case on a machine, which no manual says."""


def parse_query(
    text: str,
    contains: Callable[[str], bool],
    correct_spelling: Callable[[str], str | None],
    kinds: Collection[str] = (),
) -> QueryWording:
    """Take a question apart.

    Args:
        text: as the person wrote it; only the first ``MAX_QUERY_CHARS`` are read.
        contains: whether the manuals have a word.
        correct_spelling: the word of the manuals that was probably meant, or None.
        kinds: kinds of device; ``pump-02`` is a pump where ``pump`` is one of them.
    """
    text = unicodedata.normalize("NFC", text[:MAX_QUERY_CHARS]).replace("’", "'").strip()
    found = (token for token in _TOKEN.findall(text.lower()) if len(token) <= LONGEST_WORD)
    tokens = [part for token in found for part in _parts(token, contains)]
    side = german.germanness(tokens) or int(any(_only_german(token, contains) for token in tokens))
    reader = _QueryReader(side, contains, correct_spelling, kinds, _no_nouns(text) if side > 0 else frozenset())
    read = [reader.read(token) for token in (german.join_verbs(tokens) if side > 0 else tokens)]
    # A thing that is named twice does not weigh twice.
    concepts: dict[str, Concept] = {}
    for _, groups in read:
        for words in groups:
            concepts.setdefault(words[0], Concept(words, any(map(contains, words))))
    said = [word for word, _ in read]
    # Where no word was changed, as the person wrote it: the model was made for sentences.
    sentence = text if said == tokens else " ".join(filter(None, said))
    return QueryWording(tuple(concepts.values())[:MAX_CONCEPTS], sentence or text, _asks_for_news(text, side > 0))


def _asks_for_news(text: str, in_german: bool) -> bool:
    """Tell who asks for it from who tells of it ("we swapped it yesterday. What is wrong?"), or asks for advice."""
    parts = list(filter(None, _SENTENCE_END.split(text)))
    return any(
        _NEWS.search(part) and not _ADVICE.search(part) and (len(parts) == 1 or _ASKS[in_german].search(part))
        for part in parts
    )


@dataclass(frozen=True, slots=True)
class _QueryReader:
    """Reads one token after the other."""

    germanness: int
    contains: Callable[[str], bool]
    correct_spelling: Callable[[str], str | None]
    kinds: Collection[str]
    no_nouns: Collection[str]

    def read(self, token: str) -> tuple[str, Groups]:
        """Return a token as said in English, and the groups of words to look up (none if it has no meaning)."""
        # The order decides. In a German question German goes first; else what stands in the manuals or the lists
        # is taken as it is, before it is taken for German, for a form of another word or for a mistake.
        if (kind := token.rpartition("-")[0]) in self.kinds:
            return kind, [(token, kind)]
        if self.germanness > 0 and (translated := german.translate(token)) is not None:
            return self._english(translated)
        if self.germanness <= 0 and token in small_words("stop"):
            return token, []
        if token in glossary("synonyms.txt") or self.contains(token):
            return token, [_widen(token)]
        if len(token) >= (FOREIGN_CHARS if self.germanness < 0 else 4):
            translated = german.translate(token)
            if translated is not None:
                return self._english(translated)
        if self._is_ordinary(token):
            return token, []
        if (base := self._base(token)) is not None:
            return base, [(token, *_widen(base))]
        if not token.isalpha():
            return token, [(token,)]
        meant = self.correct_spelling(token)
        is_german = self.germanness > 0 or (self.germanness == 0 and meant is None)
        corrected = german.correct_spelling(token) if is_german else None
        if corrected is not None:
            return self._english(corrected)
        return (meant, [_widen(meant)]) if meant else (token, [(token,)])

    def _is_ordinary(self, token: str) -> bool:
        """Whether it is a word of every subject; in well-written German, what has no capital is no thing."""
        if self.germanness > 0 and (token in self.no_nouns or is_ordinary_german(token)):
            return True
        return is_ordinary(token)

    def _base(self, token: str) -> str | None:
        """Return the word that it is a form of, where people or manuals have that: ``regreased`` is ``grease``."""
        for form in (*forms(token), *forms(token.removeprefix("re"))):
            if len(form) >= SHORTEST_BASE and (form in glossary("synonyms.txt") or self.contains(form)):
                return form
        return None

    def _known_phrases(self, groups: Groups) -> Groups:
        """Take a phrase apart where the manuals have it in none of its forms: they may have its words."""
        found: Groups = []
        for group in groups:
            if group and " " in group[0] and not any(map(self.contains, group)):
                found += [(word,) for word in group[0].split()]
            else:
                found.append(group)
        return found

    def _english(self, groups: Groups) -> tuple[str, Groups]:
        said = " ".join(group[0] for group in groups if group)
        stop = small_words("stop")
        kept = (tuple(word for word in group if word not in stop) for group in self._known_phrases(groups))
        return said, [
            group for group in kept if group and (not is_ordinary(group[0]) or any(map(self.contains, group)))
        ]


def _parts(token: str, contains: Callable[[str], bool]) -> list[str]:
    """Split words joined by hyphens or slashes, unless the manuals join them too; names with digits stay whole."""
    token = token.removesuffix("'s")
    parts = re.split(r"[-_/]", token)
    whole = token in glossary("synonyms.txt") or contains(token)
    return parts if len(parts) > 1 and all(map(str.isalpha, parts)) and not whole else [token]


def _only_german(token: str, contains: Callable[[str], bool]) -> bool:
    english = token in small_words("stop") or token in glossary("synonyms.txt") or is_ordinary(token)
    return len(token) > 4 and not contains(token) and not english and german.translate(token) is not None


def _no_nouns(text: str) -> frozenset[str]:
    """Return the words of a German text that have no capital, where it is written with capitals at all."""
    tokens = _TOKEN.findall(text)
    if not any(token[0].isupper() and token[1:].islower() for token in tokens[1:]):
        return frozenset()
    return frozenset(token for token in tokens if token.islower())


def _widen(word: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((word, *glossary("synonyms.txt").get(word, ()))))
