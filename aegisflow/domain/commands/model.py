"""Commands to machines, the modes that they lead to, and the stages of a command's life.

::

    proposed ──► denied
        │
        ├──► awaiting_approval ──► rejected | expired
        │           │
        └───────────┴──► approved ──► dispatched ──► failed | outcome_unknown | verified (of a machine without answers)
                                          │
                                          └──► acknowledged ──► verified | unverified | failed
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.writing import WritingSpec, WrittenCommand
from aegisflow.errors import BadValueError


class Mode(StrEnum):
    """The operating mode of a device, as far as AegisFlow knows it."""

    NORMAL = "normal"
    REDUCED_LOAD = "reduced_load"
    MAINTENANCE = "maintenance"
    SHUTDOWN = "shutdown"
    UNKNOWN = "unknown"
    """After a start, until the store or the machine tells it; and after a command whose effect was not seen."""

    @property
    def is_running(self) -> bool:
        """Whether the machine carries load."""
        return self in (Mode.NORMAL, Mode.REDUCED_LOAD)


MODE_STATED = "mode_stated"
"""Act of the audit by which an operator states a mode; the newest is what a restart goes on from."""


@dataclass(frozen=True, slots=True)
class StatedMode:
    """The mode of a device by the word of an operator who stands at the machine, or is told by whoever does."""

    device_id: str
    mode: Mode
    reduction_pct: float
    """Per cent of full load that is taken away; 0 unless the mode is ``reduced_load``."""
    by: str
    """Name of the operator."""
    at: float
    """UTC epoch seconds by the plant's clock."""
    reason: str
    """The operator's words."""

    def check(self) -> None:
        """Check that it can be.

        Raises:
            BadValueError: nobody can state that nobody knows, a reduction belongs to reduced load alone and is a part
                of the load, and there must be a reason.
        """
        if self.mode is Mode.UNKNOWN:
            raise BadValueError("mode", self.mode.value, "the mode that the machine is in")
        if self.mode is Mode.REDUCED_LOAD and not 0.0 < self.reduction_pct < 100.0:
            raise BadValueError(
                "reduction_pct", self.reduction_pct, "per cent of the load that is gone, above 0, below 100"
            )
        if self.mode is not Mode.REDUCED_LOAD and self.reduction_pct:
            raise BadValueError("reduction_pct", self.reduction_pct, f"no reduction with {self.mode}")
        if len(self.reason.strip()) < 3:
            raise BadValueError("reason", self.reason, "why, in a few words")


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
"""Commands that take all load away."""

FOR_OPERATORS = (CommandName.RESTORE_LOAD, CommandName.END_MAINTENANCE)
"""Commands that no policy can open to agents."""

MOVES: Mapping[CommandName, Mapping[Mode, Mode]] = {
    CommandName.REDUCE_LOAD: {Mode.NORMAL: Mode.REDUCED_LOAD, Mode.REDUCED_LOAD: Mode.REDUCED_LOAD},
    CommandName.SET_PARAMETER: {Mode.NORMAL: Mode.NORMAL, Mode.REDUCED_LOAD: Mode.REDUCED_LOAD},
    CommandName.ENABLE_MAINTENANCE_MODE: {Mode.NORMAL: Mode.MAINTENANCE, Mode.REDUCED_LOAD: Mode.MAINTENANCE},
    # Legal in every mode, also in one that nobody knows.
    CommandName.EMERGENCY_SHUTDOWN: dict.fromkeys(Mode, Mode.SHUTDOWN),
    CommandName.RESTART: {Mode.SHUTDOWN: Mode.NORMAL, Mode.UNKNOWN: Mode.NORMAL},
    CommandName.RESTORE_LOAD: {Mode.REDUCED_LOAD: Mode.NORMAL},
    CommandName.END_MAINTENANCE: {Mode.MAINTENANCE: Mode.NORMAL},
}
"""The legal moves: command to the modes that it is possible in, each to the mode it leads to. No other is legal."""


class Stage(StrEnum):
    """How far a command has come, as far as anybody knows for certain."""

    PROPOSED = "proposed"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DISPATCHED = "dispatched"
    """On its way to the machine; committed before anything is published."""
    ACKNOWLEDGED = "acknowledged"
    """The machine says that it has taken the command; that proves nothing yet."""
    VERIFIED = "verified"
    """Readings have shown the effect."""
    UNVERIFIED = "unverified"
    FAILED = "failed"
    """The machine or an interlock refused it, or it was never sent."""
    OUTCOME_UNKNOWN = "outcome_unknown"

    @property
    def is_final(self) -> bool:
        """Whether no other stage follows."""
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
    # Verified at once: by readings alone, of a machine that answers nothing.
    Stage.DISPATCHED: frozenset({Stage.ACKNOWLEDGED, Stage.VERIFIED, Stage.FAILED, Stage.OUTCOME_UNKNOWN}),
    Stage.ACKNOWLEDGED: frozenset({Stage.VERIFIED, Stage.UNVERIFIED, Stage.FAILED}),
    Stage.DENIED: frozenset(),
    Stage.REJECTED: frozenset(),
    Stage.EXPIRED: frozenset(),
    Stage.VERIFIED: frozenset(),
    Stage.UNVERIFIED: frozenset(),
    Stage.FAILED: frozenset(),
    Stage.OUTCOME_UNKNOWN: frozenset(),
}
"""Stage to the stages that may follow it directly."""

