"""A publisher that is never the bottleneck: pre-built QoS 1 packets over a bare socket (MQTT 3.1.1).

``python -m benchmarks.publisher PORT COUNT DEVICES [RATE [KIND]]`` publishes COUNT readings, round robin
over DEVICES devices, each five sensors of ordinary noise, 5 s apart, the last one stamped now. With
RATE (readings/s, 0 for as fast as it goes) it paces itself. Of KIND ``bad``, one in a hundred has a value that
cannot be used; of KIND ``tags``, each sensor has a message of its own, and COUNT counts those; of KIND ``mapped`` or
``sparkplug`` they come as foreign machines send them. It ends when the broker has acknowledged every one.
"""

import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from simulator import sparkplug as sparkplug_b

INTERVAL_S = 5.0
WINDOW = 20_000
"""Packets under way; below 65,536, so that packet ids stay unique."""
BATCH = 200
BAD_SHARE = 0.01


def device_names(devices: int) -> list[str]:
    return [f"device-{number:06}" for number in range(devices)]


def values(rng: random.Random) -> dict[str, object]:
    """What one reading of the reference plant says."""
    return {
        "temperature": round(rng.gauss(75, 3), 2),
        "pressure": round(rng.gauss(31.5, 1), 2),
        "vibration": round(abs(rng.gauss(1.5, 0.4)), 3),
        "humidity": round(rng.gauss(40, 3), 2),
        "power_consumption": round(rng.gauss(20, 2), 2),
    }


def payload(device_id: str, at: float, said: dict[str, object]) -> bytes:
    """One message as the reference plant sends it, about 190 bytes with five sensors."""
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"timestamp": stamp, "device_id": device_id, **said}).encode()


def reading(device_id: str, at: float, rng: random.Random) -> bytes:
    """One whole reading."""
    return payload(device_id, at, values(rng))


def payloads(count: int, devices: int, kind: str) -> Iterator[tuple[str, bytes]]:
    """Yield topic and message; what belongs to one instant of a device comes one after the other."""
    rng = random.Random(7)
    names = device_names(devices)
    parts = len(values(rng)) if kind == "tags" else 1
    start = time.time() - -(-count // (devices * parts)) * INTERVAL_S
    for number in range(-(-count // parts)):
        device_id, at, said = names[number % devices], start + number // devices * INTERVAL_S, values(rng)
        if kind == "bad" and rng.random() < BAD_SHARE:
            said["temperature"] = "unavailable"
        for part in [{name: value} for name, value in said.items()] if kind == "tags" else [said]:
            yield (
                mapped(device_id, at, part)
                if kind == "mapped"
                else (f"aegisflow/sensors/{device_id}", payload(device_id, at, part))
            )


def mapped(device_id: str, at: float, said: dict[str, object]) -> tuple[str, bytes]:
    """The same reading as a foreign machine might send it: nested, under other names, dated in milliseconds."""
    content = {
        "ts": round(at * 1000),
        "process": {"t": said["temperature"], "p": said["pressure"], "rh": said["humidity"]},
        "condition": {"vib": said["vibration"]},
        "power": said["power_consumption"],
    }
    return f"hall/{device_id}/state", json.dumps(content).encode()


def sparkplug(count: int, devices: int) -> Iterator[tuple[str, bytes]]:
    """Yield births and then data of one edge node, with aliases; each but the node's own birth is a reading."""
    rng = random.Random(7)
    names = device_names(devices)
    start = time.time() - -(-count // devices) * INTERVAL_S
    node = [sparkplug_b.metric(1, sparkplug_b.INT64, name="bdSeq")]
    yield "spBv1.0/bench/NBIRTH/edge", sparkplug_b.payload(start, node, 0)
    for number in range(count):
        device, at, said = number % devices, start + number // devices * INTERVAL_S, values(rng)
        born = number < devices
        metrics = [
            sparkplug_b.metric(
                float(str(value)),
                sparkplug_b.DOUBLE,
                name=name if born else "",
                alias=device * len(said) + place,
                at=at,
            )
            for place, (name, value) in enumerate(said.items())
        ]
        kind = "DBIRTH" if born else "DDATA"
        content = sparkplug_b.payload(at, metrics, (number + 1) % 256)
        yield f"spBv1.0/bench/{kind}/edge/{names[device]}", content


def packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """A PUBLISH at QoS 1."""
    head = topic.encode()
    body = struct.pack("!H", len(head)) + head + struct.pack("!H", packet_id) + payload
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return b"\x32" + length + body


def packets(count: int, devices: int, kind: str = "whole") -> list[bytes]:
    said = sparkplug(count, devices) if kind == "sparkplug" else islice(payloads(count, devices, kind), count)
    return [packet(topic, content, number % 65_535 + 1) for number, (topic, content) in enumerate(said)]


def connect(port: int) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port))
    name = f"bench-publisher-{os.getpid()}".encode()  # two with one name would end each other's connection
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack("!H", len(name)) + name
    link.sendall(b"\x10" + bytes([len(body)]) + body)
    if link.recv(4)[:1] != b"\x20":
        raise SystemExit("the broker refused the publisher")
    return link


def publish(port: int, stream: list[bytes], rate: float | None = None) -> float:
    """Publish the packets; return the seconds until the last was acknowledged."""
    link = connect(port)
    link.setblocking(False)
    began, sent, acked_bytes, waiting = time.monotonic(), 0, 0, b""
    # A PUBACK has four bytes, and nothing else comes on this line.
    while acked_bytes < 4 * len(stream):
        due = len(stream) if rate is None else min(len(stream), int((time.monotonic() - began) * rate) + 1)
        if not waiting and sent < due and sent - acked_bytes // 4 < WINDOW:
            chunk = stream[sent : min(sent + BATCH, due)]
            waiting, sent = b"".join(chunk), sent + len(chunk)
        pause = 1.0 if waiting or sent == len(stream) or rate is None else 0.002
        readable, writable, _ = select.select([link], [link] if waiting else [], [], pause)
        if writable:
            waiting = waiting[link.send(waiting) :]
        if readable:
            got = link.recv(65_536)
            if not got:
                raise SystemExit("the broker closed the connection")
            acked_bytes += len(got)
    took = time.monotonic() - began
    link.setblocking(True)
    # DISCONNECT.
    link.sendall(b"\xe0\x00")
    link.close()
    return took


def main() -> None:
    port, count, devices = (int(text) for text in sys.argv[1:4])
    rate = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0
    stream = packets(count, devices, *sys.argv[5:6])
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps({"seconds": publish(port, stream, rate or None)}), flush=True)


if __name__ == "__main__":
    main()
