"""A question against passages: what its words and its meaning find, and what speaks for the best of them."""

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from aegisflow.search import ranking
from aegisflow.search.encoder import Encoder, Vectors, why_failed
from aegisflow.search.lexical import LEAST_WEIGHT, LexicalIndex
from aegisflow.search.query import QueryWording
from aegisflow.search.vocabulary import Said
from aegisflow.search.words import ENGLISH, GERMAN, with_umlauts

REMEMBERED = 2_000
"""Words and questions whose vectors are remembered."""
FIRST_SHARE = 0.5
"""Of the first encoder in the meaning, where both read it."""


class Passages(Protocol):
    """What passages mean."""

    def score(self, query: Vectors, hints: Vectors) -> Vectors:
        """Return how near each passage is to a question; ``hints`` are the scores of the words."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """An encoder, and what all passages mean to it."""

    encoder: Encoder
    index: Passages


@dataclass(frozen=True, slots=True)
class Encoders:
    """The encoders that there are: the first one reads English, the multilingual one words and other languages."""

    first: Meaning | None = None
    multilingual: Meaning | None = None

    def having(self, role: str, encoder: Encoder, index: Passages) -> "Encoders":
        """Return these with another one in a role, ``model`` or ``multilingual_model``."""
        meaning = Meaning(encoder, index)
        return replace(self, first=meaning) if role == "model" else replace(self, multilingual=meaning)

    def without(self, role: str) -> "Encoders":
        """Return these with none in a role."""
        return replace(self, first=None) if role == "model" else replace(self, multilingual=None)

    def is_word(self, word: str) -> bool:
        """Return whether any of them knows the word, so that it is no typing mistake."""
        return any(one is not None and one.encoder.is_word(word) for one in (self.first, self.multilingual))

    @property
    def is_english(self) -> Callable[[str], bool] | None:
        """What tells whether a word is English; None where nothing does."""
        return None if self.first is None else self.first.encoder.is_word

    @property
    def names(self) -> str:
        """Which weights of the evidence hold."""
        if self.first is not None and self.multilingual is not None:
            return "both"
        return "first" if self.first is not None else "multilingual" if self.multilingual is not None else "lexical"


class WordVectors:
    """Vectors of questions and of their words, remembered: those of a trade come again and again."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Vectors] = {}
        self._lock = threading.Lock()

    def of(self, texts: Sequence[str], encoder: Encoder) -> dict[str, Vectors]:
        """Return the vector of each text; all that are missing are encoded at once."""
        with self._lock:
            known = {text: self._held[key] for text in texts if (key := (encoder.model_id, text)) in self._held}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            fresh = dict(zip(missing, encoder.encode(missing), strict=True))
            known |= fresh
            with self._lock:
                if len(self._held) + len(fresh) > REMEMBERED:
                    self._held = {}
                self._held |= {(encoder.model_id, text): vector for text, vector in fresh.items()}
        return known


