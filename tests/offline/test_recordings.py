"""Files of recorded readings as people's systems write them: what is read, what is told, what is refused."""

import gzip
import re
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aegisflow.domain.equipment import Limits, PlantSpec
from aegisflow.domain.times import parse_instant
from aegisflow.errors import BadValueError, RecordingError
from aegisflow.offline.backtest import Report, backtest
from aegisflow.offline.backtest.report import NothingReadError
from aegisflow.offline.recordings.options import ReadingOptions
from aegisflow.offline.recordings.recording import Recording
from tests.support.recordings import START, iso, plant_of


class Read(NamedTuple):
    """A recording as it was read."""

    times: list[float]
    values: dict[str, list[float | None]]
    recording: Recording

    def told(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in (*self.recording.guesses, *self.recording.hints))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    """Read a text as a recording; None stands for a value that is absent or bad."""

    def read(text: str | bytes, name: str = "pump.csv", **options: Any) -> Read:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        recording = Recording(path, ReadingOptions(**options))
        times: list[float] = []
        values: dict[str, list[float | None]] = {name: [] for name in recording.columns}
        for _, cells in recording.lines():
            times.append(recording.times.at(recording.time_text(cells), recording.device_of(cells)))
            for column in recording.columns.values():
                values[column.name].append(number(column.converter(), cells[column.place]))
        return Read(times, values, recording)

    return read


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Report]:
    """Backtest a text."""

    def run(text: str | bytes, name: str = "pump.csv", plant: PlantSpec | None = None, **options: Any) -> Report:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return backtest(path, plant=plant, alarms=tmp_path / "alarms.csv", options=ReadingOptions(**options))

    return run


def number(convert: Callable[[str], float], cell: str) -> float | None:
    try:
        value = convert(cell)
    except ValueError:
        return None
    return None if isnan(value) else value


def rows(*stamps: str, header: str = "timestamp,flow") -> str:
    return "\n".join([header, *(f"{stamp},{place + 1}.5" for place, stamp in enumerate(stamps))]) + "\n"


def at(text: str) -> float:
    return parse_instant(text)


ONE_INSTANT = [
    "2026-02-01T10:00:00Z", "2026-02-01 10:00:00", "2026-02-01 11:00:00+01:00", "2026-02-01T10:00:00.000000000Z",
    "20260201T100000Z", "2026/02/01 10:00", "2026.02.01 10:00:00", "2026:02:01 10:00:00.000", "2026-02-01-10.00.00",
    "01.02.2026 10:00:00", "1.2.2026 10:00", "01.02.26 10:00", "01-Feb-2026 10:00:00", "Feb 1, 2026 10:00 AM",
    "February 1 2026 10:00:00 am", "1 February 2026 10:00", "01FEB2026:10:00:00", "01/Feb/2026:10:00:00 +0000",
    "Sun Feb  1 10:00:00 2026", "Sun, 01 Feb 2026 10:00:00 GMT", "Sun Feb 01 2026 11:00:00 GMT+0100 (CET)",
    "1. Februar 2026 10:00", "01 févr. 2026 10:00", "2026-02-01T11:00+01:00[Europe/Berlin]", "2026-02-01 11:00 CET",
    "2026-02-01 10:00:00 UTC", "2026_02_01_10_00_00", "1769940000", "1769940000.0", "1769940000000",
    "1769940000000000", "1769940000000000000", "20260201100000", "202602011000", "2026020110", "2026-02-01T10",
    "2026-02-01 10:00:00,000",
]  # fmt: skip


@pytest.mark.parametrize("stamp", ONE_INSTANT)
def test_g1_an_instant_is_read_in_whichever_form_it_is_written(read, stamp: str) -> None:
    separator = ";" if "," in stamp else ","
    assert read(f"timestamp{separator}flow\n{stamp}{separator}1.5\n").times == [at("2026-02-01T10:00:00Z")]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("04/07/16 00", "2016-07-04T00:00:00Z"),
        ("4/07/2016 1:05:00 PM", "2016-07-04T13:05:00Z"),
        ("04/07/2016 12:00 a.m.", "2016-07-04T00:00:00Z"),
        ("04-07-2016 24:00", "2016-07-05T00:00:00Z"),
        ("04/07/99", "1999-07-04T00:00:00Z"),
    ],
)
def test_a_date_in_digits_is_read_as_a_person_says(read, text: str, instant: str) -> None:
    assert read(rows(text), day_first=True).times == [at(instant)]
    with pytest.raises(RecordingError, match="--day-first or --month-first"):
        read(rows(text))


