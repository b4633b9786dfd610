"""Until when a device need not be told the time."""

import random
from dataclasses import replace

import pytest

from aegisflow.domain.alarms.model import AlarmEvent, AlarmState
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.readings import Reading, RefusalReason, RefusedValue
from tests.support.samples import LEVELS, device_spec

OPERATOR = Caller("kim", CallerKind.OPERATOR)
START = 1_767_600_000.0
BAD = (RefusedValue("temperature", RefusalReason.NOT_A_NUMBER, "NaN"),)


def device() -> Device:
    made = Device(replace(device_spec(), silent_after_s=None))
    made.recall((), (), Mode.NORMAL)
    return made


def told(one: Device, at: float, gently: bool, last: float) -> tuple[AlarmEvent, ...]:
    """Tell a device the time; gently: only where it may matter."""
    return () if gently and last <= at < one.quiet_until else one.tick(at)


@pytest.mark.parametrize("seed", range(6))
def test_a_device_that_is_told_the_time_only_when_it_may_matter_raises_the_same_alarms(seed: int) -> None:
    rng = random.Random(seed)
    often, seldom = device(), device()
    events: tuple[list[AlarmEvent], list[AlarmEvent]] = ([], [])
    skipped, quiet_s, hot_s, at = 0, 0, 0, START
    for _ in range(1500):
        at += 1.0
        quiet_s, hot_s = max(0, quiet_s - 1), max(0, hot_s - 1)
        if rng.random() < 0.004:
            quiet_s = rng.randrange(30, 200)
        if rng.random() < 0.004:
            hot_s = rng.randrange(30, 200)
        reads = int(at) % 5 == 0 and not quiet_s
        unusable, shelves = rng.random() < 0.05, rng.random() < 0.05
        noise = {name: rng.gauss(level, spread) for name, (level, spread) in LEVELS.items()}
        values = {**noise, "temperature": 900.0} if hot_s else noise
        for one, found, gently in zip((often, seldom), events, (False, True), strict=True):
            if reads:
                usable = {} if unusable else values
                found += one.record(Reading("pump-01", at, usable, at + 0.1, refused=BAD if unusable else ()))[1]
            if shelves and (open_ := [alarm for alarm in one.alarms() if alarm.state is AlarmState.UNACKNOWLEDGED]):
                found += one.suppress(open_[0].alarm_id, OPERATOR, "being mended", at, 120.0)[1]
            skipped += gently and at < one.quiet_until
            found += told(one, at + 0.5, gently, at - 0.5)
    assert events[0] == events[1]
    assert events[0], "nothing happened that time could matter to"
    assert skipped > 20


def test_a_device_that_has_said_nothing_yet_is_told_the_time() -> None:
    assert device().quiet_until < START
