"""The historian's actor: the one writer of the store, and the memory of the devices."""

from typing import Any

from aegisflow.actors.base import GATEWAY, Directory, ThreadedActor
from aegisflow.config.settings import StoreSettings
from aegisflow.store import Store
from aegisflow.store.historian import Committed, Historian


class HistorianActor(ThreadedActor):
    """The historian as an actor; a successor begins with what this one had not committed."""

    def __init__(
        self,
        name: str,
        directory: Directory,
        store: Store,
        settings: StoreSettings,
        on_committed: Committed = lambda events: None,
    ) -> None:
        super().__init__(name, directory)
        self._historian = Historian(store, settings, self.tell, on_committed, gateway=GATEWAY)

    def on_start(self) -> None:
        """Connect to the store."""
        self._historian.start()

    def on_receive(self, message: Any) -> Any:
        """Take a message, then do what is due."""
        answer = self._historian.receive(message)
        wait_s = self._historian.work(more_waits=not self.actor_inbox.empty())
        if wait_s is not None:
            self.wake_in(wait_s)
        return answer

    def on_stop(self) -> None:
        """Commit what waits."""
        self._historian.close()

    def on_failure(self, *_: object) -> None:
        """Hand what is not committed to the successor."""
        self.give_back(*self._historian.abandon())
