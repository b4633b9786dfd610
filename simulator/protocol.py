"""The machines' own line to the broker: publishing at QoS 1 with flow control.

It is the other side of ``aegisflow.bus`` and shares nothing with it, so that a mistake in one is
seen by the other. MQTT 3.1.1, because every broker speaks it.
"""

from collections.abc import Callable
from ssl import SSLContext
from threading import Condition
from time import monotonic
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from aegisflow.errors import BusError

OnMessage = Callable[[str, bytes], None]
GRANT_TIMEOUT_S = 10.0


class Wire:
    """A connection that keeps what the broker has not yet acknowledged, and sends it again after a break."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        name: str = "simulator",
        window: int = 1_000,
        patience_s: float = 300.0,
        login: tuple[str, str] | None = None,
        tls: SSLContext | None = None,
        session: bool = False,
        notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Make the line, unconnected.

        Args:
            host: Name or address of the broker.
            port: Its port.
            name: Beginning of the client id; all of it with a session.
            window: How many messages may be under way, sent but not acknowledged.
            patience_s: How long a broker may be away before giving up.
            login: User name and password.
            tls: What verifies the broker; None for a line without TLS.
            session: Whether the broker keeps what comes for us while we are away.
            notice: Told in one line when the broker goes and comes.
        """
        self._host, self._port = host, port
        self._broker = f"{host}:{port}"
        self._window, self._patience_s, self._notice = window, patience_s, notice
        self._change = Condition()
        self._under_way = 0
        self._connected = False
        self._refusal = ""
        self._subscriptions: dict[str, OnMessage] = {}
        self._granted: set[int | None] = set()
        self.acknowledged = 0
        """Messages that the broker has confirmed."""
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            name if session else f"{name}-{uuid4().hex[:8]}",
            clean_session=not session,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        self._client.max_inflight_messages_set(window)
        self._client.reconnect_delay_set(1, 4)
        if login is not None:
            self._client.username_pw_set(*login)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    def connect(self, timeout_s: float = 10.0) -> None:
        """Connect and wait for the broker's welcome.

        Raises:
            BusError: there is no broker, or it refuses.
        """
        try:
            self._client.connect(self._host, self._port)
        except (OSError, ValueError) as error:
            raise BusError(f"no MQTT broker at {self._broker}: {error}") from None
        self._client.loop_start()
        with self._change:
            self._change.wait_for(lambda: self._connected or self._refusal, timeout_s)
            if not self._connected:
                self._client.loop_stop()
                raise BusError(f"the broker at {self._broker} refuses: {self._refusal or 'no answer'}")

    def subscribe(self, topic: str, on_message: OnMessage) -> None:
        """Have messages of one topic delivered, now and after every break; the callback must not raise.

        Raises:
            BusError: the broker does not grant it in time.
        """
        with self._change:
            self._subscriptions[topic] = on_message
            mid = self._client.subscribe(topic, qos=1)[1]
            if not self._change.wait_for(lambda: mid in self._granted, GRANT_TIMEOUT_S):
                raise BusError(f"the broker at {self._broker} does not answer the subscription to {topic}")

    def publish(self, topic: str, payload: bytes | str) -> None:
        """Publish at QoS 1; waits while too many messages are under way.

        Raises:
            BusError: the broker stayed away for longer than the patience.
        """
        with self._change:
            if self._under_way >= self._window:
                self._wait(lambda: self._under_way < self._window)
            # Counted before it is sent, for its acknowledgement may come before publish returns.
            self._under_way += 1
        # Outside of the lock: paho's thread takes that for each acknowledgement.
        self._client.publish(topic, payload, qos=1)

    def finish(self) -> None:
        """Wait until the broker has acknowledged everything.

        Raises:
            BusError: the broker stayed away for longer than the patience.
        """
        with self._change:
            self._wait(lambda: not self._under_way)

    def close(self) -> None:
        """Disconnect; what is not acknowledged is lost."""
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, done: Callable[[], bool]) -> None:
        """Wait with ``_change`` held; as long as the broker acknowledges anything, there is hope."""
        seen, since = self.acknowledged, monotonic()
        while not self._change.wait_for(done, 1.0):
            if self.acknowledged != seen:
                seen, since = self.acknowledged, monotonic()
            elif monotonic() - since > self._patience_s:
                raise BusError(
                    f"the broker at {self._broker} has acknowledged nothing for {self._patience_s:.0f} s; "
                    f"{self.acknowledged:,} messages are safe, {self._under_way:,} are not"
                )

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._change:
            # The first welcome is no return.
            again = self.acknowledged > 0
            self._connected = not reason.is_failure
            self._refusal = str(reason) if reason.is_failure else ""
            if self._connected:
                # A broker that was restarted may know none of them.
                for topic in self._subscriptions:
                    client.subscribe(topic, qos=1)
            self._change.notify_all()
        if again and self._connected:
            self._notice(f"the broker at {self._broker} is back; going on")

    def _on_disconnect(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._change:
            lost, self._connected = self._connected, False
        if lost and reason.is_failure:
            self._notice(f"the broker at {self._broker} is gone ({reason}); waiting for it")

    def _on_subscribe(self, client: Client, userdata: Any, mid: int | None, reasons: Any, properties: Any) -> None:
        with self._change:
            self._granted.add(mid)
            self._change.notify_all()

    def _on_publish(self, client: Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        with self._change:
            self._under_way -= 1
            self.acknowledged += 1
            # Waking the publisher for every message would cost more than the message.
            if self._under_way in (0, self._window // 2):
                self._change.notify_all()

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        callback = self._subscriptions.get(message.topic)
        if callback is not None:
            callback(message.topic, bytes(message.payload))
