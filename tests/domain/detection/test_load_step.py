"""What a change of load leaves behind."""

from dataclasses import replace

import pytest

from aegisflow.domain.detection import DeviceDetector
from aegisflow.domain.equipment import LoadSpec
from aegisflow.domain.interval import Interval
from tests.support.samples import device_spec, healthy

SETTLING = 360
"""Readings in half an hour."""
LOAD = "power_consumption"
SPEC = replace(device_spec(), load=LoadSpec(LOAD, ("temperature", "vibration")))


def watched(changes: list[tuple[int, float]], interval_s: float = 5.0) -> DeviceDetector:
    """Return the detector after so many readings each with the power off by so many kW."""
    interval = Interval()
    detector = DeviceDetector(SPEC, interval)
    at = 0.0
    for seed, (count, change) in enumerate(changes):
        for taken in healthy(count, seed):
            at += interval_s
            interval.note(at)
            detector.observe(at, {**taken.values, LOAD: taken.values[LOAD] + change})
    return detector


def test_a_load_that_has_come_back_leaves_the_levels_as_they_were() -> None:
    before = watched([(900, 0.0)])
    assert watched([(900, 0.0), (60, 4.0)]).notes()
    after = watched([(900, 0.0), (60, 4.0), (60 + 2 * SETTLING, 0.0)])
    assert after.notes() == ()
    for old, new in zip(before.sensors, after.sensors, strict=True):
        assert new.baseline.count >= old.baseline.count
        assert abs(new.baseline.level - old.baseline.level) < 0.2 * old.baseline.spread


def test_a_load_that_stays_changed_gives_a_new_level() -> None:
    before = watched([(900, 0.0)]).sensors
    after = watched([(900, 0.0), (60 + SETTLING, 4.0)]).sensors
    moved = {new.name: new.baseline.level - old.baseline.level for old, new in zip(before, after, strict=True)}
    assert moved[LOAD] == pytest.approx(4.0, abs=1.0)
    assert {new.name for new in after if new.baseline.count == 60} == {LOAD, "temperature", "vibration"}


@pytest.mark.parametrize(("interval_s", "settling"), [(1.0, 1800), (5.0, 360), (60.0, 60), (900.0, 60)])
def test_what_follows_the_load_has_half_an_hour_and_a_window_at_least(interval_s: float, settling: int) -> None:
    begun = watched([(900, 0.0), (40, 4.0)], interval_s)
    assert begun.load is not None
    assert settling - 40 <= begun.load.left <= settling
