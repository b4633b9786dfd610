"""What a device without described faults shows in health, learned from readings: levels, joint structure, limits."""

from itertools import pairwise
from math import log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.detection.seasons import season_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CLIP = 4.0
"""A deviation counts for no more than so many spreads in the charts of level and spread."""
FAR = 10.0
"""The same in the joint chart, which must see what is no longer alike."""
LEVEL_WEIGHT = SPREAD_WEIGHT = 0.05
JOINT_WEIGHT = 0.1
DRIFTING = 0.01
"""Weight with which the joint chart follows slow changes, so that two that drift alone are not taken for alike."""
LEVEL, SPREAD, JOINT, SUDDEN = range(4)
"""Places of the charts in arrays of four."""

_SIGMA = 1.4826
"""Standard deviation of a Gaussian whose median absolute deviation is 1."""
_COARSE = 0.3
"""A MAD below this part of the standard deviation says nothing: most values are the same."""
_SHARE, _CHANCE = 0.1, 1e-5
"""The tail begins where so great a share lies beyond; the limit is where this share would."""
_HEADROOM = 1.3
"""A limit lies at least so many times as far out as anything that was learned."""
_TOLERANCE, _ALIKE = 0.5, 40
"""Standard errors of a limit that are allowed for, where about so many neighbouring readings say the same."""
_FOLDS = 4
_FLOOR = 1e-3
"""Least variance of a direction, against the largest."""
_SETTLING = 20
"""First readings, for which smoothed figures still hang on their beginning."""
_REST = 0.01
"""Part of its level by which a sensor that has never moved may move, at least."""
_MAX_CORRELATION = 0.98
_LAGS = ((1, 16), (2, 8), (4, 4))
"""Up to so many sensors, and how many readings each is compared with at once; two for more sensors."""


class Charts(NamedTuple):
    """What is charted of one reading, before it is set against limits."""

    level: Floats
    """By sensor: EWMA of the clipped deviations over its standard deviation for noise as alike as the sensor's."""
    spread: Floats
    """By sensor: EWMA of the squared deviations from that EWMA."""
    joint: float
    sudden: Floats
    """By sensor: the smaller of deviation and step, over the largest that was learned."""


