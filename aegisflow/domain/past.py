"""What the store remembers, told to those who go on from it after a start."""

from dataclasses import dataclass, field

from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.commands.model import AgentWrites, CommandRecord, Mode, StatedMode
from aegisflow.domain.learning import KeptLearning
from aegisflow.domain.readings import Reading

__all__ = ["CommandsPast", "DevicePast"]


@dataclass(frozen=True, slots=True)
class DevicePast:
    """One device, as far as the store knows it."""

    readings: tuple[Reading, ...] = ()
    """The newest ones, oldest first."""
    alarms: tuple[Alarm, ...] = ()
    """Those that are not history: active, or returned to normal and not acknowledged."""
    mode: Mode = Mode.UNKNOWN
    reduction_pct: float = 0.0
    mode_since: float = 0.0
    """When the command to which the device owes its mode was verified, or when it was stated; UTC epoch seconds."""
    full_load: float | None = None
    """What the load sensor showed before the load was taken away."""
    open_command: CommandRecord | None = None
    """The command that the device is executing."""
    dispatched: tuple[tuple[str, float], ...] = ()
    """Command id and expiry (UTC epoch seconds) of every command that went to it lately, over or not."""
    stated: StatedMode | None = None
    """The word of an operator to which it owes its mode, if it does."""
    levels: tuple[AcceptedLevel, ...] = ()
    """What people have accepted as the levels of its sensors."""
    learning: KeptLearning | None = None
    """Its newest commissioning period, and what was learned in it and since."""


@dataclass(frozen=True, slots=True)
class CommandsPast:
    """All commands that are not over, and what bounds those to come."""

    records: tuple[CommandRecord, ...] = ()
    dispatches: tuple[tuple[float, str], ...] = ()
    """When a command of an agent went to which device; UTC epoch seconds and device id."""
    agents: AgentWrites = field(default_factory=AgentWrites)
    changes: tuple[CommandRecord, ...] = ()
    """What was dispatched within the last hour, and the verified changes of set-points, oldest first."""
