"""Waiting for what happens in another thread or process and tells nobody: look, with a deadline."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(true: Callable[[], T], within_s: float = 60.0, every_s: float = 0.005) -> T:
    """Return ``true()`` as soon as it holds."""
    deadline, between_looks = time.monotonic() + within_s, threading.Event()
    while not (found := true()):
        assert time.monotonic() < deadline, f"it did not happen within {within_s:g} s"
        between_looks.wait(every_s)
    return found
