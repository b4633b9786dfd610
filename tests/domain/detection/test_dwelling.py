"""A state is watched by how long it lasts."""

import random

from aegisflow.domain.detection.dwelling import Dwelling


def lived(seed: int = 1) -> tuple[Dwelling, float]:
    """Return what has seen a valve open for about ten readings and close for about twenty, and its largest score."""
    rng, dwelling, most = random.Random(seed), Dwelling(), 0.0
    for turn in range(201):
        open_now = turn % 2
        for _ in range(rng.randint(8, 12) if open_now else rng.randint(15, 25)):
            most = max(most, dwelling.update(float(open_now)))
    return dwelling, most


def test_a_state_that_comes_and_goes_as_ever_is_usual_and_one_that_stays_is_not() -> None:
    dwelling, most = lived()
    assert most < 1.0
    scores = [dwelling.update(1.0) for _ in range(40)]
    assert scores[20] < 1.0 <= scores[30]
    assert Dwelling().update(1.0) == 0.0


def test_what_was_accepted_is_usual() -> None:
    dwelling, _ = lived()
    for _ in range(60):
        dwelling.update(1.0)
    dwelling.accept()
    assert dwelling.update(1.0) < 1.0


def test_a_state_that_was_never_seen_or_seldom_left_has_no_length() -> None:
    dwelling, _ = lived()
    assert max(dwelling.update(2.0) for _ in range(500)) == 0.0
