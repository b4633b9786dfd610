from pathlib import Path

import numpy as np
import pytest

from aegisflow.search.semantic import CLOSER, NEAREST_SHARE, EmbeddingCache, SemanticIndex
from tests.support.search_samples import FakeEncoder

CHANCE = np.random.default_rng(7)


def unit(rows: int, columns: int = 16) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    drawn = CHANCE.standard_normal((rows, columns)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def by_hand(vectors: np.ndarray, sizes: list[int], query: np.ndarray) -> list[float]:
    scores, start = [], 0
    for size in sizes:
        near = vectors[start : start + size] @ query
        scores.append(float(near[0] + NEAREST_SHARE * (near.max() - near[0])))
        start += size
    return scores


def test_a_passage_scores_by_its_whole_and_its_nearest_sentence() -> None:
    sizes = [1, 3, 2, 5]
    vectors, query = unit(sum(sizes)), unit(1)[0]
    scores = SemanticIndex(vectors, sizes).score(query, np.zeros(4, np.float32))
    assert scores.tolist() == pytest.approx(by_hand(vectors, sizes, query), abs=1e-5)


def test_in_a_large_library_the_best_and_the_hinted_are_looked_at_closely() -> None:
    sizes = [1 + number % 4 for number in range(5 * CLOSER)]
    vectors, query = unit(sum(sizes)), unit(1)[0]
    hints = np.zeros(len(sizes), np.float32)
    hints[-CLOSER:] = 1.0
    scores = SemanticIndex(vectors, sizes).score(query, hints)
    full = by_hand(vectors, sizes, query)
    starts = np.cumsum(sizes) - sizes
    wholes = vectors[starts] @ query
    closer = set(np.argsort(-wholes)[:CLOSER].tolist()) | set(range(len(sizes) - CLOSER, len(sizes)))
    for number, score in enumerate(scores.tolist()):
        assert score == pytest.approx(full[number] if number in closer else float(wholes[number]), abs=1e-5)


def test_no_passages_give_no_scores() -> None:
    assert SemanticIndex(np.zeros((0, 4), np.float32), []).score(unit(1, 4)[0], np.zeros(0, np.float32)).shape == (0,)


def test_what_is_no_longer_used_leaves_the_cache(tmp_path: Path) -> None:
    file = tmp_path / "vectors.sqlite"
    cache = EmbeddingCache(file)
    cache.encode([f"passage {number} of many" for number in range(300)], FakeEncoder())
    cache.encode(["passage 7 of many"], FakeEncoder())
    again = FakeEncoder()
    EmbeddingCache(file).encode(["passage 7 of many", "passage 8 of many"], again)
    assert again.encoded == ["passage 8 of many"]