class NormalModel:
    """Levels, spreads and joint structure of rows of healthy readings, and the limits of four charts.

    The charts, of which each finds what the others can't:

    - ``level``: the EWMA of deviations clipped at 4 spreads (Roberts 1959), divided by the root of
      (1 + r) / (1 - r), r being the lag-1 correlation; the largest of the sensors.
    - ``spread``: the EWMA of squared deviations around that EWMA; the largest of the sensors.
    - ``joint``: Mahalanobis distance over all principal components of the newest readings together (dynamic PCA,
      Ku et al. 1995): T² and Q in one. Slow changes are taken out first.
    - ``sudden``: a value that is off its level and off the value before it by more than any that was learned.

    A limit is where a chart would be once in 100,000 readings: the tail beyond its upper tenth is taken for
    exponential (peaks over threshold, Pickands 1975), and what was learned must lie well within. The joint chart is
    calibrated on quarters of the readings that its components were not taken from.
    """

    __slots__ = (
        "_axes",
        "_centre",
        "_weights",
        "active",
        "base",
        "high",
        "joint_level",
        "lags",
        "largest",
        "largest_step",
        "level",
        "limit",
        "low",
        "season",
        "spread",
        "width",
    )

    def __init__(self, rows: Floats, at: Floats) -> None:
        """Learn from rows of readings, one column a sensor, and their times; all values are finite."""
        self.season = season_of(rows, at)
        """What the time of day or week makes usual; None where the readings do not repeat themselves."""
        self.low: Floats = rows.min(axis=0)
        """The least that each sensor has shown, and the most."""
        self.high: Floats = rows.max(axis=0)
        if self.season is not None:
            rows = rows - self.season.over(at)
        self.level: Floats = np.median(rows, axis=0)
        deviations = np.abs(rows - self.level)
        mad: Floats = _SIGMA * np.median(deviations, axis=0)
        deviation: Floats = np.std(rows, axis=0)
        least = np.maximum(np.abs(self.level) * 1e-9, 1e-150)
        spread = np.where(mad < _COARSE * deviation, deviation, mad)
        self.active: Flags = spread > least
        """Which sensors have moved at all."""
        self.spread: Floats = np.where(self.active, spread, np.maximum(_REST * np.abs(self.level), least))
        raw = (rows - self.level) / self.spread
        u = np.clip(raw, -CLIP, CLIP) * self.active
        squares = np.maximum((u * u).sum(axis=0), 1e-12)
        r = np.clip((u[1:] * u[:-1]).sum(axis=0) / squares, 0.0, _MAX_CORRELATION)
        self.width: Floats = np.sqrt((1 + r) / (1 - r))
        still = np.where(self.active, 1.0, 5.0)
        self.largest: Floats = np.maximum(np.abs(raw).max(axis=0), still)
        self.largest_step: Floats = np.maximum(np.abs(np.diff(raw, axis=0)).max(axis=0), 0.1 * still)
        count = int(self.active.sum())
        self.lags = next((lags for most, lags in _LAGS if count <= most), 2)
        self.base: Floats = np.zeros(4)
        """What is usual of each chart."""
        self.limit: Floats = np.ones(4)
        embedded = self._embed(raw)
        self._fit(embedded)
        self._calibrate(raw, u, embedded)

    def _embed(self, raw: Floats) -> Floats:
        """Return rows of the newest readings of the active sensors side by side, slow changes taken out."""
        moving = raw[:, self.active]
        level: Floats = np.median(moving[:50], axis=0)
        fast = np.empty_like(moving)
        for place, row in enumerate(moving):
            fast[place] = off = row - level
            level = level + DRIFTING * off
        self.joint_level: Floats = level
        """Of the active sensors, in spreads from ``level``; at the end of what was learned."""
        np.clip(fast, -FAR, FAR, out=fast)
        lags, rows = self.lags, len(fast)
        return np.concatenate([fast[lags - 1 - lag : rows - lag] for lag in range(lags)], axis=1)

    def _fit(self, embedded: Floats) -> None:
        self._centre: Floats = embedded.mean(axis=0) if embedded.size else np.zeros(embedded.shape[1])
        if not embedded.size:
            self._axes: Floats = np.zeros((0, embedded.shape[1]))
            self._weights: Floats = np.zeros(0)
            return
        centred = embedded - self._centre
        variances, axes = np.linalg.eigh(centred.T @ centred / len(embedded))
        variances = np.maximum(variances, max(_FLOOR * float(variances[-1]), 1e-12))
        self._axes = axes.T
        self._weights = 1 / (variances * len(variances))

    def distance(self, newest: Floats) -> float:
        """Return the joint distance of the newest readings, newest first, from what was learned; 1 is usual."""
        along = self._axes @ (newest - self._centre)
        return float(np.sqrt(along * along @ self._weights))

    def fill(self, newest: Floats, missing: Flags) -> None:
        """Give what is missing from the newest reading the values that the others let expect.

        Args:
            newest: as for ``distance``, but by readings and sensors; changed in place.
            missing: which of the active sensors have no value.
        """
        places = np.flatnonzero(missing)
        off = newest.ravel() - self._centre
        off[places] = 0.0
        pull = (self._axes[:, places].T * self._weights) @ self._axes
        newest[0, places] = self._centre[places] - np.linalg.solve(pull[:, places], pull @ off)

    def shares(self, newest: Floats) -> Floats:
        """Return for each active sensor what it contributes to the square of the joint distance."""
        off = newest - self._centre
        shares: Floats = off * ((self._axes @ off * self._weights) @ self._axes)
        by_sensor: Floats = np.maximum(shares.reshape(self.lags, -1).sum(axis=0), 0.0)
        return by_sensor

    def _distances(self, embedded: Floats) -> Floats:
        along = (embedded - self._centre) @ self._axes.T
        distances: Floats = np.sqrt(along * along @ self._weights)
        return distances

    def _calibrate(self, raw: Floats, u: Floats, embedded: Floats) -> None:
        mean, energy = np.zeros(raw.shape[1]), np.ones(raw.shape[1])
        levels, spreads = np.zeros(len(u)), np.zeros(len(u))
        for place, row in enumerate(u):
            mean += LEVEL_WEIGHT * (row - mean)
            off = np.clip(raw[place] - mean, -CLIP, CLIP) * self.active
            energy += SPREAD_WEIGHT * (off * off - energy)
            levels[place] = np.abs(mean / self.width).max()
            spreads[place] = energy.max()
        steps = np.abs(np.diff(raw, axis=0, prepend=raw[:1]))
        sudden = np.minimum(np.abs(raw) / self.largest, steps / self.largest_step).max(axis=1)
        charts = (levels, spreads, self._unseen(embedded), sudden)
        for chart, values in enumerate(charts):
            self.base[chart], self.limit[chart] = limit_of(values[_SETTLING:])
        # What could not be reached by any value would be no limit.
        self.limit[LEVEL] = min(self.limit[LEVEL], 0.75 * CLIP / float(self.width.min()))
        self.limit[SPREAD] = min(self.limit[SPREAD], 0.75 * CLIP * CLIP)
        self.limit[SUDDEN] = max(self.limit[SUDDEN], _HEADROOM)

    def _unseen(self, embedded: Floats) -> Floats:
        """Return the joint chart of readings, each quarter against components of the others; then all are learned."""
        bounds = np.linspace(0, len(embedded), _FOLDS + 1).astype(int)
        chart: list[float] = []
        if embedded.shape[1]:
            for begin, end in pairwise(bounds.tolist()):
                self._fit(np.concatenate([embedded[:begin], embedded[end:]]))
                chart += smoothed(self._distances(embedded[begin:end]))
        self._fit(embedded)
        return np.array(chart or [0.0] * (_SETTLING + 2))


def smoothed(values: Floats) -> list[float]:
    """Return the EWMA of the joint distance, from its median on."""
    mean, chart = float(np.median(values)), []
    for value in values.tolist():
        mean += JOINT_WEIGHT * (value - mean)
        chart.append(mean)
    return chart


def limit_of(values: Floats) -> tuple[float, float]:
    """Return the median of a chart, and what it would exceed once in 100,000 readings."""
    ordered = np.sort(values)
    base, largest = float(np.median(ordered)), float(ordered[-1])
    begin = float(ordered[int((1 - _SHARE) * len(ordered))])
    beyond = ordered[ordered > begin]
    excess = float((beyond - begin).mean()) if len(beyond) else 0.0
    limit = max(begin + excess * log(_SHARE / _CHANCE), base + _HEADROOM * (largest - base))
    tolerance = 1 + _TOLERANCE / sqrt(len(ordered) / _ALIKE)
    return base, base + max(tolerance * (limit - base), 1e-9)
