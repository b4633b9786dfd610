"""Where notifications go: the log, an MQTT topic, a webhook. One that fails never stops another."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote

import msgspec
import structlog

from aegisflow.bus import Bus
from aegisflow.domain.alarms.escalation import EXPLAINED, Notification
from aegisflow.domain.alarms.links import AlarmLink, LinkSigner
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.times import format_instant
from aegisflow.errors import BusError
from aegisflow.notifications.webhook import DeliveryError, post

__all__ = [
    "Finished",
    "Help",
    "LogSink",
    "Sink",
    "ThreadedSink",
    "TopicSink",
    "WebhookSink",
    "content_of",
    "help_from",
    "no_help",
    "with_links",
]

MAX_CLOSE_S = 5.0
"""How long the end of the process waits for what is under way."""

AT_ONCE = 8
"""POSTs that a webhook gets at once: 500 machines that fail together are told in seconds, though each takes tenths."""


class Finished(Protocol):
    """Told once how a delivery ended, from any thread."""

    def __call__(self, why: str, wait_s: float = 0.0, /) -> None:
        """Take why it was not taken, empty when it was, and for how long the sink asked to be left alone."""


class Sink(Protocol):
    """Somewhere that people look."""

    name: str
    at_once: int
    """How many may be under way together."""

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Begin to deliver one notification, and return at once; ``at_once`` are under way, at most."""

    def close(self) -> None:
        """Stop; what is under way may still arrive."""


Help = Callable[[Notification], Mapping[str, object]]
"""Returns what helps whoever gets a notification, by name: where to look, and what to do."""


def help_from(page_url: str, plant: Callable[[], PlantSpec]) -> Help:
    """Return the help that a plant can give now.

    Args:
        page_url: where its people reach the page; empty for nowhere.
        plant: as it is when people are told.
    """

    def help_for(notification: Notification) -> dict[str, object]:
        found: dict[str, object] = {}
        if page_url:
            found["url"] = f"{page_url.rstrip('/')}{_path(notification)}"
        device = plant().devices.get(notification.device_id)
        response = plant().response(notification.cause, device.kind) if device and notification.is_alarm else None
        if response is not None:
            said = {"action": response.action, "consequence": response.consequence}
            found |= {name: text for name, text in said.items() if text}
        return found

    return help_for


def _path(notification: Notification) -> str:
    """Return the page where something can be done about it: a command that is over is a matter of its machine."""
    if notification.is_alarm:
        return f"/alarms/{quote(notification.subject, safe='')}"
    return "/approvals" if notification.page else f"/machines/{quote(notification.device_id, safe='')}"


def with_links(help_for: Help, page_url: str, people: Mapping[str, str], links: LinkSigner | None) -> Help:
    """Return help that has a link, too, by which the person who is told of an alarm acknowledges it, once.

    It is for a place that only that person sees. Anybody may subscribe to a topic or read a log.

    Args:
        help_for: the help without.
        page_url: where people reach the page; empty for no links.
        people: level of the escalation to the person it is, as ``operators`` names them.
        links: signs; None for no links.
    """
    if not page_url or links is None:
        return help_for

    def help_with_link(notification: Notification) -> Mapping[str, object]:
        found = help_for(notification)
        person = people.get(notification.to, "")
        if not person or not notification.is_alarm:
            return found
        link = AlarmLink(notification.subject, person, notification.severity, notification.at)
        return {
            **found,
            "acknowledge_url": f"{page_url.rstrip('/')}/acknowledge/{links.write(link)}",
            "acknowledge_as": person,
        }

    return help_with_link


def no_help(notification: Notification) -> Mapping[str, object]:
    """Return nothing."""
    return {}


def content_of(notification: Notification, help_for: Help = no_help) -> dict[str, object]:
    """Return a notification as JSON values, with whatever help there is for it.

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
        **help_for(notification),
    }


class LogSink:
    """A sink that writes to the log of AegisFlow."""

    name, at_once = "log", 1

    def __init__(self, help_for: Help = no_help) -> None:
        self._help_for = help_for
        self._log = structlog.get_logger("aegisflow").bind(actor="notifier")

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Write one line to the log."""
        content = content_of(notification, self._help_for)
        content["escalation_level"] = content.pop("level")  # a line of the log has a level of its own
        self._log.warning("people_notified", **content)
        finished("")

    def close(self) -> None:
        """Do nothing, since nothing runs."""


class TopicSink:
    """An MQTT topic, QoS 1, never retained."""

    name, at_once = "topic", 1

    def __init__(self, bus: Bus, topic: str, help_for: Help = no_help) -> None:
        self._bus = bus
        self._help_for = help_for
        self._topic = topic

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Publish, if there is a connection."""
        try:
            self._bus.publish(self._topic, msgspec.json.encode(content_of(notification, self._help_for)))
        except BusError as error:
            finished(str(error))
        else:
            finished("")

    def close(self) -> None:
        """Do nothing, since nothing runs."""


class ThreadedSink:
    """Delivers from threads of its own, so that a slow place holds up nobody.

    Args:
        name: of the sink.
        deliver: delivers one notification; raises DeliveryError with why it was not taken.
        timeout_s: how long it may take.
        at_once: how many threads, each of which delivers one at a time.
    """

    def __init__(self, name: str, deliver: Callable[[Notification], None], timeout_s: float, at_once: int = 1) -> None:
        self.name = name
        self.at_once = at_once
        self._take = deliver
        self._timeout_s = timeout_s
        self._queue: queue.SimpleQueue[tuple[Notification, Finished] | None] = queue.SimpleQueue()
        self._log = structlog.get_logger("aegisflow").bind(actor="notifier")
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for _ in range(at_once)]
        for thread in self._threads:
            thread.start()

    def deliver(self, notification: Notification, finished: Finished) -> None:
        """Hand the notification over to the thread."""
        self._queue.put((notification, finished))

    def close(self) -> None:
        """End the threads, once what is under way has ended."""
        for _ in self._threads:
            self._queue.put(None)
        # Not for ever: a place that hangs must not keep the process from ending.
        until = time.monotonic() + min(self._timeout_s, MAX_CLOSE_S) + 1.0
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            notification, finished = work
            try:
                self._take(notification)
            except DeliveryError as error:
                finished(str(error), error.wait_s)
            except Exception as error:  # noqa: BLE001 - the thread must live on for what comes after
                self._log.exception("sink_failed_unexpectedly", sink=self.name)
                finished(f"it failed with {type(error).__name__}")
            else:
                finished("")


class WebhookSink(ThreadedSink):
    """POSTs JSON to a URL, several at once."""

    def __init__(self, url: str, *, timeout_s: float = 5.0, help_for: Help = no_help) -> None:
        """Start the thread.

        Args:
            url: where to; it may hold a secret, and so is never logged.
            timeout_s: how long to wait for each step of the exchange.
            help_for: what helps whoever gets a notification.
        """

        def deliver(notification: Notification) -> None:
            post(url, msgspec.json.encode(content_of(notification, help_for)), timeout_s)

        super().__init__("webhook", deliver, timeout_s, AT_ONCE)
