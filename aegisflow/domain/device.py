"""One machine: what it reports, what is out of the ordinary, its alarms and its mode."""

from array import array
from collections.abc import Mapping, Sequence
from math import inf

from aegisflow.domain.alarms.book import AlarmBook, Outcome
from aegisflow.domain.alarms.lifecycle import check_reason, check_shelf
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Severity
from aegisflow.domain.callers import Caller, CallerKind, require_operator
from aegisflow.domain.commands.execution import Ack, Progress
from aegisflow.domain.commands.model import CommandRecord, DeviceView, Mode
from aegisflow.domain.commands.state_machine import Begun, CommandStateMachine, describe_facts, recent_means
from aegisflow.domain.detection import DeviceDetector, Finding, SensorDetector, silent_device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Disposition, Quality, Reading
from aegisflow.domain.views import DeviceStatus, SensorStatus

_ACCEPTED: tuple[Disposition, tuple[AlarmEvent, ...]] = (Disposition.ACCEPTED, ())
_DUPLICATE: tuple[Disposition, tuple[AlarmEvent, ...]] = (Disposition.DUPLICATE, ())
_OUT_OF_ORDER: tuple[Disposition, tuple[AlarmEvent, ...]] = (Disposition.OUT_OF_ORDER, ())
_MIN_TIMES = 60
"""Timestamps by which duplicates are known, at least."""
_WARM_UP = 240
"""Readings from which baselines are found again after a restart."""


