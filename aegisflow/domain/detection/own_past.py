"""What foretells the next value of a sensor that is alone: its own past."""

from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CLIP: Final = 4.0
"""An error counts for no more than so many spreads."""
_WEIGHT: Final = 0.05
_RIDGE: Final = 1e-3
_SIGMA: Final = 1.4826
_COARSE: Final = 0.3
"""As in ``normal_model.py``: where most errors are the same, their bulk says nothing."""
LEAST_ROOM = (1.4, 1.3)
"""What the charts of independent Gaussian errors would show once in 100,000 readings, with the error of 400 learned."""
_QUIET: Final = 1e-3
"""Least mean square that is told from none."""


class OwnPast:
    """Foretells each value from those before it, and follows by how much it errs (an autoregression, Box and Jenkins).

    A level that wanders hides a change of noise, of rhythm or of shape: the errors do not wander. Their mean
    square (EWMA) rises where what comes next is no longer what always came next, and falls where the sensor
    lies flatter than it ever did.
    """

    __slots__ = ("_centre", "_scale", "_weights", "energy")

    def __init__(self, embedded: Floats) -> None:
        """Learn from rows of readings side by side, the newest first."""
        past, newest = embedded[:, 1:], embedded[:, 0]
        self._centre = float(newest.mean()) if len(newest) else 0.0
        centred = past - self._centre
        square = centred.T @ centred
        square += np.eye(len(square)) * (_RIDGE * float(np.trace(square)) / max(1, len(square)) + 1e-12)
        weights = np.linalg.solve(square, centred.T @ (newest - self._centre))
        self._weights: list[float] = weights.tolist()
        errors = np.abs(newest - self._centre - centred @ weights)
        mad, deviation = _SIGMA * float(np.median(errors)), float(np.sqrt((errors**2).mean()))
        spread = deviation if mad < _COARSE * deviation else mad
        self._scale = 1 / spread if spread > 1e-12 else 0.0
        self.energy = 1.0
        """EWMA of the squares of the clipped errors; about 1 is usual."""

    def take(self, newest: list[float]) -> None:
        """Take in the newest readings, newest first."""
        off = newest[0] - self._centre
        for place, weight in enumerate(self._weights):
            off -= weight * (newest[place + 1] - self._centre)
        off *= self._scale
        off = _CLIP if off > _CLIP else -_CLIP if off < -_CLIP else off
        self.energy += _WEIGHT * (off * off - self.energy)

    @property
    def quiet(self) -> float:
        """How small the errors are."""
        return -log(max(self.energy, _QUIET))

    def charts(self, embedded: Floats, rests: list[bool]) -> tuple[Floats, Floats]:
        """Return energy and quiet over the rows that were learned from; those at which the sensor rests say nothing."""
        energies, quiet = [], []
        for newest, is_resting in zip(embedded.tolist(), rests, strict=True):
            if not is_resting:
                self.take(newest)
            energies.append(self.energy)
            quiet.append(self.quiet)
        return np.array(energies), np.array(quiet)
