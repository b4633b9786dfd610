"""Meaning -> passages: vectors of each passage and of its sentences, remembered by content and model."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegisflow.library.documents import content_key
from aegisflow.library.encoder import Encoder, Vectors

BATCH = 256


class SemanticIndex:
    """Vectors of all facets, and which passage each belongs to."""

    def __init__(self, vectors: Vectors, owners: NDArray[np.int64], count: int) -> None:
        """Take one row per facet, sorted by its passage; every passage has at least one."""
        self._vectors = vectors
        self._starts = np.searchsorted(owners, np.arange(count))

    def score(self, query: Vectors) -> Vectors:
        """Return for each passage the cosine of its nearest facet, -1 to 1."""
        if not len(self._starts):
            return np.zeros(0, np.float32)
        return np.maximum.reduceat(self._vectors @ query, self._starts)


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
