"""What the tests start ends with them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.processes import MARK
from tests.support.waiting import eventually

CONFTEST = 'pytest_plugins = ["tests.support.processes"]\n'
SLEEPER = "import time; time.sleep(600)"
STARTS = f"""
import pathlib, subprocess, sys, threading

SLEEP = [sys.executable, "-c", {SLEEPER!r}]
ORPHAN = f"import subprocess; print(subprocess.Popen({{SLEEP!r}}, stdout=subprocess.DEVNULL).pid)"

def test_it():
    orphan = subprocess.check_output([sys.executable, "-c", ORPHAN], start_new_session=True, text=True)
    child = subprocess.Popen(SLEEP, start_new_session=True)
    pathlib.Path("started.part").write_text(f"{{orphan}} {{child.pid}}")
    pathlib.Path("started.part").rename("started")
"""
STAYS = STARTS + "    threading.Event().wait()\n"


@contextmanager
def pytest_in(folder: Path, test: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Run pytest on one test, as if nobody had started this one."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {name: value for name, value in os.environ.items() if name != MARK and "XDIST" not in name}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, "."]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as outer:
        try:
            yield outer
        finally:
            outer.kill()


def started(folder: Path) -> list[int]:
    eventually((folder / "started").exists)
    return [int(word) for word in (folder / "started").read_text().split()]


def alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_when_pytest_is_ended_what_its_tests_started_ends_too(tmp_path: Path, number: int, workers: str) -> None:
    with pytest_in(tmp_path, STAYS, "-n", workers) as outer:
        processes = started(tmp_path)
        assert all(alive(process_id) for process_id in processes)
        outer.send_signal(number)
        outer.communicate(timeout=60)
    eventually(lambda: not any(alive(process_id) for process_id in processes))


def test_a_test_that_leaves_a_process_behind_fails_the_run_by_name(tmp_path: Path) -> None:
    with pytest_in(tmp_path, STARTS) as outer:
        text, _ = outer.communicate(timeout=100)
    assert outer.returncode == 1, text
    told = {line.lstrip("E ") for line in text.splitlines() if SLEEPER in line}  # CI repeats them in its summary
    assert len(told) == 2, text
    assert "started in test_it.py::test_it (call)" in text
    assert not any(alive(process_id) for process_id in started(tmp_path))