ENDED = tuple(stage for stage in Stage if stage.is_final and stage is not Stage.DENIED)
"""The ends of commands that had gone on; whoever proposed one that was denied was told so at once."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as proposed."""

    command_id: str
    device_id: str
    command: CommandName
    parameters: Mapping[str, str | float]
    proposed_by: Caller
    justification: str
    """The proposer's own words, which are no facts."""
    proposed_at: float
    traceparent: str = ""
    """Its first span, in the trace of the alarm that it is about (W3C Trace Context); empty in older stores."""

    @property
    def reduction_pct(self) -> float:
        """Per cent of full load that it takes away; 0 for a command that is no reduction."""
        value = self.parameters.get("reduction_pct", 0.0)
        return float(value)

    @property
    def taken_pct(self) -> float:
        """Per cent of full load that is gone once it has worked: all for a stop, nothing for what is no reduction."""
        return 100.0 if self.command in STOPS else self.reduction_pct


@dataclass(frozen=True, slots=True)
class Movement:
    """What a command moves: a set-point, or the load."""

    what: str
    """Name of the set-point; ``load`` for the per cent of full load that are taken away."""
    unit: str
    before: float | None
    """What readings showed, or the mode told, when the command was judged; None where nobody knew."""
    after: float
    """What was wanted."""
    sensor: str = ""
    """What shows it; empty for the load, and where nothing does."""

    def __str__(self) -> str:
        since = "" if self.before is None else f"from {self.before:.4g} "
        return f"{self.what} {since}to {self.after:.4g} {self.unit}"


@dataclass(frozen=True, slots=True)
class WayBack:
    """What would lead back from a command to how the machine was; it is offered, and never sent by itself."""

    command: CommandName | None
    """None where there is none, and ``note`` says why."""
    parameters: Mapping[str, str | float] = field(default_factory=dict)
    note: str = ""
    """In what it leads elsewhere, or why there is no way back."""
    mode: Mode | None = None
    """The mode that the machine was in before; None where that is not kept."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """How the waiting of a command for people ended."""

    at: float
    """UTC epoch seconds by the plant's clock."""
    stage: Stage
    """Approved, rejected or expired."""
    by: str = ""
    """The person; empty where time or another command ended it."""
    why: str = ""
    """In the words of whoever decided; empty for an approval."""

    def __str__(self) -> str:
        # Whose approval found that the machine had changed did not let the command expire on purpose.
        by = f" when {self.by} approved it" if self.stage is Stage.EXPIRED else f" by {self.by}"
        return f"{self.stage}{by if self.by else ''}{f': {self.why}' if self.why else ''}"