def test_month_first_is_the_other_one(read) -> None:
    assert read(rows("04/07/2016"), month_first=True).times == [at("2016-04-07T00:00:00Z")]


def test_a_day_beyond_the_12th_anywhere_in_the_file_says_which_field_it_is(read) -> None:
    stamps = [f"{day:02d}/03/2026 10:00" for day in range(1, 14)]
    found = read(rows(*stamps))
    assert found.times == [at(f"2026-03-{day:02d}T10:00:00Z") for day in range(1, 14)]
    assert found.told(r"day first: 13/03/2026 in line 14 can mean nothing else \(--month-first\)")
    turned = read(rows(*(f"03/{day:02d}/2026 10:00" for day in range(1, 14))))
    assert turned.times == found.times
    assert turned.told(r"month first: 03/13/2026 .*\(--day-first\)")


def test_days_that_follow_each_other_say_which_field_they_are(read) -> None:
    stamps = [f"0{day}/03/26 {hour:02d}:00" for day in (1, 2, 3) for hour in range(24)]
    found = read(rows(*stamps))
    assert found.times == [at("2026-03-01T00:00:00Z") + 3600 * hour for hour in range(72)]
    assert found.told("day first: only so do its days follow each other")


def test_a_reading_a_month_and_one_a_day_cannot_be_told_apart(read) -> None:
    with pytest.raises(RecordingError, match="2026-02-01 or 2026-01-02, expected --day-first or --month-first"):
        read(rows(*(f"01/{month:02d}/2026" for month in range(2, 6))))


def test_dates_that_contradict_each_other_are_refused(read) -> None:
    with pytest.raises(RecordingError, match=r"both .* line 2 .* line 3|both .* line 3 .* line 2"):
        read(rows("13/02/2026", "02/13/2026"))


def test_one_garbled_date_does_not_decide_for_a_whole_file(run) -> None:
    stamps = [f"{day:02d}/03/2026 {hour:02d}:00" for day in range(1, 29) for hour in range(0, 24, 4)]
    stamps[50] = "99/99/2026 00:00"
    report = run(rows(*stamps))
    assert report.accepted == len(stamps) - 1
    assert report.refused["bad_timestamp"].lines == [52]


def test_dates_with_dots_have_the_day_first_as_everywhere(read) -> None:
    found = read("timestamp;a\n01.02.2026 10:00:00;1,5\n01.02.2026 10:00:05;2,5\n")
    assert found.times == [at("2026-02-01T10:00:00Z"), at("2026-02-01T10:00:05Z")]
    assert found.values == {"a": [1.5, 2.5]}
    assert found.told("dots")
    assert found.told(r"decimal commas: a \(--decimal \.\)")


@pytest.mark.parametrize("header", ["Date,Time,flow", "Time,Date,flow", "flow,Datum,Uhrzeit", "DATE,TIME OF DAY,flow"])
def test_g1_date_and_time_in_two_columns_are_one_timestamp(read, header: str) -> None:
    cells = {"date": "10/03/2004", "datum": "10/03/2004", "time": "18.00.00", "uhrzeit": "18.00.00"}
    line = ",".join(cells.get(name.split()[0].lower(), "1.5") for name in header.split(","))
    line = line.replace("10/03/2004", "{day}/03/2004")
    found = read("\n".join([header, *(line.format(day=day) for day in range(10, 14))]))
    assert found.times == [at(f"2004-03-{day}T18:00:00Z") for day in range(10, 14)]
    assert found.values == {"flow": [1.5] * 4}
    assert found.told("times in two columns")


def test_two_columns_of_times_may_be_named(read) -> None:
    text = "Tag_,Stunde,flow\n13.03.2026,10:00,1\n13.03.2026,10:05,2\n"
    assert read(text, time_column=("Tag_", "stunde")).times == [at("2026-03-13T10:00:00Z"), at("2026-03-13T10:05:00Z")]
    with pytest.raises(RecordingError, match="one of Tag_, Stunde, flow"):
        read(text, time_column=("Day",))


def test_a_format_of_times_may_be_said(read) -> None:
    found = read(rows("59+10h 2026~2~1"), time_format="%M+%Hh %Y~%m~%d")
    assert found.times == [at("2026-02-01T10:59:00Z")]
    assert read(rows("0.0", "0.1"), time_format="s").times == [0.0, 0.1]
    assert read(rows("46054.5"), time_format="excel").times == [at("2026-02-01T12:00:00Z")]
    assert read(rows("260302000500"), time_format="%y%m%d%H%M%S").times == [at("2026-03-02T00:05:00Z")]


