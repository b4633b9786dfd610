"""The master alarm table goes to a spreadsheet and comes back: the file says what it says, and else what it said."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.config import load
from aegisflow.domain.equipment import FaultResponse
from aegisflow.errors import BadValueError, ConfigError
from aegisflow.offline.responses import export_responses, import_responses
from tests.support.places import PLANT_FILE

PLANT = """\
kinds: {pump: {sensors: {p: {unit: PSI}}}, motor: {sensors: {p: {unit: PSI}}}}
lines: {line-1: {devices: {pump-01: pump, motor-01: motor}}}
faults:
  # what leaks
  leak:
    when: {p: low}   # seen by pressure
    response:        # after the manual
      cause: Seal worn.
      kinds: {motor: {action: Call the electrician.}}

  # what bursts
  burst:
    when: {p: high}
store: {url: sqlite:///x.db}   # here
"""
FLOW = """\
kinds: {pump: {sensors: {p: {unit: PSI}}}, motor: {sensors: {p: {unit: PSI}}}}
lines: {line-1: {devices: {pump-01: pump, motor-01: motor}}}
faults:
  {leak: {when: {p: low}, response: {cause: Seal worn., kinds: {motor: {action: call}}}}, burst: {when: {p: high}}}
"""
HEAD = "fault,kind,severity,cause,consequence,respond_within,action"


class Folder:
    """A plant file and a table beside it."""

    def __init__(self, path: Path, plant: str = PLANT) -> None:
        self.plant, self.table = path / "plant.yaml", path / "table.csv"
        self.plant.write_text(plant, encoding="utf-8")

    def take(self, *rows: str) -> str:
        """Import a table, and return what the file becomes."""
        self.table.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
        text, _ = import_responses(self.table, self.plant)
        self.plant.write_text(text, encoding="utf-8")
        return text

    def says(self, fault: str, kind: str) -> FaultResponse | None:
        return load(self.plant, {}).plant.response(fault, kind)


@pytest.fixture(params=[PLANT, FLOW], ids=["block", "flow"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(tmp_path, request.param)


def test_what_is_taken_away_and_brought_back_changes_nothing(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(export_responses(PLANT_FILE), encoding="utf-8", newline="")
    assert import_responses(table, PLANT_FILE) == (PLANT_FILE.read_text(encoding="utf-8"), "")


def test_a_changed_cell_changes_its_fault_and_leaves_comments_and_all_else(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    text = folder.take("leak,,,Seal worn or dry.,It runs dry.,15 min,Stop it.", "leak,motor,,,,,")
    assert folder.says("leak", "pump") == FaultResponse("Seal worn or dry.", "It runs dry.", 900.0, "Stop it.")
    assert folder.says("leak", "motor") == folder.says("leak", "pump"), "an empty row: as for the others"
    before, after = PLANT.splitlines(), text.splitlines()
    assert [line for line in before if line not in after] == [
        "      cause: Seal worn.",
        "      kinds: {motor: {action: Call the electrician.}}",
    ]


def test_a_row_adds_changes_and_takes_away_whatever_style_the_file_has(folder: Folder) -> None:
    folder.take("burst,,,Hammer,,90s,Close the valve", "leak,motor,,,,,call twice")
    assert folder.says("burst", "motor") == FaultResponse("Hammer", "", 90.0, "Close the valve")
    assert folder.says("leak", "motor") == FaultResponse("", "", None, "call twice") or folder.says(
        "leak", "motor"
    ) == FaultResponse("Seal worn.", "", None, "call twice")
    folder.take("burst,,,,,,", "leak,,,,,,", "leak,motor,,,,,")
    assert load(folder.plant, {}).plant.responses == {}


def test_a_spreadsheet_may_write_semicolons_a_mark_before_them_and_lines_within_a_cell(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    rows = f'{HEAD.replace(",", ";")}\r\nleak;;;"Seal; worn.\r\nOr dry.";;;"\'=Stop"\r\n'
    folder.table.write_bytes(b"\xef\xbb\xbf" + rows.encode())
    folder.plant.write_text(import_responses(folder.table, folder.plant)[0], encoding="utf-8")
    assert folder.says("leak", "pump") == FaultResponse("Seal; worn.\r\nOr dry.", "", None, "=Stop")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (("leek,,,,,,x",), "2: fault: found 'leek'"),
        (("leak,pmup,,,,,x",), "2: kind: found 'pmup'"),
        (("leak,,,,,soon,x",), "2: respond_within: found 'soon'"),
        (("leak,,,,,8d,x",), "at most 7d"),
        (("leak,,low,,,,x",), "2: severity: found 'low'"),
        ((f"leak,,,,,,{'x' * 2_001}",), "2: action: found 2,001 characters"),
        (("leak,,,,,,x", "leak,,,,,,y"), "3: fault: found leak again, expected it once; line 2 has it"),
        (("leak,,,,,x",), "2: row: found 6 cells"),
        (('leak,,,,,,"x',), "row: found"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_with_line_and_column(tmp_path: Path, rows, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        Folder(tmp_path).take(*rows)
    assert told in str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        Folder(tmp_path).take("leek,,,,,soon,x", 'leak,,,"two\nlines",,,x', "burst,pmup,,,,,x")
    assert [(one.line, one.path) for one in error.value.mistakes] == [(2, "fault"), (2, "respond_within"), (5, "kind")]


@pytest.mark.parametrize(
    ("head", "told"), [("fault,kind", "no such column"), (f"{HEAD},cuase", "cuase"), ("", "column")]
)
def test_a_table_with_other_columns_is_refused(tmp_path: Path, head: str, told: str) -> None:
    folder = Folder(tmp_path)
    folder.table.write_text(head, encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        import_responses(folder.table, folder.plant)


def test_a_table_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.table.write_bytes(f"{HEAD}\nleak,,,Stopfbüchse,,,x\n".encode("cp1252"))
    with pytest.raises(ConfigError, match=r"table\.csv:2: row: found b'\\xfc', expected CSV saved as UTF-8"):
        import_responses(folder.table, folder.plant)


def test_a_fault_that_is_shared_by_an_anchor_is_left_to_a_person(tmp_path: Path) -> None:
    folder = Folder(tmp_path, PLANT.replace("response:        # after", "response: &all   # after"))
    with pytest.raises(BadValueError, match=r"faults\.leak"):
        folder.take("leak,,,x,,,")


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")), max_size=200)


@given(cause=words, action=words, kinds=words, within=st.none() | st.integers(1, 604_800), flow=st.booleans())
def test_any_text_comes_through_table_and_file_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, cause: str, action: str, kinds: str, within: int | None, flow: bool
) -> None:
    cause, action, kinds = cause.strip(), action.strip(), kinds.strip()
    folder = Folder(tmp_path_factory.mktemp("plant"), FLOW if flow else PLANT)
    out = io.StringIO()
    csv.writer(out).writerow(["burst", "", "", cause, "all", "" if within is None else f"{within}s", f"x {action}"])
    csv.writer(out).writerow(["burst", "pump", "", "x", "all", "1h", f"{kinds} x"])
    folder.take(out.getvalue().strip("\r\n"))
    assert folder.says("burst", "motor") == FaultResponse(cause, "all", within, f"x {action}".strip())
    again = folder.plant.read_text(encoding="utf-8")
    folder.table.write_text(export_responses(folder.plant), encoding="utf-8", newline="")
    assert import_responses(folder.table, folder.plant) == (again, "")
