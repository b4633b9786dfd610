import math
import random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.detection.zscore import ZScore
from aegisflow.domain.equipment import DetectorSpec
from tests.support.detector_bench import noise


def after(values: list[float], spec: DetectorSpec | None = None) -> ZScore:
    score = ZScore(spec or DetectorSpec())
    for value in values:
        score.update(value)
    return score


def breached(score: ZScore) -> bool:
    return score.z is not None and abs(score.z) > score.threshold


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1, max_size=150))
def test_z_is_the_distance_from_the_sixty_readings_before_in_their_spreads(values: list[float]) -> None:
    score = ZScore(DetectorSpec())
    smallest = math.inf
    for index, value in enumerate(values):
        before = values[max(0, index - 60) : index]
        z = score.update(value)
        if len(before) < 20:
            assert z is None
        elif stdev(before) > smallest / 2:
            assert z == pytest.approx((value - fmean(before)) / stdev(before), rel=1e-5, abs=1e-6)
        if index and value != values[index - 1]:
            smallest = min(smallest, abs(value - values[index - 1]))


def test_a_breach_lies_above_the_threshold_not_on_it() -> None:
    before = [19.0, 21.0] * 30
    limit = 20.0 + 3.0 * stdev(before)
    assert not breached(after([*before, limit - 1e-9]))
    assert breached(after([*before, limit + 1e-9]))


def test_a_flat_sensor_that_jumps_is_a_breach_with_a_finite_score() -> None:
    assert not breached(after([20.0] * 60))
    assert breached(after([20.0] * 60 + [900.0]))
    for jump in (1e-300, 1e-200, 1e12, -1e12):
        score = after([0.0] * 60 + [jump])
        assert breached(score)
        assert math.isfinite(score.z or 0.0)
    assert after([0.0] * 200).z == 0.0


def test_a_rounded_sensor_that_flickers_between_its_steps_is_no_breach() -> None:
    rng = random.Random(2)
    steps = [20.0, 20.5, 20.0, *([20.0] * 80)]
    for _ in range(40):
        steps += [rng.choice([19.5, 20.0, 20.5])] * rng.randint(1, 90)
    score = ZScore(DetectorSpec())
    for value in steps:
        score.update(value)
        # Two steps at once, out of a window that rests, are all that may be told.
        assert not breached(score) or abs(score.deviation) > 0.75
    assert breached(after([20.0, 20.5] + [20.0] * 100 + [23.0]))


def test_breaches_persist_when_most_of_the_newest_values_are_some() -> None:
    score = after(noise(60))
    for persistent in (False, False, False, True):
        score.update(130.0)
        assert score.persistent is persistent
    for _ in range(30):
        score.update(75.0)
    assert not score.persistent


def test_no_window_is_too_small_for_its_spread() -> None:
    assert breached(after([1.0, 2.0, 1.0, 2.0, 50.0], DetectorSpec(window=2, min_readings=0)))
