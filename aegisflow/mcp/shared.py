"""Answers about the present that several agents ask for at once: worked out for the first, and told to all."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from fastmcp.tools.base import ToolResult

from aegisflow.domain.callers import Caller
from aegisflow.mcp.gate import looks_at_caller
from aegisflow.plant.protocol import PlantSource

__all__ = ["SharedAnswers"]

_FRESH_S = 1.0
_MOST = 64
"""Answers that are kept, of some kilobytes each."""


class _Moment(NamedTuple):
    """When something was asked for."""

    at: float
    """By a monotonic clock."""
    plant_at: float
    """By the plant's clock, which in a replay runs faster."""
    changes: int
    """Counts what has happened to alarms and commands."""


class SharedAnswers:
    """The answers of the last second, for whoever asks the same.

    Dozens of agents that poll ask the same few questions. One is answered as a moment ago only where the answer would
    be the same but for what sensors show: not to somebody else if it was made for one caller, and not once an alarm
    or a command has changed, an agent has called a tool that changes something, or a second has passed, by whatever
    clock. Whether somebody may ask at all is seen to before, at each call.

    Args:
        plant: that answers.
        monotonic: seconds of a clock that nobody sets.
    """

    def __init__(self, plant: PlantSource, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._plant = plant
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, Caller | None], tuple[_Moment, ToolResult]] = {}
        self._rounds = 0

    def forget(self) -> None:
        """Answer nothing as before, and keep nothing of what is being worked out: something changes."""
        with self._lock:
            self._rounds += 1
            self._kept = {}

    def answer(self, who: Caller, question: object, make: Callable[[], ToolResult]) -> ToolResult:
        """Return what ``make`` returns, or returned a moment ago for the same question."""
        plant, rounds = self._plant(), self._rounds
        now = _Moment(self._monotonic(), plant.now(), plant.changes())
        for_all, for_one = (repr(question), None), (repr(question), who)
        for key in (for_all, for_one):
            kept = self._kept.get(key)
            if kept is not None and _is_fresh(kept[0], now):
                return kept[1]
        result, looked = looks_at_caller(make)
        with self._lock:
            if rounds == self._rounds:
                if len(self._kept) >= _MOST:
                    self._kept = {}
                self._kept[for_one if looked else for_all] = now, result
        return result


def _is_fresh(before: _Moment, now: _Moment) -> bool:
    passed_s = max(now.at - before.at, abs(now.plant_at - before.plant_at))
    return passed_s < _FRESH_S and now.changes == before.changes
