import pytest

from simulator.faults import Fault
from simulator.machine import Machine, Running
from simulator.scenario import REFERENCE_SENSORS


@pytest.fixture
def machine():
    return Machine("pump-01", REFERENCE_SENSORS, setpoints={"power_limit": (15, 25), "pressure_setpoint": (28, 35)})


def mean_after(machine, seconds, sensor, *, dt=5.0, over=60):
    for _ in range(int(seconds / dt)):
        machine.step(dt)
    return sum(machine.step(dt)[sensor] for _ in range(over)) / over


def test_left_alone_it_reads_its_baseline(machine):
    assert mean_after(machine, 0, "power_consumption", over=2000) == pytest.approx(20, abs=0.2)
    assert mean_after(machine, 0, "vibration", over=2000) == pytest.approx(1.5, abs=0.05)


def test_reduced_load_lowers_power_soon_and_temperature_with_its_time_constant(machine):
    assert machine.obey("reduce_load", {"reduction_pct": 50}).accepted
    machine.step(30)
    assert machine.load == pytest.approx(0.5)
    assert machine.running is Running.REDUCED
    assert machine.settled
    assert mean_after(machine, 0, "power_consumption") == pytest.approx(20 * (0.15 + 0.85 / 2), abs=0.5)
    assert mean_after(machine, 3600, "temperature") == pytest.approx(25 + 50 / 2, abs=3)


def test_temperature_has_covered_two_thirds_of_its_way_after_one_time_constant(machine):
    machine.obey("emergency_shutdown", {})
    machine.step(10)
    for _ in range(60):
        machine.step(5)
    near = sum(machine.step(0.01)["temperature"] for _ in range(100)) / 100
    assert near == pytest.approx(25 + 50 * 0.368, abs=2.5)


def test_emergency_shutdown_ramps_to_zero_in_ten_seconds(machine):
    machine.obey("emergency_shutdown", {})
    loads = []
    for _ in range(10):
        machine.step(1)
        loads.append(round(machine.load, 3))
    assert loads == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]
    assert machine.settled
    after = machine.step(5)
    assert after["power_consumption"] == 0
    assert after["vibration"] == 0


def test_from_reduced_load_a_shutdown_takes_its_share_of_ten_seconds(machine):
    machine.obey("reduce_load", {"reduction_pct": 80})
    machine.step(60)
    machine.obey("emergency_shutdown", {})
    machine.step(2)
    assert machine.load == 0


def test_maintenance_goes_to_20_percent_cools_and_stops(machine):
    machine.obey("enable_maintenance_mode", {})
    machine.step(300)
    assert machine.load == pytest.approx(0.2)
    machine.step(300)
    assert machine.load == pytest.approx(0.2)
    assert not machine.settled
    machine.step(10)
    assert machine.load == 0
    assert machine.running is Running.MAINTENANCE


def test_one_long_step_arrives_where_many_short_ones_do(machine):
    other = Machine("pump-01", REFERENCE_SENSORS)
    for each in (machine, other):
        each.obey("enable_maintenance_mode", {})
    machine.step(450)
    for _ in range(450):
        other.step(1)
    assert machine.load == pytest.approx(other.load)


@pytest.mark.parametrize("stop", ["reduce_load", "enable_maintenance_mode", "emergency_shutdown"])
def test_restart_returns_from_everywhere(machine, stop):
    machine.obey(stop, {"reduction_pct": 40})
    machine.step(1000)
    assert machine.obey("restart", {}).accepted
    machine.step(60)
    assert machine.load == 1
    assert machine.running is Running.NORMAL


@pytest.mark.parametrize(
    ("before", "command", "parameters", "why"),
    [
        (None, "reduce_load", {"reduction_pct": 19}, "must be 20 to 80"),
        (None, "reduce_load", {"reduction_pct": 81}, "must be 20 to 80"),
        (None, "reduce_load", {"reduction_pct": float("nan")}, "must be 20 to 80"),
        (None, "reduce_load", {"reduction_pct": True}, "must be 20 to 80"),
        (None, "reduce_load", {"reduction_pct": [50]}, "must be 20 to 80"),
        (None, "reduce_load", {}, "must be 20 to 80"),
        ("emergency_shutdown", "reduce_load", {"reduction_pct": 50}, "no load to reduce"),
        ("emergency_shutdown", "enable_maintenance_mode", {}, "already in shutdown"),
        (None, "restart", {}, "already running"),
        (None, "set_parameter", {"name": "colour", "value": 1}, "unknown parameter 'colour'"),
        (None, "set_parameter", {"name": "power_limit", "value": 26}, "must be 15 to 25"),
        (None, "set_parameter", {"name": "power_limit", "value": "much"}, "must be 15 to 25"),
        (None, "explode", {}, "unknown command 'explode'"),
    ],
)
def test_what_is_not_possible_is_refused_and_changes_nothing(machine, before, command, parameters, why):
    if before:
        machine.obey(before, {})
        machine.step(100)
    was = (machine.load, machine.running, dict(machine.parameters))
    verdict = machine.obey(command, parameters)
    assert not verdict.accepted
    assert why in verdict.detail
    assert (machine.load, machine.running, machine.parameters) == was


def test_set_parameters_have_their_effect(machine):
    assert machine.obey("set_parameter", {"name": "power_limit", "value": 18}).accepted
    assert machine.obey("set_parameter", {"name": "pressure_setpoint", "value": "29"}).accepted
    assert max(machine.step(5)["power_consumption"] for _ in range(500)) == 18
    assert mean_after(machine, 0, "pressure") == pytest.approx(29, abs=0.5)


def test_a_scripted_fault_has_its_known_onset_and_end():
    sick = Machine("pump-01", REFERENCE_SENSORS, faults=(Fault("pressure_leak", "pump-01", 100, speed=2),))
    pressure = [sick.step(5)["pressure"] for _ in range(300)]
    assert min(pressure[:19]) > 27
    assert max(pressure[60:190]) < 19
    assert min(pressure[202:]) > 27


def test_a_shutdown_stops_a_runaway_and_the_heat_goes_slowly():
    sick = Machine("pump-01", REFERENCE_SENSORS, faults=(Fault("thermal_runaway", "pump-01", 0),))
    hot = mean_after(sick, 1800, "temperature", over=20)
    assert hot > 95
    sick.obey("emergency_shutdown", {})
    just_after = mean_after(sick, 10, "temperature", over=1)
    later = mean_after(sick, 1500, "temperature", over=20)
    assert just_after > 80
    assert later < 35
