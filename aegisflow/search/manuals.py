"""Search in a folder of manuals: by words at once, and by meaning as soon as there is a model."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.views import ManualInfo, Passage, PassageAnswer
from aegisflow.errors import BadValueError, UnknownNameError
from aegisflow.search import ranking
from aegisflow.search.documents import Corpus, Document, read_folder
from aegisflow.search.encoder import Encoder, why_failed
from aegisflow.search.lexical import LexicalIndex
from aegisflow.search.passages import Piece, chunk, facets, without_comments
from aegisflow.search.query import MAX_QUERY_CHARS, QueryWording, parse_query
from aegisflow.search.semantic import EmbeddingCache, SemanticIndex

MAX_PASSAGES = 20
NOTHING_FOUND = "Nothing found that answers this. The manuals do not seem to speak of it; do not guess."


@dataclass(frozen=True, slots=True)
class _ManualCatalogue:
    """All passages of one moment, ready to be searched; replaced as a whole."""

    corpus: Corpus
    pieces: tuple[tuple[Document, Piece], ...]
    kinds: frozenset[str]
    lexical: LexicalIndex
    semantic: SemanticIndex | None
    encoder: Encoder | None

    def about(self, kind: str) -> NDArray[np.bool_]:
        """Return for each passage whether its manual is about this kind of device, or about all."""
        return np.array([not document.kinds or kind in document.kinds for document, _ in self.pieces], np.bool_)

    def correct_spelling(self, word: str) -> str | None:
        """Return the word of the manuals that was probably meant."""
        return self.lexical.correct_spelling(word, self.encoder)


class ManualSearch:
    """Manuals of a folder, found by words and, once there is an encoder, by meaning.

    ``refresh`` and ``use_encoder`` take long and may run in one other thread while questions are
    answered from what was there before.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        """Name the folder and a file where vectors are kept; nothing is read before ``refresh``."""
        self.folder = folder
        self._vectors = EmbeddingCache(cache)
        self._encoder: Encoder | None = None
        self._no_model = "the model is not loaded yet"
        """Why answers are by words only; empty when they need not be."""
        self._building = threading.Lock()
        self._catalogue = _build(Corpus({}, {}, {}))

    # --- keeping it up to date (slow, one at a time) -------------------------------------------

    def refresh(self) -> bool:
        """Read what changed in the folder; return whether anything did."""
        with self._building:
            before = self._catalogue.corpus
            corpus = read_folder(self.folder, before)
            # A file that was only touched, or another that cannot be read, costs no new index.
            if corpus.documents == before.documents:
                self._catalogue = replace(self._catalogue, corpus=corpus)
                return corpus.problems != before.problems
            self._catalogue = _build(corpus)
            self._add_meaning()
            return True

    def use_encoder(self, encoder: Encoder | None, why_none: str = "") -> None:
        """Search by meaning with this encoder from now on; None: by words only, and say why."""
        with self._building:
            self._encoder = encoder
            if encoder is None:
                self._no_model = why_none
            self._add_meaning()

    def close(self) -> None:
        """Let go of the model; words still answer."""
        if self._encoder is not None:
            self._encoder.close()
            self.use_encoder(None, "the search is closed")

    def _add_meaning(self) -> None:
        found = self._catalogue
        if self._encoder is None:
            self._catalogue = replace(found, semantic=None, encoder=None)
            return
        self._no_model = "the meaning of new passages is being worked out"
        texts = [facets(document.title, piece) for document, piece in found.pieces]
        try:
            vectors = self._vectors.encode([text for some in texts for text in some], self._encoder)
        except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
            self._no_model = why_failed(error)
            return
        semantic = SemanticIndex(vectors, [len(some) for some in texts])
        self._catalogue = replace(found, semantic=semantic, encoder=self._encoder)
        self._no_model = ""

    # --- asking it (fast, from any thread) ------------------------------------------------------

    def search(self, text: str, kind: str | None = None, limit: int = 3, method: str = "") -> PassageAnswer:
        """Return the passages that answer a question in English or German, best first; none if none does.

        Args:
            text: the question; only its first 2,000 characters are read.
            kind: a kind of device, so that only its manuals and those for all kinds are searched.
            limit: how many passages, 1 to 20.
            method: ``lexical``, ``semantic`` or ``fused``; empty for the best there is.

        Raises:
            BadValueError: the question is empty, or the limit is out of range.
        """
        if not text.strip():
            raise BadValueError("text", text, "a question or some keywords")
        if not 1 <= limit <= MAX_PASSAGES:
            raise BadValueError("limit", limit, f"1 to {MAX_PASSAGES}")
        found = self._catalogue
        wording = parse_query(text, found.lexical.contains, found.correct_spelling, found.kinds)
        scores, method, why = _score(found, wording, method or "fused")
        notes = [] if method != "lexical" else [f"Found by words only: {why or self._no_model or 'as asked'}."]
        if len(text) > MAX_QUERY_CHARS:
            notes.append(f"Only the first {MAX_QUERY_CHARS} of {len(text)} characters were read.")
        if kind:
            scores = np.where(found.about(kind), scores, np.float32(0))
        passages = _best(found, scores, limit)
        missing = found.lexical.missing(wording.concepts)
        if not passages or not ranking.answers(passages[0].score, missing, wording, method):
            return PassageAnswer((), method, " ".join([NOTHING_FOUND, *notes]))
        return PassageAnswer(tuple(passages), method, " ".join(notes))

    def manuals(self) -> tuple[ManualInfo, ...]:
        """Return the manuals that can be searched, by name."""
        documents = self._catalogue.corpus.documents.values()
        return tuple(ManualInfo(each.name, each.title, each.revision, each.kinds) for each in documents)

    def read(self, name: str) -> str:
        """Return the text of a manual.

        Raises:
            UnknownNameError: there is none with this name; paths are not followed.
        """
        documents = self._catalogue.corpus.documents
        if name not in documents:
            raise UnknownNameError("manual", name, tuple(documents))
        found = documents[name]
        return without_comments(found.text) if found.form == "markdown" else found.text.replace("\f", "\n\n")

    def pieces(self) -> tuple[tuple[Document, Piece], ...]:
        """Return every passage with the manual it stands in."""
        return self._catalogue.pieces

    def problems(self) -> Mapping[str, str]:
        """Return what is not used, and why: file name, ``model`` or ``cache`` to a text for people."""
        problems = dict(self._catalogue.corpus.problems)
        if self._no_model:
            problems["model"] = self._no_model
        if self._vectors.problem:
            problems["cache"] = self._vectors.problem
        return problems


