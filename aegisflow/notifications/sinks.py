"""Where notifications go: the log, an MQTT topic, a webhook. One that fails never stops another."""

import http.client
import queue
import threading
import urllib.request
from collections import deque
from collections.abc import Mapping
from typing import Protocol

import msgspec
import structlog

from aegisflow.bus import Bus
from aegisflow.domain.alarms.escalation import Notification
from aegisflow.domain.times import format_instant
from aegisflow.errors import BusError

__all__ = ["LogSink", "Sink", "TopicSink", "WebhookSink", "content_of"]

_KEPT = 500
"""Notifications that wait for a link; beyond it the oldest are dropped and counted."""


class Sink(Protocol):
    """Somewhere that people look."""

    name: str
    dropped: int
    """Notifications given up."""

    def send(self, notification: Notification) -> None:
        """Send, or keep for ``retry``; returns at once and never raises."""

    def retry(self) -> None:
        """Try again what could not be sent; called about once a second."""

    def close(self) -> None:
        """Stop; what is still waiting is given up."""


def content_of(notification: Notification) -> dict[str, object]:
    """Return a notification as JSON values."""
    return {
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
    """The log of AegisFlow."""

    name = "log"

    def __init__(self) -> None:
        self.dropped = 0
        self._log = structlog.get_logger("aegisflow").bind(actor="notifier")

    def send(self, notification: Notification) -> None:
        """Write one line."""
        self._log.warning("people_notified", **content_of(notification))

    def retry(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing runs."""


class TopicSink:
    """An MQTT topic, QoS 1, never retained."""

    name = "topic"

    def __init__(self, bus: Bus, topic: str) -> None:
        self.dropped = 0
        self._bus = bus
        self._topic = topic
        self._waiting: deque[bytes] = deque()

    def send(self, notification: Notification) -> None:
        """Publish, behind what waits."""
        if len(self._waiting) == _KEPT:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(msgspec.json.encode(content_of(notification)))
        self.retry()

    def retry(self) -> None:
        """Publish what waits, as long as there is a connection."""
        while self._waiting:
            try:
                self._bus.publish(self._topic, self._waiting[0])
            except BusError:
                return
            self._waiting.popleft()

    def close(self) -> None:
        """Nothing runs."""


class WebhookSink:
    """POSTs JSON to a URL from a thread of its own: three tries with growing pauses, then it is given up."""

    name = "webhook"

    def __init__(self, url: str, *, timeout_s: float = 5.0, pauses_s: tuple[float, ...] = (1.0, 5.0)) -> None:
        self.dropped = 0
        self._url = url
        self._timeout_s = timeout_s
        self._pauses_s = pauses_s
        self._queue: queue.Queue[Mapping[str, object] | None] = queue.Queue(_KEPT)
        self._stop = threading.Event()
        self._log = structlog.get_logger("aegisflow").bind(actor="notifier")
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def send(self, notification: Notification) -> None:
        """Hand over to the thread."""
        try:
            self._queue.put_nowait(content_of(notification))
        except queue.Full:
            self.dropped += 1

    def retry(self) -> None:
        """The thread does so by itself."""

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        with self._queue.mutex:
            self._queue.queue.clear()
        self._queue.put(None)
        self._thread.join(self._timeout_s + 1.0)

    def _run(self) -> None:
        while (content := self._queue.get()) is not None:
            if not self._deliver(msgspec.json.encode(content)):
                self.dropped += 1

    def _deliver(self, payload: bytes) -> bool:
        why = ""
        for pause_s in (*self._pauses_s, 0.0):
            try:
                return self._post(payload)
            except (OSError, ValueError, http.client.HTTPException) as error:
                why = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
            if self._stop.wait(pause_s):
                break
        self._log.error("webhook_failed", reason=why)  # without the URL, which may hold a secret
        return False

    def _post(self, payload: bytes) -> bool:
        if not self._url.startswith(("http://", "https://")):
            raise ValueError("the URL of the webhook must begin with http:// or https://")
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url, payload, headers, method="POST")  # noqa: S310 - see above
        with urllib.request.urlopen(request, timeout=self._timeout_s):  # noqa: S310
            return True
