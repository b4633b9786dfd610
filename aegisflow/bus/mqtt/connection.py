"""One connection to the broker: paho connects, subscribes and publishes; a ``PacketStream`` carries the readings.

Each connection is a paho client of its own, driven by our thread through paho's interface for external
event loops. Nothing of a lost connection lives on: a command that could not be sent is not sent later,
and a receipt of the old connection acknowledges nothing on the new one.
"""

import contextlib
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from aegisflow.bus import BusMessage
from aegisflow.bus.mqtt.access import because
from aegisflow.bus.mqtt.deliveries import Deliveries
from aegisflow.bus.mqtt.pace import ReadPace
from aegisflow.bus.mqtt.packet_stream import PacketStream
from aegisflow.bus.mqtt.waker import Waker
from aegisflow.config.services import BrokerSettings
from aegisflow.domain.readings import Receipt

__all__ = ["MqttConnection"]

_CONNECT_TIMEOUT_S = 5.0
_CHECK_EVERY_S = 1.0
_PINGREQ = b"\xc0\x00"
_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_new = tuple.__new__


class _Client(paho.Client):
    """A paho client whose socket is a ``PacketStream``.

    paho offers no hook for this; a test fails if a later version creates its socket elsewhere.
    """

    make_stream: Callable[[socket.socket], PacketStream]

    def _create_socket(self) -> PacketStream:
        return self.make_stream(super()._create_socket())  # type: ignore[arg-type]


