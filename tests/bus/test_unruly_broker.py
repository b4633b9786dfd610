"""A broker that sends more than it may, and under packet ids that are in use."""

import pytest

from tests.support.broker import Listener, Mosquitto
from tests.support.raw_broker import raw_broker

ALLOWED = 100
KIB = b"x" * 1024
BLOCK = 262_144 // 1024
"""Messages of a KiB that one read from the socket brings at most."""


def test_reading_stops_while_more_is_under_way_than_the_broker_may_send() -> None:
    with raw_broker() as broker, Listener(broker.settings(receive_maximum=ALLOWED), "t", acknowledge=False) as listener:
        broker.welcome()
        listener.wait_connected()
        ids = [1 + number % 60_000 for number in range(50_000)]
        sent = broker.publish(ids, KIB, patience_s=1.0)
        assert sent < len(ids), "everything was read, whatever was under way"
        assert len(listener.messages) <= ALLOWED + BLOCK
        assert f"more than {ALLOWED} messages before an acknowledgement" in listener.bus.link().warning
        listener.acknowledge = True
        listener.bus.acknowledge(listener.receipts)
        broker.finish()
        left = ids[sent + 1 :][:5_000]
        assert broker.publish(left, KIB) == len(left)
        listener.wait_until(lambda: len(listener.messages) == sent + 1 + len(left))
        broker.publish([65_000], b"the last")
        while 65_000 not in broker.acknowledged:
            broker.read_until(0x40)
    assert sorted(broker.acknowledged) == sorted([*ids[: sent + 1], *left, 65_000])


def test_an_id_in_double_use_is_not_released_before_both_are_committed() -> None:
    with raw_broker() as broker, Listener(broker.settings(), "t", acknowledge=False) as listener:
        broker.welcome()
        broker.publish([7, 7, 8], b"1")
        listener.wait_until(lambda: len(listener.messages) == 3)
        first, second, other = listener.receipts
        listener.bus.acknowledge((first, other))
        broker.read_until(0x40)
        assert broker.acknowledged == [8]
        listener.bus.acknowledge((second,))
        broker.read_until(0x40)
        broker.read_until(0x40)
        assert broker.acknowledged == [8, 7, 7]
        assert listener.bus.link().warning == "it used a packet id again before its acknowledgement 1x"


def test_while_nothing_is_read_the_connection_is_kept_alive() -> None:
    settings = {"receive_maximum": 1, "keepalive_s": 1}
    with raw_broker() as broker, Listener(broker.settings(**settings), "t", acknowledge=False) as listener:
        broker.welcome()
        broker.publish([1, 2], b"1")
        listener.wait_until(lambda: len(listener.messages) == 2)
        for _ in range(4):
            broker.read_until(0xC0)  # and nothing answers: nobody reads
        assert listener.bus.link().connected


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_that_keeps_to_mqtt_is_never_held_up(mosquitto: Mosquitto, protocol: str) -> None:
    with (
        Listener(mosquitto.settings(protocol=protocol), "t") as listener,
        Listener(mosquitto.settings(client_id="machine")) as machine,
    ):
        listener.wait_connected()
        machine.wait_connected()
        for number in range(500):
            machine.bus.publish("t", str(number).encode())
        listener.wait_until(lambda: len(listener.messages) == 500)
        assert listener.bus.link().warning == ""
