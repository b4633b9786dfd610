"""No process outlives the tests: hooks and a fixture for ``conftest.py``, whatever starts the process and however.

Every process that a test starts inherits a mark in its environment. At the end of a run none with that mark may be
left, or the run fails and names who started it. If pytest itself is ended from outside, the guardian ends them.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import guardian
from tests.support.waiting import eventually

MARK = guardian.VARIABLE
ENDS_WITH_ITS_PARENT = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Helpers of the standard library, which live as long as the process that they help."""


def pytest_configure() -> None:
    """Mark what this process starts, and let the guardian watch the outermost of several pytest processes."""
    inherited = os.environ.get(MARK)
    os.environ[MARK] = f"{inherited or uuid.uuid4().hex}/{os.getpid()}"
    if not inherited and hasattr(os, "pidfd_open"):
        command = [sys.executable, "-I", "-S", guardian.__file__, str(os.getpid()), os.environ[MARK]]
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        null = subprocess.DEVNULL
        subprocess.Popen(command, env=environment, start_new_session=True, stdin=null, stdout=null, stderr=null)


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind() -> Iterator[None]:
    """Fail a run that leaves processes behind, and end them."""
    yield
    try:
        eventually(lambda: not left_behind(), within_s=10)
    except AssertionError:
        told = "\n".join(left_behind())
        guardian.end(os.environ[MARK])
        pytest.fail(f"processes were left behind:\n{told}", pytrace=False)


def left_behind() -> list[str]:
    """Return a line for each process below this one that is still there."""
    lines = []
    for process_id, environment in guardian.marked(os.environ[MARK]).items():
        command = ""
        with suppress(OSError):
            command = Path(f"/proc/{process_id}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if command and not any(helper in command for helper in ENDS_WITH_ITS_PARENT):
            lines.append(f"{process_id}: {command[:200]} (started in {environment.get('PYTEST_CURRENT_TEST', '?')})")
    return lines
