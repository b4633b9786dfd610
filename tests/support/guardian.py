"""Ends the processes that tests started, once the tests themselves no longer can: ``python guardian.py PID MARK``.

It waits for the process ``PID`` to be gone, however it died, and then ends every process whose environment carries
``MARK``. It is started as a file of its own, in a session of its own, so that no signal to the tests reaches it.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "AEGISFLOW_TEST_RUN"
"""Each pytest process appends its own id to the value that it inherits: children carry the way to their ancestors."""
GRACE_S = 3.0
LOOK_AGAIN_S = 0.25
"""So often it is looked for what those that are to end have started meanwhile, if none of them ends before."""


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
        _wait_for_an_end(processes, LOOK_AGAIN_S)


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


def _wait_for_an_end(process_ids: Iterable[int], within_s: float | None = None) -> None:
    """Return once one of several processes is gone, or so many seconds have passed."""
    handles: list[int] = []
    ends = select.poll()
    try:
        for process_id in process_ids:
            handles.append(os.pidfd_open(process_id))
            ends.register(handles[-1], select.POLLIN)
        ends.poll(None if within_s is None else within_s * 1_000)
    except ProcessLookupError:  # gone already
        pass
    finally:
        for handle in handles:
            os.close(handle)


if __name__ == "__main__":
    _wait_for_an_end([int(sys.argv[1])])
    end(sys.argv[2])
