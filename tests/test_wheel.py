"""What people get who install AegisFlow: a wheel, looked at from outside of the checkout."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from itertools import takewhile
from pathlib import Path

import pytest

from aegisflow import compiled

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    # With the core that ``make setup`` has compiled; compiling takes longer than all that is tested here.
    is_built = compiled.Compiled(ROOT / "build" / "compiled" / compiled.key()).is_whole
    variables = dict(os.environ) if is_built else {**os.environ, compiled.SWITCH: "1"}
    subprocess.run(build, cwd=ROOT, env=variables, check=True, capture_output=True, timeout=100)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel in it; what AegisFlow needs is this environment's."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    install = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True, timeout=100)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(python), *arguments]
    return subprocess.run(command, cwd=cwd, env=outside(), capture_output=True, text=True, timeout=100, check=False)


def outside() -> dict[str, str]:
    """The variables without the one that leads back into the checkout."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_wheel_installs_nothing_at_the_top_but_aegisflow(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"aegisflow", "aegisflow-0.1.0.dist-info"}
    assert "aegisflow/py.typed" in names
    assert "aegisflow/search/small-words.txt" in names
    assert "aegisflow/mcp/view/view.html" in names
    console = ROOT / "aegisflow" / "console"
    files = (path for part in ("templates", "static") for path in (console / part).rglob("*") if path.is_file())
    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(names)
    assert not [name for name in names if name.endswith(".pyc") or "/tests/" in name]


def test_every_module_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "aegisflow").rglob("*.py")}
    machines = {f"aegisflow/simulator/{path.name}" for path in (ROOT / "simulator").glob("*.py")}
    assert ours | machines <= names


def test_a_wheel_with_the_compiled_core_is_for_one_platform_and_runs_it(
    wheel: Path, installed: Path, tmp_path: Path
) -> None:
    is_compiled = any(name.startswith("aegisflow/_compiled/") for name in zipfile.ZipFile(wheel).namelist())
    assert is_compiled == (not wheel.name.endswith("-py3-none-any.whl"))
    assert not (is_compiled and os.environ.get(compiled.SWITCH)), "it was built where pure Python is wanted"
    version = run(installed, str(installed.parent / "aegisflow"), "--version", cwd=tmp_path).stdout
    assert version == f"0.1.0 ({'compiled' if is_compiled else 'pure Python'})\n"


def test_the_command_of_the_wheel_runs_with_the_simulator_in_it(installed: Path, tmp_path: Path) -> None:
    where = run(installed, "-c", "import aegisflow; print(aegisflow.__file__)", cwd=tmp_path)
    assert where.stdout.startswith(str(installed.parent.parent)), where.stderr
    command = str(installed.parent / "aegisflow")
    helped = run(installed, command, "simulate", "--help", cwd=tmp_path)
    assert helped.stdout.startswith("usage: aegisflow simulate")
    day = ("dataset", "day.csv", "--faults", "none", "--interval", "600")
    made = run(installed, command, "simulate", *day, cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert (tmp_path / "day.csv").read_text().startswith("timestamp,device_id,")


def test_the_wheel_alone_begins_a_plant_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    command = str(installed.parent / "aegisflow")
    for arguments in (["works"], ["sample", "--sample"]):
        made = run(installed, command, "init", *arguments, "--operator", "anna", cwd=tmp_path)
        assert (made.returncode, made.stderr) == (0, "")
        checked = run(installed, command, "check", cwd=tmp_path / arguments[0])
        assert checked.returncode == 0, checked.stderr
        assert "mistake" not in checked.stderr
    assert "compressor-01" in checked.stdout
    assert (tmp_path / "sample" / "manuals" / "pump.md").read_bytes() == (ROOT / "manuals" / "pump.md").read_bytes()
    missing = run(installed, command, "check", cwd=tmp_path)
    assert missing.returncode == 1
    assert "aegisflow init DIR" in missing.stderr


def test_the_wheel_alone_makes_a_plant_file_of_a_capture_and_explains_a_message(
    installed: Path, tmp_path: Path
) -> None:
    command = str(installed.parent / "aegisflow")
    said = (
        f'{1_773_480_000 + 5 * i} home/z2m/Cold store {{"temperature":{4 + i / 8},"linkquality":90}}' for i in range(20)
    )
    (tmp_path / "heard.txt").write_text("\n".join(said))
    found = run(installed, command, "discover", "--from", "heard.txt", "--out", "works/plant.yaml", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert "20 of 20 messages give 20 values" in found.stderr
    sample = ("--sample", "home/z2m/Cold store", '{"temperature":4.5,"linkquality":90}')
    explained = run(installed, command, "check", "works/plant.yaml", *sample, cwd=tmp_path)
    assert (explained.returncode, explained.stderr) == (0, "")
    assert "temperature = 4.5 °C" in explained.stdout


@pytest.mark.long
@pytest.mark.broker
@pytest.mark.timeout(240)
def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    command = [str(installed), "-u", "-m", "aegisflow", "demo", "--speed", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=outside(), stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            told = list(takewhile(lambda line: "stored" not in line, demo.stdout))
            demo.send_signal(signal.SIGINT)
            assert demo.wait(30) in (0, 130), told
        finally:
            demo.kill()
    assert any("155,520 readings" in line for line in told), told


OUTSIDE = """
from aegisflow.domain.times import parse_instant
from aegisflow.errors import UnknownNameError
from aegisflow.plant.protocol import Plant


def names(plant: Plant) -> list[str]:
    reveal_type(plant.inventory().devices)
    at: str = parse_instant("2026-01-31T08:00:00Z")
    raise UnknownNameError("device", at, list(plant.inventory().devices))
"""


@pytest.mark.long
def test_a_type_checker_outside_of_the_checkout_sees_our_types(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(OUTSIDE)
    checked = run(
        Path(sys.executable),
        *("-m", "mypy", "--python-executable", str(installed), "--output", "json", "--cache-dir", str(tmp_path)),
        *("--follow-imports", "silent", "outside.py"),
        cwd=tmp_path,
    )
    found = [json.loads(line) for line in checked.stdout.splitlines() if line.startswith("{")]
    assert [(one["line"], one["message"]) for one in found] == [
        (8, 'Revealed type is "typing.Mapping[str, aegisflow.domain.equipment.DeviceSpec]"'),
        (9, 'Incompatible types in assignment (expression has type "float", variable has type "str")'),
    ], checked.stdout + checked.stderr
