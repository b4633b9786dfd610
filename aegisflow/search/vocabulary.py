"""The words of all manuals, and which of them a word of a question stands for: by stem, spelling, part or meaning."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aegisflow.search.encoder import Vectors
from aegisflow.search.quantities import MARK, told_by
from aegisflow.search.words import GERMAN, LANGUAGES, is_code, language_of, says_nothing, stem, with_umlauts, words_of

SHORTEST_PART = 4
"""Letters of a part of a German compound; as many as stems have that mean something."""
COMPOUND = 8
LONG_WORD = 9
"""From so many letters on, two typing mistakes are forgiven, and one from ``SHORT_WORD`` on."""
SHORT_WORD = 5
MOST_RELATED = 6
"""So many words by meaning stand for one of a question at most."""
LEAST_RELATED = 0.55
CLOSELY_RELATED = 0.90
"""Between these nearnesses a word by meaning counts from not at all to almost as much as the word itself."""
BY_MEANING, BY_SPELLING, BY_PART, BY_QUESTION = 0.9, 0.9, 0.7, 0.6
"""How surely such a word stands for that of the question; 1 where it is the same."""
MOST_WORDS = 20_000
"""So many words have a meaning that is kept; at 2 kB each."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a sentence says, as stems and as numbers of the vocabulary's words."""

    stems: frozenset[str]
    numbers: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Concept:
    """One word of a question, and what stands for it in the manuals."""

    word: str
    stems: Mapping[str, float]
    """Stems of the manuals, each with how surely it stands for the word, 0 to 1."""
    nearness: NDArray[np.float32] | None = None
    """How near each word of the vocabulary is in meaning, 0 to 1; None without a model of words."""

    @property
    def is_word(self) -> bool:
        """Whether it is a word or a quantity, not a number, a unit or a code."""
        return (self.word.isalpha() and len(self.word) > 1) or self.word.startswith(MARK)

    @property
    def anywhere(self) -> float:
        """How surely any manual speaks of it or of something near, 0 to 1."""
        return max(self.known, 0.0 if self.nearness is None else float(self.nearness.max(initial=0.0)))

    def covered_by(self, said: Said) -> float:
        """Return how surely a text speaks of it, 0 to 1."""
        best = max((surely for found, surely in self.stems.items() if found in said.stems), default=0.0)
        if self.nearness is not None and best < 1.0 and len(said.numbers):
            best = max(best, float(self.nearness[said.numbers].max()))
        return best

    @property
    def known(self) -> float:
        """How surely the manuals speak of it at all, 0 to 1."""
        return max(self.stems.values(), default=0.0)


