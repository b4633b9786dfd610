"""How words and meaning together decide what is shown, and whether it answers, perhaps answers or does not.

The figures were chosen with the questions in ``benchmarks/retrieval`` that are for tuning; how well they do on
questions and manuals that nobody tuned with stands in ``docs/manuals.md``.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

WORDS_WEIGHT = 0.6
"""Of the words' score against that of the meaning."""


class Certainty(Enum):
    """Whether the best passage answers a question."""

    YES = "yes"
    PERHAPS = "perhaps"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for it that the best passage answers a question; each from 0 to 1 but ``length``."""

    meaning: float
    """Cosine of the first encoder, or where it does not read one of the languages, of the multilingual one."""
    multilingual: float
    """Cosine of the multilingual encoder."""
    sentence: float
    """Share of the question's words, by their rarity, that one sentence or row of the passage speaks of."""
    passage: float
    """The same of the whole passage."""
    manuals: float
    """The same of all manuals."""
    crosses: bool
    """Whether question and passage are in two languages, in which cosines are lower."""
    length: float
    """Logarithm of one more than the number of the question's words."""
    lead: float
    """How far its score is ahead of the next passage's: one that stands alone outweighs a word that is unknown."""
    unknown: float
    """How rare the rarest word is that no manual speaks of, or of anything near."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression on the evidence, fitted by ``python -m benchmarks.retrieval.fit``."""

    of: tuple[float, ...]
    yes: float
    """From this sum on it answers."""
    perhaps: float
    """From this sum on it may."""


WEIGHTS = {
    "lexical": Weights((0.0, 0.0, -2.04, 3.25, 2.3, 1.02, 1.52, 2.2, 0.36), 5.32, 3.52),
    "first": Weights((0.69, 0.69, -1.05, 1.65, 1.2, 1.58, 0.96, 9.82, -0.13), 4.17, 2.57),
    "multilingual": Weights((1.58, 1.58, -0.76, 5.41, -0.11, 1.19, 1.62, 8.6, -2.45), 5.85, 3.95),
    "both": Weights((2.48, 1.58, 0.59, 3.79, -0.02, 1.35, 1.52, 8.94, -2.45), 6.03, 4.12),
}
"""By the encoders that there are."""


def fuse(words: Scores, meaning: Scores) -> Scores:
    """Return one score per passage, 0 to 1, from the score of its words and the cosine of its meaning."""
    return np.asarray((meaning + WORDS_WEIGHT * words) / (1 + WORDS_WEIGHT), np.float32)


def total(support: Support, weights: Weights) -> float:
    """Return how much speaks for an answer; what is enough stands in ``weights``."""
    parts = (
        support.meaning,
        support.multilingual,
        support.sentence,
        support.passage,
        support.manuals,
        float(support.crosses),
        support.length,
        support.lead,
        support.unknown,
    )
    return sum(weight * part for weight, part in zip(weights.of, parts, strict=True))


def certainty(support: Support, encoders: str) -> Certainty:
    """Tell an answer from what may be one, and from what is only near in subject."""
    weights = WEIGHTS[encoders]
    found = total(support, weights)
    if found >= weights.yes:
        return Certainty.YES
    return Certainty.PERHAPS if found >= weights.perhaps else Certainty.NO
