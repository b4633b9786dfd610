"""A stranger's file, no plant and no option: it is scored row by row, as the plain form of it is."""

import csv
import gzip
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from aegisflow.errors import RecordingError
from aegisflow.offline.backtest import backtest
from aegisflow.offline.recordings.recording import Recording
from tests.support.recordings import START, iso

COUNT, FAULT = 560, range(500, 530)
Rows = list[list[str]]


def values() -> Rows:
    """Three sensors as text; one of them is off for a while."""
    draw = random.Random(5)
    rows = []
    for place in range(COUNT):
        off = 6.0 if place in FAULT else 0.0
        rows.append(
            [f"{50 + draw.gauss(0, 0.5) + off:.3f}", f"{57 + draw.gauss(0, 0.6):.3f}", f"{64 + draw.gauss(0, 0.7):.3f}"]
        )
    return rows


VALUES = values()
STAMPS = [iso(START + 60 * place) for place in range(COUNT)]


def table(header: str | None, rows: Rows, separator: str = ",") -> str:
    lines = [separator.join(row) for row in rows]
    return "\n".join(lines if header is None else [header, *lines]) + "\n"


def beside(cells: list[str], rows: Rows = VALUES) -> Rows:
    """Return rows with one cell before each."""
    return [[cell, *row] for cell, row in zip(cells, rows, strict=True)]


def commas(rows: Rows) -> Rows:
    return [[cell.replace(".", ",") for cell in row] for row in rows]


COUNTS = [str(place) for place in range(COUNT)]
LABELS = [str(int(place in FAULT)) for place in range(COUNT)]
SHUFFLED = random.Random(1).sample(range(COUNT), COUNT)
SHIFTS = [f"day {place // 9} shift {place % 9}" for place in range(COUNT)]
MARCH = [f"01/03/2025 {place // 60:02d}:{place % 60:02d}" for place in range(COUNT)]
UNITS = [[f"{a} °C", f"{b}%", f"{c} m³/h"] for a, b, c in commas(VALUES)]
LARGE = [[f"{float(cell) * 1e13:.1f}" for cell in row] for row in VALUES]
PLAIN = table("timestamp,a,b,c", beside(STAMPS))
FORMS: dict[str, tuple[str | bytes, list[str]]] = {
    "no times": (table("a,b,c", VALUES), COUNTS),
    "a name that two columns have": (table("timestamp,flow,flow,c", beside(STAMPS)), STAMPS),
    "no times and no names": (table(None, VALUES), COUNTS),
    "parted by blanks, no names": (table(None, VALUES, "  "), COUNTS),
    "columns named by numbers": (table("0,1,2", VALUES), COUNTS),
    "an index without a name": (table(",a,b,c", beside(COUNTS)), COUNTS),
    "an index with a name": (table("index,a,b,c", beside(COUNTS)), COUNTS),
    "counts that are called a timestamp": (table("timestamp,a,b,c", beside(COUNTS)), COUNTS),
    "seconds from the start": (table("time,a,b,c", beside([f"{place / 10:.1f}" for place in range(COUNT)])),
                               [f"{place / 10:.1f}" for place in range(COUNT)]),
    "times before the start": (table("t,a,b,c", beside([str(place - 300) for place in range(COUNT)])),
                               [str(place - 300) for place in range(COUNT)]),
    "days of a spreadsheet": (table("Date,a,b,c", beside([f"{45717 + place / 1440:.6f}" for place in range(COUNT)])),
                              [f"{45717 + place / 1440:.6f}" for place in range(COUNT)]),
    "times that nobody can read": (table("timestamp,a,b,c", beside(SHIFTS)), SHIFTS),
    "a day that may be a month": (table("timestamp,a,b,c", beside(MARCH)), MARCH),
    "decimal commas with three decimals": (table("timestamp;a;b;c", beside(STAMPS, commas(VALUES)), ";"), STAMPS),
    "no names above times": (table(None, beside(STAMPS)), STAMPS),
    "a line of units": (table("timestamp,a,b,c\n,°C,bar,m³/h", beside(STAMPS)), ["", *STAMPS]),
    "values and labels alone": (table("a,b,c,Label", [[*row, LABELS[n]] for n, row in enumerate(VALUES)]), COUNTS),
    "huge numbers": (table("timestamp,a,b,c", beside(STAMPS, LARGE)), STAMPS),
    "units behind numbers": (table("timestamp;a;b;c", beside(STAMPS, UNITS), ";"), STAMPS),
    "parted by a mark that few use": (table("timestamp^a^b^c", beside(STAMPS), "^"), STAMPS),
    "set for the eye": (table("timestamp  a  b  c", beside(STAMPS), "   "), STAMPS),
    "packed": (gzip.compress(PLAIN.encode()), STAMPS),
    "the end of a line twice": (PLAIN.replace("\n", "\n\n"), STAMPS),
    "rows in no order": (table("timestamp,a,b,c", [[STAMPS[n], *VALUES[n]] for n in SHUFFLED]),
                         [STAMPS[n] for n in SHUFFLED]),
}  # fmt: skip