class Device:
    """Everything AegisFlow knows about one machine, without a clock, I/O or threads of its own."""

    __slots__ = (
        "_book",
        "_command_state",
        "_detector",
        "_heard_since",
        "_latest_at",
        "_next",
        "_received_at",
        "_times",
        "spec",
    )

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self._book = AlarmBook(spec.device_id, spec.alarm)
        self._command_state = CommandStateMachine(spec)
        self._detector = DeviceDetector(spec)
        self._times = _ring(spec)
        self._next = 0
        self._latest_at = -inf
        self._received_at = -inf
        self._heard_since = inf
        """Since when the broker has been connected without a break; before the first tick it has not begun."""

    # --- readings and time ----------------------------------------------------------------------

    def record(self, reading: Reading) -> tuple[Disposition, tuple[AlarmEvent, ...]]:
        """Take in one reading and return what became of it, and what changed with the alarms.

        Only a reading that is newer than all before it enters windows and detectors and becomes the latest.
        One whose timestamp is known is a duplicate, as far back as the longest window reaches.
        """
        at = reading.at
        if at <= self._latest_at:
            return _DUPLICATE if at in self._times else self._note_late(at)
        self._latest_at = at
        self._received_at = reading.received_at
        index = self._next
        self._times[index] = at
        self._next = index + 1 if index + 1 < len(self._times) else 0
        values = reading.values
        command_state = self._command_state
        if command_state.is_watching:
            command_state.observe(at, values)
        book = self._book
        diagnosis = self._detector.observe(at, values, book.active_type)
        if diagnosis is not None or not book.idle:
            events = book.observe(at, diagnosis, values)
            if events:
                return Disposition.ACCEPTED, events
        return _ACCEPTED

    def tick(self, at: float, broker_connected: bool = True) -> tuple[AlarmEvent, ...]:
        """Let time pass to ``at`` by the plant's clock and return what changed with the alarms.

        Silence ends every run of breaches that is not an alarm yet, since readings before and after it
        are not consecutive. A device that has reported before and is silent raises an alarm. While the
        broker is away (``broker_connected`` is false) no device can be heard, so silence says nothing about it.
        """
        if not broker_connected or self._heard_since > at:
            self._heard_since = at
        events = self._book.tick(at, self.mode in self.spec.alarm.suppress_in)
        if at - self._received_at > self.spec.silent_after_s:
            self._book.interrupt()
            if broker_connected and at - max(self._received_at, self._heard_since) > self.spec.silent_after_s:
                events += self._silence(at)
        return events

    def _silence(self, at: float) -> tuple[AlarmEvent, ...]:
        """Raise the alarm that the device has stopped reporting, once for each silence."""
        diagnosis = silent_device(self._detector.sensors, self._latest_at)
        return () if diagnosis is None else self._book.silence(at, self._latest_at, diagnosis)

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
            require_operator(by, f"acknowledge {alarm_id}", "only operators and agents may")
        for alarm in self.alarms():
            if alarm.alarm_id == alarm_id and alarm.severity.rank >= Severity.HIGH.rank:
                why = f"it is {alarm.severity}, and an operator must take note of it"
                require_operator(by, f"acknowledge {alarm_id}", why)
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
            _require_operator(by, "take alarms out of service")
            check_reason(reason)
            return self._book.take_out_of_service(alarm_id, by, reason, at)
        _require_operator(by, "shelve alarms")
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
        _require_operator(by, "return alarms to service")
        return self._book.return_to_service(alarm_id, state, by, at)

    # --- commands -------------------------------------------------------------------------------

    @property
    def command_state(self) -> CommandStateMachine:
        """The mode of the device, and the command that it is executing."""
        return self._command_state

    def view(self, at: float) -> DeviceView:
        """Return the device as policy and interlocks see it."""
        active = [alarm for alarm in self.alarms() if alarm.state.is_active]
        unheard_s = max(0.0, at - self._received_at)
        sensors = [self._sensor_status(sensor, unheard_s) for sensor in self._detector.sensors]
        command_state = self._command_state
        return DeviceView(
            device_id=self.spec.device_id,
            line=self.spec.line,
            kind=self.spec.kind,
            mode=command_state.mode,
            reduction_pct=command_state.reduction_pct,
            silent=unheard_s > self.spec.silent_after_s,
            stale=tuple(one.spec.name for one in sensors if one.quality is not Quality.GOOD),
            severity=max((alarm.severity for alarm in active), key=lambda one: one.rank, default=None),
            fault_types=tuple(alarm.fault_type for alarm in active),
            open_command=command_state.open_command,
            means=recent_means(self._detector.sensors),
            spreads={one.spec.name: one.spread for one in sensors if one.spread is not None},
            full_load=command_state.full_load,
            unrecovered=command_state.unrecovered(at),
            version=command_state.version,
            facts=describe_facts(command_state, sensors, active),
        )

    def begin(self, record: CommandRecord, at: float) -> Begun:
        """Begin to execute a command that the guard dispatched, unless an interlock forbids it.

        Returns what this ends, and whether the command is to be published now. What it ends is the command
        itself (stage failed) where an interlock forbids it, or another one that an emergency shutdown overtakes.
        """
        return self._command_state.begin(record, self.view(at), at)

    def acknowledged(self, ack: Ack, at: float) -> tuple[tuple[Progress, ...], tuple[AlarmEvent, ...]]:
        """Take in the machine's answer; return what became of the command, and the alarms that calls for."""
        return self._told(self._command_state.acknowledge(ack, at), at)

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
        unheard_s = max(0.0, at - self._received_at)
        return DeviceStatus(
            device_id=self.spec.device_id,
            line=self.spec.line,
            kind=self.spec.kind,
            mode=self.mode,
            silent=unheard_s > self.spec.silent_after_s,
            latest_at=self.latest_at,
            sensors=tuple(self._sensor_status(sensor, unheard_s) for sensor in self._detector.sensors),
            alarms=self.alarms(),
            accepted=accepted,
            refused=dict(refused),
            notes=self._detector.notes(),
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
        times = self._times[self._next :] + self._times[: self._next]
        self._times = _ring(spec)
        self._next = 0
        for time in times[-len(self._times) :]:
            self._note_time(time)
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
    ) -> tuple[AlarmEvent, ...]:
        """Take over what the store remembers, once, before the first reading is recorded.

        The readings (oldest first) refill windows and raise nothing. Stored alarms go on; their
        on-delay and off-delay begin anew. Returned are the alarms that this clears, because the
        device no longer has any of their sensors. Do not call this when the store could not be asked:
        the mode is then unknown.
        """
        active = next((alarm for alarm in alarms if alarm.lasts), None)
        if active is not None:
            self._detector.resume(
                [
                    Finding(e.sensor, e.detector, e.value, e.baseline, e.spread, e.z, Severity.LOW)
                    for e in active.evidence
                ]
            )
        alarm_type = "" if active is None else active.fault_type
        self._command_state.recall(mode, reduction_pct, open_command, full_load, dispatched)
        for reading in readings:
            self._note_time(reading.at)
            if reading.at > self._latest_at:
                self._latest_at = reading.at
                self._received_at = max(self._received_at, reading.received_at)
                self._detector.observe(reading.at, reading.values, alarm_type)
                if reading.at > mode_since:
                    self._command_state.observe(reading.at, reading.values)
        events = self._book.recall(alarms)
        self._book.suppresses_by_design = self.mode in self.spec.alarm.suppress_in
        gone = {sensor for alarm in alarms for sensor in alarm.sensors if sensor not in self.spec.sensors}
        at = max((self._latest_at, *(alarm.changed_at for alarm in alarms)))
        return events + self._book.drop(tuple(gone), at)

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
        """How many of the newest readings a restart needs, to fill the windows and warm up the baselines."""
        return max((_WARM_UP, *(sensor.detector.window for sensor in self.spec.sensors.values())))

    @property
    def latest_at(self) -> float | None:
        """UTC epoch seconds of the newest reading, by the device's clock; None before the first."""
        return None if self._latest_at == -inf else self._latest_at

    def _sensor_status(self, sensor: SensorDetector, unheard_s: float) -> SensorStatus:
        window = sensor.zscore.window
        if sensor.at == -inf:
            return SensorStatus(sensor.spec, Quality.NEVER_SEEN, None, None, None, None, None, 0)
        stale = self._latest_at - sensor.at + unheard_s > sensor.spec.stale_after_s
        quality = Quality.STALE if stale else Quality.GOOD
        return SensorStatus(
            sensor.spec,
            quality,
            sensor.zscore.value,
            sensor.at,
            window.mean,
            window.spread,
            sensor.zscore.z,
            window.count,
        )

    def _note_late(self, at: float) -> tuple[Disposition, tuple[AlarmEvent, ...]]:
        self._note_time(at)
        return _OUT_OF_ORDER

    def _note_time(self, at: float) -> None:
        self._times[self._next] = at
        self._next = (self._next + 1) % len(self._times)


def _ring(spec: DeviceSpec) -> "array[float]":
    """Return room for as many timestamps as the longest window holds values."""
    longest = max((sensor.detector.window for sensor in spec.sensors.values()), default=0)
    return array("d", [-inf]) * max(longest, _MIN_TIMES)


def _require_operator(by: Caller, what: str) -> None:
    require_operator(by, what, f"only operators may, and this is an {by.kind}")
