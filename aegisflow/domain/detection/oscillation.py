"""Oscillation of a level, found by its turning points."""

from typing import Final

HELD: Final = 60
"""An oscillation lasts for this many readings after its last turn, or for a whole period if that is longer."""
MAX_BETWEEN_TURNS: Final = 360
"""The most readings between two turns of one oscillation."""
_FORGET: Final = 1 / (2 * MAX_BETWEEN_TURNS)
"""How fast an extreme is forgotten from which the level does not turn back; per reading."""


class Oscillation:
    """Finds a level that goes up and down, by turning points as in rainflow counting (ASTM E1049).

    The smoothed deviation turns when it comes back from its extreme by ``reach`` spreads. One turn
    is a peak or the end of a disturbance, and a step has none; two within 360 readings are an
    oscillation, whatever its period or its shape. A ratio of variances could not tell it from a step.

    An oscillation is over when it has not turned for a whole period. That is the sum of its last two
    half-periods, since going up need not take as long as going down; at first it is twice the only
    half-period that is known.
    """

    __slots__ = ("_direction", "_extreme", "_interval", "_period", "_since", "turns")

    def __init__(self) -> None:
        self.turns = 0
        """Turns of the present oscillation so far."""
        self._direction = 0
        self._extreme = 0.0
        self._since = 0
        self._interval = 0
        self._period = HELD

    def update(self, smooth: float, reach: float) -> None:
        """Take in the smoothed deviation; ``reach`` says how far back counts as a turn. Both are in spreads."""
        if self.turns:
            self._since += 1
            if self._since > MAX_BETWEEN_TURNS or (self.turns > 1 and self._since > self._period):
                self.turns = 0
        direction, extreme = self._direction, self._extreme
        if direction > 0:
            if smooth > extreme:
                self._extreme = smooth
            elif smooth < extreme - reach:
                self._turn(-1, smooth)
            else:
                self._extreme += (smooth - extreme) * _FORGET
        elif direction < 0:
            if smooth < extreme:
                self._extreme = smooth
            elif smooth > extreme + reach:
                self._turn(1, smooth)
            else:
                self._extreme += (smooth - extreme) * _FORGET
        elif abs(smooth) > reach / 2:
            self._direction = 1 if smooth > 0 else -1
            self._extreme = smooth

    def _turn(self, direction: int, smooth: float) -> None:
        self._direction = direction
        self._extreme = smooth
        # Before the first turn there is nothing that a half-period could count from.
        interval = self._since if self.turns else 0
        self._period = max(HELD, interval + (self._interval or interval))
        self._interval = interval
        self._since = 0
        self.turns += 1

    @property
    def present(self) -> bool:
        """Whether the level oscillates."""
        return self.turns >= 2
