"""How good a score, alarms and onsets are against labelled windows."""

from dataclasses import dataclass, field
from math import exp

import numpy as np

from benchmarks.detection.unknown.machines import Floats, Machine
from benchmarks.detection.unknown.rivals import Watched

_FALSE = 0.11
"""What a false onset costs in the standard profile of the Numenta benchmark (Lavin and Ahmad 2015)."""
_STEPS = 60


@dataclass(slots=True)
class Figures:
    """Sums over recordings."""

    true_rows: int = 0
    false_rows: int = 0
    missed_rows: int = 0
    healthy_rows: int = 0
    onsets: list[tuple[Machine, Floats]] = field(default_factory=list)
    vus: list[float] = field(default_factory=list)
    false_alarms: int = 0
    windows: int = 0
    found: int = 0

    def add(self, machine: Machine, watched: Watched) -> None:
        """Count one recording."""
        inside = labels(machine)
        alarm = watched.alarm > 0
        self.true_rows += int((alarm & inside).sum())
        self.false_rows += int((alarm & ~inside).sum())
        self.missed_rows += int((~alarm & inside).sum())
        self.healthy_rows += int((~inside).sum())
        self.windows += len(machine.windows)
        self.found += sum(bool(alarm[a:b].any()) for a, b in machine.windows)
        begins = alarm & ~np.concatenate(([False], alarm[:-1]))
        self.false_alarms += int((begins & ~inside).sum())
        if machine.windows:
            self.onsets.append((machine, watched.onset))
            self.vus.append(vus_pr(watched.score, machine))

    @property
    def f1(self) -> float:
        """F1 of rows in alarm."""
        return 2 * self.true_rows / max(1, 2 * self.true_rows + self.false_rows + self.missed_rows)

    @property
    def false_share(self) -> float:
        """Share of the healthy rows that are in alarm."""
        return self.false_rows / max(1, self.healthy_rows)

    @property
    def best_numenta(self) -> float:
        """Numenta's score at the best threshold that is the same for all."""
        tried = np.unique(np.round(np.concatenate([o[o > 0] for _, o in self.onsets] or [np.ones(1)]), 1))
        return max((self.numenta(float(t)) for t in tried[:: max(1, len(tried) // 40)]), default=0.0)

    def numenta(self, threshold: float = 1.0) -> float:
        """Return Numenta's score of the onsets: 100 for all at once and none false, 0 for none at all."""
        got = perfect = null = 0.0
        for machine, onset in self.onsets:
            got += _numenta(machine, np.flatnonzero(onset >= threshold))
            perfect += len(machine.windows) * _worth(-1.0)
            null -= len(machine.windows)
        return 100 * (got - null) / (perfect - null) if perfect else 0.0


def labels(machine: Machine) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Return for each row whether something is wrong."""
    inside = np.zeros(len(machine.at), bool)
    for begin, end in machine.windows:
        inside[max(0, begin) : end] = True
    return inside


def _worth(position: float) -> float:
    return 2 / (1 + exp(5 * min(position, 20.0))) - 1


def _numenta(machine: Machine, onsets: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> float:
    total = 0.0
    probation = min(0.15 * len(machine.at), 750)
    within = np.zeros(len(onsets), bool)
    for begin, end in machine.windows:
        hits = (onsets >= begin) & (onsets < end)
        within |= hits
        total += _worth((onsets[hits].min() - end) / (end - begin)) if hits.any() else -1.0
    for row in onsets[~within]:
        if row >= probation:
            before = [(begin, end) for begin, end in machine.windows if end <= row]
            position = 1.0 if not before else (row - before[-1][1]) / (before[-1][1] - before[-1][0])
            total += _FALSE * _worth(position) if before else -_FALSE
    return total


def vus_pr(score: Floats, machine: Machine) -> float:
    """Return the volume under the precision-recall surface over buffers (Paparrizos et al. 2022), in few steps."""
    inside = labels(machine)
    length = int(np.median([end - begin for begin, end in machine.windows]))
    distance = np.full(len(score), np.inf)
    rows = np.arange(len(score))
    for begin, end in machine.windows:
        distance = np.minimum(distance, np.where(rows < begin, begin - rows, np.maximum(0, rows - end + 1)))
    order = np.argsort(-score, kind="stable")
    cuts = np.unique(np.linspace(1, len(score), _STEPS).astype(int))
    areas = []
    for buffer in (0, length // 4, length // 2):
        soft = np.where(inside, 1.0, 0.0)
        if buffer:
            near = (~inside) & (distance <= buffer)
            soft[near] = np.sqrt(1 - distance[near] / (buffer + 1))
        positives = (inside.sum() + soft.sum()) / 2
        hits = np.cumsum(soft[order])[cuts - 1]
        touched = np.array([_touched(machine, order[:cut]) for cut in cuts])
        recall = np.minimum(1.0, hits / max(positives, 1)) * touched
        precision = hits / cuts
        areas.append(float(np.sum(np.diff(recall, prepend=0.0) * precision)))
    return float(np.mean(areas))


def _touched(machine: Machine, chosen: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> float:
    return float(np.mean([bool(((chosen >= begin) & (chosen < end)).any()) for begin, end in machine.windows]))
