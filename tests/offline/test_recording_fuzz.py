"""Whatever is in a file, and whatever a person says of it: a report whose rows add up, or an error that says why."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aegisflow.errors import BadValueError, RecordingError
from aegisflow.offline.backtest import backtest
from aegisflow.offline.recordings.options import ReadingOptions

FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
CELLS = st.one_of(
    st.sampled_from(
        [
            "", " ", "nan", "inf", "-inf", "1e999", "1_000", "1,5", "1.5", "1,011", "-200", "Bad", '"', '"1,5"', "+",
            "2026-02-01", "2026-02-01 10:00:00", "2026-02-30", "01/02/2026", "13/02/2026 10:00 PM", "01.02.26", "24:00",
            "10:00:60", "Feb 31 2026", "0000-00-00", "20260302000500", "1767571200", "1767571200000", "9" * 400, ".",
            "\x00", "\u2028", "Z", "2026-02-01T10:00:00+99:99", "10:00-05", "1 234", "#N/A", "é", "²", "١٢",
        ]
    ),
    st.text(max_size=6),
    st.floats().map(str),
    st.datetimes().map(str),
)  # fmt: skip
NAMES = st.sampled_from(
    ["timestamp", "time", "date", "Time", "device", "flow", "label", "id", "", "value", "tag", "#", "T (°C)", "x"]
)
BEGINNINGS = st.sampled_from([b"", b"timestamp,flow\n", b"\x1f\x8b", b"\xff\xfe", b"PK\x03\x04"])
TABLES = st.builds(
    lambda sep, end, header, rows: end.join(sep.join(row) for row in [header, *rows]),
    st.sampled_from([",", ";", "\t", "|", " "]),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    st.lists(NAMES, min_size=1, max_size=5),
    st.lists(st.lists(CELLS, max_size=6), max_size=12),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "separator": st.sampled_from([",", "tab", ";", "", "xy"]),
        "decimal": st.sampled_from([".", ","]),
        "encoding": st.sampled_from(["utf-8", "utf-16", "cp1252", "idna", "base64", "rot13", "punycode", "nope"]),
        "header_line": st.integers(-1, 4),
        "time_column": st.lists(NAMES, max_size=2).map(tuple),
        "time_format": st.sampled_from(["s", "ns", "excel", "%Y", "%d.%m.%y", "%", "%z %j", "", "%Y %U"]),
        "timezone": st.sampled_from(["Europe/Berlin", "+25:00", "UTC", "../etc", "", "Lord_Howe", "+01"]),
        "day_first": st.booleans(),
        "newest_first": st.booleans(),
        "device_column": st.sampled_from(["none", "device", "flow"]),
        "device": st.sampled_from(["", "pump-01"]),
        "sensors": st.lists(NAMES, max_size=2).map(tuple),
        "label_column": st.sampled_from(["none", "label", "flow"]),
        "healthy_label": st.sampled_from([(), ("1",)]),
        "missing": st.sampled_from([(), ("none",), ("-200", "Bad"), ("nan",)]),
    },
)


def check(path: Path, options: ReadingOptions) -> None:
    try:
        report = backtest(path, scores=path.with_name("scores.csv"), options=options)
    except RecordingError:
        return
    assert report.accepted + sum(refused.count for refused in report.refused.values()) == report.rows
    assert report.accepted > 0
    scores = path.with_name("scores.csv").read_bytes().count(b"\n")
    assert scores >= report.rows + 1
    assert report.text()


@given(text=TABLES, said=OPTIONS)
@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURES)
@example(text="timestamp,flow\n1e999,1\n5,1\n", said={"time_format": "s"})
@example(text="timestamp,flow\n1e300,1\n5,1\n", said={"time_format": "excel"})
def test_a_table_of_anything_gives_a_report_or_a_reason(tmp_path: Path, text: str, said: dict[str, Any]) -> None:
    path = tmp_path / "anything.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        options = ReadingOptions(**said)
    except BadValueError:
        return
    check(path, options)


@given(data=st.binary(max_size=400), start=BEGINNINGS)
@settings(max_examples=100, deadline=None, suppress_health_check=FIXTURES)
def test_a_file_of_any_bytes_gives_a_report_or_a_reason(tmp_path: Path, data: bytes, start: bytes) -> None:
    path = tmp_path / "anything.csv"
    path.write_bytes(start + data)
    check(path, ReadingOptions())


def test_a_folder_and_a_file_that_nobody_may_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Is a directory"):
        backtest(tmp_path)
