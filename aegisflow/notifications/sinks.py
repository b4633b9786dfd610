"""Where notifications go: the log, an MQTT topic, a webhook. One that fails never stops another."""

import queue
import threading
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from aegisflow.bus import Bus
from aegisflow.domain.alarms.escalation import EXPLAINED, Notification
from aegisflow.domain.times import format_instant
from aegisflow.errors import BusError
from aegisflow.notifications.webhook import DeliveryError, post

__all__ = ["Finished", "LogSink", "Sink", "ThreadedSink", "TopicSink", "WebhookSink", "content_of"]

MAX_CLOSE_S = 5.0
"""How long the end of the process waits for what is under way."""

Finished = Callable[[str], None]
"""Told once how a delivery ended: with why it was not taken, or with an empty text when it was. From any thread."""


class Sink(Protocol):
    """Somewhere that people look."""

    name: str

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Begin to deliver one notification, and return at once; one at a time is under way."""

    def close(self) -> None:
        """Stop; what is under way may still arrive."""


def content_of(notification: Notification) -> dict[str, object]:
    """Return a notification as JSON values.

    ``id`` is the same when a notification is delivered again because its first delivery was not confirmed.
    """
    explains = "/diagnosis" if notification.page.startswith(EXPLAINED) else ""
    return {
        "id": f"{notification.subject}/{notification.level}/{format_instant(notification.at)}{explains}",
        "to": notification.to,
        "device_id": notification.device_id,
        "subject": notification.subject,
        "severity": notification.severity.value,
        "text": notification.text,
        "at": format_instant(notification.at),
        "answer_until": format_instant(notification.answer_until),
        "level": notification.level,
    }


class LogSink:
    """A sink that writes to the log of AegisFlow."""

    name = "log"

    def __init__(self) -> None:
        self._log = structlog.get_logger("aegisflow").bind(actor="notifier")

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Write one line to the log."""
        content = content_of(notification)
        content["escalation_level"] = content.pop("level")  # a line of the log has a level of its own
        self._log.warning("people_notified", **content)
        finished("")

    def close(self) -> None:
        """Do nothing, since nothing runs."""


class TopicSink:
    """An MQTT topic, QoS 1, never retained."""

    name = "topic"

    def __init__(self, bus: Bus, topic: str) -> None:
        self._bus = bus
        self._topic = topic

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Publish, if there is a connection."""
        try:
            self._bus.publish(self._topic, msgspec.json.encode(content_of(notification)))
        except BusError as error:
            finished(str(error))
        else:
            finished("")

    def close(self) -> None:
        """Do nothing, since nothing runs."""


class ThreadedSink:
    """Delivers from a thread of its own, one at a time, so that a slow place holds up nobody.

    Args:
        name: of the sink.
        deliver: delivers one notification; raises DeliveryError with why it was not taken.
        timeout_s: how long it may take.
    """

    def __init__(self, name: str, deliver: Callable[[Notification], None], timeout_s: float) -> None:
        self.name = name
        self._take = deliver
        self._timeout_s = timeout_s
        self._queue: queue.SimpleQueue[tuple[Notification, Finished] | None] = queue.SimpleQueue()
        self._log = structlog.get_logger("aegisflow").bind(actor="notifier")
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Hand the notification over to the thread."""
        self._queue.put((notification, finished))

    def close(self) -> None:
        """End the thread, once what is under way has ended."""
        self._queue.put(None)
        # Not for ever: a place that hangs must not keep the process from ending.
        self._thread.join(min(self._timeout_s, MAX_CLOSE_S) + 1.0)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            notification, finished = work
            try:
                self._take(notification)
            except DeliveryError as error:
                finished(str(error))
            except Exception as error:  # noqa: BLE001 - the thread must live on for what comes after
                self._log.exception("sink_failed_unexpectedly", sink=self.name)
                finished(f"it failed with {type(error).__name__}")
            else:
                finished("")


class WebhookSink(ThreadedSink):
    """POSTs JSON to a URL."""

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        """Start the thread.

        Args:
            url: where to; it may hold a secret, and so is never logged.
            timeout_s: how long to wait for each step of the exchange.
        """

        def deliver(notification: Notification) -> None:
            post(url, msgspec.json.encode(content_of(notification)), timeout_s)

        super().__init__("webhook", deliver, timeout_s)
