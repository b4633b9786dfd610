"""Listens to a broker and leaves no trace: no session, no status, and nothing published that nobody asked for."""

import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from aegisflow.bus import BusMessage
from aegisflow.bus.mqtt.access import because, password_of, tls_context
from aegisflow.config.services import BrokerSettings
from aegisflow.errors import BusError

__all__ = ["listen"]

_CONNECT_S = 10.0
_STEP_S = 0.25


def listen(
    settings: BrokerSettings,
    topics: tuple[str, ...],
    for_s: float,
    on_message: Callable[[BusMessage], tuple[str, bytes] | None],
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Hear what comes on some topics for a while, at QoS 0 with a clean session: the broker keeps nothing for us.

    Args:
        settings: how to reach the broker.
        topics: MQTT topic filters.
        for_s: how long, in seconds.
        on_message: called for each message, on a thread of the client; topic and payload that it returns are published.
        progress: told the share of the time that is over, 0 to 1.

    Raises:
        BusError: there is no connection, or the broker refuses it or the topics.
    """
    broker = f"{settings.host}:{settings.port}"
    ended, answered = threading.Event(), threading.Event()
    why = [f"{broker} does not answer"]
    client = _client(settings)

    def end(reason: str) -> None:
        why[0] = f"{broker} {reason}"
        ended.set()
        answered.set()

    def connected(client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            end(f"refuses the connection: {code}")
        else:
            client.subscribe([(topic, 0) for topic in topics])

    def subscribed(_client: Any, _data: Any, _mid: int, codes: Any, _properties: Any) -> None:
        if all(code.is_failure for code in codes):
            end(f"refuses to deliver {', '.join(topics)}")
        answered.set()

    def message(_client: Any, _data: Any, said: paho.MQTTMessage) -> None:
        answer = on_message(BusMessage(said.topic, bytes(said.payload), said.retain))
        if answer is not None:
            client.publish(*answer)

    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, message
    client.on_disconnect = lambda *_: end("has ended the connection")
    _connect(client, settings)
    try:
        _wait(for_s, answered, ended, progress)
        if ended.is_set() or not answered.is_set():
            raise BusError(why[0])
    finally:
        client.on_disconnect = None
        client.disconnect()
        client.loop_stop()


def _client(settings: BrokerSettings) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311, clean_session=True)
    if settings.username:
        client.username_pw_set(settings.username, password_of(settings))
    tls = tls_context(settings.tls)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def _connect(client: paho.Client, settings: BrokerSettings) -> None:
    try:
        client.connect(settings.host, settings.port, keepalive=30)
    except (OSError, ValueError) as error:
        raise BusError(f"{settings.host}:{settings.port}: {because(error)}") from error
    client.loop_start()


def _wait(for_s: float, answered: threading.Event, ended: threading.Event, progress: Callable[[float], None]) -> None:
    """Wait for the broker's answer, and then for the time to pass or the connection to end."""
    if not answered.wait(_CONNECT_S):
        return
    began = time.monotonic()
    while not ended.wait(_STEP_S) and (passed := time.monotonic() - began) < for_s:
        progress(passed / for_s)
