"""The actor of one device: hands readings and commands to ``domain.device.Device``, and on to others what follows."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pykka

from aegisflow.actors.messages.common import Question, Tick
from aegisflow.actors.messages.device import (
    AcceptLevels,
    AcknowledgeAlarm,
    AckReceived,
    CommandNotSent,
    DeathReported,
    DecideLearning,
    DeviceRecalled,
    ExecuteCommand,
    ForeignCommandSeen,
    MachineSpoke,
    ReadAlarms,
    ReadDeviceStatus,
    ReadFacts,
    ReadLearning,
    ReadLevels,
    ReconfigureDevice,
    RecordReadings,
    ReportMode,
    RestoreLevels,
    ReturnAlarmToService,
    StateMode,
    SuppressAlarm,
    ViewDevice,
)
from aegisflow.actors.messages.gateway import (
    AnswerRefused,
    AskMachine,
    PublishCommand,
    SenderClockLearned,
    StampsRecalled,
)
from aegisflow.actors.messages.guard import AuditCommitted, CommandProgressed, DeviceViewed, ModeReported
from aegisflow.actors.messages.store import (
    AppendAudit,
    CommitAudit,
    RecallDevice,
    StoreDeadLetters,
    StoreLearning,
    StoreLevels,
    StoreRecords,
)
from aegisflow.actors.runtime.directory import GATEWAY, GUARD, HISTORIAN, Directory, describe
from aegisflow.actors.runtime.dispatcher import DispatchedActor, Dispatcher
from aegisflow.actors.runtime.stash import Stash
from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import Alarm, AlarmEvent
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.execution import Ack, Progress
from aegisflow.domain.commands.model import MODE_STATED, Mode, StatedMode
from aegisflow.domain.commands.state_machine import KNOWN_S
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.learning import ENDED, Learning, LearningStatus
from aegisflow.domain.readings import DeadLetter, Disposition, Reading
from aegisflow.domain.sender_clock import AHEAD_S
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import StoreError, UnavailableError
from aegisflow.telemetry.metrics import Metrics

__all__ = ["DeviceActor"]

RECALL_TIMEOUT_S = 30.0
"""Without its past by then, because the historian does not answer or cannot read the store, it starts without."""

FOREIGN_AGAIN_S = 60.0
"""How often at most the audit is told of commands that others send to one machine, beyond the alarm."""

_DUPLICATE, _ACCEPTED = Disposition.DUPLICATE, Disposition.ACCEPTED


class DeviceActor(DispatchedActor):
    """Records readings, executes commands and answers for one device.

    Until the historian has told what it remembers of the device, all of these wait in the stash; then they
    go on in the order in which they came. Between the guard, which decides, and the gateway, which publishes,
    it is the device that asks its interlocks and watches what becomes of a command.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        dispatcher: Dispatcher,
        spec: DeviceSpec,
        now: Callable[[], float],
        metrics: Metrics,
        answer_within_s: float = 10.0,
        known: int = 0,
    ) -> None:
        super().__init__(name, directory, dispatcher)
        self._device = Device(spec, known)
        self._now = now
        self._metrics = metrics
        self._answer_within_s = answer_within_s
        self._received = 0
        """Readings that came, whatever became of them."""
        self._refused: dict[str, int] = {}
        self._stash = Stash()
        self._cold_at = 0.0
        """Monotonic time at which the device begins without its past."""
        self._unread = ""
        """Why the store could not tell the past when it was last asked; it is asked again with the next tick."""
        self._told_progress: tuple[Progress, ...] = ()
        """What became of the newest command, as it was told to the guard."""
        self._told_mode: tuple[Mode, float] | None = None
        self._foreign_at = -math.inf
        """When the audit was last told of a command that somebody else has sent."""
        self._stating: dict[int, tuple[StatedMode, pykka.Future[StatedMode]]] = {}
        """Number of the audit row that is being stored, to the operator's word for the mode that it is about."""
        self._number, self._broker_connected = 0, True

    def on_start(self) -> None:
        """Ask the historian what it remembers of this device."""
        self._cold_at = time.monotonic() + RECALL_TIMEOUT_S
        self._ask_for_past()

    def _ask_for_past(self) -> None:
        device, now = self._device, self._now()
        # Posted and not told: at a start thousands of devices ask, and the historian gets their questions in
        # parcels.
        past = RecallDevice(device.spec.device_id, self.name, device.recall_count, now - KNOWN_S, now + AHEAD_S)
        self.post(HISTORIAN, past)

    def on_receive(self, message: object) -> object:
        """Record, execute, answer; or keep it until the past is known."""
        if type(message) is not RecordReadings:
            self.actor_inbox.expect_time()
        match message:
            case RecordReadings():
                if self._stash.is_open:
                    self._record(message.readings)
                else:
                    self._stash.keep(message)
            case Tick(at, broker_connected, stepped_s):
                if stepped_s:
                    self._device.our_clock_moved(stepped_s, at)
                    self._tell_offset()
                self._tick(at, broker_connected)
            case (
                ReadDeviceStatus()
                | ReadFacts()
                | ReadAlarms()
                | AcknowledgeAlarm()
                | SuppressAlarm()
                | ReturnAlarmToService()
                | AcceptLevels()
                | RestoreLevels()
                | ReadLevels()
                | DecideLearning()
                | ReadLearning()
            ):
                return self._answer(message) if self._stash.is_open else self._stash.keep_question(message)
            case (
                ExecuteCommand()
                | AckReceived()
                | MachineSpoke()
                | ForeignCommandSeen()
                | DeathReported()
                | CommandNotSent()
                | ViewDevice()
                | ReportMode()
            ):
                if self._stash.is_open:
                    self._take_command(message)
                else:
                    self._stash.keep(message)
            case StateMode():
                return self._state_mode(message) if self._stash.is_open else self._stash.keep_question(message)
            case AuditCommitted(number, why):
                self._take_stated(number, why)
            # At once, also before the past is known: that is then recalled into the new specification.
            case ReconfigureDevice(spec):
                self._store(self._device.reconfigure(spec, self._now()))
            case DeviceRecalled():
                self._recall(message)
            case _:
                super().on_receive(message)
        return None

    def on_failure(self, *_: object) -> None:
        """Leave what waited for the past to the successor."""
        self._leave()

    def on_stop(self) -> None:
        """Leave what waited for the past to the supervisor."""
        self._leave()

    def _leave(self) -> None:
        error = pykka.ActorDeadError(f"{self.name} stopped before it came to this")
        for _, answer in self._stating.values():
            answer.set_exception((type(error), error, None))
        self.give_back(*self._stash.abandon(error))

    # --- readings -----------------------------------------------------------------------------

    def _record(self, readings: tuple[Reading, ...]) -> None:
        device = self._device
        record = device.record
        events: tuple[AlarmEvent, ...] = ()
        kept: list[Reading] | None = None  # the readings to store; None while that is all of them
        for position, reading in enumerate(readings):
            try:
                disposition, changes = record(reading)
            except Exception as error:  # noqa: BLE001 - raised again, once nothing is lost by it
                done = readings[:position]
                self._settle(done, done if kept is None else tuple(kept), events)
                self._die_of(reading, readings[position + 1 :], error)
                return
            judged = device.judged or reading
            if judged is not reading or not judged.values or disposition is not _ACCEPTED:
                if kept is None:
                    kept = list(readings[:position])
                if disposition is not _ACCEPTED:
                    self._note_disposition(disposition)
                if disposition is _DUPLICATE or not judged.values:
                    continue
            if kept is not None:
                kept.append(judged)
            if changes:
                events += changes
        self._settle(readings, readings if kept is None else tuple(kept), events)

    def _settle(self, done: tuple[Reading, ...], stored: tuple[Reading, ...], events: tuple[AlarmEvent, ...]) -> None:
        """Hand readings and events over to the historian, which tells the gateway once all of it is on disk."""
        if done and self._device.command_state.open_command:
            self._watch(self._now())
        if events or stored is not done or self._device.timeline.clock.untold:
            self.actor_inbox.expect_time()
        if done:
            self._received += len(done)
            # Those of repetitions and of readings without a value as well: their messages are settled by the same
            # commit.
            receipts = tuple([receipt for item in done if (receipt := item.receipt) is not None])
            self.post(HISTORIAN, StoreRecords(self.name, stored, receipts, len(done), events))
            if events:
                self._report(events)

    def _note_disposition(self, disposition: Disposition) -> None:
        """Count what is not simply the next reading; only a repetition is not judged."""
        if disposition is _DUPLICATE:
            self._refused[disposition] = self._refused.get(disposition, 0) + 1
            self._metrics.duplicates.inc()
        elif disposition is Disposition.LATE:
            self._metrics.late.inc()
        else:
            self._metrics.conflicts.inc()

    def _tell_clock(self) -> None:
        """Say what was learned about the sender's clock: in the log, in the audit and in the metrics."""
        changes = self._device.timeline.clock.untold
        for change in changes:
            detail = {"before_s": round(change.before_s, 3), "after_s": round(change.after_s, 3), "why": change.reason}
            self.log.warning("sender_clock_changed", **detail)
            self._metrics.clock_changes.labels("sender").inc()
            entry = AuditEntry(self._now(), self.name, "sender_clock_changed", self.name, detail)
            self.post(HISTORIAN, AppendAudit(entry))
        self._tell_offset()
        changes.clear()

    def _tell_offset(self) -> None:
        """Say by how much the sender's clock is off, for health: after a start and a set of our own clock, too."""
        self.tell(GATEWAY, SenderClockLearned(self.name, self._device.timeline.clock.offset_s))

    def _die_of(self, reading: Reading, rest: tuple[Reading, ...], error: Exception) -> None:
        """Fail over a reading: keep it as a dead letter, and leave those behind it to the successor."""
        content = {"timestamp": format_instant(reading.at), "device_id": reading.device_id, **reading.values}
        payload = msgspec.json.encode(content)
        letter = DeadLetter(
            at=reading.received_at,
            topic="",
            device_id=reading.device_id,
            reason="device_failure",
            detail=describe(error),
            payload=payload[:1024],
            size=len(payload),
            sha256=hashlib.sha256(payload).hexdigest(),
        )
        receipts = () if reading.receipt is None else (reading.receipt,)
        self.post(HISTORIAN, StoreDeadLetters((letter,), receipts, 1))
        if rest:
            self.give_back(RecordReadings(rest))
        raise error

    # --- commands -----------------------------------------------------------------------------

    def _take_command(self, message: object) -> None:
        """Take what the guard, the gateway or the machine says about commands."""
        at = self._now()
        match message:
            case ViewDevice(number, reply_to):
                self.tell(reply_to, DeviceViewed(number, self._device.view(at)))
            case ReportMode():
                # So that it is told below, though it is not new.
                self._told_mode = None
                for progress in self._told_progress:  # a guard that was restarted may have missed it
                    self.tell(GUARD, CommandProgressed(progress))
            case ExecuteCommand(record):
                begun = self._device.begin(record, at)
                self._tell_progress(begun.ended)
                if begun.publish:
                    self.tell(GATEWAY, PublishCommand(record))
            case CommandNotSent(command_id, why):
                ended = self._device.command_state.not_sent(command_id, why, at)
                self._tell_progress(() if ended is None else (ended,))
            case AckReceived(ack):
                self._take_answer(ack, at)
            case MachineSpoke(said):
                answer = self._device.command_state.answer(said, at)
                if answer is not None:
                    self._take_answer(answer, at)
            case ForeignCommandSeen():
                self._note_foreign(message, at)
            case DeathReported(why):
                self._store(self._device.died(why, at))
        self._report_mode()

    def _note_foreign(self, seen: ForeignCommandSeen, at: float) -> None:
        """Tell people of a command that somebody else has sent, and the audit: each alarm once, and once a minute."""
        events = self._device.foreign_command(seen.what, at)
        if events or at - self._foreign_at >= FOREIGN_AGAIN_S:
            self._foreign_at = at
            self.log.warning("foreign_command", what=seen.what)
            entry = AuditEntry(at, self.name, "foreign_command", self.name, {"command": seen.what})
            self.post(HISTORIAN, AppendAudit(entry))
        # Last, and also when it is no news: once this is on disk the broker may forget the command.
        self.post(HISTORIAN, StoreRecords(self.name, receipts=seen.receipts, count=1, alarms=events))
        self._report(events)

    def _take_answer(self, ack: Ack, at: float) -> None:
        """Take in what the machine says, unless it answers nothing or is not of now."""
        refused = self._device.refuses(ack, at)
        if refused is not None:
            self.tell(GATEWAY, AnswerRefused(ack, *refused))
            return
        led_to, events = self._device.acknowledged(ack, at)
        self._store(events)
        self._tell_progress(led_to)
        self._watch(at)

    def _watch(self, at: float) -> None:
        """See what has become of the command under way, and ask the machine where nobody knows."""
        progress, events = self._device.watch(at)
        self._store(events)
        self._tell_progress(progress)
        state = self._device.command_state
        # A machine that cannot be reached is not asked for its mode, for so it would be asked less often when it can.
        asks = bool(state.open_command) or (self._broker_connected and self._device.spec.can_be_asked)
        asked = state.question(at, self._answer_within_s) if asks else None
        if asked is not None:
            self.tell(GATEWAY, AskMachine(self.name, asked))
        self._report_mode()

    def _tell_progress(self, several: tuple[Progress, ...]) -> None:
        for progress in several:
            same = self._told_progress and self._told_progress[0].command_id == progress.command_id
            self._told_progress = (*self._told_progress, progress) if same else (progress,)
            self.log.info("command_progressed", command=progress.command_id, stage=progress.stage.value)
            self.tell(GUARD, CommandProgressed(progress))

    def _report_mode(self) -> None:
        """Tell the guard the device's mode, if that is news."""
        command_state = self._device.command_state
        mode = (command_state.mode, command_state.reduction_pct)
        if mode != self._told_mode:
            self._told_mode = mode
            self.tell(GUARD, ModeReported(self.name, *mode))

    # --- time and the past --------------------------------------------------------------------

    def _state_mode(self, request: StateMode) -> pykka.Future[StatedMode]:
        """Have an operator's word for the mode audited; it counts, and is answered, once that is on disk."""
        device, by = self._device, request.by
        stated = StatedMode(self.name, request.mode, request.reduction_pct, by.name, self._now(), request.reason)
        device.check_mode(stated, by)
        detail = {
            "kind": by.kind,
            "mode": stated.mode,
            "reduction_pct": stated.reduction_pct,
            "before": device.mode,
            "reason": stated.reason,
        }
        self._number += 1
        entry = AuditEntry(stated.at, by.name, MODE_STATED, self.name, detail)
        if not self.tell(HISTORIAN, CommitAudit(entry, self._number, self.name)):
            raise UnavailableError(HISTORIAN, "it is not running")
        answer: pykka.Future[StatedMode] = pykka.ThreadingFuture()
        self._stating[self._number] = (stated, answer)
        return answer

    def _take_stated(self, number: int, why: str) -> None:
        """Go on once an operator's word for the mode is on disk, or could not be stored."""
        stated, answer = self._stating.pop(number, (None, None))
        if stated is None or answer is None:
            return
        if why:
            answer.set_exception((StoreError, StoreError(why), None))
            return
        self._device.state_mode(stated)
        self.log.warning("mode_stated", mode=stated.mode.value, by=stated.by, reason=stated.reason)
        self._report_mode()
        answer.set(stated)

    def _tick(self, at: float, broker_connected: bool) -> None:
        self._broker_connected = broker_connected
        # Only now: had our own clock been set meanwhile, it would have been no change of the sender's.
        if self._device.timeline.clock.untold:
            self._tell_clock()
        if self._stash.is_open:
            period = self._device.learning.period
            self._store(self._device.tick(at, broker_connected))
            self._watch_learning(at, period)
            if self._device.command_state.is_watching:
                self._watch(at)
            if broker_connected:
                self.actor_inbox.rest(at, self._device.quiet_until)
        # Not by the plant's clock, which stands still in a replay that has not begun.
        elif time.monotonic() > self._cold_at:
            self._begin_cold(self._unread or f"the historian did not answer within {RECALL_TIMEOUT_S:g} s")
        elif self._unread:
            self._unread = ""
            self._ask_for_past()

    def _recall(self, recalled: DeviceRecalled) -> None:
        if self._stash.is_open:
            return
        if recalled.failure:
            # A store that is away for a moment must not cost the device its baselines, its open alarm and its mode.
            self._unread = recalled.failure
            return
        past = recalled.past
        self._store(
            self._device.recall(
                past.readings,
                past.alarms,
                past.mode,
                past.reduction_pct,
                past.open_command,
                past.mode_since,
                past.full_load,
                dict(past.dispatched),
                past.stated,
                past.levels,
                past.learning,
            )
        )
        if self._device.timeline.clock.is_off:
            self._tell_offset()
        if self._device.spec.signed and past.readings:
            self.tell(GATEWAY, StampsRecalled(self.name, self._device.timeline.newest_stamp))
        self._begin()

    def _begin_cold(self, why: str) -> None:
        self.log.warning("device_started_cold", reason=why)
        entry = AuditEntry(self._now(), self.name, "device_started_cold", self.name, {"reason": why})
        self.post(HISTORIAN, AppendAudit(entry))
        self._begin()

    def _begin(self) -> None:
        self._stash.open(self._take_stashed)
        self._report_mode()

    def _take_stashed(self, message: object) -> object:
        """Take what has waited in the stash."""
        match message:
            case RecordReadings(readings):
                self._record(readings)
            case StateMode():
                return self._state_mode(message)
            case Question():
                return self._answer(message)
            case _:
                self._take_command(message)
        return None

    # --- questions ----------------------------------------------------------------------------

    def _answer(self, question: object) -> object:
        match question:
            case ReadAlarms():
                return self._device.alarms()
            case ReadFacts():
                return self._device.view(self._now()).facts
            case AcknowledgeAlarm() | SuppressAlarm() | ReturnAlarmToService():
                return self._change(question)
            case AcceptLevels() | RestoreLevels():
                return self._change_levels(question)
            case ReadLevels():
                return tuple(self._device.accepted.values())
            case DecideLearning():
                return self._decide_learning(question)
            case ReadLearning():
                return self._device.learning.status(self._now())
            case _:
                accepted = self._received - sum(self._refused.values())
                return self._device.status(self._now(), accepted, self._refused)

    def _change(self, request: AcknowledgeAlarm | SuppressAlarm | ReturnAlarmToService) -> Alarm:
        at, by = self._now(), request.by
        match request:
            case AcknowledgeAlarm(alarm_id, _, words):
                alarm, events = self._device.acknowledge(alarm_id, by, words, at)
            case SuppressAlarm(alarm_id, _, words, shelf_s):
                alarm, events = self._device.suppress(alarm_id, by, words, at, shelf_s)
            case ReturnAlarmToService(alarm_id, state):
                words = ""
                alarm, events = self._device.return_to_service(alarm_id, state, by, at)
        if events:
            self._store(events, (self._done(events[0], by, words, at),))
        return alarm

    def _done(self, event: AlarmEvent, by: Caller, words: str, at: float) -> AuditEntry:
        """Return what somebody has done to an alarm as a row of the audit, by which its own row is checked."""
        alarm = event.alarm
        detail = {"kind": by.kind, "device_id": self.name, "note": words}
        if alarm.shelved_until is not None:
            detail["until"] = format_instant(alarm.shelved_until)
        return AuditEntry(at, by.name, f"alarm_{event.change}", alarm.alarm_id, detail)

    def _change_levels(self, request: AcceptLevels | RestoreLevels) -> tuple[AcceptedLevel, ...]:
        """Change what counts as normal, for a person: stored, and a row of the audit for each sensor."""
        at, device = self._now(), self._device
        match request:
            case AcceptLevels(sensors, by, reason, alarm_id):
                levels, events = device.accept_levels(sensors, by, reason, at, alarm_id)
                act, stored = "level_accepted", StoreLevels(self.name, put=levels)
            case RestoreLevels(sensors, by, reason):
                levels, events = device.restore_levels(sensors, by, reason, at)
                act, stored = "level_restored", StoreLevels(self.name, drop=tuple(one.key for one in levels))
        told = {"kind": by.kind, "note": reason}
        audit = [
            AuditEntry(at, by.name, act, one.key, {**told, "level": one.level, "before": one.before, "unit": one.unit})
            for one in levels
        ]
        self.post(HISTORIAN, replace(stored, audit=tuple(audit)))
        self._store(events)
        return levels

    def _decide_learning(self, request: DecideLearning) -> LearningStatus | None:
        """Begin, extend, accept or throw away what is learned, for a person: stored, and a row of the audit."""
        at, by = self._now(), request.by
        period, events = self._device.learn(request.act, request.until, by, request.reason, at)
        detail = {
            "kind": by.kind,
            "since": format_instant(period.since),
            "until": format_instant(period.until),
            "note": request.reason,
        }
        self._keep_learning(at, AuditEntry(at, by.name, request.act.done, self.name, detail))
        self._store(events, tuple(self._done(event, by, request.reason, at) for event in events))
        self.log.info(request.act.done, until=detail["until"], by=by.name)
        return self._device.learning.status(at)

    def _watch_learning(self, at: float, period: Learning | None) -> None:
        """Keep what was learned now and then, and have the audit know when a period is over.

        Args:
            at: UTC epoch seconds by the plant's clock.
            period: the device's before the tick.
        """
        learning = self._device.learning
        if learning.period is not None and learning.period is not period:
            detail = {"until": format_instant(learning.period.until)}
            self._keep_learning(at, AuditEntry(at, self.name, ENDED, self.name, detail))
        elif learning.is_due(at):
            self._keep_learning(at)

    def _keep_learning(self, at: float, *audit: AuditEntry) -> None:
        device = self._device
        self.post(HISTORIAN, StoreLearning(self.name, device.learning.kept(device.latest_at, at), audit))

    def _store(self, events: tuple[AlarmEvent, ...], audit: tuple[AuditEntry, ...] = ()) -> None:
        if events:
            self.post(HISTORIAN, StoreRecords(self.name, alarms=events, audit=audit))
            self._report(events)

    def _report(self, events: tuple[AlarmEvent, ...]) -> None:
        for event in events:
            alarm = event.alarm
            self._metrics.alarm_events.labels(event.change.value).inc()
            self.log.info(
                "alarm_changed",
                change=event.change.value,
                alarm=alarm.alarm_id,
                type=alarm.fault_type,
                severity=alarm.severity.value,
            )
