"""Folding and retention between commits: when it is time, and one slice at a time."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from aegisflow.config.services import StoreSettings
from aegisflow.store.retention import Retention
from aegisflow.store.summing import LimitsOf
from aegisflow.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Pace:
    """When the one writer does what; seconds, and rows."""

    rows: int = 5_000
    """So many readings are committed at once, however short they waited."""
    retry_min_s: float = 0.1
    retry_max_s: float = 5.0
    rest_s: float = 0.05
    """Between two slices of housekeeping, for what waits."""
    many: int = 100_000
    """More readings than this waiting for a commit are reported in health."""
    unstorable_red_s: float = 900.0
    """So long after a record that can never be stored, health is bad: something writes what the store cannot take."""


class Housekeeping:
    """A round of retention begins with a fold, so that no old reading stays among the fresh."""

    def __init__(self, settings: StoreSettings, pace: Pace, limits: LimitsOf) -> None:
        self._settings = settings
        self._limits = limits
        self._pace = pace
        self._rest_until = 0.0
        self._plant_at = 0.0
        self._next_round_at: float | None = None
        self._round_is_on = False
        self._to_fold: list[int] | None = None
        self._retention: Retention | None = None
        self.failure = ""
        """Why the last slice failed; empty when it did not."""

    def tick(self, at: float) -> None:
        """Take note of the plant's clock, by which rows grow old."""
        interval_s = self._settings.prune_interval_s
        self._plant_at = at
        # The last condition is a clock that was set back: the next round would be put off by as much.
        if self._next_round_at is None or at >= self._next_round_at or at < self._next_round_at - 2 * interval_s:
            self._next_round_at = at + interval_s
            self._round_is_on = True

    def due_at(self, writer: Writer | None) -> float:
        """Return when the next slice may begin; infinity when there is nothing to do."""
        folding = writer is not None and writer.bucket_due() is not None
        return self._rest_until if folding or self._round_is_on else math.inf

    def is_due(self, now: float, writer: Writer | None) -> bool:
        """Return whether a slice should be done now."""
        return now >= self._rest_until and now >= self.due_at(writer)

    def step(self, writer: Writer, clock: Callable[[], float]) -> None:
        """Do one slice of what is due."""
        # First, because every look at a device's fresh readings searches through its whole bucket.
        if (bucket := writer.bucket_due()) is not None:
            writer.fold.step(bucket)
        elif self._round_is_on and self._to_fold is None:
            self._to_fold = writer.fold.buckets()
        elif self._to_fold:
            writer.fold.step(self._to_fold.pop())
        elif self._round_is_on:
            if self._retention is None:
                self._retention = Retention(writer.connection, self._settings, self._plant_at, self._limits)
            if not self._retention.step(clock):
                self._round_is_on = False
                self.reset()
        self.failure = ""
        self._rest_until = clock() + self._pace.rest_s

    def fail(self, reason: str, now: float) -> None:
        """Note that a slice failed: the round begins anew, later."""
        self.failure = f"housekeeping waits: {reason}"
        self._rest_until = now + self._pace.retry_max_s
        # The generator in Retention is over once it has raised, and would pass for a round that is done.
        self.reset()

    def reset(self) -> None:
        """Forget how far the round has come; its connection is gone, or it is done."""
        self._to_fold = None
        self._retention = None
