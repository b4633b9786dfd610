from __future__ import annotations

from collections.abc import Callable
from typing import cast

from aegisflow.actors.historian import Historian
from aegisflow.actors.messages.device import DeviceRecalled
from aegisflow.actors.messages.gateway import RecordsCommitted
from aegisflow.actors.messages.guard import TransitionStored
from aegisflow.actors.messages.store import RecallDevice, StoreTransition
from aegisflow.config.services import StoreSettings
from aegisflow.domain.past import DevicePast
from aegisflow.store import Store
from aegisflow.store.committer import Committer
from aegisflow.store.connection import Connection
from aegisflow.store.summing import LimitsOf


class StoreBench:
    """A historian without an actor: a clock that tests turn, and what it told to whom."""

    def __init__(
        self,
        store: Store | BrokenStore,
        settings: StoreSettings | None = None,
        limits: LimitsOf = lambda device_id: {},
    ) -> None:
        self.now = 1000.0
        self.told: list[tuple[str, object]] = []
        self.events: list[object] = []
        self.historian = Historian(
            lambda announce: Committer(
                cast(Store, store),
                settings or StoreSettings(),
                announce,
                limits=limits,
                monotonic=lambda: self.now,
                wall=lambda: self.now + 1e9,
            ),
            self._tell,
            self.events.extend,
        )
        self.committer = self.historian.committer
        self.committer.start()

    def _tell(self, name: str, message: object) -> bool:
        self.told.append((name, message))
        return True

    def take(self, *messages: object, more_waits: bool = False) -> None:
        """Hand messages over, then let it work."""
        for message in messages:
            self.historian.receive(message)
        self.committer.work(more_waits=more_waits)

    def settle(self) -> None:
        """Let it work until it has nothing to do."""
        while (wait_s := self.committer.work(more_waits=False)) is not None:
            self.now += wait_s + 1e-6

    def committed(self) -> list[int]:
        """Packet ids that the gateway was told are committed, in order."""
        return [
            receipt.packet_id
            for _, message in self.told
            if isinstance(message, RecordsCommitted)
            for receipt in message.receipts
        ]

    def move(self, message: StoreTransition) -> TransitionStored:
        """Return what the guard is told about a step."""
        self.historian.receive(message)
        name, answer = self.told.pop()
        assert name == "guard"
        assert isinstance(answer, TransitionStored)
        return answer

    def recalled(self, device_id: str = "pump-01", count: int = 1000) -> DevicePast:
        """Return what the historian remembers of a device."""
        message = self.recall(device_id, count)
        assert message.failure == ""
        return message.past

    def recall(self, device_id: str = "pump-01", count: int = 1000) -> DeviceRecalled:
        """Return what a device that asks is told."""
        self.historian.receive(RecallDevice(device_id, "asker", count))
        name, message = self.told.pop()
        assert name == "asker"
        assert isinstance(message, DeviceRecalled)
        return message


class BrokenStore:
    """A store whose writers can be spoilt: ``spoil`` is called with each connection they get."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.heads = store.heads
        self.spoil: Callable[[Connection], object] | None = None

    def writer(self) -> Connection:
        connection = self._store.writer()
        if self.spoil is not None:
            self.spoil(connection)
        return connection
