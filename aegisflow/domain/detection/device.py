"""All sensors of one device, and what they say together."""

from collections.abc import Collection, Mapping, Sequence
from math import inf
from typing import Final

from aegisflow.domain.detection.alarm_levels import AlarmLevels
from aegisflow.domain.detection.baseline import BLOCK
from aegisflow.domain.detection.commissioning import FEWEST, Commissioning
from aegisflow.domain.detection.drift import DriftWatch
from aegisflow.domain.detection.fault_types import Fit, Signs, apart, diagnose, fitting, signs_of
from aegisflow.domain.detection.finding import LIMIT, MULTIVARIATE, SILENT, Diagnosis, Finding
from aegisflow.domain.detection.kinds import detector_for
from aegisflow.domain.detection.load import LoadStep
from aegisflow.domain.detection.multivariate import MultivariateScore
from aegisflow.domain.detection.refusals import Refusals
from aegisflow.domain.detection.run_up import RunUp
from aegisflow.domain.detection.set_points import SetPoints
from aegisflow.domain.detection.unclassified import beyond_limits, broken_instruments, unclassified
from aegisflow.domain.detection.undescribed import Undescribed
from aegisflow.domain.equipment import Delay, DeviceSpec, FaultRule
from aegisflow.domain.interval import Interval, silent_after_s
from aegisflow.domain.lasting import Lasting
from aegisflow.domain.readings import RefusedValue
from aegisflow.domain.times import format_instant

_DRIFT_EVERY: Final = 6  # readings between two looks at what changes slowly
_SLOW_EVERY: Final = 12
_PATIENCE_S: Final = 600.0
"""How long an unclassified deviation must last where the device has rules for its faults."""
_MIN_PATIENCE: Final = 12
_MAX_PATIENCE: Final = 120
"""Readings that must show it, however seldom they come, and that are enough, however often: baselines follow later."""
_GONE_S: Final = 5.0
"""One that does not show for so long begins anew."""
_PENDING_S: Final = 60.0
"""For so long a finding may wait for its on-delay before a fast device learns from it all the same."""
_FAST_S: Final = 0.25
"""Interval at which three blocks of readings are over before a finding has waited for its on-delay."""
_UNEXPLAINED: Final = 720
"""Readings of suspicion without an alarm after which the baseline learns all the same."""
_SETTLING: Final = 60
"""Readings after a drift until the mended instruments' level is taken."""
_LONG_GAP: Final = 5.0
"""A gap must be so many times as long as the one before for a device to count as having been silent."""
_NOBODY: frozenset[str] = frozenset()


