"""What a device without described faults shows in health, learned from readings: levels, joint structure, limits."""

from itertools import pairwise
from math import log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aegisflow.domain.detection.known_states import LEAST_ROOM as LEAST_ROOM_OF_STATES
from aegisflow.domain.detection.known_states import KnownStates, States
from aegisflow.domain.detection.own_past import LEAST_ROOM, OwnPast
from aegisflow.domain.detection.seasons import season_of

Floats = NDArray[np.float64]

CLIP: Final = 4.0
"""A deviation counts for no more than so many spreads in the charts of level and spread."""
FAR: Final = 10.0
"""The same in the joint chart, which must see what is no longer alike."""
LEVEL_WEIGHT: Final = 0.05
SPREAD_WEIGHT: Final = 0.05
JOINT_WEIGHT: Final = 0.1
FOLLOWING: Final = 0.003
"""Weight with which levels follow."""
_FASTER = (0.01, 0.03, 0.1)
"""Weights for a level that strolls, of which the first that is enough is taken."""
_REACH: Final = 0.75
"""Part of what clipping allows that a limit may be: a chart must be able to reach it."""
DRIFTING: Final = 0.01
"""Weight with which the joint chart follows slow changes, so that two that drift alone are not taken for alike."""
LEVEL: Final = 0
SPREAD: Final = 1
JOINT: Final = 2
SUDDEN: Final = 3
NOISE: Final = 4
QUIET: Final = 5
STATES: Final = 6
"""Places of the charts in lists of seven."""

_SIGMA: Final = 1.4826
"""Standard deviation of a Gaussian whose median absolute deviation is 1."""
_COARSE: Final = 0.3
"""A MAD below this part of the standard deviation says nothing where most values are the same, or lie apart."""
_TIED: Final = 0.25
_ALMOST: Final = 0.001
"""So many values are the median, but for a part of the standard deviation, where most are the same."""
_BULK: Final = 0.9
"""So many lie within the clip of a MAD that says something: beyond it is a tail, and no other level."""
_SHARE: Final = 0.1
_CHANCE: Final = 1e-5
"""The tail begins where so great a share lies beyond; the limit is where this share would."""
_KNEE: Final = log(_SHARE / 0.5) / log(_CHANCE / 0.5)
"""Score where the tail begins: the logarithm of how rare that is, 0 at the median and 1 at the limit."""
_HEADROOM: Final = 1.3
"""A limit lies at least so many times as far out as anything that was learned."""
_FLAT: Final = 0.8
"""The tail begins at so much of the way to the limit at most."""
_TOLERANCE: Final = 0.5
_ALIKE: Final = 40
"""Standard errors of a limit that are allowed for, where about so many neighbouring readings say the same."""
_MOSTLY: Final = 0.5
"""A sensor that rests for so great a part of its readings has no past from which to foretell."""
_FOLDS: Final = 4
_TOGETHER: Final = 2
"""Sensors from which on there are states of theirs."""
_FLOOR: Final = 1e-3
"""Least variance of a direction, against the largest."""
_ENDS: Final = 60
"""Newest readings that say where levels and the joint chart stand at the end of what was learned."""
_SETTLING: Final = 20
"""First readings, for which smoothed figures still hang on their beginning."""
_REST: Final = 0.01
"""Part of its level by which a sensor that has never moved may move, at least."""
_MAX_CORRELATION: Final = 0.98
_WIDEST = sqrt((1 + _MAX_CORRELATION) / (1 - _MAX_CORRELATION))
_LAGS = ((1, 16), (2, 8), (4, 4))
"""Up to so many sensors, and how many readings each is compared with at once; two for more sensors."""
_FEW: Final = 16
"""Values up to which the joint distance of a reading is faster without numpy."""
_MOST_SUDDEN: Final = 3.0
"""What is so many times as sudden as anything that was learned is unusual, however long the tail of that."""
_WILD: Final = 1.3
"""A value so many times as far from its level as any that was learned is wild."""