@pytest.mark.parametrize(
    "option",
    [
        {"time_format": "%Q"}, {"time_format": ""}, {"timezone": "Europe/Nowhere"}, {"encoding": "utf-99"},
        {"separator": "ab"}, {"header_line": 99}, {"device_column": "nobody"}, {"label_column": "nobody"},
        {"sensors": ("nobody",)}, {"time_column": ("nobody",)},
    ],
)  # fmt: skip
def test_an_option_that_cannot_be_is_refused_with_what_could(run, option) -> None:
    with pytest.raises(RecordingError, match="expected"):
        run(rows("2026-02-01", "2026-02-02"), **option)


@pytest.mark.parametrize(
    "options",
    [
        {"day_first": True, "month_first": True},
        {"newest_first": True, "oldest_first": True},
        {"time_column": ("a",) * 7},
    ],
)
def test_options_that_contradict_each_other_are_refused(options) -> None:
    with pytest.raises(BadValueError, match="cannot be used"):
        ReadingOptions(**options)


@pytest.mark.parametrize(("first", "second"), [("20260302000500", "20260302001000"), ("202603020005", "202603020010")])
def test_g2_digits_of_a_date_are_no_count_of_milliseconds(read, first: str, second: str) -> None:
    found = read(rows(first, second))
    assert found.times == [at("2026-03-02T00:05:00Z"), at("2026-03-02T00:10:00Z")]
    assert found.told("digits of a date")


@pytest.mark.parametrize("stamp", ["0", "0.5", "12.5", "46054.5", "260302000500", "133500000000000000", "6.38e17"])
def test_a_number_that_could_be_many_things_is_no_time_unless_said(read, stamp: str) -> None:
    with pytest.raises(RecordingError, match="--time-format"):
        read(rows(stamp))


def test_g1_newest_first_is_read_from_the_end_and_scores_stay_in_the_order_of_the_file(run, read, tmp_path) -> None:
    stamps = [f"2026-02-01 10:00:{second:02d}" for second in range(60)]
    text = rows(*reversed(stamps))
    found = read(text)
    assert found.times == sorted(found.times)
    assert found.told(r"newest row first: read from the end \(--oldest-first\)")
    report = run(text)
    assert report.accepted == 60
    backtest(tmp_path / "pump.csv", scores=tmp_path / "scores.csv")
    lines = (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == list(reversed(stamps))
    assert run(text, oldest_first=True).accepted == 60


def test_the_hour_that_comes_twice_is_told_by_its_order(read) -> None:
    walls = [f"2026-10-25 {hour:02d}:{minute:02d}" for hour in (1, 2, 2, 3) for minute in range(0, 60, 10)]
    found = read(rows(*walls), timezone="Europe/Berlin")
    assert found.times == [at("2026-10-24T23:00:00Z") + 600 * step for step in range(24)]
    hourly = read(rows(*(f"2026-10-25 {hour:02d}:00" for hour in (1, 2, 2, 3))), timezone="Europe/Berlin")
    assert hourly.times == [at("2026-10-24T23:00:00Z") + 3600 * step for step in range(4)]
    backwards = read(rows(*reversed(walls)), timezone="Europe/Berlin")
    assert backwards.times == found.times


def test_rows_of_several_devices_keep_their_own_hour(read) -> None:
    walls = [f"2026-10-25 {hour:02d}:{minute:02d}" for hour in (2, 2) for minute in range(0, 60, 20)]
    text = "timestamp,device,flow\n" + "".join(f"{wall},{device},1\n" for wall in walls for device in "ab")
    found = read(text, timezone="Europe/Berlin")
    assert found.times[::2] == found.times[1::2] == [at("2026-10-25T00:00:00Z") + 1200 * step for step in range(6)]


def test_a_second_row_of_one_instant_in_the_hour_that_comes_twice_is_judged_too(run) -> None:
    walls = ["02:00:00", "02:00:05", "02:00:05", "02:00:10"]
    report = run(rows(*(f"2026-10-25 {wall}" for wall in walls)), timezone="Europe/Berlin")
    assert (report.accepted, dict(report.refused)) == (4, {})


def test_an_hour_that_the_clock_skipped_is_refused_with_its_line(run) -> None:
    walls = [f"2026-03-29 {wall}" for wall in ("01:30", "01:45", "02:30", "03:15")]
    report = run(rows(*walls), timezone="Europe/Berlin")
    assert report.accepted == 3
    assert report.refused["bad_timestamp"].lines == [4]
    assert "does not exist in Europe/Berlin" in report.text()


def test_a_zone_that_a_time_says_counts_before_the_one_that_a_person_says(read) -> None:
    found = read(rows("2026-07-01 10:00:00", "2026-07-01 10:00:10+00:00"), timezone="+02:00")
    assert found.times == [at("2026-07-01T08:00:00Z"), at("2026-07-01T10:00:10Z")]
    east = read(rows("2026/07/01 10:00 EST"), timezone="America/New_York")
    assert east.times == [at("2026-07-01T15:00:00Z")]


def test_alarm_times_of_a_local_recording_have_its_offset(read) -> None:
    found = read(rows("2026-07-01 10:00:00"), timezone="Europe/Berlin")
    assert found.recording.time_form.format(found.times[0]) == "2026-07-01T10:00:00+02:00"
    assert read(rows("01.07.2026 10:00:00")).recording.time_form.format(found.times[0]) == "2026-07-01T08:00:00Z"


def values(*cells: str, separator: str = ";") -> str:
    stamps = (f"2026-02-01 10:00:{place:02d}" for place in range(len(cells)))
    return "\n".join([f"timestamp{separator}flow", *(f"{s}{separator}{c}" for s, c in zip(stamps, cells, strict=True))])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1,5", "2,25", "-0,5", "3"), [1.5, 2.25, -0.5, 3.0]),
        (("1.234,5", "12", "1.234.567,8"), [1234.5, 12.0, 1_234_567.8]),
        (("1,234.5", "12", "1,234,567.8"), [1234.5, 12.0, 1_234_567.8]),
        (("1,011", "998", "1,010"), [1011.0, 998.0, 1010.0]),
        (("1,011", "9980", "1,250"), [1.011, 9980.0, 1.25]),
        (("0,125", "1,011"), [0.125, 1.011]),
        (("1.011", "998.2"), [1.011, 998.2]),
        (("1 234,5", "1\u00a0234\u00a0567,8", "12,5"), [1234.5, 1_234_567.8, 12.5]),
        (("1'234.5", "12.5"), [1234.5, 12.5]),
        (("1,5E+03", "2e3", "\u22125,5"), [1500.0, 2000.0, -5.5]),
        (("1,00,000", "12,345.5"), [100_000.0, 12_345.5]),
        (('"1,5"', '"2,5"'), [1.5, 2.5]),
        (("1,5", "2.5", "3"), [1.5, 2.5, 3.0]),
        (("1.011.500", "998"), [1_011_500.0, 998.0]),
    ],
)
def test_marks_in_numbers_are_understood_from_the_whole_column(read, cells, expected) -> None:
    assert read(values(*cells)).values == {"flow": expected}


