"""Sensors that are no measurements: counters, states, directions, set-points; and values that stand for none."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import AlarmEvent, Change, Severity
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, FaultRule, Limits, SensorKind, SensorSpec
from aegisflow.domain.readings import Reading
from aegisflow.errors import ConfigError
from tests.support.places import PLANT_FILE

HOT = FaultRule("thermal_runaway", Severity.CRITICAL, {"temperature": ("high",)})


def device(*sensors: SensorSpec, named: bool = True) -> Device:
    spec = DeviceSpec("rig-01", "line-1", "rig", {sensor.name: sensor for sensor in sensors})
    return Device(replace(spec, faults=(HOT,)) if named else spec)


def watch(watched: Device, values: Callable[[int, random.Random], dict[str, float]], readings: int) -> list[AlarmEvent]:
    """Return what readings, one every 5 s, raise, each of ``values(number, random)``."""
    rng = random.Random(4)
    events: list[AlarmEvent] = []
    for index in range(readings):
        at = 5.0 * index
        events += watched.record(Reading("rig-01", at, values(index, rng), at))[1]
    return events


def raised(events: list[AlarmEvent]) -> list[str]:
    return [event.alarm.fault_type for event in events if event.change is Change.RAISED]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("wrap", [1000.0, 65_536.0])
def test_d3_a_counter_that_wraps_or_is_reset_raises_nothing(named: bool, wrap: float) -> None:
    watched = device(SensorSpec("energy", "kWh", kind=SensorKind.COUNTER), named=named)
    total = 0.0

    def counted(index: int, rng: random.Random) -> dict[str, float]:
        nonlocal total
        total = 0.0 if index == 5000 else total + max(0.0, rng.gauss(0.5, 0.05))
        return {"energy": round(total % wrap, 1)}

    assert raised(watch(watched, counted, 8000)) == []
    assert watched.status(40_000.0, 0, {}).sensors[0].value == round(total % wrap, 1)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_d3_a_counter_is_watched_by_its_rate(rate: float) -> None:
    watched = device(SensorSpec("energy", "kWh", kind=SensorKind.COUNTER))
    total = 0.0

    def counted(index: int, rng: random.Random) -> dict[str, float]:
        nonlocal total
        total += max(0.0, rng.gauss(0.5 if index < 3000 else rate, 0.05 if rate or index < 3000 else 0.0))
        return {"energy": round(total, 1)}

    assert raised(watch(watched, counted, 4000)) == ["unclassified"]
    assert watched.levels["energy"] == pytest.approx(360.0, rel=0.2)


@pytest.mark.parametrize("named", [True, False])
def test_d4_a_state_and_a_valve_at_its_end_are_neither_stuck_nor_shifted(named: bool) -> None:
    valve = SensorSpec("valve", "%", kind=SensorKind.STATE)
    pump = SensorSpec("pump", "", kind=SensorKind.STATE)
    watched = device(valve, pump, SensorSpec("flow", "l/s"), named=named)

    def states(index: int, rng: random.Random) -> dict[str, float]:
        moving = index < 2000 and index % 7 < 3
        return {
            "valve": rng.uniform(20, 80) if moving else 100.0,
            "pump": float(index // 1500 % 2),
            "flow": rng.gauss(4, 0.1),
        }

    assert raised(watch(watched, states, 7000)) == []


def test_d4_the_limits_of_a_state_hold() -> None:
    watched = device(SensorSpec("fault_relay", "", kind=SensorKind.STATE, alarm=Limits(None, 0.5)))
    events = watch(watched, lambda index, rng: {"fault_relay": float(index > 500)}, 520)
    assert raised(events) == ["unclassified"]


@pytest.mark.parametrize("named", [True, False])
def test_d4_a_wind_that_veers_through_north_and_rests_raises_nothing(named: bool) -> None:
    watched = device(SensorSpec("wind", "°", kind=SensorKind.CIRCULAR), named=named)
    direction = 350.0

    def wind(index: int, rng: random.Random) -> dict[str, float]:
        nonlocal direction
        if not 3000 < index < 3400:  # calm: the vane rests
            direction = (direction + rng.gauss(0, 6)) % 360
        return {"wind": round(direction, 1)}

    assert raised(watch(watched, wind, 8000)) == []
    assert watched.status(40_000.0, 0, {}).sensors[0].value == round(direction, 1)


def test_d2_what_follows_a_set_point_is_no_fault_and_has_another_level_then() -> None:
    asked = SensorSpec("wanted", "°C", kind=SensorKind.SETPOINT, moves=("temperature",))
    watched = device(asked, SensorSpec("temperature", "°C", normal=Limits(5.0, 30.0), alarm=Limits(None, 40.0)))

    def ramp(index: int, rng: random.Random) -> dict[str, float]:
        wanted = 14 + min(4.0, max(0.0, (index - 2000) // 60 * 0.5))
        return {"wanted": wanted, "temperature": wanted + rng.gauss(0, 0.2)}

    assert watch(watched, ramp, 4000) == []
    assert watched.levels["temperature"] == pytest.approx(18.0, abs=0.2)


def test_d2_a_fault_that_no_set_point_explains_is_told_as_before() -> None:
    asked = SensorSpec("wanted", "°C", kind=SensorKind.SETPOINT, moves=("temperature",))
    watched = device(asked, SensorSpec("temperature", "°C", normal=Limits(5.0, 16.0), alarm=Limits(None, 40.0)))

    def alone(index: int, rng: random.Random) -> dict[str, float]:
        return {"wanted": 14.0, "temperature": 14.0 + (4.0 if index > 2000 else 0.0) + rng.gauss(0, 0.2)}

    assert raised(watch(watched, alone, 2100)) == ["thermal_runaway"]


@pytest.mark.parametrize("marker", [-200.0, -999.0, 65_535.0])
@pytest.mark.parametrize("named", [True, False])
def test_d5_a_value_far_outside_that_repeats_exactly_is_proposed_as_a_marker(named: bool, marker: float) -> None:
    watched = device(SensorSpec("nox", "ppb"), SensorSpec("co", "mg/m³"), named=named)

    def gaps(index: int, rng: random.Random) -> dict[str, float]:
        missing = index > 1000 and (index % 97 == 0 or 3000 < index < 6000)
        return {"nox": marker if missing else round(rng.gauss(120, 8), 2), "co": round(rng.gauss(2, 0.2), 3)}

    events = watch(watched, gaps, 7000)
    assert "sensor_stuck" not in raised(events)
    assert raised(events) == []
    (note,) = watched.status(35_000.0, 0, {}).notes
    assert f"nox has said {marker:g}" in note
    assert f"missing_values: [{marker:g}]" in note


def test_a_sensor_that_sticks_inside_its_range_is_stuck_all_the_same() -> None:
    watched = device(SensorSpec("nox", "ppb"))
    events = watch(watched, lambda i, rng: {"nox": 123.0 if i > 1000 else round(rng.gauss(120, 8), 2)}, 1100)
    assert raised(events) == ["sensor_stuck"]


def test_kinds_stand_in_the_plant_file(tmp_path: Path) -> None:
    text = PLANT_FILE.read_text(encoding="utf-8")
    added = text.replace(
        '      humidity:\n        unit: "%RH"\n        description: Humidity of the intake air',
        "      wanted: {unit: °C, kind: setpoint, moves: [temperature]}\n"
        "      energy: {unit: kWh, kind: counter}\n"
        '      humidity:\n        unit: "%RH"\n        description: Humidity of the intake air',
    )
    path = tmp_path / "plant.yaml"
    path.write_text(added, encoding="utf-8")
    sensors = load(path).plant.devices["compressor-01"].sensors
    assert (sensors["wanted"].kind, sensors["wanted"].moves) == (SensorKind.SETPOINT, ("temperature",))
    assert (sensors["energy"].kind, sensors["humidity"].kind) == (SensorKind.COUNTER, SensorKind.MEASUREMENT)
    path.write_text(added.replace("kind: counter", "kind: conter").replace("[temperature]}", "[temprature]}"))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert "one of measurement, counter, state, circular, setpoint" in str(caught.value)
    for wrong, right in (
        (added.replace("[temperature]}", "[temprature]}"), "temperature"),
        (added.replace("kind: setpoint, ", ""), "only a set-point moves others"),
    ):
        path.write_text(wrong)
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert right in str(caught.value)


def test_a_flow_that_stops_at_nought_is_no_marker() -> None:
    watched = device(SensorSpec("flow", "l/s"))
    events = watch(watched, lambda i, rng: {"flow": 0.0 if i > 1000 else round(rng.gauss(4, 0.1), 3)}, 1100)
    assert len(raised(events)) == 1
    assert watched.status(5500.0, 0, {}).notes == ()
