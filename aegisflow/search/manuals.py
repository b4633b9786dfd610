"""Search in a folder of manuals: by words at once, and by meaning as soon as there is a model."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.views import ManualInfo, Passage, PassageAnswer
from aegisflow.errors import BadValueError, UnknownNameError
from aegisflow.search import ranking
from aegisflow.search.documents import Corpus, Document, read_folder
from aegisflow.search.encoder import Encoder, why_failed
from aegisflow.search.hidden import visible
from aegisflow.search.lexical import LexicalIndex
from aegisflow.search.passages import Piece, chunk, facets, sentences
from aegisflow.search.query import MAX_QUERY_CHARS, Sought, parse_query
from aegisflow.search.reading import Encoders, LookUp, WordVectors
from aegisflow.search.semantic import EmbeddingCache, SemanticIndex
from aegisflow.search.vocabulary import Said
from aegisflow.search.words import GERMAN, language_of, with_umlauts

MAX_PASSAGES = 20
NOTHING_FOUND = "Nothing found that answers this. The manuals do not seem to speak of it; do not guess."
PERHAPS = "Perhaps: what follows is near to the question, but may not answer it. If you use it, say so."

_AMOUNT = re.compile(r"(?:\d|\b)\s*(?:€|\$|£|usd|eur|euros?|dollars?|cents?)(?:\b|(?=\W)|$)|[€$£]\s*\d", re.IGNORECASE)
_CONTACT = re.compile(
    r"[\w.+-]+@[\w-]+\.\w+|(?:\+|\b00)\d[\d ()/-]{6,}|\b(?:tel|phone|fon|hotline)\W*\d", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _ManualCatalogue:
    """All passages of one moment, ready to be searched; replaced as a whole."""

    corpus: Corpus
    pieces: tuple[tuple[Document, Piece], ...]
    languages: tuple[str, ...]
    kinds: frozenset[str]
    lexical: LexicalIndex
    encoders: Encoders
    sentences: dict[int, list[Said]] = field(default_factory=dict)
    """What passages say, remembered once one was asked about."""

    def said(self, number: int) -> list[Said]:
        """Return what each sentence of a passage says, the whole first."""
        if number not in self.sentences:
            document, piece = self.pieces[number]
            self.sentences[number] = [self.lexical.vocabulary.said(text) for text in sentences(document.title, piece)]
        return self.sentences[number]

    def about(self, kind: str) -> NDArray[np.bool_]:
        """Return for each passage whether its manual is about this kind of device, or about all."""
        return np.array([not document.kinds or kind in document.kinds for document, _ in self.pieces], np.bool_)


class ManualSearch:
    """Manuals of a folder, found by words and, once there is an encoder, by meaning.

    ``refresh``, ``use_encoder`` and ``use_multilingual`` take long and may run in one other thread while
    questions are answered from what was there before.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        """Name the folder and a file where vectors are kept; nothing is read before ``refresh``."""
        self.folder = folder
        self._vectors = {"model": EmbeddingCache(cache), "multilingual_model": EmbeddingCache(cache)}
        self._encoders: dict[str, Encoder | None] = {"model": None, "multilingual_model": None}
        self._missing = {"model": "the model is not loaded yet", "multilingual_model": ""}
        """Why an encoder is not used; empty when it is, or when nobody asked for one."""
        self._words = WordVectors()
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
            for role in self._encoders:
                self._add_meaning(role)
            return True

    def use_encoder(self, encoder: Encoder | None, why_none: str = "") -> None:
        """Read meaning with this encoder from now on; None: without it, and say why."""
        self._use("model", encoder, why_none)

    def use_multilingual(self, encoder: Encoder | None, why_none: str = "") -> None:
        """Read single words and other languages with this encoder from now on; None: without it, and say why."""
        self._use("multilingual_model", encoder, why_none)

    def close(self) -> None:
        """Let go of the models; words still answer."""
        for role, encoder in self._encoders.items():
            if encoder is not None:
                encoder.close()
                self._use(role, None, "the search is closed")

    def _use(self, role: str, encoder: Encoder | None, why_none: str) -> None:
        with self._building:
            self._encoders[role] = encoder
            if encoder is None:
                self._missing[role] = why_none
            self._add_meaning(role)

    def _add_meaning(self, role: str) -> None:
        found, encoder = self._catalogue, self._encoders[role]
        if encoder is None:
            self._catalogue = replace(found, encoders=found.encoders.without(role))
            return
        self._missing[role] = "the meaning of new passages is being worked out"
        texts = [
            [with_umlauts(text) if language == GERMAN else text for text in facets(document.title, piece)]
            for (document, piece), language in zip(found.pieces, found.languages, strict=True)
        ]
        words = found.lexical.vocabulary.meant if role == "multilingual_model" else []
        try:
            vectors = self._vectors[role].encode([text for some in texts for text in some] + words, encoder)
        except Exception as error:  # noqa: BLE001 - whatever breaks in the model, words still answer
            self._missing[role] = why_failed(error)
            return
        if role == "multilingual_model":
            found.lexical.vocabulary.use_vectors(vectors[len(vectors) - len(words) :])
        index = SemanticIndex(vectors[: len(vectors) - len(words)], [len(some) for some in texts])
        self._catalogue = replace(found, encoders=found.encoders.having(role, encoder, index))
        self._missing[role] = ""

    # --- asking it (fast, from any thread) ------------------------------------------------------

    def search(self, text: str, kind: str | None = None, limit: int = 3, method: str = "") -> PassageAnswer:
        """Return the passages that answer a question, or perhaps do, best first; none if none does.

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
        question, scores = self._look_up(found, text, kind, method or "fused")
        notes = []
        if question.method == "lexical":
            notes.append(f"Found by words only: {question.failure or self._missing['model'] or 'as asked'}.")
        if len(text) > MAX_QUERY_CHARS:
            notes.append(f"Only the first {MAX_QUERY_CHARS} of {len(text)} characters were read.")
        numbers = _best(found, scores, limit)
        certainty = _certainty(found, question, numbers[0]) if numbers else ranking.Certainty.NO
        if certainty is ranking.Certainty.NO:
            return PassageAnswer((), question.method, " ".join([NOTHING_FOUND, *notes]))
        passages = tuple(_passage(found, number, float(scores[number])) for number in numbers)
        notes = [*found.corpus.older_than({passage.manual for passage in passages}), *notes]
        if certainty is ranking.Certainty.PERHAPS:
            notes.insert(0, PERHAPS)
        return PassageAnswer(passages, question.method, " ".join(notes), certainty is ranking.Certainty.YES)

    def support(self, text: str, kind: str | None = None) -> tuple[str, ranking.Support] | None:
        """Return what speaks for the best passage, and what read it; None where a rule refuses the question."""
        found = self._catalogue
        question, scores = self._look_up(found, text, kind, "fused")
        numbers = _best(found, scores, 1)
        if not numbers or _is_refused(found, question, numbers[0]):
            return None
        return question.read_by(numbers[0]), question.support(numbers[0], found.said(numbers[0]))

    def _look_up(
        self, found: _ManualCatalogue, text: str, kind: str | None, method: str
    ) -> tuple[LookUp, ranking.Scores]:
        """Look a question up; a passage that is not about the kind of device scores nothing."""
        wording = parse_query(text, found.kinds, found.lexical.vocabulary.spoken, found.encoders.is_english)
        question = LookUp(wording, found.lexical, found.encoders, found.languages, self._words, method)
        if not kind:
            return question, question.scores
        return question, np.where(found.about(kind), question.scores, np.float32(0))

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
        return visible(found.text) if found.form == "markdown" else found.text.replace("\f", "\n\n")

    def pieces(self) -> tuple[tuple[Document, Piece], ...]:
        """Return every passage with the manual it stands in."""
        return self._catalogue.pieces

    def problems(self) -> Mapping[str, str]:
        """Return what is not used, and why: file name, ``model`` or ``cache`` to a text for people."""
        problems = dict(self._catalogue.corpus.problems)
        problems.update({role: why for role, why in self._missing.items() if why})
        for vectors in self._vectors.values():
            if vectors.problem:
                problems["cache"] = vectors.problem
        return problems


def _build(corpus: Corpus) -> _ManualCatalogue:
    current = [document for name, document in corpus.documents.items() if name not in corpus.superseded]
    pieces = tuple((document, piece) for document in current for piece in chunk(document))
    spoken = {document.name: language_of(document.text) for document in current}
    languages = tuple(spoken[document.name] for document, _ in pieces)
    entries = [
        (document.title, _heading(document, piece), piece.text, "\n".join(piece.asked)) for document, piece in pieces
    ]
    kinds = frozenset(kind for document in current for kind in document.kinds)
    return _ManualCatalogue(corpus, pieces, languages, kinds, LexicalIndex(entries, languages), Encoders())


def _heading(document: Document, piece: Piece) -> str:
    """Return the section, but nothing for what stands before the first one: its title must not count twice."""
    return "" if piece.section == document.title else piece.section


def _certainty(found: _ManualCatalogue, question: LookUp, number: int) -> ranking.Certainty:
    """Say whether a passage answers, perhaps answers, or does not."""
    if _is_refused(found, question, number):
        return ranking.Certainty.NO
    certainty = question.certainty(number, found.said(number))
    # What holds for one model or part may not hold for another, which the manuals do not name.
    if certainty is ranking.Certainty.YES and question.wording.codes - found.lexical.vocabulary.known:
        return ranking.Certainty.PERHAPS
    return certainty


def _is_refused(found: _ManualCatalogue, question: LookUp, number: int) -> bool:
    """Return whether a passage cannot answer, however near it is: news, prices, people, messages of no manual."""
    wording = question.wording
    sought = {Sought.MONEY: _AMOUNT, Sought.PEOPLE: _CONTACT}.get(wording.sought)
    if wording.sought is Sought.NEWS or wording.messages - found.lexical.vocabulary.known:
        return True
    return sought is not None and not sought.search(found.pieces[number][1].text)


def _best(found: _ManualCatalogue, scores: ranking.Scores, limit: int) -> list[int]:
    """Return the best passages; one that stands word for word in several manuals is shown once."""
    numbers: list[int] = []
    # Stable, so that passages of one score come in the order of the manuals, at every start.
    for number in map(int, np.argsort(-scores, kind="stable")):
        if scores[number] <= 0 or len(numbers) == limit:
            break
        if all(found.pieces[number][1].text != found.pieces[other][1].text for other in numbers):
            numbers.append(number)
    return numbers


def _passage(found: _ManualCatalogue, number: int, score: float) -> Passage:
    document, piece = found.pieces[number]
    where = (document.name, document.title, document.revision, piece.section)
    return Passage(*where, piece.text, round(score, 3), document.is_ours)
