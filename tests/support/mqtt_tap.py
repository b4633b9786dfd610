"""A TCP proxy before a broker that reads along, and that can cut or hold what passes: what was really said on the wire.

It is no part of what it watches: what AegisFlow acknowledged, and how often a command left it, is counted from bytes.
"""

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

PUBLISH, PUBACK, SUBACK = 3, 4, 9
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER by which closing resets the connection."""


class MqttTap:
    """Passes connections on to a broker; one thread for each direction of each."""

    def __init__(self, broker_port: int) -> None:
        self._to = ("127.0.0.1", broker_port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        self.subscribed = threading.Event()
        """Set whenever the broker confirms a subscription; whoever waits for the next one clears it."""
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self.acknowledged: set[tuple[str, str]] = set()
        """Device and stamp of the readings that the client has acknowledged."""
        self.commands: Counter[str] = Counter()
        """Command id to how often the client has published it; questions about it are left out."""
        self.words: list[str] = []
        """What the client has published on topics below ``cmnd/``: commands that carry no id."""
        self.heard: list[tuple[str, bytes]] = []
        """Topic and payload of the answers of machines that came to the client, the newest thousand."""
        self._thread = threading.Thread(target=self._accept, name="tap", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether it takes connections; one that has died would look like an AegisFlow that never comes back."""
        return self._thread.is_alive()

    def cut(self) -> int:
        """Reset all connections; return how many there were."""
        with self._lock:
            gone, self._sockets = self._sockets, set()
        for one in gone:
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RD)  # wakes whoever reads, and says nothing to the other side
            one.close()
        return len(gone) // 2

    def hold(self) -> None:
        """Pass nothing on, and close nothing: a line that is dead and does not say so."""
        self._open.clear()

    def go_on(self) -> None:
        """Pass on what was held."""
        self._open.set()

    def close(self) -> None:
        """Pass nothing on for good."""
        self._open.set()
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(self._to, 5)
            except OSError:
                client.close()  # as a broker that is away
                continue
            broker.settimeout(None)
            for one in (client, broker):  # before anybody else may close them
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {client, broker}
            deliveries: dict[int, tuple[str, str]] = {}
            for source, target, look in (
                (client, broker, self._from_client),
                (broker, client, self._from_broker),
            ):
                arguments = (source, target, look, deliveries)
                threading.Thread(target=self._pass, args=arguments, name="tap", daemon=True).start()

    def _pass(
        self,
        source: socket.socket,
        target: socket.socket,
        look: Callable[[int, bytes, dict[int, tuple[str, str]]], None],
        deliveries: dict[int, tuple[str, str]],
    ) -> None:
        packets = Packets()
        try:
            while data := source.recv(65_536):
                self._open.wait()
                # Before it is passed on: what is acknowledged is known to have been sent.
                for kind, body in packets.feed(data):
                    look(kind, body, deliveries)
                target.sendall(data)
        except OSError:
            pass
        with self._lock:
            mine, self._sockets = self._sockets & {source, target}, self._sockets - {source, target}
        for one in mine:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _from_broker(self, kind: int, body: bytes, deliveries: dict[int, tuple[str, str]]) -> None:
        if kind >> 4 == SUBACK:
            self.subscribed.set()
        if kind >> 4 != PUBLISH:
            return
        topic, packet_id, payload = parse_publish(kind, body)
        if "/sensors/" in topic:
            with suppress(ValueError, AttributeError):
                content = json.loads(payload)
                deliveries[packet_id] = (topic.rpartition("/")[2], str(content.get("timestamp")))
        else:
            deliveries.pop(packet_id, None)
            if "/acks/" in topic:
                self.heard = [*self.heard[-999:], (topic, payload)]

    def _from_client(self, kind: int, body: bytes, deliveries: dict[int, tuple[str, str]]) -> None:
        if kind >> 4 == PUBACK:
            (packet_id,) = struct.unpack("!H", body[:2])
            if (reading := deliveries.pop(packet_id, None)) is not None:
                self.acknowledged.add(reading)
        elif kind >> 4 == PUBLISH:
            topic, _, payload = parse_publish(kind, body)
            if topic.startswith("cmnd/"):
                self.words.append(payload.decode())
            elif "/commands/" in topic:
                with suppress(ValueError, KeyError):
                    content = json.loads(payload)
                    if content["command"] != "report_state":
                        self.commands[content["command_id"]] += 1


class Packets:
    """Cuts a stream of bytes into MQTT packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take in what came, and yield the first byte and the body of each packet that is whole now."""
        self._rest += data
        place = 0
        while (found := self._whole(place)) is not None:
            begin, end = found
            yield self._rest[place], self._rest[begin:end]
            place = end
        self._rest = self._rest[place:]

    def _whole(self, place: int) -> tuple[int, int] | None:
        if (found := _length(self._rest, place + 1)) is None:
            return None
        length, begin = found
        return (begin, begin + length) if begin + length <= len(self._rest) else None


def _length(data: bytes, place: int) -> tuple[int, int] | None:
    """Return the length that stands at a place, and where it ends; None as long as it is not whole."""
    length = 0
    for number, byte in enumerate(data[place : place + 4]):
        length |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            return length, place + number + 1
    return None


def parse_publish(kind: int, body: bytes) -> tuple[str, int, bytes]:
    """Return topic, packet id (0 at QoS 0) and payload of a PUBLISH of MQTT 5."""
    (size,) = struct.unpack("!H", body[:2])
    topic, place, packet_id = body[2 : 2 + size].decode(), 2 + size, 0
    if kind & 0x06:
        (packet_id,) = struct.unpack("!H", body[place : place + 2])
        place += 2
    properties = _length(body, place)
    assert properties is not None
    return topic, packet_id, body[sum(properties) :]
