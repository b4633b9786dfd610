from math import pi, sin

import pytest

from aegisflow.domain.detection.oscillation import Oscillation

REACH = 4.0


def turns(values: list[float]) -> int:
    swing = Oscillation()
    for value in values:
        swing.update(value, REACH)
    return swing.turns


@pytest.mark.parametrize("period", [20, 120, 360])
def test_an_oscillation_is_found_whatever_its_period(period: int) -> None:
    swing = Oscillation()
    values = [3.0 * sin(2 * pi * index / period) for index in range(3 * period)]
    assert any(swing.update(value, REACH) or swing.present for value in values)


def test_a_step_a_ramp_and_a_single_disturbance_are_no_oscillation() -> None:
    assert turns([0.0] * 50 + [4.0] * 500) == 0
    assert turns([0.01 * index for index in range(800)]) == 0
    assert turns([0.0] * 10 + [6.0] * 100 + [0.0] * 100) == 1


def test_steps_that_lie_far_apart_are_no_oscillation() -> None:
    assert turns(([5.0] * 500 + [0.0] * 500) * 3) < 2


def test_a_swing_ends_some_time_after_its_last_turn() -> None:
    swing = Oscillation()
    for index in range(500):
        swing.update(3.0 * sin(2 * pi * index / 100), REACH)
    assert swing.present
    for _ in range(200):
        swing.update(0.0, REACH)
    assert not swing.present


def test_a_swing_that_falls_faster_than_it_rises_goes_on_until_a_whole_period_is_still() -> None:
    swing = Oscillation()
    period = [3.0] * 75 + [-3.0] * 45
    for index, value in enumerate([*period[-45:], *period * 4]):
        swing.update(value, REACH)
        assert swing.present or index < 45 + 75
    for _ in range(115):
        swing.update(-3.0, REACH)
    assert not swing.present
