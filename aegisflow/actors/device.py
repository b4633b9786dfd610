"""The actor of one device: hands readings to ``domain.Device`` and what comes of them to the historian."""

import hashlib
import time
from collections.abc import Callable

import msgspec
import pykka

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.device import (
    AcknowledgeAlarm,
    AckReceived,
    CommandNotSent,
    DeviceRecalled,
    ExecuteCommand,
    ReadAlarms,
    ReadDeviceStatus,
    ReconfigureDevice,
    RecordReadings,
    ReportMode,
    ReturnAlarmToService,
    SuppressAlarm,
    ViewDevice,
)
from aegisflow.actors.messages.store import AppendAudit, RecallDevice, StoreDeadLetters, StoreRecords
from aegisflow.actors.operating import OperatingActor
from aegisflow.actors.runtime.directory import HISTORIAN, Directory, describe
from aegisflow.actors.runtime.dispatcher import Dispatcher
from aegisflow.domain.alarms.model import Alarm, AlarmEvent
from aegisflow.domain.commands.state_machine import KNOWN_S
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import DeadLetter, Disposition, Reading
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry
from aegisflow.telemetry.metrics import Metrics

__all__ = ["DeviceActor"]

RECALL_TIMEOUT_S = 30.0
"""Without an answer from the historian by then, the device starts without its past."""

_DUPLICATE, _ACCEPTED = Disposition.DUPLICATE, Disposition.ACCEPTED