class MqttConnection:
    """One connection to the broker, from the attempt to connect until its end."""

    def __init__(
        self,
        settings: BrokerSettings,
        password: str | None,
        tls: ssl.SSLContext | None,
        generation: int,
        waker: Waker,
        *,
        on_message: Callable[[BusMessage], None],
        on_greeted: Callable[["MqttConnection"], None],
        on_connected: Callable[[str], None],
        host_topic: str = "",
    ) -> None:
        self.generation = generation
        self.greeted = False
        """Whether the broker has accepted us (CONNACK)."""
        self.connected = False
        """Whether our subscriptions are in place too (SUBACK), so that nothing is missed from now on."""
        self._settings = settings
        self._is_5 = settings.protocol == "5"
        self._broker = f"{settings.host}:{settings.port}"
        self._status_topic = settings.topics.status.replace("{client_id}", settings.client_id)
        self._host_topic = host_topic
        self._host_at = round(time.time() * 1000)
        self._waker = waker
        self._on_message = on_message
        self._on_greeted = on_greeted
        self._on_connected = on_connected
        self._topics: tuple[str, ...] = ()
        self._session = self._why = ""
        self._stream: PacketStream | None = None
        self.deliveries = Deliveries(settings.receive_maximum)
        """What was handed on and is not acknowledged."""
        self.paused = 0
        """How often reading has stopped because the broker had sent more than it may."""
        self._is_paused = False
        self._pace = ReadPace()
        self._pinged_at = 0.0
        self._client = client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            # paho refuses this argument for MQTT 5, which has clean_start at the connect instead.
            clean_session=None if self._is_5 else False,
            protocol=paho.MQTTv5 if self._is_5 else paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.make_stream = self._make_stream
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_connect = self._connack
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._suback
        # Retained, so that whoever subscribes later learns it too.
        client.will_set(self._status_topic, b"offline", qos=1, retain=True)
        if host_topic:  # a connection has one will, and edge nodes wait for this one
            client.will_set(host_topic, self._host_state(False), qos=1, retain=True)
        if settings.username:
            client.username_pw_set(settings.username, password)
        if tls is not None:
            client.tls_set_context(tls)

    def run(self, stopping: Callable[[], bool]) -> str:
        """Connect, serve until the connection ends, and return the reason.

        Args:
            stopping: asked in every round; once it is true, the connection is closed in good order.
        """
        try:
            self._connect()
        except (OSError, ValueError) as error:
            return f"cannot reach {self._broker}: {because(error)}"
        stream, client = self._stream, self._client
        assert stream is not None
        check_at = 0.0
        deadline = time.monotonic() + _CONNECT_TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._waker, selectors.EVENT_READ)
            while client.socket() is not None:
                if stopping():
                    self._say_goodbye()
                    break
                if self._may_read(selector, stream):
                    self._pace.note(stream.fill())
                # Reading a packet may end the connection, and paho then gives its socket up.
                while client.socket() is not None and stream.next_packet():
                    client.loop_read()
                if client.want_write():
                    client.loop_write()
                stream.acknowledge(self.deliveries.due())
                stream.flush()
                now = time.monotonic()
                if now >= check_at:
                    check_at = now + _CHECK_EVERY_S
                    self._keep_alive(stream, now)
                    if not self.greeted and not self._why and now >= deadline:
                        self._why = "what listens there does not answer as an MQTT broker"
                        break
        return f"{self._broker}: {self._why or stream.failure}"

    def _may_read(self, selector: selectors.BaseSelector, stream: PacketStream) -> bool:
        """Wait until there is something to do; return whether that is to read.

        After a read that brought little, that is nothing but to send for a moment; see ``ReadPace``.
        While more is handed on than the broker may send before an acknowledgement, nothing is read: what it has
        to say then waits in the socket, and before long with the broker.
        """
        if not stream.wants_write and self._waker.wait(self._pace.rest_s):
            return False
        events = selectors.EVENT_WRITE if stream.wants_write else 0
        over = self.deliveries.is_over
        if over and not self._is_paused:
            self.paused += 1
        self._is_paused = over
        if not over:
            events |= selectors.EVENT_READ
        # Changed only where it differs: each change is a system call.
        known = selector.get_map().get(stream)
        if known is None and events:
            selector.register(stream, events)
        elif known is not None and not events:
            selector.unregister(stream)
        elif known is not None and known.events != events:
            selector.modify(stream, events)
        decrypted = not over and stream.pending() > 0
        ready = {key.fileobj: mask for key, mask in selector.select(0.0 if decrypted else _CHECK_EVERY_S)}
        if self._waker in ready:
            self._waker.clear()
        return decrypted or bool(ready.get(stream, 0) & selectors.EVENT_READ)

    def _keep_alive(self, stream: PacketStream, now: float) -> None:
        """Have paho look after the keep-alive; while nothing is read it would take the broker for dead."""
        if not self._is_paused:
            self._client.loop_misc()
        elif now - self._pinged_at >= self._settings.keepalive_s / 2:
            self._pinged_at = now
            stream.send(_PINGREQ)

    @property
    def warning(self) -> str:
        """What the broker has done on this connection and must not; empty while it keeps to MQTT."""
        reused, paused = self.deliveries.reused, self.paused
        told = []
        if paused:
            allowed = self._settings.receive_maximum
            told.append(
                f"it sent more than {allowed:,} messages before an acknowledgement; reading stopped {paused:,}x"
            )
        if reused:
            told.append(f"it used a packet id again before its acknowledgement {reused:,}x")
        return "; ".join(told)

    def follow(self, topics: tuple[str, ...]) -> None:
        """Subscribe to these topic filters and to no others; safe from any thread."""
        dropped = [topic for topic in self._topics if topic not in topics]
        self._topics = topics
        if dropped:
            self._client.unsubscribe(dropped)
        if topics:
            # paho takes the options of MQTT 5, or the bare QoS of 3.1.1.
            # What we publish ourselves does not come back, so that on our own topics only others are heard.
            options: Any = SubscribeOptions(qos=1, noLocal=True) if self._is_5 else 1
            self._client.subscribe([(topic, options) for topic in topics])
        self._waker.wake()

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Acknowledge messages of this connection that are committed; safe from any thread."""
        if packet_ids:
            self.deliveries.settle(packet_ids)
            self._waker.wake()

    def publish(self, topic: str, payload: bytes, expiry_s: int | None, traceparent: str = "", qos: int = 1) -> bool:
        """Publish at QoS 0 or 1, and return whether there was a connection; safe from any thread."""
        properties = None
        if self._is_5 and expiry_s is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expiry_s
            if traceparent:
                properties.UserProperty = ("traceparent", traceparent)
        # Without a connection paho keeps the message for a later one; this client has none, so it is never sent.
        info = self._client.publish(topic, payload, qos=qos, properties=properties)
        self._waker.wake()
        return info.rc == paho.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """Close the socket, whatever state the connection is in."""
        self.connected = False
        if self._stream is not None:
            self._stream.acknowledge(self.deliveries.due())
            self._stream.close()

    def _connect(self) -> None:
        settings = self._settings
        if not self._is_5:
            self._client.connect(settings.host, settings.port, settings.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry_s
        # The property has two bytes.
        properties.ReceiveMaximum = min(settings.receive_maximum, 65_535)
        # Without clean_start=False the broker would throw away what it kept for us.
        self._client.connect(
            settings.host, settings.port, settings.keepalive_s, clean_start=False, properties=properties
        )

    def _make_stream(self, sock: socket.socket) -> PacketStream:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # PUBACKs are small and awaited
        generation, on_message, taken = self.generation, self._on_message, self.deliveries.taken

        def on_publish(topic: str, payload: bytes, retain: bool, packet_id: int) -> None:
            receipt = None
            if packet_id:
                taken(packet_id)
                # tuple.__new__ costs half of a call to the class, and this runs for every reading
                receipt = _new(Receipt, (generation, packet_id))
            on_message(_new(BusMessage, (topic, payload, retain, receipt)))

        self._stream = PacketStream(sock, has_properties=self._is_5, on_publish=on_publish, wake=self._waker.wake)
        return self._stream

    def _connack(
        self, client: paho.Client, _data: Any, flags: paho.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            hint = ""
            if any(word in str(reason).lower() for word in ("authori", "password")):
                hint = "; check broker.username and the password in the variable named by broker.password_env"
            self._why = f"the broker refused the connection: {reason}{hint}"
            return
        client.publish(self._status_topic, b"online", qos=1, retain=True)
        self._session = "resumed" if flags.session_present else "new"
        self._on_greeted(self)
        # No subscription, so no SUBACK to wait for.
        if not self._topics:
            self._ready()

    def _disconnected(
        self, _client: paho.Client, _data: Any, flags: paho.DisconnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        failure = self._stream.failure if self._stream is not None else ""
        if flags.is_disconnect_packet_from_server:
            self._why = f"the broker ended the connection: {reason}"
        elif not self._why:
            self._why = failure or f"the broker stopped answering: {reason}"
        if self.connected and ("taken over" in self._why or "closed the connection" in self._why):
            # Not every broker says why it closes, and a second plant under the same id is an easy mistake.
            self._why += f" (has another client the id {self._settings.client_id!r}?)"
        self.connected = False

    def _suback(self, _client: paho.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any) -> None:
        for reason in reasons:
            if reason.is_failure:
                _log.error("subscription_refused", broker=self._broker, reason=str(reason))
        if not self.connected:
            self._ready()

    def _ready(self) -> None:
        self.connected = True
        if self._host_topic:  # once we hear what nodes will now tell us
            self._client.publish(self._host_topic, self._host_state(True), qos=1, retain=True)
        self._on_connected(self._session)

    def _host_state(self, online: bool) -> bytes:
        """Return the state of a host application (Sparkplug 3.0.0, 6.4.26): birth and will have one timestamp."""
        return f'{{"online":{"true" if online else "false"},"timestamp":{self._host_at}}}'.encode()

    def _say_goodbye(self) -> None:
        if self.connected:
            # A broker sends the will only when a connection breaks, not when it is closed in good order.
            self._client.publish(self._status_topic, b"offline", qos=1, retain=True)
            if self._host_topic:
                self._client.publish(self._host_topic, self._host_state(False), qos=1, retain=True)
        self._client.disconnect()
