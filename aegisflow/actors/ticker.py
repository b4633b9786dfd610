"""The ticker: tells everybody the plant's time, once a second."""

from collections.abc import Callable

from aegisflow.actors.messages.common import Tick, Wake
from aegisflow.actors.messages.store import AppendAudit
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import HISTORIAN, MANUALS, Directory
from aegisflow.domain.views import AuditEntry

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
        stepped: Callable[[], float] = lambda: 0.0,
    ) -> None:
        super().__init__(name, directory)
        self._now = now
        self._broker_connected = broker_connected
        self._is_set = is_set
        self._stepped = stepped

    def on_start(self) -> None:
        """Have the first tick in a second."""
        self.wake_in(EVERY_S)

    def on_receive(self, message: object) -> None:
        """Tell everybody the time, once a second."""
        if isinstance(message, Wake):
            self.wake_in(EVERY_S)
            stepped_s = self._stepped()
            if stepped_s:
                self._tell_step(stepped_s)
            is_set, tick = self._is_set(), Tick(self._now(), self._broker_connected(), stepped_s)
            for name in self.directory.names():
                if name != self.name and (is_set or name in TIMELESS):
                    self.tell(name, tick)

    def _tell_step(self, stepped_s: float) -> None:
        self.log.warning("own_clock_set", by_s=round(stepped_s, 3))
        detail = {"by_s": round(stepped_s, 3)}
        self.tell(HISTORIAN, AppendAudit(AuditEntry(self._now(), self.name, "own_clock_set", "plant", detail)))