@pytest.mark.parametrize("cells", [('"998"', '"1,011"'), ('"1,013"', '"1,017"')])
def test_g3_a_column_that_may_have_decimals_or_thousands_is_refused_until_it_is_said(read, cells) -> None:
    text = values(*cells, separator=",")
    with pytest.raises(
        RecordingError, match=r"decimals or groups of three digits, expected --decimal \. or --decimal ,"
    ):
        read(text)
    numbers = [float(cell.strip('"').replace(",", "")) for cell in cells]
    assert read(text, decimal=".").values == {"flow": numbers}
    small = [float(cell.strip('"').replace(",", ".")) for cell in cells]
    assert read(text, decimal=",").values == {"flow": small}


def test_other_columns_are_read_beside_one_that_is_ambiguous(run) -> None:
    text = 'timestamp,flow,level\n2026-02-01,"998",1.5\n2026-02-02,"1,011",x\n'.replace("level", "level_")
    report = run(text.replace(",x", ",7").replace("1.5", "1"))
    assert report.sensors == ("level_",)
    assert "column flow: '1,011' may have decimals or groups of three digits: not judged (--decimal" in report.text()


def test_g3_another_column_tells_what_marks_mean(read) -> None:
    text = 'timestamp,flow,level\n2026-02-01,"998","1.5"\n2026-02-02,"1,011","2.5"\n'
    assert read(text).values == {"flow": [998.0, 1011.0], "level": [1.5, 2.5]}


@pytest.mark.parametrize("word", ["Bad Input", "?", "#VALUE!", "ON", "1.2.3", "--5"])
def test_a_word_in_place_of_a_value_is_bad_and_the_others_are_judged(run, word: str) -> None:
    lines = [f"2026-02-01 10:00:{second:02d},{1.5 if second < 20 else word},{second}.5" for second in range(60)]
    report = run("\n".join(["timestamp,pressure,flow", *lines]))
    assert report.accepted == 60
    assert report.sensors == ("pressure", "flow")
    bad = report.bad["pressure", "wrong_type"]
    assert (bad.count, bad.lines) == (40, [22, 23, 24])
    assert f"40 values of pressure: wrong_type (lines 22, 23, 24, …: pressure is {word!r})" in report.text()


