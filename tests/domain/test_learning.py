"""A commissioning period of a device, from its begin to what a person decides."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import AlarmEvent, AlarmState, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.detection.remembered import recall, remember
from aegisflow.domain.device import Device
from aegisflow.domain.device_learning import KEPT_READINGS
from aegisflow.domain.equipment import DeviceSpec, FaultRule, Limits
from aegisflow.domain.learning import ENDED, LONGEST_S, LearningAct, LearningStage, until_when
from aegisflow.domain.readings import Reading
from aegisflow.domain.times import format_instant
from aegisflow.errors import BadValueError, ConflictError, NotAllowedError
from tests.support.samples import device_spec, reading, sensor_spec

KIM = Caller("kim", CallerKind.OPERATOR)
BEGIN, EXTEND, ACCEPT, DISCARD = LearningAct
UNDESCRIBED = device_spec("pump-01", sensor_spec("flow"), sensor_spec("head", alarm=Limits(None, 80.0)))
DESCRIBED = replace(
    UNDESCRIBED,
    faults=(
        FaultRule("blockage", Severity.MEDIUM, {"flow": ("low",)}),
        FaultRule("overload", Severity.HIGH, {"flow": ("high",)}),
    ),
)
SPECS = pytest.mark.parametrize("spec", [UNDESCRIBED, DESCRIBED], ids=["without rules", "with rules"])


def rows(count: int, seed: int = 1, start: int = 0, off: float = 0.0) -> list[Reading]:
    """Return readings of a healthy pump, one every 5 s, its flow off by so much."""
    rng = random.Random(seed)
    return [
        reading(5.0 * place, {"flow": 20.0 + off + rng.gauss(0, 1), "head": 50.0 + rng.gauss(0, 2)}, "pump-01")
        for place in range(start, start + count)
    ]


def take(device: Device, readings: Sequence[Reading]) -> list[AlarmEvent]:
    return [event for one in readings for event in device.record(one)[1]]


def decide(device: Device, act: LearningAct, until: str = "", at: float = 0.0) -> tuple[AlarmEvent, ...]:
    return device.learn(act, until, KIM, "after the overhaul", at)[1]


def told(events: Sequence[AlarmEvent]) -> list[tuple[str, float, str]]:
    return [(str(event.change), event.at, event.alarm.fault_type) for event in events]


def stage(device: Device, at: float) -> LearningStage | None:
    status = device.learning.status(at)
    return None if status is None else status.stage


def commissioned(spec: DeviceSpec, count: int = 600) -> Device:
    """Return a device whose period of so many readings has ended with the newest."""
    device = Device(spec)
    decide(device, BEGIN, f"{5 * count - 1}s")
    take(device, rows(count + 1))
    return device


@SPECS
def test_in_a_period_a_moved_level_is_learned_and_is_normal_after_it(spec: DeviceSpec) -> None:
    life = [*rows(400), *rows(1200, 2, 400, off=8.0)]
    assert told(take(Device(spec), life))
    device = Device(spec)
    take(device, life[:400])
    decide(device, BEGIN, "4000s", 2000.0)
    assert take(device, life[400:]) == []
    assert stage(device, 7999.0) is LearningStage.WAITING
    assert device.levels["flow"] == pytest.approx(28.0, abs=0.5)
    assert told(take(device, rows(200, 3, 1600, off=0.0)))[0][2] in ("blockage", "unclassified")


@SPECS
def test_what_moves_in_a_period_is_followed_however_far_and_whatever_would_be_suspected_of_it(spec: DeviceSpec) -> None:
    device = Device(spec)
    decide(device, BEGIN, "10000s")
    for step in range(10):
        assert take(device, rows(200, step, 200 * step, off=1.5 * step)) == []
    assert device.levels["flow"] > 26.0
    assert take(device, rows(100, 11, 2000, off=13.5)) == []


@pytest.mark.parametrize("has_rules", [False, True])
def test_what_a_limit_tells_is_not_learned_and_what_is_but_a_gross_jump_is(has_rules: bool) -> None:
    device = Device(DESCRIBED if has_rules else UNDESCRIBED)
    decide(device, BEGIN, "1d")
    take(device, rows(200))
    learned = device.learning.status(0.0)
    assert learned is not None
    take(device, [reading(one.at, {**one.values, "head": 95.0}, "pump-01") for one in rows(50, 2, 200)])
    after = device.learning.status(0.0)
    assert after is not None
    assert learned.readings <= after.readings <= learned.readings + 10  # until the limit is passed for certain
    take(device, rows(100, 3, 250))
    take(device, rows(40, 4, 350, off=400.0))
    decide(device, ACCEPT, at=2000.0)
    assert device.levels["head"] == pytest.approx(50.0, abs=1.0)
    if not has_rules:
        kept = device._detector.undescribed
        assert kept is not None
        assert kept.normal.model is not None
        assert kept.normal.model.high[0] > 400.0
        assert kept.normal._rows.healthy_count >= 340


def test_a_gross_jump_that_is_told_does_not_keep_a_baseline_from_being_begun() -> None:
    device = Device(DESCRIBED)
    decide(device, BEGIN, "1d")
    told_of = take(device, [*rows(40), *rows(20, 2, 40, off=400.0), *rows(70, 3, 60)])
    assert told_of
    assert "flow" in device.levels


@SPECS
def test_the_first_reading_at_the_end_of_a_period_is_judged_and_no_longer_learned(spec: DeviceSpec) -> None:
    device = Device(spec)
    decide(device, BEGIN, "1000s")
    take(device, rows(200))
    assert device._detector.commissioning is not None
    take(device, rows(1, 2, 200))
    assert device._detector.commissioning is None


@SPECS
def test_in_a_period_limits_and_gross_jumps_are_told(spec: DeviceSpec) -> None:
    device = Device(spec)
    decide(device, BEGIN, "1d")
    assert take(device, rows(100)) == []
    beyond = [reading(one.at, {**one.values, "head": 95.0}, "pump-01") for one in rows(20, 2, 100)]
    assert "head" in take(device, beyond)[0].alarm.sensors
    take(device, rows(100, 3, 120))
    gross = take(device, rows(20, 4, 220, off=400.0))
    assert gross[0].alarm.sensors == ("flow",)
    assert gross[0].alarm.fault_type == "unclassified"


@settings(max_examples=25, deadline=None)
@given(
    st.booleans(),
    st.integers(121, 500),
    st.lists(st.tuples(st.integers(0, 600), st.integers(1, 80), st.sampled_from([-60.0, -6.0, 3.0, 9.0, 500.0]))),
)
@example(has_rules=True, healthy=300, jumps=[(50, 80, 500.0), (320, 80, -6.0)])
@example(has_rules=False, healthy=300, jumps=[(50, 80, 500.0), (320, 80, -6.0)])
def test_a_live_period_says_what_a_backtest_says_that_is_told_what_is_healthy(
    has_rules: bool, healthy: int, jumps: list[tuple[int, int, float]]
) -> None:
    life = rows(650)
    for begin, length, off in jumps:
        for place in range(begin, min(begin + length, len(life))):
            values = life[place].values
            life[place] = reading(5.0 * place, {**values, "flow": values["flow"] + off}, "pump-01")
    spec, until = DESCRIBED if has_rules else UNDESCRIBED, 5.0 * healthy
    recorded, live = Device(replace(spec, healthy=(0, until))), Device(spec)
    decide(live, BEGIN, format_instant(until), at=0.0)
    for one in life:
        assert told(recorded.record(one)[1]) == told(live.record(one)[1])
        assert recorded.score == live.score
    assert remember(recorded._detector) == remember(live._detector)


@SPECS
def test_what_is_thrown_away_leaves_what_was_known_before_to_the_last_bit(spec: DeviceSpec) -> None:
    device = Device(spec)
    take(device, rows(900))
    before = remember(device._detector)
    for later in (10, 900):  # while the period is under way, and when it is over
        decide(device, BEGIN, "1000s", 4500.0)
        take(device, rows(later, 3, 900, off=8.0))
        assert remember(device._detector) != before
        decide(device, DISCARD)
        assert remember(device._detector) == before
        assert device.learning.status(9000.0) is None
    assert told(take(device, rows(100, 4, 1900, off=8.0)))[0][2] in ("overload", "unclassified")


@SPECS
@pytest.mark.parametrize("stopped_at", [30, 300, 590, 700])
def test_a_device_that_is_restarted_in_or_after_a_period_goes_on_as_one_that_is_not(
    spec: DeviceSpec, stopped_at: int
) -> None:
    life = [*rows(700), *rows(300, 5, 700, off=6.0)]
    steady, device = Device(spec), Device(spec)
    for one in (steady, device):
        decide(one, BEGIN, "3000s")
        take(one, life[: stopped_at - 20])
    kept = device.learning.kept(device.latest_at, 5.0 * stopped_at)
    assert kept is not None
    again = Device(spec)
    again.recall(life[max(0, stopped_at - 240) : stopped_at], (), device.mode, learning=kept)
    take(steady, life[stopped_at - 20 : stopped_at])
    assert (stage(again, 5.0 * stopped_at), again.learning.period) == (
        stage(steady, 5.0 * stopped_at),
        steady.learning.period,
    )
    assert again.levels == pytest.approx(steady.levels, rel=0.01)
    ours, expected_status = again.learning.status(0.0), steady.learning.status(0.0)
    assert ours is not None
    assert expected_status is not None
    assert (ours.readings, ours.missing) == (expected_status.readings, expected_status.missing)
    said, expected = told(take(again, life[stopped_at:])), told(take(steady, life[stopped_at:]))
    assert [one[2] for one in said] == [one[2] for one in expected]
    decide(again, DISCARD)
    assert again.levels == {}  # as before the period, of which nothing was known


@SPECS
def test_what_was_accepted_is_normal_after_a_restart_that_finds_the_machine_elsewhere(spec: DeviceSpec) -> None:
    device = commissioned(spec)
    decide(device, ACCEPT, at=3010.0)
    assert stage(device, 3010.0) is LearningStage.ACCEPTED
    kept = device.learning.kept(device.latest_at, 3010.0)
    again = Device(spec)
    again.recall((), (), device.mode, learning=kept)
    assert remember(again._detector) == remember(device._detector)
    assert take(again, rows(60, 6, 700)) == []
    assert told(take(again, rows(200, 7, 760, off=8.0)))[0][2] in ("overload", "unclassified")
    assert told(take(Device(spec), rows(200, 7, 760, off=8.0))) == []


@SPECS
def test_a_period_that_nobody_decides_is_watched_by_what_was_learned_and_told_to_people_once(spec: DeviceSpec) -> None:
    device = commissioned(spec)
    (event,) = device.tick(3001.0)
    assert (event.alarm.fault_type, event.alarm.severity) == (ENDED, Severity.LOW)
    assert "waits for a person to accept or discard it" in event.alarm.reasons[0]
    assert device.tick(3002.0) == ()
    assert told(take(device, rows(100, 8, 601, off=8.0)))
    decide(device, EXTEND, "3000s", 3600.0)
    assert stage(device, 3600.0) is LearningStage.LEARNING
    assert take(device, rows(200, 9, 720, off=8.0))[-1].alarm.cleared_at is not None
    (event, *_) = (one for one in device.tick(6601.0) if one.alarm.fault_type == ENDED)
    decide(device, ACCEPT, at=6700.0)
    assert all(one.state is AlarmState.NORMAL for one in device.alarms() if one.fault_type == ENDED)


def test_the_status_says_how_far_the_learning_has_come_until_when_and_by_whom() -> None:
    device = Device(UNDESCRIBED)
    decide(device, BEGIN, "1000s")
    take(device, rows(80))
    assert "40 more healthy readings are needed" in device.status(400.0, 0, {}).notes[-1]
    take(device, rows(60, 2, 80))
    (note,) = [note for note in device.status(400.0, 0, {}).notes if "learning" in note]
    assert note == "learning, 40 %, until 1970-01-01T00:16:40Z, by kim: only limits and gross jumps are told"
    young = Device(UNDESCRIBED)
    decide(young, BEGIN, "1000s")
    take(young, rows(12))
    status = young.learning.status(2000.0)
    assert status is not None
    assert (status.stage, status.missing, status.progress) == (LearningStage.LEARNING, 108, pytest.approx(0.1))
    with pytest.raises(ConflictError, match="108 more healthy readings are needed"):
        decide(young, ACCEPT)


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    device = Device(UNDESCRIBED)
    for act in (EXTEND, ACCEPT, DISCARD):
        with pytest.raises(ConflictError, match="is not being learned"):
            decide(device, act, "1h")
    with pytest.raises(NotAllowedError):
        device.learn(BEGIN, "1h", Caller("claude", CallerKind.AGENT), "because", 0.0)
    with pytest.raises(BadValueError, match="why, in a few words"):
        device.learn(BEGIN, "1h", KIM, " ", 0.0)
    for until in ("", "soon", "0s", "91d", "1969-12-31T00:00:00Z"):
        with pytest.raises(BadValueError, match="until"):
            decide(device, BEGIN, until)
    assert device.learning.period is None
    decide(device, BEGIN, "1h")
    with pytest.raises(ConflictError, match="by kim; extend that, accept what was learned, or discard it"):
        decide(device, BEGIN, "2h")
    assert until_when("90d", 0.0) == LONGEST_S


def test_what_another_version_remembered_is_learned_again_from_the_readings_that_it_kept() -> None:
    device = commissioned(UNDESCRIBED)
    kept = remember(device._detector)
    for name in ("flow", "head"):
        del kept["sensors"][name]["baseline"]["trend"]
    kept["normal"]["model"]["cleverer"] = 1.0
    again = Device(UNDESCRIBED)
    recall(again._detector, kept)
    assert again.levels == pytest.approx(device.levels, abs=0.5)
    assert take(again, rows(100, 11, 700)) == []
    assert told(take(again, rows(100, 12, 800, off=8.0)))


def test_what_was_learned_is_stored_again_after_many_readings_and_no_more_often_than_every_ten_minutes() -> None:
    device = Device(DESCRIBED)
    take(device, rows(10))
    assert not device.learning.is_due(1e6)  # of a device without a period nothing is stored
    decide(device, BEGIN, "1d")
    assert device.learning.kept(device.latest_at, 0.0) is not None
    take(device, rows(KEPT_READINGS - 1, 2, 10))
    assert not device.learning.is_due(6000.0)
    take(device, rows(1, 3, 10 + KEPT_READINGS))
    assert [device.learning.is_due(at) for at in (599.0, 600.0)] == [False, True]
    kept = device.learning.kept(device.latest_at, 6000.0)
    assert kept is not None
    assert kept.at == device.latest_at
    assert not device.learning.is_due(12_000.0)


def test_a_reload_in_a_period_goes_on_with_it() -> None:
    device = Device(UNDESCRIBED)
    decide(device, BEGIN, "2000s")
    take(device, rows(100))
    sensors = {**UNDESCRIBED.sensors, "speed": sensor_spec("speed", "rpm")}
    device.reconfigure(replace(UNDESCRIBED, sensors=sensors), 500.0)
    assert take(device, rows(100, 2, 100, off=8.0)) == []
    assert stage(device, 1000.0) is LearningStage.LEARNING
