"""How words and meaning together decide what is shown, and when nothing is.

The figures were chosen with the questions in ``benchmarks/retrieval`` and all-MiniLM-L6-v2; questions
that nobody has seen before are answered somewhat worse, see ``docs/manuals.md``.
"""

import numpy as np
from numpy.typing import NDArray

from aegisflow.search.query import QueryWording

Scores = NDArray[np.float32]

WORDS_WEIGHT = 0.5
"""Of the words' score against that of the meaning."""
MISSING_WEIGHT = 0.5
"""What is taken off if the manuals have none of the things that a question names; a part of it for a part of them."""
NEWS_WEIGHT = 0.5
"""What is taken off if it asks for what is or was the case on a machine."""
THRESHOLDS = {"lexical": 0.30, "semantic": 0.31, "fused": 0.30}
"""Below these, by method, nothing is shown."""


def fuse(words: Scores, meaning: Scores) -> Scores:
    """Return one score per passage, 0 to 1, from the score of its words and the cosine of its meaning."""
    return np.asarray((meaning + WORDS_WEIGHT * words) / (1 + WORDS_WEIGHT), np.float32)


def answers(best: float, missing: float, wording: QueryWording, method: str) -> bool:
    """Whether the best passage is likely to answer the question at all.

    A question about something that the manuals never mention names things that they do not know; its
    nearest passage is then only near in subject. ``missing`` is the share of these, 0 to 1.
    """
    return best - MISSING_WEIGHT * missing - NEWS_WEIGHT * wording.asks_for_news >= THRESHOLDS[method]
