import csv
import math

import numpy as np
import pytest

from aegisflow.domain.equipment import Limits
from aegisflow.errors import BadValueError, RecordingError
from aegisflow.offline.backtest import backtest
from aegisflow.offline.backtest.labels import Labels
from aegisflow.offline.recordings.options import ReadingOptions
from aegisflow.offline.recordings.timeform import TimeForm
from aegisflow.offline.recordings.timestamps import TimeReader
from simulator.dataset import write_file
from simulator.faults import HOUR, Fault
from simulator.scenario import Scenario
from tests.support.recordings import START, iso, noise, plant_of, recorded


@pytest.fixture
def run(tmp_path):
    """Backtest a text; give the report, the alarms and the scores as rows."""

    def run(text, plant=None, name="recorded.csv", data=None):
        path = tmp_path / name
        path.write_bytes(text.encode() if data is None else data)
        report = backtest(path, plant=plant, alarms=tmp_path / "alarms.csv", scores=tmp_path / "scores.csv")
        return report, read(tmp_path / "alarms.csv"), read(tmp_path / "scores.csv")

    return run


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


JUMP = [*noise(200), *(value + 50 for value in noise(100, 2)), *noise(300, 3)]


def test_a_jump_becomes_one_alarm_with_all_columns(run):
    report, alarms, scores = run(recorded(JUMP))
    assert list(alarms[0]) == [
        "device_id", "type", "final_type", "severity", "sensors", "detector", "raised_at", "cleared_at",
        "onset_at", "peak_at", "peak_score",
    ]  # fmt: skip
    begun, peak, raised = (alarms[0][name] for name in ("onset_at", "peak_at", "raised_at"))
    assert iso(START + 5 * 200) <= begun <= raised
    assert begun <= peak <= alarms[0]["cleared_at"]
    assert float(alarms[0]["peak_score"]) >= max(
        float(row["score"]) for row in scores if begun <= row["timestamp"] <= raised
    )
    assert report.accepted == report.rows == len(scores) == 600
    assert [(alarm["device_id"], alarm["sensors"]) for alarm in alarms] == [("pump-01", "flow")] * len(alarms)
    assert iso(START + 5 * 200) < alarms[0]["raised_at"] < iso(START + 5 * 210)
    assert alarms[0]["raised_at"] < alarms[0]["cleared_at"]
    assert float(scores[200]["score"]) >= 1 > float(scores[100]["score"])


def test_an_alarm_that_is_still_active_has_no_end(run):
    plant = plant_of(flow={"alarm": Limits(high=30)})
    report, alarms, _ = run(recorded(JUMP[:250]), plant)
    assert alarms[-1]["cleared_at"] == ""
    assert "1 still active at the end" in report.text()


def test_a_quiet_recording_has_no_alarm_and_says_so(run):
    report, alarms, _ = run(recorded([10.0] * 300))
    assert alarms == []
    assert "alarms    none" in report.text()


@pytest.mark.parametrize(
    "stamp",
    [
        iso,
        lambda at: iso(at).replace("T", " ").rstrip("Z"),
        lambda at: iso(at).replace("Z", "+00:00"),
        lambda at: iso(at + 7200).replace("Z", "+02:00"),
        lambda at: iso(at).replace("Z", ".000Z"),
        lambda at: iso(at).replace("T", " ").replace("Z", ".000000"),
    ],
)
def test_alarm_times_are_written_as_the_recording_writes_them(run, stamp):
    _, alarms, scores = run(recorded(JUMP, stamp=stamp))
    stamps = [row["timestamp"] for row in scores]
    assert stamps[0] == stamp(START)
    assert alarms[0]["raised_at"] in stamps
    assert alarms[0]["cleared_at"] in stamps


def test_epoch_seconds_are_read_and_alarms_are_iso_8601(run):
    for stamp in (lambda at: f"{at}", lambda at: f"{at}.0", lambda at: f"{at}000"):
        report, alarms, scores = run(recorded(JUMP, stamp=stamp))
        assert report.accepted == 600
        assert scores[0]["timestamp"] == stamp(START)
        assert iso(START + 5 * 200) < alarms[0]["raised_at"] < iso(START + 5 * 210)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_may_be_parted_by_comma_semicolon_or_tab(run, delimiter):
    report, alarms, _ = run(recorded(JUMP, delimiter=delimiter))
    assert report.sensors == ("flow",)
    assert len(alarms) >= 1


def test_a_decimal_comma_is_read_between_semicolons(run):
    text = "timestamp;device_id;flow\n" + "".join(f"{iso(START + i)};a;1{i},5\n" for i in range(5))
    assert run(text)[0].accepted == 5


def test_without_a_device_column_the_file_is_the_device(run):
    text = "datetime;Current;Flow\n" + "".join(f"2026-01-05 00:00:{i:02d};{i};7\n" for i in range(60))
    report, _, scores = run(text, name="valve-1.csv")
    assert report.sensors == ("Current", "Flow")
    assert {row["device_id"] for row in scores} == {"valve-1"}


