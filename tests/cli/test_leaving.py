"""How the process ends while a thread is still at work."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading
from aegisflow import __main__ as program

def main():
    print("told")
    sys.exit({code!r})

program.main = main
atexit.register(print, "unwound")
if {busy}:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
program.run()
"""


@pytest.mark.parametrize(("code", "status"), [(0, 0), (None, 0), (3, 3), (130, 130), ("it went wrong", 1)])
@pytest.mark.parametrize("busy", [True, False])
def test_a_thread_at_work_is_not_cut_off_and_nothing_told_is_lost(busy: bool, code: object, status: int) -> None:
    program = PROGRAM.format(code=code, busy=busy)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == status, ended.stderr
    assert ended.stdout.split() == (["told"] if busy else ["told", "unwound"])
