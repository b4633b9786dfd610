"""Commands to machines, the modes they lead to, and the stages of a command's life.

::

    proposed ──► denied
        │
        ├──► awaiting_approval ──► rejected | expired
        │           │
        └───────────┴──► approved ──► dispatched ──► failed | outcome_unknown
                                          │
                                          └──► acknowledged ──► verified | unverified | failed
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller


class Mode(StrEnum):
    """Operating mode of a device, as far as AegisFlow knows."""

    NORMAL = "normal"
    REDUCED_LOAD = "reduced_load"
    MAINTENANCE = "maintenance"
    SHUTDOWN = "shutdown"
    UNKNOWN = "unknown"
    """After a start, until the store or the machine tells; and after a command whose effect was not seen."""

    @property
    def is_running(self) -> bool:
        """Whether the machine carries load."""
        return self in (Mode.NORMAL, Mode.REDUCED_LOAD)


class CommandName(StrEnum):
    """What can be commanded; an agent may propose the first five."""

    REDUCE_LOAD = "reduce_load"
    SET_PARAMETER = "set_parameter"
    ENABLE_MAINTENANCE_MODE = "enable_maintenance_mode"
    EMERGENCY_SHUTDOWN = "emergency_shutdown"
    RESTART = "restart"
    RESTORE_LOAD = "restore_load"
    """Leaves reduced load; for operators."""
    END_MAINTENANCE = "end_maintenance"
    """Leaves maintenance; for operators."""


STOPS = (CommandName.ENABLE_MAINTENANCE_MODE, CommandName.EMERGENCY_SHUTDOWN)
"""They take all load away."""

FOR_OPERATORS = (CommandName.RESTORE_LOAD, CommandName.END_MAINTENANCE)
"""No policy can open these to agents."""

MOVES: Mapping[CommandName, Mapping[Mode, Mode]] = {
    CommandName.REDUCE_LOAD: {Mode.NORMAL: Mode.REDUCED_LOAD, Mode.REDUCED_LOAD: Mode.REDUCED_LOAD},
    CommandName.SET_PARAMETER: {Mode.NORMAL: Mode.NORMAL, Mode.REDUCED_LOAD: Mode.REDUCED_LOAD},
    CommandName.ENABLE_MAINTENANCE_MODE: {Mode.NORMAL: Mode.MAINTENANCE, Mode.REDUCED_LOAD: Mode.MAINTENANCE},
    CommandName.EMERGENCY_SHUTDOWN: dict.fromkeys(Mode, Mode.SHUTDOWN),
    CommandName.RESTART: {Mode.SHUTDOWN: Mode.NORMAL, Mode.UNKNOWN: Mode.NORMAL},
    CommandName.RESTORE_LOAD: {Mode.REDUCED_LOAD: Mode.NORMAL},
    CommandName.END_MAINTENANCE: {Mode.MAINTENANCE: Mode.NORMAL},
}
"""The legal moves: command, mode it is given in, mode it leads to. What is not in here is illegal."""


def moves_table() -> str:
    """Return ``MOVES`` as a Markdown table, for the documentation."""
    modes = tuple(Mode)
    lines = [f"| command \\ mode | {' | '.join(modes)} |", f"|---|{'---|' * len(modes)}"]
    for command, moves in MOVES.items():
        cells = (f"→ {moves[mode]}" if mode in moves else "–" for mode in modes)
        lines.append(f"| `{command}` | {' | '.join(cells)} |")
    return "\n".join(lines)


class Stage(StrEnum):
    """How far a command has come; never more than is known."""

    PROPOSED = "proposed"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DISPATCHED = "dispatched"
    """On its way to the machine: committed before anything is published."""
    ACKNOWLEDGED = "acknowledged"
    """The machine said that it will, or has; that proves nothing yet."""
    VERIFIED = "verified"
    """Readings show the effect."""
    UNVERIFIED = "unverified"
    FAILED = "failed"
    """Refused, or never sent."""
    OUTCOME_UNKNOWN = "outcome_unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return not FOLLOWS[self]

    @property
    def is_under_way(self) -> bool:
        """Whether the machine may be acting on it."""
        return self in (Stage.DISPATCHED, Stage.ACKNOWLEDGED)


FOLLOWS: Mapping[Stage, frozenset[Stage]] = {
    Stage.PROPOSED: frozenset({Stage.DENIED, Stage.AWAITING_APPROVAL, Stage.APPROVED}),
    Stage.AWAITING_APPROVAL: frozenset(
        {Stage.AWAITING_APPROVAL, Stage.APPROVED, Stage.REJECTED, Stage.EXPIRED}  # itself: the first of two approvals
    ),
    Stage.APPROVED: frozenset({Stage.DISPATCHED}),
    Stage.DISPATCHED: frozenset({Stage.ACKNOWLEDGED, Stage.FAILED, Stage.OUTCOME_UNKNOWN}),
    Stage.ACKNOWLEDGED: frozenset({Stage.VERIFIED, Stage.UNVERIFIED, Stage.FAILED}),
    Stage.DENIED: frozenset(),
    Stage.REJECTED: frozenset(),
    Stage.EXPIRED: frozenset(),
    Stage.VERIFIED: frozenset(),
    Stage.UNVERIFIED: frozenset(),
    Stage.FAILED: frozenset(),
    Stage.OUTCOME_UNKNOWN: frozenset(),
}
"""Stage to the stages that may follow it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as proposed."""

    command_id: str
    device_id: str
    command: CommandName
    parameters: Mapping[str, str | float]
    proposed_by: Caller
    justification: str
    """The proposer's words, not facts."""
    proposed_at: float

    @property
    def reduction_pct(self) -> float:
        """Per cent of full load that it takes away; 0 for what is no reduction."""
        value = self.parameters.get("reduction_pct", 0.0)
        return float(value)

    @property
    def taken_pct(self) -> float:
        """Per cent of full load that is gone once it is done: a stop takes all, what is no reduction nothing."""
        return 100.0 if self.command in STOPS else self.reduction_pct


