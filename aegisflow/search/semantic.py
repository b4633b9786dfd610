"""Meaning -> passages: vectors of each passage and of its sentences, remembered by content and model."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from aegisflow.search.documents import content_key
from aegisflow.search.encoder import Encoder, Vectors

BATCH = 256
"""The most texts that are encoded at a time."""
NEAREST_SHARE = 0.7
"""Of the nearest facet against the whole passage."""
BLOCK = 500
CLOSER = 100
"""So many passages by meaning, and as many by words, are looked at sentence by sentence."""


class SemanticIndex:
    """Vectors of all facets, and which passage each belongs to."""

    def __init__(self, vectors: Vectors, sizes: Sequence[int]) -> None:
        """Take one row per facet, and how many each passage has, of which the first is the whole."""
        self._vectors = vectors
        self._sizes = np.asarray(sizes, np.int64)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._wholes = vectors[self._starts] if len(sizes) else vectors

    @property
    def size(self) -> int:
        """How many passages there are."""
        return len(self._sizes)

    def score(self, query: Vectors, hints: Vectors) -> Vectors:
        """Return for each passage two cosines as one, -1 to 1: of the whole and of its nearest facet.

        Where there are many passages, the facets are looked at only where the whole, or ``hints`` (the scores of
        the words), are among the best; elsewhere the whole stands for them.
        """
        scores = _cosines(self._wholes, query) if len(self._sizes) else np.zeros(0, np.float32)
        chosen = np.arange(len(scores))
        if len(scores) > 2 * CLOSER:
            chosen = np.union1d(np.argpartition(-scores, CLOSER)[:CLOSER], np.argpartition(-hints, CLOSER)[:CLOSER])
        if len(chosen):
            sizes = self._sizes[chosen]
            ends = np.cumsum(sizes)
            # The facets of the chosen passages, one passage behind the other; reduceat takes the greatest of
            # each.
            rows = np.arange(ends[-1]) + np.repeat(self._starts[chosen] - (ends - sizes), sizes)
            nearest = np.maximum.reduceat(_cosines(self._vectors[rows], query), ends - sizes)
            scores[chosen] += NEAREST_SHARE * (nearest - scores[chosen])
        return np.asarray(scores, np.float32)


def _cosines(rows: Vectors, query: Vectors) -> Vectors:
    """Multiply in blocks so small that the algebra library wakes no threads: on a busy machine waking costs more."""
    blocks = [rows[start : start + BLOCK] @ query for start in range(0, len(rows), BLOCK)]
    return np.concatenate(blocks)


class EmbeddingCache:
    """Vectors on disk, so that a start does not encode again. A damaged file is left aside and made anew."""

    def __init__(self, file: Path | None) -> None:
        """Use ``file``, or nothing but memory."""
        self._file = file
        self._model = ""
        self._held: dict[bytes, Vectors] = {}
        self.problem = ""

    def encode(self, texts: Sequence[str], encoder: Encoder) -> Vectors:
        """Return one row per text; only texts never seen by this model are encoded."""
        keys = [content_key(encoder.model_id, text) for text in texts]
        if encoder.model_id != self._model:
            self._model, self._held = encoder.model_id, self._load(encoder.model_id)
        known = dict(self._held)
        missing = list({key: text for key, text in zip(keys, texts, strict=True) if key not in known}.items())
        fresh: dict[bytes, Vectors] = {}
        for start in range(0, len(missing), BATCH):
            part = missing[start : start + BATCH]
            rows = encoder.encode([text for _, text in part])
            fresh.update(zip((key for key, _ in part), rows, strict=True))
        known.update(fresh)
        # What no document has any more goes, or the file would grow with every change.
        self._save(encoder.model_id, fresh, unused=known.keys() - set(keys))
        vectors = np.stack([known[key] for key in keys]) if keys else np.zeros((0, 1), np.float32)
        self._held = dict(zip(keys, vectors, strict=True))
        return vectors

    def _open(self) -> sqlite3.Connection:
        assert self._file is not None
        self._file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._file, timeout=2.0)
        db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, model TEXT, vector BLOB) WITHOUT ROWID")
        return db

    def _load(self, model: str) -> dict[bytes, Vectors]:
        self.problem = ""
        if self._file is None or not self._file.exists():
            return {}
        try:
            with closing(self._open()) as db:
                rows = db.execute("SELECT key, vector FROM vectors WHERE model = ?", (model,)).fetchall()
            return {key: np.frombuffer(vector, np.float32) for key, vector in rows}
        except (sqlite3.Error, ValueError, OSError) as error:
            self.problem = f"embeddings could not be read and are made anew: {error}"
            # Damaged. An OperationalError is a file that is locked or out of reach, and may be sound.
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                self._file.unlink(missing_ok=True)
            return {}

    def _save(self, model: str, fresh: dict[bytes, Vectors], unused: set[bytes]) -> None:
        if self._file is None or not (fresh or unused):
            return
        try:
            with closing(self._open()) as db, db:
                db.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                    ((key, model, vector.tobytes()) for key, vector in fresh.items()),
                )
                db.executemany("DELETE FROM vectors WHERE key = ?", ((key,) for key in unused))
        except (sqlite3.Error, OSError) as error:
            self.problem = f"embeddings could not be kept in {self._file}: {error}"
