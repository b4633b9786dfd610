import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pykka
import pytest

from aegisflow.actors.archive import ArchiveActor
from aegisflow.actors.historian import HistorianActor
from aegisflow.actors.messages.common import Ping
from aegisflow.actors.messages.device import DeviceRecalled
from aegisflow.actors.messages.gateway import RecordsCommitted
from aegisflow.actors.messages.store import (
    FindAudit,
    FindReadings,
    FlushStore,
    ReadStoreHealth,
    RecallDevice,
    StoreRecords,
)
from aegisflow.actors.messages.supervisor import ChildFailed
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import ARCHIVE, GATEWAY, HISTORIAN, SUPERVISOR, Directory
from aegisflow.config.services import StoreSettings
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Severity
from aegisflow.domain.readings import Reading, Receipt
from aegisflow.domain.times import Period
from aegisflow.errors import UnavailableError
from aegisflow.store import Store, open_store

T0 = 1_769_846_400.0
ALARM = Alarm(
    "pump-01@1", "pump-01", "x", "x", Severity.LOW, AlarmState.UNACKNOWLEDGED, "zscore", (), raised_at=T0, changed_at=T0
)
EVENT = AlarmEvent(Change.RAISED, T0, ALARM)


class Listener(ThreadedActor):
    """Keeps what it is told."""

    def __init__(self, name: str, directory: Directory) -> None:
        super().__init__(name, directory)
        self.heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def on_receive(self, message: Any) -> None:
        self.heard.put(message)


class Plant:
    """A historian and an archive on a real store, and who listens to them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.directory = Directory()
        self.committed: queue.SimpleQueue[tuple[AlarmEvent, ...]] = queue.SimpleQueue()
        self.gateway = self.listener(GATEWAY)
        self.supervisor = self.listener(SUPERVISOR)
        self.start_historian()
        self.directory.register(ARCHIVE, ArchiveActor.start(ARCHIVE, self.directory, store))

    def listener(self, name: str) -> "queue.SimpleQueue[Any]":
        ref = Listener.start(name, self.directory)
        self.directory.register(name, ref)
        return ref.proxy().heard.get()

    def start_historian(self) -> None:
        ref = HistorianActor.start(
            HISTORIAN, self.directory, self.store, StoreSettings(), lambda events: self.hear(events)
        )
        self.directory.register(HISTORIAN, ref)

    def hear(self, events: tuple[AlarmEvent, ...]) -> None:
        self.committed.put(events)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    made = Plant(store)
    yield made
    pykka.ActorRegistry.stop_all(timeout=60)
    store.close()


def records(packet: int, at: float, *alarms: AlarmEvent) -> StoreRecords:
    return StoreRecords("pump-01", (Reading("pump-01", at, {"a": 1.0}, at),), (Receipt(1, packet),), 1, alarms)


def test_the_gateway_and_the_listener_hear_of_a_commit_and_the_archive_has_it(plant: Plant) -> None:
    plant.directory.tell(HISTORIAN, records(4, T0, EVENT))
    assert plant.gateway.get(timeout=60) == RecordsCommitted((Receipt(1, 4),), 1)
    assert plant.committed.get(timeout=60) == (EVENT,)
    found = plant.directory.ask(ARCHIVE, FindReadings("pump-01", Period(T0, T0 + 1), 9), 10)
    assert [one.at for one in found] == [T0]


def test_a_burst_is_committed_in_a_few_groups_in_order(plant: Plant) -> None:
    for packet in range(1000):
        plant.directory.tell(HISTORIAN, records(packet, T0 + packet))
    packets: list[int] = []
    groups = 0
    while len(packets) < 1000:
        packets += [receipt.packet_id for receipt in plant.gateway.get(timeout=60).receipts]
        groups += 1
    assert packets == list(range(1000))
    assert groups < 100


def test_a_device_that_asks_is_told_what_the_store_remembers(plant: Plant) -> None:
    heard = plant.listener("pump-01")
    plant.directory.tell(HISTORIAN, records(1, T0, EVENT))
    plant.directory.tell(HISTORIAN, RecallDevice("pump-01", "pump-01", 50))
    recalled = heard.get(timeout=60)
    assert isinstance(recalled, DeviceRecalled)
    assert ([one.at for one in recalled.past.readings], recalled.past.alarms) == ([T0], (ALARM,))


def test_stopping_commits_what_waits(plant: Plant) -> None:
    for packet in range(10):
        plant.directory.tell(HISTORIAN, records(packet, T0 + packet))
    ref = plant.directory.find(HISTORIAN)
    assert ref is not None
    ref.stop(timeout=60)
    found = plant.directory.ask(ARCHIVE, FindReadings("pump-01", Period(T0, T0 + 60), 99), 10)
    assert len(found) == 10


def test_what_a_fallen_historian_had_not_committed_is_handed_to_its_successor(plant: Plant) -> None:
    plant.directory.tell(HISTORIAN, records(1, T0))
    plant.gateway.get(timeout=60)

    def fall(events: object) -> None:
        raise RuntimeError("a listener with a fault")

    plant.hear = fall  # type: ignore[method-assign]
    plant.directory.tell(HISTORIAN, records(2, T0 + 1, EVENT))
    assert plant.gateway.get(timeout=60).receipts == (Receipt(1, 2),)
    notice = plant.supervisor.get(timeout=60)
    assert isinstance(notice, ChildFailed)
    assert "a listener with a fault" in notice.reason
    plant.hear = lambda events: None  # type: ignore[method-assign]
    plant.start_historian()
    for message in (*notice.backlog, records(3, T0 + 2)):
        plant.directory.tell(HISTORIAN, message)
    assert plant.directory.ask(HISTORIAN, FlushStore(), 10) is True
    assert plant.gateway.get(timeout=60).receipts == (Receipt(1, 3),)
    found = plant.directory.ask(ARCHIVE, FindReadings("pump-01", Period(T0, T0 + 60), 99), 10)
    assert [one.at for one in found] == [T0, T0 + 1, T0 + 2]


def test_health_is_answered_and_the_actors_are_up(plant: Plant) -> None:
    assert plant.directory.ask(HISTORIAN, Ping(), 10) is True
    assert plant.directory.ask(ARCHIVE, Ping(), 10) is True
    health = plant.directory.ask(HISTORIAN, ReadStoreHealth(), 10)
    assert (health.ok, health.pending) == (True, 0)


def test_an_archive_that_cannot_read_says_why_and_answers_again_later(plant: Plant) -> None:
    writer = plant.store.writer()
    writer.run("ALTER TABLE audit RENAME TO elsewhere")
    with pytest.raises(UnavailableError, match="no such table: audit"):
        plant.directory.ask(ARCHIVE, FindAudit(None, 5), 10)
    writer.run("ALTER TABLE elsewhere RENAME TO audit")
    writer.close()
    assert plant.directory.ask(ARCHIVE, FindAudit(None, 5), 10) == ()
