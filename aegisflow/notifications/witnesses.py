"""Who keeps the heads of the audit where AegisFlow's machine cannot write: a webhook, a log server.

A witness never holds up a commit. Each head stands for all before it, so of those that could not be sent only the
newest is tried again.
"""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from aegisflow.domain.times import format_instant
from aegisflow.errors import AegisFlowError, BadValueError
from aegisflow.notifications.webhook import DeliveryError, post

__all__ = ["ThreadedWitness", "Witness", "WitnessError", "Witnesses", "build_witnesses"]

Witness = Callable[[str], None]
"""Is told a head as a line; raises AegisFlowError where it cannot keep it."""

RETRY_S = 10.0
CLOSE_S = 6.0
"""How long the end of the process waits for a head that is under way."""
_PRIORITY = 13 * 8 + 5
"""Facility log audit, severity notice (RFC 5424, 6.2.1)."""


def build_witnesses(syslog: str, webhook_env: str) -> list["ThreadedWitness"]:
    """Return who gets the heads of the audit beside an MQTT topic.

    Args:
        syslog: address of a log server; empty for none.
        webhook_env: name of the environment variable with a URL; empty for none.

    Raises:
        BadValueError: an address is none.
    """
    found: list[ThreadedWitness] = []
    url = os.environ.get(webhook_env, "") if webhook_env else ""
    if webhook_env and not url:
        raise BadValueError("audit.head_webhook_env", webhook_env, "the name of a variable with a URL")
    if syslog:
        found.append(ThreadedWitness("audit-syslog", syslog_sender(syslog)))
    if url:
        found.append(ThreadedWitness("audit-webhook", webhook_sender(url)))
    return found


class WitnessError(AegisFlowError):
    """A witness did not take a head; the text says which and why."""


class Witnesses:
    """Tells every witness, also where one of them fails."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses

    def __call__(self, line: str) -> None:
        """Tell all of them a head.

        Raises:
            WitnessError: some could not take it; says which and why.
        """
        failures = []
        for witness in self._witnesses:
            try:
                witness(line)
            except AegisFlowError as error:
                failures.append(str(error))
        if failures:
            raise WitnessError("; ".join(failures))

    def close(self) -> None:
        """Let those that run end."""
        for witness in self._witnesses:
            if isinstance(witness, ThreadedWitness):
                witness.close()


def syslog_sender(address: str, name: str = "aegisflow") -> Witness:
    """Return what sends a head to a log server over UDP (RFC 5424, 5426), or to the local log by its socket.

    Nobody confirms that it came, which is why health cannot say so either.

    Args:
        address: ``host:port``, or the path of a socket such as ``/dev/log``.
        name: under which the log has it.

    Raises:
        BadValueError: the address is none.
    """
    parts = urlsplit("" if address.startswith("/") else f"//{address}")
    if not address.startswith("/") and (not parts.hostname or not parts.port):
        raise BadValueError("audit.head_syslog", address, "host:port, or the path of a socket")

    def send(line: str) -> None:
        stamp = line.split()[2] if len(line.split()) > 2 else format_instant(0.0)
        text = f"<{_PRIORITY}>1 {stamp} {socket.gethostname() or '-'} {name} - audit-head - {line}"
        family: int = socket.AF_UNIX
        target: Any = address
        try:
            if parts.hostname:
                # Each time, since a name may come to mean another machine; it may take seconds.
                family, *_, target = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, socket.SOCK_DGRAM) as sender:
                sender.sendto(text.encode("ascii", "replace"), target)
        except OSError as error:
            raise WitnessError(f"the log at {address}: {error.strerror or type(error).__name__}") from None

    return send


def webhook_sender(url: str, *, timeout_s: float = 5.0) -> Witness:
    """Return what POSTs a head as JSON to a URL; the URL may hold a secret, and so is never told."""

    def send(line: str) -> None:
        try:
            post(url, msgspec.json.encode({"audit_head": line}), timeout_s)
        except DeliveryError as error:
            raise WitnessError(f"the webhook for heads of the audit: {error}") from None

    return send


class ThreadedWitness:
    """Sends heads from a thread of its own, so that no commit waits; the newest is tried until it is taken.

    Args:
        name: of the thread.
        send: sends one head, and raises WitnessError with why it could not.
        retry_s: how long it waits after a failure.
    """

    def __init__(self, name: str, send: Witness, *, retry_s: float = RETRY_S) -> None:
        self._name, self._take, self._retry_s = name, send, retry_s
        self._change = threading.Condition()
        self._newest = ""
        """The newest head that was not taken yet; empty for none."""
        self._closing = False
        self.failure = ""
        """Why the newest head could not be sent; empty while that is not so."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __call__(self, line: str) -> None:
        """Hand a head over to the thread; never waits and never fails."""
        with self._change:
            self._newest = line
            self._change.notify_all()

    def close(self) -> None:
        """Try once more to send what is left, and end the thread."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._newest or self._closing)
                line = self._newest
            if not line:
                return
            failure = self._send(line)
            with self._change:
                self.failure = failure
                if not failure and self._newest == line:
                    self._newest = ""
                if failure and self._closing:
                    return
                if failure:
                    self._change.wait_for(lambda: self._closing, self._retry_s)

    def _send(self, line: str) -> str:
        try:
            self._take(line)
        except WitnessError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the thread must live on for the heads to come
            return f"{self._name} failed with {type(error).__name__}"
        return ""
