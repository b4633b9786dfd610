from aegisflow.config.settings import StoreSettings
from aegisflow.store import Store
from aegisflow.store.historian import Historian


class Desk:
    """A historian without an actor: a clock that tests turn, and what it told to whom."""

    def __init__(self, store: Store, settings: StoreSettings = StoreSettings()) -> None:
        self.now = 1000.0
        self.told: list[tuple[str, object]] = []
        self.events: list[object] = []
        self.historian = Historian(
            store, settings, self._tell, self.events.extend, monotonic=lambda: self.now, wall=lambda: self.now + 1e9
        )
        self.historian.start()

    def _tell(self, name: str, message: object) -> bool:
        self.told.append((name, message))
        return True

    def take(self, *messages: object, more_waits: bool = False) -> None:
        """Hand messages over, then let it work."""
        for message in messages:
            self.historian.receive(message)
        self.historian.work(more_waits=more_waits)

    def settle(self) -> None:
        """Let it work until it has nothing to do."""
        while (wait_s := self.historian.work(more_waits=False)) is not None:
            self.now += wait_s + 1e-6
