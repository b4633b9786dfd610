"""How unusual the readings of a device are whose faults nobody has described."""

from collections.abc import Sequence
from math import inf, isnan, sqrt
from typing import Final

from aegisflow.domain.detection.gross_jumps import MOST, GrossJumps
from aegisflow.domain.detection.kept_rows import MEMORY, KeptRows
from aegisflow.domain.detection.normal_model import (
    CLIP,
    DRIFTING,
    FAR,
    FOLLOWING,
    JOINT,
    JOINT_WEIGHT,
    LEVEL,
    LEVEL_WEIGHT,
    NOISE,
    QUIET,
    SPREAD,
    SPREAD_WEIGHT,
    STATES,
    SUDDEN,
    NormalModel,
)
from aegisflow.domain.detection.seasons import DAY_S, TURNS, WEEK_S, season_of

LEARNING: Final = 400
"""Readings that are learned from at least."""
_WEEK: Final = 800
"""A week of so many readings at most is waited for where days repeat themselves: one every fifteen minutes has 672."""
_GROWN: Final = 3
"""The model is learned anew when so many times as many readings have come as the one before was learned from."""
_CALM: Final = 0.7
"""Score up to which levels follow; above it, those of sensors that are calm themselves."""
_PATIENCE: Final = 720
"""Readings above that, without an alarm, after which all levels follow again."""
_RECENT: Final = 60
_FADING: Final = 0.9
"""Part of a sudden score that is left after each reading."""
_DOUBTED: Final = 3.0
_FORGIVEN: Final = 0.1
"""Up to three wild values are for ``sudden`` alone, and are forgiven within ten readings each."""
LEAST: Final = 60
"""Healthy readings that are learned from at least, whatever a person says."""


