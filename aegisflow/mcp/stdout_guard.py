"""The standard output of a stdio server: nothing but the protocol may reach it."""

import os
import sys


def take_stdout() -> int:
    """Return a new descriptor of the real standard output; from now on all other output goes to stderr.

    File descriptor 1 itself is redirected, so that neither a ``print``, nor a C library, nor a child
    process can write between two messages of the protocol.
    """
    sys.stdout.flush()
    wire = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return wire
