import math
import random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import healthy, sensor_spec

from aegisflow.domain.alarms import Severity
from aegisflow.domain.detection import DeviceDetector, Finding, SensorDetector
from aegisflow.domain.equipment import Limits

NO_LIMITS = {"alarm": Limits(), "trip": Limits()}


def detector(**changes: object) -> SensorDetector:
    return SensorDetector(sensor_spec("temperature", **{**NO_LIMITS, **changes}))  # type: ignore[arg-type]


def findings_of(sensor: SensorDetector, values: list[float]) -> list[Finding | None]:
    found = []
    for value in values:
        sensor.update(value)
        found.append(sensor.finding())
    return found


def noise(count: int, level: float = 75.0, spread: float = 3.0, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(level, spread) for _ in range(count)]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), min_size=1, max_size=150))
def test_z_is_the_distance_from_the_sixty_readings_before_in_their_spreads(values: list[float]) -> None:
    sensor = detector()
    smallest = math.inf
    for index, value in enumerate(values):
        before = values[max(0, index - 60) : index]
        z = sensor.update(value)
        if len(before) < 20:
            assert z is None
        elif stdev(before) > smallest / 2:
            assert z == pytest.approx((value - fmean(before)) / stdev(before), rel=1e-5, abs=1e-6)
        if index and value != values[index - 1]:
            smallest = min(smallest, abs(value - values[index - 1]))


def test_a_breach_lies_above_the_threshold_not_on_it() -> None:
    before = [19.0, 21.0] * 30
    limit = 20.0 + 3.0 * stdev(before)
    assert findings_of(detector(), [*before, limit - 1e-9])[-1] is None
    found = findings_of(detector(), [*before, limit + 1e-9])[-1]
    assert found is not None
    assert (found.detector, found.direction, found.severity) == ("zscore", "high", Severity.LOW)


def test_a_finding_carries_the_figures_that_say_so() -> None:
    before = noise(60)
    found = findings_of(detector(), [*before, 60.0])[-1]
    assert found is not None
    assert (found.sensor, found.value, found.direction) == ("temperature", 60.0, "low")
    assert found.baseline == pytest.approx(fmean(before))
    assert found.spread == pytest.approx(stdev(before))
    assert found.z == pytest.approx((60.0 - fmean(before)) / stdev(before))


def test_a_flat_sensor_that_jumps_is_found() -> None:
    found = findings_of(detector(), [20.0] * 60 + [900.0])
    assert found[:60] == [None] * 60
    assert found[60] is not None
    assert math.isfinite(found[60].z)
    assert found[60].z > 1000


def test_a_flat_sensor_at_zero_that_jumps_has_a_finite_score() -> None:
    for jump in (1e-300, 1e-200, 1e12, -1e12):
        found = findings_of(detector(), [0.0] * 60 + [jump])[-1]
        assert found is not None
        assert math.isfinite(found.z)
    assert findings_of(detector(), [0.0] * 200) == [None] * 200


def test_a_rounded_sensor_that_flickers_between_its_steps_is_not_found() -> None:
    rng = random.Random(2)
    steps = [20.0, 20.5, 20.0, *([20.0] * 80)]
    for _ in range(40):
        steps += [rng.choice([19.5, 20.0, 20.5])] * rng.randint(1, 90)
    found = [finding for finding in findings_of(detector(), steps) if finding is not None]
    # Two steps at once, out of a window that rests, are all that may be told.
    assert all(abs(finding.value - finding.baseline) > 0.75 for finding in found)
    assert findings_of(detector(), [20.0, 20.5] + [20.0] * 100 + [20.5] * 3) == [None] * 105
    assert findings_of(detector(), [20.0, 20.5] + [20.0] * 100 + [23.0])[-1] is not None


@pytest.mark.parametrize(
    ("value", "severity"),
    [(90.0, None), (90.1, Severity.HIGH), (105.0, Severity.HIGH), (105.1, Severity.CRITICAL)],
)
def test_beyond_the_alarm_limit_is_high_and_beyond_the_trip_limit_critical(
    value: float, severity: Severity | None
) -> None:
    sensor = detector(alarm=Limits(None, 90.0), trip=Limits(None, 105.0))
    found = findings_of(sensor, [*noise(60, level=90.0, spread=20.0), value])[-1]
    assert (found and found.severity, found and found.detector) == (severity, severity and "limit")


def test_limits_are_watched_before_there_is_a_z_score() -> None:
    sensor = detector(alarm=Limits(22.0), trip=Limits(None, 42.0))
    low, trip = findings_of(sensor, [20.0, 45.0])
    assert low is not None
    assert trip is not None
    assert (low.severity, low.z, trip.severity) == (Severity.HIGH, 0.0, Severity.CRITICAL)


@pytest.mark.parametrize(("times", "severity"), [(1.5, "low"), (2.5, "medium"), (4.5, "high"), (1000.0, "high")])
def test_without_limits_the_severity_says_how_unusual_a_value_is(times: float, severity: str) -> None:
    before = [19.0, 21.0] * 30
    found = findings_of(detector(), [*before, 20.0 + 3.0 * times * stdev(before)])[-1]
    assert found is not None
    assert found.severity == severity


def test_a_missing_sensor_leaves_the_others_at_work() -> None:
    specs = {name: sensor_spec(name, **NO_LIMITS) for name in ("temperature", "pressure")}  # type: ignore[arg-type]
    device = DeviceDetector(specs)
    for at, value in enumerate(noise(60)):
        device.observe(at, {"temperature": value, "pressure": value} if at < 30 else {"temperature": value})
    found = device.observe(60, {"temperature": 900.0, "of another plant": 5.0})
    assert [finding.sensor for finding in found] == ["temperature"]
    temperature, pressure = device.sensors
    assert (temperature.window.count, pressure.window.count, pressure.at) == (60, 30, 29)


def test_the_score_reaches_one_where_something_is_found() -> None:
    device = DeviceDetector({name: sensor_spec(name) for name in ("temperature", "pressure", "vibration")})
    scores = []
    for taken in healthy(3000):
        values = dict(taken.values)
        if taken.at > 14_000:
            values["temperature"] = 91.0
        found = device.observe(taken.at, values)
        scores.append(device.score)
        assert (device.score >= 1.0) == bool(found)
    assert scores[:20] == [0.0] * 20
    assert min(scores[2801:]) >= 1.0


def test_the_score_is_that_of_the_newest_reading_only() -> None:
    device = DeviceDetector({name: sensor_spec(name, **NO_LIMITS) for name in ("temperature", "pressure")})  # type: ignore[arg-type]
    for at, value in enumerate([*noise(60), 900.0]):
        device.observe(at, {"temperature": value, "pressure": 31.0})
    assert device.score > 1
    device.observe(61, {"pressure": 31.0})
    assert device.score == 0.0


def test_no_window_is_too_small_for_its_spread() -> None:
    found = findings_of(detector(window=2, min_readings=0), [1.0, 2.0, 1.0, 2.0, 50.0])
    assert found[-1] is not None
