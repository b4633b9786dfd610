"""The master alarm table of a plant file, to a spreadsheet and back: only what differs is changed in the file."""

import csv
import difflib
import io
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from aegisflow.api.periods import short_duration
from aegisflow.api.what_to_do import HEAD, ResponseRow, from_cell, rows_of, what_to_do_csv
from aegisflow.config import load
from aegisflow.config.file import PlantFile
from aegisflow.config.mistakes import Mistakes, Shown, closest, one_of
from aegisflow.config.source import read
from aegisflow.config.wording import parse
from aegisflow.domain.equipment import FaultResponse
from aegisflow.domain.times import exact_duration, parse_duration
from aegisflow.errors import BadValueError, ConfigError, Mistake
from aegisflow.offline.backtest.yamledit import YamlText

__all__ = ["export_responses", "import_responses"]

_NEEDED = tuple(name for name in HEAD if name != "severity")
MAX_TEXT = 2_000
MAX_WITHIN_S = 604_800.0
Table = Mapping[str, Mapping[str, FaultResponse]]


def export_responses(plant_file: Path) -> str:
    """Return the table of a plant file as CSV.

    Raises:
        ConfigError: the plant file has mistakes.
    """
    plant = load(plant_file).plant
    return what_to_do_csv(rows_of(_severities(plant_file), plant.responses))


def import_responses(table: Path, plant_file: Path) -> tuple[str, str]:
    """Return a plant file with what a table says, and how it differs as a unified diff; empty for not at all.

    Faults, and kinds of a fault, that the table does not name stay as they are; a row that says nothing takes away
    what the file says. Comments and order of the file stay.

    Raises:
        ConfigError: every mistake of the table, with its line and column, or of the plant file.
        BadValueError: a fault is written in such a way that only a person can change it.
        OSError: a file cannot be read.
    """
    configuration = load(plant_file)
    before = plant_file.read_text(encoding="utf-8")
    rows = _read(table, _severities(plant_file), set(_file(plant_file).kinds))
    wanted = {name: dict(by_kind) for name, by_kind in configuration.plant.responses.items()}
    for row in rows:
        by_kind = wanted.setdefault(row.fault, {})
        if row.response.is_empty:
            by_kind.pop(row.kind, None)
        else:
            by_kind[row.kind] = row.response
    wanted = {name: by_kind for name, by_kind in wanted.items() if by_kind}
    text = YamlText(before)
    for name in dict.fromkeys(row.fault for row in rows):
        now = configuration.plant.responses.get(name, {})
        if (then := wanted.get(name, {})) != now and not text.put_mapping(("faults", name), "response", _written(then)):
            raise BadValueError(f"faults.{name}", "a mapping with an anchor or none at all", "one that can be changed")
    _prove(text.text, plant_file, wanted)
    diff = difflib.unified_diff(
        before.splitlines(keepends=True), text.text.splitlines(keepends=True), plant_file.name, "proposed"
    )
    return text.text, "".join(diff)


def _severities(plant_file: Path) -> dict[str, str]:
    """Return the severity of each type of fault that a good plant file describes, also of one that no device shows."""
    return {name: str(part.severity) for name, part in _file(plant_file).faults.items()}


def _file(plant_file: Path) -> PlantFile:
    mistakes = Mistakes(str(plant_file))
    return parse(read(plant_file, mistakes).data, mistakes)


def _read(table: Path, severities: Mapping[str, str], kinds: set[str]) -> list[ResponseRow]:
    mistakes = Mistakes(str(table))
    content = table.read_bytes()
    try:
        text = content.decode("utf-8-sig")  # with the line ends that its cells have
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistakes.add(("row",), Shown(repr(content[error.start : error.end])), "CSV saved as UTF-8", line=line)
        mistakes.stop()
        raise
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)  # a spreadsheet in a country with decimal commas writes semicolons
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[ResponseRow] = []
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        _check_head(columns, mistakes)
        if not mistakes.found:
            known = _Known(severities, kinds, mistakes)
            rows = [row for cells, line in _lines(reader) if (row := known.row(columns, cells, line))]
    except csv.Error as error:
        mistakes.add(("row",), Shown(str(error)), "a row of CSV, with quotes that are closed", line=reader.line_num)
    mistakes.stop()
    return rows


def _lines(reader: Any) -> Iterator[tuple[list[str], int]]:
    line = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield cells, line
        line = reader.line_num + 1  # a cell may have several lines; a row is where it begins