@pytest.mark.parametrize("word", ["", "nan", "NaN", "NULL", "N/A", "None", "-", "  "])
def test_a_value_that_is_absent_is_not_a_bad_one(run, word: str) -> None:
    lines = [f"2026-02-01 10:00:{second:02d},{word if second % 2 else 1.5},{second}.5" for second in range(60)]
    report = run("\n".join(["timestamp,pressure,flow", *lines]))
    assert (report.accepted, report.bad, report.refused) == (60, {}, {})


def test_a_row_in_which_everything_is_bad_is_refused_for_its_first_reason(run) -> None:
    text = "timestamp,pressure,flow\n2026-02-01,1,2\n2026-02-02,Bad,inf\n2026-02-03,3,4\n"
    report = run(text)
    assert (report.accepted, report.refused["wrong_type"].lines) == (2, [3])


def test_a_marker_that_stands_far_outside_again_and_again_is_no_value(run, read) -> None:
    lines = [
        f"2026-02-01 {i // 60:02d}:{i % 60:02d},{-200 if i % 9 == 4 else 10 + i % 50 / 10},{i % 70}" for i in range(300)
    ]
    text = "\n".join(["timestamp,co,nox", *lines])
    found = read(text)
    assert found.values["co"].count(None) == 33
    assert found.told(r"-200 stands for no value: co \(--missing none\)")
    assert read(text, missing=("none",)).values["co"].count(-200.0) == 33
    assert read(text, missing=("0",)).values["nox"].count(None) == 5
    report = run(text, "pump-01.csv", plant_of(co={}, nox={}))
    assert "hint      -200 repeats far outside in co: no value? (--missing=-200)" in report.text()


def test_a_coarse_measurement_can_have_a_marker_and_a_state_cannot(read) -> None:
    stamps = [f"2026-02-01 10:{i:02d}" for i in range(60)]
    coarse = [-999 if i % 9 == 4 else 70 + i % 12 for i in range(60)]
    states = [-99 if i % 9 == 4 else i % 3 for i in range(60)]
    rows_ = [f"{stamp},{a},{b}" for stamp, a, b in zip(stamps, coarse, states, strict=True)]
    found = read("\n".join(["timestamp,level,mode", *rows_]))
    assert (found.values["level"].count(None), found.values["mode"].count(None)) == (7, 0)


def test_a_state_of_rest_is_no_marker(read) -> None:
    text = "\n".join(["timestamp,flow", *(f"2026-02-01 10:{i:02d},{0 if i % 3 else 90 + i / 10}" for i in range(60))])
    assert read(text).values["flow"].count(None) == 0


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(), lambda text: text.encode("utf-8-sig"), lambda text: text.encode("latin-1"),
        lambda text: text.encode("utf-16"), lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"), lambda text: text.replace("\n", "\r").encode(),
        lambda text: gzip.compress(text.encode()), lambda text: gzip.compress(text.encode("utf-16")),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
)  # fmt: skip
def test_text_is_read_in_whichever_encoding_and_packed_or_not(read, encode) -> None:
    text = "timestamp,Wärme (°C)\n" + "".join(f"2026-02-01 10:00:{s:02d},{s}.5\n" for s in range(30))
    found = read(encode(text), "pump.csv.gz")
    assert found.values == {"Wärme": [s + 0.5 for s in range(30)]}
    assert found.recording.columns["Wärme"].unit == "°C"
    assert found.recording.one_device == "pump"


def test_one_stray_byte_leaves_utf_8_what_it_is(read) -> None:
    text = "timestamp,Wärme,Kälte\n2026-02-01,1,2\n".encode() + b"2026-02-02,1,\xff\n2026-02-03,1,2\n"
    assert list(read(text).values) == ["Wärme", "Kälte"]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"PK\x03\x04" + bytes(50), "a zip archive or a spreadsheet"),
        (gzip.compress(b"timestamp,flow\n" * 2000)[:-30], "damaged gzip"),
        (b"PAR1" + bytes(50), "a Parquet file"),
    ],
    ids=["zip", "broken gzip", "parquet"],
)
def test_a_file_that_is_no_text_is_named(read, data: bytes, found: str) -> None:
    with pytest.raises(RecordingError, match=found):
        read(data)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_separator_is_found_whatever_else_stands_in_the_cells(read, separator: str) -> None:
    header = separator.join(
        f'"{name}"' if separator in name else name for name in ("timestamp", "Flow, total", "note; of|it")
    )
    text = header + "\n" + "".join(f"2026-02-01 10:00:0{s}{separator}{s}.5{separator}\n" for s in range(5))
    assert read(text).values == {"Flow, total": [0.5, 1.5, 2.5, 3.5, 4.5]}


