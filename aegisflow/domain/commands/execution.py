"""The execution of one command: from its dispatch to what the readings have shown.

::

    sent ──ack──► acknowledged ──readings change to what is expected──► VERIFIED
     │  │              └────── deadline ──► UNVERIFIED
     │  ├─refused ──► FAILED
     │  └─interrupted ──► OUTCOME_UNKNOWN
     └─ expired without an ack ──► the machine is asked what it did ──► no answer: OUTCOME_UNKNOWN

A machine that is told by a template of ``plant.yaml`` is asked nothing. Where it does not answer either, readings alone
decide: VERIFIED once they have changed to what is expected, OUTCOME_UNKNOWN at the deadline.

A command is never sent a second time.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isclose

from aegisflow.domain.commands.model import CommandName, CommandRecord, Expectation, Mode, Stage
from aegisflow.domain.commands.writing import SETPOINT_TOLERANCE
from aegisflow.domain.times import format_instant

__all__ = ["NEVER_CAME", "NO_COMMAND", "Ack", "Execution", "Progress"]

NO_COMMAND = "none"
"""Stands for the id in a question, and in its answer, that is about no command but only about the mode."""
NEVER_CAME = "unknown"
"""The result of a machine that is asked about a command that never came to it."""


@dataclass(frozen=True, slots=True)
class Ack:
    """What a machine says about a command. Only readings verify a command; an answer does not."""

    command_id: str
    device_id: str
    result: str
    """``accepted``, ``refused`` or ``done``; ``unknown`` from a machine that is asked about a command that never
    came; ``interrupted`` from one that failed as it took the command, and cannot tell whether it acted."""
    detail: str
    at: float
    """UTC epoch seconds by the device's clock."""
    mode: Mode | None = None
    """The mode that the machine says it is in; None if it does not say."""
    nonce: str = ""
    """What it repeats of the message that it answers; without a key there is none."""
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Its set-points as the machine has them now; empty if it does not say."""
    signed: bool = False
    """Whether a key proves that nobody else said it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage that a command has reached, as its device has seen it."""

    command_id: str
    stage: Stage
    at: float
    reasons: tuple[str, ...]


CLOCK_BACK_S, FAR_AHEAD_S = 60.0, 86_400.0
"""How far in the future a command's dispatch and its expiry may lie before the clock must have been set back."""


def of_another_clock(record: CommandRecord, at: float) -> bool:
    """Return whether the plant's clock has been set back behind a command, whose deadlines would never pass then."""
    send_by = at if record.send_by is None else record.send_by
    return at < record.stage_at - CLOCK_BACK_S or at < send_by - FAR_AHEAD_S


