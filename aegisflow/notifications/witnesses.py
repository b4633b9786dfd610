"""Who keeps the heads of the audit where AegisFlow's machine cannot write: a webhook, a log server.

A witness never holds up a commit. Each head stands for all before it, so of those that could not be sent only the
newest is tried again.
"""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from aegisflow.domain.times import format_instant
from aegisflow.errors import AegisFlowError, BadValueError
from aegisflow.notifications.webhook import DeliveryError, post

__all__ = ["SyslogWitness", "WebhookWitness", "Witness", "Witnesses", "build_witnesses"]

Witness = Callable[[str], None]
"""Is told a head as a line; raises AegisFlowError where it cannot keep it."""

RETRY_S = 10.0
_PRIORITY = 13 * 8 + 5
"""Facility log audit, severity notice (RFC 5424, 6.2.1)."""


def build_witnesses(syslog: str, webhook_env: str) -> list[Witness]:
    """Return who gets the heads of the audit beside an MQTT topic.

    Args:
        syslog: address of a log server; empty for none.
        webhook_env: name of the environment variable with a URL; empty for none.

    Raises:
        BadValueError: an address is none.
    """
    found: list[Witness] = []
    url = os.environ.get(webhook_env, "") if webhook_env else ""
    if webhook_env and not url:
        raise BadValueError("audit.head_webhook_env", webhook_env, "the name of a variable with a URL")
    if syslog:
        found.append(SyslogWitness(syslog))
    if url:
        found.append(WebhookWitness(url))
    return found


class WitnessError(AegisFlowError):
    """A witness did not take a head."""


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
            if isinstance(witness, WebhookWitness | SyslogWitness):
                witness.close()


class SyslogWitness:
    """Sends each head to a log server over UDP (RFC 5424, 5426), or to the local log by its socket.

    Nobody confirms that it came, which is why health cannot say so either.
    """

    def __init__(self, address: str, name: str = "aegisflow") -> None:
        """Open a socket.

        Args:
            address: ``host:port``, or the path of a socket such as ``/dev/log``.
            name: under which the log has it.
        """
        self._address, self._name = address, name
        self._target: str | tuple[str, int] = address
        family = socket.AF_UNIX
        if not address.startswith("/"):
            parts = urlsplit(f"//{address}")
            if not parts.hostname or not parts.port:
                raise BadValueError("audit.head_syslog", address, "host:port, or the path of a socket")
            self._target = (parts.hostname, parts.port)
            family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def __call__(self, line: str) -> None:
        """Send a head.

        Raises:
            WitnessError: the system did not take it.
        """
        stamp = line.split()[2] if len(line.split()) > 2 else format_instant(0.0)
        text = f"<{_PRIORITY}>1 {stamp} {socket.gethostname() or '-'} {self._name} - audit-head - {line}"
        try:
            self._socket.sendto(text.encode("ascii", "replace"), self._target)
        except OSError as error:
            raise WitnessError(f"the log at {self._address}: {error.strerror or type(error).__name__}") from None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class WebhookWitness:
    """POSTs each head as JSON to a URL, from a thread of its own; the newest is tried until it is taken."""

    def __init__(self, url: str, *, timeout_s: float = 5.0, retry_s: float = RETRY_S) -> None:
        """Start the thread; the URL may hold a secret, and so is never told."""
        self._url, self._timeout_s, self._retry_s = url, timeout_s, retry_s
        self._change = threading.Condition()
        self._newest = ""
        """The newest head that was not taken yet; empty for none."""
        self._closing = False
        self.failure = ""
        """Why the newest head could not be sent; empty while that is not so."""
        self._thread = threading.Thread(target=self._run, name="audit-webhook", daemon=True)
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
        self._thread.join(self._timeout_s + 1.0)

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
            post(self._url, msgspec.json.encode({"audit_head": line}), self._timeout_s)
        except DeliveryError as error:
            return f"the webhook for heads of the audit: {error}"
        except Exception as error:  # noqa: BLE001 - the thread must live on for the heads to come
            return f"the webhook for heads of the audit failed with {type(error).__name__}"
        return ""
