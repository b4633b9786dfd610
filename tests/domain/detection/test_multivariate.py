import random

from aegisflow.domain.detection import DeviceDetector
from aegisflow.domain.equipment import DeviceSpec
from tests.support.detector_bench import NO_LIMITS
from tests.support.samples import device_spec, healthy, sensor_spec

NAMES = tuple(f"x{i}" for i in range(8))


def spec() -> DeviceSpec:
    return device_spec("unit", *(sensor_spec(name, "", **NO_LIMITS) for name in NAMES))  # type: ignore[arg-type]


def run(device: DeviceDetector, start: int, count: int, seed: int = 1, **shift: float) -> tuple[list[float], int]:
    """Feed Gaussian readings; return the scores and how many readings had a diagnosis."""
    rng = random.Random(seed)
    scores, found, active = [], 0, ""
    for index in range(start, start + count):
        values = {name: 10.0 * i + rng.gauss(0, 1) + shift.get(name, 0.0) for i, name in enumerate(NAMES)}
        diagnosis = device.observe(float(index), values, active)
        found += diagnosis is not None
        scores.append(device.score)
    return scores, found


def test_healthy_readings_stay_below_one_whatever_the_sensors_are_called() -> None:
    scores, found = run(DeviceDetector(spec()), 0, 6000)
    assert found == 0
    assert max(scores) < 1.0
    assert max(scores[600:]) > 0.2


def test_a_shift_of_one_sensor_of_many_is_found_and_named() -> None:
    device = DeviceDetector(spec())
    run(device, 0, 1500)
    scores, found = run(device, 1500, 200, 2, x3=2.5)
    assert max(scores[:5]) < 1.0 < min(scores[100:])
    assert found > 50
    diagnosis = device.observe(1700.0, dict.fromkeys(NAMES, 0.0) | {"x3": 32.5}, "")
    assert diagnosis is not None
    assert "x3" in {finding.sensor for finding in diagnosis.findings}


def test_the_score_rises_smoothly_with_a_drift() -> None:
    device = DeviceDetector(spec())
    run(device, 0, 1500)
    means = []
    for step in range(8):
        scores, _ = run(device, 1500 + 50 * step, 50, step, x1=0.4 * step)
        means.append(sum(scores) / len(scores))
    assert means[2] < means[4] < means[7]
    assert means[7] > 1.0


def test_a_single_wild_value_scores_and_raises_nothing() -> None:
    device = DeviceDetector(spec())
    run(device, 0, 1500)
    assert device.observe(1500.0, {name: 10.0 * i for i, name in enumerate(NAMES)} | {"x0": 50.0}, "") is None
    assert device.score > 1.0
    scores, found = run(device, 1501, 100)
    assert (found, max(scores[40:]) < 1.0) == (0, True)  # a shock fades


def test_constant_sensors_and_sensors_that_come_and_go_are_no_reason() -> None:
    device = DeviceDetector(spec())
    rng = random.Random(3)
    for index in range(4000):
        values = {"x0": 5.0, "x1": rng.gauss(0, 1), "x2": float(rng.random() < 0.5)}
        if index % 7:
            values["x3"] = rng.gauss(0, 1)
        if index > 2000:
            values["x4"] = rng.gauss(100, 1)
        assert device.observe(float(index), values, "") is None


def test_what_lasts_longer_than_all_that_was_seen_becomes_usual() -> None:
    device = DeviceDetector(spec())
    run(device, 0, 1000)
    active = ""
    rng = random.Random(4)
    history = []
    for index in range(1000, 4000):
        diagnosis = device.observe(
            float(index), {n: 10.0 * i + 5 + rng.gauss(0, 1) for i, n in enumerate(NAMES)}, active
        )
        active = "unclassified" if diagnosis is not None else ""
        history.append(active)
    assert history[100] == "unclassified"
    assert history[-1] == ""


def test_where_something_is_found_the_score_is_one_at_least() -> None:
    device = DeviceDetector(device_spec())
    for taken in healthy(1500):
        values = dict(taken.values)
        if taken.at > 5_000:
            values["temperature"] = 91.0
        if device.observe(taken.at, values) is not None:
            assert device.score >= 1.0
    assert device.score >= 1.0
