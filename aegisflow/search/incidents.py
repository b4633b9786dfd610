"""Incident reports -> found by their words and, once there is an encoder, by their meaning."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.incidents.model import Incident, IncidentQuery, IncidentRanks
from aegisflow.errors import BadValueError
from aegisflow.search import ranking
from aegisflow.search.encoder import Encoder, Vectors, why_failed
from aegisflow.search.lexical import LexicalIndex
from aegisflow.search.query import parse_query
from aegisflow.search.reading import Encoders, LookUp, WordVectors
from aegisflow.search.semantic import EmbeddingCache, SemanticIndex
from aegisflow.search.words import GERMAN, language_of, with_umlauts

NOTHING_FOUND = "No report is about this."
LEAST_SCORE = {"lexical": 0.24, "fused": 0.2}
"""Below these, by method, no report is about a text. Lower than for manuals: who asks sees whose words he reads."""
SHARE_OF_BEST = 0.6
"""A report whose score is less than this share of the best one's is left out."""


@dataclass(frozen=True, slots=True)
class _Meanings:
    """Vectors of reports by one encoder, in the order of the reports of one moment."""

    index: SemanticIndex
    rows: NDArray[np.int64]
    """Of each report in the index; -1 where its meaning is not known yet."""

    def score(self, query: Vectors, hints: Vectors) -> Vectors:
        """Return how near the meaning of each report is, 0 where it is not known yet."""
        # The zero at the end is what row -1 finds.
        near = np.append(self.index.score(query, np.zeros(self.index.size, np.float32)), np.float32(0))
        return np.asarray(near[self.rows], np.float32)


@dataclass(frozen=True, slots=True)
class _ReportCatalogue:
    """The reports of one moment, ready to be searched; replaced as a whole."""

    reports: tuple[Incident, ...]
    languages: tuple[str, ...]
    lexical: LexicalIndex
    kinds: frozenset[str]
    encoders: Encoders


@dataclass(slots=True)
class _Role:
    """What one encoder knows of the reports."""

    vectors: EmbeddingCache
    encoder: Encoder | None = None
    missing: str = ""
    """Why there is no encoder, for people."""
    index: SemanticIndex | None = None
    meant: dict[tuple[int, int], int] = field(default_factory=dict)
    """Report and revision to its row in the index."""

    def forget(self) -> None:
        self.index, self.meant = None, {}


