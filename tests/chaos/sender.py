"""A sender for the soak: ``python -m tests.chaos.sender PORT DEVICES RATE SECONDS`` publishes readings of now at QoS 1.

Every device and stamp is unique, so that one that is missing cannot hide behind one that came twice. It ends once the
broker has confirmed everything, and prints how many there were.
"""

import json
import random
import select
import socket
import struct
import sys
import time

from aegisflow.domain.times import format_instant

TICK_S = 0.1
WINDOW = 30_000
"""Packets under way; below 65,536, so that packet ids stay unique."""


def device_names(devices: int) -> list[str]:
    return [f"pump-{number:04}" for number in range(1, devices + 1)]


def main() -> None:
    port, devices, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    hot_after = int(rate * float(sys.argv[5])) if len(sys.argv) > 5 else sys.maxsize
    names, chance = device_names(devices), random.Random(7)
    link = socket.create_connection(("127.0.0.1", port))
    link.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04soak")
    assert link.recv(4)[:1] == b"\x20", "the broker refused the sender"
    link.setblocking(False)
    began, sent, acked_bytes, waiting, place, stamp_ms = time.monotonic(), 0, 0, b"", 0, 0
    while (now := time.monotonic()) < began + seconds or acked_bytes < 4 * sent or waiting:
        due = int(min(now - began, seconds) * rate)
        if not waiting and sent < due and sent - acked_bytes // 4 < WINDOW:
            parts = []
            for _ in range(min(due - sent, 500)):
                if not place:
                    stamp_ms = max(int(time.time() * 1_000), stamp_ms + 1)  # unique for each device
                warmth = 75 if sent < hot_after else 110
                parts.append(_packet(names[place], stamp_ms, sent % 65_535 + 1, chance, warmth))
                place, sent = (place + 1) % devices, sent + 1
            waiting = b"".join(parts)
        readable, writable, _ = select.select([link], [link] if waiting else [], [], TICK_S if waiting else 0.005)
        if writable:
            waiting = waiting[link.send(waiting) :]
        if readable:
            got = link.recv(65_536)
            assert got, "the broker closed the connection"
            acked_bytes += len(got)  # a PUBACK has four bytes, and nothing else comes on this line
    print(json.dumps({"sent": sent, "seconds": round(time.monotonic() - began, 1)}), flush=True)


def _packet(device_id: str, stamp_ms: int, packet_id: int, chance: random.Random, warmth: float) -> bytes:
    topic = f"aegisflow/sensors/{device_id}".encode()
    noise = chance.gauss(0.0, 0.004)
    payload = (
        f'{{"timestamp": "{format_instant(stamp_ms / 1_000)}", "device_id": "{device_id}", '
        f'"temperature": {warmth * (1 + noise):.4f}, "pressure": {31.5 * (1 - noise):.4f}, '
        f'"vibration": {1.5 * (1 + 2 * noise):.4f}, "humidity": {40 + stamp_ms % 97 / 100:.2f}, '
        f'"power_consumption": {20 * (1 + noise):.4f}}}'
    ).encode()
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", packet_id) + payload
    assert 128 <= len(body) < 16_384
    return b"\x32" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


if __name__ == "__main__":
    main()
