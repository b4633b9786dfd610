"""Incident reports -> found by their words and, once there is an encoder, by their meaning."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.incidents.model import Incident, IncidentQuery, IncidentRanks
from aegisflow.errors import BadValueError
from aegisflow.search import ranking
from aegisflow.search.encoder import Encoder, why_failed
from aegisflow.search.lexical import LexicalIndex
from aegisflow.search.query import parse_query
from aegisflow.search.semantic import EmbeddingCache, SemanticIndex

NOTHING_FOUND = "No report is about this."
LEAST_SCORE = {"lexical": 0.24, "fused": 0.2}
"""Below these, by method, no report is about a text. Lower than for manuals: who asks sees whose words he reads."""
SHARE_OF_BEST = 0.6
"""A report whose score is less than this share of the best one's is left out."""
REMEMBERED = 200
"""Texts whose vectors are remembered: an agent that polls asks for the likes of the same alarms again."""


@dataclass(frozen=True, slots=True)
class _ReportCatalogue:
    """The reports of one moment, ready to be searched; replaced as a whole."""

    reports: tuple[Incident, ...]
    lexical: LexicalIndex
    kinds: frozenset[str]
    semantic: SemanticIndex | None
    rows: NDArray[np.int64]
    """Of each report in ``semantic``; -1 where its meaning is not known yet."""
    encoder: Encoder | None

    def correct_spelling(self, word: str) -> str | None:
        """Return the word of the reports that was probably meant."""
        return self.lexical.correct_spelling(word, self.encoder)

    def nearness(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how near the meaning of each report is, 0 to 1; 0 where it is not known yet."""
        assert self.semantic is not None
        # The zero at the end is what row -1 finds: a report whose meaning is not known yet.
        near = np.append(self.semantic.score(query, np.zeros(self.semantic.size, np.float32)), np.float32(0))
        return np.clip(near[self.rows], 0.0, 1.0)


class IncidentIndex:
    """All reports that stand, found by words and by meaning; safe from any thread.

    ``keep`` and ``rank`` are fast. ``add_meaning`` takes long and is for a helper thread; until it is
    through, new reports are found by their words alone.
    """

    def __init__(self, cache: Path | None = None) -> None:
        """Name a file where vectors are kept; None for memory alone."""
        self._vectors = EmbeddingCache(cache)
        self._lock = threading.Lock()
        self._held: dict[int, Incident] = {}
        self._stale = True
        self._encoder: Encoder | None = None
        self._no_model = "the model is not loaded yet"
        self._meanings: SemanticIndex | None = None
        self._meant: dict[tuple[int, int], int] = {}
        """Report and revision to its row among the meanings."""
        self._catalogue = _ReportCatalogue((), LexicalIndex(()), frozenset(), None, np.zeros(0, np.int64), None)
        self._encoded: dict[str, NDArray[np.float32]] = {}

    def keep(self, incidents: Iterable[Incident]) -> None:
        """Take new and changed reports in, and those out that people withdrew."""
        with self._lock:
            for incident in incidents:
                held = self._held.get(incident.incident_id)
                if held is None or incident.revision > held.revision:
                    self._held[incident.incident_id] = incident
                    self._stale = True

    def use_encoder(self, encoder: Encoder | None, why_none: str = "") -> None:
        """Search by meaning with this encoder from the next ``add_meaning`` on; None: by words only, and say why."""
        with self._lock:
            self._encoder, self._no_model = encoder, why_none
            self._meanings, self._meant, self._encoded, self._stale = None, {}, {}, True

    def add_meaning(self) -> None:
        """Work out what new reports mean."""
        with self._lock:
            encoder, reports = self._encoder, self._current().reports
        if encoder is None:
            return
        try:
            # Outside of the lock: it may take minutes, and questions are answered meanwhile.
            vectors = self._vectors.encode([_text(report) for report in reports], encoder)
        except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
            self.use_encoder(None, why_failed(error))
            return
        with self._lock:
            self._meanings = SemanticIndex(vectors, [1] * len(reports)) if reports else None
            self._meant = {(one.incident_id, one.revision): row for row, one in enumerate(reports)}
            self._stale = True

    def rank(self, text: str, query: IncidentQuery, least: float | None = None) -> IncidentRanks:
        """Return the reports that are about a text, in English or German, best first.

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
            found, why = self._current(), self._no_model
        wording = parse_query(text, found.lexical.contains, found.correct_spelling, found.kinds)
        scores, method = found.lexical.score(wording.concepts), "lexical"
        if found.semantic is not None and found.encoder is not None:
            try:
                near = found.nearness(self._encode(found.encoder, wording.sentence))
                scores, method = ranking.fuse(scores, near), "fused"
            except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
                why = why_failed(error)
        note = "" if method == "fused" else f"Found by words only: {why or 'new reports are being read'}."
        best = _best(found.reports, scores, query, method, least)
        return IncidentRanks(best, method, note if best else f"{NOTHING_FOUND} {note}".strip())

    def _current(self) -> _ReportCatalogue:
        """Return the reports that stand, with their words looked up; within the lock."""
        if self._stale:
            reports = tuple(one for one in self._held.values() if not one.withdrawn)
            if reports != self._catalogue.reports:
                lexical = LexicalIndex([(one.title, _about(one), _text(one), "") for one in reports])
            else:
                lexical = self._catalogue.lexical
            rows = np.array([self._meant.get((one.incident_id, one.revision), -1) for one in reports], np.int64)
            kinds = frozenset(one.kind for one in reports)
            self._catalogue = _ReportCatalogue(reports, lexical, kinds, self._meanings, rows, self._encoder)
            self._stale = False
        return self._catalogue

    def _encode(self, encoder: Encoder, sentence: str) -> NDArray[np.float32]:
        known = self._encoded.get(sentence)
        if known is None:
            known = encoder.encode([sentence])[0]
            with self._lock:
                while len(self._encoded) >= REMEMBERED:
                    self._encoded.pop(next(iter(self._encoded)))
                self._encoded[sentence] = known
        return known


def _about(report: Incident) -> str:
    return f"{report.device_id} {report.kind} {report.fault_type.replace('_', ' ')} {' '.join(report.signs)}"


def _text(report: Incident) -> str:
    words = (report.title, report.root_cause, report.actions_taken, report.outcome)
    return f"{report.kind} {report.fault_type.replace('_', ' ')}. {' '.join(words)}"


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
