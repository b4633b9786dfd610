"""The command state machine of a device: its mode, the load taken from it, and the command that it executes.

An answer is believed only where it answers something: the command under way, or a question that was asked. What a
machine says about its mode is believed only as far as its readings agree, because a mode lifts alarms and
interlocks; and a mode that readings contradict is told, whoever stated it.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.commands.bounds import beyond, bounds_of
from aegisflow.domain.commands.execution import NO_COMMAND, Ack, Execution, Progress
from aegisflow.domain.commands.interlocks import RecoveryWatch, interlocks
from aegisflow.domain.commands.model import (
    MOVES,
    CommandName,
    CommandRecord,
    DeviceView,
    Mode,
    Stage,
    StatedMode,
)
from aegisflow.domain.commands.verification import RECENT, ModeProof
from aegisflow.domain.commands.writing import MachineSaid
from aegisflow.domain.detection import SensorDetector
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.interval import MIN_SILENT_S, Interval
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import SensorStatus
from aegisflow.errors import ConflictError

__all__ = ["KNOWN_S", "Begun", "CommandStateMachine", "describe_facts", "recent_means"]

_CALLED = (Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN)
KNOWN_S: Final = 86_400.0
"""An order is known for so long after its expiry: a plant's clock that is set back must not revive it."""
_NORMAL: Final = Mode.NORMAL
_UNKNOWN: Final = Mode.UNKNOWN
_ASK_AGAIN_S: Final = 60.0
"""Seconds between the first two questions to a machine whose mode is unknown; each wait is twice the one before."""
_MAX_QUESTIONS: Final = 8
"""So many questions take two hours. A machine that has answered none of them will not answer the next."""
FRESH_S: Final = 120.0
"""So long before what it answers, or after now, may an answer be dated: clocks differ, those known to do so apart."""


