import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.bus.mqtt.packet_stream import PacketStream, PacketStreamError
from aegisflow.bus.mqtt.waker import Waker


def length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)


def publish(topic: str, payload: bytes, packet_id: int = 0, *, retain: bool = False, properties: bytes | None = None):
    head = 0x30 | (0x02 if packet_id else 0) | (0x01 if retain else 0)
    name = topic.encode()
    body = struct.pack("!H", len(name)) + name + (struct.pack("!H", packet_id) if packet_id else b"")
    if properties is not None:
        body += length(len(properties)) + properties
    body += payload
    return bytes([head]) + length(len(body)) + body


PINGRESP = b"\xd0\x00"
SUBACK = b"\x90\x04\x00\x01\x00\x01"


class Pair:
    """A packet stream, and the broker's end of it."""

    def __init__(self, *, has_properties: bool = False) -> None:
        self.broker, ours = socket.socketpair()
        ours.setblocking(False)
        self.taken: list[tuple[str, bytes, bool, int]] = []
        self.woken = 0
        self.stream = PacketStream(
            ours, has_properties=has_properties, on_publish=lambda *message: self.taken.append(message), wake=self.wake
        )

    def __enter__(self) -> "Pair":
        return self

    def __exit__(self, *error: object) -> None:
        self.broker.close()
        self.stream.close()

    def wake(self) -> None:
        self.woken += 1

    def comes(self, data: bytes) -> bytes:
        """Let ``data`` come; return what is left to paho."""
        left = b""
        for start in range(0, len(data), 60_000):
            self.broker.sendall(data[start : start + 60_000])
            self.stream.fill()
            while self.stream.next_packet():
                try:
                    while True:
                        left += self.stream.recv(1)
                except BlockingIOError:
                    pass
        return left


@pytest.mark.parametrize(
    "properties", [None, b"", b"\x02\x00\x00\x00\x3c", b"\x26\x00\x01a" + b"\x00\xc8" + b"v" * 200]
)
def test_readings_are_taken_out_and_the_rest_is_left_to_paho_in_order(properties):
    with Pair(has_properties=properties is not None) as pair:
        stream = (
            SUBACK
            + publish("a/é", b"1", 7, properties=properties)
            + PINGRESP
            + publish("b", b"", retain=True, properties=properties)
            + publish("c", b"x" * 300, 65_535, properties=properties)
        )
        assert pair.comes(stream) == SUBACK + PINGRESP
        assert pair.taken == [("a/é", b"1", False, 7), ("b", b"", True, 0), ("c", b"x" * 300, False, 65_535)]


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 65_535), st.booleans()), max_size=20),
    st.lists(st.integers(1, 97), min_size=1, max_size=30),
)
def test_it_does_not_matter_where_the_stream_is_cut(packets, cuts):
    stream, taken, left = b"", [], b""
    for payload, packet_id, other in packets:
        if other:
            stream, left = stream + PINGRESP, left + PINGRESP
        else:
            stream += publish("t", payload, packet_id)
            taken.append(("t", payload, False, packet_id))
    with Pair() as pair:
        found, turn = b"", 0
        while stream:
            size = cuts[turn % len(cuts)]
            found += pair.comes(stream[:size])
            stream, turn = stream[size:], turn + 1
        assert (pair.taken, found) == (taken, left)


def test_a_giant_message_is_cut_and_the_next_one_is_whole():
    with Pair() as pair:
        pair.comes(publish("big", b"x" * 5_000_000, 1) + publish("small", b"y", 2))
        (topic, payload, _, packet_id), small = pair.taken
        assert (topic, packet_id) == ("big", 1)
        assert 65_536 < len(payload) < 500_000
        assert small == ("small", b"y", False, 2)


def test_acknowledgements_and_pahos_packets_leave_whole_and_in_order():
    with Pair() as pair:
        pair.stream.acknowledge([1, 65_535])
        assert pair.stream.send(b"\xc0\x00") == 2
        pair.stream.acknowledge([258])
        assert pair.woken == 1
        assert pair.stream.wants_write
        pair.stream.flush()
        assert not pair.stream.wants_write
        assert pair.broker.recv(100) == b"\x40\x02\x00\x01\x40\x02\xff\xff\xc0\x00\x40\x02\x01\x02"


def test_what_the_socket_does_not_take_at_once_is_sent_later():
    with Pair() as pair:
        pair.stream.acknowledge(range(1, 65_536))
        pair.stream.acknowledge(range(1, 65_536))
        expected, got = 2 * 65_535 * 4, 0
        while got < expected:
            pair.stream.flush()
            got += len(pair.broker.recv(1_000_000))
        assert not pair.stream.wants_write


def test_the_end_of_the_stream_reaches_paho_as_an_error():
    with Pair() as pair:
        pair.broker.close()
        pair.stream.fill()
        assert pair.stream.next_packet()
        with pytest.raises(PacketStreamError, match="closed the connection"):
            pair.stream.recv(1)


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",
        b"\x90\xff\xff\xff\x7f",
        b"\x32\x00",
        b"\x32\x02\x00\x09",
        b"\x32\x04\x00\x01a\x00",
        b"\x30\x03\x00\x09a",
    ],
)
def test_what_is_not_mqtt_ends_the_connection(data):
    with Pair() as pair, pytest.raises(PacketStreamError):
        pair.comes(data)


def test_a_waker_is_readable_once_however_often_it_is_woken():
    waker = Waker()
    waker.wake()
    waker.wake()
    probe = socket.socket(fileno=socket.dup(waker.fileno()))
    assert probe.recv(10, socket.MSG_PEEK) == b"\0"
    waker.clear()
    with pytest.raises(BlockingIOError):
        probe.recv(10)
    waker.wake()
    assert probe.recv(10) == b"\0"
    probe.close()
    waker.close()
    waker.wake()
