"""The notifier: tells people of alarms once they are on disk, and the next ones when nobody answers."""

from collections.abc import Callable
from functools import partial

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.notifier import AlarmsCommitted, NotifyOperators, OpenAlarmsRecalled
from aegisflow.actors.messages.store import RecallOpenAlarms
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import HISTORIAN, Directory
from aegisflow.domain.alarms.escalation import EscalationBook, EscalationSpec, Notification
from aegisflow.notifications.sinks import Sink
from aegisflow.telemetry.metrics import Metrics

__all__ = ["Notifier"]


class Notifier(ThreadedActor):
    """A shell round ``EscalationBook``; what it says goes to every sink."""

    def __init__(
        self,
        name: str,
        directory: Directory,
        spec: EscalationSpec,
        sinks: tuple[Sink, ...],
        now: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        super().__init__(name, directory)
        self._book = EscalationBook(spec)
        self._sinks = sinks
        self._now = now
        self._metrics = metrics
        self._dropped: dict[str, int] = {}

    def on_start(self) -> None:
        """Ask which alarms wait for somebody."""
        self.tell(HISTORIAN, RecallOpenAlarms(self.name))

    def on_receive(self, message: object) -> object:
        """Tell, and tell again."""
        match message:
            case AlarmsCommitted(events):
                for event in events:
                    self._send(self._book.observe(event))
            case NotifyOperators(device_id, subject, severity, text):
                self._send(self._book.call(device_id, subject, severity, text, self._now()))
            case OpenAlarmsRecalled(alarms, failure):
                if failure:
                    self.log.warning("open_alarms_not_recalled", reason=failure)
                self._send(self._book.recall(alarms, self._now()))
            case Tick(at):
                self._send(self._book.tick(at))
                for sink in self._sinks:
                    self._try(sink, sink.retry)
            case _:
                super().on_receive(message)
        return None

    def _send(self, notifications: tuple[Notification, ...]) -> None:
        for notification in notifications:
            self._metrics.notifications.labels(notification.severity.value).inc()
            for sink in self._sinks:
                self._try(sink, partial(sink.send, notification))

    def _try(self, sink: Sink, work: Callable[[], None]) -> None:
        """One that fails stops no other."""
        try:
            work()
        except Exception:
            self.log.exception("sink_failed", sink=sink.name)
        dropped = sink.dropped - self._dropped.get(sink.name, 0)
        if dropped:
            self._dropped[sink.name] = sink.dropped
            self._metrics.notifications_dropped.labels(sink.name).inc(dropped)
            self.log.error("notifications_dropped", sink=sink.name, count=dropped)
