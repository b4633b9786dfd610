"""Commands to machines, the modes they lead to, and the stages of a command's life."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Operating mode of a device, as far as AegisFlow knows."""

    NORMAL = "normal"
    REDUCED_LOAD = "reduced_load"
    MAINTENANCE = "maintenance"
    SHUTDOWN = "shutdown"
    UNKNOWN = "unknown"
    """After a start, until the store or the machine tells."""


class CommandName(StrEnum):
    """What an agent may propose."""

    REDUCE_LOAD = "reduce_load"
    SET_PARAMETER = "set_parameter"
    ENABLE_MAINTENANCE_MODE = "enable_maintenance_mode"
    EMERGENCY_SHUTDOWN = "emergency_shutdown"
    RESTART = "restart"


class Stage(StrEnum):
    """How far a command has come; never more than is known."""

    PROPOSED = "proposed"
    DENIED = "denied"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DISPATCHED = "dispatched"
    ACKNOWLEDGED = "acknowledged"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the transport knows it; never taken from a text field."""

    name: str
    kind: str
    """``agent``, ``operator`` or ``system``."""


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
class CommandView:
    """A command that waits for people, with all they need to judge it."""

    receipt: CommandReceipt
    digest: str
    """Of exactly what is approved; an approval that carries another one is refused."""
    facts: tuple[str, ...]
    """What the plant knows, as short sentences."""
    approved_by: tuple[str, ...]
    approvals_needed: int


@dataclass(frozen=True, slots=True)
class AgentWrites:
    """Whether agents may write at all, and who said so."""

    allowed: bool
    by: str
    at: float | None
    reason: str