class Vocabulary:
    """Words, their stems, and where there is a model, what they mean."""

    def __init__(self, texts: Iterable[tuple[str, str]], questions: Iterable[tuple[str, str]] = ()) -> None:
        """Take texts, and the questions that they say they answer, each with its language."""
        self._stems: dict[str, set[str]] = {}
        self.known: set[str] = set()
        languages = {}
        self._spoken: dict[str, set[str]] = {language: set() for language in LANGUAGES}
        self._capitals: dict[str, int] = {}
        """German words to how much oftener they are written with a capital than without."""
        for text, language in texts:
            for word in words_of(text):
                found = stem(word, language)
                self.known.add(found)
                languages[found] = language
                self._spoken.setdefault(language, set()).add(found)
                if word.isalpha() and len(word) > 1 and not says_nothing(word, language):
                    self._stems.setdefault(word, set()).add(found)
            self.known.update(told_by(text))
            if language == GERMAN:
                self._count_capitals(text)
        # What only questions say makes no subject known for sure.
        asked = {stem(word, language) for text, language in questions for word in words_of(text)}
        self._asked = asked - self.known
        self.words = sorted(self._stems)[:MOST_WORDS]
        self.meant = [with_umlauts(word) if word in self._capitals else word for word in self.words]
        """The same as models read them."""
        self.number = {word: number for number, word in enumerate(self.words)}
        self._parts = {
            found: parts
            for found, language in languages.items()
            if language == GERMAN and (parts := self._parts_of(found))
        }
        self._has_german = GERMAN in languages.values()
        self._vectors: Vectors | None = None
        self._hubs: Vectors = np.zeros(0, np.float32)

    def index_text(self, text: str, language: str) -> str:
        """Return a text as it is looked up: its stems, and behind those of German compounds their parts."""
        found = []
        for word in words_of(text):
            found.append(stem(word, language))
            found += self._parts.get(found[-1], ())
        return " ".join(found + told_by(text))

    def written(self, word: str, is_word: Callable[[str], bool] | None = None) -> str:
        """Return a German word as models have read it: with its umlauts, and its capital if it is a noun.

        Args:
            word: in lower case.
            is_word: whether a word is a common one; what no manual has and nothing knows is taken for a noun.
        """
        word = with_umlauts(word)
        often = self._capitals.get(word)
        if often is None:
            often = self._capitals_of_stems.get(stem(word, GERMAN))
        if often is None:
            often = 1 if is_word is not None and not is_word(word) and not says_nothing(word, GERMAN) else 0
        return word.capitalize() if often > 0 else word

    def _count_capitals(self, text: str) -> None:
        for word in re.findall(r"[^\W\d_]+", text):
            low = word.lower()
            for each in {low, with_umlauts(low)}:
                self._capitals[each] = self._capitals.get(each, 0) + (1 if word[0].isupper() else -1)

    @cached_property
    def _capitals_of_stems(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for word, often in self._capitals.items():
            found[stem(word, GERMAN)] = found.get(stem(word, GERMAN), 0) + often
        return found

    def spoken(self, word: str) -> list[str]:
        """Return the languages in which texts have a word."""
        return [language for language, stems in self._spoken.items() if stem(word, language) in stems]

    def use_vectors(self, vectors: Vectors | None) -> None:
        """Know what the words mean, one row each; None: no more."""
        self._vectors = vectors
        if vectors is not None and len(vectors) > MOST_RELATED:
            # A word that is near to everything tells little by being near.
            near = np.sort(vectors @ vectors[:: max(1, len(vectors) // 2_000)].T, axis=1)[:, -11:-1].mean(axis=1)
            self._hubs = np.asarray((near - 0.5) / 2, np.float32)
        else:
            self._hubs = np.zeros(len(self.words), np.float32)

    def read(
        self,
        words: Sequence[str],
        language: str,
        vectors: Mapping[str, Vectors],
        is_word: Callable[[str], bool] | None = None,
    ) -> list[Concept]:
        """Return what each word of a question stands for; a word that is named twice does not weigh twice.

        Args:
            words: of the question.
            language: of the question.
            vectors: of its words, where there is a model of words.
            is_word: whether a word is a common one, and so no typing mistake; None where nothing knows.
        """
        kept = dict.fromkeys(word for word in words if not says_nothing(word, language))
        return [self._concept(word, vectors.get(word), is_word) for word in kept]

    def nearest_spelling(self, word: str, surely_mistyped: bool = False) -> str | None:
        """Return the word of the manuals that was probably meant by a mistyped one.

        A short word is often another one with one letter changed: unless it is known to be no word, only letters
        that changed places count there.
        """
        if len(word) < SHORTEST_PART or len(word) > 40:
            return None
        # When it is first needed, as most commands search nothing.
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        allowed = 2 if len(word) >= LONG_WORD else 1
        for meant, _, _ in process.extract(word, self.words, scorer=OSA.distance, score_cutoff=allowed, limit=5):
            if len(word) <= SHORT_WORD and not surely_mistyped and sorted(meant) != sorted(word):
                continue
            # The first letter is seldom wrong, but may have changed places with the second.
            if meant[0] in word[:2]:
                return str(meant)
        return None

    def said(self, text: str) -> "Said":
        """Return a text as it is asked for what it speaks of."""
        words, language = words_of(text), language_of(text)
        numbers = [self.number[word] for word in words if word in self.number]
        stems = frozenset(stem(word, language) for word in words).union(told_by(text))
        return Said(stems, np.array(sorted(set(numbers)), np.int64))

    def _concept(self, word: str, vector: Vectors | None, is_word: Callable[[str], bool] | None) -> Concept:
        if word.startswith(MARK):
            return Concept(word, {word: 1.0} if word in self.known else {})
        forms = {stem(word, language) for language in LANGUAGES}
        stems = dict.fromkeys(self._asked & forms, BY_QUESTION) | dict.fromkeys(self.known & forms, 1.0)
        if is_code(word):
            # ``pump-07`` is a pump, whether or not the manuals know that one.
            kind = word.rstrip("0123456789")
            if len(kind) >= SHORTEST_PART and stem(kind, LANGUAGES[0]) in self.known:
                stems.setdefault(stem(kind, LANGUAGES[0]), BY_PART)
        if not word.isalpha():
            return Concept(word, stems)
        if self._has_german:
            for part in self._parts_of(stem(word, GERMAN)) or self._wholes_of(stem(word, GERMAN)):
                stems.setdefault(part, BY_PART)
        if not stems and (is_word is None or not is_word(word)):
            meant = self.nearest_spelling(word, surely_mistyped=is_word is not None)
            stems |= dict.fromkeys(self._stems[meant] if meant else (), BY_SPELLING)
        if vector is None or self._vectors is None or not self.words:
            return Concept(word, stems)
        near = self._vectors @ vector - self._hubs
        for number in np.argsort(-near)[:MOST_RELATED]:
            surely = BY_MEANING * min(1.0, (float(near[number]) - LEAST_RELATED) / (CLOSELY_RELATED - LEAST_RELATED))
            if surely <= 0:
                break
            for found in self._stems[self.words[number]]:
                stems[found] = max(stems.get(found, 0.0), surely)
        return Concept(word, stems, np.clip((near - 0.35) / 0.5, 0.0, 1.0).astype(np.float32))

    def _parts_of(self, word: str) -> tuple[str, ...]:
        """Return the known words that a German compound begins or ends with."""
        if len(word) < COMPOUND or not word.isalpha():
            return ()
        cuts = range(SHORTEST_PART, len(word) - 2)
        heads = {word[:cut] for cut in cuts if word[:cut] in self._part_words}
        tails = {word[-cut:] for cut in cuts if word[-cut:] in self._part_words}
        return tuple(sorted(heads | tails))

    def _wholes_of(self, part: str) -> list[str]:
        """Return the German compounds that begin or end with a word which does not stand alone in the manuals."""
        if len(part) < SHORTEST_PART or part in self.known:
            return []
        return [found for found in self._compounds if found.startswith(part) or found.endswith(part)]

    @cached_property
    def _compounds(self) -> tuple[str, ...]:
        german = self._spoken[GERMAN]
        return tuple(sorted(found for found in german if len(found) >= COMPOUND and found.isalpha()))

    @cached_property
    def _part_words(self) -> frozenset[str]:
        return frozenset(found for found in self.known if len(found) >= SHORTEST_PART and found.isalpha())