def test_another_separator_may_be_said(read) -> None:
    assert read("timestamp~flow\n2026-02-01~1\n2026-02-02~2\n", separator="~").values == {"flow": [1.0, 2.0]}
    assert read("sep=^\ntimestamp^flow\n2026-02-01^1\n").values == {"flow": [1.0]}


def test_what_stands_above_the_header_is_skipped_and_told(read) -> None:
    text = "Plant report\n\n# exported by hand\nTimestamp;Flow [l/s]\n01.02.2026 10:00;1,5\n01.02.2026 10:05;2,5\n"
    found = read(text)
    assert found.values == {"Flow": [1.5, 2.5]}
    assert found.told(r"header is line 4")
    assert read(text, header_line=4).values == found.values


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("timestamp,flow,flow", r"pump\.csv:1: found column 'flow' twice, as columns 2 and 3"),
        ("timestamp,flow, flow ", "columns 2 and 3"),
        ("2026-01-31,1.5,2.5", "data in place of names"),
        ("1,2,3", "data in place of names"),
        ("a,b,c", "a header with a column timestamp"),
    ],
)
def test_g4_a_header_that_cannot_be_is_refused_with_line_and_column(read, header: str, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        read(
            f"{header}\n2026-02-01,1,2\n2026-02-02,1,2\n".replace(
                "2026-02-0", "9" if header == "a,b,c" else "2026-02-0"
            )
        )


def test_g4_an_empty_timestamp_is_refused_with_its_line_and_is_not_1970(run) -> None:
    report = run("timestamp,flow\n2026-02-01,1\n,2\n  ,3\n2026-02-02,4\n")
    assert (report.accepted, report.refused["bad_timestamp"].lines) == (2, [3, 4])
    assert "the timestamp is empty" in report.text()


def test_rows_of_another_length_are_counted_and_trailing_separators_are_none(run) -> None:
    report = run("timestamp,flow,level,\n2026-02-01,1,2,\n2026-02-02,1,2,,,\n2026-02-03\n2026-02-04,1,2,3,4\n\n")
    assert report.rows == 4
    assert (report.accepted, report.refused["columns"].lines) == (2, [4, 5])
    assert run("timestamp,flow\n2026-02-01,1,\n2026-02-02,2,\n").accepted == 2


def test_a_row_that_ends_early_lacks_its_last_values_alone(run) -> None:
    """Spreadsheets leave empty cells at the end of rows away; the whole row was lost with them."""
    report = run("timestamp,flow,level\n2026-02-01,1,2\n2026-02-02,1\n2026-02-03,1,2\n")
    assert (report.accepted, report.refused) == (3, {})
    assert run("flow,level\n1,2\n1\n1,2\n", interval="60s").accepted == 3


def test_the_last_row_of_a_file_that_was_cut_off_is_refused(run) -> None:
    """Of 71.2 there may be a 7 left, which is no reading of 7."""
    text = "timestamp,flow,level\n2026-02-01,71.2,2\n2026-02-02,71.3,2\n2026-02-03,7"
    assert run(text).refused["columns"].lines == [4]
    assert run(text + "1.3,2").accepted == 3


def test_messages_are_told_from_a_table(run) -> None:
    with pytest.raises(RecordingError, match="JSON"):
        run('{"ts": 1, "flow": 2}\n{"ts": 2, "flow": 2}\n')


def test_a_number_without_the_unit_of_its_column_is_a_bad_value(run) -> None:
    """900 beside 12k may be nine hundred or nine hundred thousand."""
    rows = "".join(f"2026-02-0{day},{day}.5 k,{day}\n" for day in range(1, 7))
    report = run(f"timestamp,flow,level\n{rows}2026-02-07,900,7\n2026-02-08,12 k,8\n")
    assert report.accepted == 8
    assert [bad.lines for bad in report.bad.values()] == [[8]]
    assert "flow (k)" in report.text()


def test_an_open_quote_costs_one_row(run) -> None:
    report = run('timestamp,flow\n2026-02-01,1\n2026-02-02,"2\n2026-02-03,3\n')
    assert report.rows == 3
    assert report.accepted >= 2


LABELS = [
    "att_flag", "machine failure", "Normal/Attack", "outlier", "anomaly", "class", "label", "target", "is_anomaly",
    "Fault_Type", "AttackLabel", "changepoint", "pump_failure", "ATT_FLAG",
]  # fmt: skip
MEASUREMENTS = ["fault_current", "target_speed", "attack_angle", "status_temperature", "failure_rate"]


@pytest.mark.parametrize("name", LABELS)
def test_g5_a_label_is_told_and_never_a_sensor(run, name: str) -> None:
    lines = [f"2026-02-01 10:00:{s:02d},{s}.5,{int(s > 30)}" for s in range(60)]
    report = run("\n".join([f"timestamp,flow,{name}", *lines]))
    assert report.sensors == ("flow",)
    assert f"concluded labels, no sensors: {name}" in report.text()


@pytest.mark.parametrize(
    "name", ["fault_current", "target_speed", "attack_angle", "status_temperature", "failure_rate"]
)
def test_a_measurement_is_no_label_for_a_word_in_its_name(run, name: str) -> None:
    report = run("\n".join([f"timestamp,{name}", *(f"2026-02-01 10:00:{s:02d},{s}.5" for s in range(60))]))
    assert report.sensors == (name,)


def test_a_column_may_be_made_a_sensor_or_a_label_by_its_name(run) -> None:
    lines = [f"2026-02-01 10:00:{s:02d},{s}.5,{int(s > 30)}" for s in range(60)]
    text = "\n".join(["timestamp,flow,fault", *lines])
    assert run(text, sensors=("fault",)).sensors == ("fault",)
    assert run(text, label_column="none").sensors == ("flow", "fault")
    assert run(text.replace("fault", "tripped"), label_column="tripped").comparison.faults == 1


@pytest.mark.parametrize(
    ("labels", "faults"),
    [
        ("0 0 1 1 0", 1),
        ("-999 -999 1 -999 0", 1),
        ("1 1 -1 1 -1", 2),
        ("Normal Normal Attack Normal Normal", 1),
        ("2 2 2 7 2", 1),
        ("False False True False False", 1),
        ("0.0 1.0 1.0 0.0 0.0", 1),
    ],
)
def test_labels_mean_what_their_makers_meant(run, labels: str, faults: int) -> None:
    words = [label for label in labels.split() for _ in range(5)]
    lines = [f"2026-02-01 10:00:{s:02d},{s}.5,{word}" for s, word in enumerate(words)]
    report = run("\n".join(["timestamp,flow,label", *lines]))
    assert len(report.episodes) == faults
    told = any("means healthy" in guess for guess in report.guesses)
    assert told is (labels[0] in "12")


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "id", "row", "No.", "#", "sample_no"])
def test_a_column_of_row_numbers_is_no_sensor(run, name: str) -> None:
    text = "\n".join([f"{name},timestamp,flow", *(f"{s},2026-02-01 10:00:{s:02d},{s}.5" for s in range(60))])
    assert run(text).sensors == ("flow",)


