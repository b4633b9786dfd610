"""Streams that are not as they should be: gaps, clock steps, sensors that come, go, rest or are coarse.

No alarm without a cause, and no silence about a real fault after it.
"""

from collections.abc import Callable, Iterable
from functools import cache

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Disposition, Reading, RefusalReason, RefusedValue
from tests.support.device_bench import events_of, fed, hot
from tests.support.places import PLANT_FILE
from tests.support.samples import device_spec, healthy

HOUR = 3600.0
WARM = 1500
"""Readings until the stream goes wrong: two hours."""
WARM_S = 5.0 * WARM


@cache
def configured() -> DeviceSpec:
    """Return a device whose faults have names, as the shipped plant has it."""
    return load(PLANT_FILE).plant.devices["compressor-01"]


SPECS: dict[str, Callable[[], DeviceSpec]] = {"named faults": configured, "no faults named": device_spec}


@pytest.fixture(params=SPECS)
def spec(request: pytest.FixtureRequest) -> DeviceSpec:
    return SPECS[request.param]()


def warm(spec: DeviceSpec, change: Callable[[int, Reading], Reading] = lambda _, taken: taken) -> Device:
    return fed([change(index, taken) for index, taken in enumerate(healthy(WARM))], spec)


def raised(events: Iterable[AlarmEvent]) -> list[str]:
    return [event.alarm.fault_type for event in events if event.change is Change.RAISED]


def sees_the_fault(device: Device, start: float, seed: int = 11) -> bool:
    return bool(raised(events_of(device, list(hot(30, start, seed)))))


@pytest.mark.parametrize("gap_h", [0.5, 6.0, 100.0])
def test_a_gap_is_no_fault_and_hides_none(spec: DeviceSpec, gap_h: float) -> None:
    device = warm(spec)
    start = WARM_S + gap_h * HOUR
    assert raised(events_of(device, list(healthy(1000, 5, start)))) == []
    assert sees_the_fault(device, start + 5_000)


def test_a_fault_right_behind_a_gap_is_seen(spec: DeviceSpec) -> None:
    assert sees_the_fault(warm(spec), WARM_S + 6 * HOUR)


def test_a_clock_that_steps_back_is_caught_up_with(spec: DeviceSpec) -> None:
    device = warm(spec)
    twin = warm(spec)
    for late in healthy(300, 6, WARM_S - 2_000.5):
        events_of(device, [late._replace(received_at=WARM_S)] if late.at < WARM_S - 5 else [])
    assert [device.record(taken) for taken in healthy(1000, 5, WARM_S)] == [
        twin.record(taken) for taken in healthy(1000, 5, WARM_S)
    ]
    assert sees_the_fault(device, WARM_S + 5_000)


@pytest.mark.parametrize("every_s", [(1.0, 9.0), (0.2, 0.4, 30.0)])
def test_irregular_intervals_are_no_fault(spec: DeviceSpec, every_s: tuple[float, ...]) -> None:
    device, at = Device(spec), 0.0
    for index, taken in enumerate(healthy(2500)):
        at += every_s[index % len(every_s)]
        assert raised(device.record(taken._replace(at=at, received_at=at))[1]) == []
    assert sees_the_fault(device, at + 5)


def test_a_sensor_that_appears_late_is_learned_and_then_watched(spec: DeviceSpec) -> None:
    def without(_: int, taken: Reading) -> Reading:
        return taken._replace(values={k: v for k, v in taken.values.items() if k != "temperature"})

    device = warm(spec, without)
    assert raised(events_of(device, list(healthy(1000, 5, WARM_S)))) == []
    assert sees_the_fault(device, WARM_S + 5_000)


def test_a_sensor_that_disappears_is_silent_and_nothing_else(spec: DeviceSpec) -> None:
    device = warm(spec)
    gone = [
        taken._replace(values={k: v for k, v in taken.values.items() if k != "humidity"})
        for taken in healthy(300, 5, WARM_S)
    ]
    assert raised(events_of(device, gone)) == ["sensor_silent"]
    back = events_of(device, list(healthy(300, 7, WARM_S + 1_500)))
    assert [event.change for event in back] == [Change.CLEARED]
    assert sees_the_fault(device, WARM_S + 3_000)


def test_a_constant_sensor_is_no_fault_and_its_neighbours_are_watched(spec: DeviceSpec) -> None:
    def constant(_: int, taken: Reading) -> Reading:
        return taken._replace(values={**taken.values, "humidity": 40.0})

    device = Device(spec)
    assert raised(events_of(device, [constant(0, taken) for taken in healthy(2500)])) == []
    assert sees_the_fault(device, 12_500)


def test_a_constant_sensor_that_leaves_its_place_is_seen(spec: DeviceSpec) -> None:
    still = [taken._replace(values={**taken.values, "temperature": 70.0}) for taken in healthy(2500)]
    device = Device(spec)
    assert raised(events_of(device, still)) == []
    moved = [taken._replace(at=taken.at + 12_500, values={**taken.values, "temperature": 96.0}) for taken in still[:60]]
    assert raised(events_of(device, moved))


def test_a_sensor_of_three_values_is_no_fault_and_its_shift_is_seen(spec: DeviceSpec) -> None:
    def coarse(taken: Reading, lift: float = 0.0) -> Reading:
        step = 4.0 * round((taken.values["temperature"] - 75.0) / 4.0)
        return taken._replace(values={**taken.values, "temperature": 75.0 + max(-4.0, min(4.0, step)) + lift})

    device = Device(spec)
    assert raised(events_of(device, [coarse(taken) for taken in healthy(3000)])) == []
    assert raised(events_of(device, [coarse(taken, 12.0) for taken in healthy(120, 9, 15_000)]))


@pytest.mark.parametrize("count", [0, 30, 200, WARM])
def test_the_thousand_results_after_refused_readings_are_those_of_a_twin(spec: DeviceSpec, count: int) -> None:
    device, twin = (fed(list(healthy(count)), spec) for _ in range(2))
    readings = list(healthy(count))
    refused = tuple(RefusedValue(name, RefusalReason.OUT_OF_SPAN, "1e300") for name in ("temperature", "vibration"))
    for again in readings[-3:]:
        assert device.record(again)[0] is Disposition.DUPLICATE
        device.record(again._replace(values={}, refused=refused))
    for taken in healthy(1000, 8, 5.0 * count):
        assert device.record(taken) == twin.record(taken)
        assert device.score == twin.score


def test_a_baseline_learned_right_before_an_alarm_is_learned_anew_behind_it() -> None:
    """A fault in the warm-up must not become what is usual, or health is an alarm afterwards."""
    worn = [
        taken._replace(values={**taken.values, "vibration": taken.values["vibration"] + 0.6}) for taken in healthy(125)
    ]
    device = fed(worn, configured())
    hotter = [
        taken._replace(values={**taken.values, "vibration": taken.values["vibration"] + 0.9})
        for taken in hot(60, 625.0)
    ]
    events = events_of(device, hotter) + events_of(device, list(healthy(3000, 12, 925.0)))
    assert [event.change for event in events if event.change in (Change.RAISED, Change.CLEARED)] == [
        Change.RAISED,
        Change.CLEARED,
    ]
    assert device.levels["vibration"] == pytest.approx(1.5, abs=0.1)
    assert sees_the_fault(device, 15_925.0)
