"""The packet stream between paho and the broker, which keeps readings out of paho.

paho reads a packet with three system calls and one ``select``, and builds some ten objects for it:
35 µs (MQTT 3.1.1) to 55 µs (MQTT 5) per message; ``ack`` wakes its loop once per message. A ``PacketStream``
is what paho sees as its socket. It reads large blocks, decodes the PUBLISH packets itself and leaves every
other packet to paho; what is to be sent is gathered and written in one block::

    broker ──► fill() ──┬─ PUBLISH (QoS 0, 1) ──► on_publish
                        └─ all other packets ───► recv()  (paho)
    broker ◄── flush() ◄┬─ acknowledge()
                        └─ send()  (paho)

Only the thread that owns the connection calls anything of it, but for ``send``, which paho may call in any.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence

__all__ = ["PacketStream", "PacketStreamError"]

_READ_BYTES = 262_144
_CUT_ABOVE = 1_048_576
"""A larger PUBLISH packet is delivered cut short, so that nobody can fill our memory; the codec refuses it."""
_CUT_TO = 131_072
_PUBACK = 0x4002_0000
"""Type, remaining length 2, and room for the packet id: a whole PUBACK as one number."""


class PacketStreamError(OSError):
    """The broker sent something that is not MQTT, or closed the connection."""


class PacketStream:
    """The packets of one connection: paho uses it as a socket, the connection's thread as a source of PUBLISH packets.

    Args:
        sock: connected; if there is TLS, after the handshake.
        has_properties: whether PUBLISH packets carry properties (MQTT 5).
        on_publish: called with topic, payload, retain flag and packet id (0 for QoS 0); must not raise.
        wake: called by any thread when there is something to send.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        has_properties: bool,
        on_publish: Callable[[str, bytes, bool, int], None],
        wake: Callable[[], None],
    ) -> None:
        self._sock = sock
        self._has_properties = has_properties
        self._on_publish = on_publish
        self._wake = wake
        self._incoming = b""  # not yet decoded
        self._position = 0
        self._skip = 0  # bytes of a packet cut short that are still to be dropped
        self._for_paho = b""
        self._outgoing = bytearray()
        self._lock = threading.Lock()  # guards _outgoing
        self._closed = False
        self.failure = ""
        """Why the connection ended without our doing; empty while it has not."""

    # --- paho's side --------------------------------------------------------------------------

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes of the packet that ``next_packet`` left for paho.

        Raises:
            BlockingIOError: there is none now.
            PacketStreamError: the connection has ended.
        """
        data = self._for_paho[:size]
        if data:
            self._for_paho = self._for_paho[size:]
            return data
        if self.failure or self._closed:
            raise PacketStreamError(self.failure)
        raise BlockingIOError

    def send(self, data: bytes | bytearray) -> int:
        """Keep a whole packet for the next ``flush``, and return its length: paho never has to send the rest."""
        with self._lock:
            self._outgoing += data
        self._wake()
        return len(data)

    def setblocking(self, flag: bool) -> None:
        """Make the socket blocking or non-blocking."""
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        """Return the file descriptor that a selector waits for."""
        return self._sock.fileno()

    def pending(self) -> int:
        """Return the number of bytes that TLS has decrypted already, of which no selector knows."""
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0

    def close(self) -> None:
        """Send what is left and close the socket, within about two seconds.

        What the broker still sends is read and dropped without an acknowledgement: to close a socket
        with unread bytes resets the connection, and the broker would lose our last acknowledgements.
        """
        if not self.failure and not self._closed:
            self._closed = True
            with contextlib.suppress(OSError, ValueError):
                self._sock.settimeout(1.0)
                self._sock.sendall(bytes(self._outgoing))
                self._sock.shutdown(socket.SHUT_WR)
                deadline = time.monotonic() + 1.0
                while time.monotonic() < deadline and self._sock.recv(_READ_BYTES):
                    pass
        self._sock.close()

    # --- our side -----------------------------------------------------------------------------

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Keep a PUBACK for each packet id until the next ``flush``."""
        packets = struct.pack(f"!{len(packet_ids)}I", *[_PUBACK | packet_id for packet_id in packet_ids])
        with self._lock:
            self._outgoing += packets

    @property
    def wants_write(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._outgoing)

    def flush(self) -> None:
        """Send what was kept, as much of it as the socket takes now."""
        with self._lock:
            try:
                while self._outgoing:
                    del self._outgoing[: self._sock.send(bytes(self._outgoing))]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            except OSError as error:
                self.failure = self.failure or (error.strerror or str(error))

    def fill(self) -> int:
        """Read what the broker has sent, and return how much that was.

        The end of the stream, or an error, is noted in ``failure``.
        """
        try:
            data = self._sock.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            self.failure = self.failure or (error.strerror or str(error))
            return 0
        if not data:
            self.failure = self.failure or "the broker closed the connection"
            return 0
        if isinstance(self._sock, ssl.SSLSocket):
            data += self._further_records(_READ_BYTES - len(data))
        read = len(data)
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._incoming = self._incoming[self._position :] + data
        self._position = 0
        return read

    def _further_records(self, most: int) -> bytes:
        """Return what else has come: TLS hands out one record at a time, which is hardly more than one message."""
        records = bytearray()
        # What ends the connection is for the next read.
        with contextlib.suppress(OSError):
            while len(records) < most and (record := self._sock.recv(most - len(records))):
                records += record
        return bytes(records)

    def next_packet(self) -> bool:
        """Deliver PUBLISH packets up to the first packet that is for paho, and return whether there is one.

        paho must read that packet before this is called again, so that the order of packets is kept.

        Raises:
            PacketStreamError: the broker sent something that is not MQTT.
        """
        data, position, end = self._incoming, self._position, len(self._incoming)
        while end - position >= 2:
            kind, length, start = data[position], data[position + 1], position + 2
            if length > 127:
                length, start = _length(data, position + 1)
                # The length itself is not complete yet.
                if not start:
                    break
            stop = start + length
            # A PUBLISH, but not with QoS 2: that has a handshake of its own, which is left to paho.
            if kind & 0xF0 == 0x30 and kind & 0x06 != 0x04:
                if stop > end:
                    if length <= _CUT_ABOVE or end - position < _CUT_TO:
                        break
                    self._skip, stop = stop - end, end
                self._position = stop
                try:
                    self._publish(data, kind, start, stop)
                except IndexError:
                    raise PacketStreamError("the broker sent a malformed PUBLISH packet") from None
            elif stop > end:
                if length > _CUT_ABOVE:
                    raise PacketStreamError(f"the broker announced a packet of {length} bytes")
                break
            else:
                self._for_paho = data[position:stop]
                self._position = stop
                return True
            position = stop
        self._position = position
        # paho learns of a failure only by reading: recv raises it.
        return bool(self.failure)

    def _publish(self, data: bytes, kind: int, start: int, stop: int) -> None:
        """Decode a PUBLISH packet (MQTT 5, section 3.3) and deliver it."""
        body = start + 2 + (data[start] << 8 | data[start + 1])
        topic = data[start + 2 : body].decode(errors="replace")
        packet_id = 0
        if kind & 0x06:
            packet_id = data[body] << 8 | data[body + 1]
            body += 2
        if self._has_properties:
            size = data[body]
            body += 1
            if size > 127:
                size, body = _length(data, body - 1)
            body += size
        if body > stop:
            raise PacketStreamError("the broker sent a malformed PUBLISH packet")
        self._on_publish(topic, data[body:stop], bool(kind & 0x01), packet_id)


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Return a variable byte integer (MQTT 5, section 1.5.5) and the position behind it; 0, 0 if it is incomplete."""
    value = 0
    for shift in range(4):
        if position + shift >= len(data):
            return 0, 0
        byte = data[position + shift]
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 128:
            return value, position + shift + 1
    raise PacketStreamError("the broker sent a packet length of more than four bytes")
