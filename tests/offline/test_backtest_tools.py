"""Pictures, explanations and proposals on top of a backtest."""

from pathlib import Path

import pytest

from aegisflow.config import load
from aegisflow.domain.equipment import Limits
from aegisflow.errors import RecordingError, UnknownNameError
from aegisflow.offline.backtest import backtest
from aegisflow.offline.backtest.explain import explain
from aegisflow.offline.backtest.traces import MAX_BUCKETS, Trace
from aegisflow.offline.backtest.tune import tune
from aegisflow.offline.backtest.yamledit import YamlText
from simulator.dataset import write_file
from simulator.scenario import Scenario
from tests.support.recordings import plant_of, recorded

PLANT = """\
plant: {name: works}
kinds:
  pump:
    sensors:
      temperature:            # of the fluid
        unit: °C
        normal: [0, 10]       # a guess
        alarm: {high: 70}     # too low
      pressure: {unit: PSI}
      vibration: {unit: mm/s}
      humidity:
        unit: "%RH"
      power_consumption: {unit: kW}
lines:
  line-1:
    devices:
      pump-01: pump
"""


@pytest.fixture
def jam(tmp_path: Path) -> Path:
    path = tmp_path / "recorded.csv"
    path.write_text(recorded([10.0, 11.0] * 50 + [50.0, 51.0] * 20 + [10.0, 11.0] * 50), encoding="utf-8")
    return path


def test_an_alarm_is_explained_by_what_would_have_prevented_it(jam: Path, tmp_path: Path) -> None:
    plant = plant_of(flow={"alarm": Limits(high=30)})
    report = backtest(jam, plant=plant, alarms=tmp_path / "alarms.csv")
    known = {alarm.alarm_id: alarm for alarm in report.alarms}
    first = report.alarms[0]
    text = explain(jam, plant, known, first.alarm_id)
    assert text.startswith(f"{first.alarm_id}: high unclassified, raised ")
    assert "flow is beyond its limit" in text
    assert "alarm.on_delay: 120 instead of 3" in text
    assert "alarm.on_delay: 6 instead" not in text, "that would not have prevented it"
    assert "sensors.flow.deadband" not in text, "a limit knows no deadband"
    with pytest.raises(UnknownNameError, match=first.alarm_id):
        explain(jam, plant, known, "pump-01@never")


def test_a_picture_is_written_for_each_device(jam: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plant = plant_of(flow={"alarm": Limits(high=30)})
    report = backtest(jam, plant=plant, alarms=tmp_path / "alarms.csv", pictures=tmp_path / "pictures")
    (picture,) = report.pictures
    assert picture.name == "pump-01.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "1 in" in report.text()


def test_a_trace_stays_small_and_keeps_every_peak() -> None:
    trace = Trace()
    for number in range(10 * MAX_BUCKETS):
        trace.take(float(number), {"flow": 900.0 if number == 17 else 1.0}, {"flow": 1.0})
    series = trace.sensors["flow"]
    assert len(series.at) <= MAX_BUCKETS
    assert (max(series.high), min(series.low), sum(series.count)) == (900.0, 1.0, 10 * MAX_BUCKETS)


def healthy_hours(hours: int) -> Scenario:
    devices = {"pump-01": Scenario().devices["pump-01"]}
    return Scenario(seed=3, duration_s=hours * 3600, faults=(), devices=devices)


@pytest.fixture
def plant_file(tmp_path: Path) -> Path:
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT, encoding="utf-8")
    return path


def test_a_healthy_period_proposes_limits_as_a_diff_and_applies_nothing(plant_file: Path, tmp_path: Path) -> None:
    write_file(healthy_hours(4), tmp_path / "day.csv")
    diff, notes = tune(tmp_path / "day.csv", plant_file)
    assert plant_file.read_text(encoding="utf-8") == PLANT
    assert diff.startswith("--- plant.yaml\n+++ proposed\n")
    assert "-        alarm: {high: 70}     # too low\n" in diff
    assert any(line.startswith("+        alarm: {high: 8") and line.endswith("# too low") for line in diff.splitlines())
    assert any(line.startswith("+        normal: [6") and line.endswith("# a guess") for line in diff.splitlines())
    assert any(note.startswith("kinds.pump.sensors.pressure.normal: [") for note in notes), "flow style is left alone"


def test_a_period_too_short_proposes_nothing(plant_file: Path, tmp_path: Path) -> None:
    write_file(healthy_hours(1), tmp_path / "day.csv")
    with pytest.raises(RecordingError, match="too few values"):
        tune(tmp_path / "day.csv", plant_file)


def test_a_value_is_changed_and_everything_else_stays_as_it_was(tmp_path: Path) -> None:
    text = YamlText(PLANT)
    where = ("kinds", "pump", "sensors", "temperature")
    assert text.put(where, "normal", "[60, 90]")
    assert text.put(where, "deadband", "3")
    assert not text.put(("kinds", "pump", "sensors", "pressure"), "deadband", "1")
    assert not text.put(("kinds", "fan", "sensors", "pressure"), "deadband", "1")
    before, after = set(PLANT.splitlines()), set(text.text.splitlines())
    assert before - after == {"        normal: [0, 10]       # a guess"}
    assert after - before == {"        normal: [60, 90]       # a guess", "        deadband: 3"}
    path = tmp_path / "changed.yaml"
    path.write_text(text.text.replace("{high: 70}", "{high: 95}"), encoding="utf-8")
    sensor = load(path).plant.devices["pump-01"].sensors["temperature"]
    assert (sensor.normal, sensor.deadband) == (Limits(60, 90), 3)
