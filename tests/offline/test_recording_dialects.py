"""A table of readings, rendered in any dialect, is read as the same readings, or refused with what settles it."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aegisflow.errors import RecordingError
from aegisflow.offline.backtest import backtest
from aegisflow.offline.recordings.options import ReadingOptions
from aegisflow.offline.recordings.recording import Recording
from tests.support.recordings import plant_of

BERLIN = ZoneInfo("Europe/Berlin")
Readings = dict[tuple[str, float], dict[str, float]]
"""Device and UTC epoch seconds, to the values by sensor."""


@dataclass(frozen=True)
class Stamp:
    """How a time is written, and what a person has to say where the file is silent."""

    write: Callable[[datetime], tuple[str, ...]]
    """One cell, a date and a time, or the parts of both."""
    unsaid: dict[str, object] = field(default_factory=dict)
    """Settles it, if the file does not."""
    zone: ZoneInfo | None = None
    step_s: float = 1.0
    """The smallest step that it shows."""
    said: dict[str, object] = field(default_factory=dict)
    """Must be said, whatever is in the file."""


def formatted(*forms: str, **more: Any) -> Stamp:
    return Stamp(lambda moment: tuple(moment.strftime(form) for form in forms), **more)


CALENDAR = ["Year", "Month", "Day", "Hour", "Minute", "Second"]
DAY, MONTH = {"day_first": True}, {"month_first": True}
STAMPS = {
    "iso": formatted("%Y-%m-%dT%H:%M:%SZ"),
    "iso, blank": formatted("%Y-%m-%d %H:%M:%S"),
    "iso, fraction": Stamp(lambda m: (m.isoformat(" ", "milliseconds")[:23],)),
    "iso, local": formatted("%Y-%m-%d %H:%M:%S", zone=BERLIN, said={"timezone": "Europe/Berlin"}),
    "iso, offset": Stamp(lambda m: (m.isoformat(),), zone=BERLIN),
    "dots": formatted("%d.%m.%Y %H:%M:%S", unsaid=DAY),
    "dots, local, in two columns": formatted("%d.%m.%Y", "%H:%M:%S", zone=BERLIN, said={"timezone": "Europe/Berlin"},
                                             unsaid=DAY),
    "day first": formatted("%d/%m/%Y %H:%M:%S", unsaid=DAY),
    "day first, short": formatted("%d/%m/%y %H", unsaid=DAY, step_s=3600),
    "month first, halves of days": formatted("%m/%d/%Y %I:%M:%S %p", unsaid=MONTH),
    "month first, in two columns": formatted("%m/%d/%Y", "%I:%M:%S %p", unsaid=MONTH),
    "iso, digits of a time in a column": formatted("%Y-%m-%d", "%H%M", step_s=60),
    "iso, hour in a column": formatted("%Y-%m-%d", "%H", step_s=3600),
    "the parts in columns": formatted("%Y", "%m", "%d", "%H", "%M", "%S"),
    "the hour and what is above it in columns": Stamp(
        lambda m: (f"{m.year}", f"{m.month}", f"{m.day}", f"{m.hour}.0"), step_s=3600
    ),
    "dashes, day first": formatted("%d-%m-%Y %H:%M", unsaid=DAY, step_s=60),
    "colons": formatted("%Y:%m:%d %H:%M:%S.000"),
    "names of months": formatted("%d-%b-%Y %H:%M:%S"),
    "as C prints it": formatted("%a %b %d %H:%M:%S %Y"),
    "digits": formatted("%Y%m%d%H%M%S"),
    "digits, minutes": formatted("%Y%m%d%H%M", step_s=60),
    "seconds": Stamp(lambda m: (f"{m.timestamp():.0f}",)),
    "milliseconds": Stamp(lambda m: (f"{m.timestamp() * 1000:.0f}",)),
    "nanoseconds": Stamp(lambda m: (f"{m.timestamp():.0f}000000000",)),
    "a format of its own": formatted("%S+%M+%H+%d%m%Y", said={"time_format": "%S+%M+%H+%d%m%Y"}),
}  # fmt: skip
NUMBERS: dict[str, tuple[Callable[[float], str], dict[str, object]]] = {
    "plain": (lambda value: f"{value:g}", {"decimal": "."}),
    "fixed": (lambda value: f"{value:.3f}", {"decimal": "."}),
    "grouped": (lambda value: f"{value:,.2f}", {"decimal": "."}),
    "grouped, shortened": (lambda value: f"{value:,}".removesuffix(".0"), {"decimal": "."}),
    "comma": (lambda value: f"{value:g}".replace(".", ","), {"decimal": ","}),
    "comma, grouped": (
        lambda value: f"{value:,.2f}".translate(str.maketrans(".,", ",.")), {"decimal": ","},
    ),
    "comma, blanks": (lambda value: f"{value:,.2f}".replace(",", "\u202f").replace(".", ","), {"decimal": ","}),
    "exponent": (lambda value: f"{value:.5E}", {"decimal": "."}),
}  # fmt: skip
ABSENT = ["", "NaN", "NULL", "n/a"]
BAD = ["Bad Input", "?", "#REF!"]


@dataclass(frozen=True)
class Dialect:
    """One way to write a table."""

    stamp: str
    number: str
    separator: str
    encoding: str
    packed: bool
    newline: str
    newest_first: bool
    trailing: bool
    device_column: bool
    label: str
    index: bool


dialects = st.builds(
    Dialect,
    stamp=st.sampled_from(sorted(STAMPS)),
    number=st.sampled_from(sorted(NUMBERS)),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    packed=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n"]),
    newest_first=st.booleans(),
    trailing=st.booleans(),
    device_column=st.booleans(),
    label=st.sampled_from(["", "ATT_FLAG", "machine failure"]),
    index=st.booleans(),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[datetime], dict[str, list[float | str]]]:
    """Times on a grid and three sensors; texts stand for what is no value."""
    count = draw(st.integers(4, 60))
    start = datetime(2026, draw(st.integers(1, 12)), draw(st.integers(1, 28)), draw(st.integers(0, 23)), tzinfo=UTC)
    step_s = draw(st.sampled_from([1, 5, 60, 600, 3600, 21_600, 86_400]))
    times = [start + timedelta(seconds=step_s * place) for place in range(count)]
    cell = st.one_of(
        st.integers(-400, 999_999).map(float),
        st.integers(-40_000, 99_999_999).map(lambda number: number / 100),
        st.integers(0, 9_999).map(lambda number: number / 100),
    )
    odd = st.sampled_from(ABSENT + BAD)
    columns: dict[str, list[float | str]] = {}
    for name in ("flow", "level", "heat"):
        numbers = draw(st.lists(cell, min_size=count, max_size=count))
        holes = draw(st.dictionaries(st.integers(1, count - 1), odd, max_size=count // 4))
        columns[name] = [holes.get(place, number) for place, number in enumerate(numbers)]
    return times, columns


def render(times: list[datetime], columns: dict[str, list[float | str]], dialect: Dialect) -> str:
    stamp = STAMPS[dialect.stamp]
    write = NUMBERS[dialect.number][0]
    rows = []
    for place, at in enumerate(times):
        cells = [*stamp.write(at.astimezone(stamp.zone or UTC))]
        cells += ["pump-01"] if dialect.device_column else []
        cells += [value if isinstance(value := column[place], str) else write(value) for column in columns.values()]
        rows.append(cells + ([str(int(place % 7 == 3))] if dialect.label else []))
    if dialect.newest_first:
        rows.reverse()
    width = len(stamp.write(times[0]))
    header = ["timestamp"] if width == 1 else ["Date", "Time"] if width == 2 else CALENDAR[:width]
    header += ["Asset"] if dialect.device_column else []
    header += ["flow (m³/h)", "level [mm]", "heat"] + ([dialect.label] if dialect.label else [])
    if dialect.index:
        header.insert(0, "")
        rows = [[str(place), *cells] for place, cells in enumerate(rows)]
    if dialect.trailing:
        header, rows = [*header, ""], [[*cells, ""] for cells in rows]
    sep = dialect.separator
    lines = [sep.join(f'"{cell}"' if sep in cell else cell for cell in row) for row in (header, *rows)]
    return dialect.newline.join(lines) + dialect.newline


def parse(path: Path, options: ReadingOptions) -> Readings:
    recording = Recording(path, options)
    found: Readings = {}
    converters = [(column.name, column.place, column.converter()) for column in recording.columns.values()]
    for _, cells in recording.lines():
        device_id = recording.device_of(cells)
        values: dict[str, float] = {}
        for name, place, convert in converters:
            try:
                value = convert(cells[place])
            except ValueError:
                continue
            if not isnan(value):
                values[name] = value
        found[device_id, recording.times.at(recording.time_text(cells), device_id)] = values
    return found


@pytest.mark.parametrize("number", sorted(NUMBERS))
@given(table=tables(), dialect=dialects)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_readings_are_the_same_in_every_dialect_or_refused_with_the_option_that_settles_it(
    tmp_path: Path, number: str, table, dialect: Dialect
) -> None:
    dialect = Dialect(**{**vars(dialect), "number": number})
    times, columns = table
    stamp = STAMPS[dialect.stamp]
    write, decimal = NUMBERS[dialect.number]
    assume((times[1] - times[0]).total_seconds() % stamp.step_s == 0)
    text = render(times, columns, dialect)
    assume(dialect.encoding != "cp1252" or "\u202f" not in text)
    path = tmp_path / "pump-01.csv"
    data = text.encode(dialect.encoding)
    path.write_bytes(gzip.compress(data, 1) if dialect.packed else data)
    expected: Readings = {
        ("pump-01", at.timestamp()): {
            name: exact(write, value) for name, column in columns.items() if not isinstance(value := column[i], str)
        }
        for i, at in enumerate(times)
    }
    said: dict[str, Any] = {**stamp.said}
    for _ in range(3):
        try:
            found = parse(path, ReadingOptions(**said, missing=("none",)))
        except RecordingError as error:
            said.update(settling(str(error), {**stamp.unsaid, **decimal}, said))
            continue
        lacking = {name for values in expected.values() for name in values} - {n for v in found.values() for n in v}
        if lacking and "decimal" not in said:
            guesses = Recording(path, ReadingOptions(**said)).guesses
            assert any("--decimal" in guess and "not judged" in guess for guess in guesses), guesses
            said.update(decimal)
            continue
        break
    assert found == expected
    report = backtest(path, plant=plant_of(flow={}, level={}, heat={}), options=ReadingOptions(**said))
    assert report.accepted + sum(refused.count for refused in report.refused.values()) == report.rows == len(times)
    bad = sum(refused.count for refused in report.bad.values())
    taken = [row for row in zip(*columns.values(), strict=True) if not all(isinstance(cell, str) for cell in row)]
    assert bad == sum(cell in BAD for row in taken for cell in row)


def exact(write: Callable[[float], str], value: float) -> float:
    """Return a value as precisely as a dialect writes it."""
    text = write(value)
    cleaned = text.replace("\u202f", "")
    if "," in cleaned and "." not in cleaned and write(1.5) == "1,5":
        return float(cleaned.replace(",", "."))
    if write(1234.5) in ("1.234,50", "1234,5", "1\u202f234,50"):
        return float(cleaned.replace(".", "").replace(",", "."))
    return float(cleaned.replace(",", ""))


def settling(message: str, options: dict[str, object], said: dict[str, object]) -> dict[str, object]:
    """Return those of some options that a message asks for; they must be news."""
    found = {name: value for name, value in options.items() if "--" + name.replace("_", "-") in message}
    assert found.keys() - said.keys(), f"nothing new was asked for: {message}"
    return found
