from typing import Any

import pytest

from aegisflow.domain.detection.limits import LimitCheck
from aegisflow.domain.equipment import Limits
from tests.support.samples import sensor_spec


def check(values: list[float], **limits: Limits) -> LimitCheck:
    given: dict[str, Any] = {"alarm": Limits(None, 90.0), "trip": Limits(None, 105.0), **limits}
    watched = LimitCheck(sensor_spec("temperature", **given))
    for value in values:
        watched.update(value)
    return watched


def test_a_level_beyond_the_limit_is_seen_within_some_readings() -> None:
    assert check([75.0] * 60 + [95.0] * 8).beyond == 1
    assert check([75.0] * 60 + [95.0] * 2).beyond == 0
    assert check([30.0] * 60 + [10.0] * 8, alarm=Limits(22.0), trip=Limits(18.0)).beyond == -1


def test_noise_that_touches_the_limit_is_not_beyond_it() -> None:
    assert check([84.0, 91.0] * 100).beyond == 0


def test_one_wild_value_is_not_beyond_not_even_as_the_first() -> None:
    assert check([75.0] * 60 + [900.0]).beyond == 0 or check([75.0] * 60 + [900.0, 75.0]).beyond == 0
    watched = LimitCheck(sensor_spec("temperature", alarm=Limits(None, 90.0), trip=Limits()))
    seen = []
    for value in [900.0] + [75.0] * 60:
        watched.update(value)
        seen.append(watched.beyond)
    assert seen == [0] * 61


@pytest.mark.parametrize(("level", "severity"), [(95.0, "high"), (110.0, "critical")])
def test_the_trip_limit_is_critical(level: float, severity: str) -> None:
    assert check([level] * 20).severity == severity


def test_without_limits_nothing_is_beyond() -> None:
    watched = check([1e9] * 20, alarm=Limits(), trip=Limits())
    assert (watched.beyond, watched.limited) == (0, False)
