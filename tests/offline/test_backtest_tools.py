"""Pictures and explanations on top of a backtest."""

from pathlib import Path

import pytest

from aegisflow.domain.equipment import Limits
from aegisflow.errors import UnknownNameError
from aegisflow.offline.backtest import backtest
from aegisflow.offline.backtest.explain import explain
from aegisflow.offline.backtest.traces import MAX_BUCKETS, Trace
from tests.support.recordings import noise, plant_of, recorded


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
    assert "alarm.on_delay: 10min instead of 15s" in text
    assert "alarm.on_delay: 30s instead" not in text, "that would not have prevented it"
    assert "sensors.flow.deadband" not in text, "a limit knows no deadband"
    with pytest.raises(UnknownNameError, match=first.alarm_id):
        explain(jam, plant, known, "pump-01@never")


@pytest.mark.parametrize("level", [0.0, 5.0, -3e6])
def test_g6_a_sensor_that_stood_still_is_said_to_have_never_moved_before(level: float, tmp_path: Path) -> None:
    path = tmp_path / "pump-01.csv"
    values = [level] * 600 + [level + 2.5 * max(1.0, abs(level))] * 13
    rows = zip(recorded(values, header="timestamp,device,flow").splitlines()[1:], noise(len(values)), strict=True)
    path.write_text("timestamp,device,flow,other\n" + "".join(f"{row},{other}\n" for row, other in rows), "utf-8")
    plant = plant_of(flow={"alarm": Limits(high=level + max(1.0, abs(level)))}, other={})
    (alarm,) = backtest(path, plant=plant).alarms
    text = explain(path, plant, {alarm.alarm_id: alarm}, alarm.alarm_id)
    assert f"never moved before from {level:.4g}" in text
    assert max(map(len, text.splitlines())) < 200


def test_a_picture_is_written_for_each_device(jam: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plant = plant_of(flow={"alarm": Limits(high=30)})
    report = backtest(jam, plant=plant, alarms=tmp_path / "alarms.csv", pictures=tmp_path / "pictures")
    (picture,) = report.pictures
    assert picture.name == "pump-01.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "1 in" in report.text()


def test_more_than_twelve_sensors_are_several_pages(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    names = [f"s{number}" for number in range(14)]
    rows = [",".join([line.split(",")[0], "pump-01", *(f"{value}" for _ in names)]) for line, value in
            zip(recorded(noise(40)).splitlines()[1:], noise(40), strict=True)]  # fmt: skip
    path = tmp_path / "recorded.csv"
    path.write_text("\n".join([f"timestamp,device,{','.join(names)}", *rows]), encoding="utf-8")
    report = backtest(path, pictures=tmp_path / "pictures")
    assert [picture.name for picture in report.pictures] == ["pump-01.png", "pump-01-2.png"]


def test_a_trace_stays_small_and_keeps_every_peak() -> None:
    trace = Trace()
    for number in range(10 * MAX_BUCKETS):
        trace.take(float(number), {"flow": 900.0 if number == 17 else 1.0}, {"flow": 1.0})
    series = trace.sensors["flow"]
    assert len(series.at) <= MAX_BUCKETS
    assert (max(series.high), min(series.low), sum(series.count)) == (900.0, 1.0, 10 * MAX_BUCKETS)
