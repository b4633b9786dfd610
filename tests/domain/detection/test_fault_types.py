"""The types of fault of the plant that ships, on the simulator's readings; and what is no fault."""

from dataclasses import replace
from math import sin

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Severity
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, FaultRule
from aegisflow.domain.readings import Disposition, Reading
from simulator.dataset import generate
from simulator.faults import HOUR, Fault
from simulator.scenario import REFERENCE_SENSORS, Scenario
from tests.support.places import PLANT_FILE
from tests.support.samples import device_spec, healthy

SPEC = load(PLANT_FILE).plant.devices["compressor-01"]
ONSET = 1.5 * HOUR


def stream(*faults: Fault, hours: float = 2.6, **changes: object) -> list[Reading]:
    scenario = Scenario(
        seed=7,
        start=0.0,
        duration_s=hours * HOUR,
        devices={"compressor-01": REFERENCE_SENSORS},
        faults=faults,
        **changes,  # type: ignore[arg-type]
    )
    (recording,) = generate(scenario).recordings
    columns = {name: values.tolist() for name, values in recording.values.items()}
    return [
        Reading("compressor-01", at, {name: values[i] for name, values in columns.items()}, at)
        for i, at in enumerate(recording.at.tolist())
    ]


def events_of(readings: list[Reading], spec: DeviceSpec = SPEC) -> list[AlarmEvent]:
    device = Device(spec)
    return [event for reading in readings for event in device.record(reading)[1]]


def raised(events: list[AlarmEvent]) -> list[Alarm]:
    return [event.alarm for event in events if event.change is Change.RAISED]


@pytest.mark.parametrize(
    ("kind", "severity", "within_s"),
    [
        ("thermal_runaway", "critical", 180),
        ("pressure_leak", "high", 120),
        ("bearing_failure", "high", 300),
        ("sensor_drift", "medium", 2700),
        ("electrical_fault", "critical", 200),
    ],
)
def test_each_fault_is_one_alarm_of_its_type(kind: str, severity: str, within_s: float) -> None:
    events = events_of(stream(Fault(kind, "compressor-01", ONSET)))
    (alarm,) = raised(events)
    assert (alarm.first_type, events[-1].alarm.fault_type) == (kind, kind)
    assert ONSET < alarm.raised_at < ONSET + within_s
    # While its sensors are where they ordinarily are, it is news of what may come.
    assert alarm.severity.value in ("low", severity, "critical")
    bad = next(event for event in events if event.alarm.severity.value in (severity, "critical"))
    assert bad.at < ONSET + max(within_s, 900)
    assert alarm.reasons


def test_a_healthy_machine_is_quiet() -> None:
    assert events_of(stream(hours=6.0)) == []


def test_a_step_of_the_load_is_no_alarm() -> None:
    readings = stream(hours=5.0)
    for i, reading in enumerate(readings):
        if reading.at > ONSET:
            lag = 1 - 2.718 ** -((reading.at - ONSET) / 600)
            values = dict(reading.values)
            values["power_consumption"] += 5.0
            values["temperature"] += 4.0 * lag
            values["vibration"] += 0.2 * lag
            readings[i] = reading._replace(values=values)
    device = Device(SPEC)
    notes = set()
    for reading in readings:
        assert device.record(reading)[1] == ()
        notes |= set(device.status(reading.at, 0, {}).notes) if reading.at > ONSET else set()
    (note,) = {note.partition(" since")[0] for note in notes}
    assert note == "the load has changed: power_consumption"


def test_humidity_alone_is_unclassified_and_takes_longer() -> None:
    readings = stream()
    shifted = [
        r._replace(values={**r.values, "humidity": r.values["humidity"] + 12.0}) if r.at > ONSET else r
        for r in readings
    ]
    (alarm,) = raised(events_of(shifted))
    assert (alarm.fault_type, alarm.sensors) == ("unclassified", ("humidity",))
    assert alarm.raised_at > ONSET + 300


def test_a_stuck_sensor_is_told_by_name() -> None:
    readings = stream()
    held = [r._replace(values={**r.values, "pressure": 31.234}) if ONSET < r.at < ONSET + 1800 else r for r in readings]
    events = events_of(held)
    assert [alarm.fault_type for alarm in raised(events)] == ["sensor_stuck"]
    assert events[-1].change is Change.CLEARED


def test_a_sensor_that_is_missing_is_told_and_one_that_is_new_is_welcome() -> None:
    readings = stream()
    gone = [
        r._replace(values={k: v for k, v in r.values.items() if k != "pressure"}) if ONSET < r.at < 2 * HOUR else r
        for r in readings
    ]
    events = events_of(gone)
    assert [alarm.fault_type for alarm in raised(events)] == ["sensor_silent"]
    assert events[-1].alarm.state is AlarmState.RETURNED
    late = [
        r if r.at > ONSET else r._replace(values={k: v for k, v in r.values.items() if k != "pressure"})
        for r in readings
    ]
    assert events_of(late) == []


