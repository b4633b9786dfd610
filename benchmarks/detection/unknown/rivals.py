"""What must be beaten: forty lines, plain z-score, principal components and nearest neighbours, all causal."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.unknown.machines import Floats, Machine

LEARNING = 400


@dataclass(slots=True)
class Watched:
    """What a detector made of a recording; all by row."""

    score: Floats
    """1 and more is unusual."""
    alarm: Floats
    """1 while there is an alarm."""
    onset: Floats
    """The score where an excursion begins, else 0."""


Detector = Callable[[Machine], Watched]


def of_score(score: Floats) -> Watched:
    """Return what a score alone says: an alarm while it is 1 or more, an onset where it becomes so."""
    above = score >= 1.0
    begins = above & ~np.concatenate(([False], above[:-1]))
    return Watched(score, above.astype(float), np.where(begins, score, 0.0))


def filled(machine: Machine) -> Floats:
    """Return the values with the newest known one in each gap."""
    values = machine.values.copy()
    for column in values.T:
        known = np.flatnonzero(np.isfinite(column))
        if len(known):
            column[:] = column[known[np.maximum(np.searchsorted(known, np.arange(len(column)), "right") - 1, 0)]]
    return np.nan_to_num(values)


def recipe(machine: Machine) -> Watched:
    """Learn 400 readings; EWMA of clipped deviations, the largest against twice its largest when learned."""
    values = filled(machine)
    learned = values[:LEARNING]
    level = np.median(learned, axis=0)
    mad = 1.4826 * np.median(np.abs(learned - level), axis=0)
    deviation = np.std(learned, axis=0)
    spread = np.where(mad < 0.3 * deviation, deviation, mad)
    spread = np.where(spread == 0.0, np.inf, spread)
    u = np.clip((learned - level) / spread, -4, 4)
    squares = np.maximum((u * u).sum(axis=0), 1e-12)
    r = np.clip((u[1:] * u[:-1]).sum(axis=0) / squares, 0, 0.98)
    width = np.sqrt((1 + r) / (1 - r))
    mean, chart = np.zeros(values.shape[1]), np.zeros(len(values))
    for row in range(min(LEARNING, len(values))):
        mean += 0.05 * (u[row] - mean)
        chart[row] = np.abs(mean / width).max()
    limit = 2.0 * max(chart[:LEARNING].max(), 1e-9)
    score = np.zeros(len(values))
    mean[:] = 0.0
    for row in range(LEARNING, len(values)):
        deviations = values[row] - level
        mean += 0.05 * (np.clip(deviations / spread, -4, 4) - mean)
        score[row] = np.abs(mean / width).max() / limit
        if score[row] < 0.7:
            level += 0.003 * deviations
    return of_score(score)


def plain_z(machine: Machine) -> Watched:
    """|z| over the 60 readings before, the largest of the sensors against 3."""
    values, score = filled(machine), np.zeros(len(machine.at))
    for row in range(20, len(values)):
        before = values[max(0, row - 60) : row]
        spread = np.std(before, axis=0, ddof=1)
        z = np.abs(values[row] - before.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
        score[row] = z.max() / 3.0
    return of_score(score)


def _standardised(values: Floats) -> Floats:
    learned = values[:LEARNING]
    spread = np.std(learned, axis=0)
    u: Floats = np.clip((values - learned.mean(axis=0)) / np.where(spread > 0, spread, np.inf), -10, 10)
    if u.shape[1] == 1:  # a single sensor has no neighbours but its own past
        u = np.column_stack([np.roll(u[:, 0], lag) for lag in range(16)])
    return u


def _smoothed(raw: Floats, weight: float = 0.1) -> Floats:
    out, mean = np.zeros(len(raw)), raw[: min(LEARNING, len(raw))].mean()
    for row, value in enumerate(raw):
        mean += weight * (value - mean)
        out[row] = mean
    return out


def _against_learned(chart: Floats) -> Watched:
    score = chart / max(float(np.quantile(chart[20:LEARNING], 0.995)) * 1.2, 1e-9)
    score[:LEARNING] = 0.0
    return of_score(score)


def pca(machine: Machine) -> Watched:
    """T² and Q of the components that explain 90 %, learned from 400 readings, smoothed by 0.1."""
    u = _standardised(filled(machine))
    _, sizes, axes = np.linalg.svd(u[20:LEARNING], full_matrices=False)
    power = sizes**2 / max(1, LEARNING - 20)
    kept = int(np.searchsorted(np.cumsum(power) / max(power.sum(), 1e-12), 0.9)) + 1
    scores = u @ axes[:kept].T
    t2 = (scores**2 / np.maximum(power[:kept], 1e-9)).sum(axis=1)
    q = ((u - scores @ axes[:kept]) ** 2).sum(axis=1)
    charts = [_smoothed(t2), _smoothed(q)]
    limits = [max(float(np.quantile(chart[20:LEARNING], 0.995)), 1e-9) for chart in charts]
    return _against_learned(np.maximum(charts[0] / limits[0], charts[1] / limits[1]))


def neighbours(machine: Machine) -> Watched:
    """Distance to the third nearest of the learned states, smoothed by 0.1; those near in time do not count."""
    u = _standardised(filled(machine))
    states = u[20:LEARNING]
    raw = np.zeros(len(u))
    for row, state in enumerate(u):
        distances = ((states - state) ** 2).sum(axis=1)
        if row < LEARNING:
            distances[max(0, row - 50) : max(0, row + 10)] = np.inf
        raw[row] = np.sqrt(np.partition(distances, 2)[2])
    return _against_learned(_smoothed(raw))


RIVALS: dict[str, Detector] = {"recipe": recipe, "plain z": plain_z, "pca": pca, "neighbours": neighbours}