class NormalModel:
    """Levels, spreads and joint structure of rows of healthy readings, and the limits of their charts.

    The charts, of which each finds what the others can't:

    - ``level``: the EWMA of deviations clipped at 4 spreads (Roberts 1959), divided by the root of
      (1 + r) / (1 - r), r being the lag-1 correlation; the largest of the sensors.
    - ``spread``: the EWMA of squared deviations around that EWMA; the largest of the sensors.
    - ``joint``: Mahalanobis distance over all principal components of the newest readings together (dynamic PCA,
      Ku et al. 1995): T² and Q in one. A sensor that is alone is compared with its own past: the distance of its
      newest readings from the third nearest of those that were learned. Slow changes are taken out first.
    - ``sudden``: a value that is off its level and off the value before it by more than any that was learned.
    - ``noise`` and ``quiet``, of a sensor that is alone: how large the errors are by which its past foretells it.
    - ``states``, of several sensors whose states come again: how far they are from all that were learned.

    A limit is where a chart would be once in 100,000 readings: the tail beyond its upper tenth is taken for
    exponential (peaks over threshold, Pickands 1975), and what was learned must lie well within. The joint chart is
    calibrated on quarters of the readings that its components were not taken from.
    """

    __slots__ = (
        "_axes",
        "_centre",
        "_filling",
        "_states",
        "_triangle",
        "_weights",
        "active",
        "base",
        "following",
        "gentle",
        "high",
        "joint_level",
        "knee",
        "known_states",
        "lags",
        "largest",
        "largest_step",
        "last_energy",
        "last_joint",
        "last_level",
        "last_mean",
        "last_newest",
        "level",
        "limit",
        "low",
        "moving",
        "own_past",
        "room",
        "season",
        "spread",
        "steep",
        "width",
        "wild",
    )

    def __init__(self, rows: Floats, at: Floats) -> None:
        """Learn from rows of readings, one column a sensor, and their times; all values are finite."""
        everything = rows
        self.season = season_of(rows, at)
        """What the time of day or week makes usual; None where the readings do not repeat themselves."""
        self.low: list[float] = rows.min(axis=0).tolist()
        """The least that each sensor has shown, and the most."""
        self.high: list[float] = rows.max(axis=0).tolist()
        rests = (rows == np.roll(rows, 1, axis=0)) & (
            (rows == 0.0) | (rows == rows.min(axis=0)) | (rows == rows.max(axis=0))
        )
        if self.season is not None:
            rows = rows - self.season.over(at)
        level: Floats = np.median(rows, axis=0)
        spread = _spreads(rows - level)
        active = spread > np.maximum(np.abs(level) * 1e-9, 1e-150)
        spread = np.where(active, spread, np.maximum(_REST * np.abs(level), 1e-150))
        self.following = [FOLLOWING] * len(level)
        """Weight with which the level of each follows."""
        self.last_level: list[float] = level.tolist()
        """Level of each at the end of what was learned."""
        self.last_mean: list[float] = []
        self.last_energy: list[float] = []
        """Charts of level and spread of each there; the readings side by side, newest first; and the joint chart."""
        self.last_newest: list[float] = []
        self.last_joint = 0.0
        raw = self._off_levels(rows, (rows - level) / spread, active, spread)
        still = np.where(active, 1.0, 5.0)
        largest = np.maximum(np.abs(raw).max(axis=0), still)
        self.level: list[float] = level.tolist()
        self.active: list[bool] = active.tolist()
        """Which sensors have moved at all."""
        self.moving = [place for place, moves in enumerate(self.active) if moves]
        """The places of those."""
        self.spread: list[float] = spread.tolist()
        self._follow_to_the_end(raw)
        self.width: list[float] = _widths(raw * active).tolist()
        self.largest: list[float] = largest.tolist()
        self.wild: list[float] = (_WILD * largest).tolist()
        """Spreads from its level beyond which a value is wild."""
        self.largest_step: list[float] = np.maximum(
            np.abs(np.diff(raw, axis=0)).max(axis=0, initial=0.0), 0.1 * still
        ).tolist()
        self.lags = next((lags for most, lags in _LAGS if len(self.moving) <= most), 2)
        embedded = self._embed((rows - level) / spread)
        foretold = len(self.moving) == 1 and float(rests[:, self.moving[0]].mean()) < _MOSTLY
        self.own_past = OwnPast(embedded) if foretold else None
        """What foretells the next value of a sensor that is alone; None for several, and for one that mostly rests."""
        self._calibrate(raw, np.clip(raw, -CLIP, CLIP) * active, embedded)
        self.known_states = self._states_that_come_again(everything)
        """None where states do not come again."""
        if self.own_past is not None:
            self._calibrate_alone(self.own_past, embedded, rests[self.lags - 1 :, self.moving[0]].tolist())
        self._scale_scores()
        self._triangle = self._triangle_of() if 0 < len(self._centre) <= _FEW and self._states is None else []
        self._filling: tuple[tuple[int, ...], list[list[float]]] = ((), [])
        """Places without a value, and what each takes from the others; of the newest reading that had some."""

    def _off_levels(self, rows: Floats, raw: Floats, active: NDArray[np.bool_], spread: Floats) -> Floats:
        """Return how far sensors are from their levels, in spreads; those of levels that stroll are set in place."""
        reach = _REACH * CLIP / float(_widths(raw[:, active]).min(initial=_WIDEST))
        for place in np.flatnonzero(active).tolist():
            strolled = _strolled(rows[:, place], raw[:, place], reach)
            if strolled is not None:
                off, spread[place], self.following[place], self.last_level[place] = strolled
                raw[:, place] = off / spread[place]
        return raw

    def _follow_to_the_end(self, raw: Floats) -> None:
        """Let levels that do not stroll have followed the newest readings, as they go on to do."""
        for place in self.moving:
            if self.following[place] == FOLLOWING:
                moved = 0.0
                for off in raw[-_ENDS:, place].tolist():
                    moved += FOLLOWING * min(max(off - moved, -CLIP), CLIP)
                self.last_level[place] += moved * self.spread[place]

    def _embed(self, raw: Floats) -> Floats:
        """Return rows of the newest readings of the active sensors side by side, slow changes taken out."""
        moving = raw[:, self.moving]
        level: list[float] = np.median(moving[:50], axis=0).tolist()
        fast = np.empty_like(moving)
        for place, values in enumerate(moving.T.tolist()):
            weight = max(DRIFTING, self.following[self.moving[place]])
            fast[:, place], level[place] = _without_drift(values, level[place], weight)
        self.joint_level = level
        """Of the active sensors, in spreads from ``level``; at the end of what was learned."""
        np.clip(fast, -FAR, FAR, out=fast)
        lags, rows = self.lags, len(fast)
        return np.concatenate([fast[lags - 1 - lag : rows - lag] for lag in range(lags)], axis=1)

    def _fit(self, embedded: Floats) -> None:
        self._states = States(embedded) if len(self.moving) == 1 else None
        """Of a sensor that is alone."""
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

    def _scale_scores(self) -> None:
        self.room: list[float] = [(limit - base) or 1e-9 for base, limit in zip(self.base, self.limit, strict=True)]
        """From what is usual to the limit."""
        self.knee[:] = [
            base + min(knee - base, _FLAT * room)
            for base, knee, room in zip(self.base, self.knee, self.room, strict=True)
        ]
        self.gentle: list[float] = [
            _KNEE / max(knee - base, 1e-9) for base, knee in zip(self.base, self.knee, strict=True)
        ]
        self.steep: list[float] = [
            (1 - _KNEE) / max(limit - knee, 1e-9) for knee, limit in zip(self.knee, self.limit, strict=True)
        ]

    def score(self, chart: int, value: float) -> float:
        """Return how rare such a value of a chart is: 0 at its median, 1 at its limit."""
        if value >= self.limit[chart]:
            return (value - self.base[chart]) / self.room[chart]
        if value > self.knee[chart]:
            return _KNEE + (value - self.knee[chart]) * self.steep[chart]
        return (value - self.base[chart]) * self.gentle[chart]

    def _triangle_of(self) -> list[list[float]]:
        """Return the same components turned so that the first hangs on one value, the second on two, and so on.

        The last entry of each row is what to take from the product: the share of the centre.
        """
        upper: Floats = np.linalg.qr((self._axes * np.sqrt(self._weights)[:, None])[:, ::-1]).R
        turned = upper[::-1, ::-1]
        shares = (turned @ self._centre).tolist()
        rows: list[list[float]] = turned.tolist()
        return [[*row[: place + 1], shares[place]] for place, row in enumerate(rows)]

    def distance(self, newest: list[float]) -> float:
        """Return the joint distance of the newest readings, newest first, from what was learned; 1 is usual."""
        total = 0.0
        if self._states is not None:
            return float(self._states.distances(np.array([newest]))[0])
        if self._triangle:
            for row in self._triangle:
                along = -row[-1]
                for place in range(len(row) - 1):
                    along += row[place] * newest[place]
                total += along * along
            return sqrt(total)
        axes = self._axes @ (np.array(newest) - self._centre)
        return sqrt(float(axes * axes @ self._weights))

    def fill(self, newest: list[float], missing: list[int]) -> None:
        """Give what is missing from the newest reading the values that the others let expect.

        Args:
            newest: as for ``distance``; changed in place.
            missing: places of the active sensors that have no value.
        """
        wanted = tuple(missing)
        if self._filling[0] != wanted:
            pull = (self._axes[:, missing].T * self._weights) @ self._axes
            take = np.linalg.solve(pull[:, missing], pull)
            take[:, missing] = 0.0
            give = self._centre[missing] + take @ self._centre
            self._filling = (wanted, np.column_stack([take, give]).tolist())
        for place, row in zip(missing, self._filling[1], strict=True):
            value = row[-1]
            for other in range(len(row) - 1):
                value -= row[other] * newest[other]
            newest[place] = value

    def shares(self, newest: list[float]) -> list[float]:
        """Return for each active sensor what it contributes to the square of the joint distance."""
        off = np.array(newest) - self._centre
        shares: Floats = off * ((self._axes @ off * self._weights) @ self._axes)
        by_sensor: list[float] = np.maximum(shares.reshape(self.lags, -1).sum(axis=0), 0.0).tolist()
        return by_sensor

    def _distances(self, embedded: Floats) -> Floats:
        if self._states is not None:
            return self._states.distances(embedded)
        along = (embedded - self._centre) @ self._axes.T
        distances: Floats = np.sqrt(along * along @ self._weights)
        return distances

    def _calibrate(self, raw: Floats, u: Floats, embedded: Floats) -> None:
        self.base: list[float] = [0.0] * 7
        """What is usual of each chart."""
        self.knee: list[float] = [0.0] * 7
        """Where the upper tenth of each chart begins."""
        self.limit: list[float] = [1.0] * 7
        means, energies = np.zeros_like(raw), np.zeros_like(raw)
        columns = zip(u.T.tolist(), (raw * self.active).T.tolist(), strict=True)
        for place, (clipped, values) in enumerate(columns):
            means[:, place], energies[:, place] = _ewmas(clipped, values)
        self.last_mean, self.last_energy = means[-1].tolist(), energies[-1].tolist()
        levels = np.abs(means / np.array(self.width)).max(axis=1, initial=0.0)
        spreads = energies.max(axis=1, initial=0.0)
        steps = np.abs(np.diff(raw, axis=0, prepend=raw[:1]))
        sudden = np.minimum(np.abs(raw) / np.array(self.largest), steps / np.array(self.largest_step)).max(
            axis=1, initial=0.0
        )
        charts = (levels, spreads, self._unseen(embedded), sudden)
        self.last_newest = embedded[-1].tolist()
        self.last_joint = smoothed(self._distances(embedded[-_ENDS:]))[-1] if self.moving else 0.0
        for chart, values in enumerate(charts):
            self.base[chart], self.knee[chart], self.limit[chart] = limit_of(values[_SETTLING:])
        # What could not be reached by any value would be no limit.
        self.limit[LEVEL] = min(
            self.limit[LEVEL], _REACH * CLIP / min((self.width[place] for place in self.moving), default=1.0)
        )
        self.limit[SPREAD] = min(self.limit[SPREAD], _REACH * CLIP * CLIP)
        self.limit[SUDDEN] = min(max(self.limit[SUDDEN], _HEADROOM), _MOST_SUDDEN)

    def _states_that_come_again(self, rows: Floats) -> KnownStates | None:
        if len(self.moving) < _TOGETHER:
            return None
        known = KnownStates(rows, self.moving)
        if not known.learned:
            return None
        self.base[STATES], self.knee[STATES], limit = limit_of(np.array(known.learned[_SETTLING:]))
        self.limit[STATES] = max(limit, self.base[STATES] + LEAST_ROOM_OF_STATES)
        return known

    def _calibrate_alone(self, own_past: OwnPast, embedded: Floats, rests: list[bool]) -> None:
        for chart, values, least in zip((NOISE, QUIET), own_past.charts(embedded, rests), LEAST_ROOM, strict=True):
            self.base[chart], self.knee[chart], limit = limit_of(values[_SETTLING:])
            self.limit[chart] = max(limit, self.base[chart] + least)
        self.limit[NOISE] = min(self.limit[NOISE], _REACH * CLIP * CLIP)

    def rests(self, place: int, value: float, before: float) -> bool:
        """Return whether a sensor repeats a value at which it may rest: nought, or an end of all that it has shown."""
        return value == before and (value == 0.0 or not self.low[place] < value < self.high[place])

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


