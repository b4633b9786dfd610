"""The ticker: tells everybody the plant's time, once a second."""

from collections.abc import Callable

from aegisflow.actors.messages.common import Tick, Wake
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import MANUALS, Directory

EVERY_S = 1.0
TIMELESS = frozenset({MANUALS})
"""They only want to be woken."""


class Ticker(ThreadedActor):
    """Tells ``Tick`` to all names in the directory every second of the wall's time.

    While a stream's clock has no reading yet, its time is not the plant's: it would end shelves and
    approvals of the recording, and let the store drop its readings. Then only those who look at no
    time are told.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        now: Callable[[], float],
        broker_connected: Callable[[], bool] = lambda: True,
        is_set: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(name, directory)
        self._now = now
        self._broker_connected = broker_connected
        self._is_set = is_set

    def on_start(self) -> None:
        """Begin."""
        self.wake_in(EVERY_S)

    def on_receive(self, message: object) -> None:
        """Tick when woken."""
        if isinstance(message, Wake):
            self.wake_in(EVERY_S)
            is_set, tick = self._is_set(), Tick(self._now(), self._broker_connected())
            for name in self.directory.names():
                if name != self.name and (is_set or name in TIMELESS):
                    self.tell(name, tick)
