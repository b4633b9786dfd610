"""Ends the processes that tests started, once the tests themselves no longer can: ``python guardian.py PID MARK``.

It waits for the process ``PID`` to be gone, however it died, and then ends every process whose environment carries
``MARK``. It is started as a file of its own, in a session of its own, so that no signal to the tests reaches it.
"""

import os
import select
import signal
import sys
import time
from pathlib import Path

VARIABLE = "AEGISFLOW_TEST_RUN"
"""Each pytest process appends its own id to the value that it inherits: children carry the way to their ancestors."""
GRACE_S = 3.0


def marked(mark: str) -> dict[int, dict[str, str]]:
    """Return the processes below the one of this mark, as process id to environment."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (environment := _environment(entry)):
            value = environment.get(VARIABLE, "")
            if (value == mark or value.startswith(mark + "/")) and not _is_zombie(entry):
                found[int(entry.name)] = environment
    found.pop(os.getpid(), None)
    return found


def end(mark: str, grace_s: float = GRACE_S) -> None:
    """End all processes of a mark: by request at first, by force after ``grace_s`` seconds."""
    deadline = time.monotonic() + grace_s
    number = signal.SIGTERM
    while processes := marked(mark):
        for process_id in processes:
            _send(process_id, number)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        time.sleep(0.05)


def _environment(entry: Path) -> dict[str, str]:
    try:
        text = (entry / "environ").read_bytes().decode(errors="replace")
    except OSError:  # it is gone, or somebody else's
        return {}
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def _is_zombie(entry: Path) -> bool:
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _send(process_id: int, number: int) -> None:
    try:
        os.kill(process_id, number)
        if number == signal.SIGTERM:
            os.kill(process_id, signal.SIGCONT)  # what a test has stopped would not hear it
    except OSError:
        pass


def _wait_for_the_end_of(process_id: int) -> None:
    try:
        handle = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    select.select([handle], [], [])


if __name__ == "__main__":
    _wait_for_the_end_of(int(sys.argv[1]))
    end(sys.argv[2])
