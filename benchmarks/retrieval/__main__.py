"""How well the manuals are searched: ``python -m benchmarks.retrieval [SET ...] [--encoders WHICH] [--misses]``.

A question counts as found at k if one of its sections is among the first k passages shown, be they shown as an
answer or as what perhaps answers. *Refused* is an answerable question for which nothing is shown. *False* is a
question that the manuals do not answer and that is answered all the same; *false perhaps*, one for which passages
are shown, but marked as such.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aegisflow.search import Encoder, ManualSearch, ModelUnavailableError, load_encoder, load_multilingual
from benchmarks.retrieval.sets import Question, QuestionSet, sets

APART = ("own-apart", "foreign-apart", "foreign-fresh")
ALL = ("questions", "others", "foreign-tune", *APART)


@dataclass(frozen=True, slots=True)
class Result:
    """How one question was answered."""

    question: Question
    shown: tuple[str, ...]
    rank: int | None
    """Place of the first right passage among those shown, from 0."""
    is_sure: bool
    seconds: float


def ask(manuals: ManualSearch, questions: Iterable[Question], method: str = "") -> list[Result]:
    results = []
    for question in questions:
        began = time.perf_counter()
        answer = manuals.search(question.ask, question.kind, limit=5, method=method)
        seconds = time.perf_counter() - began
        passages = answer.passages
        right = [
            at for at, each in enumerate(passages) if question.is_answered_by(each.manual, each.section, each.text)
        ]
        shown = tuple(f"{each.manual}: {each.section}" for each in passages)
        results.append(Result(question, shown, right[0] if right else None, answer.is_sure, seconds))
    return results


def figures(results: Sequence[Result]) -> dict[str, float]:
    answerable = [result for result in results if result.question.sections]
    others = [result for result in results if not result.question.sections]
    ranks = [result.rank for result in answerable]
    count = max(1, len(answerable))
    return {
        "questions": len(answerable),
        "recall@1": sum(rank == 0 for rank in ranks) / count,
        "recall@3": sum(rank is not None and rank < 3 for rank in ranks) / count,
        "refused": sum(not result.shown for result in answerable) / count,
        "perhaps": sum(bool(result.shown) and not result.is_sure for result in answerable) / count,
        "unanswerable": len(others),
        "false": sum(result.is_sure for result in others) / max(1, len(others)),
        "false perhaps": sum(bool(result.shown) and not result.is_sure for result in others) / max(1, len(others)),
        "p50 ms": 1000 * statistics.median(result.seconds for result in results),
    }


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    names = list(next(iter(rows.values())))
    lines = [f"{'':30}" + "".join(f"{name:>14}" for name in names)]
    for title, row in rows.items():
        cells = (f"{row[name]:>14.0f}" if row[name] == int(row[name]) > 1 else f"{row[name]:>14.3f}" for name in names)
        lines.append(f"{title:30}" + "".join(cells))
    return "\n".join(lines)


def misses(results: Iterable[Result]) -> list[str]:
    """Return what a person tuning the ranking may look at: not the questions that are set apart."""
    lines = []
    for result in results:
        question = result.question
        if question.sections and result.rank != 0:
            lines.append(f"rank {result.rank}: {question.ask} -> {list(result.shown[:3])}")
        elif not question.sections and result.shown:
            lines.append(f"{'false' if result.is_sure else 'perhaps'}: {question.ask} -> {result.shown[0]}")
    return lines


def fill(manuals: ManualSearch, first: Encoder | None, multilingual: Encoder | None) -> None:
    """Read the manuals with these encoders."""
    manuals.refresh()
    manuals.use_multilingual(multilingual, "left out")
    manuals.use_encoder(first, "left out")


def encoders(which: str, model: str) -> tuple[Encoder | None, Encoder | None]:
    first = load_encoder(model) if which in ("both", "first") else None
    return first, load_multilingual("auto") if which in ("both", "multilingual") else None


def encoder_p50_ms(encoder: Encoder, questions: Sequence[Question]) -> float:
    """Return how long the encoder alone takes for a question that nobody asked before."""
    seconds = []
    for question in questions[:60]:
        began = time.perf_counter()
        encoder.encode([question.ask + " "])
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(APART), help=f"of {', '.join(ALL)}; -together: in one folder")
    parser.add_argument("--encoders", choices=("both", "first", "multilingual", "none"), default="both")
    parser.add_argument("--model", default="auto", help="auto or a folder: the first encoder")
    parser.add_argument("--method", choices=("lexical", "semantic", "fused"), default="fused")
    parser.add_argument("--vectors", type=Path, help="folder in which vectors are kept from run to run")
    parser.add_argument("--misses", action="store_true", help="show what went wrong, but for what is set apart")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args(arguments)
    try:
        first, multilingual = encoders(options.encoders, options.model)
    except ModelUnavailableError as error:
        print(f"no model: {error}", file=sys.stderr)
        return 1
    rows: dict[str, dict[str, float]] = {}
    kept = options.vectors or Path(tempfile.mkdtemp())
    asked: list[Question] = []
    for name in options.sets:
        results: list[Result] = []
        for each in sets(name):
            # One file for each folder, since it loses the vectors that its folder has no text of.
            manuals = ManualSearch(each.folder, kept / f"{name}-{each.name}.db")
            fill(manuals, first, multilingual)
            results += ask(manuals, known(each, manuals), options.method)
        asked += [result.question for result in results]
        rows[name] = figures(results)
        for language in ("en", "de"):
            rows[f"{name}, {language}"] = figures([each for each in results if each.question.language == language])
        if options.misses and name not in APART:
            print(f"--- {name}", *misses([each for each in results if each.question.part != "test"]), sep="\n")
    print(table(rows))
    for encoder in filter(None, (first, multilingual)):
        print(f"{encoder.model_id.partition(':')[0]} alone, p50 ms: {encoder_p50_ms(encoder, asked):.1f}")
    print(f"memory MB: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", "utf-8")
    return 0


def known(questions: QuestionSet, manuals: ManualSearch) -> tuple[Question, ...]:
    """Return the questions of a set, none of which names a section that is not there."""
    pieces = manuals.pieces()
    for question in questions.questions:
        if question.sections and not any(
            question.is_answered_by(doc.name, piece.section, piece.text) for doc, piece in pieces
        ):
            raise SystemExit(f"{questions.name}: no manual has {question.sections}")
    return questions.questions


if __name__ == "__main__":
    sys.exit(main())
