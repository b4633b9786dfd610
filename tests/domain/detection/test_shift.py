import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.detection.shift import DECISION, Cusum
from tests.support.detector_bench import coloured, fed, noise, warm


def test_healthy_noise_is_no_shift() -> None:
    sensor = warm()
    for value in noise(5000, seed=7):
        fed(sensor, [value])
        assert not sensor.shifted()


@pytest.mark.parametrize(("shift", "most"), [(1.25, 60), (1.67, 25), (3.0, 8), (-2.0, 20)])
def test_a_shift_is_found_the_sooner_the_larger_it_is(shift: float, most: int) -> None:
    sensor = warm(noise(6000))
    values = noise(200, level=75.0 + 3.0 * shift, seed=8)
    when = next(index for index, value in enumerate(values) if fed(sensor, [value]).shifted())
    assert when < most
    assert sensor.shifted() == (1 if shift > 0 else -1)


def test_a_young_baseline_doubts_and_takes_longer() -> None:
    young, grown = warm(noise(300)), warm(noise(6000))
    delays = []
    for sensor in (young, grown):
        values = noise(400, level=81.0, seed=8)
        delays.append(next(index for index, value in enumerate(values) if fed(sensor, [value]).shifted()))
    assert delays[1] < delays[0] < 200


def test_a_shift_within_the_deadband_is_none() -> None:
    sensor = warm()
    for value in noise(400, level=75.0 + 0.5 * 3.0, seed=9):
        assert not fed(sensor, [value]).shifted()


def test_one_wild_value_is_no_shift() -> None:
    sensor = warm()
    for wild in (1e9, -1e9, 900.0):
        assert not fed(sensor, [wild]).shifted()
        fed(sensor, noise(20))


def test_correlated_noise_is_no_shift() -> None:
    sensor = warm(coloured(3000, 0.8))
    for value in coloured(5000, 0.8, seed=5):
        assert not fed(sensor, [value]).shifted()


@given(st.lists(st.floats(-4, 4), max_size=300))
def test_both_sums_are_what_page_wrote(values: list[float]) -> None:
    cusum = Cusum()
    high = low = 0.0
    for u in values:
        cusum.update(u)
        bounded = max(-cusum.bound, min(cusum.bound, u))
        high = max(0.0, high + bounded - cusum.slack)
        low = max(0.0, low - bounded - cusum.slack)
        if max(high, low) > DECISION:
            break
        assert (cusum.high, cusum.low) == pytest.approx((high, low))
        assert (cusum.shift > 0) == (high >= low and high > 0) or cusum.shift <= 0


def test_a_sum_comes_down_again_though_its_ceiling_was_lowered() -> None:
    cusum = Cusum()
    cusum.widen(10.0, 0.0)  # a level that strolled
    for _ in range(300):
        cusum.update(2.0)
    before = cusum.shift
    cusum.widen(1.0, 0.0)  # and has come to rest
    assert cusum.shift == pytest.approx(before, rel=0.05)
    for _ in range(60):
        cusum.update(0.0)
    assert cusum.high == 0.0
    for _ in range(300):
        cusum.update(-2.0)
    cusum.widen(0.5, 0.0)
    for _ in range(60):
        cusum.update(0.0)
    assert (cusum.low, cusum.shift) == (0.0, 0.0)
