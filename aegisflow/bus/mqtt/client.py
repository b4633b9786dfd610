"""The bus over MQTT: a thread that keeps the connection to the broker and makes it anew after every loss."""

import threading
import time
from collections.abc import Callable

import structlog

from aegisflow.bus import BusMessage, LinkState
from aegisflow.bus.mqtt.access import because, password_of, tls_context
from aegisflow.bus.mqtt.connection import MqttConnection
from aegisflow.bus.mqtt.waker import Waker
from aegisflow.config.services import BrokerSettings
from aegisflow.domain.readings import Receipt
from aegisflow.errors import NotConnectedError

__all__ = ["PahoBus"]

_STEADY_S = 10.0
"""After a connection that lasted this long, the next attempt waits only for the shortest delay."""
STOP_S = 30.0
"""How long the end waits for the bus's thread, which may be looking up a name that nobody answers for."""
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class PahoBus:
    """A ``Bus`` to the broker of ``BrokerSettings``.

    Args:
        settings: how to reach the broker.
        host_topic: where the state of a primary host application of Sparkplug is told, retained; empty for none. It
            takes the will of the connection.

    Raises:
        BusError: the environment variable of the password is not set, or a TLS file cannot be used.
    """

    def __init__(self, settings: BrokerSettings, host_topic: str = "") -> None:
        self._settings = settings
        self._host_topic = host_topic
        self._password = password_of(settings)
        self._tls = tls_context(settings.tls)
        self._broker = f"{settings.host}:{settings.port}"
        self._filters: tuple[str, ...] = ()
        self._on_message: Callable[[BusMessage], None] = lambda message: None
        self._on_link: Callable[[LinkState], None] = lambda state: None
        self._generation = 0
        self._connection: MqttConnection | None = None
        self._lock = threading.Lock()  # guards _filters, _link
        self._link = LinkState(False, time.time(), "not started")
        self._stop = threading.Event()
        self._waker = Waker()
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)

    @property
    def sends_back(self) -> bool:
        """Whether what is published on a topic that is subscribed to comes back; MQTT 5 is told not to."""
        return self._settings.protocol != "5"

    def start(self, on_message: Callable[[BusMessage], None], on_link: Callable[[LinkState], None]) -> None:
        """Begin to connect, and return at once whether or not there is a broker."""
        self._on_message, self._on_link = on_message, on_link
        self._thread.start()

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """Subscribe to these topic filters at QoS 1 and to no others, now or at the next connect."""
        with self._lock:
            self._filters = tuple(topics)
            # Before the broker has greeted us it takes no subscription; _greeted then follows what is noted here.
            if self._connection is not None and self._connection.greeted:
                self._connection.follow(self._filters)

    def acknowledge(self, receipts: tuple[Receipt, ...]) -> None:
        """Acknowledge messages that are committed; receipts of an earlier connection are ignored."""
        # Once: the bus's thread may lose the connection between two looks.
        connection = self._connection
        if connection is not None:
            current = connection.generation
            connection.acknowledge([packet_id for generation, packet_id in receipts if generation == current])

    def publish(
        self, topic: str, payload: bytes, *, expiry_s: int | None = None, traceparent: str = "", qos: int = 1
    ) -> None:
        """Publish at QoS 0 or 1, never retained; ``expiry_s`` and ``traceparent`` have no effect with MQTT 3.1.1.

        Raises:
            NotConnectedError: there is no connection, and nothing was queued.
        """
        connection = self._connection
        # Asked before, because paho queues what it cannot send and calls that a publish.
        sent = connection is not None and connection.connected
        if connection is None or not sent or not connection.publish(topic, payload, expiry_s, traceparent, qos):
            raise NotConnectedError(self._broker)

    def link(self) -> LinkState:
        """Return the state of the connection."""
        connection = self._connection
        with self._lock:
            link = self._link
        return link if connection is None else link._replace(warning=connection.warning)

    def stop(self) -> None:
        """Publish the status ``offline``, disconnect and end the bus's thread.

        No callback runs after this returns, unless the thread hangs for longer than ``STOP_S``, which is logged.
        """
        self._stop.set()
        self._waker.wake()
        # A callback of the bus may be what stops it, and a thread cannot wait for itself.
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(STOP_S)
            if self._thread.is_alive():
                _log.error("bus_thread_stays", broker=self._broker, waited_s=STOP_S, state=self.link().detail)
                return
        self._waker.close()

    # --- the bus's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        delay_s = self._settings.reconnect_min_s
        while not self._stop.is_set():
            began = time.monotonic()
            why = self._connect_once()
            if self._stop.is_set():
                break
            # A broker that accepts and drops us at once is not asked again at full speed.
            if time.monotonic() - began > _STEADY_S:
                delay_s = self._settings.reconnect_min_s
            self._tell_link(False, why)
            self._stop.wait(delay_s)
            delay_s = min(delay_s * 2, self._settings.reconnect_max_s)
        self._tell_link(False, "stopped")

    def _connect_once(self) -> str:
        """Connect, serve until the connection ends, and return the reason."""
        self._generation += 1
        connection = MqttConnection(
            self._settings,
            self._password,
            self._tls,
            self._generation,
            self._waker,
            on_message=self._take,
            on_greeted=self._greeted,
            on_connected=self._connected,
            host_topic=self._host_topic,
        )
        self._connection = connection
        try:
            return connection.run(self._stop.is_set)
        except Exception as error:  # noqa: BLE001 - whatever happens, the thread lives and tries again
            if not isinstance(error, OSError):
                _log.exception("connection_failed", broker=self._broker)
            return f"{self._broker}: {because(error)}"
        finally:
            self._connection = None
            connection.close()

    def _greeted(self, connection: MqttConnection) -> None:
        """Subscribe as soon as the broker has accepted us, before anybody is told."""
        with self._lock:
            connection.greeted = True
            connection.follow(self._filters)

    def _connected(self, session: str) -> None:
        self._tell_link(True, f"connected to {self._broker} with MQTT {self._settings.protocol}, session {session}")

    def _take(self, message: BusMessage) -> None:
        try:
            self._on_message(message)
        except Exception:  # noqa: BLE001 - it must not end the thread that carries all the others
            _log.exception("message_callback_failed", topic=message.topic)

    def _tell_link(self, connected: bool, detail: str) -> None:
        """Tell ``on_link`` and the log of a change; what has not changed is not told again."""
        with self._lock:
            before = self._link
            if (before.connected, before.detail) == (connected, detail):
                return
            if before.connected == connected:
                self._link = before._replace(detail=detail)
            else:
                self._link = LinkState(connected, time.time(), detail, before.changes + 1)
            link = self._link
        tell = _log.info if connected or self._stop.is_set() else _log.warning
        tell("broker_connected" if connected else "broker_disconnected", detail=detail)
        try:
            self._on_link(link)
        except Exception:  # noqa: BLE001 - it must not end the thread that carries all the others
            _log.exception("link_callback_failed")
