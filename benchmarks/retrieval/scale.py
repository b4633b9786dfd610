"""How the time of a question grows with the manuals: ``python -m benchmarks.retrieval.scale``.

The vectors are drawn at random, since only their number matters here; so the time of the model
itself is left out, and the ratio is the worst that a user of either method can meet.
"""

import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from aegisflow.search import ManualSearch
from aegisflow.search.encoder import Vectors
from benchmarks.retrieval.sets import read_questions

ROOT = Path(__file__).parents[2]
SIZES = (100, 1_000, 10_000)


class RandomEncoder:
    """Vectors of the right size."""

    model_id = "random"

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)

    def encode(self, texts: list[str]) -> Vectors:
        return self._random.standard_normal((len(texts), 384), np.float32)

    def is_word(self, word: str) -> bool:
        return False

    def close(self) -> None:
        pass


def fill(folder: Path, passages: int) -> None:
    """Write manuals of a hundred sections each; their words have the frequencies of the real ones."""
    words, chance = words_of_manuals(), random.Random(1)
    for number in range(passages // 100):
        sections = (f"## Part {chance.choice(words)} {part}\n\n{text(chance, words)}\n" for part in range(100))
        (folder / f"manual-{number:03}.md").write_text(f"# Manual {number}\n\n" + "\n".join(sections), "utf-8")


def words_of_manuals() -> list[str]:
    words = " ".join(file.read_text("utf-8") for file in sorted((ROOT / "manuals").glob("*.md"))).split()
    return [word for word in words if word.strip("|#>*-<!")]


def text(chance: random.Random, words: list[str]) -> str:
    return ". ".join(" ".join(chance.choices(words, k=12)) for _ in range(5)).replace("#", "").replace("|", "")


def measure(passages: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), passages)
        manuals = ManualSearch(Path(folder))
        began = time.perf_counter()
        manuals.refresh()
        questions = read_questions(Path(__file__).with_name("questions.yaml"))
        found = {"passages": float(len(manuals.pieces())), "read s": time.perf_counter() - began}
        manuals.use_encoder(RandomEncoder())
        for method in ("lexical", "fused"):
            seconds = []
            for question in questions:
                began = time.perf_counter()
                manuals.search(question.ask, method=method)
                seconds.append(time.perf_counter() - began)
            found[f"{method} p50 ms"] = 1000 * statistics.median(seconds)
        began = time.perf_counter()
        manuals.refresh()
        found["tick without change ms"] = 1000 * (time.perf_counter() - began)
    return found


if __name__ == "__main__":
    for size in SIZES:
        print(*(f"{name} {value:.2f}" for name, value in measure(size).items()), sep=", ")
