"""Changes that are no fault, and alarms that end: set-points, load, spikes, starts, and a second fault."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import exp

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, Limits
from aegisflow.domain.readings import Reading
from aegisflow.errors import BadValueError, NotAllowedError, UnknownNameError
from tests.support.healthy import HEALTHY
from tests.support.places import PLANT_FILE

OPERATOR = Caller("kim", CallerKind.OPERATOR)
PUMP = load(PLANT_FILE).plant.devices["pump-02"]
COMPRESSOR = load(PLANT_FILE).plant.devices["compressor-01"]
MOTOR = load(PLANT_FILE).plant.devices["motor-01"]
LIVELY = {
    "temperature": (75.0, 3.0),
    "pressure": (31.5, 1.0),
    "vibration": (1.5, 0.4),
    "power_consumption": (20.0, 2.0),
    "humidity": (40.0, 3.0),
}
Alter = Callable[[float, dict[str, float]], None]


def watched(
    change: Alter,
    hours: float,
    spec: DeviceSpec = PUMP,
    noise: Mapping[str, tuple[float, float]] = HEALTHY,
    seed: int = 1,
    start_h: float = 0.0,
    device: Device | None = None,
) -> tuple[Device, list[AlarmEvent]]:
    """Return a device after so many hours of readings every 5 s, each changed by ``change(hour, values)``."""
    rng = random.Random(seed)
    device = device or Device(spec)
    events: list[AlarmEvent] = []
    for index in range(round(hours * 720)):
        hour = start_h + index / 720
        values = {name: rng.gauss(mean, spread) for name, (mean, spread) in noise.items()}
        change(hour, values)
        rounded = {name: round(max(0.0, value), 3) for name, value in values.items()}
        for event in device.record(Reading(spec.device_id, hour * 3600, rounded, hour * 3600))[1]:
            events.append(event)
            if event.change is Change.CLEARED:
                device.acknowledge(event.alarm.alarm_id, OPERATOR, "", event.at)
    return device, events


def raised(events: list[AlarmEvent]) -> list[tuple[str, float]]:
    """Return type and hour of each alarm."""
    return [(e.alarm.fault_type, round(e.at / 3600, 2)) for e in events if e.change is Change.RAISED]


def worst(events: list[AlarmEvent]) -> int:
    return max((event.alarm.severity.rank for event in events), default=-1)


def bearing(hour: float, values: dict[str, float], start: float) -> None:
    if start <= hour < start + 1:
        values["vibration"] += 0.5 + 6.5 * (hour - start)
        values["temperature"] += 8 * (hour - start)


def leak(hour: float, values: dict[str, float], start: float) -> None:
    if start <= hour < start + 0.5:
        progress = 2 * (hour - start)
        values["pressure"] -= 16.5 * min(1, 10 * progress)
        values["power_consumption"] += 15 * exp(-3 * progress)


def step_of_load(hour: float, values: dict[str, float], start: float, size: float) -> None:
    if hour >= start:
        lagged = size * (1 - exp(-(hour - start) * 6))
        values["power_consumption"] += size
        values["temperature"] += 0.8 * lagged
        values["vibration"] += 0.04 * lagged


# --- D: normal changes ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [-5.0, 5.0])
def test_d1_a_level_that_lasts_inside_the_normal_band_is_a_low_alarm_that_ends(size: float) -> None:
    def warmer(hour: float, values: dict[str, float]) -> None:
        values["temperature"] += size if hour >= 3 else 0.0

    device, events = watched(warmer, 8.0)
    assert len(raised(events)) == 1
    assert worst(events) == 0
    assert events[-1].change is Change.CLEARED
    assert events[-1].at / 3600 < 3 + 2 + 0.5
    assert device.levels["temperature"] == pytest.approx(72 + size, abs=0.3)


def test_d1_a_level_that_leaves_the_normal_band_is_as_bad_as_its_type_says_and_stays() -> None:
    def hot(hour: float, values: dict[str, float]) -> None:
        values["temperature"] += 11.0 if hour >= 2 else 0.0  # 83 of 50 to 80

    _, events = watched(hot, 8.0)
    assert raised(events)[0][0] == "thermal_runaway"
    assert worst(events) == 3
    assert Change.CLEARED not in {event.change for event in events}


def test_d1_the_time_after_which_a_level_is_usual_is_a_setting() -> None:
    spec = replace(PUMP, alarm=replace(PUMP.alarm, ages_after_s=1800.0))

    def warmer(hour: float, values: dict[str, float]) -> None:
        values["temperature"] += 5.0 if hour >= 2 else 0.0

    _, events = watched(warmer, 4.0, spec)
    assert events[-1].change is Change.CLEARED
    assert 2.5 < events[-1].at / 3600 < 2.8


def test_d2_a_ramp_to_another_set_point_inside_the_normal_band_is_never_above_low() -> None:
    cooler = {**HEALTHY, "temperature": (14.0, 0.2)}
    spec = replace(
        PUMP,
        sensors={**PUMP.sensors, "temperature": replace(PUMP.sensors["temperature"], normal=Limits(10.0, 22.0))},
    )

    def ramp(hour: float, values: dict[str, float]) -> None:
        values["temperature"] += 4 * min(1.0, max(0.0, 2 * (hour - 3)))

    _, events = watched(ramp, 8.0, spec, cooler)
    assert worst(events) == 0
    assert events[-1].change is Change.CLEARED


def hotter(hour: float, values: dict[str, float]) -> None:
    values["temperature"] += 11.0 if hour >= 2 else 0.0  # 83 of 50 to 80: outside of the normal band, below the limit


def test_d1_an_operator_accepts_a_level_and_its_alarm_ends_by_itself() -> None:
    device, _ = watched(hotter, 2.5)
    (alarm,) = device.alarms()
    (level,), told = device.accept_levels((), OPERATOR, "recipe B", 9000.0, alarm.alarm_id)
    assert (level.sensor, level.by, level.reason, level.unit) == ("temperature", "kim", "recipe B", "°C")
    assert (level.before, level.level) == (pytest.approx(72, abs=0.3), pytest.approx(83, abs=0.3))
    assert told[0].alarm.reasons[-1].startswith("kim accepts temperature at 8")
    _, events = watched(hotter, 2.0, seed=2, start_h=2.5, device=device)
    assert [event.change for event in events] == [Change.CLEARED]
    assert events[0].at < 9000 + 240


def test_d1_an_accepted_level_is_taken_back_and_the_alarm_is_there_again() -> None:
    device, _ = watched(hotter, 2.5)
    device.accept_levels(("temperature",), OPERATOR, "recipe B", 9000.0)
    _, events = watched(hotter, 0.5, seed=2, start_h=2.5, device=device)
    assert device.alarms() == ()
    (level,), _ = device.restore_levels(("temperature",), OPERATOR, "it was no recipe", 10_800.0)
    assert device.levels["temperature"] == pytest.approx(level.before)
    assert device.accepted == {}
    _, events = watched(hotter, 0.1, seed=3, start_h=3.0, device=device)
    assert [kind for kind, _ in raised(events)] == ["thermal_runaway"]
    with pytest.raises(UnknownNameError):
        device.restore_levels(("temperature",), OPERATOR, "once more", 10_900.0)


def test_d1_an_accepted_level_holds_over_a_restart_while_its_alarm_still_lasts() -> None:
    device, _ = watched(hotter, 2.5)
    levels, _ = device.accept_levels(("temperature",), OPERATOR, "recipe B", 9000.0)
    successor = Device(PUMP)
    successor.recall((), device.alarms(), device.mode, levels=levels)
    assert successor.levels["temperature"] == pytest.approx(83, abs=0.3)
    assert successor.accepted == device.accepted
    _, events = watched(hotter, 0.5, seed=2, start_h=2.5, device=successor)
    assert [event.change for event in events] == [Change.CLEARED]


def test_d1_only_operators_say_what_is_normal_and_not_beyond_a_limit() -> None:
    def failing(hour: float, values: dict[str, float]) -> None:
        values["temperature"] += 20.0 if hour >= 1 else 0.0  # 92 of 90

    device, _ = watched(failing, 1.2)
    for kind in (CallerKind.AGENT, CallerKind.SYSTEM, CallerKind.UNKNOWN):
        with pytest.raises(NotAllowedError):
            device.accept_levels(("pressure",), Caller("kim", kind), "recipe B", 4400.0)
        with pytest.raises(NotAllowedError):
            device.restore_levels(("pressure",), Caller("kim", kind), "recipe B", 4400.0)
    with pytest.raises(BadValueError, match="beyond its alarm limit"):
        device.accept_levels(("temperature",), OPERATOR, "recipe B", 4400.0)
    with pytest.raises(BadValueError, match="why, in a few words"):
        device.accept_levels(("pressure",), OPERATOR, " ", 4400.0)
    with pytest.raises(UnknownNameError, match="pressure"):
        device.accept_levels(("presure",), OPERATOR, "recipe B", 4400.0)
    assert device.accepted == {}


def test_a_fault_inside_the_normal_band_is_found_although_the_noise_is_small_beside_the_deadband() -> None:
    def rubs(hour: float, values: dict[str, float]) -> None:
        values["vibration"] += 0.6 if hour >= 2 else 0.0

    _, events = watched(rubs, 2.2)
    assert raised(events) == [("bearing_failure", 2.01)]


# --- no latch ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "size"), [(LIVELY, 4.0), (LIVELY, -4.0), (HEALTHY, 4.0), (HEALTHY, -3.0)])
@pytest.mark.parametrize("after_min", [5, 16, 26])
def test_a_bearing_that_fails_after_a_step_of_the_load_is_told_and_over_when_it_is(
    noise: Mapping[str, tuple[float, float]], size: float, after_min: float
) -> None:
    start = 3 + after_min / 60

    def change(hour: float, values: dict[str, float]) -> None:
        step_of_load(hour, values, 3.0, size)
        bearing(hour, values, start)
        leak(hour, values, 6.0)

    _, events = watched(change, 7.0, noise=noise)
    named = raised(events)
    assert [kind for kind, _ in named] == ["bearing_failure", "pressure_leak"]
    assert named[0][1] < start + 0.2
    assert named[1][1] < 6.05
    over = [event.at / 3600 for event in events if event.change is Change.CLEARED]
    assert over[0] < start + 1.15
    assert over[1] < 6.7


def test_a_level_that_was_learned_from_a_fault_does_not_hold_its_alarm() -> None:
    """A drift so slow that the levels follow it: when it is mended, healthy values are low against them."""

    def drift(hour: float, values: dict[str, float]) -> None:
        if 4 <= hour < 10:
            for name in values:
                values[name] *= 1 + 0.15 * (hour - 4) / 6

    _, events = watched(drift, 13.0, noise=LIVELY)
    assert raised(events)
    assert {kind for kind, at in raised(events)} == {"sensor_drift"}
    lasting = [event for event in events if event.change in (Change.RAISED, Change.CLEARED)]
    assert lasting[-1].change is Change.CLEARED
    assert lasting[-1].at / 3600 < 10.6


def test_what_no_rule_explains_does_not_hold_the_alarm_of_another_fault() -> None:
    def change(hour: float, values: dict[str, float]) -> None:
        bearing(hour, values, 2.0)
        values["humidity"] += 15.0 if hour >= 2.5 else 0.0

    _, events = watched(change, 3.5)
    over = next(event for event in events if event.change is Change.CLEARED)
    assert (over.alarm.fault_type, over.at / 3600 < 3.2) == ("bearing_failure", True)


# --- a second fault ------------------------------------------------------------------------------


def test_a_second_fault_is_an_alarm_of_its_own_beside_the_first() -> None:
    def change(hour: float, values: dict[str, float]) -> None:
        bearing(hour, values, 2.0)
        leak(hour, values, 2.4)

    device, events = watched(change, 2.6, noise=LIVELY)
    assert [kind for kind, _ in raised(events)] == ["bearing_failure", "pressure_leak"]
    assert raised(events)[1][1] < 2.45
    assert {alarm.fault_type for alarm in device.alarms()} == {"bearing_failure", "pressure_leak"}
    assert len({alarm.alarm_id for alarm in device.alarms()}) == 2
    _, events = watched(change, 1.4, noise=LIVELY, seed=2, start_h=2.6, device=device)
    assert {e.alarm.fault_type for e in events if e.change is Change.CLEARED} == {"bearing_failure", "pressure_leak"}
    assert raised(events) == []


def test_a_second_fault_that_outlasts_the_first_stays_one_alarm() -> None:
    def change(hour: float, values: dict[str, float]) -> None:
        bearing(hour, values, 2.0)
        leak(hour, values, 2.8)

    _, events = watched(change, 3.5, noise=LIVELY)
    assert [kind for kind, _ in raised(events)] == ["bearing_failure", "pressure_leak"]
    over = {e.alarm.fault_type: e.at / 3600 for e in events if e.change is Change.CLEARED}
    assert over["bearing_failure"] < 3.15 < over["pressure_leak"]


@pytest.mark.parametrize("first", ["leak", "sticking"])
def test_an_instrument_that_sticks_is_an_alarm_of_its_own_beside_a_fault_that_names_its_sensor(first: str) -> None:
    """A leak shows in pressure, and by its rule in humidity: an instrument for that which breaks is no part of it."""

    def change(hour: float, values: dict[str, float]) -> None:
        leak(hour, values, 2.0 if first == "leak" else 2.2)
        if 2.1 <= hour < 2.9:
            values["humidity"] = 41.994

    _, events = watched(change, 3.5, noise=LIVELY)
    expected = ["pressure_leak", "sensor_stuck"]
    assert [kind for kind, _ in raised(events)] == (expected if first == "leak" else expected[::-1])
    assert {event.alarm.fault_type for event in events} == set(expected)
    over = {e.alarm.fault_type: e.at / 3600 for e in events if e.change is Change.CLEARED}
    assert 2.9 < over["sensor_stuck"] < 3.1


def test_both_alarms_of_a_device_are_acted_upon_and_go_on_after_a_restart() -> None:
    def change(hour: float, values: dict[str, float]) -> None:
        bearing(hour, values, 2.0)
        leak(hour, values, 2.4)

    device, events = watched(change, 2.6, noise=LIVELY)
    first, second = (event.alarm.alarm_id for event in events if event.change is Change.RAISED)
    for alarm_id in (first, second):
        assert device.acknowledge(alarm_id, OPERATOR, "seen", 9400.0)[1]
    successor = Device(PUMP)
    assert successor.recall((), device.alarms(), device.mode) == ()
    assert {alarm.alarm_id for alarm in successor.alarms()} == {first, second}


@pytest.mark.parametrize("first", ["electrical_fault", "thermal_runaway", "pressure_leak"])
def test_a_fault_that_may_be_the_same_one_is_no_second_alarm_and_no_failure(first: str) -> None:
    """Power and pressure belong to one rule, so that a leak beyond its limit may be what the power shows."""

    def change(hour: float, values: dict[str, float]) -> None:
        if hour < 2:
            return
        if first == "electrical_fault":
            values["power_consumption"] += 20.0 if hour * 6 % 1 < 0.5 else -16.0
        elif first == "thermal_runaway":
            values["temperature"] += 25.0
        if hour >= 2.3 or first == "pressure_leak":
            values["pressure"] -= 14.0
        if hour >= 2.5:
            values["vibration"] += 4.0
            values["humidity"] += 30.0

    _, events = watched(change, 3.0, COMPRESSOR, noise=LIVELY)
    assert raised(events)[0][0] == first
    assert len(raised(events)) <= 2


def test_one_fault_that_shows_in_several_sensors_is_one_alarm() -> None:
    def seizing(hour: float, values: dict[str, float]) -> None:
        if hour >= 2:
            values["vibration"] += 2.5
            values["temperature"] += 14.0 * min(1.0, 4 * (hour - 2))

    _, events = watched(seizing, 3.0)
    assert len(raised(events)) == 1


# --- spikes and starts ---------------------------------------------------------------------------

NO_TRIP = replace(PUMP, sensors={name: replace(sensor, trip=Limits()) for name, sensor in PUMP.sensors.items()})


@pytest.mark.parametrize("noise", [HEALTHY, LIVELY])
@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize("spec", [NO_TRIP, PUMP])
def test_spikes_of_up_to_three_samples_raise_nothing(
    spec: DeviceSpec, noise: Mapping[str, tuple[float, float]], samples: int
) -> None:
    """Nor beyond a trip limit, to which no machine goes within five seconds and back within fifteen."""
    sensors = tuple(noise)

    def spikes(hour: float, values: dict[str, float]) -> None:
        index = round(hour * 720)
        if hour > 1 and index % 100 < samples:
            name = sensors[index // 100 % 5]
            values[name] += (20 if index // 100 % 2 else -20) * noise[name][1]

    _, events = watched(spikes, 5.0, spec, noise)
    assert events == []


@pytest.mark.parametrize("spec", [PUMP, MOTOR, load(PLANT_FILE).plant.devices["compressor-01"]])
@pytest.mark.parametrize("minutes", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("stands_min", [0.0, 20.0])
def test_a_start_from_standstill_raises_nothing(spec: DeviceSpec, minutes: float, stands_min: float) -> None:
    def cold(hour: float, values: dict[str, float]) -> None:
        running = max(0.0, 60 * hour - stands_min)
        for name in ("pressure", "vibration", "power_consumption"):
            values[name] *= 1 - exp(-running / minutes)
        values["temperature"] = 20 + (values["temperature"] - 20) * (1 - exp(-running / (5 * minutes)))

    _, events = watched(cold, 2.5, spec)
    assert worst(events) < 1
    assert "pressure_leak" not in {kind for kind, _ in raised(events)}


def test_a_start_after_a_silent_night_raises_nothing_and_a_leak_after_it_is_told() -> None:
    device, _ = watched(lambda hour, values: None, 2.0)

    def warm(hour: float, values: dict[str, float]) -> None:
        running = 60 * (hour - 10.0)
        values["pressure"] *= 1 - exp(-running / 2)
        values["vibration"] *= 1 - exp(-running / 2)
        leak(hour, values, 11.0)

    _, events = watched(warm, 1.2, seed=3, start_h=10.0, device=device)
    assert [kind for kind, _ in raised(events)] == ["pressure_leak"]
    assert raised(events)[0][1] >= 11.0


def test_a_leak_that_was_there_before_anybody_watched_is_told_all_the_same() -> None:
    def empty(hour: float, values: dict[str, float]) -> None:
        values["pressure"] -= 16.5

    _, events = watched(empty, 0.5)
    assert raised(events)[0][0] == "pressure_leak"
    assert raised(events)[0][1] < 0.1


def test_a_pressure_that_falls_again_while_the_machine_starts_is_told() -> None:
    def falls(hour: float, values: dict[str, float]) -> None:
        minutes = 60 * hour
        values["pressure"] *= min(1.0, minutes / 10) if minutes < 5 else max(0.2, 1 - minutes / 10)

    _, events = watched(falls, 0.5)
    assert raised(events)[0][0] == "pressure_leak"
    assert raised(events)[0][1] < 0.15
