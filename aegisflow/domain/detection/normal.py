"""How unusual the readings of a device are whose faults nobody has described."""

from collections.abc import Sequence
from math import inf

import numpy as np

from aegisflow.domain.detection.normal_model import (
    CLIP,
    DRIFTING,
    FAR,
    JOINT,
    JOINT_WEIGHT,
    LEVEL,
    LEVEL_WEIGHT,
    SPREAD,
    SPREAD_WEIGHT,
    SUDDEN,
    Flags,
    Floats,
    NormalModel,
)
from aegisflow.domain.detection.seasons import DAY_S, TURNS, WEEK_S

LEARNING = 400
"""Readings that are learned from at least."""
_MORE, _MAX_LEARNING = 100, 800
"""Readings that are added as long as the newest quarter shows what the others have not, and their most."""
_GROWN = 3
"""The model is learned anew when so many times as many readings have come as the one before was learned from."""
_MEMORY = 3600
"""Readings that are kept to learn from."""
FOLLOWING = 0.003
"""Weight with which levels follow."""
_CALM = 0.7
"""Score up to which levels follow; above it, those of sensors that are calm themselves."""
_PATIENCE = 720
"""Readings above that, without an alarm, after which all levels follow again."""
_RECENT = 60
_FADING = 0.9
"""Part of a sudden score that is left after each reading."""
_WILD = 1.3
"""A value so many times as far from its level as any that was learned is wild."""
_DOUBTED, _FORGIVEN = 3.0, 0.1
"""Up to three wild values are for ``sudden`` alone, and are forgiven within ten readings each."""
_LEAST = 60
"""Readings that are learned from at least, whatever a person says."""
_GROSS = 5.0
"""Widths of everything seen by which a value must lie outside of it to be unusual while the device is learned."""
_FEWEST = 30
"""Readings of which the width says something."""
_NARROW = 0.01


