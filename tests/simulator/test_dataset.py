import csv
import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest

from simulator.__main__ import main
from simulator.dataset import generate, write_csv, write_file
from simulator.faults import DAY, HOUR, REFERENCE_DAY, Fault, random_faults
from simulator.scenario import REFERENCE_DEVICES, REFERENCE_SENSORS, VARIANTS, Scenario, faults_for

REFERENCE_SHA256 = "dd5380e0ff1a42ebb30f718cf4272539d345088c939f5310b9dadcdb9c17b4dd"
LONG = Scenario(duration_s=DAY)


@pytest.fixture(scope="module")
def reference():
    return generate(Scenario())


def recording_of(dataset, device_id):
    return next(recording for recording in dataset.recordings if recording.device_id == device_id)


def during(recording, anomaly):
    wanted = [index for index, label in enumerate(recording.labels) if label.anomaly == anomaly]
    return np.isin(recording.label, wanted)


def test_the_reference_day_is_the_same_bytes_everywhere(tmp_path):
    path = tmp_path / "day.csv"
    assert write_file(Scenario(), path) == 155_520
    assert hashlib.sha256(path.read_bytes()).hexdigest() == REFERENCE_SHA256


def test_another_seed_gives_other_bytes():
    short = Scenario(duration_s=60, faults=())
    texts = []
    for seed in (1, 1, 2):
        file = io.StringIO()
        write_csv(generate(replace(short, seed=seed)), file)
        texts.append(file.getvalue())
    assert texts[0] == texts[1] != texts[2]


