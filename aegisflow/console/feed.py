"""The one reader of the plant behind all open pages: who is looking costs nothing beyond being told."""

import asyncio
import time
from collections.abc import Callable

import structlog
from starlette.concurrency import run_in_threadpool

from aegisflow.console.snapshot import Snapshot, read_snapshot
from aegisflow.errors import AegisFlowError
from aegisflow.plant.protocol import Plant, PlantSource

__all__ = ["EVERY_S", "FRESH_S", "Feed"]

log = structlog.get_logger(__name__)

EVERY_S = 1.0
"""How often the plant is read while a page is open."""
DEVICES_A_SECOND = 500
"""A large plant is read less often: so many devices in a second at most, unless something has happened."""
LOOK_S = 0.1
"""How often it is looked whether an alarm or a command has changed."""
LEAST_S = 0.25
"""Between two readings of the plant, however much happens."""
FRESH_S = 0.5
"""A page that is loaded is content with a picture of the plant that is no older."""


class Feed:
    """Reads the plant while somebody looks, and hands each picture of it to all who do.

    Everything but ``read`` belongs to the event loop that serves the pages.
    """

    def __init__(
        self, plant: PlantSource, fresh_s: float = FRESH_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._plant = plant
        self._fresh_s = fresh_s
        self._clock = clock
        self._latest: Snapshot | None = None
        self._latest_at = float("-inf")
        self._not_before = float("-inf")
        self._viewers = 0
        self._changed: asyncio.Event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.error = ""
        """Why the plant could not be read the last time; empty when it could."""

    def read(self) -> Snapshot:
        """Return a picture of the plant that is fresh enough for a page that is just loaded.

        Raises:
            AegisFlowError: the plant is not there.
        """
        latest = self._latest
        fresh = max(self._clock() - self._fresh_s, self._not_before)
        if latest is not None and self._latest_at >= fresh:
            return latest
        return self._take(self._plant())

    def expire(self) -> None:
        """Have the next page read the plant anew: somebody has just changed something about it."""
        self._not_before = self._clock()

    def _take(self, plant: Plant) -> Snapshot:
        began = self._clock()
        found = read_snapshot(plant)
        # Of two that are read at once the one that began later knows more.
        if began >= self._latest_at:
            self._latest, self._latest_at = found, began
        return found

    async def next(self, after: int, within_s: float) -> Snapshot | None:
        """Return the first picture that is newer than number ``after``; None when none came in time."""
        self._viewers += 1
        try:
            self._begin()
            end = self._clock() + within_s
            while self._latest is None or self._latest.number <= after:
                left = end - self._clock()
                if left <= 0:
                    return None
                changed = self._changed
                try:
                    await asyncio.wait_for(changed.wait(), left)
                except TimeoutError:
                    return None
            return self._latest
        finally:
            self._viewers -= 1

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._changed = asyncio.Event()
            self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        """Read the plant until nobody looks any more."""
        while self._viewers:
            every_s, plant, known = EVERY_S, None, 0
            try:
                plant = self._plant()
                known = plant.changes()
                found = await run_in_threadpool(self._take, plant)
                self.error = ""
                every_s = max(EVERY_S, len(found.tiles) / DEVICES_A_SECOND)
            except AegisFlowError as error:
                self.error = str(error)
            except Exception:  # a page that stops being updated is worse than one that misses a picture
                log.exception("console_not_read")
                self.error = "the plant could not be read"
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()
            await self._rest(every_s, plant, known)

    async def _rest(self, every_s: float, plant: Plant | None, known: int) -> None:
        """Wait until it is time to read the plant again: at once where an alarm or a command has changed."""
        began = self._clock()
        await asyncio.sleep(LEAST_S)
        while self._clock() - began < every_s:
            if plant is not None and plant.changes() != known:
                return
            await asyncio.sleep(LOOK_S)
