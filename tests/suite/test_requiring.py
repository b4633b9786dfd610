import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT

REPOSITORY = ROOT
SKIPS = """
import pytest
def test_there(): pass
def test_away(): pytest.skip("no such program")
@pytest.fixture
def server(): pytest.skip("no such server")
def test_without_server(server): pass
@pytest.mark.xfail
def test_known(): assert False
"""
SKIPS_ITSELF = 'import pytest\npytest.importorskip("no_such_library")\n'


@pytest.mark.parametrize(
    ("required", "code", "words"),
    [
        ("", 0, ["1 passed, 3 skipped, 1 xfailed"]),
        ("1", 1, ["no such program", "no such server", "no_such_library", "1 xfailed"]),
    ],
)
def test_a_skipped_test_fails_where_all_are_required(
    tmp_path: Path, required: str, code: int, words: list[str]
) -> None:
    (tmp_path / "conftest.py").write_text("from tests.support.requiring import *\n")
    (tmp_path / "test_skips.py").write_text(SKIPS)
    (tmp_path / "test_itself.py").write_text(SKIPS_ITSELF)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "AEGISFLOW_REQUIRE_ALL_TESTS": required, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", "--continue-on-collection-errors", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout
    for part in words:
        assert part in done.stdout


FOREIGN = """
import pytest
def test_there(): pass
@pytest.mark.foreign("python3")
def test_at_hand(): pass
@pytest.mark.foreign("no-such-program-of-anybody")
def test_of_nobody(): assert False
"""


def test_what_no_package_brings_is_no_test_where_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.support.requiring import *\n")
    (tmp_path / "test_foreign.py").write_text(FOREIGN)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = foreign: of a program that no package brings\n")
    environment = {**os.environ, "AEGISFLOW_REQUIRE_ALL_TESTS": "1", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 passed, 1 deselected" in done.stdout
