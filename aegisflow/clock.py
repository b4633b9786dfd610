"""The plant's clock: the wall's, or that of the stream while a recorded day is replayed."""

import math
import time
from collections.abc import Callable

from aegisflow.config.services import ClockSettings
from aegisflow.domain.readings import Reading
from aegisflow.errors import PayloadError

STEP_S = 2.0
"""The wall's clock was set, rather than disciplined, when it moved by more than this against the monotonic one."""
CONFIRMATIONS = 3
"""So many timestamps in a row that agree with each other move a stream's clock over a gap."""


class WallClock:
    """The clock of the machine that AegisFlow runs on."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = self.arriving = wall
        """Return UTC epoch seconds."""
        self._monotonic = monotonic
        self._ahead_s = self._ahead_at_start_s = wall() - monotonic()

    is_set = True
    """Whether ``now`` is the plant's time."""
    follows_readings = False
    """Whether it goes by the readings, so that ``admit`` and ``dated`` have to see each of them."""

    def admit(self, at: float) -> None:
        """Take note of a reading's timestamp; the codec has held it against the wall already."""

    def catch_up(self) -> None:
        """Take note that all devices have been told their readings."""

    def begin(self, newest: float | None) -> None:
        """Go on from the newest reading of the store: the wall's time needs none."""

    def stepped(self) -> float:
        """Return by how many seconds the wall's clock was set since the last call; 0 where it only ran.

        No time has passed by that: silence and delays that people wait for must not run on it.
        """
        ahead_s = self.now() - self._monotonic()
        by_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        return by_s if abs(by_s) > STEP_S else 0.0

    def steady(self) -> float:
        """Return the seconds of a clock that nobody sets: it began as the wall's, and only passes."""
        return self._monotonic() + self._ahead_at_start_s

    def dated(self, reading: Reading) -> Reading:
        """Return a reading as it is received by this clock: as it is."""
        return reading


class StreamClock:
    """The newest timestamp that devices have been told; that of the store, or the wall's, until there is one.

    A replay may be much faster than the devices: time must not pass for them before their readings come, or
    they would be silent. So it stands still while a batch is admitted, until ``catch_up``.

    A single timestamp far ahead must not shut out all that follows, and a gap in the recording must
    not end the replay: what is further ahead than ``max_ahead_s`` is refused until CONFIRMATIONS in
    a row say about the same.
    """

    follows_readings = True

    def __init__(self, settings: ClockSettings, wall: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._wall = wall
        self._newest = self._told = -math.inf
        self._claimed = -math.inf
        self._claims = 0

    @property
    def is_set(self) -> bool:
        """Whether ``now`` is the plant's time; without any reading, stored or new, it is only the wall's."""
        return self._told > -math.inf

    def now(self) -> float:
        """Return UTC epoch seconds."""
        return self._told if self.is_set else self._wall()

    def arriving(self) -> float:
        """Return the newest timestamp that was admitted, UTC epoch seconds."""
        return self._newest if self._newest > -math.inf else self._wall()

    def catch_up(self) -> None:
        """Take note that all devices have been told their readings: it is as late as the newest of them."""
        if self._newest > -math.inf:
            self._told = self._newest

    def begin(self, newest: float | None) -> None:
        """Let it be as late as the newest reading of the store, so that a plant of the past is asked about its past."""
        if newest is not None and not self.is_set:
            self._told = newest

    def stepped(self) -> float:
        """Return 0: a stream's clock is never set, it follows its readings."""
        return 0.0

    def steady(self) -> float:
        """Return its time: a stream has no other."""
        return self.now()

    def dated(self, reading: Reading) -> Reading:
        """Return a reading as if it had been received at the stream's time: a recording has no other."""
        return reading._replace(received_at=self._newest)

    def admit(self, at: float) -> None:
        """Take note of a reading's timestamp.

        Raises:
            PayloadError: it is ``too_old`` or ``too_new`` to be believed.
        """
        ahead_s = at - self._newest
        if ahead_s <= self._settings.max_ahead_s:
            if -ahead_s > self._settings.max_age_s:
                raise PayloadError("too_old", f"{-ahead_s:.0f} s behind the newest of the stream")
            if ahead_s > 0:
                self._newest = at
            self._claims = 0
        # The first one has nothing to be held against.
        elif self._newest == -math.inf:
            self._newest = at
        else:
            # Three clocks that are wrong in different ways do not agree; a stream that goes on after a gap does.
            agrees = abs(at - self._claimed) <= self._settings.max_ahead_s
            self._claims = self._claims + 1 if agrees else 1
            self._claimed = at
            if self._claims < CONFIRMATIONS:
                raise PayloadError("too_new", f"{ahead_s:.0f} s ahead of the newest of the stream")
            self._newest, self._claims = at, 0


Clock = WallClock | StreamClock


def build_clock(settings: ClockSettings, wall: Callable[[], float] = time.time) -> Clock:
    """Return the clock that ``plant.yaml`` asks for."""
    return StreamClock(settings, wall) if settings.source == "stream" else WallClock(wall)
