"""The commands that end by themselves, in this process."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aegisflow.cli.main import COMMANDS
from aegisflow.domain.credentials import device_key
from tests.support.places import ROOT

REPOSITORY = ROOT
SHIPPED = str(REPOSITORY / "config/plant.yaml")


def test_check_shows_the_shipped_plant(run):
    code, out, _ = run("check", SHIPPED)
    assert code == 0
    for name in ("line-1", "compressor-01", "motor-02", "pump-03", "vibration"):
        assert name in out


def test_the_table_of_the_readme_names_every_command():
    rows = re.findall(r"^\| (`aegisflow .*?) \|", (REPOSITORY / "README.md").read_text("utf-8"), re.MULTILINE)
    named = {word for row in rows for code in re.findall("`(.*?)`", row) for word in code.split()}
    assert set(COMMANDS) - named == {"agents"}  # the same as agent


def test_check_shows_every_mistake_and_exits_with_1(run, tmp_path):
    file = tmp_path / "plant.yaml"
    text = Path(SHIPPED).read_text()
    file.write_text(text.replace("unit: mm/s", "unit: mm/sec").replace("window: 60", "window: sixty"))
    code, out, err = run("check", str(file))
    assert code == 1
    assert out == ""
    assert "defaults.detector.window" in err
    assert "mm/sec" in err
    assert "Traceback" not in err


def test_v7_the_key_of_a_device_is_printed_for_it_alone(run, tmp_path, monkeypatch):
    file = tmp_path / "plant.yaml"
    text = Path(SHIPPED).read_text(encoding="utf-8")
    assert "\nbroker:\n" in text
    file.write_text(text.replace("\nbroker:\n", "\nbroker:\n  readings_key_env: CLI_READINGS_KEY\n"), encoding="utf-8")
    monkeypatch.delenv("CLI_READINGS_KEY", raising=False)
    assert run("device-key", "pump-01", str(file))[0] == 2
    monkeypatch.setenv("CLI_READINGS_KEY", "new old")
    printed = run("device-key", "pump-01", str(file))[1].strip()
    assert printed == device_key(b"new", "pump-01")
    code, _, err = run("device-key", "pump-99", str(file))
    assert code == 1
    assert "pump-99" in err


def test_f4_check_warns_of_a_unit_that_it_does_not_know(run, tmp_path):
    file = tmp_path / "plant.yaml"
    file.write_text(Path(SHIPPED).read_text().replace("unit: mm/s", "unit: furlong"))
    code, out, err = run("check", str(file))
    assert code == 0
    assert "furlong" in out
    assert err.startswith("warning: 'furlong' is no unit that AegisFlow knows")


def test_schema_is_json_and_the_one_that_is_shipped(run):
    code, out, _ = run("schema")
    assert code == 0
    assert json.loads(out) == json.loads((REPOSITORY / "config/plant.schema.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("serve", "--plant", "missing.yaml"), 2, "missing.yaml"),
        (("mcp", "--connect", "ftp://somewhere"), 1, "http address"),
        (("fly",), 2, 'Unknown command "fly"'),
    ],
)
def test_what_cannot_be_done_is_said_in_one_message_without_a_traceback(tmp_path, arguments, code, named):
    environment = {"PATH": "/usr/bin", "COLUMNS": "200", "AEGISFLOW_STORE_URL": f"sqlite:///{tmp_path}/a.db"}
    command = [sys.executable, "-m", "aegisflow", *arguments]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == code
    assert named in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("serve", "--plant", SHIPPED, "--host", "0.0.0.0"), 1, "AEGISFLOW_TOKEN is empty"),
        (("reload", "--url", "http://127.0.0.1:1"), 1, "is aegisflow serve running?"),
        (("reload", "--url", "file:///etc/passwd"), 1, "not an http address"),
        (("backtest", "missing.csv", "--alarms", "alarms.csv"), 2, "missing.csv"),
        (("serve", "--port", "many"), 2, "--port"),
    ],
)
def test_what_is_asked_for_in_vain_is_said_in_one_message(run, tmp_path, monkeypatch, arguments, code, named):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AEGISFLOW_STORE_URL", f"sqlite:///{tmp_path}/a.db")
    monkeypatch.delenv("AEGISFLOW_TOKEN", raising=False)
    ended_with, out, err = run(*arguments)
    assert (ended_with, out) == (code, "")
    assert named in err
    assert "Traceback" not in err


def test_the_master_alarm_table_goes_out_and_comes_back_into_the_file(run, tmp_path):
    plant, table = tmp_path / "plant.yaml", tmp_path / "table.csv"
    plant.write_text(Path(SHIPPED).read_text())
    plant.chmod(0o640)
    assert run("responses", "export", str(table), "--plant", str(plant))[0] == 0
    assert run("responses", "import", str(table), "--plant", str(plant)) == (0, "nothing differs\n", "")
    table.write_text(table.read_text("utf-8-sig").replace("Reduce the load by 30 %.", "Reduce the load by 35 %."))
    code, out, _ = run("responses", "import", str(table), "--plant", str(plant))
    assert code == 0
    assert "+        Reduce the load by 35 %." in out
    assert plant.read_text() == Path(SHIPPED).read_text(), "it is only shown"
    assert run("responses", "import", str(table), "--plant", str(plant), "--write")[1] == out
    assert "Reduce the load by 35 %." in plant.read_text()
    assert plant.stat().st_mode & 0o777 == 0o640
    table.write_text("fault,kind\n")
    code, _, err = run("responses", "import", str(table), "--plant", str(plant), "--write")
    assert code == 2
    assert "no such column" in err


def test_help_names_every_command(run):
    _, out, _ = run("--help")
    for command in ("check", "schema", "serve", "mcp", "reload", "demo", "backtest", "simulate"):
        assert command in out


def test_simulate_passes_everything_on(run):
    code, out, _ = run("simulate", "--help")
    assert code == 0
    assert "dataset" in out


def test_backtest_writes_alarms_and_tells_what_it_did(run, tmp_path):
    recording = tmp_path / "day.csv"
    rows = [f"2026-01-31T00:{index // 12:02d}:{index % 12 * 5:02d}Z,pump-01,31.{index % 7}" for index in range(200)]
    recording.write_text("timestamp,device_id,pressure\n" + "\n".join(rows) + "\n")
    code, out, _ = run("backtest", str(recording), "--alarms", str(tmp_path / "alarms.csv"))
    assert code == 0
    assert "200 readings" in out
    assert (tmp_path / "alarms.csv").read_text().startswith("device_id,type,")


HELP_OF_ALL = """
import sys
from aegisflow.cli import main
try:
    main(["--help"])
finally:
    print(sorted(name for name in sys.modules if name.startswith("aegisflow.")))
    print(sorted({"fastmcp", "numpy", "pykka", "peewee", "pydantic", "rich.markdown", "starlette"} & set(sys.modules)))
"""


def test_the_help_of_all_commands_loads_none_of_them():
    done = subprocess.run([sys.executable, "-c", HELP_OF_ALL], capture_output=True, check=True, text=True)
    *_, ours, heavy = done.stdout.splitlines()
    assert ours == str(["aegisflow.cli", "aegisflow.cli.main", "aegisflow.compiled", "aegisflow.errors"])
    assert heavy == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_where_the_table_says_and_shows_the_text_of_the_table(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0
    if name == "simulate":  # the simulator has a help of its own
        assert out.startswith("usage: aegisflow simulate")
    else:
        shown = " ".join(out.split())
        for paragraph in COMMANDS[name][1].split("\n\n"):
            assert paragraph in shown
        assert f"aegisflow {name}" in shown


def test_texts_for_people_have_no_markup(run):
    _, out, _ = run("--help")
    assert "``" not in out
    assert "``" not in "".join(text for _, text in COMMANDS.values())