class DeviceActor(OperatingActor):
    """Until the historian has told what it remembers, readings and questions wait; then they go on in order."""

    def __init__(
        self,
        name: str,
        directory: Directory,
        dispatcher: Dispatcher,
        spec: DeviceSpec,
        now: Callable[[], float],
        metrics: Metrics,
        answer_within_s: float = 10.0,
    ) -> None:
        super().__init__(name, directory, dispatcher, Device(spec), now, answer_within_s)
        self._metrics = metrics
        self._done = 0
        """Readings that came, whatever became of them."""
        self._refused: dict[str, int] = {}
        self._stash: list[tuple[object, pykka.Future[object] | None]] | None = []
        """What waits for the recall; None afterwards."""
        self._cold_at = 0.0

    def on_start(self) -> None:
        """Ask for the past."""
        self._cold_at = time.monotonic() + RECALL_TIMEOUT_S
        since = self._now() - KNOWN_S
        self.post(HISTORIAN, RecallDevice(self._device.spec.device_id, self.name, self._device.recall_count, since))

    def on_receive(self, message: object) -> object:
        """Record, remember, answer."""
        match message:
            case RecordReadings():
                if self._stash is None:
                    self._record(message.readings)
                else:
                    self._stash.append((message, None))
            case Tick(at, broker_connected):
                self._tick(at, broker_connected)
            case ReadDeviceStatus() | ReadAlarms() | AcknowledgeAlarm() | SuppressAlarm() | ReturnAlarmToService():
                return self._answer(message) if self._stash is None else self._answer_later(message)
            case ExecuteCommand() | AckReceived() | CommandNotSent() | ViewDevice() | ReportMode():
                if self._stash is None:
                    self._operate(message)
                else:
                    self._stash.append((message, None))
            case ReconfigureDevice(spec):
                self._store(self._device.reconfigure(spec, self._now()))
            case DeviceRecalled():
                self._recall(message)
            case _:
                super().on_receive(message)
        return None

    def on_failure(self, *_: object) -> None:
        """Leave to the successor what waited for the recall."""
        self._abandon_stash()

    def on_stop(self) -> None:
        """Leave to the supervisor what waited for the recall."""
        self._abandon_stash()

    # --- readings -----------------------------------------------------------------------------

    def _record(self, readings: tuple[Reading, ...]) -> None:
        record = self._device.record
        events: tuple[AlarmEvent, ...] = ()
        kept: list[Reading] | None = None  # those to store, once that is not all of them
        for position, reading in enumerate(readings):
            try:
                disposition, changes = record(reading)
            except Exception as error:  # noqa: BLE001 - raised again once nothing can be lost by it
                done = readings[:position]
                self._settle(done, done if kept is None else tuple(kept), events)
                self._die_of(reading, readings[position + 1 :], error)
                return
            if disposition is not _ACCEPTED:
                if kept is None:
                    kept = list(readings[:position])
                self._note_refused(disposition)
                if disposition is _DUPLICATE:
                    continue
            if kept is not None:
                kept.append(reading)
            if changes:
                events += changes
        self._settle(readings, readings if kept is None else tuple(kept), events)

    def _settle(self, done: tuple[Reading, ...], stored: tuple[Reading, ...], events: tuple[AlarmEvent, ...]) -> None:
        """Hand over to the historian; it tells the gateway once all is on disk."""
        if done and self._device.command_state.open_command:
            self._watch(self._now())
        if done:
            self._done += len(done)
            receipts = tuple([item.receipt for item in done if item.receipt is not None])
            self.post(HISTORIAN, StoreRecords(self.name, stored, receipts, len(done), events))
            if events:
                self._report(events)

    def _note_refused(self, disposition: Disposition) -> None:
        self._refused[disposition] = self._refused.get(disposition, 0) + 1
        counter = self._metrics.duplicates if disposition is _DUPLICATE else self._metrics.late
        counter.inc()

    def _die_of(self, reading: Reading, rest: tuple[Reading, ...], error: Exception) -> None:
        """Keep a reading that the device cannot bear as a dead letter, leave the rest to the successor, and fail."""
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

    # --- time and the past --------------------------------------------------------------------

    def _tick(self, at: float, broker_connected: bool) -> None:
        if self._stash is None:
            self._store(self._device.tick(at, broker_connected))
            if self._device.command_state.is_watching:
                self._watch(at)
        elif time.monotonic() > self._cold_at:
            self._begin_cold(f"the historian did not answer within {RECALL_TIMEOUT_S:g} s")

    def _recall(self, recalled: DeviceRecalled) -> None:
        if self._stash is None:
            return
        if recalled.failure:
            self._begin_cold(recalled.failure)
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
            )
        )
        self._begin()

    def _begin_cold(self, why: str) -> None:
        self.log.warning("device_started_cold", reason=why)
        self.post(
            HISTORIAN,
            AppendAudit(AuditEntry(self._now(), self.name, "device_started_cold", self.name, {"reason": why})),
        )
        self._begin()

    def _begin(self) -> None:
        stash, self._stash = self._stash or [], None
        for position, (message, answer) in enumerate(stash):
            if answer is not None:
                try:
                    answer.set(self._answer(message))
                except Exception:  # noqa: BLE001 - it belongs to the one who asked
                    answer.set_exception()
            else:
                try:
                    if isinstance(message, RecordReadings):
                        self._record(message.readings)
                    else:
                        self._operate(message)
                except Exception:
                    self._stash = stash[position + 1 :]
                    raise
        self._report_mode()

    def _answer_later(self, question: object) -> "pykka.Future[object]":
        answer: pykka.Future[object] = pykka.ThreadingFuture()
        assert self._stash is not None
        self._stash.append((question, answer))
        return answer

    def _abandon_stash(self) -> None:
        for message, answer in self._stash or ():
            if answer is None:
                self.give_back(message)
            else:
                error = pykka.ActorDeadError(f"{self.name} stopped before it came to this")
                answer.set_exception((pykka.ActorDeadError, error, None))

    # --- questions ----------------------------------------------------------------------------

    def _answer(self, question: object) -> object:
        match question:
            case ReadAlarms():
                return self._device.alarms()
            case AcknowledgeAlarm() | SuppressAlarm() | ReturnAlarmToService():
                return self._change(question)
            case _:
                accepted = self._done - sum(self._refused.values())
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
            self._store(events)
            detail = {"kind": by.kind, "device_id": self.name, "note": words}
            entry = AuditEntry(at, by.name, f"alarm_{events[0].change}", request.alarm_id, detail)
            self.post(HISTORIAN, AppendAudit(entry))
        return alarm

    def _store(self, events: tuple[AlarmEvent, ...]) -> None:
        if events:
            self.post(HISTORIAN, StoreRecords(self.name, alarms=events))
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