class Objection(NamedTuple):
    """Why an answer is not believed."""

    reason: str
    """One of the codes for what is refused."""
    detail: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What an order to execute a command has led to."""

    ended: tuple[Progress, ...] = ()
    """What it ends: the command itself where an interlock forbids it, or another one that it overtakes."""
    publish: bool = False
    """Whether the command is to be published now. True at most once for each command."""


class CommandStateMachine:
    """The mode of one device, and the command that it is executing.

    The mode changes once readings have shown the effect of a command. After a command whose effect was not
    seen it is unknown; while it is, and no command is under way, the machine's own word counts. An operator's
    word counts at any time at which no command is under way, also for a machine that takes none.
    """

    __slots__ = (
        "_ask_at",
        "_asked",
        "_asked_at",
        "_decided",
        "_execution",
        "_fingerprint",
        "_interval",
        "_proof",
        "_watch",
        "doubted",
        "full_load",
        "mode",
        "reduction_pct",
        "stated",
    )

    def __init__(self, spec: DeviceSpec, interval: Interval | None = None) -> None:
        """Begin in an unknown mode; ``interval`` is that of the device's readings, which somebody else keeps."""
        self.mode = Mode.UNKNOWN
        self._interval = interval
        self.reduction_pct = 0.0
        self.full_load: float | None = None
        """What the load sensor showed at full load, while some of the load is taken away; None otherwise."""
        self._execution: Execution | None = None
        self._decided: dict[str, float] = {}
        """Command id to expiry, of every order that has come: known well past its expiry, over or not."""
        self._watch = self._recovery_watch(spec)
        self._fingerprint: tuple[DeviceSpec, int] = (spec, 0)
        self.stated: StatedMode | None = None
        """By whose word it is in this mode; None where that follows from commands or from the machine."""
        self._asked, self._ask_at = 0, -inf
        """How often the machine was asked for its mode without an answer, and when to ask again."""
        self._asked_at = -inf
        """When the machine was last asked for its mode, UTC epoch seconds."""
        self._proof: ModeProof | None = None
        """What readings say against a mode in which the machine stands; None while it runs."""
        self.doubted: Mode | None = None
        """The mode that the machine last said it is in, where its readings do not show that."""

    @property
    def contradiction(self) -> str:
        """What speaks against the mode, as a sentence; empty while nothing does, or a command is under way."""
        return "" if self._execution is not None or self._proof is None else self._proof.contradiction(self.mode)

    @property
    def open_command(self) -> str:
        """Id of the command under way; empty if there is none."""
        return "" if self._execution is None else self._execution.command_id

    @property
    def is_watching(self) -> bool:
        """Whether readings matter now: a command is under way, or the machine stands and may recover."""
        if self._execution is not None:
            return True
        # Asked at every reading: of a machine whose mode nobody knows, only a recovery is watched.
        mode = self.mode
        return mode is not _NORMAL and (bool(self._watch.criteria) if mode is _UNKNOWN else not mode.is_running)

    @property
    def version(self) -> str:
        """What a decision about a command rests on: mode, load and specification, as one text."""
        spec, print_ = self._fingerprint
        if not print_:
            # 0 stands for what is not worked out yet.
            print_ = zlib.crc32(repr(spec).encode()) or 1
            self._fingerprint = (spec, print_)
        return f"{self.mode}/{self.reduction_pct:g}/{print_:08x}"

    def unrecovered(self, at: float) -> tuple[str, ...]:
        """Return what is still missing for a restart, as sentences; nothing while the machine runs."""
        return () if self.mode.is_running else self._watch.missing(at)

    def observe(self, at: float, values: Mapping[str, float], signed: bool = False) -> None:
        """Take in the values of one reading, at ``at`` by the device's clock, and whether its key proves them."""
        mode = self.mode
        self._watch.observe(at, values, mode)
        if mode is not Mode.UNKNOWN and not mode.is_running:
            self._proof = self._proof or ModeProof(self._fingerprint[0])
            self._proof.observe(at, values, self.full_load)
        if self._execution is not None:
            self._execution.observe(at, values, signed)

    def begin(self, record: CommandRecord, view: DeviceView, at: float) -> Begun:
        """Begin to execute a dispatched command, or refuse to; see ``Device.begin``.

        Each order is decided once. One that comes again changes nothing, whatever has become of it and of
        others since: it may have been published, or its proposer may have been told that nothing was sent.
        """
        command = record.command
        if command.command_id == self.open_command or command.command_id in self._decided:
            return Begun()
        # Before the interlocks are asked: an order that they forbid is decided as well.
        self._remember(command.command_id, record.send_by or at, at)
        against = interlocks(command, view, judged=record.state_version, send_by=record.send_by or at, at=at)
        # The live value may have moved between the decision and this moment, with mode and load as they were.
        against += tuple(beyond(command, view, bounds_of(self._fingerprint[0]), {}))
        if against:
            reasons = tuple(f"interlock: {reason}" for reason in against)
            return Begun((Progress(command.command_id, Stage.FAILED, at, (*reasons, "nothing was sent")),))
        ended: tuple[Progress, ...] = ()
        if self._execution is not None:
            ended = (self._execution.supersede(command.command_id, at),)
        self._execution = Execution(record)
        return Begun(ended, publish=True)

    def _remember(self, command_id: str, expires_at: float, at: float) -> None:
        """Remember an order, and forget those that expired so long ago that they cannot come to life again."""
        self._decided = {other: expiry for other, expiry in self._decided.items() if at < expiry + KNOWN_S}
        self._decided[command_id] = expires_at

    def not_sent(self, command_id: str, why: str, at: float) -> Progress | None:
        """Note that a command has not been published, and never will be; None unless it is under way."""
        if self._execution is None or self.open_command != command_id:
            return None
        progress = Progress(command_id, Stage.FAILED, at, (f"{why}; nothing was sent",))
        self._execution = None
        return progress

    def refuses(self, ack: Ack, at: float, clock_ahead_s: float = 0.0) -> Objection | None:
        """Return why an answer is refused: it answers nothing, or is not of now; None if it is not refused.

        Args:
            ack: as it came.
            at: now, UTC epoch seconds.
            clock_ahead_s: by how much the machine's clock is known to be ahead of ours, negative for behind.
        """
        if self._execution is not None and ack.command_id == self._execution.command_id:
            since = self._execution.record.stage_at
        elif ack.command_id == NO_COMMAND and at - self._asked_at <= _ASK_AGAIN_S:
            since = self._asked_at
        elif ack.command_id in self._decided:
            return None  # late news of a command that is over; it changes nothing
        else:
            return Objection("stray_answer", f"{ack.command_id[:60]!r} is no command of this device, or was not asked")
        said_at = ack.at - clock_ahead_s
        if since - FRESH_S <= said_at <= at + FRESH_S:
            return None
        return Objection(
            "stale_answer", f"dated {said_at - since:+.0f} s from what it answers, {said_at - at:+.0f} s from now"
        )

    def answer(self, said: MachineSaid, at: float) -> Ack | None:
        """Return what a machine that is told by a template answers to the command under way; None for no answer to it.

        It is dated by its receipt, since such machines tell no time that could be held against the command.
        """
        execution, writing = self._execution, self._fingerprint[0].writing
        if execution is None or writing is None or execution.record.written is None:
            return None
        command = execution.record.command
        result = writing.says(said, command.command_id, command.command, command.parameters)
        if not result:
            return None
        names = "" if said.command_id else "it names no command"
        detail = "; ".join(part for part in (said.detail, names) if part)
        setpoint = writing.setpoint(said, command.command, command.parameters)
        return Ack(command.command_id, command.device_id, result, detail, at, parameters=setpoint)

    def acknowledge(self, ack: Ack, at: float, means: Mapping[str, float] | None = None) -> Progress | None:
        """Take the machine's answer and return the stage that it leads to; None if it changes nothing.

        What it says about its mode counts only where nobody knows better, at the end of a command and while the
        mode is unknown and nothing is under way, and only as far as readings agree with it.

        Args:
            ack: an answer that ``refuses`` does not refuse.
            at: now, UTC epoch seconds.
            means: sensor to the mean of its newest values; empty while the device is silent.
        """
        execution = self._execution
        if execution is None or ack.command_id != execution.command_id:
            if execution is None and ack.command_id == NO_COMMAND and self.mode is Mode.UNKNOWN:
                self._believe(ack.mode, means or {})
            return None
        progress = execution.acknowledge(ack, at)
        if progress is not None and progress.stage.is_final:
            self._finish(progress)
            self._believe(ack.mode, means or {})
        return progress

    def _believe(self, mode: Mode | None, means: Mapping[str, float]) -> None:
        """Take the mode that the machine says it is in, if its readings agree."""
        if mode is None or mode is self.mode:
            return
        if not ModeProof(self._fingerprint[0]).agrees(mode, means, self.full_load):
            self.doubted = mode
            return
        self._move(mode, self.reduction_pct if mode is Mode.REDUCED_LOAD else 0.0)

    def verdict(self, at: float) -> Progress | None:
        """Return how the command under way has ended by ``at``; None while it has not."""
        progress = None if self._execution is None else self._execution.verdict(at)
        if progress is not None:
            self._finish(progress)
        return progress

    def question(self, at: float, answer_within_s: float) -> str | None:
        """Return the id of the command to ask the machine about now: empty for its mode only, None for no question."""
        if self._execution is not None:
            asks = self._execution.wants_readback(at, answer_within_s)
            return self._execution.command_id if asks else None
        if self.mode is Mode.UNKNOWN and self._asked < _MAX_QUESTIONS and at >= self._ask_at:
            self._asked_at, self._ask_at = at, at + _ASK_AGAIN_S * 2**self._asked
            self._asked += 1
            return ""
        return None

    def ask_anew(self) -> None:
        """Let the questions for the mode begin anew, since the machine is another by now than the one asked before."""
        self._asked, self._ask_at = 0, -inf

    def notes(self) -> tuple[str, ...]:
        """Return what people should know of the mode, as sentences."""
        notes = []
        if self.stated is not None:
            notes.append(f"its mode is what {self.stated.by} stated at {format_instant(self.stated.at)}")
        elif self.mode is Mode.UNKNOWN and self._execution is None and self._asked == _MAX_QUESTIONS:
            notes.append(f"it was asked {_MAX_QUESTIONS} times for its mode and did not say; an operator can state it")
        if why := self.contradiction:
            notes.append(f"{why}; a person must look at it")
        if self.doubted is not None:
            said = f"the machine says that its mode is {self.doubted}, and readings do not show it"
            notes.append(f"{said}; a person must look at it")
        return tuple(notes)

    def check_statement(self, stated: StatedMode) -> None:
        """Check that an operator's word for the mode can be taken now.

        Raises:
            BadValueError: it cannot be; see ``StatedMode.check``.
            ConflictError: a command is under way, whose outcome will tell the mode.
        """
        stated.check()
        if self._execution is not None:
            raise ConflictError(f"{self.open_command} is under way on {stated.device_id}; its outcome tells the mode")

    def state(self, stated: StatedMode) -> None:
        """Take an operator's word for the mode; nothing is sent to the machine."""
        self._move(stated.mode, stated.reduction_pct)
        self.stated = stated

    @staticmethod
    def needs_person(progress: Progress) -> bool:
        """Return whether somebody must look at the machine."""
        return progress.stage in _CALLED

    def recall(
        self,
        mode: Mode,
        reduction_pct: float,
        record: CommandRecord | None,
        full_load: float | None = None,
        dispatched: Mapping[str, float] | None = None,
        stated: StatedMode | None = None,
    ) -> None:
        """Take over what the store knows.

        Args:
            mode: the mode that the last command led to.
            reduction_pct: the load that is taken away, in per cent of full load.
            record: the command under way; it may have been published, so it is watched and never sent again.
            full_load: what the load sensor showed at full load, while some of it is taken away.
            dispatched: command id to expiry (UTC epoch seconds) of every command that was dispatched to this
                device and has not been expired for longer than ``KNOWN_S``, over or not.
            stated: by whose word it is in this mode, if it is.
        """
        self.stated = stated
        self.mode, self.reduction_pct, self.full_load = mode, reduction_pct, full_load
        self._execution = None if record is None else Execution(record)
        self._decided = dict(dispatched or {})
        if record is not None:
            self._decided[record.command.command_id] = record.send_by or record.stage_at

    def reconfigure(self, spec: DeviceSpec) -> None:
        """Go on under another specification; recovery starts over where its limits have changed."""
        if spec.recovery != self._watch.criteria:
            self._watch = self._recovery_watch(spec)
        self._proof = None
        self._fingerprint = (spec, 0)

    def _recovery_watch(self, spec: DeviceSpec) -> RecoveryWatch:
        given = spec.silent_after_s
        if given is None or given == inf:  # silence that nobody minds proves no recovery
            return RecoveryWatch(spec.recovery, MIN_SILENT_S, self._interval)
        return RecoveryWatch(spec.recovery, given)

    def _finish(self, progress: Progress) -> None:
        """End the command under way, and set the mode by its outcome."""
        assert self._execution is not None
        record, command = self._execution.record, self._execution.record.command
        self._execution = None
        # Another set-point is no other mode.
        if command.command is CommandName.SET_PARAMETER:
            return
        if progress.stage is Stage.VERIFIED:
            if record.expectation is not None and record.expectation.full_load is not None:
                self.full_load = record.expectation.full_load
            self._move(MOVES[command.command].get(self.mode, self.mode), command.reduction_pct)
        elif progress.stage in _CALLED:
            self._move(Mode.UNKNOWN, 0.0)

    def _move(self, mode: Mode, reduction_pct: float) -> None:
        if mode is not self.mode and not mode.is_running:
            self._watch.restart()
        if mode is not self.mode:
            self.ask_anew()
        self.stated = None
        if mode is Mode.NORMAL:
            self.full_load = None
        self.doubted = None
        self._proof = None
        self.mode, self.reduction_pct = mode, reduction_pct