def test_rows_come_in_order_of_time_with_every_device_at_each_instant(tmp_path):
    path = tmp_path / "day.csv"
    write_file(Scenario(duration_s=20, faults=()), path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["timestamp", "device_id", *REFERENCE_SENSORS, "anomaly", "severity"]
    assert [row["device_id"] for row in rows] == list(REFERENCE_DEVICES) * 4
    assert [row["timestamp"] for row in rows[::9]] == [f"2026-01-05T00:00:{second:02d}Z" for second in (0, 5, 10, 15)]


def test_a_healthy_device_has_the_baseline_of_the_plant_facts(reference):
    values = recording_of(reference, "pump-03").values
    for name, mean, sigma in (
        ("temperature", 75, (3**2 + 2**2 / 2) ** 0.5),
        ("pressure", 31.5, 1),
        ("vibration", 1.5, 0.4),
        ("humidity", 40, 3),
        ("power_consumption", 20, 2),
    ):
        assert values[name].mean() == pytest.approx(mean, rel=0.01)
        assert values[name].std() == pytest.approx(sigma, rel=0.03)
    assert values["vibration"].min() >= 0


def test_every_fault_is_labelled_where_and_when_it_happens(reference):
    for fault in REFERENCE_DAY:
        recording = recording_of(reference, fault.device_id)
        at = recording.at[during(recording, fault.kind)] - reference.scenario.start
        assert (at[0], at[-1]) == (fault.start_s, fault.end_s - 5)
    labelled = sum(int((recording.label > 0).sum()) for recording in reference.recordings)
    assert labelled == (60 + 30 + 60 + 120 + 30) * 12


def edge(reference, device_id, anomaly, sensor, part):
    recording = recording_of(reference, device_id)
    values = recording.values[sensor][during(recording, anomaly)]
    count = len(values) // 20
    return (values[:count] if part == "start" else values[-count:]).mean()


@pytest.mark.parametrize(
    ("device_id", "anomaly", "sensor", "start", "end"),
    [
        ("compressor-01", "thermal_runaway", "temperature", 75 + 5, 75 + 49),
        ("compressor-01", "thermal_runaway", "vibration", 1.5, 1.5 + 3),
        ("pump-02", "pressure_leak", "pressure", 27.5, 15),
        ("pump-02", "pressure_leak", "power_consumption", 34, 21),
        ("motor-03", "bearing_failure", "vibration", 2.1, 8.4),
        ("motor-03", "bearing_failure", "temperature", 75, 83),
        ("motor-01", "sensor_drift", "humidity", 40, 40 * 1.147),
        ("motor-01", "sensor_drift", "power_consumption", 20, 20 * 1.147),
    ],
)
def test_a_fault_begins_and_ends_as_the_plant_facts_say(reference, device_id, anomaly, sensor, start, end):
    daily = 2.1 if sensor == "temperature" else 0
    noise = REFERENCE_SENSORS[sensor].sigma
    assert edge(reference, device_id, anomaly, sensor, "start") == pytest.approx(start, abs=daily + noise)
    assert edge(reference, device_id, anomaly, sensor, "end") == pytest.approx(end, abs=daily + noise)


def test_an_electrical_fault_swings_round_25_kw_by_20(reference):
    recording = recording_of(reference, "compressor-02")
    power = recording.values["power_consumption"][during(recording, "electrical_fault")]
    assert power.mean() == pytest.approx(25, abs=0.5)
    assert 43 < power.max() < 53
    assert power.min() >= 0
    smooth = np.convolve(power - 25, np.ones(12) / 12, "valid")
    assert ((smooth[:-1] < 0) & (smooth[1:] >= 0)).sum() in (2, 3)


def test_a_bearing_becomes_critical_above_8_mm_s(reference):
    recording = recording_of(reference, "motor-03")
    severities = [recording.labels[index].severity for index in recording.label[during(recording, "bearing_failure")]]
    assert severities[0] == "high"
    assert severities[-1] == "critical"
    assert severities.count("critical") == 55


def test_a_device_has_the_same_noise_whoever_else_is_there(reference):
    alone = generate(Scenario(devices={"pump-03": REFERENCE_SENSORS}, faults=()))
    pump = recording_of(reference, "pump-03")
    for name in REFERENCE_SENSORS:
        np.testing.assert_array_equal(alone.recordings[0].values[name], pump.values[name])


def lag_1(values):
    return np.corrcoef(values[:-1], values[1:])[0, 1]


def test_autocorrelated_noise_keeps_its_spread():
    pressure = generate(replace(LONG, faults=(), autocorrelation=0.8)).recordings[0].values["pressure"]
    assert lag_1(pressure) == pytest.approx(0.8, abs=0.03)
    assert pressure.std() == pytest.approx(1.0, rel=0.1)


def test_missing_readings_leave_no_row_and_missing_values_an_empty_cell(tmp_path):
    path = tmp_path / "gaps.csv"
    rows = write_file(replace(LONG, faults=(), missing=0.05, missing_values=0.05), path)
    assert rows == pytest.approx(155_520 * 0.95, rel=0.01)
    with path.open() as file:
        lines = file.read().splitlines()[1:]
    assert len(lines) == rows
    empty = sum(line.split(",")[2:7].count("") for line in lines)
    assert empty == pytest.approx(rows * 5 * 0.05, rel=0.05)


def test_amplitude_scales_what_a_fault_adds(reference):
    quarter = generate(VARIANTS["quarter_amplitude"](Scenario()))
    for device_id, sensor in (("compressor-01", "temperature"), ("pump-02", "pressure")):
        healthy = recording_of(generate(Scenario(faults=())), device_id).values[sensor]
        full = recording_of(reference, device_id).values[sensor] - healthy
        assert recording_of(quarter, device_id).values[sensor] - healthy == pytest.approx(full / 4, abs=0.002)


def test_a_fault_three_times_faster_lasts_a_third():
    fast = generate(VARIANTS["faults_fast"](Scenario()))
    assert [fault.duration_s for fault in fast.faults] == [fault.duration_s / 3 for fault in REFERENCE_DAY]
    assert during(recording_of(fast, "compressor-01"), "thermal_runaway").sum() == 240


def test_a_stuck_sensor_repeats_one_value_for_an_hour_and_is_labelled():
    dataset = generate(replace(LONG, faults=(), stuck=1))
    stuck = [recording for recording in dataset.recordings if len(recording.labels) > 1]
    assert len(stuck) == 1
    hit = during(stuck[0], "sensor_stuck")
    assert hit.sum() == 720
    assert sum(np.ptp(values[hit]) == 0 for values in stuck[0].values.values()) == 1


def test_quantised_sensors_have_few_values():
    pressure = generate(replace(LONG, faults=(), quantum=1.0)).recordings[0].values["pressure"]
    assert set(np.unique(pressure)) <= set(range(26, 38))


def test_two_faults_on_one_device_share_the_label_with_the_worst_severity():
    faults = (Fault("pressure_leak", "pump-01", 600), Fault("thermal_runaway", "pump-01", 1200))
    recording = recording_of(generate(Scenario(duration_s=2 * HOUR, faults=faults)), "pump-01")
    both = during(recording, "pressure_leak+thermal_runaway")
    assert both.sum() == 240
    assert {recording.labels[index].severity for index in recording.label[both]} == {"critical"}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_variant_changes_the_day(name, reference):
    other = generate(VARIANTS[name](Scenario()))
    assert any(
        not np.array_equal(a.arrived, b.arrived)
        or any(not np.array_equal(a.values[sensor], b.values[sensor]) for sensor in a.values)
        for a, b in zip(reference.recordings, other.recordings, strict=True)
    )


def test_random_faults_are_one_of_each_type_a_day_on_different_devices():
    faults = faults_for("random", 7, REFERENCE_DEVICES, 3)
    assert len(faults) == 15
    for day in range(3):
        today = [fault for fault in faults if day * DAY <= fault.start_s < (day + 1) * DAY]
        assert len({fault.kind for fault in today}) == len({fault.device_id for fault in today}) == 5
        assert all(fault.end_s <= (day + 1) * DAY for fault in today)
    assert faults == faults_for("random", 7, REFERENCE_DEVICES, 3) != faults_for("random", 8, REFERENCE_DEVICES, 3)


def test_random_faults_leave_room_for_slower_ones():
    slow = [random_faults(seed, tuple(REFERENCE_DEVICES), 1, speed=1 / 3) for seed in range(50)]
    assert all(fault.start_s + 3 * fault.duration_s <= DAY for faults in slow for fault in faults)


def test_a_fault_on_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="pump-99"):
        generate(Scenario(duration_s=60, faults=(Fault("pressure_leak", "pump-99", 0),)))


def test_the_command_writes_the_file_and_says_so(tmp_path, capsys):
    path = tmp_path / "new" / "day.csv"
    assert main(["dataset", str(path), "--interval", "60", "--faults", "none", "--variant", "offsets"]) == 0
    assert "12,960 rows, 9 devices, 0 faults" in capsys.readouterr().out
    assert len(path.read_text().splitlines()) == 12_961


def test_a_mistake_of_the_caller_is_explained(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["dataset", str(tmp_path / "day.csv"), "--interval", "0"])
    assert "invalid number above 0 value: '0'" in capsys.readouterr().err
    file = tmp_path / "file"
    file.touch()
    assert main(["dataset", str(file / "day.csv")]) == 2
    assert str(file) in capsys.readouterr().err
