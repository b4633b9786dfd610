"""How much the tests that could go on for ever do: little every day, much where ``--long`` asks for it."""

import os

LONG = os.environ.get("AEGISFLOW_LONG_TESTS") == "1"
"""Set by ``pytest --long``, before the tests are imported."""
MACHINE_STEPS = int(os.environ.get("AEGISFLOW_MACHINE_STEPS") or (200_000 if LONG else 5_000))
"""Steps of commands in any order."""
KILL_ROUNDS = int(os.environ.get("AEGISFLOW_KILL_ROUNDS") or (300 if LONG else 12))
"""Kills of core, machines and broker under command."""


def examples(most: int) -> int:
    """Return of how many examples a property that costs seconds is shown: of ``most`` in the long run only."""
    return most if LONG else max(3, most // 3)