class Normal:
    """Scores the readings of a device against what it has shown in health.

    ::

        readings   1 ........ 400 ............. 1,200 ......... 3,600 ......
                   learning   │ model            │ model anew     │ every 3,600
                   only gross │ scored, levels follow while calm
                   jumps      │

    A score of 1 is the limit of a chart of ``NormalModel``; 0 is what is usual of it. The score of a reading is the
    largest of the charts, and ``lasting`` leaves single values out: up to three in a row that lie beyond
    everything learned say as much of an instrument as of a machine. Any chart but the joint one can reach its
    limit from wherever it is, and ``sudden`` can in one reading, so that at no moment the device is blind.
    """

    __slots__ = (
        "_alarmed",
        "_before",
        "_counted",
        "_expected",
        "_frozen",
        "_joint_level",
        "_jumps",
        "_known_healthy",
        "_late",
        "_late_at",
        "_late_from",
        "_learned_from",
        "_level",
        "_mean",
        "_newest",
        "_off",
        "_resting",
        "_rows",
        "_seen",
        "_shock",
        "_spread",
        "_strength",
        "_taken",
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
        self._rows = KeptRows(sensors)
        self._alarmed = False
        self._known_healthy = False
        """Whether a person says that what comes is healthy, until further notice."""
        self._turn_at = inf
        """When enough was seen to tell a day, or a week, from chance; UTC epoch seconds."""
        self._learned_from = self._taken = 0
        self._late: list[int] = []
        """Sensors that were first heard after the model was made, which knows nothing of them."""
        self._late_at = self._late_from = 0
        """Readings, and healthy ones, that there were when the newest of them was first heard."""
        nought = [0.0] * sensors
        self._seen = [False] * sensors
        self._before = nought.copy()
        self._jumps = GrossJumps(sensors)
        self._expected = nought.copy()
        self._level = nought.copy()
        self._mean = nought.copy()
        self._spread = [1.0] * sensors
        self._strength = nought.copy()
        self._wild = nought.copy()
        self._counted = [False] * sensors
        """Which values of the newest reading are known, and not doubted."""
        self._resting = False
        """Whether a sensor that is alone repeats a value at which it may rest."""
        self._off: list[float] = []
        self._joint_level: list[float] = []
        self._newest: list[float] = []
        self._frozen = 0

    def begin_period(self) -> None:
        """Learn from every reading that is not ``alarmed``, since a person says that the device is healthy."""
        self._known_healthy = True
        self.model = None
        self._late.clear()
        self.score = self.lasting = 0.0

    def end_period(self) -> bool:
        """Make a model of what was learned in the period, and return whether that was enough for one."""
        if self._rows.healthy_count < LEAST:
            return False
        self._known_healthy = False
        self._make_model()
        return True

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
        row, known = list(values), self._seen
        for place, value in enumerate(values):
            if isnan(value):
                if known is self._seen:
                    known = [not isnan(each) for each in values]
                row[place] = self._before[place]
            elif not self._seen[place]:
                self._welcome(place, value)
        self.count += 1
        if self.model is None:
            self._look_out(row, known)
        else:
            self._judge(self.model, row, known, at)
        self._before = row
        score = self.score
        self._keep(row, alarmed, at)
        if score > self.score:  # a model that was made of this very reading does not find it unusual
            self.score = score
        return self.score

    def _welcome(self, place: int, value: float) -> None:
        """Take in a sensor that is heard for the first time: no row before says anything of it."""
        self._seen[place] = True
        self._before[place] = value
        self._rows.begin(place, value)
        if self.model is not None:
            self._late.append(place)
            self._late_at, self._late_from = self.count, self._taken
        elif self._taken > _RECENT and not self._known_healthy:
            self._rows.keep(0)
            self._taken = 0

    def _keep(self, row: list[float], alarmed: bool, at: float) -> None:
        model = self.model
        healthy = self.lasting < 1.0 and (not alarmed or model is None)
        if self._known_healthy:
            healthy = not alarmed
        if healthy:
            self._taken += 1
        self._rows.add(row, at, healthy)
        if model is None:
            if self._taken >= self.learning and healthy and not self._known_healthy and not self._lacks_a_weekend():
                self._make_model()
        elif self._late:
            if healthy and self._taken - self._late_from >= LEARNING:
                self._late.clear()
                self._rows.keep(self.count - self._late_at)
                self._learn_anew(at)
        elif healthy and (
            self.count >= min(_GROWN * self._learned_from, self._learned_from + MEMORY) or at >= self._turn_at
        ):
            self._learn_anew(at)

    def _look_out(self, row: list[float], known: list[bool]) -> None:
        """Score a reading against everything seen so far: only what lies far outside is unusual."""
        self._jumps.look(row, known, [place for place, seen in enumerate(self._seen) if seen])
        self.score, self.lasting = self._jumps.score, self._jumps.lasting

    def _make_model(self) -> None:
        """Make the first model."""
        rows, times = self._rows.healthy()
        self._learned_from = self.count
        self._turn_at = _next_turn(float(times[0]), float(times[-1]))
        self._begin(NormalModel(rows, times))

    def _lacks_a_weekend(self) -> bool:
        """Return whether days repeat themselves and a week of them will be over soon; then that is learned from."""
        rows, times = self._rows.healthy()
        week = int(len(rows) * WEEK_S / max(float(times[-1] - times[0]), 1.0)) + 1
        if not self.learning < week <= _WEEK or season_of(rows, times) is None:
            return False
        self.learning = week
        return True

    def _learn_anew(self, at: float) -> None:
        self._learned_from = self.count
        self._turn_at = _next_turn(self._rows.first_at, at)
        if self._rows.healthy_count >= LEARNING:
            self._begin(NormalModel(*self._rows.healthy()))

    def accept(self) -> None:
        """Take what the newest readings show as usual: learn from them alone."""
        kept = self._rows
        kept.keep(LEARNING)
        kept.call_healthy()
        self._taken, self._learned_from = len(kept), self.count
        # Readings are counted anew: so is how many of them have the sensors that came late.
        self._late_from = self._taken - (self.count - self._late_at)
        if self._late_from <= 0:
            self._late.clear()
        rows, times = kept.healthy()
        if self.model is not None:
            self._turn_at = _next_turn(float(times[0]), float(times[-1]))
            self._begin(NormalModel(rows, times))
        else:
            seen = [place for place, heard in enumerate(self._seen) if heard]
            self._jumps.accept(rows.min(axis=0).tolist(), rows.max(axis=0).tolist(), seen)

    def _begin(self, model: NormalModel) -> None:
        """Go on with a model from where its charts stand at the end of what was learned."""
        self.model = model
        self._level = model.last_level.copy()
        self._mean, self._spread = model.last_mean.copy(), model.last_energy.copy()
        self._joint_level = model.joint_level.copy()
        self._off = [0.0] * len(model.moving)
        self._newest = model.last_newest.copy()
        self.joint = model.last_joint
        if model.season is not None:
            self._expected = model.season.at(self._rows.newest(1)[0][1])
        self.score = self.lasting = self._shock = 0.0
        self._frozen = 0

    def _judge(self, model: NormalModel, row: list[float], known: list[bool], at: float) -> None:
        before, plain = self._before, row
        if model.own_past is not None:
            place = model.moving[0]
            self._resting = model.rests(place, row[place], before[place])
        if model.season is not None:
            expected = model.season.at(at)
            row = [value - expected[place] for place, value in enumerate(row)]
            before = [value - self._expected[place] for place, value in enumerate(before)]
            self._expected = expected
        sudden, levels, doubts, sure = 0.0, self._level, self._wild, self._counted
        jumps = self._jumps
        if self._late:
            jumps.look(row, known, self._late)
            row, known = row.copy(), known.copy()
            for place in self._late:
                row[place], known[place] = levels[place], False
        spreads, wild, largest = model.spread, model.wild, model.largest
        for place, value in enumerate(row):
            spread = spreads[place]
            far = abs(value - levels[place]) / spread
            counted, doubt = known[place], doubts[place]
            if far > wild[place]:
                doubts[place] = doubt = doubt + 1.0
                counted = counted and doubt > _DOUBTED
            elif doubt > 0.0:
                doubts[place] = max(doubt - _FORGIVEN, 0.0)
            sure[place] = counted
            far /= largest[place]
            if far > sudden:
                step = abs(value - before[place]) / spread / model.largest_step[place]
                sudden = max(sudden, min(far, step))
        lasting = max(0.0, self._chart(model, row))
        if model.known_states is not None:
            model.known_states.take(plain, sure)
            lasting = max(lasting, model.score(STATES, model.known_states.distance))
        shock = min(model.score(SUDDEN, sudden), MOST)
        if self._late:
            lasting, shock = max(lasting, jumps.lasting), max(shock, jumps.score)
        self.lasting = lasting
        self._shock = shock = max(shock, _FADING * self._shock)
        self.score = max(lasting, shock)
        self._follow(model, row)

    def _chart(self, model: NormalModel, row: list[float]) -> float:
        """Go on with all charts but that of sudden values; return the largest score of theirs."""
        highest = widest = 0.0
        fresh: list[float] = []
        missing: list[int] = []
        means, energies, levels, usual = self._mean, self._spread, self._level, model.level
        slow, offs, strengths, counted = self._joint_level, self._off, self._strength, self._counted
        for slot, place in enumerate(model.moving):
            spread, value = model.spread[place], row[place]
            mean, energy = means[place], energies[place]
            if counted[place]:
                off = (value - levels[place]) / spread
                mean += LEVEL_WEIGHT * ((CLIP if off > CLIP else -CLIP if off < -CLIP else off) - mean)
                off -= mean
                around = CLIP if off > CLIP else -CLIP if off < -CLIP else off
                energy += SPREAD_WEIGHT * (around * around - energy)
                means[place], energies[place] = mean, energy
            else:
                missing.append(slot)
            strength = abs(mean) / model.width[place]
            strengths[place] = strength
            if strength > highest:
                highest = strength
            if energy > widest:
                widest = energy
            off = (value - usual[place]) / spread - slow[slot]
            offs[slot] = off
            fresh.append(FAR if off > FAR else -FAR if off < -FAR else off)
        if fresh:
            newest = self._newest = fresh + self._newest[: -len(fresh)]
            if missing:
                model.fill(newest, missing)
            self.joint += JOINT_WEIGHT * (model.distance(newest) - self.joint)
        highest = max(model.score(LEVEL, highest), model.score(SPREAD, widest), model.score(JOINT, self.joint))
        own_past = model.own_past
        if own_past is None:
            return highest
        if not missing and not self._resting:
            own_past.take(newest)
        return max(highest, model.score(NOISE, own_past.energy), model.score(QUIET, own_past.quiet))

    def _follow(self, model: NormalModel, row: list[float]) -> None:
        calm = inf
        if self.lasting < _CALM:
            self._frozen = 0
        else:
            if not self._alarmed:
                self._frozen += 1
            if self._frozen <= _PATIENCE:
                base = model.base[LEVEL]
                calm = base + _CALM * (model.limit[LEVEL] - base)
        for slot, place in enumerate(model.moving):
            following = model.following[place]
            if self._counted[place] and (self._strength[place] < calm or following > FOLLOWING):
                most, off = CLIP * model.spread[place], row[place] - self._level[place]
                self._level[place] += following * (most if off > most else -most if off < -most else off)
                self._joint_level[slot] += max(DRIFTING, following) * self._off[slot]

    def strengths(self) -> list[float]:
        """Return by sensor how much it contributes to the lasting score."""
        model = self.model
        if model is None:
            return self._jumps.outside.copy()
        base, room = model.base, model.room
        parts = [0.0] * len(model.level)
        for place in self._late:
            parts[place] = self._jumps.outside[place]
        for place in model.moving:
            level = (self._strength[place] - base[LEVEL]) / room[LEVEL]
            parts[place] = max(level, (self._spread[place] - base[SPREAD]) / room[SPREAD], 0.0)
        if model.moving:
            shares = model.shares(self._newest)
            joint, most = (self.joint - base[JOINT]) / room[JOINT], max(*shares, 1e-12)
            for place, share in zip(model.moving, shares, strict=True):
                parts[place] = max(parts[place], joint * sqrt(share / most))
            if model.known_states is not None:
                shares = model.known_states.shares()
                unlike, most = model.score(STATES, model.known_states.distance), max(*shares, 1e-12)
                for place, share in zip(model.moving, shares, strict=True):
                    parts[place] = max(parts[place], unlike * sqrt(share / most))
            if model.own_past is not None:
                parts[model.moving[0]] = max(parts[model.moving[0]], self.lasting)
        return parts


def _next_turn(first: float, now: float) -> float:
    """Return when there will have been enough of the next longer season to learn from."""
    return next((at for period_s in (DAY_S, WEEK_S) if (at := first + TURNS * period_s) > now), inf)
