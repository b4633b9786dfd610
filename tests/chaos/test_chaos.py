"""The drivers of chaos themselves can fail, and fifty of their rounds find nothing; ``make chaos`` runs more."""

import json
import math
import os
import socket
import struct
import sys
import threading
from collections import Counter
from contextlib import suppress
from random import Random

import pytest

from tests.chaos.adversities import of_store
from tests.chaos.growth import Look, in_words, slope_per_hour
from tests.chaos.judge import missing, repeated, touched, unalarmed, unordered
from tests.chaos.pumps import share
from tests.chaos.rounds import run
from tests.support.mqtt_tap import MqttTap, Packets, parse_publish
from tests.support.waiting import ended, eventually, told_if_slow

ROUNDS = int(os.environ.get("AEGISFLOW_CHAOS_ROUNDS") or 50)
WITHIN_S = 45.0
"""No round begins after that; the rest of a minute and a half is for coming to rest."""
READING = {"timestamp": "2025-10-09T09:00:00.123Z", "device_id": "pump-01", "temperature": 71.0}


def publish(topic: str, content: object, packet_id: int) -> bytes:
    body = struct.pack("!H", len(topic)) + topic.encode() + struct.pack("!H", packet_id) + b"\0"
    body += json.dumps(content).encode()
    assert len(body) < 16_384
    return b"\x32" + bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) + body


def test_a_reading_that_is_acknowledged_and_not_stored_is_a_violation() -> None:
    sent = [("pump-01", "2025-10-09T09:00:00.123Z"), ("pump-01", "2025-10-09T09:00:00.124Z")]
    assert missing(sent, [("pump-01", 1_760_000_400.123), ("pump-02", 1_760_000_400.124)]) == sent[1:]


def test_a_command_that_leaves_twice_is_a_violation() -> None:
    assert repeated(Counter({"a": 1, "b": 2})) == ["b"]


def test_a_word_to_a_machine_that_nobody_was_granted_is_a_violation() -> None:
    assert unordered(["OFF", "ON", "OFF"], ["OFF", "ON", "ON", "OFF"]) == ""  # the second ON was never sent
    assert unordered(["OFF", "OFF"], ["OFF", "ON"]) == "OFF"
    assert unordered(["ON", "OFF"], ["OFF", "ON"]) == "OFF"
    assert unordered(["ON"], []) == "ON"


def test_a_fault_without_an_alarm_is_a_violation() -> None:
    alarms = [(1_015.0, 1_400.0), (5_000.0, None)]
    assert unalarmed([(1_000.0, 1_070.0), (3_000.0, 3_070.0), (9_000.0, 9_070.0)], alarms) == [3_000.0]


def test_a_fault_of_which_a_broker_may_have_forgotten_readings_is_known() -> None:
    windows = [(1_000.0, 1_100.0), (5_000.0, float("inf"))]
    assert touched([930.0, 1_000.0], windows)
    assert touched([1_090.0, 1_160.0], windows)
    assert touched([9_000.0, 9_070.0], windows)
    assert not touched([1_110.0, 1_180.0], windows)


def test_packets_are_found_however_the_stream_is_cut() -> None:
    stream = publish("aegisflow/sensors/pump-01", READING, 7) + b"\x40\x02\0\7" + b"\xc0\0"
    for size in (1, 2, 3, 50, len(stream)):
        packets = Packets()
        found = [one for at in range(0, len(stream), size) for one in packets.feed(stream[at : at + size])]
        assert [kind for kind, _ in found] == [0x32, 0x40, 0xC0]
        topic, packet_id, payload = parse_publish(*found[0])
        assert (topic, packet_id, json.loads(payload)) == ("aegisflow/sensors/pump-01", 7, READING)


def test_the_tap_counts_what_is_acknowledged_and_each_time_that_a_command_leaves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        tap = MqttTap(broker.getsockname()[1])
        try:
            with socket.create_connection(("127.0.0.1", tap.port)) as client:
                side, _ = broker.accept()
                with side:
                    side.sendall(publish("aegisflow/sensors/pump-01", READING, 7))
                    assert client.recv(1_000)
                    assert tap.acknowledged == set()
                    client.sendall(b"\x40\x02\0\7")
                    eventually(lambda: tap.acknowledged == {("pump-01", READING["timestamp"])})
                    for command in ("restart", "restart", "report_state"):
                        content = {"command_id": "c-1", "command": command}
                        client.sendall(publish("aegisflow/commands/pump-01", content, 9))
                    client.sendall(publish("cmnd/plug-01/POWER", "OFF", 10))
                    eventually(lambda: tap.commands == {"c-1": 2} and tap.words == ['"OFF"'])
                    assert tap.cut() == 1
                    with suppress(ConnectionResetError):
                        while client.recv(1_000):
                            pass
        finally:
            tap.close()


def test_what_grows_has_a_slope_and_what_swings_or_steps_once_has_none() -> None:
    hour = [(60.0 * minute, 100.0 + minute / 6.0) for minute in range(60)]
    assert slope_per_hour(hour) == pytest.approx(10.0)
    assert slope_per_hour([(at, 100.0 + (-1) ** place) for place, (at, _) in enumerate(hour)]) == pytest.approx(0.0)
    assert slope_per_hour([(at, 100.0 + 4.0 * (place > 40)) for place, (at, _) in enumerate(hour)]) == 0.0
    assert slope_per_hour([]) == slope_per_hour([(0.0, 1.0)]) == 0.0


def test_growth_is_told_from_a_time_on_and_without_what_nobody_told() -> None:
    looks = [
        Look(600.0 * place, 300.0 + place, math.nan if place == 3 else 200.0, 1.0, 900.0, 20.0, 19.0, 16.0)
        for place in range(7)
    ]
    resident, heap, *_ = in_words(looks, 1_200.0)
    assert resident == "  +6.00 MB resident an hour; from 302.0 to 306.0, between 302.0 and 306.0"
    assert heap == "  +0.00 MB of heap in use an hour; from 200.0 to 200.0, between 200.0 and 200.0"
    assert in_words([], 0.0)[0] == "  MB resident: not told"


def test_a_share_of_values_is_the_least_that_so_many_do_not_exceed() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [share(values, part) for part in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert share([7.0], 0.99) == 7.0


def test_a_wait_that_takes_too_long_says_for_what_and_a_round_that_does_where_it_is(capfd) -> None:
    over, asked = threading.Event(), threading.Event()
    with pytest.raises(AssertionError, match="the proxy has not ended"):
        ended("the proxy", over.wait, 0.01)
    with pytest.raises(AssertionError, match="the lock did not happen"):
        eventually(over.is_set, 0.0, what="the lock")
    over.set()
    ended("the proxy", over.wait, 60.0)
    with told_if_slow("round 7", 0.01, asked.set):
        assert asked.wait(60)
    assert "round 7 has been going on for" in capfd.readouterr().err


def test_the_same_seed_draws_the_same_adversities() -> None:
    kinds = of_store("postgresql")
    first, second = (Random("3/14").choices(list(kinds), list(kinds.values()), k=50) for _ in range(2))
    assert first == second


@pytest.mark.broker
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_rounds_of_chaos_lose_no_reading_and_let_no_command_act_twice(store: str) -> None:
    seed = Random().randrange(1_000_000)
    outcome = run(store, ROUNDS, seed, within_s=WITHIN_S, say=lambda line: print(line, file=sys.stderr))
    print(outcome, file=sys.stderr)
    assert outcome.violations == [], str(outcome)
    assert outcome.rounds > 3