def _spreads(off: Floats) -> Floats:
    """Return the spread of each column of deviations: of its bulk, unless many of its values are the same."""
    away = np.abs(off)
    mad, deviation = _SIGMA * np.median(away, axis=0), np.std(off, axis=0)
    tied = (away <= _ALMOST * deviation).mean(axis=0) > _TIED
    apart = np.quantile(away, _BULK, axis=0) > CLIP * mad
    spread: Floats = np.where((tied | apart) & (mad < _COARSE * deviation), deviation, mad)
    return spread


def _widths(raw: Floats) -> Floats:
    """Return by how much the chart of level of each column is wider than that of independent readings."""
    u = np.clip(raw, -CLIP, CLIP)
    squares = np.maximum((u * u).sum(axis=0), 1e-12)
    r = np.clip((u[1:] * u[:-1]).sum(axis=0) / squares, 0.0, _MAX_CORRELATION)
    widths: Floats = np.sqrt((1 + r) / (1 - r))
    return widths


def _strolled(values: Floats, raw: Floats, reach: float) -> tuple[Floats, float, float, float] | None:
    """Return how far a sensor is from a level that follows it fast enough, its spread, the weight and the level.

    None where the usual weight is enough: where the limit of its chart of level can be reached.

    Args:
        values: of the sensor, in its unit.
        raw: how far they are from their median, in spreads.
        reach: what the chart of the device can reach.
    """
    weight, off, spread, level = FOLLOWING, raw, 1.0, 0.0
    for faster in (*_FASTER, 0.0):
        mean, means = 0.0, []
        for each in np.clip(raw, -CLIP, CLIP).tolist():
            mean += LEVEL_WEIGHT * (each - mean)
            means.append(abs(mean))
        if not faster or limit_of(np.array(means[_SETTLING:]))[2] <= reach * float(_widths(raw)):
            break
        weight = faster
        offs, level = _without_drift(values.tolist(), float(np.median(values[:50])), weight)
        off = np.array(offs)
        spread = float(_spreads(off)) or spread
        raw = off / spread
    return None if weight == FOLLOWING else (off, spread, weight, level)