@dataclass(frozen=True, slots=True)
class CommandReceipt:
    """What the proposer gets back: how far the command has come, and why."""

    command: Command
    stage: Stage
    reasons: tuple[str, ...]
    next_step: str
    """Who must do what now, for the proposer to read."""
    expires_at: float | None = None
    stage_at: float | None = None
    """When it came to its stage, UTC epoch seconds; None while that is not stored."""
    change: Movement | None = None
    """What it moves; None for a command that moves neither load nor set-point."""
    way_back: WayBack | None = None
    """What leads back from it, as it was when it was dispatched; None before that."""
    ruling: Ruling | None = None
    """How its waiting for people ended; None while it waits, and where it never did."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What an operator may propose to come back from a command."""

    receipt: CommandReceipt
    """The command to come back from."""
    way_back: WayBack
    since: tuple[str, ...]
    """What has changed since it was verified, as sentences."""
    as_of: float
    """UTC epoch seconds by the plant's clock."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What readings must show for a command to have worked: a mean of ``sensor`` between ``low`` and ``high``."""

    sensor: str
    low: float | None
    high: float | None
    within_s: float
    """Seconds after the command's expiry within which it must be seen."""
    readings: int = 3
    """How many of the newest readings the mean is taken over."""
    full_load: float | None = None
    """What the sensor showed at full load before, for a command that takes load away."""
    before: float | None = None
    """The mean of the newest readings before the command was sent; None where there were too few."""

    def is_met_by(self, mean: float) -> bool:
        """Return whether a mean lies where the command should bring it."""
        return (self.low is None or mean >= self.low) and (self.high is None or mean <= self.high)

    @property
    def shows_change(self) -> bool:
        """Whether meeting it proves anything: before the command, the readings lay elsewhere."""
        return self.before is not None and not self.is_met_by(self.before)

    def describe(self, unit: str = "") -> str:
        """Return the expectation in words."""
        if self.low is None:
            span = f"at most {self.high:.4g}"
        elif self.high is None:
            span = f"at least {self.low:.4g}"
        else:
            span = f"{self.low:.4g} to {self.high:.4g}"
        return f"{self.sensor} {span}{f' {unit}' if unit else ''} within {self.within_s:.0f} s"


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """All that is kept of a command; its receipt is the part that the proposer sees."""

    receipt: CommandReceipt
    stage_at: float
    digest: str = ""
    """What an approval is bound to."""
    state_version: str = ""
    """``DeviceView.version`` of the device when the command was judged."""
    approvals_needed: int = 0
    approved_by: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    """The device in figures when the command was judged, for whoever approves it."""
    send_by: float | None = None
    """When it expires: the machine must not begin after this; UTC epoch seconds, None before the dispatch."""
    expectation: Expectation | None = None
    written: WrittenCommand | None = None
    """What is published, for a machine that is not told by AegisFlow's own protocol; None for one that is."""

    @property
    def command(self) -> Command:
        """The command itself."""
        return self.receipt.command

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self.receipt.stage


class PublishClaim(StrEnum):
    """What the store says to whoever is about to publish a dispatched command."""

    GRANTED = "granted"
    """It may be published, now or never: this answer is given once for each command."""
    PUBLISHED_BEFORE = "published_before"
    """It may not: it was granted before, so the machine may have it."""
    REFUSED = "refused"
    """It may not, and it never was published: it is no longer dispatched, or the store does not know it."""
    NOT_STORED = "not_stored"
    """It may not: the store could not be written, so nobody knows whether it was granted before."""


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command as it is shown to whoever decides about it."""

    receipt: CommandReceipt
    digest: str
    facts: tuple[str, ...]
    """The device in figures when the command was proposed and judged."""
    approved_by: tuple[str, ...]
    approvals_needed: int
    facts_now: tuple[str, ...] = ()
    """The device in figures at ``facts_now_at``; only shown, since they change while they are read."""
    facts_now_at: float | None = None
    """UTC epoch seconds; None where the device does not answer."""


@dataclass(frozen=True, slots=True)
class AgentWrites:
    """Whether agents may propose commands at all: the kill switch."""

    allowed: bool = True
    by: str = ""
    at: float | None = None
    reason: str = ""
    durable: bool = True
    """Whether it is stored; a stop is in force before that, and a restart would forget it."""


@dataclass(frozen=True, slots=True)
class CommandOption:
    """What policy would say about a command now."""

    command: CommandName
    verdict: str
    """``allow``, ``ask`` (an operator decides) or ``deny``."""
    reasons: tuple[str, ...]
    up_to_pct: float | None = None
    """For ``reduce_load``: the largest reduction that this verdict holds for, in per cent of full load."""


@dataclass(frozen=True, slots=True)
class DeviceCommands:
    """The open commands of one device, and what policy would say about others."""

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
    """Severity of the worst active alarm; None without one."""
    fault_types: tuple[str, ...]
    """Fault types of the active alarms."""
    open_command: str
    """Id of the command that it is executing; empty if there is none."""
    means: Mapping[str, float]
    """Sensor to the mean of its newest values."""
    recent: Mapping[str, tuple[float, ...]]
    """Sensor to its newest values, oldest first; few enough to follow the last change of load."""
    spreads: Mapping[str, float]
    """Sensor to its noise: the standard deviation over its rolling window."""
    full_load: float | None
    """What the load sensor showed at full load, while some of it is taken away; None otherwise."""
    unrecovered: tuple[str, ...]
    """What is still missing for a restart, as sentences; empty once the machine has recovered."""
    version: str
    """A text that changes with mode, load and specification."""
    facts: tuple[str, ...] = ()
    """The newest values beside their limits, and the alarms whose cause lasts, for people to read."""
    set_aside_severity: Severity | None = None
    """Severity of the worst alarm that an operator shelved or took out of service and whose cause lasts."""
    set_aside_types: tuple[str, ...] = ()
    """Fault types of those alarms."""
    alarm_ids: tuple[str, ...] = ()
    """Ids of the active alarms, the worst first."""
    watched_only: bool = False
    """Whether it takes no commands at all."""
    writing: WritingSpec | None = None
    """How its commands are written; None for a machine that takes those of AegisFlow's own protocol."""
