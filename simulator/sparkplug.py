"""An edge node of Sparkplug B: the other side of AegisFlow's host application.

It writes its protobuf by hand, varint by varint, so that a mistake in one is seen by the other.
"""

import struct
import time
from collections.abc import Callable, Mapping
from threading import Condition
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

INT32, INT64, FLOAT, DOUBLE, BOOLEAN, STRING = 3, 4, 9, 10, 11, 12
Value = float | int | bool | str | None


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it, seven bits at a time."""
    result = b""
    while number > 0x7F:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


def field(number: int, kind: int, content: bytes) -> bytes:
    """Return one field; kind 0 is a varint, 1 eight bytes, 2 bytes with their length, 5 four bytes."""
    return varint(number << 3 | kind) + (varint(len(content)) if kind == 2 else b"") + content


def metric(
    value: Value,
    datatype: int,
    *,
    name: str = "",
    alias: int | None = None,
    at: float | None = None,
    historical: bool = False,
    quality: int | None = None,
) -> bytes:
    """Return one metric; without a name it is known by its alias."""
    parts = field(1, 2, name.encode()) if name else b""
    if alias is not None:
        parts += field(2, 0, varint(alias))
    if at is not None:
        parts += field(3, 0, varint(round(at * 1000)))
    parts += field(4, 0, varint(datatype))
    if historical:
        parts += field(5, 0, b"\x01")
    if value is None:
        return parts + field(7, 0, b"\x01")
    if quality is not None:
        said = field(1, 0, varint(INT32)) + field(3, 0, varint(quality))
        parts += field(9, 2, field(1, 2, b"Quality") + field(2, 2, said))
    if datatype == DOUBLE:
        return parts + field(13, 1, struct.pack("<d", value))
    if datatype == FLOAT:
        return parts + field(12, 5, struct.pack("<f", value))
    if datatype == BOOLEAN:
        return parts + field(14, 0, varint(int(bool(value))))
    if datatype == STRING:
        return parts + field(15, 2, str(value).encode())
    # A negative number is the complement of two, of 32 bits for the smaller ones.
    if datatype == INT64:
        return parts + field(11, 0, varint(int(value) & 0xFFFFFFFFFFFFFFFF))
    return parts + field(10, 0, varint(int(value) & 0xFFFFFFFF))


def payload(at: float, metrics: list[bytes], seq: int | None = None) -> bytes:
    """Return a payload of metrics; births and data have a place in the sequence, deaths of nodes have none."""
    content = field(1, 0, varint(round(at * 1000))) + b"".join(field(2, 2, one) for one in metrics)
    return content + (b"" if seq is None else field(3, 0, varint(seq)))


def fields(content: bytes) -> list[tuple[int, bytes | int]]:
    """Return the fields of a protobuf message: number, and its content, or a number where it is a varint."""
    found: list[tuple[int, bytes | int]] = []
    place = 0

    def number() -> int:
        nonlocal place
        result = shift = 0
        while True:
            byte = content[place]
            place += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return result

    while place < len(content):
        key = number()
        if key & 7 == 0:
            found.append((key >> 3, number()))
            continue
        size = {1: 8, 5: 4}.get(key & 7) or number()
        found.append((key >> 3, content[place : place + size]))
        place += size
    return found


def written(content: bytes) -> list[tuple[str, int | None, Value]]:
    """Return what a command writes: name, empty where there is none, alias and value of each metric."""
    result: list[tuple[str, int | None, Value]] = []
    for kind, part in fields(content):
        if kind != 2 or not isinstance(part, bytes):
            continue
        said = dict(fields(part))
        name, alias, double, single = (said.get(number) for number in (1, 2, 13, 12))
        value: Value = None
        if isinstance(double, bytes):
            (value,) = struct.unpack("<d", double)
        elif isinstance(single, bytes):
            (value,) = struct.unpack("<f", single)
        elif (whole := next((said[number] for number in (10, 11, 14) if number in said), None)) is not None:
            value = whole if isinstance(whole, int) else None
        result.append(
            (name.decode() if isinstance(name, bytes) else "", alias if isinstance(alias, int) else None, value)
        )
    return result


class SparkplugNode:
    """One edge node with devices, on a broker. What it is told by DCMD it takes as the metric's value, and says so.

    Args:
        host: of the broker.
        port: of the broker.
        group: its group.
        node: its name.
        devices: device to its metrics, each with its first value (all of them double).
        primary: id of the host application to wait for; empty to speak at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        group: str,
        node: str,
        devices: Mapping[str, Mapping[str, float]],
        *,
        primary: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._group, self._node, self._devices, self._clock = group, node, devices, clock
        self._primary, self._aliases = primary, self._numbered()
        self._bd_seq = 0
        self._seq = 0
        self._change = Condition()
        self.births = 0
        """How often it was born, by its own will or on request."""
        self.host_online = not primary
        self.commands: list[tuple[str, bytes]] = []
        """Topic and payload of what it was told."""
        self.values: dict[str, dict[str, Value]] = {device: dict(values) for device, values in devices.items()}
        """Device to its metrics as they are after what it was told."""
        self._client = Client(
            CallbackAPIVersion.VERSION2, f"{node}-{uuid4().hex[:8]}", protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.will_set(self._topic("NDEATH"), self._death(), qos=1)
        self._client.connect(host, port)
        self._client.loop_start()

    def send(self, device: str, values: Mapping[str, float], *, at: float | None = None, **said: Any) -> None:
        """Send values of a device by their aliases.

        Args:
            device: whose.
            values: metric to value.
            at: when it was so; now without.
            said: historical, quality; see ``metric``.
        """
        with self._change:
            now = self._clock() if at is None else at
            aliases = self._aliases[device]
            metrics = [metric(value, DOUBLE, alias=aliases[name], at=now, **said) for name, value in values.items()]
            self._publish("DDATA", device, metrics)

    def skip(self) -> None:
        """Lose a message on the way: the next one follows none."""
        with self._change:
            self._seq = (self._seq + 1) % 256

    def lose(self, device: str) -> None:
        """Say that a device is gone."""
        with self._change:
            self._publish("DDEATH", device, [])

    def wait_until(self, true: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Wait until something holds, looked at whenever something has come.

        Raises:
            TimeoutError: it did not.
        """
        with self._change:
            if not self._change.wait_for(lambda: bool(true()), timeout_s):
                raise TimeoutError(f"not within {timeout_s:g} s: {self.births} births, {len(self.commands)} commands")

    def vanish(self) -> None:
        """Break the connection without a word, so that the broker tells of the death."""
        sock = self._client.socket()
        self._client.loop_stop()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        """Leave in good order: say the death oneself, and disconnect."""
        self._client.publish(self._topic("NDEATH"), self._death(), qos=1).wait_for_publish(10.0)
        self._client.disconnect()
        self._client.loop_stop()

    # --- inside -----------------------------------------------------------------------------------

    def _numbered(self) -> dict[str, dict[str, int]]:
        numbers = iter(range(1, 1_000_000))
        return {device: {name: next(numbers) for name in values} for device, values in self._devices.items()}

    def _topic(self, kind: str, device: str = "") -> str:
        return f"spBv1.0/{self._group}/{kind}/{self._node}" + (f"/{device}" if device else "")

    def _death(self) -> bytes:
        return payload(self._clock(), [metric(self._bd_seq, INT64, name="bdSeq")])

    def _publish(self, kind: str, device: str, metrics: list[bytes]) -> None:
        self._client.publish(self._topic(kind, device), payload(self._clock(), metrics, self._seq), qos=0)
        self._seq = (self._seq + 1) % 256

    def _be_born(self) -> None:
        self._seq = 0
        now = self._clock()
        node = [
            metric(self._bd_seq, INT64, name="bdSeq"),
            metric(False, BOOLEAN, name="Node Control/Rebirth"),
        ]
        self._publish("NBIRTH", "", node)
        for device, values in self._devices.items():
            aliases = self._aliases[device]
            metrics = [metric(value, DOUBLE, name=name, alias=aliases[name], at=now) for name, value in values.items()]
            self._publish("DBIRTH", device, metrics)
        self.births += 1
        self._change.notify_all()

    def _on_connect(self, client: Client, *_: Any) -> None:
        topics = [(self._topic("NCMD"), 1), (f"spBv1.0/{self._group}/DCMD/{self._node}/+", 1)]
        if self._primary:
            topics.append((f"spBv1.0/STATE/{self._primary}", 1))
        client.subscribe(topics)
        if not self._primary:
            with self._change:
                self._be_born()

    def _obey(self, device: str, content: bytes) -> None:
        aliases = self._aliases.get(device, {})
        for name, alias, value in written(content):
            known = next((one for one, number in aliases.items() if one == name or number == alias), None)
            if known is not None:
                self.values[device][known] = value
                now = self._clock()
                self._publish("DDATA", device, [metric(value, DOUBLE, alias=aliases[known], at=now)])

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        with self._change:
            if "/STATE/" in message.topic:
                online = b'"online":true' in message.payload
                if online and not self.host_online:
                    self.host_online = True
                    self._be_born()
                self.host_online = online
            else:
                self.commands.append((message.topic, bytes(message.payload)))
                if b"Node Control/Rebirth" in message.payload:
                    self._be_born()
                elif "/DCMD/" in message.topic:
                    self._obey(message.topic.rpartition("/")[2], bytes(message.payload))
            self._change.notify_all()