def _without_drift(values: list[float], level: float, weight: float) -> tuple[list[float], float]:
    """Return how far values are from a level that follows them, and where it ends."""
    fast = []
    for value in values:
        off = value - level
        fast.append(off)
        level += weight * off
    return fast, level


def _ewmas(clipped: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    """Return the charts of level and spread of the deviations of one sensor."""
    mean, energy = 0.0, 1.0
    means, energies = [], []
    for place, value in enumerate(clipped):
        mean += LEVEL_WEIGHT * (value - mean)
        off = min(max(values[place] - mean, -CLIP), CLIP)
        energy += SPREAD_WEIGHT * (off * off - energy)
        means.append(mean)
        energies.append(energy)
    return means, energies


def smoothed(values: Floats) -> list[float]:
    """Return the EWMA of the joint distance, from its median on."""
    mean, chart = float(np.median(values)), []
    for value in values.tolist():
        mean += JOINT_WEIGHT * (value - mean)
        chart.append(mean)
    return chart


def limit_of(values: Floats) -> tuple[float, float, float]:
    """Return the median of a chart, where its upper tenth begins, and what it would exceed once in 100,000 readings."""
    ordered = np.sort(values)
    base, largest = float(np.median(ordered)), float(ordered[-1])
    begin = float(ordered[int((1 - _SHARE) * len(ordered))])
    beyond = ordered[ordered > begin]
    excess = float((beyond - begin).mean()) if len(beyond) else 0.0
    limit = max(begin + excess * log(_SHARE / _CHANCE), base + _HEADROOM * (largest - base))
    tolerance = 1 + _TOLERANCE / sqrt(len(ordered) / _ALIKE)
    return base, begin, base + max(tolerance * (limit - base), 1e-9)
