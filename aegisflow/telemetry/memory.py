"""How much of the process's memory is in use: what libc has handed out, and how many blocks Python has.

The operating system counts more, for memory that is free again is kept for later. Only what is in use tells a leak.
"""

import ctypes
import math
import sys
from typing import NamedTuple

__all__ = ["Heap", "heap", "python_blocks"]

_FIELDS = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip


class _Mallinfo2(ctypes.Structure):
    """As ``malloc.h`` has it."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


class Heap(NamedTuple):
    """The heap of libc, in bytes: SQLite's cache and arrays are in it, Python's small objects are not."""

    in_use: float
    free: float


def heap() -> Heap:
    """Return how much of libc's heap is in use, and how much is kept free; not a number where libc does not tell."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError):  # another C library, or glibc before 2.33
        return Heap(math.nan, math.nan)
    ask.restype = _Mallinfo2
    found = ask()
    return Heap(float(found.uordblks + found.hblkhd), float(found.fordblks))


def python_blocks() -> float:
    """Return how many blocks of memory Python's own objects take."""
    return float(sys.getallocatedblocks())