def _check_head(columns: list[str], mistakes: Mistakes) -> None:
    for name in _NEEDED:
        if name not in columns:
            mistakes.add((name,), Shown("no such column"), f"columns {', '.join(HEAD)}", line=1)
    for name in columns:
        if name not in HEAD:
            mistakes.add((name or "a column without a name",), name, one_of(list(HEAD)), line=1)
        elif columns.count(name) > 1:
            mistakes.add((name,), Shown("it several times"), "each column once", line=1)


class _Known:
    """Reads rows beside what the plant has."""

    def __init__(self, severities: Mapping[str, str], kinds: set[str], mistakes: Mistakes) -> None:
        self._severities, self._kinds, self._mistakes = severities, sorted(kinds), mistakes
        self._seen: dict[tuple[str, str], int] = {}

    def row(self, columns: list[str], cells: list[str], line: int) -> ResponseRow | None:
        """Return a row, or None after it has told its mistakes."""
        before = len(self._mistakes.found)
        if len(cells) != len(columns):
            self._add(line, "row", Shown(f"{len(cells)} cells"), f"{len(columns)}, as in the first line")
            return None
        said = {name: from_cell(cell).strip() for name, cell in zip(columns, cells, strict=True)}
        self._check_names(said, line)
        for name in ("cause", "consequence", "action"):
            if len(said[name]) > MAX_TEXT:
                self._add(line, name, Shown(f"{len(said[name]):,} characters"), f"at most {MAX_TEXT:,}")
        within = self._within(said["respond_within"], line)
        if len(self._mistakes.found) > before:
            return None
        response = FaultResponse(said["cause"], said["consequence"], within, said["action"])
        return ResponseRow(said["fault"], said["kind"], self._severities[said["fault"]], response)

    def _check_names(self, said: Mapping[str, str], line: int) -> None:
        fault, kind, severity = said["fault"], said["kind"], said.get("severity", "")
        if fault not in self._severities:
            known = list(self._severities)
            self._add(line, "fault", fault, f"a fault of this plant, {one_of(known)}{closest(fault, known)}")
        elif severity and severity != self._severities[fault]:
            expected = f"{self._severities[fault]}, or nothing: faults.{fault}.severity says how severe it is"
            self._add(line, "severity", severity, expected)
        if kind and kind not in self._kinds:
            expected = f"a kind of this plant, {one_of(self._kinds)}{closest(kind, self._kinds)}, or nothing for all"
            self._add(line, "kind", kind, expected)
        earlier = self._seen.setdefault((fault, kind), line)
        if earlier != line:
            self._add(line, "fault", Shown(f"{fault} {kind}".strip() + " again"), f"it once; line {earlier} has it")

    def _within(self, text: str, line: int) -> float | None:
        if not text:
            return None
        try:
            seconds = parse_duration(short_duration(text))
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= MAX_WITHIN_S:
            self._add(line, "respond_within", text, "a duration such as 90s, 15min or 8h, at most 7d, or nothing")
        return seconds

    def _add(self, line: int, column: str, found: object, expected: str) -> None:
        self._mistakes.add((column,), found, expected, line=line)


def _written(by_kind: Mapping[str, FaultResponse]) -> dict[str, Any]:
    """Return the ``response`` of a fault as the file has it: a kind says only what differs from the others."""
    common = by_kind.get("", FaultResponse())
    written = _told(common, FaultResponse())
    kinds = {kind: _told(one, common) for kind, one in by_kind.items() if kind}
    return {**written, **({"kinds": kinds} if kinds else {})}


def _told(one: FaultResponse, common: FaultResponse) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for field in fields(FaultResponse):
        value = getattr(one, field.name)
        if value != getattr(common, field.name):
            is_time = field.name == "respond_within_s"
            told[field.name.removesuffix("_s") if is_time else field.name] = (
                exact_duration(value) if is_time and value is not None else value
            )
    return told


def _prove(text: str, plant_file: Path, wanted: Table) -> None:
    """Make sure that the changed file says what the table says, and is a good one.

    Raises:
        ConfigError: it is not.
    """
    found = load(plant_file, content=text.encode()).plant.responses
    for name in wanted.keys() | found.keys():
        if wanted.get(name, {}) != found.get(name, {}):
            expected = "one that says it also once it is in the file; a kind cannot leave out what all others have"
            raise ConfigError([Mistake(plant_file.name, f"faults.{name}.response", "a table", expected)])
