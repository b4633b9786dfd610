"""A recording gives the same in every interpreter, and the same as when its digest was accepted."""

import subprocess
import sys
from pathlib import Path

import pytest

from aegisflow.cli import main
from aegisflow.errors import RecordingError
from aegisflow.offline.backtest.record import difference_of, record
from aegisflow.offline.recordings.options import ReadingOptions
from tests.offline.digests import CASES, kept, outcome_of


@pytest.mark.parametrize(
    "name",
    ["reference day", *(pytest.param(name, marks=pytest.mark.long) for name in CASES if name != "reference day")],
)
def test_what_is_found_in_a_recording_is_what_was_accepted(name: str, tmp_path: Path) -> None:
    outcome = outcome_of(CASES[name], tmp_path)
    assert outcome.difference == ""
    assert outcome.digest == kept()[name], "the detection has changed: `make digests` accepts it"


def test_a_digest_is_printed_and_no_file_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pump-01.csv"
    path.write_text("timestamp,flow\n01/02/2026,1\n01/03/2026,2\n", encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["backtest", str(path), "--record", "--day-first"])
    assert left.value.code == 0
    digest, name = capsys.readouterr().out.split()
    assert (len(digest), name) == (64, "pump-01.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["pump-01.csv"]


def test_a_recording_that_cannot_be_read_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "pump-01.csv"
    path.write_text('timestamp,flow\n2026-02-01,"998"\n2026-02-02,"1,011"\n', encoding="utf-8")
    with pytest.raises(RecordingError, match=r"--decimal \. or --decimal ,"):
        record(path, None, ReadingOptions())


def test_runs_that_differ_are_told_by_their_first_lines(tmp_path: Path) -> None:
    places = [tmp_path / "1", tmp_path / "2"]
    for place, last in zip(places, ("b,1", "c,1"), strict=True):
        place.mkdir()
        (place / "alarms.csv").write_text(f"device_id\na,1\n{last}\n", encoding="utf-8")
    assert difference_of("alarms.csv", places) == "alarms.csv:3: 'b,1' and 'c,1'"


def test_nobody_else_can_be_asked_while_a_run_is_recorded() -> None:
    reaches = (
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo('localhost', 9)",
        "subprocess.run(['true'])",
        "os.system('true')",
    )
    code = "import os, socket, subprocess, sys\nfrom aegisflow.offline.backtest.record import forbid_others\n"
    code += "sys.addaudithook(forbid_others)\n"
    for reach in reaches:
        code += f"try:\n    {reach}\nexcept RuntimeError as error:\n    print(error)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("a run that is recorded reached for") == len(reaches)