@pytest.mark.parametrize("name", ["device_id", "Asset", "machineID", "Unit Number", "Turbine"])
def test_a_column_of_devices_parts_the_rows(run, name: str) -> None:
    lines = [f"2026-02-01 10:00:{s:02d},{device},{s}.5" for s in range(30) for device in ("a", "b", "c")]
    report = run("\n".join([f"timestamp,{name},flow", *lines]))
    assert (report.devices, report.accepted) == (3, 90)
    assert run("\n".join([f"timestamp,{name},flow", *lines[::3]]), device_column="none", sensors=("flow",)).devices == 1


def test_rows_of_one_time_are_of_several_devices_even_if_no_name_says_so(run) -> None:
    lines = [f"2026-02-01 10:00:{s:02d},{pump},{s}.5" for s in range(30) for pump in ("nord", "mitte", "süd")]
    report = run("\n".join(["timestamp,Pumpe,flow", *lines]))
    assert (report.devices, report.accepted) == (3, 90)
    assert "column Pumpe says whose row it is" in report.text()


def test_one_value_a_row_makes_each_tag_a_device(run) -> None:
    lines = [f"2026-02-01 10:00:{s:02d},{tag},{s}.5" for s in range(30) for tag in ("FI101", "TI102")]
    report = run("\n".join(["Timestamp,Tag Name,Value", *lines]))
    assert (report.devices, report.accepted, report.sensors) == (2, 60, ("Value",))


def test_a_column_is_the_plant_s_sensor_when_it_means_its_name(run) -> None:
    text = "Timestamp,Wind Speed (m/s),other\n2026-02-01,1,2\n2026-02-02,1,2\n"
    report = run(text, "pump-01.csv", plant_of(wind_speed={}, level={}))
    assert (report.sensors, report.accepted) == (("wind_speed",), 2)
    assert "column Wind Speed (m/s) is sensor wind_speed" in report.text()


