"""How long something has been seen, in time, by readings that come as often as they like."""

from math import inf
from typing import Final

from aegisflow.domain.equipment import Delay

__all__ = ["AGREEING", "Lasting"]

AGREEING: Final = 3
"""Readings that must agree where a statistic speaks: its limits are set for that. A value beyond a limit is certain."""
_EARLY: Final = 0.25
"""Part of an interval by which readings may come early and still fill a delay."""
_BREAK: Final = 1 / 3
"""Part of the on-delay for which a breach must be gone to begin anew when it comes back."""


class Lasting:
    """Says how long something has been seen, reading after reading.

    ::

        readings    q  B  B  B  q  q          B in breach, q quiet
        B lasts        |--------|             each reading stands for the time until the next

    So one reading is enough where readings come less often than the delay is long. What comes back
    within a third of the delay was not gone: at 5 s a quiet reading ends a run that must last for
    15 s, at 50 Hz it takes 5 s of them.
    """

    __slots__ = ("count", "last_at", "since")

    def __init__(self, since: float = inf, count: int = 0) -> None:
        self.since = self.last_at = since
        """UTC epoch seconds of the first and of the newest reading that shows it."""
        self.count = count
        """Readings that show it; one that is certain by itself counts for all that must agree."""

    def seen(self, at: float, count: int = 1) -> None:
        """Take in a reading that shows it."""
        if not self.count:
            self.since = at
        self.count += count
        self.last_at = at

    def unseen(self, at: float, delay: Delay, break_s: float | None = None) -> None:
        """Take in a reading that does not show it; after ``break_s``, or a third of the delay, it is gone."""
        gone_s = delay.seconds * _BREAK if break_s is None else break_s
        if self.count and at - self.last_at >= gone_s - delay.interval_s * _EARLY:
            self.count = 0

    def lasted(self, delay: Delay, agreeing: int = AGREEING) -> bool:
        """Return whether it has been seen for as long as the delay."""
        if self.count < agreeing:
            return False
        return self.last_at - self.since + delay.interval_s * (1 + _EARLY) >= delay.seconds
