"""The compiled core: taken for the very sources that it was made from, and never for others."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aegisflow import compiled
from tests.support.places import ROOT

BUILT = ROOT / "build" / "compiled"
LOADED = """
import importlib, pathlib, sys
from aegisflow import compiled
found = {pathlib.Path(importlib.import_module(name).__file__).suffix for name in compiled.MODULES}
print(compiled.described(), *sorted(found))
"""
COMPILED, PURE = "compiled .so", "pure Python .py"


def copied(folder: Path) -> Path:
    """Copy what the core is compiled from, as another checkout; return the package."""
    package = folder / "aegisflow"
    shutil.copytree(ROOT / "aegisflow" / "domain", package / "domain", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "compiled.py", "errors.py"):
        shutil.copy(ROOT / "aegisflow" / name, package)
    return package


def loaded(folder: Path, **variables: str) -> str:
    """Return which core a program of this checkout runs, and which files its modules come from."""
    told = {name: value for name, value in os.environ.items() if name != compiled.SWITCH}
    told |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, "-c", LOADED]
    return subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout that has its compiled core as well."""
    folder = BUILT / compiled.key()
    if not compiled.Compiled(folder).is_whole:
        pytest.skip("the core of these sources is not compiled: make setup")
    copied(tmp_path)
    shutil.copytree(folder, tmp_path / "build" / "compiled" / folder.name)
    return tmp_path


def test_every_source_that_compiled_modules_are_made_from_is_part_of_the_key(tmp_path: Path) -> None:
    package = copied(tmp_path)
    seen = {compiled.key(package)}
    assert seen == {compiled.key()}, "the same sources at another place"
    files = [package / "compiled.py", package / "errors.py", *package.glob("domain/**/*.py")]
    assert {f"aegisflow.{'.'.join(file.relative_to(package).with_suffix('').parts)}" for file in files} > {
        *compiled.MODULES
    }
    for file in files:
        file.write_text(file.read_text() + "\n")
        seen.add(compiled.key(package))
    assert len(seen) == len(files) + 1


@pytest.mark.parametrize(
    "change",
    [
        lambda domain: (domain / "windows.py").rename(domain / "views2.py"),
        lambda domain: (domain / "new.py").write_text(""),
        lambda domain: (domain / "past.py").unlink(),
        lambda domain: (domain / "times.py").write_bytes((domain / "times.py").read_bytes()[:-1]),
    ],
    ids=["renamed", "added", "deleted", "shortened"],
)
def test_a_file_more_or_less_is_another_key(tmp_path: Path, change: Callable[[Path], object]) -> None:
    package = copied(tmp_path)
    before = compiled.key(package)
    change(package / "domain")
    assert compiled.key(package) != before


def test_the_compiled_core_of_these_sources_is_taken_unless_pure_python_is_wanted(checkout: Path) -> None:
    assert loaded(checkout) == COMPILED
    assert loaded(checkout, AEGISFLOW_PURE="1") == PURE


def test_sources_that_were_edited_since_run_as_they_are(checkout: Path) -> None:
    file = checkout / "aegisflow" / "domain" / "equipment.py"  # which is not compiled itself
    before = file.read_text()
    file.write_text(before + "\n")
    assert loaded(checkout) == PURE
    file.write_text(before)
    assert loaded(checkout) == COMPILED


def test_half_a_compiled_core_is_none(checkout: Path) -> None:
    next(checkout.glob("build/compiled/*/*windows*")).unlink()
    assert loaded(checkout) == PURE


def test_a_wheel_brings_its_own_and_needs_no_checkout(checkout: Path) -> None:
    (checkout / "build" / "compiled").rename(checkout / "aegisflow" / "_compiled")
    assert loaded(checkout) == COMPILED


@pytest.mark.parametrize(
    ("variables", "why"),
    [({"CC": "no-such-compiler"}, "there is no C compiler (no-such-compiler)"), ({"AEGISFLOW_PURE": "1"}, "is set")],
    ids=["no compiler", "not wanted"],
)
def test_without_a_compiler_setup_says_in_one_line_that_pure_python_runs(variables: dict[str, str], why: str) -> None:
    told = {name: value for name, value in os.environ.items() if name != compiled.SWITCH} | variables
    done = subprocess.run(
        [sys.executable, "hatch_build.py"], cwd=ROOT, env=told, capture_output=True, text=True, check=True
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith("AegisFlow runs in pure Python: ")
    assert line.endswith(why)
    assert not done.stderr
