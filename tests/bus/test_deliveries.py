"""What is under way stays bounded, and nothing is released before it is committed, whatever a broker does."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aegisflow.bus.mqtt.deliveries import Deliveries


def test_what_is_committed_is_acknowledged_once() -> None:
    deliveries = Deliveries(2)
    for packet_id in (1, 2, 3):
        deliveries.taken(packet_id)
    assert deliveries.is_over
    deliveries.settle([2, 1])
    assert deliveries.due() == [2, 1]
    assert deliveries.due() == []
    assert (deliveries.is_over, deliveries.uncommitted, deliveries.reused) == (False, 1, 0)


def test_an_id_in_double_use_waits_for_all_that_came_under_it() -> None:
    deliveries = Deliveries(10)
    deliveries.taken(7)
    deliveries.taken(7)
    deliveries.settle([7])
    assert deliveries.due() == []
    deliveries.settle([7])
    assert deliveries.due() == [7, 7]
    assert deliveries.reused == 1
    deliveries.taken(7)
    deliveries.settle([7])
    assert deliveries.due() == [7]


def test_what_never_came_is_not_acknowledged() -> None:
    deliveries = Deliveries(10)
    deliveries.settle([5])
    assert deliveries.due() == []
    assert deliveries.uncommitted == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=60))
def test_no_order_of_events_releases_anything_early_or_keeps_it_for_ever(events: list[tuple[bool, int]]) -> None:
    deliveries = Deliveries(3)
    came: Counter[int] = Counter()
    committed: Counter[int] = Counter()
    released: Counter[int] = Counter()
    for arrives, packet_id in events:
        if arrives:
            deliveries.taken(packet_id)
            came[packet_id] += 1
        elif committed[packet_id] < came[packet_id]:
            deliveries.settle([packet_id])
            committed[packet_id] += 1
        for one in deliveries.due():
            assert committed[one] == came[one]
            released[one] += 1
        assert deliveries.uncommitted == came.total() - committed.total()
        assert deliveries.is_over is (deliveries.uncommitted > 3)
    deliveries.settle(list((came - committed).elements()))
    released.update(deliveries.due())
    assert released == came