@pytest.fixture
def scored(tmp_path: Path) -> Callable[..., tuple[list[dict[str, str]], list[dict[str, str]]]]:
    """Backtest a file as a stranger does; return the rows of scores and of alarms."""

    def scored(data: str | bytes) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        path, alarms, scores = tmp_path / "their.csv", tmp_path / "alarms.csv", tmp_path / "scores.csv"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        backtest(path, alarms=alarms, scores=scores)
        with scores.open(newline="") as file, alarms.open(newline="") as other:
            return list(csv.DictReader(file)), list(csv.DictReader(other))

    return scored


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_any_form_is_scored_row_by_row_under_its_own_stamps(scored, form: str) -> None:
    data, stamps = FORMS[form]
    rows, alarms = scored(data)
    assert [row["timestamp"] for row in rows] == stamps
    scores = [float(row["score"]) for row in rows]
    assert all(map(math.isfinite, scores))
    place = SHUFFLED.index if form == "rows in no order" else (lambda number: number + len(stamps) - COUNT)
    assert max(scores[place(number)] for number in FAULT) >= 1
    assert max(scores[place(number)] for number in range(FAULT.start)) < 1
    assert sum(float(row["onset"]) > 0 for row in rows) == 1
    assert len(alarms) == 1
    if form != "rows in no order":
        assert [row["score"] for row in scored(PLAIN)[0]] == [row["score"] for row in rows[len(stamps) - COUNT :]]


def test_states_in_words_are_judged_where_there_is_nothing_else(scored) -> None:
    draw, words = random.Random(2), list[str]()
    while len(words) < 1_200:
        words += ["open"] * draw.randint(8, 12) + ["Closed "] * draw.randint(18, 24)
    words[900:1000] = ["open"] * 100
    rows, alarms = scored(table(None, [["valve", "by"], *([word, "auto"] for word in words)]))
    above = [number for number, row in enumerate(rows) if float(row["score"]) >= 1]
    assert len(rows) == len(words)
    assert above
    assert 900 <= above[0] < 1000
    assert [alarm["sensors"] for alarm in alarms] == ["valve"]


@pytest.mark.parametrize("words", [["open"] * 50, [f"remark {number}" for number in range(50)]])
def test_words_that_are_no_states_are_refused(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "their.csv"
    path.write_text(table("note of the day", [[word] for word in words]))
    with pytest.raises(RecordingError, match="no column of numbers"):
        backtest(path)


def test_what_would_change_the_scores_is_still_refused(tmp_path: Path) -> None:
    path = tmp_path / "their.csv"
    path.write_text('timestamp,a\n2026-02-01,"998"\n2026-02-02,"1,011"\n')
    with pytest.raises(RecordingError, match="--decimal"):
        backtest(path)


def test_a_plant_is_told_nothing_that_its_limits_hang_on(tmp_path: Path) -> None:
    path = tmp_path / "their.csv"
    for form in (
        "no times",
        "no times and no names",
        "decimal commas with three decimals",
        "a day that may be a month",
    ):
        data, _ = FORMS[form]
        path.write_text(str(data))
        with pytest.raises(RecordingError, match="--"):
            Recording(path, sensors={"a", "b", "c"})


def test_a_sensor_that_reports_seldom_is_not_silent(scored) -> None:
    rows = [[*row[:2], row[2] if place % 12 == 0 else ""] for place, row in enumerate(VALUES)]
    rows, alarms = scored(table("timestamp,a,b,c", beside(STAMPS, rows)))
    assert max(float(row["score"]) for row in rows[: FAULT.start]) < 1
    assert [alarm["type"] for alarm in alarms] == ["unclassified"]
