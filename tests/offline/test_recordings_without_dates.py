"""Files whose times name no day, or that have none: what is counted from the start, and what has to be said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegisflow.errors import BadValueError, RecordingError
from aegisflow.offline.backtest import Report, backtest
from aegisflow.offline.recordings.options import ReadingOptions
from aegisflow.offline.recordings.recording import Recording

DAY_S = 86_400
FORMS = {"%H:%M:%S": 1, "%H:%M": 60}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Report]:
    """Backtest a text."""

    def run(text: str, **options: Any) -> Report:
        path = tmp_path / "pump.csv"
        path.write_text(text)
        return backtest(path, options=ReadingOptions(**options))

    return run


def times_of(path: Path, text: str, **options: Any) -> list[tuple[str, float]]:
    path.write_text(text)
    recording = Recording(path, ReadingOptions(**options))
    return [
        (device_id, recording.times.at(recording.time_text(cells), device_id))
        for _, cells in recording.lines()
        for device_id in [recording.device_of(cells)]
    ]


@pytest.mark.parametrize(
    ("name", "count_s"),
    [
        ("time_s", 1.0), ("Time [s]", 1.0), ("Elapsed (min)", 60.0), ("elapsed_hours", 3_600.0), ("t_ms", 0.001),
        ("seconds", 1.0), ("timestamp_(min)", 60.0), ("Time since start / h", 3_600.0), ("test time (days)", 86_400.0),
    ],
)  # fmt: skip
def test_g1_a_column_whose_name_says_what_it_counts_is_the_time_from_the_start(
    tmp_path: Path, name: str, count_s: float
) -> None:
    counts = [0.0, 0.5, 1.0, 1.5, 40.0]
    text = f"{name},flow\n" + "".join(f"{count},{place}.5\n" for place, count in enumerate(counts))
    found = [at for _, at in times_of(tmp_path / "a.csv", text)]
    assert found == pytest.approx([count * count_s for count in counts])


@pytest.mark.parametrize("name", ["flow_s", "pressure [h]", "time constant s", "operating_hours", "s", "min"])
def test_a_sensor_with_such_a_unit_is_no_time(run, tmp_path: Path, name: str) -> None:
    text = f"{name},flow\n" + "".join(f"{place},{place}.5\n" for place in range(20))
    with pytest.raises(RecordingError, match="--interval where there are no times"):
        times_of(tmp_path / "a.csv", text)
    assert any("rows count as 1 s apart" in guess for guess in run(text).guesses)


def test_a_column_of_counts_that_go_back_is_no_time(run, tmp_path: Path) -> None:
    text = "time_s,flow\n" + "".join(f"{place % 7},{place}.5\n" for place in range(20))
    with pytest.raises(RecordingError, match=r"as a time|--interval"):
        times_of(tmp_path / "a.csv", text)
    assert any("rows count as 1 s apart" in guess for guess in run(text).guesses)


@given(
    start=st.integers(0, DAY_S - 1),
    steps=st.lists(st.integers(1, 11 * 3_600), min_size=2, max_size=40),
    form=st.sampled_from(sorted(FORMS)),
    backwards=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_g1_times_of_day_go_on_over_midnight(
    tmp_path: Path, start: int, steps: list[int], form: str, backwards: bool
) -> None:
    grain = FORMS[form]
    moments = [start // grain * grain]
    for step in steps:
        moments.append(moments[-1] + max(grain, step // grain * grain))
    cells = [f"{moment % DAY_S // 3_600:02d}:{moment // 60 % 60:02d}:{moment % 60:02d}"[: 2 + 3 * form.count(":")]
             for moment in moments]  # fmt: skip
    rows = [f"{cell},{place}.5" for place, cell in enumerate(cells)]
    text = "\n".join(["Uhrzeit,flow", *(reversed(rows) if backwards else rows)]) + "\n"
    found = [at for _, at in times_of(tmp_path / "a.csv", text, newest_first=backwards, oldest_first=not backwards)]
    assert found == moments


def test_each_device_passes_midnight_by_itself(tmp_path: Path) -> None:
    text = "time,device,flow\n23:59:58,a,1\n23:59:59,b,1\n00:00:03,a,1\n23:59:59.500,b,1\n00:00:04,b,1\n"
    ends = DAY_S
    assert times_of(tmp_path / "a.csv", text) == [
        ("a", ends - 2), ("b", ends - 1), ("a", ends + 3), ("b", ends - 0.5), ("b", ends + 4),
    ]  # fmt: skip


def test_a_time_of_day_that_came_late_belongs_to_the_day_before(tmp_path: Path) -> None:
    text = "time,flow\n23:59:58,1\n00:00:03,2\n23:59:59,3\n00:00:08,4\n"
    found = [at for _, at in times_of(tmp_path / "a.csv", text)]
    assert found == [DAY_S - 2, DAY_S + 3, DAY_S - 1, DAY_S + 8]


def test_a_file_without_times_is_taken_once_somebody_says_how_far_apart_its_rows_are(run, tmp_path: Path) -> None:
    text = "flow,level\n" + "".join(f"{place % 5}.5,{place}\n" for place in range(30))
    with pytest.raises(RecordingError, match="--interval where there are no times"):
        times_of(tmp_path / "b.csv", text)
    report = run(text, interval="15min")
    assert (report.accepted, report.first_at, report.last_at) == (30, 0.0, 29 * 900.0)
    assert report.sensors == ("flow", "level")
    assert [at for _, at in times_of(tmp_path / "b.csv", text, interval="500ms")] == [
        place * 0.5 for place in range(30)
    ]


@pytest.mark.parametrize("interval", ["0s", "often", "", "-5s"])
def test_an_interval_that_is_none_is_refused(interval: str) -> None:
    with pytest.raises(BadValueError, match="--interval"):
        ReadingOptions(interval=interval)
    with pytest.raises(BadValueError, match="beside --time-column"):
        ReadingOptions(interval="5s", time_column=("at",))


def test_a_file_without_names_is_taken_once_somebody_says_so(run, tmp_path: Path) -> None:
    text = "".join(f"2026-03-05T08:00:{s:02d}Z,{s}.5,{s % 3}.25\n" for s in range(40))
    with pytest.raises(RecordingError, match="--header-line 0 where no line names the columns"):
        times_of(tmp_path / "a.csv", text)
    report = run(text, header_line=0)
    assert (report.accepted, report.sensors) == (40, ("column_2", "column_3"))


def test_numbers_parted_by_blanks_are_columns_however_many_blanks_there_are(run) -> None:
    body = "".join(f"  {s / 7:.7e}   {s % 3 - 1:.7e}\n" for s in range(40))
    report = run(body, header_line=0, interval="1s")
    assert (report.accepted, report.sensors) == (40, ("column_1", "column_2"))
    report = run(" flow  level\n" + body, interval="1s")
    assert (report.accepted, report.sensors) == (40, ("flow", "level"))


@pytest.mark.parametrize("tag", ["sensor", "Tag Name", "metric", "colour"])
def test_values_of_several_sensors_in_one_column_are_never_one_series(run, tag: str) -> None:
    lines = [
        f"2026-03-05T08:{s // 60:02d}:{s % 60:02d}Z,{device},{name},{level + s % 5 / 10}"
        for s in range(90)
        for device in ("m1", "m2")
        for name, level in (("flow", 5.0), ("heat", 80.0))
    ]
    report = run("\n".join([f"time,device,{tag},value", *lines]))
    assert (report.accepted, report.devices, report.alarms) == (360, 4, [])
    assert f"each {tag} counts as a device of its own" in report.text()
