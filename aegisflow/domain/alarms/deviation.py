"""How far a value is from what is usual, in words that a person can read, however absurd the figures are."""

__all__ = ["MANY", "NEVER_MOVED", "describe_deviation"]

MANY = 1_000.0
"""Spreads from which on their number says nothing."""
NEVER_MOVED = "never moved before"
_STILL = 1e-6
"""Part of a value below which a spread is no more than rounding: the sensor had shown one value only."""


def describe_deviation(value: float, baseline: float, spread: float, z: float) -> str:
    """Return ``+3.2 spreads``, ``more than 1,000 spreads``, or that a sensor had never moved before.

    Args:
        value: in the unit of the sensor, as are the two that follow.
        baseline: what is usual for it.
        spread: its usual standard deviation; 0 where it never moved.
        z: how many spreads the value is away.
    """
    if abs(z) < MANY:
        return f"{z:+.1f} spreads"
    if not spread > _STILL * max(abs(value), abs(baseline)):
        return NEVER_MOVED
    return f"more than {MANY:,.0f} spreads"
