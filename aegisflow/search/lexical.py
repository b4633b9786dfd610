"""Words -> passages: SQLite FTS5 with BM25, in memory, built anew when the folder changes."""

import math
import re
import sqlite3
import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from aegisflow.search.encoder import Encoder
from aegisflow.search.query import Concept
from aegisflow.search.spelling import Spelling

Scores = NDArray[np.float32]

REMEMBERED = 500
"""Groups of words whose passages are remembered."""

_WORD = re.compile(r"[^\W\d_]{4,}")
_WEIGHTS = (1.0, 3.0, 1.0, 0.5)
"""Of title, section, text, and the questions it answers."""


class LexicalIndex:
    """Full-text index over passages; safe from any thread."""

    def __init__(self, entries: Sequence[tuple[str, str, str, str]]) -> None:
        """Take (title, section, text, questions) of each passage; its position is its number from then on."""
        self._count = len(entries)
        self._lock = threading.Lock()
        self._found: dict[tuple[str, ...], tuple[NDArray[np.int64], Scores]] = {}
        self._known: dict[str, bool] = {}
        # Used by any thread, within the lock.
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(title, section, body, asked, "
            "tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._db.executemany(
            "INSERT INTO passages(rowid, title, section, body, asked) VALUES (?, ?, ?, ?, ?)",
            ((number, *entry) for number, entry in enumerate(entries)),
        )
        words = {word for entry in entries for part in entry for word in _WORD.findall(part.lower())}
        self.spelling = Spelling(sorted(words))

    def close(self) -> None:
        """Free the memory of the index."""
        self._db.close()

    def correct_spelling(self, word: str, encoder: Encoder | None) -> str | None:
        """Return the word of the passages that was probably meant; a model tells which words are no mistakes."""
        if encoder is None:
            return self.spelling.nearest(word)
        return None if encoder.is_word(word) else self.spelling.nearest(word, surely_mistyped=True)

    def contains(self, word: str) -> bool:
        """Return whether any passage itself has the word, in any of its forms; its questions do not count."""
        with self._lock:
            if word not in self._known:
                if len(self._known) >= REMEMBERED:
                    self._known.pop(next(iter(self._known)))
                self._known[word] = self._has(word)
            return self._known[word]

    def score(self, concepts: Sequence[Concept]) -> Scores:
        """Return for each passage how much of the question's words it has, 0 to 1.

        Each concept adds its BM25 as a share of the best passage's, weighted by its rarity (inverse
        document frequency). A concept that no passage has counts in full against all of them.
        """
        scores = np.zeros(self._count, np.float32)
        total = 0.0
        for concept in concepts:
            numbers, bm25 = self._find(concept.words)
            weight = self._rarity(len(numbers))
            total += weight
            if len(numbers):
                scores[numbers] += weight * bm25 / bm25.max()
        return scores / total if total else scores

    def missing(self, concepts: Sequence[Concept]) -> float:
        """Return which share of a question's words, weighted by their rarity, stands in no passage: 0 to 1."""
        weights = [(self._rarity(len(self._find(concept.words)[0])), concept.known) for concept in concepts]
        total = sum(weight for weight, _ in weights)
        return sum(weight for weight, known in weights if not known) / total if total else 0.0

    def _rarity(self, found: int) -> float:
        """Return the inverse document frequency of what ``found`` passages have (Robertson and Spärck Jones)."""
        return math.log((self._count - found + 0.5) / (found + 0.5) + 1.0)

    def _find(self, words: tuple[str, ...]) -> tuple[NDArray[np.int64], Scores]:
        """Return the passages that have any of the words, and their BM25; the words of a trade come again and again."""
        with self._lock:
            if words not in self._found:
                if len(self._found) >= REMEMBERED:
                    self._found.pop(next(iter(self._found)))
                rows = self._ask(words)
                numbers = np.fromiter((row[0] for row in rows), np.int64, len(rows))
                # SQLite's bm25() is the lower the better.
                self._found[words] = numbers, np.fromiter((-row[1] for row in rows), np.float32, len(rows))
            return self._found[words]

    def _ask(self, words: tuple[str, ...]) -> list[tuple[int, float]]:
        wanted = _any_of(words)
        if not wanted:
            return []
        return self._db.execute(
            "SELECT rowid, bm25(passages, ?, ?, ?, ?) FROM passages WHERE passages MATCH ?", (*_WEIGHTS, wanted)
        ).fetchall()

    def _has(self, word: str) -> bool:
        wanted = _any_of((word,))
        query = "SELECT 1 FROM passages WHERE passages MATCH ? LIMIT 1"
        return (
            bool(wanted) and self._db.execute(query, (f"{{title section body}} : ({wanted})",)).fetchone() is not None
        )


def _any_of(words: Iterable[str]) -> str:
    """Return a full-text query for any of the words or phrases; empty where none has a letter or digit."""
    # In quotation marks, so that no word of a question is read as FTS5's own syntax.
    return " OR ".join('"' + word.replace('"', " ") + '"' for word in words if re.search(r"\w", word))
