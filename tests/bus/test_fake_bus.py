import json

import pytest

from aegisflow.bus import BusMessage, LinkState
from aegisflow.bus.fake import FakeBus, matches
from aegisflow.domain.readings import Receipt
from aegisflow.errors import NotConnectedError


class Plant:
    """What a gateway would be: keeps what it is told."""

    def __init__(self, bus: FakeBus) -> None:
        self.messages: list[BusMessage] = []
        self.links: list[LinkState] = []
        bus.subscribe(("aegisflow/sensors/+",))
        bus.start(self.messages.append, self.links.append)

    @property
    def receipts(self) -> list[Receipt]:
        return [message.receipt for message in self.messages if message.receipt is not None]


def test_a_delivered_reading_arrives_with_a_receipt():
    bus = FakeBus()
    plant = Plant(bus)
    assert bus.deliver_reading("pump-02", 0.0, {"power": 14.0})
    [message] = plant.messages
    assert message.topic == "aegisflow/sensors/pump-02"
    assert json.loads(message.payload) == {
        "timestamp": "1970-01-01T00:00:00Z",
        "device_id": "pump-02",
        "power": 14.0,
    }
    assert message.receipt is not None
    bus.acknowledge((message.receipt,))
    assert bus.acknowledged == [message.receipt]


def test_what_was_not_acknowledged_comes_again_after_the_link_was_broken():
    bus = FakeBus()
    plant = Plant(bus)
    for number in range(3):
        bus.deliver("aegisflow/sensors/a", b"%d" % number)
    bus.acknowledge((plant.receipts[1],))
    bus.break_link()
    bus.deliver("aegisflow/sensors/a", b"while away")
    bus.deliver("aegisflow/sensors/a", b"lost", qos=0)
    assert len(plant.messages) == 3
    bus.restore_link()
    assert [message.payload for message in plant.messages[3:]] == [b"0", b"2", b"while away"]
    assert [link.connected for link in plant.links] == [True, False, True]


def test_a_receipt_of_an_earlier_generation_does_nothing():
    bus = FakeBus()
    plant = Plant(bus)
    bus.deliver("aegisflow/sensors/a", b"1")
    bus.break_link()
    bus.restore_link()
    old, new = plant.receipts
    assert (old.packet_id, new.packet_id) == (1, 1)
    bus.acknowledge((old,))
    assert bus.acknowledged == []
    bus.acknowledge((new, new))
    assert bus.acknowledged == [new]


def test_qos_0_carries_no_receipt():
    bus = FakeBus()
    plant = Plant(bus)
    bus.deliver("aegisflow/sensors/a", b"1", qos=0)
    assert plant.messages[0].receipt is None


def test_nothing_is_published_while_the_link_is_broken():
    bus = FakeBus(connected=False)
    Plant(bus)
    with pytest.raises(NotConnectedError):
        bus.publish("aegisflow/commands/a", b"stop")
    bus.restore_link()
    bus.publish("aegisflow/commands/a", b"stop", expiry_s=5)
    assert bus.published == [("aegisflow/commands/a", b"stop", 5, "", 1)]


def test_nothing_comes_after_stop_and_the_session_is_kept():
    bus = FakeBus()
    plant = Plant(bus)
    bus.stop()
    bus.deliver("aegisflow/sensors/a", b"1")
    assert plant.messages == []
    assert [message.payload for message in Plant(bus).messages] == [b"1"]


def test_waiting_for_what_does_not_happen_says_how_far_it_came():
    with pytest.raises(TimeoutError, match="published 0"):
        FakeBus().wait_until(lambda: False, timeout_s=0.01)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+/c", "a/b/c", True),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a", True),
        ("#", "$SYS/a", False),
        ("+/a", "$SYS/a", False),
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/b", "a", False),
        ("+", "a/", False),
    ],
)
def test_topic_filters_match_as_mqtt_defines(pattern, topic, expected):
    assert matches(pattern, topic) is expected