@dataclass(frozen=True, slots=True)
class CommandReceipt:
    """What the proposer gets back: how far it came and why."""

    command: Command
    stage: Stage
    reasons: tuple[str, ...]
    next_step: str
    """Who must do what now."""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What readings must show for a command to have worked: the mean of so many of ``sensor`` within low and high."""

    sensor: str
    low: float | None
    high: float | None
    within_s: float
    """Seconds after the machine had to begin."""
    readings: int = 3
    full_load: float | None = None
    """What the sensor showed at full load before, where the command takes load away."""

    def describe(self, unit: str = "") -> str:
        """Return it as words."""
        if self.low is None:
            span = f"at most {self.high:.4g}"
        elif self.high is None:
            span = f"at least {self.low:.4g}"
        else:
            span = f"{self.low:.4g} to {self.high:.4g}"
        return f"{self.sensor} {span}{f' {unit}' if unit else ''} within {self.within_s:.0f} s"


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """All that is kept of a command; the receipt is the part that its proposer sees."""

    receipt: CommandReceipt
    stage_at: float
    digest: str = ""
    """What an approval is bound to."""
    state_version: str = ""
    """Of the device when the command was judged: mode, load and specification."""
    approvals_needed: int = 0
    approved_by: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    """The device in figures when the command was judged, for the one who approves."""
    send_by: float | None = None
    """The machine must not begin it after this; UTC epoch seconds."""
    expectation: Expectation | None = None

    @property
    def command(self) -> Command:
        """The command itself."""
        return self.receipt.command

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self.receipt.stage


class PublishClaim(StrEnum):
    """Whether a dispatched command may be published, as the store has it."""

    GRANTED = "granted"
    """It may, now or never: nobody else ever gets this answer for the same command."""
    PUBLISHED_BEFORE = "published_before"
    """It may not: it was granted before, so it may be with the machine."""
    REFUSED = "refused"
    """It may not, and it never was published: it is no longer on its way, or unknown."""
    NOT_STORED = "not_stored"
    """It may not: the store could not be written, so nobody knows whether it was granted before."""


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command as those see it who decide about it: facts first, the proposer's words last."""

    receipt: CommandReceipt
    digest: str
    facts: tuple[str, ...]
    approved_by: tuple[str, ...]
    approvals_needed: int


@dataclass(frozen=True, slots=True)
class AgentWrites:
    """Whether agents may propose commands at all: the kill switch."""

    allowed: bool = True
    by: str = ""
    at: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CommandOption:
    """What policy would say to a command now."""

    command: CommandName
    verdict: str
    """``allow``, ``ask`` (an operator decides) or ``deny``."""
    reasons: tuple[str, ...]
    up_to_pct: float | None = None
    """Of reduce_load: the verdict holds up to this reduction."""


@dataclass(frozen=True, slots=True)
class DeviceCommands:
    """The commands of one device: open ones, and what policy would say to others."""

    open: tuple[CommandReceipt, ...]
    options: tuple[CommandOption, ...]


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device at one instant, as policy and interlocks see it."""

    device_id: str
    line: str
    kind: str
    mode: Mode
    reduction_pct: float
    """Per cent of full load that is taken away now: 0 to 100."""
    silent: bool
    stale: tuple[str, ...]
    """Sensors without a recent value."""
    severity: Severity | None
    """Of the worst alarm whose cause is still there; None without one."""
    fault_types: tuple[str, ...]
    """Of alarms whose cause is still there."""
    open_command: str
    """Id of the command that it is executing; empty for none."""
    means: Mapping[str, float]
    """Sensor to the mean of its newest values."""
    spreads: Mapping[str, float]
    """Sensor to its noise: standard deviation over its rolling window."""
    full_load: float | None
    """What the load sensor showed at full load, while that is taken away; None otherwise."""
    unrecovered: tuple[str, ...]
    """What is still missing for a restart, as sentences; empty when it has recovered."""
    version: str
    """Changes with mode, load and specification."""
    facts: tuple[str, ...] = ()
    """The newest values beside their limits, and the alarms, for people."""
