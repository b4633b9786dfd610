"""A broker of our own that does what no broker may: it sends without limit and under any packet id."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from aegisflow.config.services import BrokerSettings

CONNACK = b"\x20\x03\x00\x00\x00"


class RawBroker:
    """One MQTT 5 client at a time; every packet is told by the test."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._socket: socket.socket | None = None
        self._received = b""
        self.acknowledged: list[int] = []
        """Packet ids of the PUBACKs in the order they came."""
        self.pings = 0

    def settings(self, **more: object) -> BrokerSettings:
        return BrokerSettings.model_validate(
            {"host": "127.0.0.1", "port": self._server.getsockname()[1], "reconnect_min_s": 60.0, **more}
        )

    def welcome(self) -> None:
        """Accept the client, and its subscription."""
        self._socket, _ = self._server.accept()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self._socket.settimeout(30)
        self.read_until(0x10)
        self._socket.sendall(CONNACK)
        packet_id = self.read_until(0x82)[:2]
        self._socket.sendall(b"\x90\x04" + packet_id + b"\x00\x01")

    def publish(self, packet_ids: list[int], payload: bytes, patience_s: float = 30.0) -> int:
        """Send a message under each id; return how many went out whole before the client took no more for so long."""
        assert self._socket is not None
        self._socket.settimeout(patience_s)
        for sent, packet_id in enumerate(packet_ids):
            body = struct.pack("!H", 1) + b"t" + struct.pack("!H", packet_id) + b"\x00" + payload
            try:
                self._send(b"\x32" + _length(len(body)) + body)
            except TimeoutError:
                return sent
        return len(packet_ids)

    def finish(self) -> None:
        """Send the rest of the message that did not go out whole."""
        self._send(b"")

    def read_until(self, kind: int) -> bytes:
        """Return the body of the next packet of a kind; those before it are counted."""
        assert self._socket is not None
        while True:
            while (packet := self._next()) is None:
                data = self._socket.recv(65_536)
                assert data, "the client closed the connection"
                self._received += data
            found, body = packet
            if found == 0x40:
                self.acknowledged.append(struct.unpack("!H", body[:2])[0])
            self.pings += found == 0xC0
            if found == kind:
                return body

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    _unsent = b""

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        self._unsent += data
        while self._unsent:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]

    def _next(self) -> tuple[int, bytes] | None:
        for size in range(1, 5):
            if len(self._received) <= size:
                return None
            if self._received[size] < 0x80:
                break
        length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(self._received[1 : size + 1]))
        end = size + 1 + length
        if len(self._received) < end:
            return None
        kind, body = self._received[0], self._received[size + 1 : end]
        self._received = self._received[end:]
        return kind, body


def _length(size: int) -> bytes:
    head = b""
    while True:
        size, digit = divmod(size, 128)
        head += bytes([digit | (0x80 if size else 0)])
        if not size:
            return head


@contextmanager
def raw_broker() -> Iterator[RawBroker]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = RawBroker(server)
        try:
            yield broker
        finally:
            broker.close()