def _build(corpus: Corpus) -> _ManualCatalogue:
    pieces = tuple((document, piece) for document in corpus.documents.values() for piece in chunk(document))
    entries = [
        (document.title, _heading(document, piece), piece.text, "\n".join(piece.asked)) for document, piece in pieces
    ]
    lexical = LexicalIndex(entries)
    kinds = frozenset(kind for document in corpus.documents.values() for kind in document.kinds)
    return _ManualCatalogue(corpus, pieces, kinds, lexical, None, None)


def _heading(document: Document, piece: Piece) -> str:
    """Return the section, but nothing for what stands before the first one: its title must not count twice."""
    return "" if piece.section == document.title else piece.section


def _score(found: _ManualCatalogue, wording: QueryWording, method: str) -> tuple[ranking.Scores, str, str]:
    """Return a score for every passage, 0 to 1, the method that could be used, and why not the one asked for."""
    words = found.lexical.score(wording.concepts)
    if method == "lexical" or found.semantic is None or found.encoder is None:
        return words, "lexical", ""
    try:
        meaning = np.clip(found.semantic.score(found.encoder.encode([wording.sentence])[0], words), 0.0, 1.0)
    except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
        return words, "lexical", why_failed(error)
    return (meaning if method == "semantic" else ranking.fuse(words, meaning)), method, ""


def _best(found: _ManualCatalogue, scores: ranking.Scores, limit: int) -> list[Passage]:
    """Return the best passages; one that stands word for word in several manuals is shown once."""
    passages: list[Passage] = []
    # Stable, so that passages of one score come in the order of the manuals, at every start.
    for number in np.argsort(-scores, kind="stable"):
        document, piece = found.pieces[number]
        if scores[number] <= 0 or len(passages) == limit:
            break
        if all(piece.text != passage.text for passage in passages):
            score = round(float(scores[number]), 3)
            where = (document.name, document.title, document.revision, piece.section)
            passages.append(Passage(*where, piece.text, score, document.is_ours))
    return passages
