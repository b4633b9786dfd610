import random

from aegisflow.domain.detection.flatline import Silent
from tests.support.detector_bench import fed, noise, warm


def test_a_value_that_is_repeated_as_never_before_is_stuck_until_it_moves() -> None:
    sensor = warm()
    fed(sensor, [79.0] * 9)
    assert not sensor.flatline.present
    fed(sensor, [79.0] * 10)
    assert sensor.flatline.present
    fed(sensor, [79.1])
    assert not sensor.flatline.present


def test_a_stuck_value_is_no_evidence_of_a_shift() -> None:
    sensor = warm()
    fed(sensor, [80.0] * 500)
    assert not sensor.shifted()
    assert sensor.baseline.level < 76.0


def test_a_constant_sensor_is_not_stuck() -> None:
    assert not warm([5.0] * 2000).flatline.present


def test_a_rounded_sensor_is_stuck_only_after_far_longer_than_it_ever_rested() -> None:
    rng = random.Random(3)
    sensor = warm([round(rng.gauss(20, 1)) for _ in range(3000)])
    assert not sensor.flatline.present
    fed(sensor, [20.0] * 200)
    assert sensor.flatline.present


def test_a_stuck_sensor_does_not_learn_its_rest_as_usual() -> None:
    sensor = warm()
    fed(sensor, [79.0] * 1000)
    fed(sensor, noise(100))
    assert sensor.flatline.limit < 20


def test_a_sensor_is_silent_when_it_is_missing_for_longer_than_ever() -> None:
    silence = Silent()
    silence.missed = 6
    assert not silence.present
    silence.missed = 7
    assert silence.present
    silence.reported()
    silence.missed = 20
    assert not silence.present
    silence.missed = 22
    assert silence.present
