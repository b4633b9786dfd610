"""Waking an agent: a serious alarm is sent to it as a message (A2A 1.0, JSON-RPC over HTTP)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from aegisflow.domain.alarms.escalation import Notification
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.times import format_instant
from aegisflow.notifications.sinks import ThreadedSink
from aegisflow.notifications.webhook import DeliveryError, exchange

__all__ = ["AgentSink", "message_for"]

TIMEOUT_S = 60.0
"""An agent may begin its turn before it answers."""
MAX_TOLD = 10_000
_FAILED = ("TASK_STATE_FAILED", "TASK_STATE_REJECTED")


def message_for(notification: Notification) -> dict[str, Any]:
    """Return the request for a notification; its ids are the same each time that the same alarm is sent.

    The alarm is known by its id and severity, so that one which gets worse wakes the agent again.
    """
    key = hashlib.sha256(f"{notification.subject}\n{notification.severity.value}".encode()).hexdigest()[:32]
    text = (
        f"A {notification.severity.value} alarm was raised on {notification.device_id}: {notification.text}. "
        f"Alarm id: {notification.subject}. Look into it with get_active_anomalies, and propose what the manual says."
    )
    about = {
        "alarm_id": notification.subject,
        "device_id": notification.device_id,
        "severity": notification.severity.value,
        "fault_type": notification.cause,
        "at": format_instant(notification.at),
    }
    message = {"messageId": key, "role": "ROLE_USER", "parts": [{"text": text}], "metadata": {"aegisflow": about}}
    params = {"message": message, "configuration": {"returnImmediately": True}}
    return {"jsonrpc": "2.0", "id": key, "method": "SendMessage", "params": params}


class AgentSink(ThreadedSink):
    """Sends each serious alarm to an agent once for each severity; everything else is none of its business.

    It is delivered at least once: what was not answered is sent again, with the same ``messageId``.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Start the thread.

        Args:
            url: of the agent, such as ``http://archestra:9000/v2/a2a/{agentId}``.
            token: bearer token of the platform; empty for none.
            timeout_s: how long to wait for its answer.
        """
        self._url = url
        self._headers = {"A2A-Version": "1.0", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._answer_s = timeout_s
        self._told: dict[str, None] = {}
        super().__init__("agent", self._send, timeout_s)

    def _send(self, notification: Notification) -> None:
        if not notification.is_alarm or notification.severity.rank < Severity.HIGH.rank:
            return
        request = message_for(notification)
        if request["id"] in self._told:
            return  # the next level of people is called, and the agent knows
        text = exchange(self._url, msgspec.json.encode(request), self._answer_s, self._headers)
        _check(text, request["id"])
        self._told[request["id"]] = None
        while len(self._told) > MAX_TOLD:
            del self._told[next(iter(self._told))]


def _check(text: bytes, request_id: str) -> None:
    """Make sure that the agent took the message; that it wants a person to say yes is an answer, too.

    Raises:
        DeliveryError: it did not; errors come with 200, as JSON-RPC has it.
    """
    try:
        answer = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise DeliveryError("it answered with something else than JSON") from None
    if not isinstance(answer, Mapping):
        raise DeliveryError("it answered with no JSON-RPC")
    error = answer.get("error")
    if error is not None:
        code, why = (error.get("code"), error.get("message")) if isinstance(error, Mapping) else (None, error)
        raise DeliveryError(f"it refused the message: {str(why)[:200]} ({code})")
    result = answer.get("result")
    if answer.get("id") != request_id or not isinstance(result, Mapping):
        raise DeliveryError("it answered with no result for this message")
    task = result.get("task", result)
    status = task.get("status") if isinstance(task, Mapping) else None
    state = status.get("state") if isinstance(status, Mapping) else None
    if state in _FAILED:
        raise DeliveryError(f"its turn ended with {state}")
