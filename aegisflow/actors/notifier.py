"""The notifier: tells people of alarms once they are on disk, and the next ones when nobody answers."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from aegisflow.actors.messages.common import Tick, Wake
from aegisflow.actors.messages.notifier import (
    AlarmDiagnosed,
    AlarmsCommitted,
    DeliveryFinished,
    NotifyOperators,
    OpenAlarmsRecalled,
    ReadEscalation,
    ReadNotifierProblems,
)
from aegisflow.actors.messages.store import RecallOpenAlarms, StoreDeliveries
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import HISTORIAN, Directory
from aegisflow.domain.alarms.escalation import Escalated, EscalationBook, EscalationSpec, Notification
from aegisflow.domain.alarms.model import Alarm, AlarmState
from aegisflow.domain.alarms.outbox import Attempt, Outbox
from aegisflow.notifications.sinks import Sink
from aegisflow.telemetry.metrics import Metrics

__all__ = ["Notifier"]

LOOK_AGAIN_S = 1.0
"""How soon what waits for a sink is looked at again, whatever the plant's clock does."""


class Notifier(ThreadedActor):
    """A shell round ``EscalationBook``, which says who is told, and ``Outbox``, which sees to it that they are.

    What waits is kept in the store, so that a restart loses none of it and tells nobody twice.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        spec: EscalationSpec,
        sinks: tuple[Sink, ...],
        now: Callable[[], float],
        steady: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        super().__init__(name, directory)
        self._book = EscalationBook(spec)
        self._sinks = {sink.name: sink for sink in sinks}
        self._outbox = Outbox(tuple(self._sinks), at_once={sink.name: sink.at_once for sink in sinks})
        self._now = now
        self._steady = steady
        self._metrics = metrics
        self._wall_ahead_s = time.time() - time.monotonic()
        self._diagnoses: dict[str, str] = {}
        """Alarm that waits for somebody to what is probably the matter, with whose words it is."""
        self._unread = False
        """Whether the store could not tell which alarms wait; it is asked again with the next tick."""
        self._given_up: dict[str, int] = dict.fromkeys(self._sinks, 0)

    def on_start(self) -> None:
        """Ask which alarms wait for somebody, and who was told."""
        self._ask_store()

    def on_receive(self, message: object) -> object:
        """Take in what happened, and notify whoever must know of it, or has not answered."""
        match message:
            case AlarmsCommitted(events):
                for event in events:
                    told = self._book.observe(event, self._now(), self._steady())
                    if not told:
                        self._end_if_over(event.alarm)
                    self._send(told)
            case AlarmDiagnosed(alarm_id, text, by_model):
                if self._book.waits(alarm_id):
                    self._diagnoses[alarm_id] = text
                    self._send(self._book.explain(alarm_id, text, self._now()) if by_model else ())
            case NotifyOperators(device_id, subject, severity, text, page):
                self._send(self._book.call(device_id, subject, severity, text, self._now(), self._steady(), page))
            case OpenAlarmsRecalled():
                self._recall(message)
            case DeliveryFinished(sink, number, why, wait_s):
                if not self._outbox.finished(sink, number, why, time.monotonic(), wait_s) and why:
                    self.log.warning("notification_not_delivered", sink=sink, reason=why)
            case ReadEscalation(alarm_id):
                following = self._book.next_of(alarm_id, self._now(), self._steady()) or ("", None)
                return Escalated(self._outbox.told(alarm_id), *following)
            case ReadNotifierProblems():
                return self._outbox.problems(time.monotonic())
            case Tick(at):
                if self._unread:
                    self._ask_store()
                self._send(self._book.tick(at, self._steady()))
                self._outbox.tick(at, self._unset_wall())
            case Wake():
                pass
            case _:
                return super().on_receive(message)
        self._work()
        return None

    def _ask_store(self) -> None:
        self._unread = False
        self.tell(HISTORIAN, RecallOpenAlarms(self.name))

    def _recall(self, recalled: OpenAlarmsRecalled) -> None:
        if recalled.failure:
            self.log.warning("open_alarms_not_recalled", reason=recalled.failure)
            self._unread = True
            return
        self._outbox.recall(recalled.deliveries)
        self._outbox.keep_only(alarm.alarm_id for alarm in recalled.alarms if alarm.state.needs_acknowledgement)
        told = [one.notification for one in recalled.deliveries]
        self._send(self._book.recall(recalled.alarms, self._now(), self._steady(), told))

    def _unset_wall(self) -> float:
        """Return the wall's time at the start and what has passed since: a clock that is set gives nothing up."""
        return time.monotonic() + self._wall_ahead_s

    def _end_if_over(self, alarm: Alarm) -> None:
        if not alarm.state.needs_acknowledgement:
            self._diagnoses.pop(alarm.alarm_id, None)
            # Only people acknowledge and suppress. What is over without that has gone by itself.
            by_people = alarm.state is not AlarmState.NORMAL or bool(alarm.acknowledged_by)
            self._outbox.end(alarm.alarm_id, by_people=by_people)

    def _send(self, notifications: tuple[Notification, ...]) -> None:
        for notification in notifications:
            if self._outbox.add(notification, self._unset_wall()):
                self._metrics.notifications.labels(notification.severity.value).inc()

    def _work(self) -> None:
        """Have the store keep what has changed, and try what is due."""
        changes = self._outbox.changes()
        if changes is not None:
            self.tell(HISTORIAN, StoreDeliveries(*changes))
        for name, sink in self._sinks.items():
            while (attempt := self._outbox.next(name, time.monotonic())) is not None:
                self._try(sink, attempt)
        for name, count in self._outbox.given_up.items():
            new = count - self._given_up[name]
            if new:
                self._given_up[name] = count
                self._metrics.notifications_dropped.labels(name).inc(new)
                self.log.error("notifications_given_up", sink=name, count=new)
        if any(self._outbox.waiting.values()):
            self.wake_in(LOOK_AGAIN_S)

    def _try(self, sink: Sink, attempt: Attempt) -> None:
        """Begin to deliver; a sink that fails stops no other."""
        try:
            told = self._explained(attempt.delivery.notification)
            sink.deliver(told, partial(self._report, sink.name, attempt.number))
        except Exception as error:
            self.log.exception("sink_failed", sink=sink.name)
            self._report(sink.name, attempt.number, f"it failed with {type(error).__name__}")

    def _explained(self, notification: Notification) -> Notification:
        """Return a notification of an alarm with what is probably the matter, as far as that is known by now."""
        text = self._diagnoses.get(notification.subject, "") if notification.is_alarm else ""
        return replace(notification, text=f"{notification.text}. Probably: {text}") if text else notification

    def _report(self, sink: str, number: int, why: str, wait_s: float = 0.0) -> None:
        # In whatever thread the sink ends, so nothing is done here but to tell.
        self.tell(self.name, DeliveryFinished(sink, number, why, wait_s))
