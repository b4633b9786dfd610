"""Words -> passages: SQLite FTS5 with BM25, in memory, built anew when the folder changes."""

import math
import sqlite3
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aegisflow.search.ranking import Scores
from aegisflow.search.vocabulary import Concept, Vocabulary

REMEMBERED = 2_000
"""Stems whose passages are remembered."""
LEAST_WEIGHT = 0.5
"""A word that stands in every passage still counts so much in how far a question is covered."""
NUMBER_WEIGHT = 0.6
"""Of a number, a unit or a code against a word as rare: they are written in many ways."""

_WEIGHTS = (0.5, 3.0, 1.0, 0.5)
"""Of title, section, text, and the questions it answers."""


class LexicalIndex:
    """Full-text index over passages; safe from any thread."""

    def __init__(self, entries: Sequence[tuple[str, str, str, str]], languages: Sequence[str]) -> None:
        """Take (title, section, text, questions) of each passage and its language; its position is its number."""
        self._count = len(entries)
        self._lock = threading.Lock()
        self._found: dict[str, tuple[NDArray[np.int64], Scores]] = {}
        spoken = list(zip(entries, languages, strict=True))
        self.vocabulary = Vocabulary(
            ((part, language) for entry, language in spoken for part in entry[:3]),
            ((entry[3], language) for entry, language in spoken),
        )
        # Used by any thread, within the lock.
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(title, section, body, asked, "
            "tokenize = \"unicode61 remove_diacritics 0 tokenchars '.%°#'\")"
        )
        self._db.executemany(
            "INSERT INTO passages(rowid, title, section, body, asked) VALUES (?, ?, ?, ?, ?)",
            (
                (number, *(self.vocabulary.index_text(part, language) for part in entry))
                for number, (entry, language) in enumerate(spoken)
            ),
        )

    def score(self, concepts: Sequence[Concept]) -> Scores:
        """Return for each passage how much of the question's words it has, 0 to 1.

        Each word adds its BM25 as a share of the best passage's, weighted by its rarity (inverse document
        frequency) and by how surely what was found stands for it. What no passage has counts against all of them.
        """
        scores = np.zeros(self._count, np.float32)
        total = 0.0
        for concept in concepts:
            best = np.zeros(self._count, np.float32)
            for found, surely in concept.stems.items():
                numbers, shares = self._find(found)
                best[numbers] = np.maximum(best[numbers], surely * shares)
            weight = self.weight(concept)
            total += weight
            scores += weight * best
        return np.asarray(scores / total, np.float32) if total else scores

    def weight(self, concept: Concept) -> float:
        """Return how much a word says of what is sought: the rarer, the more (Robertson and Spärck Jones)."""
        surest = [self._find(stem)[0] for stem, surely in concept.stems.items() if surely >= concept.known - 0.05]
        passages = len(np.unique(np.concatenate(surest))) if len(surest) > 1 else sum(map(len, surest))
        rarity = self.rarity(passages)
        return rarity if concept.is_word else NUMBER_WEIGHT * rarity

    def rarity(self, passages: int) -> float:
        """Return the inverse document frequency of what so many passages have."""
        return math.log((self._count - passages + 0.5) / (passages + 0.5) + 1.0)

    def _find(self, found: str) -> tuple[NDArray[np.int64], Scores]:
        """Return the passages that have a stem, and their share of the best one's BM25."""
        with self._lock:
            if found not in self._found:
                if len(self._found) >= REMEMBERED:
                    self._found.pop(next(iter(self._found)))
                # In quotation marks, so that no word of a question is read as FTS5's own syntax.
                rows = self._db.execute(
                    "SELECT rowid, bm25(passages, ?, ?, ?, ?) FROM passages WHERE passages MATCH ?",
                    (*_WEIGHTS, f'"{found}"'),
                ).fetchall()
                numbers = np.fromiter((row[0] for row in rows), np.int64, len(rows))
                # SQLite's bm25() is the lower the better.
                bm25 = np.fromiter((-row[1] for row in rows), np.float32, len(rows))
                self._found[found] = numbers, bm25 / bm25.max() if len(rows) else bm25
            return self._found[found]