def test_labels_and_words_are_no_sensors_when_a_plant_is_derived(run):
    text = "timestamp,device_id,flow,Anomaly,changepoint,severity,note,constant,\n"
    text += "".join(f"{iso(START + i)},a,{i},0.0,1,2,word,3,{i}\n" for i in range(5))
    assert run(text)[0].sensors == ("flow", "constant")


def test_with_a_plant_further_columns_are_ignored(run):
    text = "timestamp,note,device_id,flow,other\n" + f"{iso(START)},x,pump-01,1,word\n"
    report, _, _ = run(text, plant_of(flow={}, level={}))
    assert report.accepted == 1
    assert report.sensors == ("flow",)


def test_rows_by_device_or_by_time_give_the_same_alarms(run, tmp_path):
    path = tmp_path / "day.csv"
    faults = (Fault("pressure_leak", "pump-02", HOUR), Fault("electrical_fault", "motor-01", HOUR))
    write_file(Scenario(duration_s=3 * HOUR, faults=faults), path)
    header, *rows = path.read_text().splitlines(keepends=True)
    rows = [row for row in rows if row.split(",")[1] in ("pump-01", "pump-02", "motor-01")]
    by_time = run(header + "".join(rows))
    by_device = run(header + "".join(sorted(rows, key=lambda row: row.split(",")[1])))
    assert by_time[1] == by_device[1] != []
    assert {alarm["device_id"] for alarm in by_time[1]} == {"pump-02", "motor-01"}
    assert by_time[0].accepted == by_device[0].accepted == len(rows)