class Execution:
    """The command that a device is executing. Time is an argument everywhere."""

    __slots__ = ("_acked", "_answer_by", "_confirmed", "_met", "_recent", "_signs", "record")

    def __init__(self, record: CommandRecord) -> None:
        """Begin with a command that is about to be published, or with one from the store that may have been."""
        self.record = record
        self._acked = record.stage is Stage.ACKNOWLEDGED
        self._answer_by = inf
        self._recent: deque[tuple[float, float]] = deque(
            maxlen=record.expectation.readings if record.expectation else 0
        )
        """The newest readings after the dispatch: when (UTC epoch seconds), and what."""
        self._signs = False
        """Whether a reading since then was signed."""
        self._met = ""
        """By which readings the expectation was met, in words; empty while it is not."""
        self._confirmed = ""
        """What the machine itself says of the set-point, in words; empty unless it is what was wanted."""

    @property
    def command_id(self) -> str:
        """The id of the command."""
        return self.record.command.command_id

    def wants_readback(self, at: float, answer_within_s: float) -> bool:
        """Return whether to ask the machine now what became of the command; True once, then the answer is awaited."""
        if self._acked or at < self._send_by or self._answer_by < inf:
            return False
        self._answer_by = at + answer_within_s
        return self.record.written is None  # any other machine would not understand the question

    def acknowledge(self, ack: Ack, at: float) -> Progress | None:
        """Take the machine's answer and return the stage that it leads to; None if it changes nothing."""
        said = f"the machine says: {ack.result}{f', {ack.detail}' if ack.detail else ''}"
        if ack.result == NEVER_CAME:
            if self._acked or at < self._send_by:
                return None  # the command may still be on its way
            return self._end(Stage.FAILED, at, "the machine never got it, and it has expired")
        if ack.result == "refused":
            return self._end(Stage.FAILED, at, said)
        self._confirm(ack)
        if self._acked:
            return None
        if ack.result == "interrupted":
            return self._end(Stage.OUTCOME_UNKNOWN, at, said)  # the readings may change for another reason
        self._acked = True
        return Progress(self.command_id, Stage.ACKNOWLEDGED, at, (said,))

    def observe(self, at: float, values: Mapping[str, float], signed: bool = False) -> None:
        """Compare a reading with the expectation; once it is met, ``verdict`` says so.

        Of a device that signs, only signed readings count: whoever makes up others proves nothing by them.
        """
        expected = self.record.expectation
        if expected is None or at <= self.record.stage_at or self._met:
            return
        value = values.get(expected.sensor)
        if value is None:
            return
        if signed and not self._signs:
            self._signs = True
            self._recent.clear()
        if self._signs and not signed:
            return
        self._recent.append((at, value))
        # Of fewer readings the mean would say more than the noise allows.
        full = len(self._recent) == expected.readings
        if full and expected.is_met_by(sum(value for _, value in self._recent) / expected.readings):
            how = "signed" if self._signs else "unsigned"
            self._met = f"{expected.readings} {how} readings since {format_instant(self._recent[0][0])}"

    def verdict(self, at: float) -> Progress | None:
        """Return how the command has ended by ``at``; None while it has not."""
        expected = self.record.expectation
        if of_another_clock(self.record, at):
            stage = Stage.UNVERIFIED if self._acked else Stage.OUTCOME_UNKNOWN
            return self._end(stage, at, "the plant's clock went back behind it, so nobody knows: look at the machine")
        written = self.record.written
        if written is not None and not written.answers and not self._acked:
            return self._by_readings(at)
        if not self._acked:
            if at >= self._answer_by:
                again = "" if written is not None else ", also when it was asked again"
                return self._end(Stage.OUTCOME_UNKNOWN, at, f"the machine did not answer{again}")
            return None
        if expected is None:
            if self._confirmed:
                return self._end(Stage.VERIFIED, at, f"{self._confirmed}; no sensor can show it")
            return self._end(Stage.UNVERIFIED, at, "no sensor of the device can show the effect: look at the machine")
        if self._met and expected.shows_change:
            change = f"{expected.sensor} was {expected.before:.4g}"
            return self._end(Stage.VERIFIED, at, f"readings show it: {expected.describe()}; {change}; {self._met}")
        if self._met and self._confirmed:
            return self._end(Stage.VERIFIED, at, f"{self._confirmed}; {self._met} agree: {expected.describe()}")
        if at >= self._send_by + expected.within_s:
            if self._met:
                return self._end(Stage.UNVERIFIED, at, f"the readings prove nothing: {_why_not(expected)}")
            return self._end(Stage.UNVERIFIED, at, f"the readings do not show it: expected {expected.describe()}")
        return None

    def _by_readings(self, at: float) -> Progress | None:
        """Return how the command of a machine that answers nothing has ended by ``at``; None while it has not."""
        expected, published = self.record.expectation, "it was published, which is all that is certain"
        if expected is not None and self._met and expected.shows_change:
            change = f"{expected.sensor} was {expected.before:.4g}"
            return self._end(Stage.VERIFIED, at, f"readings show it: {expected.describe()}; {change}; {self._met}")
        if at < self._send_by + (0.0 if expected is None else expected.within_s):
            return None
        if expected is None:
            why = "the machine does not answer, and no sensor of the device can show the effect"
        elif self._met:
            why = f"the readings prove nothing: {_why_not(expected)}"
        else:
            why = f"the readings do not show it: expected {expected.describe()}"
        return self._end(Stage.OUTCOME_UNKNOWN, at, f"{published}; {why}")

    def _confirm(self, ack: Ack) -> None:
        """Take note of what the machine says of the set-point that it was to take."""
        command = self.record.command
        if command.command is not CommandName.SET_PARAMETER:
            return
        name, wanted = str(command.parameters.get("name")), float(command.parameters.get("value", inf))
        has = ack.parameters.get(name)
        self._confirmed = ""
        if has is not None and isclose(has, wanted, rel_tol=SETPOINT_TOLERANCE, abs_tol=1e-9):
            self._confirmed = f"the machine's own {'signed' if ack.signed else 'unsigned'} answer: {name} is {has:.6g}"

    def supersede(self, by: str, at: float) -> Progress:
        """Return how it ends when another command, of id ``by``, overtakes it."""
        stage = Stage.UNVERIFIED if self._acked else Stage.OUTCOME_UNKNOWN
        return self._end(stage, at, f"{by} was sent before its effect was seen")

    @property
    def _send_by(self) -> float:
        return -inf if self.record.send_by is None else self.record.send_by

    def _end(self, stage: Stage, at: float, reason: str) -> Progress:
        return Progress(self.command_id, stage, at, (reason,))


def _why_not(expected: Expectation) -> str:
    """Return why readings that lie where the command should bring them prove nothing."""
    if expected.before is None:
        return f"what {expected.sensor} showed before the command is not known"
    before = f"{expected.sensor} was {expected.before:.4g} before the command"
    return f"{before}, and lay where it should bring it: look at the machine"
