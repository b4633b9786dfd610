"""One machine: what it reports, what is out of the ordinary, its alarms and its mode."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Final

from aegisflow.domain.alarms.book import Outcome
from aegisflow.domain.alarms.device_alarms import DeviceAlarms
from aegisflow.domain.alarms.levels import AcceptedLevel, AcceptedLevels, told
from aegisflow.domain.alarms.lifecycle import LATE_S, check_reason, check_shelf
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Severity, worst_of
from aegisflow.domain.callers import Caller, CallerKind, require_operator
from aegisflow.domain.clock_report import clock_notes, clock_view, interval_notes
from aegisflow.domain.commands.execution import Ack, Progress
from aegisflow.domain.commands.model import CommandRecord, DeviceView, Mode, StatedMode
from aegisflow.domain.commands.state_machine import (
    Begun,
    CommandStateMachine,
    Objection,
    describe_facts,
    recent_means,
    recent_values,
)
from aegisflow.domain.detection import (
    NEVER_HEARD,
    READINGS_REFUSED,
    DeviceDetector,
    Finding,
    silent_device,
)
from aegisflow.domain.device_learning import DeviceLearning
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.interval import MIN_SILENT_S, silent_after_s
from aegisflow.domain.known import MIN_KNOWN, known_count, recall_count
from aegisflow.domain.learning import ENDED, KeptLearning, Learning, LearningAct
from aegisflow.domain.readings import Disposition, Quality, Reading
from aegisflow.domain.rights import Right
from aegisflow.domain.sensor_report import sensor_status
from aegisflow.domain.timeline import Timeline
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import NO_CHANGE_YET, DeviceStatus, SensorStatus

MODE_CONTRADICTED: Final = "mode_contradicted"
"""Type of the alarm that a machine runs although its mode says that it stands."""
FOREIGN_COMMAND: Final = "foreign_command"
"""Type of the alarm that somebody else has sent the machine a command."""
_ACCEPTED: Final = Disposition.ACCEPTED
_SETTLED_S: Final = 30.0
"""Without a reading for so long, a backlog has come to its end."""


class Device:
    """Everything AegisFlow knows about one machine, without a clock, I/O or threads of its own."""

    __slots__ = (
        "_accepted",
        "_book",
        "_command_state",
        "_contradicted",
        "_detector",
        "_heard_at",
        "_heard_since",
        "_known",
        "_received_at",
        "_was_silent",
        "judged",
        "learning",
        "spec",
        "timeline",
    )

    def __init__(self, spec: DeviceSpec, known: int = MIN_KNOWN) -> None:
        """Begin with nothing known.

        Args:
            spec: what it is.
            known: how many of its readings are known at least should they come again; 16 bytes each.
        """
        self.spec = spec
        self._known = known
        self.timeline = Timeline(self._room)
        """Places its readings in the plant's time, and knows its clock."""
        self._book = DeviceAlarms(spec.device_id, spec.alarm, self.timeline.interval)
        self._command_state = CommandStateMachine(spec, self.timeline.interval)
        self._detector = DeviceDetector(spec, self.timeline.interval)
        self.learning = DeviceLearning(spec.device_id, self._detector)
        """Its newest commissioning period."""
        self._was_silent = False
        self._received_at = self._heard_at = -inf
        """When the newest reading came that has a value, and the newest whatever it has."""
        self._contradicted = False
        """Whether people were told that readings contradict the mode; once for each time that they do."""
        self._accepted: AcceptedLevels | None = None
        """What people have accepted as levels; None as long as that is nothing, as for almost all devices."""
        self.judged: Reading | None = None
        """The newest reading as it was judged."""
        self._heard_since = inf
        """Since when the broker has been connected without a break; before the first tick it has not begun."""

    # --- readings and time ----------------------------------------------------------------------

    def record(self, reading: Reading) -> tuple[Disposition, tuple[AlarmEvent, ...]]:
        """Take in one reading, and return what became of it and what changed with the alarms.

        Only a repetition is not judged. ``judged`` is then the reading under its instant of the plant's
        time, as it is to be stored.

        Args:
            reading: with the sender's stamp as its ``at``.
        """
        received_at = reading.received_at
        if received_at > self._heard_at:
            self._heard_at = received_at
        if reading.refused:
            self._detector.refuse(reading.refused)
            if not reading.values:  # as if it had never come, but for its being heard
                self.judged = reading
                return _ACCEPTED, ()
        timeline = self.timeline
        before = timeline.judging_at
        disposition, judged = timeline.admit(reading)
        self.judged = judged
        if disposition is Disposition.DUPLICATE:
            return disposition, ()
        # A late reading is judged now: time does not run backwards for windows and delays.
        at, values = timeline.judging_at, judged.values
        silent_s, self._received_at = received_at - self._received_at, received_at
        command_state, book, detector = self._command_state, self._book, self._detector
        events: tuple[AlarmEvent, ...] = ()
        if command_state.is_watching:
            command_state.observe(at, detector.known(values), judged.signed)
            events = self._told_contradiction(at)
        active = book.active_type
        if active and received_at - at > LATE_S and silent_s > self.silent_after_s:
            events += book.end_silence(received_at)
            active = book.active_type
        diagnosis = detector.observe(at, values, active)
        if diagnosis is not None or not book.idle:
            if at - before > self.silent_after_s:  # also where nobody was there to notice the silence
                book.interrupt()
            events += book.observe(at, diagnosis, detector.second, detector.known(values), received_at)
        return disposition, events

    def _told_contradiction(self, at: float) -> tuple[AlarmEvent, ...]:
        """Raise an alarm where readings contradict the mode; it suppresses nothing then."""
        why, told = self._command_state.contradiction, self._contradicted
        self._contradicted = bool(why)
        if not why or told:
            return ()
        self._book.suppresses_by_design = False
        return self._book.raise_for_command(MODE_CONTRADICTED, (why, "look at the machine, and state its mode"), at)

    def foreign_command(self, what: str, at: float) -> tuple[AlarmEvent, ...]:
        """Raise an alarm that somebody else has sent the machine a command; one until people have taken note of it.

        Args:
            what: what it says, in words.
            at: UTC epoch seconds.
        """
        if any(one.fault_type == FOREIGN_COMMAND and one.state is AlarmState.RETURNED for one in self.alarms()):
            return ()
        reasons = (f"a command that AegisFlow did not send: {what}", "look at the machine, and who may publish to it")
        return self._book.raise_for_command(FOREIGN_COMMAND, reasons, at)

    @property
    def _mode_suppresses(self) -> bool:
        """Whether the mode causes alarms by design; one that readings contradict does not."""
        return self.mode in self.spec.alarm.suppress_in and not self._command_state.contradiction

    def tick(self, at: float, broker_connected: bool = True) -> tuple[AlarmEvent, ...]:
        """Let time pass to ``at`` by the plant's clock and return what changed with the alarms.

        Silence ends every run of breaches that is not an alarm yet: readings before and after it
        are not consecutive. A device that says nothing usable while we listen is an alarm, whether it
        has fallen silent, was never heard, or reports what has to be refused. While the broker is away
        (``broker_connected`` is false), silence says nothing about the device.
        """
        if not broker_connected or self._heard_since > at:
            self._heard_since = at
        events = self._book.tick(at, self._mode_suppresses)
        if untold := self.learning.untold(at):
            events += self._book.raise_for_command(ENDED, untold, at, Severity.LOW)
        if at - self._received_at > _SETTLED_S:
            events += self._book.settle(at)
        silent_after = self.silent_after_s
        if at - self._received_at > silent_after:
            self._was_silent = True
            self._book.interrupt()
            since = max(self._received_at, self._heard_since)
            if broker_connected and at - since > silent_after:
                events += self._silence(at)
            return events
        if self._was_silent:
            self._was_silent = False
            self._command_state.ask_anew()  # it may have been switched off, or be another machine by now
        if silent_after == inf and self._heard_at - max(self._received_at, self._heard_since) > MIN_SILENT_S:
            events += self._unusable(at)  # it may be silent for ever, but it is not: it says what nobody can use
        return events

    @property
    def quiet_until(self) -> float:
        """Until when (UTC epoch seconds) a tick changes nothing while the broker is connected; -inf: it may at once."""
        if self._book.waits_for_time or self._command_state.is_watching or self.learning.period is not None:
            return -inf
        if self._was_silent or self._heard_at > self._received_at or self.timeline.clock.untold:
            return -inf
        given = self.spec.silent_after_s  # else at least this long, whatever readings tell of their interval
        return self._received_at + (MIN_SILENT_S if given is None else given)

    @property
    def silent_after_s(self) -> float:
        """Seconds without a reading after which it is silent; infinite for never."""
        return silent_after_s(self.spec.silent_after_s, self.timeline.interval)

    def our_clock_moved(self, by_s: float, at: float) -> None:
        """Take note that the plant's own clock was set: no time has passed, and the sender's clock is what it was.

        Args:
            by_s: by how many seconds it was set ahead, negative for back.
            at: UTC epoch seconds by the clock as it is now.
        """
        self.timeline.our_clock_moved(by_s, at)
        self._received_at, self._heard_at, self._heard_since = (
            min(then, then + by_s, key=lambda instant: abs(at - instant))  # a reading may have come since
            for then in (self._received_at, self._heard_at, self._heard_since)
        )

    def _silence(self, at: float, said: tuple[str, ...] = ()) -> tuple[AlarmEvent, ...]:
        """Raise the alarm that the device says nothing usable, once for each silence."""
        reasons = self._detector.refusals()
        if reasons and not said and at - self._heard_at <= self.silent_after_s:
            return self._unusable(at)
        diagnosis = silent_device(self._detector.sensors, self.timeline.latest_at, said)
        if diagnosis is None:
            why = f"no reading has come since the watch began at {format_instant(self._heard_since)}"
            return self._book.raise_unheard(NEVER_HEARD, (*said, why, *reasons), at)
        return self._book.silence(at, self.timeline.latest_at, diagnosis)

    def died(self, why: str, at: float) -> tuple[AlarmEvent, ...]:
        """Take in that its sender calls it gone, and why: it is silent at once, until its next reading."""
        self._was_silent = True
        self._book.interrupt()
        self._received_at = min(self._received_at, at - self.silent_after_s - 0.001)
        return self._silence(at, (why,))

    def _unusable(self, at: float) -> tuple[AlarmEvent, ...]:
        reasons = ("it reports, but nothing can be used", *self._detector.refusals())
        return self._book.raise_unheard(READINGS_REFUSED, reasons, at)

    # --- alarms, and what people do to them -----------------------------------------------------

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that are not history, suppressed ones included, most severe first."""
        return self._book.alarms()

    def acknowledge(self, alarm_id: str, by: Caller, note: str, at: float) -> Outcome:
        """Record that somebody has taken note of an alarm; it stays active while its cause lasts.

        Returns:
            The alarm after it, and what changed: nothing when it was acknowledged before.

        Raises:
            NotAllowedError: an agent, and the alarm is high or critical, so that people must take note of it; or
                a caller that is neither operator nor agent.
            UnknownNameError: the device has no such alarm; the error names those it has.
        """
        if by.kind is not CallerKind.AGENT:
            self._require_operator(by, f"acknowledge {alarm_id}", "only operators and agents may")
        for alarm in self.alarms():
            if alarm.alarm_id == alarm_id and alarm.severity.rank >= Severity.HIGH.rank:
                why = f"it is {alarm.severity}, and an operator must take note of it"
                self._require_operator(by, f"acknowledge {alarm_id}", why)
        return self._book.acknowledge(alarm_id, by, note, at)

    def suppress(self, alarm_id: str, by: Caller, reason: str, at: float, shelf_s: float | None) -> Outcome:
        """Shelve an open alarm for ``shelf_s`` seconds, or (None) take it out of service.

        Returns:
            The alarm after it, and what changed.

        Raises:
            NotAllowedError: the caller is no operator.
            UnknownNameError: the device has no such alarm; the error names those it has.
            BadValueError: the shelf is too short or too long, there is no reason, or the alarm is history.
        """
        if shelf_s is None:
            self._require_operator(by, "take alarms out of service")
            check_reason(reason)
            return self._book.take_out_of_service(alarm_id, by, reason, at)
        self._require_operator(by, "shelve alarms")
        check_shelf(shelf_s, reason)
        return self._book.shelve(alarm_id, by, at + shelf_s, reason, at)

    def return_to_service(self, alarm_id: str, state: AlarmState, by: Caller, at: float) -> Outcome:
        """Return a shelved alarm before its shelf ends, or one that was taken out of service.

        It is unacknowledged again while its cause lasts, and history otherwise.

        Args:
            alarm_id: the alarm.
            state: ``SHELVED`` or ``OUT_OF_SERVICE``, whichever the caller means to end.
            by: the caller.
            at: UTC epoch seconds by the plant's clock.

        Raises:
            NotAllowedError: the caller is no operator.
            UnknownNameError: the device has no such alarm; the error names those it has.
            BadValueError: the alarm is not in that state.
        """
        self._require_operator(by, "return alarms to service")
        return self._book.return_to_service(alarm_id, state, by, at)

    def accept_levels(
        self, sensors: Sequence[str], by: Caller, reason: str, at: float, alarm_id: str = ""
    ) -> tuple[tuple[AcceptedLevel, ...], tuple[AlarmEvent, ...]]:
        """Take what sensors show now as normal: the mean of their windows, of five minutes at one reading in 5 s.

        None named means all that speak for the alarm and can be accepted. An alarm for which they speak ends by
        itself, after the off-delay. Limits hold as before.

        Raises:
            NotAllowedError: the caller is no operator.
            RequestError: there is no reason; or a sensor is unknown, stuck, swings, or is beyond a limit.
        """
        self._require_operator(by, "say what is normal")
        check_reason(reason)
        names = () if sensors or not alarm_id else self._book.find(alarm_id).sensors
        self._accepted = self._accepted or AcceptedLevels(self.spec.device_id)
        levels = self._accepted.accept(self._detector, sensors, names, by, reason, at)
        return levels, self._book.add_reason([one.sensor for one in levels], f"{by.name} accepts {told(levels)}", at)

    def restore_levels(
        self, sensors: Sequence[str], by: Caller, reason: str, at: float
    ) -> tuple[tuple[AcceptedLevel, ...], tuple[AlarmEvent, ...]]:
        """Take an acceptance back: the level of before holds again, and what is off against it is told again.

        Raises:
            NotAllowedError: the caller is no operator.
            RequestError: there is no reason, or no level of that sensor was accepted.
        """
        self._require_operator(by, "take back what is normal")
        check_reason(reason)
        levels = (self._accepted or AcceptedLevels(self.spec.device_id)).restore(self._detector, sensors)
        return levels, self._book.add_reason(sensors, f"{by.name} no longer accepts {', '.join(sensors)}", at)

    def learn(
        self, act: LearningAct, until: str, by: Caller, reason: str, at: float
    ) -> tuple[Learning, tuple[AlarmEvent, ...]]:
        """Do what a person decides about what the device learns; the arguments are those of ``DeviceLearning.decide``.

        Raises:
            NotAllowedError: the caller is no operator.
            RequestError: there is no reason, or what is decided does not fit how far the learning is.
        """
        self._require_operator(by, "say what is normal")
        check_reason(reason)
        period = self.learning.decide(act, until, by, reason, at)
        events: tuple[AlarmEvent, ...] = ()
        for alarm in self.alarms():
            if alarm.fault_type == ENDED and alarm.state is AlarmState.RETURNED:
                events += self._book.acknowledge(alarm.alarm_id, by, reason, at)[1]
        return period, events

    # --- commands -------------------------------------------------------------------------------

    @property
    def command_state(self) -> CommandStateMachine:
        """The mode of the device, and the command that it is executing."""
        return self._command_state

    def view(self, at: float) -> DeviceView:
        """Return the device as policy and interlocks see it."""
        active = [alarm for alarm in self.alarms() if alarm.state.is_active]
        # What the machine has is the same whoever is told of it; only what its mode causes by design is none of that.
        set_aside = [alarm for alarm in self.alarms() if alarm.lasts and alarm.state.is_set_aside]
        unheard_s = max(0.0, at - self._received_at)
        sensors = self._sensors(unheard_s)
        return DeviceView(
            device_id=self.spec.device_id,
            line=self.spec.line,
            kind=self.spec.kind,
            mode=self._command_state.mode,
            reduction_pct=self._command_state.reduction_pct,
            silent=unheard_s > self.silent_after_s,
            stale=tuple(
                one.spec.name for one in sensors if one.quality is not Quality.GOOD and one.reason != NO_CHANGE_YET
            ),
            severity=worst_of(active),
            fault_types=tuple(alarm.fault_type for alarm in active),
            open_command=self._command_state.open_command,
            means=recent_means(self._detector.sensors),
            recent=recent_values(self._detector.sensors),
            spreads={one.spec.name: one.spread for one in sensors if one.spread is not None},
            full_load=self._command_state.full_load,
            unrecovered=self._command_state.unrecovered(at),
            version=self._command_state.version,
            facts=describe_facts(self._command_state, sensors, active, set_aside),
            set_aside_severity=worst_of(set_aside),
            set_aside_types=tuple(alarm.fault_type for alarm in set_aside),
            alarm_ids=tuple(alarm.alarm_id for alarm in active),
            watched_only=self.spec.watched_only,
            writing=self.spec.writing,
        )

    def check_mode(self, stated: StatedMode, by: Caller) -> None:
        """Check that somebody's word for the mode can be taken now.

        Raises:
            NotAllowedError: the caller is no operator.
            BadValueError: it cannot be; see ``StatedMode.check``.
            ConflictError: a command is under way, whose outcome will tell the mode.
        """
        why = f"only operators may, and this is an {by.kind}"
        require_operator(by, Right.COMMAND, "state the mode of a machine", why, on=self.spec.line)
        self._command_state.check_statement(stated)

    def state_mode(self, stated: StatedMode) -> None:
        """Be in the mode that an operator states, once ``check_mode`` has let it pass and it is audited."""
        self._command_state.state(stated)
        self._book.suppresses_by_design = self._mode_suppresses

    def begin(self, record: CommandRecord, at: float) -> Begun:
        """Begin to execute a command that the guard dispatched, unless an interlock forbids it.

        Returns what this ends, and whether the command is to be published now. What it ends is the command
        itself (stage failed) where an interlock forbids it, or another one that an emergency shutdown overtakes.
        """
        return self._command_state.begin(record, self.view(at), at)

    def refuses(self, ack: Ack, at: float) -> Objection | None:
        """Return why the machine's answer is not believed; None if it is for ``acknowledged`` to take in."""
        return self._command_state.refuses(ack, at, self.timeline.clock.offset_s)

    def acknowledged(self, ack: Ack, at: float) -> tuple[tuple[Progress, ...], tuple[AlarmEvent, ...]]:
        """Take in the machine's answer; return what became of the command, and the alarms that calls for."""
        silent = at - self._received_at > self.silent_after_s
        means = {} if silent else recent_means(self._detector.sensors)
        return self._told(self._command_state.acknowledge(ack, at, means), at)

    def watch(self, at: float) -> tuple[tuple[Progress, ...], tuple[AlarmEvent, ...]]:
        """Return what has become of the command under way by ``at``, and the alarms that calls for."""
        return self._told(self._command_state.verdict(at), at)

    def _told(self, progress: Progress | None, at: float) -> tuple[tuple[Progress, ...], tuple[AlarmEvent, ...]]:
        if progress is None:
            return (), ()
        if not self._command_state.needs_person(progress):
            return (progress,), ()
        return (progress,), self._book.raise_for_command(f"command_{progress.stage}", progress.reasons, at)

    @property
    def mode(self) -> Mode:
        """Operating mode of the device, as far as it is known."""
        return self._command_state.mode

    # --- what it tells, and where it goes on from ------------------------------------------------

    def status(self, at: float, accepted: int, refused: Mapping[str, int]) -> DeviceStatus:
        """Return the device as it is at ``at`` (UTC epoch seconds by the plant's clock), with the caller's counts."""
        unheard_s, learning = max(0.0, at - self._received_at), self.learning.status(at)
        return DeviceStatus(
            device_id=self.spec.device_id,
            line=self.spec.line,
            kind=self.spec.kind,
            mode=self.mode,
            silent=unheard_s > self.silent_after_s,
            latest_at=self.latest_at,
            sensors=self._sensors(unheard_s),
            alarms=self.alarms(),
            accepted=accepted,
            refused=dict(refused),
            notes=(
                *self._command_state.notes(),
                *self._detector.notes(),
                *((learning.text(),) if learning is not None and learning.period.is_open else ()),
                *clock_notes(self.timeline),
                *interval_notes(self.spec.silent_after_s, self.timeline.interval, self._detector.sensors),
            ),
            clock=clock_view(self.timeline),
            silent_after_s=self.silent_after_s,
            learning=learning,
        )

    def reconfigure(self, spec: DeviceSpec, at: float) -> tuple[AlarmEvent, ...]:
        """Go on under another specification and return what that changed with the alarms.

        A sensor that did not change keeps its state untouched. Under changed limits it keeps its window,
        under another window length its newest values, and in another unit it starts from scratch. An
        alarm for which no sensor is left is cleared; other alarms stay.
        """
        self.spec = spec
        self._command_state.reconfigure(spec)
        self._book.spec = spec.alarm
        gone = self._detector.reconfigure(spec)
        self.timeline.resize(self._room)
        return self._book.drop(gone, at)

    def recall(
        self,
        readings: Sequence[Reading],
        alarms: Sequence[Alarm],
        mode: Mode,
        reduction_pct: float = 0.0,
        open_command: CommandRecord | None = None,
        mode_since: float = 0.0,
        full_load: float | None = None,
        dispatched: Mapping[str, float] | None = None,
        stated: StatedMode | None = None,
        levels: Sequence[AcceptedLevel] = (),
        learning: KeptLearning | None = None,
    ) -> tuple[AlarmEvent, ...]:
        """Take over what the store remembers, once, before the first reading is recorded.

        The readings (oldest first) refill windows and raise nothing, but what they are in breach of counts for
        the on-delay, so that a fault is told however often we fall while it lasts. Stored alarms go on; their
        off-delay begins anew. Returned are the alarms that this clears, because the device no longer has any of
        their sensors. What was learned in a commissioning period holds, and what came later is learned on top of it.
        Do not call this when the store could not be asked: the mode is then unknown.
        """
        lasting, detector = [alarm for alarm in alarms if alarm.lasts], self._detector
        evidence = [e for alarm in lasting for e in alarm.evidence]
        detector.resume(
            [Finding(e.sensor, e.detector, e.value, e.baseline, e.spread, e.z, Severity.LOW) for e in evidence]
        )
        alarm_type = lasting[0].fault_type if lasting else ""
        if levels:
            self._accepted = AcceptedLevels(self.spec.device_id)
            self._accepted.recall(detector, levels, lasting)
        self._command_state.recall(mode, reduction_pct, open_command, full_load, dispatched, stated)
        first = len(readings) - self.recall_count  # those before are only known
        before = inf
        for number, reading in enumerate(readings):
            newer = reading.at > self.timeline.latest_at
            self.timeline.recall(reading)
            if learning is not None and reading.at > learning.at:
                self.learning.recall(learning)
                learning, first = None, number
            if newer and number >= first:
                self._received_at = max(self._received_at, reading.received_at)
                if reading.at - before > self.silent_after_s:
                    self._book.interrupt()
                before = reading.at
                diagnosis, known = (
                    detector.observe(reading.at, reading.values, alarm_type),
                    detector.known(reading.values),
                )
                self._book.count(reading.at, diagnosis, detector.second, known)
                if reading.at > mode_since:
                    self._command_state.observe(reading.at, known)
        if learning is not None:
            self.learning.recall(learning)
        events = self._book.recall(alarms)
        self._book.suppresses_by_design = self._mode_suppresses
        self._contradicted = any(alarm.fault_type == MODE_CONTRADICTED for alarm in alarms)
        gone = {sensor for alarm in alarms for sensor in alarm.sensors if sensor not in self.spec.sensors}
        at = max((self.timeline.latest_at, *(alarm.changed_at for alarm in alarms)))
        return events + self._book.drop(tuple(gone), at)

    @property
    def accepted(self) -> Mapping[str, AcceptedLevel]:
        """Sensor to what a person has accepted as its level."""
        return {} if self._accepted is None else self._accepted.by_sensor

    @property
    def score(self) -> float:
        """How unusual the newest reading is: 0 is ordinary, from 1 on the detectors find something."""
        return self._detector.score

    @property
    def levels(self) -> dict[str, float]:
        """Sensor to its usual level, in its unit; sensors that are still warming up are absent."""
        return {sensor.name: sensor.baseline.level for sensor in self._detector.sensors if sensor.ready}

    @property
    def z_scores(self) -> dict[str, float]:
        """Sensor to the z-score of its newest value; sensors with too few values are absent."""
        return {s.name: s.zscore.z for s in self._detector.sensors if s.zscore.z is not None}

    @property
    def recall_count(self) -> int:
        """How many of the newest readings a restart needs to find the baselines, and to know what comes again."""
        return recall_count(self.spec, self._room)

    @property
    def _room(self) -> int:
        """For how many readings repetitions are recognised: at least for as many as the longest window holds."""
        return known_count(self.spec, self._known)

    @property
    def latest_at(self) -> float | None:
        """UTC epoch seconds of the newest reading, by the plant's clock; None before the first."""
        return None if self.timeline.latest_at == -inf else self.timeline.latest_at

    def _sensors(self, unheard_s: float) -> tuple[SensorStatus, ...]:
        timeline, silent_after_s = self.timeline, self.silent_after_s
        return tuple(sensor_status(one, timeline, silent_after_s, unheard_s) for one in self._detector.sensors)

    def _require_operator(self, by: Caller, what: str, why: str = "") -> None:
        why = why or f"only operators may, and this is an {by.kind}"
        require_operator(by, Right.HANDLE_ALARMS, what, why, on=self.spec.line)
