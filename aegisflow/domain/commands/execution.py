"""One command under way: from its dispatch to what the readings showed.

::

    sent ──ack──► acknowledged ──readings meet the expectation──► VERIFIED
     │  │              └────── deadline ──► UNVERIFIED
     │  ├─refused ──► FAILED
     │  └─interrupted ──► OUTCOME_UNKNOWN
     └─ expired without an ack ──► the machine is asked what it did ──► no answer: OUTCOME_UNKNOWN

It is never sent a second time.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from aegisflow.domain.commands.model import CommandRecord, Mode, Stage

__all__ = ["NO_COMMAND", "Ack", "Execution", "Progress"]

NO_COMMAND = "none"
"""Stands for the id in a question, and in its answer, that is about no command but only about the mode."""
_NEVER_CAME = "unknown"


@dataclass(frozen=True, slots=True)
class Ack:
    """What a machine says about a command; its words prove nothing, its readings do."""

    command_id: str
    device_id: str
    result: str
    """``accepted``, ``refused``, ``done``; ``unknown`` where it is asked and the command never came;
    ``interrupted`` where the machine fell as it took the command, and cannot tell whether it acted."""
    detail: str
    at: float
    """UTC epoch seconds by the device's clock."""
    mode: Mode | None = None
    """The mode that the machine says it is in."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a command has come by what the device saw."""

    command_id: str
    stage: Stage
    at: float
    reasons: tuple[str, ...]


CLOCK_BACK_S, FAR_AHEAD_S = 60.0, 86_400.0


def of_another_clock(record: CommandRecord, at: float) -> bool:
    """Whether a command's times lie ahead of now, so that they would never be over: the clock went back."""
    send_by = at if record.send_by is None else record.send_by
    return at < record.stage_at - CLOCK_BACK_S or at < send_by - FAR_AHEAD_S


class Execution:
    """The command that a device is executing; time is an argument."""

    __slots__ = ("_acked", "_answer_by", "_met", "_recent", "record")

    def __init__(self, record: CommandRecord) -> None:
        """Begin with a command that is about to be sent, or one of the store, which may have been."""
        self.record = record
        self._acked = record.stage is Stage.ACKNOWLEDGED
        self._answer_by = inf
        self._recent: deque[float] = deque(maxlen=record.expectation.readings if record.expectation else 0)
        self._met = False

    @property
    def command_id(self) -> str:
        """Of the command under way."""
        return self.record.command.command_id

    @property
    def is_acked(self) -> bool:
        """Whether the machine has taken it."""
        return self._acked

    def wants_readback(self, at: float, answer_within_s: float) -> bool:
        """Whether to ask the machine now what became of the command; True once per question."""
        if self._acked or at < self._send_by or self._answer_by < inf:
            return False
        self._answer_by = at + answer_within_s
        return True

    def acknowledge(self, ack: Ack, at: float) -> Progress | None:
        """Take the machine's word; None when it changes nothing."""
        said = f"the machine says: {ack.result}{f', {ack.detail}' if ack.detail else ''}"
        if ack.result == _NEVER_CAME:
            if self._acked or at < self._send_by:
                return None  # it may still be on its way
            return self._end(Stage.FAILED, at, "the machine never got it, and it has expired")
        if ack.result == "refused":
            return self._end(Stage.FAILED, at, said)
        if self._acked:
            return None
        if ack.result == "interrupted":
            return self._end(Stage.OUTCOME_UNKNOWN, at, said)  # what the readings show may have another cause
        self._acked = True
        return Progress(self.command_id, Stage.ACKNOWLEDGED, at, (said,))

    def observe(self, at: float, values: Mapping[str, float]) -> None:
        """Hold a reading against the expectation; ``verdict`` tells once it is met."""
        expected = self.record.expectation
        if expected is None or at <= self.record.stage_at or self._met:
            return
        value = values.get(expected.sensor)
        if value is None:
            return
        low = -inf if expected.low is None else expected.low
        high = inf if expected.high is None else expected.high
        self._recent.append(value)
        full = len(self._recent) == expected.readings
        self._met = full and low <= sum(self._recent) / expected.readings <= high

    def verdict(self, at: float) -> Progress | None:
        """Return how it ended, once it has."""
        expected = self.record.expectation
        if of_another_clock(self.record, at):
            stage = Stage.UNVERIFIED if self._acked else Stage.OUTCOME_UNKNOWN
            return self._end(stage, at, "the plant's clock went back behind it, so nobody knows: look at the machine")
        if not self._acked:
            if at >= self._answer_by:
                return self._end(Stage.OUTCOME_UNKNOWN, at, "the machine did not answer, also when it was asked again")
            return None
        if expected is None:
            return self._end(Stage.UNVERIFIED, at, "no sensor of the device can show the effect: look at the machine")
        if self._met:
            return self._end(Stage.VERIFIED, at, f"readings show it: {expected.describe()}")
        if at >= self._send_by + expected.within_s:
            return self._end(Stage.UNVERIFIED, at, f"the readings do not show it: expected {expected.describe()}")
        return None

    def supersede(self, by: str, at: float) -> Progress:
        """End it in favour of another command."""
        stage = Stage.UNVERIFIED if self._acked else Stage.OUTCOME_UNKNOWN
        return self._end(stage, at, f"{by} was sent before its effect was seen")

    @property
    def _send_by(self) -> float:
        return -inf if self.record.send_by is None else self.record.send_by

    def _end(self, stage: Stage, at: float, reason: str) -> Progress:
        return Progress(self.command_id, stage, at, (reason,))