def recent_means(sensors: Sequence[SensorDetector]) -> dict[str, float]:
    """Return sensor to the mean of its newest values, few enough to follow the last change of load."""
    newest = {sensor.spec.name: tuple(sensor.zscore.window.values())[-RECENT:] for sensor in sensors}
    return {name: sum(values) / len(values) for name, values in newest.items() if values}


def recent_values(sensors: Sequence[SensorDetector]) -> dict[str, tuple[float, ...]]:
    """Return sensor to its newest values, oldest first, few enough to follow the last change of load."""
    return {sensor.spec.name: tuple(sensor.zscore.window.values())[-RECENT:] for sensor in sensors}


def describe_facts(
    command_state: CommandStateMachine,
    sensors: Sequence[SensorStatus],
    active: Sequence[Alarm],
    set_aside: Sequence[Alarm] = (),
) -> tuple[str, ...]:
    """Return a device in figures, as short sentences for whoever decides about a command to it.

    Args:
        command_state: its mode and load.
        sensors: as they are now.
        active: its alarms, the worst first.
        set_aside: those that an operator shelved or took out of service and whose cause lasts, the worst first.
    """
    load = f", load reduced by {command_state.reduction_pct:g} %" if command_state.reduction_pct else ""
    facts = [f"mode {command_state.mode}{load}"]
    facts += [_alarm_fact(alarm) for alarm in (*active[:3], *set_aside[:3])]
    for one in sensors[:8]:
        if one.value is None:
            facts.append(f"{one.spec.name}: no value")
            continue
        sides = (("low", one.spec.alarm.low), ("high", one.spec.alarm.high))
        bounds = [f"{word} {bound:g}" for word, bound in sides if bound is not None]
        limits = f" (alarm {', '.join(bounds)})" if bounds else ""
        facts.append(f"{one.spec.name} {one.value:.4g} {one.spec.unit}{limits}, {one.quality}")
    return tuple(facts)


def _alarm_fact(alarm: Alarm) -> str:
    fact = f"{alarm.severity} alarm {alarm.alarm_id}: {alarm.fault_type} ({', '.join(alarm.sensors)})"
    if not alarm.state.is_set_aside:
        return fact
    until = f" until {format_instant(alarm.shelved_until)}" if alarm.shelved_until is not None else ""
    return f"{fact}, {str(alarm.state).replace('_', ' ')}{until} by {alarm.suppressed_by}; its cause lasts"
