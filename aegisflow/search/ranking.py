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
FOREIGN_WORDS_WEIGHT = 0.3
"""The same where question and passage are in two languages: words are then found by their meaning alone, one by one,
which the encoder that reads the whole question does better."""


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
    "lexical": Weights((0.0, 0.0, -0.71, 2.67, 2.13, 1.01, 1.1, 3.48, 0.76), 5.2, 3.6),
    "first": Weights((1.12, 1.12, -0.44, 2.0, 1.16, 1.85, 0.75, 9.84, 0.03), 4.5, 2.8),
    "multilingual": Weights((2.16, 2.16, 0.97, 4.42, -0.37, 1.16, 1.69, 7.48, -2.34), 7.0, 4.0),
    "both": Weights((4.32, 0.12, 1.45, 2.76, 2.52, 0.0, 2.2, 8.53, -0.93), 10.5, 8.2),
}
"""By the encoders that read a question and its passage."""


def fuse(words: Scores, meaning: Scores, is_foreign: NDArray[np.bool_]) -> Scores:
    """Return one score per passage, 0 to 1, from the score of its words and the cosine of its meaning.

    Args:
        words: score of each passage.
        meaning: cosine of each passage.
        is_foreign: which passages are in another language than the question, and read by an encoder of both.
    """
    weights = np.where(is_foreign, FOREIGN_WORDS_WEIGHT, WORDS_WEIGHT)
    return np.asarray((meaning + weights * words) / (1 + WORDS_WEIGHT), np.float32)


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
