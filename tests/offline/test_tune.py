"""Limits proposed from a healthy period: only outwards, and all of them in the diff."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aegisflow.config import load
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import Limits, PlantSpec
from aegisflow.errors import RecordingError
from aegisflow.offline.backtest.held_out import HeldOut, HeldOutAlarms
from aegisflow.offline.backtest.labels import Episode
from aegisflow.offline.backtest.report import Report
from aegisflow.offline.backtest.run import Observer, watch
from aegisflow.offline.backtest.sample import KEPT, Sample
from aegisflow.offline.backtest.tune import Proposal, tune
from aegisflow.offline.backtest.yamledit import YamlText
from simulator.dataset import write_file
from simulator.scenario import Scenario
from tests.support.memory_plant import an_alarm
from tests.support.recordings import START, iso
from tests.support.sizes import examples

DEFAULT_PLANT = Path(__file__).parents[2] / "config" / "plant.yaml"
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


def healthy_hours(hours: int) -> Scenario:
    devices = {"pump-01": Scenario().devices["pump-01"]}
    return Scenario(seed=3, duration_s=hours * 3600, faults=(), devices=devices)


@pytest.fixture
def plant_file(tmp_path: Path) -> Path:
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("healthy") / "day.csv"
    write_file(healthy_hours(4), path)
    return path


@pytest.fixture
def tuned(tmp_path: Path) -> Callable[..., tuple[Proposal, PlantSpec, PlantSpec]]:
    """Tune by some values of one sensor; give the proposal, and the plant as it is and as it would be."""

    def tuned(sensor: str, values: list[float], devices: str = "      pump-01: pump"):
        path = tmp_path / "plant.yaml"
        kinds = f"kinds:\n  pump:\n    sensors:\n{sensor}\n"
        lines = f"lines:\n  one:\n    devices:\n{devices}\n"
        path.write_text(f"plant: {{name: works}}\n{kinds}{lines}", encoding="utf-8")
        recording = tmp_path / "pump-01.csv"
        rows = (f"{iso(START + 5 * i)},{value}\n" for i, value in enumerate(values))
        recording.write_text("timestamp,flow\n" + "".join(rows), encoding="utf-8")
        proposal = tune(recording, path)
        return proposal, load(path).plant, load(applied(path, proposal)).plant

    return tuned


def applied(path: Path, proposal: Proposal) -> Path:
    """Return the plant file as the diff would have it; notes are not applied."""
    if not proposal.diff:
        return path
    old = path.read_text(encoding="utf-8").splitlines(keepends=True)
    new, place = [], 0
    for line in proposal.diff.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            start = int(line.split()[1].split(",")[0].lstrip("-")) - 1
            new += old[place:start]
            place = start
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            new += [line[1:]] if line.startswith(" ") else []
            place += 1
    changed = path.with_name("changed.yaml")
    changed.write_text("".join([*new, *old[place:]]), encoding="utf-8")
    return changed


def bounds(plant: PlantSpec) -> dict[tuple[str, str, str], Limits]:
    return {
        (device_id, name, which): getattr(sensor, which)
        for device_id, device in plant.devices.items()
        for name, sensor in device.sensors.items()
        for which in ("normal", "alarm", "trip", "span")
    }


def moved_inward(which: str, before: Limits, after: Limits) -> bool:
    """Return whether a bound is nearer to the values than before; a normal band that nobody gave may be proposed."""
    if which == "normal" and before == Limits():
        return False
    old, new = ((-inf if x.low is None else x.low, inf if x.high is None else x.high) for x in (before, after))
    return new[0] > old[0] or new[1] < old[1]


def test_h15_a_healthy_period_proposes_limits_as_a_diff_and_applies_nothing(plant_file: Path, healthy: Path) -> None:
    proposal = tune(healthy, plant_file)
    assert plant_file.read_text(encoding="utf-8") == PLANT
    assert proposal.diff.startswith("--- plant.yaml\n+++ proposed\n")
    lines = proposal.diff.splitlines()
    assert "-        alarm: {high: 70}     # too low" in lines
    assert any(line.startswith("+        alarm: {high: 8") and line.endswith("# too low") for line in lines)
    assert any(line.startswith("+        normal: [0, ") and line.endswith("# a guess") for line in lines)
    assert any(line.startswith("+      pressure: {unit: PSI, ") for line in lines), "flow style is edited, too"
    assert proposal.notes == ()


def test_the_limits_of_the_shipped_plant_are_never_moved_inward(tmp_path: Path, healthy: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(DEFAULT_PLANT.read_text(encoding="utf-8"), encoding="utf-8")
    proposal = tune(healthy, path)
    before, after = bounds(load(path).plant), bounds(load(applied(path, proposal)).plant)
    assert {key for key, limits in before.items() if moved_inward(key[2], limits, after[key])} == set()


def test_h15_nothing_to_change_is_only_said_where_nothing_is_listed(tuned) -> None:
    values = np.random.default_rng(1).normal(50, 1, 3_000).round(2).tolist()
    loose = "      flow: {unit: bar, normal: [0, 100], alarm: [-50, 150], deadband: 30, detector: {threshold: 9}}"
    proposal, before, after = tuned(loose, values)
    assert proposal.text().startswith("nothing to change")
    assert before == after
    proposal, *_ = tuned("      flow: {unit: bar, normal: [49, 51], deadband: 30}", values)
    assert "nothing to change" not in proposal.text()
    assert proposal.text() == proposal.diff


def test_a_change_that_the_file_has_no_place_for_is_listed_and_not_called_nothing(tuned) -> None:
    values = np.random.default_rng(1).normal(50, 1, 3_000).round(2).tolist()
    anchored = "      flow: {unit: bar, normal: &band [49, 51], deadband: 30, detector: {threshold: 9}}"
    proposal, *_ = tuned(anchored, values)
    assert proposal.diff == ""
    assert proposal.text().startswith("to be written by hand:\n  kinds.pump.sensors.flow.normal: [4")


def flow_of(values: list[float], labels: list[int] | None = None) -> str:
    rows = [f"{iso(START + 5 * place)},pump-01,{value}" for place, value in enumerate(values)]
    if labels is None:
        return "\n".join(["timestamp,device_id,flow", *rows]) + "\n"
    marked = [f"{row},{label}" for row, label in zip(rows, labels, strict=True)]
    return "\n".join(["timestamp,device_id,flow,anomaly", *marked]) + "\n"


def test_a_proposal_is_proven_on_what_it_was_not_made_from(tuned) -> None:
    rng = np.random.default_rng(1)
    values = np.where(np.arange(3_000) % 40 < 12, 53.0, 50.0) + rng.normal(0, 0.2, 3_000)
    proposal, before, after = tuned(
        "      flow: {unit: bar, alarm: {high: 52}, deadband: 30}", values.round(2).tolist()
    )
    assert after.devices["pump-01"].sensors["flow"].alarm.high > before.devices["pump-01"].sensors["flow"].alarm.high
    as_it_is, proposed = (line.split() for line in proposal.proof if "in false alarm" in line)
    assert float(as_it_is[-5]) > 0.5 > float(proposed[-5]) == 0.0
    assert "nobody has looked at what the proposal would hide" in proposal.proof[-1]


def test_a_proposal_that_hides_a_fault_where_it_was_held_out_is_none(tmp_path: Path, plant_file: Path) -> None:
    """The part that was learned from calls healthy what the labels of the part that was held out call a fault."""
    text = PLANT.replace("      pressure: {unit: PSI}", "      flow: {unit: bar, alarm: {high: 55}, deadband: 30}")
    text = text.replace("lines:", "faults: {jam: {severity: high, when: {flow: beyond}}}\nlines:")
    plant_file.write_text(text, encoding="utf-8")
    values = np.random.default_rng(1).normal(50, 0.2, 4_000)
    labels = [0] * 4_000
    for begin in (800, 1_300, 3_700):
        values[begin : begin + 100] += 10.0
    labels[3_700:3_800] = [1] * 100
    path = tmp_path / "pump-01.csv"
    path.write_text(flow_of(values.round(2).tolist(), labels))
    proposal = tune(path, plant_file)
    assert (proposal.diff, proposal.failed) == ("", True)
    assert proposal.text().startswith("nothing is proposed")
    assert any("1 of 1 faults found" in line for line in proposal.proof)
    assert any("0 of 1 faults found" in line for line in proposal.proof)


def test_what_is_held_out_is_a_quarter_of_each_device_however_its_rows_are_ordered() -> None:
    held = HeldOut({"a": 80, "b": 40})
    taken = [held.take(device_id, float(place)) for device_id, count in held.rows.items() for place in range(count)]
    assert [place for place, out in enumerate(taken[:80]) if out] == [*range(30, 40), *range(70, 80)]
    assert sum(taken[80:]) == 10
    assert held.times["b"] == [[15.0, 19.0], [35.0, 39.0]]


def test_rows_that_are_refused_do_not_move_the_parts_that_are_held_out() -> None:
    held = HeldOut({"a": 80})
    taken: list[bool] = []
    for place in range(80):
        if place % 4:
            held.pass_over("a")
        else:
            taken.append(held.take("a", float(place)))
    assert [4 * place for place, out in enumerate(taken) if out] == [32, 36, 72, 76]


def test_rows_without_a_value_are_told_to_whoever_looks_on(tmp_path: Path, plant_file: Path) -> None:
    class Onlooker(Observer):
        def __init__(self) -> None:
            self.told: list[str] = []

        def take(self, device: Device, at: float, values: dict[str, float]) -> None:
            self.told.append("taken")

        def pass_over(self, device_id: str) -> None:
            self.told.append(device_id)

    rows = [f"{iso(START + 5 * place)},{value}" for place, value in enumerate((1, "", 2))]
    path = tmp_path / "pump-01.csv"
    path.write_text("\n".join(["timestamp,temperature", *rows, rows[-1], ""]))
    onlooker = Onlooker()
    watch(path, load(plant_file).plant, onlooker)
    assert onlooker.told == ["taken", "pump-01", "taken", "pump-01"]


def test_alarms_of_a_device_at_once_are_one_time_of_false_alarm_and_those_that_nobody_judged_are_none() -> None:
    held, hour = HeldOut({"a": 8}), 3_600.0
    for place in range(8):
        held.take("a", place * hour)
    held.times["a"] = [[0.0, 10 * hour]]
    raised = [(0, 2), (1, 3), (4, 5), (6, 7)]
    report = Report(Path("x.csv"), "works", unlabelled=[Episode("a", "", 4 * hour, 5 * hour)])
    report.alarms = [
        replace(an_alarm(number, "a"), raised_at=begin * hour, cleared_at=end * hour)
        for number, (begin, end) in enumerate(raised)
    ]
    report.episodes = [Episode("a", "jam", 6 * hour, 7 * hour)]
    assert held.outcome(report) == HeldOutAlarms(faults=1, found=1, false=2, alarm_hours=3.0)


@pytest.mark.parametrize("worse", [(2, 1, 3, 1.0), (2, 2, 4, 1.0), (2, 2, 3, 1.5)])
def test_a_proposal_is_worse_by_any_of_three_figures(worse: tuple[int, int, int, float]) -> None:
    before = HeldOutAlarms(2, 2, 3, 1.0)
    assert HeldOutAlarms(*worse).is_worse_than(before)
    assert not before.is_worse_than(before)


def test_a_sample_takes_the_same_memory_for_ten_times_as_many_values_and_is_drawn_evenly() -> None:
    sample = Sample()
    for value in range(10 * KEPT):
        sample.add(float(value))
    values = sample.values()
    assert (sample.count, len(values)) == (10 * KEPT, KEPT)
    for share in (0.001, 0.25, 0.5, 0.999):
        assert np.quantile(values, share) == pytest.approx(share * 10 * KEPT, abs=0.01 * 10 * KEPT)
    few = Sample()
    for each in (3.0, 1.0, 2.0):
        few.add(each)
    assert few.values().tolist() == [3.0, 1.0, 2.0]


def test_the_limits_of_a_device_that_overrides_its_kind_are_changed_where_they_are_written(tuned) -> None:
    values = np.random.default_rng(1).normal(50, 1, 3_000).round(2).tolist()
    devices = "      pump-01: {kind: pump, sensors: {flow: {normal: [49, 51]}}}\n      pump-02: pump"
    _, before, after = tuned("      flow: {unit: bar, normal: [49.5, 50.5], deadband: 30}", values, devices)
    assert after.devices["pump-01"].sensors["flow"].normal.high > 52
    assert after.devices["pump-02"].sensors["flow"].normal == before.devices["pump-02"].sensors["flow"].normal


def test_other_settings_of_a_detector_stay_when_its_threshold_is_raised(tuned) -> None:
    values = np.random.default_rng(1).standard_t(2, 3_000).round(2).tolist()
    sensor = "      flow: {unit: bar, normal: [-900, 900], deadband: 300, detector: {window: 40, threshold: 3}}"
    _, _, after = tuned(sensor, values)
    detector = after.devices["pump-01"].sensors["flow"].detector
    assert detector.window == 40
    assert detector.threshold > 3


limit = st.one_of(st.none(), st.floats(-60, 160).map(lambda value: round(value, 2)))


@given(
    normal=st.tuples(limit, limit), alarm=st.tuples(limit, limit), trip=st.tuples(limit, limit), seed=st.integers(0, 99)
)
@example(normal=(None, None), alarm=(None, None), trip=(0.0, 1.0), seed=0)
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_h15_no_limit_is_moved_inward_whatever_it_is(tuned, normal, alarm, trip, seed) -> None:
    parts = []
    low, high = -1e9, 1e9
    for name, (first, second) in (("trip", trip), ("alarm", alarm), ("normal", normal)):
        pair = [value for value in (first, second) if value is not None and low < value < high]
        if len(pair) == 2 and pair[0] != pair[1]:
            low, high = sorted(pair)
            parts.append(f"{name}: [{low}, {high}]")
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.uniform(0, 100), rng.uniform(0.01, 20), 2_100).round(3).tolist()
    _, before, after = tuned(f"      flow: {{{', '.join(['unit: bar', *parts])}}}", values)
    olds, news = bounds(before), bounds(after)
    assert not {key: (old, news[key]) for key, old in olds.items() if moved_inward(key[2], old, news[key])}
    old, new = (plant.devices["pump-01"].sensors["flow"] for plant in (before, after))
    assert (new.deadband or 0) >= (old.deadband or 0)
    assert new.detector.threshold >= old.detector.threshold


def test_a_period_too_short_proposes_nothing(plant_file: Path, tmp_path: Path) -> None:
    write_file(healthy_hours(1), tmp_path / "day.csv")
    with pytest.raises(RecordingError, match="too few values"):
        tune(tmp_path / "day.csv", plant_file)


def test_a_value_is_changed_and_everything_else_stays_as_it_was(tmp_path: Path) -> None:
    text = YamlText(PLANT)
    where = ("kinds", "pump", "sensors", "temperature")
    assert text.put(where, "normal", "[60, 90]")
    assert text.put(where, "deadband", "3")
    assert text.put(("kinds", "pump", "sensors", "pressure"), "deadband", "1")
    assert not text.put(("kinds", "fan", "sensors", "pressure"), "deadband", "1")
    before, after = set(PLANT.splitlines()), set(text.text.splitlines())
    assert before - after == {"        normal: [0, 10]       # a guess", "      pressure: {unit: PSI}"}
    assert after - before == {
        "        normal: [60, 90]       # a guess", "        deadband: 3", "      pressure: {unit: PSI, deadband: 1}",
    }  # fmt: skip
    path = tmp_path / "changed.yaml"
    path.write_text(text.text.replace("{high: 70}", "{high: 95}"), encoding="utf-8")
    sensor = load(path).plant.devices["pump-01"].sensors["temperature"]
    assert (sensor.normal, sensor.deadband) == (Limits(60, 90), 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 1  # one\n  c: 2\n", "a:\n  b: 1  # one\n  d: 4\n  c: 2\n"),
        ("a:\n  b:\n    x: 1\n  c: 2", "a:\n  d: 4\n  b:\n    x: 1\n  c: 2"),
        ("a:\n  b: 1", "a:\n  b: 1\n  d: 4"),
        ("a: {b: 1}  # one\n", "a: {b: 1, d: 4}  # one\n"),
        ("a: {\n  b: 1\n}\n", "a: {\n  b: 1, d: 4\n}\n"),
        ("a:\n  d: 3  # three\n", "a:\n  d: 4  # three\n"),
        ("a:\n  d: [1,\n    2]\n", None),
        ("a:\n  d: &x 3\n", None),
        ("a:\n", None),
        ("a: 1\n", None),
    ],
)
def test_a_key_is_put_into_a_mapping_of_either_style(text: str, expected: str | None) -> None:
    yaml = YamlText(text)
    assert yaml.put(("a",), "d", "4") is (expected is not None)
    assert yaml.text == (text if expected is None else expected)
