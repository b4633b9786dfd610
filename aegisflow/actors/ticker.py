"""The ticker: tells everybody the plant's time, once a second."""

from collections.abc import Callable

from aegisflow.actors.base import Directory, ThreadedActor
from aegisflow.actors.messages import Tick, Wake

EVERY_S = 1.0


class Ticker(ThreadedActor):
    """Tells ``Tick`` to all names in the directory every second of the wall's time."""

    def __init__(
        self,
        name: str,
        directory: Directory,
        now: Callable[[], float],
        listening: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(name, directory)
        self._now = now
        self._listening = listening

    def on_start(self) -> None:
        """Begin."""
        self.wake_in(EVERY_S)

    def on_receive(self, message: object) -> None:
        """Tick when woken."""
        if isinstance(message, Wake):
            self.wake_in(EVERY_S)
            tick = Tick(self._now(), self._listening())
            for name in self.directory.names():
                if name != self.name:
                    self.tell(name, tick)
