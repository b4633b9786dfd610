"""How well the manuals are searched: ``python -m benchmarks.retrieval [--misses] [--questions FILE] [--json FILE]``.

Every question is asked three ways: by words, by meaning, by both. A question counts as found at k if
one of its sections is among the first k passages shown; one that is answered with nothing counts as
missed. A false answer is any passage shown for a question that the manuals do not answer.
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

from ruamel.yaml import YAML

from aegisflow.search import ManualSearch, ModelUnavailableError, load_encoder

ROOT = Path(__file__).parents[2]
METHODS = ("lexical", "semantic", "fused")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and where the answer stands."""

    ask: str
    part: str
    language: str
    sort: str
    sections: tuple[str, ...]
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """How one question was answered."""

    question: Question
    shown: tuple[str, ...]
    rank: int | None
    """Place of the first right passage among those shown, from 0."""
    seconds: float


def read_questions(file: Path) -> list[Question]:
    """Read the questions and refuse a file that asks for sections twice."""
    questions = []
    for entry in YAML(typ="safe").load(file):
        sections = tuple(entry.pop("sections", ()))
        questions.append(Question(sections=sections, **entry))
    return questions


def sections_of(manuals: ManualSearch) -> set[str]:
    """Return every section that can be shown, as the questions name it."""
    return {place(document.name, piece.section) for document, piece in manuals.pieces()}


def place(manual: str, section: str) -> str:
    return f"{manual.removesuffix('.md')}: {section}"


def ask(manuals: ManualSearch, questions: Iterable[Question], method: str) -> list[Result]:
    results = []
    for question in questions:
        began = time.perf_counter()
        answer = manuals.search(question.ask, question.kind, limit=5, method=method)
        seconds = time.perf_counter() - began
        shown = tuple(place(passage.manual, passage.section) for passage in answer.passages)
        right = [rank for rank, section in enumerate(shown) if section in question.sections]
        results.append(Result(question, shown, right[0] if right else None, seconds))
    return results


def figures(results: Sequence[Result]) -> dict[str, float]:
    """Return recall@1, recall@3, MRR (over the first five), the rate of false answers and the median time."""
    answerable = [result for result in results if result.question.sections]
    others = [result for result in results if not result.question.sections]
    ranks = [result.rank for result in answerable]
    return {
        "questions": len(answerable),
        "recall@1": sum(rank == 0 for rank in ranks) / len(ranks),
        "recall@3": sum(rank is not None and rank < 3 for rank in ranks) / len(ranks),
        "mrr": sum(0.0 if rank is None else 1 / (rank + 1) for rank in ranks) / len(ranks),
        "unanswerable": len(others),
        "false answers": sum(bool(result.shown) for result in others) / max(1, len(others)),
        "p50 ms": 1000 * statistics.median(result.seconds for result in results),
    }


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    names = list(next(iter(rows.values())))
    lines = [f"{'':24}" + "".join(f"{name:>14}" for name in names)]
    for title, row in rows.items():
        cells = (f"{row[name]:>14.0f}" if row[name] == int(row[name]) > 1 else f"{row[name]:>14.3f}" for name in names)
        lines.append(f"{title:24}" + "".join(cells))
    return "\n".join(lines)


def misses(results: Iterable[Result]) -> list[str]:
    """Return what a person tuning the ranking may look at: the questions that are not marked ``test``."""
    lines = []
    for result in results:
        question = result.question
        if question.part == "test":
            continue
        if question.sections and result.rank != 0:
            lines.append(f"rank {result.rank}: {question.ask} -> {list(result.shown[:3])}")
        elif not question.sections and result.shown:
            lines.append(f"false: {question.ask} -> {result.shown[0]}")
    return lines


def memory_mb() -> float:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("--questions", type=Path, default=Path(__file__).with_name("questions.yaml"))
    parser.add_argument("--manuals", type=Path, default=ROOT / "manuals")
    parser.add_argument("--model", default="auto", help="auto, none or a folder")
    parser.add_argument("--misses", action="store_true", help="show what went wrong in the part for tuning")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args(arguments)

    questions = read_questions(options.questions)
    cache = Path(tempfile.mkdtemp()) / "vectors.db"
    manuals = ManualSearch(options.manuals, cache)
    began = time.perf_counter()
    manuals.refresh()
    manuals.search(questions[0].ask)
    costs = {"first answer, by words s": time.perf_counter() - began, "memory without model MB": memory_mb()}
    unknown = {section for question in questions for section in question.sections} - sections_of(manuals)
    if unknown:
        print("these sections of the questions are in no manual:", *sorted(unknown), sep="\n  ", file=sys.stderr)
        return 1
    methods: tuple[str, ...] = METHODS
    try:
        began = time.perf_counter()
        encoder = load_encoder(options.model)
        costs["model loaded s"] = time.perf_counter() - began
        began = time.perf_counter()
        manuals.use_encoder(encoder)
        costs["manuals encoded for the first time s"] = time.perf_counter() - began
        began = time.perf_counter()
        again = ManualSearch(options.manuals, cache)
        again.refresh()
        again.use_encoder(encoder)
        again.search(questions[0].ask)
        costs["first answer by meaning at the next start, model loaded, s"] = time.perf_counter() - began
    except ModelUnavailableError as error:
        print(f"by words only: {error}\n", file=sys.stderr)
        methods = ("lexical",)

    rows: dict[str, dict[str, float]] = {}
    for method in methods:
        results = ask(manuals, questions, method)
        for part in sorted({question.part for question in questions}, reverse=True):
            rows[f"{method}, {part}"] = figures([each for each in results if each.question.part == part])
        rows[f"{method}, all"] = figures(results)
        for language in ("en", "de"):
            rows[f"{method}, {language}"] = figures([each for each in results if each.question.language == language])
        if options.misses:
            print(f"--- {method}", *misses(results), sep="\n")
    costs["memory with model MB"] = memory_mb()
    print(table(rows), "", *(f"{name}: {value:.2f}" for name, value in costs.items()), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(rows | {"costs": costs}, indent=2) + "\n", "utf-8")
    manuals.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
