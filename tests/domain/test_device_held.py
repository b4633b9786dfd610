"""A value that stands still beyond a limit: the alarm of the limit stays, whatever else is told of the instrument."""

import random
from dataclasses import replace

import pytest

from aegisflow.domain.alarms.model import Change, Severity
from aegisflow.domain.equipment import FaultRule
from tests.support.device_bench import events_of, fed
from tests.support.samples import LEVELS, device_spec, healthy, reading

RULE = FaultRule("overheating", Severity.HIGH, {"temperature": ("high",)})


@pytest.mark.parametrize("rules", [(), (RULE,)], ids=["no rules", "rules"])
def test_an_instrument_that_saturates_beyond_its_limit_ends_no_alarm(rules: tuple[FaultRule, ...]) -> None:
    readings = list(healthy(400))
    device, rng = fed(readings, replace(device_spec(), faults=rules)), random.Random(3)
    saturated = [
        reading(
            readings[-1].at + 5.0 * number,
            {**{name: rng.gauss(*LEVELS[name]) for name in LEVELS}, "temperature": 120.0},
        )
        for number in range(1, 1_000)
    ]
    events = events_of(device, saturated)
    first = events[0].alarm.alarm_id
    assert [event.change for event in events if event.alarm.alarm_id == first and event.change is Change.CLEARED] == []
    assert Severity.CRITICAL in {alarm.severity for alarm in device.alarms()}
    events = events_of(device, list(healthy(300, 5, saturated[-1].at + 5.0)))
    assert [event.change for event in events if event.alarm.alarm_id == first][-1] is Change.CLEARED
