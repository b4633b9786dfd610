"""The historian's actor: the one writer of the store, and the memory of the devices."""

from typing import Any

from aegisflow.actors.messages.common import Bundle
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import GATEWAY, Directory
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
        answer = None
        if type(message) is Bundle:
            self._unpack(message)
        else:
            answer = self._historian.receive(message)
        wait_s = self._historian.work(more_waits=not self.actor_inbox.empty())
        if wait_s is not None:
            self.wake_in(wait_s)
        return answer

    def _unpack(self, bundle: Bundle) -> None:
        for position, message in enumerate(bundle.messages):
            try:
                self._historian.receive(message)
            except Exception:
                self.give_back(*bundle.messages[position + 1 :])
                raise

    def on_stop(self) -> None:
        """Commit what waits."""
        self._historian.close()

    def on_failure(self, *_: object) -> None:
        """Hand what is not committed to the successor."""
        self.give_back(*self._historian.abandon())