BAD_ROWS = [
    ("not-a-time,pump-01,1", "bad_timestamp"),
    (",pump-01,1", "bad_timestamp"),
    ("99999999999999999999,pump-01,1", "bad_timestamp"),
    ("9999-12-31T23:59:59Z,pump-01,1", "too_new"),
    (f"{iso(START + 101)},pump-01", "columns"),
    (f"{iso(START + 101)},pump-01,1,2,3", "columns"),
    ("garbage", "columns"),
    ('"open', "columns"),
    (f"{iso(START + 101)},pump-99,1", "unknown_device"),
    (f"{iso(START + 101)},,1", "unknown_device"),
    (f"{iso(START + 101)},pump-01,warm", "wrong_type"),
    (f"{iso(START + 101)},pump-01,inf", "not_a_number"),
    (f"{iso(START + 101)},pump-01,1e999", "not_a_number"),
    (f"{iso(START + 101)},pump-01," + "9" * 400, "not_a_number"),
    (f"{iso(START + 101)},pump-01,1e308", "out_of_span"),
    (f"{iso(START + 101)},pump-01,nan", "no_known_sensor"),
    (f"{iso(START + 101)},pump-01,", "no_known_sensor"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_is_counted_scores_0_and_changes_nothing_after_it(run, row, reason):
    plant = plant_of(flow={})
    lines = recorded(JUMP).splitlines()
    clean = run("\n".join(lines), plant)
    spoiled = run("\n".join([*lines[:21], row, *lines[21:]]), plant)
    report = spoiled[0]
    assert {name: (refused.count, refused.lines) for name, refused in report.refused.items()} == {reason: (1, [22])}
    assert f"1 {reason} (line 22: " in report.text()
    assert float(spoiled[2][20]["score"]) == 0
    assert spoiled[2][:20] + spoiled[2][21:] == clean[2]
    assert spoiled[1] == clean[1]


def test_a_row_that_repeats_another_is_counted_and_changes_nothing(run):
    lines = recorded(JUMP).splitlines()
    clean, doubled = run("\n".join(lines)), run("\n".join([*lines[:21], lines[19], *lines[21:]]))
    assert {name: refused.count for name, refused in doubled[0].refused.items()} == {"duplicate": 1}
    assert doubled[1] == clean[1]


def test_a_missing_value_leaves_the_others_of_its_row(run):
    text = "timestamp,device_id,flow,level\n" + "".join(
        f"{iso(START + i)},a,{'' if i % 2 else i},{'NaN' if i % 3 else i}\n" for i in range(9)
    )
    report, _, scores = run(text)
    assert len(scores) == 9
    assert report.accepted == 6
    assert report.refused["no_known_sensor"].lines == [3, 7, 9]


def test_unsorted_rows_are_counted_and_harm_nobody(run):
    header, *rows = recorded(noise(300)).splitlines()
    shuffled = [rows[i] for i in np.random.default_rng(3).permutation(300)]
    report, alarms, scores = run("\n".join([header, *shuffled]))
    assert report.accepted == 300 == len(scores), "a row is judged wherever it stands"
    assert alarms == []


def test_a_long_silence_ends_a_run_of_breaches(run):
    plant = plant_of(flow={"alarm": Limits(high=30)})
    values = [10, 10, 50, 50, 50, 50, 50]
    assert len(run(recorded(values), plant)[1]) == 1
    lines = recorded(values[:-1]).splitlines()
    assert run("\n".join(lines), plant)[1] == []
    alarms = run("\n".join([*lines, f"{iso(START + 86_400)},pump-01,50"]), plant)[1]
    assert [alarm["type"] for alarm in alarms] == ["sensor_silent"], "the silence itself is one"


def test_a_gap_in_a_recording_without_a_plant_tells_nothing_of_the_device(run):
    lines = recorded(noise(300)).splitlines()
    assert run("\n".join([*lines, f"{iso(START + 86_400)},pump-01,50"]))[1] == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "a header with a column timestamp"),
        (b"timestamp,device_id,name\n2026-01-05T00:00:00Z,a,word\n", "at least one sensor"),
        (b"timestamp,device_id,flow\n", "at least one sensor"),
        (bytes(range(256)) * 40, "at least one sensor"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_what_was_expected(run, tmp_path, data, expected):
    with pytest.raises(RecordingError, match=expected):
        run("", data=data)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recorded.csv"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordingError, match=r"nowhere\.csv: found No such file"):
        backtest(tmp_path / "nowhere.csv", alarms=tmp_path / "alarms.csv")


def test_an_output_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "recorded.csv"
    path.write_text(recorded(noise(30)))
    with pytest.raises(RecordingError, match="expected a place to write to"):
        backtest(path, alarms=path / "alarms.csv")


def test_a_recording_of_another_plant_is_refused(run):
    with pytest.raises(RecordingError, match="a column for one of level, weight"):
        run(recorded([1, 2]), plant_of(level={}, weight={}))


def test_progress_reaches_the_whole(tmp_path):
    path = tmp_path / "recorded.csv"
    path.write_text(recorded(noise(10_000)))
    told = []
    backtest(path, alarms=tmp_path / "alarms.csv", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == 3


def test_the_report_says_what_a_person_asks_first(run):
    report, _, _ = run(recorded(JUMP))
    text = report.text()
    assert "recorded.csv: 600 readings of 1 device, 50 min" in text
    assert "derived from the columns, no limits; sensors flow" in text
    assert "× pump-01  unclassified" in text


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-05T00:00:00Z", START),
        ("2026-01-05 00:00:00", START),
        ("2026-01-05 01:00:00.25+01:00", START + 0.25),
        ("2026-01-05", START),
        ("20260105", START),
        (" 2026-01-05T00:00:00Z ", START),
        ("1767571200", START),
        ("1767571200.5", START + 0.5),
        ("1767571200500", START + 0.5),
    ],
)
def test_a_time_is_read_in_every_usual_form(text, at):
    assert TimeReader().at(text) == at


@pytest.mark.parametrize("text", ["", "now", "nan", "inf", "-5", "2026-13-01", "0001-01-01T00:00:00+23:59:59.5Z"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        TimeReader().at(text)


def test_a_time_is_written_back_with_the_fraction_it_has():
    form = TimeForm.of("2026-01-05 01:00:00+01:00")
    assert form.format(START + 0.25) == "2026-01-05 01:00:00.250+01:00"
    assert form.format(START + 0.000001) == "2026-01-05 01:00:00.000001+01:00"
    assert math.isclose(TimeReader().at(form.format(START + 0.25)), START + 0.25)


def test_a_labelled_recording_gives_the_figures(run):
    plant = plant_of(flow={"alarm": Limits(high=30)})
    labels = [""] * 20 + ["pump_jam"] * 20 + [""] * 60 + ["1"] * 10 + [""] * 60
    values = [10] * 20 + [50] * 20 + [10] * 100 + [50] * 10 + [10] * 20
    header, *rows = recorded(values).splitlines()
    text = "\n".join([f"{header},fault_type", *(f"{row},{label}" for row, label in zip(rows, labels, strict=True))])
    comparison = run(text, plant)[0].comparison
    assert (comparison.faults, comparison.found, comparison.false_alarms) == (2, 1, 1)
    assert (comparison.named, comparison.right_first, comparison.right_final) == (1, 0, 0)
    assert comparison.counts == {"pump_jam": 1, "": 1}
    assert len(comparison.delays["pump_jam"]) == 1
    assert "found 1 of 2 faults (0.500), 1 false alarms" in run(text, plant)[0].text()


def test_a_label_that_joins_two_kinds_is_two_episodes():
    labels = Labels(["timestamp", "Anomaly"])  # type: ignore[arg-type]
    for at, cell in enumerate(["", "a", "a+b", "b", "normal", "a"]):
        labels.take("pump-01", float(at), cell)
    assert [(one.kind, one.start, one.end) for one in labels.episodes] == [("a", 1, 2), ("b", 2, 3), ("a", 5, 5)]


def test_a_person_says_how_far_a_recording_is_healthy(tmp_path):
    path = tmp_path / "jump.csv"
    # Not so far outside that it is told in any case.
    path.write_text(recorded([*noise(500), *(value + 12 for value in noise(200, 2)), *noise(200, 3)]))
    assert len(backtest(path).alarms) == 1
    for said in ("700", iso(START + 5 * 700)):
        assert backtest(path, options=ReadingOptions(healthy_until=said)).alarms == []
    for nonsense in ("12", "soon", "-5"):
        with pytest.raises(BadValueError, match="at least 60 readings, or an ISO 8601 time"):
            ReadingOptions(healthy_until=nonsense)