class IncidentIndex:
    """All reports that stand, found by words and by meaning; safe from any thread.

    ``keep`` and ``rank`` are fast. ``add_meaning`` takes long and is for a helper thread; until it is
    through, new reports are found by their words alone.
    """

    def __init__(self, cache: Path | None = None) -> None:
        """Name a file where vectors are kept; None for memory alone."""
        self._lock = threading.Lock()
        self._held: dict[int, Incident] = {}
        self._stale = True
        self._roles = {role: _Role(EmbeddingCache(cache)) for role in ("model", "multilingual_model")}
        self._roles["model"].missing = "the model is not loaded yet"
        self._words = WordVectors()
        self._word_meanings: dict[str, Vectors] = {}
        self._catalogue = _ReportCatalogue((), (), LexicalIndex((), ()), frozenset(), Encoders())

    def keep(self, incidents: Iterable[Incident]) -> None:
        """Take new and changed reports in, and those out that people withdrew."""
        with self._lock:
            for incident in incidents:
                held = self._held.get(incident.incident_id)
                if held is None or incident.revision > held.revision:
                    self._held[incident.incident_id] = incident
                    self._stale = True

    def use_encoder(self, encoder: Encoder | None, why_none: str = "") -> None:
        """Read meaning with this encoder from the next ``add_meaning`` on; None: without it, and say why."""
        self._use("model", encoder, why_none)

    def use_multilingual(self, encoder: Encoder | None, why_none: str = "") -> None:
        """Read other languages with this encoder from the next ``add_meaning`` on; None: without it, and say why."""
        self._use("multilingual_model", encoder, why_none)

    def _use(self, name: str, encoder: Encoder | None, why_none: str) -> None:
        with self._lock:
            role = self._roles[name]
            role.encoder, role.missing = encoder, why_none
            role.forget()
            self._stale = True

    def add_meaning(self) -> None:
        """Work out what new reports mean."""
        for name, role in self._roles.items():
            with self._lock:
                encoder, found = role.encoder, self._current()
            if encoder is None:
                continue
            vocabulary = found.lexical.vocabulary if name == "multilingual_model" else None
            meant = vocabulary.meant if vocabulary else []
            texts = [
                with_umlauts(_text(one)) if language == GERMAN else _text(one)
                for one, language in zip(found.reports, found.languages, strict=True)
            ]
            try:
                # Outside of the lock: it may take minutes, and questions are answered meanwhile.
                vectors = role.vectors.encode([*texts, *meant], encoder)
            except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
                self._use(name, None, why_failed(error))
                continue
            count = len(found.reports)
            with self._lock:
                role.index = SemanticIndex(vectors[:count], [1] * count) if count else None
                role.meant = {(one.incident_id, one.revision): row for row, one in enumerate(found.reports)}
                if vocabulary:
                    self._word_meanings = dict(zip(vocabulary.words, vectors[count:], strict=True))
                    vocabulary.use_vectors(vectors[count:])
                self._stale = True

    def rank(self, text: str, query: IncidentQuery, least: float | None = None) -> IncidentRanks:
        """Return the reports that are about a text, best first.

        Args:
            text: in any words; only its first 2,000 characters are read.
            query: narrows by all but its own text.
            least: score below which a report is left out; None: those that are not far behind the best.

        Raises:
            BadValueError: the text is empty.
        """
        if not text.strip():
            raise BadValueError("text", text, "what the reports should be about, in a few words")
        with self._lock:
            found, why = self._current(), self._roles["model"].missing
        wording = parse_query(text, found.kinds, found.lexical.vocabulary.spoken, found.encoders.is_english)
        asked = LookUp(wording, found.lexical, found.encoders, found.languages, self._words, "fused")
        note = ""
        if asked.method == "lexical":
            note = f"Found by words only: {asked.failure or why or 'new reports are being read'}."
        best = _best(found.reports, asked.scores, query, asked.method, least)
        return IncidentRanks(best, asked.method, note if best else f"{NOTHING_FOUND} {note}".strip())

    def _current(self) -> _ReportCatalogue:
        """Return the reports that stand, with their words looked up; within the lock."""
        if self._stale:
            reports = tuple(one for one in self._held.values() if not one.withdrawn)
            before = self._catalogue
            if reports != before.reports:
                languages = tuple(language_of(_written(one)) for one in reports)
                lexical = LexicalIndex([(one.title, _about(one), _text(one), "") for one in reports], languages)
                self._keep_word_meanings(lexical)
            else:
                languages, lexical = before.languages, before.lexical
            encoders = Encoders()
            for name, role in self._roles.items():
                if role.encoder is not None and role.index is not None:
                    rows = np.array([role.meant.get((one.incident_id, one.revision), -1) for one in reports], np.int64)
                    encoders = encoders.having(name, role.encoder, _Meanings(role.index, rows))
            kinds = frozenset(one.kind for one in reports)
            self._catalogue = _ReportCatalogue(reports, languages, lexical, kinds, encoders)
            self._stale = False
        return self._catalogue

    def _keep_word_meanings(self, lexical: LexicalIndex) -> None:
        """Take over what is known of the words; those of a new report mean nothing until they are worked out."""
        if self._word_meanings:
            none = np.zeros_like(next(iter(self._word_meanings.values())))
            rows = [self._word_meanings.get(word, none) for word in lexical.vocabulary.words]
            lexical.vocabulary.use_vectors(np.stack(rows) if rows else None)


def _about(report: Incident) -> str:
    return f"{report.device_id} {report.kind} {report.fault_type.replace('_', ' ')} {' '.join(report.signs)}"


def _written(report: Incident) -> str:
    """Return what a person or an agent wrote."""
    return " ".join((report.title, report.root_cause, report.actions_taken, report.outcome))


def _text(report: Incident) -> str:
    return f"{report.kind} {report.fault_type.replace('_', ' ')}. {_written(report)}"


def _best(
    reports: Sequence[Incident],
    scores: ranking.Scores,
    query: IncidentQuery,
    method: str,
    least: float | None,
) -> dict[int, float]:
    found: dict[int, float] = {}
    # Stable, so that reports of one score always come in the same order.
    for place in np.argsort(-scores, kind="stable"):
        score = float(scores[place])
        if score <= 0 or (least is not None and score < least) or len(found) == query.limit:
            break
        if not query.admits(reports[place]):
            continue
        if least is None:
            # The best one that the query admits sets the measure, not the best of all.
            least = max(LEAST_SCORE[method], SHARE_OF_BEST * score)
            if score < least:
                break
        found[reports[place].incident_id] = round(score, 3)
    return found
