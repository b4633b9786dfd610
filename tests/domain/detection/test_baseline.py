import math
import random

import pytest

from aegisflow.domain.detection import SensorDetector
from aegisflow.domain.detection.baseline import Baseline
from aegisflow.domain.equipment import Limits
from tests.support.detector_bench import coloured, fed, noise, warm
from tests.support.samples import sensor_spec


def test_level_and_spread_are_those_of_health() -> None:
    baseline = warm(noise(2000)).baseline
    assert baseline.level == pytest.approx(75.0, abs=0.3)
    assert baseline.spread == pytest.approx(3.0, rel=0.08)
    assert baseline.inflation == pytest.approx(1.0, abs=0.25)
    assert baseline.random_walk_variance == 0.0


def test_a_few_wild_values_in_the_warm_up_do_not_matter() -> None:
    values = noise(120)
    values[10] = values[70] = 1e9
    baseline = warm(values).baseline
    assert baseline.level == pytest.approx(75.0, abs=1.0)
    assert 2.0 < baseline.spread < 4.5


def test_a_warm_up_waits_while_the_sensor_is_on_its_way() -> None:
    rising = [75.0 + 0.1 * index + value for index, value in enumerate(noise(600, level=0.0))]
    sensor = warm(rising)
    assert not sensor.ready
    fed(sensor, noise(180, level=135.0))
    assert sensor.ready
    assert sensor.baseline.level == pytest.approx(135.0, abs=1.0)


def test_a_suspected_block_teaches_nothing_nor_does_the_one_before() -> None:
    baseline = warm(noise(240)).baseline
    baseline.close_block(clean=False, moved=False)
    before = baseline.level
    for clean in (True, False):
        for _ in range(60):
            baseline.add(3.0)
        baseline.close_block(clean, moved=False)
    assert baseline.level == before
    for _ in range(2):
        for _ in range(60):
            baseline.add(1.0)
        baseline.close_block(clean=True, moved=False)
    assert baseline.level > before


@pytest.mark.parametrize(("r", "inflation"), [(0.5, 3.0), (0.8, 9.0)])
def test_correlated_noise_is_known_for_what_it_is(r: float, inflation: float) -> None:
    sensor = warm()
    sensor = SensorDetector(sensor.spec)
    for value in coloured(6000, r):
        sensor.update(value)
        if sensor.baseline.full:
            sensor.baseline.close_block(clean=True, moved=False)
            sensor.adapt()
    assert sensor.baseline.inflation == pytest.approx(inflation, rel=0.35)


def test_a_level_that_strolls_widens_every_limit_and_a_slow_cycle_does_not() -> None:
    stroll = [a + b for a, b in zip(noise(9000), coloured(9000, 0.997, 0.0, 1.5), strict=True)]
    strolling = SensorDetector(warm().spec)
    for value in stroll:
        strolling.update(value)
        if strolling.baseline.full:
            strolling.baseline.close_block(clean=True, moved=False)
            strolling.adapt()
    steady = warm(noise(9000))
    assert strolling.baseline.random_walk_variance > 0.05
    assert strolling.guard > 3 * steady.guard


def test_a_sensor_that_rests_has_a_baseline_without_division_by_nothing() -> None:
    baseline = Baseline()
    for _ in range(120):
        baseline.warm_up(0.0, 0.0)
    assert baseline.scale > 0
    assert warm([20.0] * 200).baseline.spread == pytest.approx(0.2)


def test_a_sensor_of_three_values_has_the_spread_of_its_values() -> None:
    rng = random.Random(4)
    values = [rng.choice([19.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 21.0]) for _ in range(1000)]
    sensor = warm(values, sensor_spec("flow", alarm=Limits(), trip=Limits()))
    assert 0.3 < sensor.baseline.spread < 1.1
    assert not sensor.shifted()


def daily(count: int, amplitude: float, seed: int = 1) -> list[float]:
    """Return noise on a wave of a day, one reading every 5 s."""
    wave = (amplitude * math.sin(2 * math.pi * index / 17_280) for index in range(count))
    return [value + lift for value, lift in zip(noise(count, seed=seed), wave, strict=True)]


def test_a_daily_wave_is_followed_without_a_lag() -> None:
    sensor = warm(daily(17_280 * 3 // 2, 6.0))
    assert sensor.baseline.level == pytest.approx(75.0, abs=0.9), "where it falls the fastest"
    assert abs(sensor.baseline.bias) < 0.3


def test_the_level_goes_on_by_its_trend_while_it_may_not_learn() -> None:
    sensor = warm(daily(17_280, 6.0))
    baseline = sensor.baseline
    before = baseline.level
    for _ in range(12):  # an hour
        baseline.close_block(clean=False, moved=False)
    assert baseline.level == pytest.approx(before + 1.5, abs=0.5), "a sixth of the way to the crest"
    assert 0.2 < baseline.unsure < 1.0
    baseline.close_block(clean=False, moved=False, drifting=True)
    assert baseline.level == pytest.approx(before + 1.5, abs=0.5)


def test_a_level_that_rests_gets_no_trend_by_chance() -> None:
    baseline = warm(noise(9000)).baseline
    for _ in range(12):
        baseline.close_block(clean=False, moved=False)
    assert baseline.level == pytest.approx(75.0, abs=0.6)
    assert baseline.unsure < 0.25
