"""Waiting for what happens in another thread or process and tells nobody: look, with a deadline."""

import faulthandler
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def eventually(true: Callable[[], T], within_s: float = 60.0, every_s: float = 0.005, what: str = "it") -> T:
    """Return ``true()`` as soon as it holds; ``what`` says of what did not happen in time what it was."""
    deadline, between_looks = time.monotonic() + within_s, threading.Event()
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s:g} s"
        between_looks.wait(every_s)
    return found


def ended(what: str, act: Callable[[], object], within_s: float = 60.0) -> None:
    """Do what waits for somebody without a limit of its own; say where everybody is if it takes too long."""
    thread = threading.Thread(target=act, name=f"ends {what}", daemon=True)
    thread.start()
    thread.join(within_s)
    if thread.is_alive():
        faulthandler.dump_traceback(2)
        raise AssertionError(f"{what} has not ended within {within_s:g} s")


@contextmanager
def told_if_slow(what: str, after_s: float, and_do: Callable[[], object]) -> Iterator[None]:
    """Say what takes so long, where all threads are and whatever else helps, as often as that time has passed."""
    over = threading.Event()

    def watch() -> None:
        began = time.monotonic()
        while not over.wait(after_s):
            print(f"{what} has been going on for {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            faulthandler.dump_traceback(2)
            and_do()

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