class LookUp:
    """One question, looked up."""

    def __init__(
        self,
        wording: QueryWording,
        lexical: LexicalIndex,
        encoders: Encoders,
        languages: Sequence[str],
        words: WordVectors,
        method: str,
    ) -> None:
        """Find it at once.

        Args:
            wording: the question.
            lexical: the words of all passages.
            encoders: what reads their meaning.
            languages: of each passage.
            words: remembers vectors.
            method: ``lexical``, ``semantic`` or ``fused``.
        """
        self.wording = wording
        self._text = wording.text
        """As the multilingual encoder reads it."""
        self.failure = ""
        """What broke in a model, for people."""
        self._lexical = lexical
        self._crosses = np.array([language != wording.language for language in languages], np.bool_)
        none = np.zeros(len(languages), np.float32)
        self._first = self._multilingual = none
        self._encoders = encoders if method != "lexical" else Encoders()
        try:
            vectors = self._vectors(words)
        except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
            self.failure, self._encoders, vectors = why_failed(error), Encoders(), {}
        knows = self._encoders.is_word if wording.language == ENGLISH and self._encoders.names != "lexical" else None
        self.concepts = lexical.vocabulary.read(wording.words, wording.language, vectors, knows)
        found = lexical.score(self.concepts)
        try:
            self._read_meaning(found, vectors, words)
        except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
            self.failure, self._encoders = why_failed(error), Encoders()
        self.method = method if self._encoders.names != "lexical" else "lexical"
        meaning = np.clip(self._meaning(), 0.0, 1.0)
        self.scores = {"lexical": found, "semantic": meaning}.get(self.method, self._fused(found, meaning))

    def certainty(self, number: int, sentences: Sequence[Said]) -> ranking.Certainty:
        """Say whether a passage, with the sentences that it has, answers this."""
        return ranking.certainty(self.support(number, sentences), self.read_by(number))

    def read_by(self, number: int) -> str:
        """Return which encoders read this question and this passage, and so which weights of the evidence hold."""
        names = self._encoders.names
        is_foreign = self.wording.language != ENGLISH or bool(self._crosses[number])
        return "multilingual" if names == "both" and is_foreign else names

    def support(self, number: int, sentences: Sequence[Said]) -> ranking.Support:
        """Return what speaks for a passage."""
        weights = np.array([max(self._lexical.weight(concept), LEAST_WEIGHT) for concept in self.concepts])
        whole = weights.sum() or 1.0
        covered = np.array([[concept.covered_by(said) for said in sentences] for concept in self.concepts])
        covered = covered.reshape(len(self.concepts), len(sentences))
        shares = weights @ covered / whole
        known = np.array([concept.anywhere for concept in self.concepts])
        return ranking.Support(
            meaning=float(self._first[number]),
            multilingual=float(self._multilingual[number]),
            # The first is the whole.
            sentence=float(shares[1:].max() if len(shares) > 1 else shares.max()),
            passage=float(weights @ covered.max(axis=1) / whole) if len(self.concepts) else 0.0,
            manuals=float(weights @ known / whole) if len(self.concepts) else 0.0,
            crosses=bool(self._crosses[number]),
            length=math.log1p(len(self.concepts)),
            lead=float(self.scores[number] - np.delete(self.scores, number).max(initial=0.0)),
            unknown=float((weights * (1 - known)).max(initial=0.0) / self._lexical.rarity(0)),
        )

    def _vectors(self, words: WordVectors) -> dict[str, Vectors]:
        """Return the vectors of the question and of its words by the multilingual encoder, if there is one."""
        if self._encoders.multilingual is None:
            return {}
        encoder = self._encoders.multilingual.encoder
        is_german, text = self.wording.language == GERMAN, self.wording.text
        wanted = {
            word: with_umlauts(word) if is_german else word
            for word in self.wording.words
            if word.isalpha() and len(word) > 1
        }
        # Who writes in small letters means nouns all the same, which models of German know by their capitals.
        if is_german and text == text.lower():
            written = self._lexical.vocabulary.written
            self._text = re.sub(r"[^\W\d_]{2,}", lambda found: written(found[0], encoder.is_word), text)
        found = words.of([self._text, *wanted.values()], encoder)
        return found | {word: found[meant] for word, meant in wanted.items()}

    def _read_meaning(self, found: ranking.Scores, vectors: Mapping[str, Vectors], words: WordVectors) -> None:
        first, multilingual = self._encoders.first, self._encoders.multilingual
        if multilingual is not None:
            self._multilingual = self._first = multilingual.index.score(vectors[self._text], found)
        if first is None or (multilingual is not None and (self.wording.language != ENGLISH or self._crosses.all())):
            return
        self._first = first.index.score(words.of([self.wording.text], first.encoder)[self.wording.text], found)
        if multilingual is None:
            self._multilingual = self._first
        else:
            # It reads no passage in another language.
            self._first = np.where(self._crosses, self._multilingual, self._first)

    def _fused(self, found: ranking.Scores, meaning: ranking.Scores) -> ranking.Scores:
        reads_both = self._encoders.multilingual is not None
        return ranking.fuse(found, meaning, self._crosses & reads_both)

    def _meaning(self) -> ranking.Scores:
        return np.asarray(FIRST_SHARE * self._first + (1 - FIRST_SHARE) * self._multilingual, np.float32)
