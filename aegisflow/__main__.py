"""The program: ``aegisflow`` and ``python -m aegisflow``."""

import os
import sys
import threading
from typing import NoReturn

from aegisflow.cli import main

__all__ = ["run"]


def run() -> NoReturn:
    """Run the command that was given, and end the process with its exit code."""
    try:
        main()
    except SystemExit as end:
        if any(thread.daemon for thread in threading.enumerate()):
            _leave(end.code)
        raise


def _leave(code: object) -> NoReturn:
    """End without unwinding the threads that are still at work, such as one that loads a model.

    Python would cut each off where it next asks for the interpreter. Inside of a library in C++ that is no place to
    be cut off: the process aborts (SIGABRT), and whoever started it reads that as a crash.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    run()