class Normal:
    """Scores the readings of a device against what it has shown in health.

    ::

        readings   1 ........ 400 ............. 1,200 ......... 3,600 ......
                   learning   │ model            │ model anew     │ every 3,600
                   only gross │ scored, levels follow while calm
                   jumps      │

    A score of 1 is the limit of a chart of ``NormalModel``; 0 is what is usual of it. The score of a reading is the
    largest of the four charts, and ``lasting`` leaves single values out: up to three in a row that lie beyond
    everything learned say as much of an instrument as of a machine. Any chart but the joint one can reach its
    limit from wherever it is, and ``sudden`` can in one reading, so that at no moment the device is blind.
    """

    __slots__ = (
        "_alarmed",
        "_before",
        "_expected",
        "_frozen",
        "_gross",
        "_healthy",
        "_healthy_until",
        "_high",
        "_joint_level",
        "_known_healthy",
        "_last",
        "_learned_from",
        "_level",
        "_low",
        "_mean",
        "_newest",
        "_off",
        "_outside",
        "_rows",
        "_seen",
        "_shock",
        "_spread",
        "_strength",
        "_taken",
        "_times",
        "_turn_at",
        "_wild",
        "count",
        "joint",
        "lasting",
        "learning",
        "model",
        "score",
    )

    def __init__(self, sensors: int) -> None:
        """Begin with nothing known of so many sensors."""
        self.score = 0.0
        self.lasting = 0.0
        self.count = 0
        """Readings so far."""
        self.model: NormalModel | None = None
        """None while too little was seen."""
        self.learning = LEARNING
        """Readings after which there is to be a model."""
        self.joint = self._shock = 0.0
        self._rows: list[Floats] = []
        self._healthy: list[bool] = []
        self._alarmed = False
        self._known_healthy = False
        """Whether a person says that what is learned is healthy."""
        self._healthy_until = -inf
        self._times: list[float] = []
        self._turn_at = inf
        """When enough was seen to tell a day, or a week, from chance; UTC epoch seconds."""
        self._expected: Floats = np.zeros(sensors)
        self._learned_from = self._taken = 0
        self._outside: Floats = np.zeros(sensors)
        self._seen = np.zeros(sensors, bool)
        self._before: Floats = np.zeros(sensors)
        self._low: Floats = np.full(sensors, inf)
        self._high: Floats = np.full(sensors, -inf)
        self._level: Floats = np.zeros(sensors)
        self._mean: Floats = np.zeros(sensors)
        self._spread: Floats = np.ones(sensors)
        self._joint_level: Floats = np.zeros(sensors)
        self._newest: Floats = np.zeros((1, sensors))
        self._off: Floats = np.zeros(sensors)
        self._last = np.zeros(4)
        self._strength: Floats = np.zeros(sensors)
        self._frozen = self._gross = 0
        self._wild: Floats = np.zeros(sensors)

    def learn(self, readings: int, until: float) -> None:
        """Take as healthy so many of the next readings, or 0 for those before ``until`` (UTC epoch seconds)."""
        self._known_healthy = True
        self.learning, self._healthy_until = (readings, -inf) if readings else (_LEAST, until)

    @property
    def progress(self) -> float:
        """How much of the learning is done, 0 to 1."""
        return 1.0 if self.model is not None else min(1.0, self._taken / self.learning)

    def update(self, values: Sequence[float], alarmed: bool, at: float) -> float:
        """Take in a reading, NaN for sensors without a value, and return its score.

        Args:
            values: in the order of the sensors.
            alarmed: whether there is an alarm, so that nothing is learned.
            at: UTC epoch seconds of the reading.
        """
        self._alarmed = alarmed
        row = np.array(values)
        known = row == row
        if not known.all():
            row = np.where(known, row, self._before)
        new = known & ~self._seen
        if new.any():
            self._seen |= known
            self._before = np.where(new, row, self._before)
        self.count += 1
        if self.model is None:
            self._look_out(row)
        else:
            self._judge(self.model, row, known, at)
        self._before = row
        self._keep(row, alarmed, at)
        return self.score

    def _keep(self, row: Floats, alarmed: bool, at: float) -> None:
        healthy = self.lasting < 1.0 and (not alarmed or self.model is None)
        healthy |= self.model is None and self._known_healthy
        self._taken += healthy
        self._rows.append(row)
        self._healthy.append(healthy)
        self._times.append(at)
        if len(self._rows) > _MEMORY + _RECENT:
            del self._rows[:_RECENT], self._healthy[:_RECENT], self._times[:_RECENT]
        if self.model is None:
            if self._known_healthy:
                if self._taken >= self.learning and at >= self._healthy_until:
                    self._end_learning()
            elif self._taken >= self.learning and healthy:
                self._end_learning()
        elif healthy and (
            self.count >= min(_GROWN * self._learned_from, self._learned_from + _MEMORY) or at >= self._turn_at
        ):
            self._learn_anew(at)

    def _look_out(self, row: Floats) -> None:
        """Score a reading against everything seen so far: only what lies far outside is unusual."""
        low, high, before = self._low, self._high, self.score
        if self.count > _FEWEST and not self._known_healthy:
            seen = low <= high
            width = np.where(seen, high - low + _NARROW * np.maximum(np.abs(high), np.abs(low)), inf)
            outside = np.where(seen, np.maximum(row - high, low - row), 0.0) / (_GROSS * (width + 1e-150))
            self._outside = outside
            self.score = max(0.0, float(outside.max(initial=0.0)))
            self.lasting = min(self.score, before)
        self._gross = self._gross + 1 if self.score >= 1.0 else 0
        if self._gross > _RECENT:  # where it stays so, that is how the device is
            self.score = self.lasting = 0.0
        if self.score < 1.0:
            self._low = np.where(self._seen, np.minimum(low, row), low)
            self._high = np.where(self._seen, np.maximum(high, row), high)

    def _end_learning(self) -> None:
        """Make a model, unless the readings go on showing what they had not shown before."""
        rows, times = self._learned_rows()
        if not self._known_healthy and self._taken < _MAX_LEARNING and self._still_grows(rows, times):
            self.learning += _MORE
            return
        self._learned_from = self.count
        self._turn_at = _next_turn(float(times[0]), float(times[-1]))
        self._begin(NormalModel(rows, times))

    def _still_grows(self, rows: Floats, times: Floats) -> bool:
        """Return whether the newest quarter is unusual to a model of the readings before it."""
        begin = len(rows) * 3 // 4
        later = Normal(rows.shape[1])
        later._seen, later._before = self._seen, rows[begin - 1]
        later._rows, later._times = list(rows[:begin]), times[:begin].tolist()
        model = NormalModel(rows[:begin], times[:begin])
        later._begin(model)
        for row, at in zip(rows[begin:], times[begin:].tolist(), strict=True):
            later._judge(model, row, self._seen, at)
            later._before = row
            if later.lasting >= 1.0:
                return True
        return False

    def _learned_rows(self) -> tuple[Floats, Floats]:
        healthy = self._healthy
        rows = [row for row, good in zip(self._rows, healthy, strict=True) if good]
        times = [at for at, good in zip(self._times, healthy, strict=True) if good]
        return np.array(rows), np.array(times)

    def _learn_anew(self, at: float) -> None:
        self._learned_from = self.count
        self._turn_at = _next_turn(self._times[0], at)
        if sum(self._healthy) >= LEARNING:
            self._begin(NormalModel(*self._learned_rows()))

    def accept(self) -> None:
        """Take what the newest readings show as usual: learn from them alone."""
        self._rows, self._times = self._rows[-LEARNING:], self._times[-LEARNING:]
        self._healthy = [True] * len(self._rows)
        self._taken, self._learned_from = len(self._rows), self.count
        rows = np.array(self._rows)
        if self.model is not None:
            self._turn_at = _next_turn(self._times[0], self._times[-1])
            self._begin(NormalModel(rows, np.array(self._times)))
        else:
            self._low = np.where(self._seen, rows.min(axis=0), inf)
            self._high = np.where(self._seen, rows.max(axis=0), -inf)

    def _begin(self, model: NormalModel) -> None:
        """Go on with a model, as if it had been there for the newest readings."""
        self.model = model
        self._level = model.level.copy()
        self._mean, self._spread = np.zeros(len(model.level)), np.ones(len(model.level))
        self._joint_level = model.joint_level.copy()
        self._newest = np.zeros((model.lags, int(model.active.sum())))
        self.joint = float(model.base[JOINT])
        self._frozen = 0
        known = self._seen
        for row, at in zip(self._rows[-_RECENT:], self._times[-_RECENT:], strict=True):
            self._judge(model, row, known, at)
            self._before = row

    def _judge(self, model: NormalModel, row: Floats, known: Flags, at: float) -> None:
        before = self._before
        if model.season is not None:
            expected = model.season.at(at)
            row, before = row - expected, before - self._expected
            self._expected = expected
        off = (row - self._level) / model.spread
        active = model.active
        far = np.abs(off)
        wild = far > _WILD * model.largest
        if wild.any() or self._wild.any():
            self._wild = np.where(wild, self._wild + 1.0, np.maximum(self._wild - _FORGIVEN, 0.0))
            known = known & ~(wild & (self._wild <= _DOUBTED))
        mean, spread = self._mean, self._spread
        moved = np.minimum(np.maximum(off, -CLIP), CLIP) - mean
        moved *= active & known
        mean += LEVEL_WEIGHT * moved
        around = np.minimum(np.maximum(off - mean, -CLIP), CLIP)
        spread += SPREAD_WEIGHT * (around * around - spread) * (active & known)
        step = np.abs(row - before) / model.spread
        sudden = np.minimum(far / model.largest, step / model.largest_step)
        shifted = ((row - model.level) / model.spread)[active]
        self._off = shifted - self._joint_level
        newest = self._newest
        newest[1:] = newest[:-1].copy()
        newest[0] = np.minimum(np.maximum(self._off, -FAR), FAR)
        if not known.all():
            missing = ~known[active]
            if missing.any():
                model.fill(newest, missing)
        if newest.size:
            self.joint += JOINT_WEIGHT * (model.distance(newest.ravel()) - self.joint)
        self._strength = levels = np.abs(mean) / model.width
        last = self._last
        last[LEVEL], last[SPREAD] = levels.max(initial=0.0), (spread * active).max(initial=0.0)
        last[JOINT], last[SUDDEN] = self.joint, sudden.max(initial=0.0)
        scores = (last - model.base) / (model.limit - model.base)
        self.lasting = lasting = max(0.0, float(scores[:SUDDEN].max()))
        self._shock = shock = max(float(scores[SUDDEN]), _FADING * self._shock)
        self.score = max(lasting, shock)
        self._follow(model, row, levels, known)

    def _follow(self, model: NormalModel, row: Floats, levels: Floats, known: Flags) -> None:
        if self.lasting < _CALM:
            self._frozen = 0
            moving = known
        else:
            self._frozen += not self._alarmed
            base, limit = float(model.base[LEVEL]), float(model.limit[LEVEL])
            moving = known if self._frozen > _PATIENCE else known & (levels < base + _CALM * (limit - base))
        self._level += FOLLOWING * (row - self._level) * (moving & model.active)
        self._joint_level += DRIFTING * self._off * moving[model.active]

    def strengths(self) -> list[float]:
        """Return by sensor how much it contributes to the lasting score."""
        model = self.model
        if model is None:
            outside: list[float] = self._outside.tolist()
            return outside
        base, room = model.base, model.limit - model.base
        parts = (
            np.maximum((self._strength - base[LEVEL]) / room[LEVEL], (self._spread - base[SPREAD]) / room[SPREAD])
            * model.active
        )
        if self._newest.size:
            shares = model.shares(self._newest.ravel())
            joint = (self.joint - base[JOINT]) / room[JOINT]
            parts[model.active] = np.maximum(
                parts[model.active], joint * np.sqrt(shares / max(float(shares.max()), 1e-12))
            )
        strengths: list[float] = np.maximum(parts, 0.0).tolist()
        return strengths


def _next_turn(first: float, now: float) -> float:
    """Return when there will have been enough of the next longer season to learn from."""
    return next((at for period_s in (DAY_S, WEEK_S) if (at := first + TURNS * period_s) > now), inf)
