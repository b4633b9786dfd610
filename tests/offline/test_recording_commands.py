"""``aegisflow backtest`` and ``aegisflow tune`` as a person types them: exit codes, and what is printed where."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aegisflow.cli import main
from tests.support.recordings import noise, recorded

Outcome = tuple[int, str, str]


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command on a recording of some text; give exit code, what it printed, and what it complained of."""

    def typed(command: str, text: str, *options: str) -> Outcome:
        path = tmp_path / "pump-01.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as left:
            main([command, str(path), *options])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return typed


def test_a_recording_that_is_read_ends_with_0_and_says_what_was_concluded(typed) -> None:
    code, out, err = typed("backtest", recorded(noise(100), delimiter=";"))
    assert (code, err) == (0, "")
    assert "100 readings of 1 device" in out
    code, out, _ = typed("backtest", "Date;Time;flow\n13.02.2026;10:00;1,5\n13.02.2026;10:05;1,5\n")
    assert code == 0
    assert "  concluded times in two columns, Date and Time (--time-column)\n" in out
    assert "  concluded decimal commas: flow (--decimal .)\n" in out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("timestamp,flow\n2026-02-01,\n2026-02-02,nan\n", "no column of numbers, expected at least one sensor"),
        ("timestamp,device,flow\n2026-02-01,,1\n2026-02-02,,2\n", "no reading in 2 rows (2 unknown_device)"),
        ('timestamp,flow\n2026-02-01,"998"\n2026-02-02,"1,011"\n', "expected --decimal . or --decimal ,"),
        ("", "a header with a column timestamp"),
    ],
)
def test_a_recording_of_which_nothing_is_read_ends_with_2_and_no_figures(typed, tmp_path, text, complaint) -> None:
    code, out, err = typed("backtest", text, "--alarms", str(tmp_path / "alarms.csv"))
    assert (code, out) == (2, "")
    assert complaint in err
    assert "Traceback" not in err
    assert not (tmp_path / "alarms.csv").exists()


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("timestamp,flow\n01/02/2026,1\n01/03/2026,1\n", ["--month-first"]),
        ('timestamp,flow\n2026-02-01,"998"\n2026-02-02,"1,011"\n', ["--decimal", ","]),
        ("Tag,Zeit,flow\n1.2.2026,10:00,1\n", ["--time-column", "Tag", "--time-column", "Zeit"]),
        ("a~flow\n10h2026-02-01~1\n", ["--separator", "~", "--time-column", "a", "--time-format", "%Hh%Y-%m-%d"]),
        ("timestamp,flow\n2026-02-01,-200\n2026-02-02,Bad\n2026-02-03,1\n", ["--missing=-200", "--missing", "Bad"]),
        ("timestamp,who,fault\n2026-02-01,x,1\n", ["--device-column", "who", "--label-column", "none"]),
    ],
)
def test_what_a_person_says_settles_it(typed, text, options) -> None:
    code, _, err = typed("backtest", text, *options)
    assert (code, err) == (0, "")


def test_options_that_cannot_be_end_with_2(typed) -> None:
    assert typed("backtest", recorded(noise(9)), "--day-first", "--month-first")[0] == 2
    assert typed("backtest", recorded(noise(9)), "--decimal", "x")[0] == 2
    assert typed("backtest", recorded(noise(9)), "--timezone", "Nowhere/Here")[0] == 2


def test_a_proposal_goes_to_standard_output_and_how_the_file_was_read_does_not(typed, tmp_path) -> None:
    plant = tmp_path / "plant.yaml"
    sensor = "{unit: bar, normal: [9.9, 10.1], deadband: 9, detector: {threshold: 9}}"
    plant.write_text(
        f"plant: {{name: works}}\nkinds: {{pump: {{sensors: {{flow: {sensor}}}}}}}\n"
        "lines: {one: {devices: {pump-01: pump}}}\n",
        encoding="utf-8",
    )
    code, out, err = typed("tune", recorded(noise(3000)), "--plant", str(plant))
    assert code == 0
    assert out.startswith("--- plant.yaml\n+++ proposed\n")
    assert "taken     3,000" in err
    code, out, err = typed("tune", "timestamp,flow\n,1\n,2\n", "--plant", str(plant))
    assert (code, out) == (2, "")