class DeviceDetector:
    """Watches a device: first each sensor, then what they show together, by the rules of its faults.

    ::

        values of one reading
          └─ observe
               ├─ SensorDetector.update    each sensor by itself
               ├─ MultivariateScore.update how unusual the reading is as a whole; without rules, Undescribed.update
               ├─ LoadStep.update          whether the load has changed
               └─ if anything may matter: signs -> rules -> Diagnosis

    While anything is suspected, and while an alarm lasts, no baseline learns.
    """

    __slots__ = (
        "_alarm_type",
        "_at",
        "_beyond",
        "_by_name",
        "_drift",
        "_found",
        "_gap",
        "_has_rules",
        "_holds",
        "_levels",
        "_off",
        "_pending",
        "_run_up",
        "_scored_at",
        "_set_points",
        "_settle_at",
        "_suspect_at",
        "_suspected_for",
        "_tick",
        "_unexplained",
        "commissioning",
        "interval",
        "load",
        "multivariate",
        "second",
        "sensors",
        "spec",
        "undescribed",
    )

    def __init__(self, spec: DeviceSpec, interval: Interval | None = None) -> None:
        """Begin with nothing known; ``interval`` is that of the device's readings, which somebody else keeps."""
        self.spec = spec
        self.interval = interval or Interval()
        self._holds = any(sensor.by_exception for sensor in spec.sensors.values())
        self.sensors = tuple(detector_for(sensor) for sensor in spec.sensors.values())
        """In the order of ``plant.yaml``."""
        self._by_name = {sensor.name: sensor for sensor in self.sensors}
        self.multivariate = MultivariateScore()
        self.load = None if spec.load is None else LoadStep(spec.load, self.interval)
        self._at = -inf
        self._tick = 0
        self._suspect_at = -1
        self._suspected_for = 0
        self._drift = DriftWatch(spec.faults, self._by_name)
        self._unexplained = Lasting()
        """How long there has been what no rule explains."""
        self._pending = Lasting()
        """How long there has been a finding."""
        self._alarm_type = ""
        self._has_rules = bool(spec.faults)
        self.undescribed = None if self._has_rules else Undescribed(self.sensors)
        """Watches the device as a whole where there are no rules; None where there are."""
        self._scored_at = -inf
        self._settle_at = -1
        self._found = self._beyond = False
        self._off: set[str] = set()
        """Sensors whose shift was confirmed and still holds."""
        self._gap = 0.0
        """Seconds between the newest reading and the one before."""
        self._set_points = SetPoints.of(spec)
        self._levels: AlarmLevels | None = None
        """Whether the levels may move although there is an alarm; None without one."""
        self._run_up: RunUp | None = None
        """What may be low because the machine is starting; None once it has started."""
        self.second: Diagnosis | None = None
        """Another fault in the newest reading, beside the one that the active alarm is for; None without one."""
        self.commissioning: Commissioning | None = None
        """The period in which a person says that the device is healthy; None outside of one."""
        if spec.healthy is not None:
            self.begin_period(*spec.healthy)

    def begin_period(self, readings: int, until: float) -> None:
        """Forget what is normal and learn it from what comes, which a person says is healthy.

        Args:
            readings: so many; 0 for those before ``until``.
            until: UTC epoch seconds.
        """
        for sensor in self.sensors:
            sensor.forget()
            sensor.reset()
            sensor.odd = None
        self.multivariate = MultivariateScore()
        self.load = None if self.spec.load is None else LoadStep(self.spec.load, self.interval)
        self._drift = DriftWatch(self.spec.faults, self._by_name)
        self.undescribed = None if self._has_rules else Undescribed(self.sensors)
        self._alarm_type = ""
        self._learn_until(readings, until)

    def go_on_with_period(self, until: float) -> None:
        """Learn on until then (UTC epoch seconds), be the period over or not, with all that was learned in it."""
        if self.commissioning is not None:
            self.commissioning.until = until
        else:
            self._learn_until(0, until).learned = FEWEST

    def _learn_until(self, readings: int, until: float) -> Commissioning:
        self.commissioning = period = Commissioning(self.sensors if self._has_rules else (), readings, until)
        if self.undescribed is not None:
            self.undescribed.begin_period()
        self._forget_suspicion()
        return period

    def end_period(self) -> bool:
        """Judge what comes by what was learned, and return whether that was enough to do so."""
        period = self.commissioning
        if period is None:
            return True
        if period.missing or (self.undescribed is not None and not self.undescribed.end_period()):
            return False
        self.commissioning = None
        for sensor in self.sensors:
            sensor.reset()
        self._forget_suspicion()
        return True

    def cancel_period(self) -> None:
        """Leave the period, be it over or not; nothing is known of what is normal then, unless it is recalled."""
        self.commissioning = None
        for sensor in self.sensors:
            sensor.forget()
            sensor.reset()
        self.undescribed = None if self._has_rules else Undescribed(self.sensors)
        self._forget_suspicion()

    def _forget_suspicion(self) -> None:
        self._off.clear()
        self._unexplained, self._pending = Lasting(), Lasting()
        self._suspect_at, self._suspected_for, self._settle_at = -1, 0, -1
        self._found = self._beyond = False

    def observe(self, at: float, values: Mapping[str, float], alarm_type: str = "") -> Diagnosis | None:
        """Take in one reading and return what is wrong, None for nothing; beside an active alarm see also ``second``.

        Sensors that the reading lacks stay as they are, and values without a sensor are ignored.

        Args:
            at: UTC epoch seconds of the reading; before that of the reading before only where our clock was ahead.
            values: sensor to value, in the sensor's unit.
            alarm_type: type of the active alarm, empty for none; an active alarm is held with hysteresis.
        """
        gap, before = at - self._at, self._gap
        self._gap = gap if gap > 0.0 else before  # else another part of the same instant
        if gap > _LONG_GAP * before:
            self._begin_run_up(at, gap)
        awake, full = self._update(at, values)
        if self._run_up is not None and not self._run_up.look(at, self._by_name):
            self._run_up = None
        self._tick = tick = self._tick + 1
        undescribed, period = self.undescribed, self.commissioning
        if period is not None:
            self._go_through_period(period, at, values)
        if undescribed is not None:
            undescribed.update(at, values, self._beyond)
        elif tick & 3:  # no rule needs a score: it is kept up every fourth time, or when asked for
            self._scored_at = -inf
        else:
            self.multivariate.update(at, self.sensors)
            self._scored_at = at
        if self._set_points is not None:
            self._set_points.update(at, self._by_name)
        if self.load is not None:
            self.load.update(at, self._by_name, alarm_type != "")
        if alarm_type != self._alarm_type:
            self._change_alarm(alarm_type)
        if tick == self._settle_at and not alarm_type:
            for sensor in self.sensors:
                sensor.rebase()
        diagnosis = self.second = None
        if not tick % _DRIFT_EVERY:
            self._look_slowly(at, alarm_type)
        if (
            awake
            or alarm_type
            or self._unexplained.count
            or self._drift.found is not None
            or self._drift.suspected
            or (undescribed is not None and undescribed.may_matter)
            or (period is not None and period.may_matter)
            or not tick % _SLOW_EVERY
        ):
            diagnosis = self._diagnose(at, alarm_type)
            self._suspect(alarm_type)
        if full or not tick % BLOCK:
            self._close_blocks()
        if diagnosis is not None or self._found or self._beyond or self._pending.count:
            self._note(at, diagnosis)
        return diagnosis

    def _note(self, at: float, diagnosis: Diagnosis | None) -> None:
        """Take note of what was found in the newest reading, for the next one."""
        found = "" if diagnosis is None else diagnosis.findings[0].detector
        # A value that is missing is an alarm, and makes none of the others unusual.
        scored = found not in ("", MULTIVARIATE) and (self._has_rules or found != SILENT)
        self._found, self._beyond = scored, found == LIMIT
        if diagnosis is not None:
            self._pending.seen(at)
        elif self._pending.count:
            self._pending.unseen(at, Delay(_PENDING_S, self.interval.usual_s), _GONE_S)

    def _go_through_period(self, period: Commissioning, at: float, values: Mapping[str, float]) -> None:
        """Take a reading into the period, whose values the sensors have already, unless the period is over."""
        if not (period.is_over(at) and self.end_period()):
            self._beyond = any(sensor.limit.limited and sensor.limit.beyond for sensor in self.sensors)
            period.take(values, self._beyond)

    def _begin_run_up(self, at: float, gap: float) -> None:
        """Take the machine for one that may be starting, at its first reading and after a silence."""
        if gap == inf or gap > silent_after_s(self.spec.silent_after_s, self.interval):
            self._run_up = RunUp(self.spec.load, self._by_name, at)

    def _look_slowly(self, at: float, alarm_type: str) -> None:
        """Look at what need not be looked at with each reading."""
        if self._levels is not None and not self._tick % _SLOW_EVERY:
            self._let_levels_follow(at, alarm_type, self._levels)
        if self.commissioning is not None:
            return
        moved = (*self._following, *(() if self.load is None else self.load.moved))
        self._drift.look(alarm_type, moved, self._tick < self._settle_at)

    def _update(self, at: float, values: Mapping[str, float]) -> tuple[bool, bool]:
        """Give each sensor its value; return whether anything may matter, and whether a block is full."""
        newer = at > self._at  # else a part of the same instant: the sensors it lacks are in the others
        if at < self._at:
            self._time_was_ahead(self._at - at)
        self._at = at
        awake = full = False
        get = values.get
        for sensor in self.sensors:
            value = get(sensor.name)
            if value is None:
                if newer and sensor.at > -inf and sensor.miss(at):
                    awake = True
                continue
            if sensor.silence.missed:
                sensor.silence.reported()
            if sensor.refusals is not None and sensor.refusals.run:
                sensor.refusals.run.clear()
            if sensor.interval is not None:
                sensor.interval.note(at)
            gap_s = at - sensor.at
            sensor.at = at
            if sensor.update(value, gap_s):
                awake = True
            if sensor.baseline.full:
                full = True
        return awake, full

    def _time_was_ahead(self, by_s: float) -> None:
        """Take note that what was now lay ahead of it: who has not reported since has not for as long as before."""
        for sensor in self.sensors:
            sensor.set_back(by_s)

    def known(self, values: Mapping[str, float]) -> Mapping[str, float]:
        """Return the values of a reading with those that hold since no change of them was reported."""
        if not self._holds:
            return values
        held = {s.name: s.zscore.value for s in self.sensors if s.spec.by_exception and s.is_known}
        return {**held, **values}

    def refuse(self, refused: Sequence[RefusedValue]) -> None:
        """Count values that could not be used; names without a sensor are passed over."""
        for one in refused:
            sensor = self._by_name.get(one.sensor)
            if sensor is not None:
                if sensor.refusals is None:
                    sensor.refusals = Refusals()
                sensor.refusals.note(one)

    def refusals(self) -> tuple[str, ...]:
        """Return for people what was refused of each sensor since its last good value."""
        found = (sensor.refusals.describe() for sensor in self.sensors if sensor.refusals is not None)
        return tuple(f"readings refused: {reasons}" for reasons in found if reasons)

    @property
    def readings(self) -> int:
        """How many were taken in."""
        return self._tick

    @property
    def score(self) -> float:
        """How unusual the newest reading is: 0 is ordinary, and from 1 on it is suspicious."""
        if self.undescribed is not None:
            score = self.undescribed.normal.score
        elif self._scored_at == self._at:
            score = self.multivariate.score
        else:
            score = self.multivariate.look(self._at, self.sensors)
        return max(score, 1.0) if self._found else score

    def notes(self) -> tuple[str, ...]:
        """Return what is worth knowing although it is no alarm, as sentences."""
        load, markers = self.load, tuple(marker for sensor in self.sensors if (marker := sensor.marker))
        if self.undescribed is not None:
            markers = (*markers, *self.undescribed.notes())
        if load is None or not load.left:
            return markers
        return (f"the load has changed: {load.spec.sensor} since {format_instant(load.since)}", *markers)

    def _change_alarm(self, alarm_type: str) -> None:
        if not alarm_type:
            # Once mended, instruments that drifted are at another level than the baseline that drifted with them.
            drifted = any(rule.together and rule.name == self._alarm_type for rule in self.spec.faults)
            self._settle_at = self._tick + _SETTLING if drifted else -1
            for sensor in self.sensors:
                sensor.reset()
                # A baseline that was learned right before the alarm may have been learned from its fault.
                if self._has_rules and sensor.baseline.unproven and self.commissioning is None:
                    sensor.forget()
            self._unexplained.count = 0
        self._levels = AlarmLevels() if alarm_type and self._has_rules else None
        self._alarm_type = alarm_type

    @property
    def _following(self) -> frozenset[str]:
        """Names of the sensors that may move now because a set-point has moved."""
        return _NOBODY if self._set_points is None else self._set_points.following

    def _let_levels_follow(self, at: float, alarm_type: str, levels: AlarmLevels) -> None:
        """Give sensors another level although there is an alarm, which then ends by itself."""
        ages_after_s = self.spec.alarm.ages_after_s
        for sensor in levels.look(at, self.sensors, alarm_type, ages_after_s, _SLOW_EVERY):
            sensor.rebase()
            self._off.discard(sensor.name)

    def _suspect(self, alarm_type: str) -> None:
        """Stop the learning while something is suspected, though without an alarm not for ever."""
        if self.commissioning is not None:
            if self._beyond or self._following or (self.load is not None and self.load.left > 0):
                self._suspect_at = self._tick
            return
        suspected = (
            alarm_type != ""
            or self._drift.suspected
            or bool(self._following)
            or (self.load is not None and self.load.left > 0)
            or (self.undescribed is not None and self.undescribed.may_matter)
            or (self._has_rules and any(sensor.suspected or sensor.oscillation.present for sensor in self.sensors))
        )
        if not suspected:
            self._suspected_for = 0
            return
        if self._suspected_for == 0 or alarm_type:
            self._suspected_for = self._tick if not alarm_type else 0
        if alarm_type or self._tick - self._suspected_for < _UNEXPLAINED or self._is_pending:
            self._suspect_at = self._tick

    @property
    def _is_pending(self) -> bool:
        """Whether what is found may yet become an alarm, at a pace at which baselines forget sooner than that."""
        pending = self._pending
        if not pending.count or self.interval.usual_s > _FAST_S:
            return False
        return pending.last_at - pending.since < _PENDING_S

    def _close_blocks(self) -> None:
        moved, pending, alarmed = () if self.load is None else self.load.moved, self._is_pending, self._alarm_type != ""
        if self.commissioning is not None:
            pending, alarmed = False, self._beyond
        for sensor in self.sensors:
            baseline = sensor.baseline
            if baseline.full:
                clean = self._tick - self._suspect_at >= baseline.in_block
                shifted = alarmed or sensor.name in moved or pending
                baseline.close_block(clean, shifted, self._drift.suspected)
                sensor.adapt()
            elif not baseline.scale and alarmed:
                baseline.begin_again()
        if self._has_rules and not self._tick % BLOCK:
            self.multivariate.close_block(self._tick - self._suspect_at >= BLOCK)

    def _diagnose(self, at: float, alarm_type: str) -> Diagnosis | None:
        active = alarm_type != ""
        running_up = () if self._run_up is None else self._run_up.under_way
        signs: Signs = signs_of(self.sensors, at, self._off, self.load, active, running_up, self._following)
        if self.commissioning is not None:
            signs = self.commissioning.told(signs)
        drift = self._drift
        fits: Sequence[Fit] = fitting(self.spec.faults, self._by_name, signs, drift.found, drift.suspected)
        rule = next((rule for rule in self.spec.faults if rule.name == alarm_type), None)
        if rule is not None and signs:
            fits, signs = self._set_apart(rule, fits, signs)
        resting = self._resting()
        broken = broken_instruments(self.sensors, at, self.interval, resting)
        if fits:
            self._unexplained.count = 0
            found: Diagnosis | None = diagnose(fits, signs, drift.found)
        else:
            found = self._unclassified(at, signs, active)
        if broken is None:
            return found
        if rule is not None:
            # What the fault shows is one cause, an instrument that breaks meanwhile is another.
            self.second = self.second or broken
            return found
        if found is None:
            return broken
        if alarm_type == broken.fault_type and (fits or self.undescribed is not None):
            self.second = found  # a sensor that is silent for weeks must not swallow what happens to the others
            return broken
        if fits:
            return found
        # One dead instrument must not hide what its neighbours show.
        shown = {finding.sensor for finding in found.findings}
        more = tuple(finding for finding in broken.findings if finding.sensor not in shown)
        return Diagnosis(found.fault_type, found.findings + more, found.reasons + broken.reasons, found.strength)

    def _resting(self) -> Collection[str]:
        """Return the sensors that may repeat their value; in a period how long each does is only learned."""
        if self.commissioning is not None:
            return [sensor.name for sensor in self.sensors if not sensor.limit.beyond]
        return () if self.undescribed is None else self.undescribed.resting()

    def _set_apart(
        self, active: FaultRule, fits: Sequence[Fit], signs: Signs
    ) -> tuple[Sequence[Fit], Mapping[str, frozenset[str]]]:
        """Note what is wrong beside the fault that there is an alarm for, and return what goes with that fault.

        What no rule explains goes with it as long as it shows itself. It is not held by anything else.
        """
        fits, beside = apart(fits, active)
        # Of a rule that goes with it, its sensors do, too, although the active rule does not name them.
        own = active.sensors.union(*(fit.rule.sensors for fit in fits))
        if beside:
            self.second = diagnose(beside, signs, self._drift.found)
            others = {sensor.name for fit in beside for sensor in fit.sensors}
        else:
            limited = [s for s in self.sensors if s.name not in own and "beyond" in signs.get(s.name, ())]
            self.second = beyond_limits(limited) if limited and not active.together else None
            others = {sensor.name for sensor in limited}
        if not fits and own.isdisjoint(signs):
            return fits, {}
        return fits, {name: sign for name, sign in signs.items() if name not in others or name in own}

    def _unclassified(self, at: float, signs: Mapping[str, frozenset[str]], active: bool) -> Diagnosis | None:
        """Return what no rule explains: at once if beyond a limit, otherwise by signs or score and with patience."""
        limited = [sensor for sensor in self.sensors if "beyond" in signs.get(sensor.name, ())]
        if limited:
            return beyond_limits(limited)
        if self.commissioning is not None and self.undescribed is None:
            return self.commissioning.diagnose()
        if self.spec.faults:
            shown = [
                sensor
                for sensor in self.sensors
                if sensor.name in signs and not (self.load is not None and self.load.explains(sensor.name))
            ]
            # Sensors that may be drifting together will be classified soon, so they must not be unclassified first.
            if shown and not self._drift.suspected:
                self._unexplained.seen(at)
            else:
                self._unexplained.unseen(at, Delay(_PATIENCE_S, self.interval.usual_s), _GONE_S)
            if not shown or (not active and (self._drift.suspected or not self._is_patience_over)):
                return None
            return unclassified(shown)
        if self._following or self.undescribed is None:
            return None
        return self.undescribed.diagnose(active)

    @property
    def _is_patience_over(self) -> bool:
        """Whether what no rule explains has lasted."""
        lasting = self._unexplained
        if lasting.count >= _MAX_PATIENCE:
            return True
        return lasting.lasted(Delay(_PATIENCE_S, self.interval.usual_s), _MIN_PATIENCE)

    def accept_level(self, name: str) -> tuple[float, float, float]:
        """Take the mean of a sensor's window as its level; return the one before, the new one and the spread.

        The caller has seen to it that the sensor is not ``unacceptable``.
        """
        sensor = self._by_name[name]
        before = sensor.baseline.level
        sensor.rebase()
        self._off.discard(name)
        return before, sensor.baseline.level, sensor.baseline.spread

    def restore_level(self, name: str, level: float, spread: float = 0.0) -> None:
        """Let a sensor go on at a level that was known; with a spread also one that has none yet."""
        sensor = self._by_name[name]
        if sensor.ready and not spread:
            sensor.baseline.move(level)
        elif spread:
            sensor.baseline.begin(level, spread, 120)
        if sensor.ready:
            sensor.adapt()
            sensor.reset()
        self._off.discard(name)

    def resume(self, findings: Sequence[Finding]) -> None:
        """Go on with an alarm that was raised before a restart, on the baselines that its findings were made against.

        The readings that are recalled with it are those of a fault, so they teach nothing.
        """
        for finding in findings:
            sensor = self._by_name.get(finding.sensor)
            if sensor is not None and finding.spread > 0:
                # As many readings as a warm-up of two blocks learns from.
                sensor.baseline.begin(finding.baseline, finding.spread, 120)
                sensor.adapt()

    def reconfigure(self, spec: DeviceSpec) -> tuple[str, ...]:
        """Watch the sensors of another specification from now on, and return the names of those that are gone.

        A sensor whose specification is the same keeps its state untouched; one that now reports in
        another unit starts from scratch.
        """
        known = {sensor.name: sensor for sensor in self.sensors}
        kept = []
        for name, sensor_spec in spec.sensors.items():
            sensor = known.pop(name, None)
            if sensor is None or (sensor.spec.unit, sensor.spec.kind) != (sensor_spec.unit, sensor_spec.kind):
                sensor = detector_for(sensor_spec)
            elif sensor.spec != sensor_spec:
                sensor.reconfigure(sensor_spec)
            kept.append(sensor)
        if any(self.spec.sensors.get(name) != one for name, one in spec.sensors.items()):
            self._set_points = SetPoints.of(spec)
        if spec.load != self.spec.load:
            self.load = None if spec.load is None else LoadStep(spec.load, self.interval)
        self.spec, self._has_rules = spec, bool(spec.faults)
        self._holds = any(sensor.by_exception for sensor in spec.sensors.values())
        self.sensors = tuple(kept)
        self._by_name = {sensor.name: sensor for sensor in kept}
        undescribed = None if self._has_rules else Undescribed(self.sensors)
        if undescribed is None or self.undescribed is None or undescribed.watched != self.undescribed.watched:
            self.undescribed = undescribed
            if undescribed is not None and self.commissioning is not None:
                undescribed.begin_period()
        if self.commissioning is not None:
            self.commissioning.watch(self.sensors if self._has_rules else ())
        before, self._drift = self._drift, DriftWatch(spec.faults, self._by_name)
        self._drift.found, self._drift.suspected = before.found, before.suspected
        return tuple(known)