def test_rows_that_do_not_say_whose_they_are_belong_to_the_only_device_or_the_one_that_was_said(run) -> None:
    text = "timestamp,flow\n2026-02-01,1\n2026-02-02,2\n"
    report = run(text, "export.csv", plant_of(flow={}))
    assert report.accepted == 2
    assert "all rows are of pump-01, the only device of the plant" in report.text()
    assert run(text, device="pump-01", plant=plant_of(flow={})).accepted == 2
    with pytest.raises(RecordingError, match="--device or --device-column, for one of pump-01"):
        run(text, device="pump-77", plant=plant_of(flow={}))


def test_g1_a_recording_of_which_nothing_is_read_says_why_and_writes_nothing(run, tmp_path) -> None:
    with pytest.raises(NothingReadError, match=r"no reading in 2 rows \(2 no_known_sensor\)") as raised:
        run("timestamp,flow\n2026-02-01,1\n2026-02-02,2\n", missing=("1", "2"))
    assert any("2 no_known_sensor (lines 2, 3" in line for line in raised.value.report.reading_lines())
    assert not (tmp_path / "alarms.csv").exists()


def test_a_file_without_a_row_as_wide_as_its_header_is_refused_with_a_line(run) -> None:
    with pytest.raises(RecordingError, match=r"pump.csv:2: found 3 cells under 2 names, expected as many"):
        run("timestamp,flow\n2026-02-01,1,5\n2026-02-02,2,5\n")


def test_a_single_leap_of_years_is_refused_and_a_lasting_one_believed(run) -> None:
    stamps = [f"2026-02-01 10:00:{s:02d}" for s in range(20)]
    wrong = run(rows(*stamps[:10], "2036-02-01", *stamps[10:]))
    assert (wrong.accepted, wrong.refused["too_new"].lines) == (20, [12])
    later = run(rows(*stamps, *(f"2029-02-01 10:00:{s:02d}" for s in range(20))))
    assert (later.accepted, later.refused["too_new"].count) == (38, 2)


def test_a_header_behind_a_mark_of_remarks_is_one(read) -> None:
    found = read("# made by a logger\n# timestamp,flow\n2026-02-01,1.5\n2026-02-02,2.5\n")
    assert found.values == {"flow": [1.5, 2.5]}
    assert read("# made by a logger\ntimestamp,flow\n2026-02-01,1.5\n").values == {"flow": [1.5]}


def test_b5_a_word_in_one_sensor_hides_no_fault_of_another(run) -> None:
    plant = plant_of(pressure={}, temperature={"alarm": Limits(high=90)})
    lines = [
        f"{iso(START + 5 * i)},{'Bad Input' if i >= 500 else 31.5 + 0.3 * (i % 3 - 1)},"
        f"{72 + 0.3 * (i % 3 - 1) + (40 if i >= 1_000 else 0)}"
        for i in range(1_500)
    ]
    report = run("\n".join(["timestamp,pressure,temperature", *lines]), "pump-01.csv", plant)
    assert (report.accepted, report.refused) == (1_500, {})
    assert report.bad["pressure", "wrong_type"].count == 1_000
    told = {(alarm.first_type, str(alarm.severity), *alarm.sensors) for alarm in report.alarms}
    assert told == {("readings_refused", "low", "pressure"), ("unclassified", "high", "temperature")}
    alone = run("\n".join(["timestamp,pressure,temperature", *lines]), "pump-01.csv")
    assert any("temperature" in alarm.sensors for alarm in alone.alarms)


def test_a_marker_of_the_plant_is_refused_as_live(run) -> None:
    lines = [f"{iso(START + 5 * i)},{-200 if i % 2 else 31.5},{72 + 0.3 * (i % 3 - 1)}" for i in range(100)]
    plant = plant_of(pressure={"missing_values": (-200.0,)}, temperature={})
    report = run("\n".join(["timestamp,pressure,temperature", *lines]), "pump-01.csv", plant)
    assert report.bad["pressure", "missing_marker"].count == 50


def test_an_hour_beside_whole_timestamps_is_a_sensor(tmp_path: Path) -> None:
    rows = [f"2026-03-01T{hour:02}:00:00,{hour},{20 + hour}" for hour in range(24)]
    (tmp_path / "r.csv").write_text("date,hour,temperature\n" + "\n".join(rows))
    recording = Recording(tmp_path / "r.csv")
    assert [recording.header[place] for place in recording.time_places] == ["date"]
