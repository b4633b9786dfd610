"""How a driver that is told to end leaves: with everything that it has started."""

import signal
import sys


def leave_nothing_behind() -> None:
    """Have SIGTERM end this process as Ctrl-C does, so that the processes that it has started end with it."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