def test_a_machine_without_rules_has_no_names_for_its_faults() -> None:
    spec = replace(SPEC, faults=(), load=None)
    alarms = raised(events_of(stream(Fault("bearing_failure", "compressor-01", ONSET)), spec))
    assert alarms
    assert {alarm.fault_type for alarm in alarms} == {"unclassified"}


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize("gap_s", [300.0, 7200.0, 86_400.0 * 30])
def test_a_gap_raises_nothing_and_a_fault_after_it_is_found(gap_s: float) -> None:
    fault = Fault("pressure_leak", "compressor-01", ONSET)
    readings = [r._replace(at=r.at + gap_s) if r.at > HOUR else r for r in stream(fault)]
    (alarm,) = raised(events_of(readings))
    assert alarm.fault_type == "pressure_leak"
    assert alarm.raised_at - gap_s < ONSET + 120


def test_a_clock_that_steps_back_is_out_of_order_and_blinds_nobody() -> None:
    readings = stream(Fault("pressure_leak", "compressor-01", ONSET))
    device = Device(SPEC)
    events = []
    for index, reading in enumerate(readings):
        events += device.record(reading)[1]
        if index % 100 == 0 and index:
            assert device.record(reading._replace(at=reading.at - 3.0))[0] is Disposition.LATE
    assert [alarm.fault_type for alarm in raised(events)] == ["pressure_leak"]


def test_irregular_intervals_change_nothing() -> None:
    fault = Fault("pressure_leak", "compressor-01", ONSET)
    readings = [r._replace(at=r.at + 2.0 * sin(i)) for i, r in enumerate(stream(fault))]
    assert [alarm.fault_type for alarm in raised(events_of(readings))] == ["pressure_leak"]


def test_sensors_of_three_values_are_quiet_and_their_fault_is_found() -> None:
    coarse = stream(Fault("thermal_runaway", "compressor-01", ONSET), quantum=2.0)
    assert [alarm.fault_type for alarm in raised(events_of(coarse))] == ["thermal_runaway"]


def test_a_wild_value_leaves_no_trace_after_a_thousand_readings() -> None:
    readings = stream()
    device, twin = Device(SPEC), Device(SPEC)
    for index, reading in enumerate(readings):
        values = dict(reading.values)
        if index == 500:
            values["temperature"] = 900.0
        assert device.record(reading._replace(values=values))[1] == twin.record(reading)[1] == ()
    for sensor, other in zip(device._detector.sensors, twin._detector.sensors, strict=True):
        assert sensor.baseline.level == pytest.approx(other.baseline.level, abs=0.05 * other.baseline.spread)


# --- restart -------------------------------------------------------------------------------------


def test_after_a_restart_an_active_alarm_goes_on_against_the_level_it_was_raised_against() -> None:
    fault = Fault("bearing_failure", "compressor-01", ONSET)
    readings = stream(fault, hours=3.0)
    device = Device(SPEC)
    until = next(i for i, reading in enumerate(readings) if reading.at > ONSET + 1800)
    for reading in readings[:until]:
        device.record(reading)
    alarms = device.alarms()
    heir = Device(SPEC)
    heir.recall(readings[until - 240 : until], alarms, Mode.NORMAL)
    level = {sensor.name: sensor.baseline.level for sensor in heir._detector.sensors}
    assert level["vibration"] == pytest.approx(1.5, abs=0.2)
    events = [event for reading in readings[until:] for event in heir.record(reading)[1]]
    assert raised(events) == []
    assert events[-1].change is Change.CLEARED
    assert events[-1].alarm.fault_type == "bearing_failure"


def test_a_second_rule_that_shares_what_follows_with_the_active_one_may_be_the_stronger() -> None:
    """Its sensors are its reasons then, also where one of them is beyond a limit and told beside."""
    bearing = FaultRule("bearing", Severity.HIGH, {"vibration": ("high", "beyond")}, expects=("temperature",))
    choked = FaultRule("choked", Severity.HIGH, {"pressure": ("low", "beyond")}, expects=("temperature",))
    device = Device(replace(device_spec(), faults=(bearing, choked)))
    for number, one in enumerate(healthy(500)):
        values = dict(one.values)
        if number >= 300:
            values["vibration"] += 6.0
        if number >= 400:
            values["pressure"] -= 25.0
        device.record(one._replace(values=values))
    assert {"vibration", "pressure"} <= {name for alarm in device.alarms() for name in alarm.sensors}
