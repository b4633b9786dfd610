"""Messages to the guard."""

from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.execution import Progress
from aegisflow.domain.commands.model import (
    AgentWrites,
    CommandName,
    CommandReceipt,
    CommandView,
    DeviceCommands,
    DeviceView,
    Mode,
)
from aegisflow.domain.past import CommandsPast


@dataclass(frozen=True, slots=True)
class RequestCommand(Question[CommandReceipt]):
    """Somebody proposes a command."""

    device_id: str
    command: CommandName
    parameters: Mapping[str, str | float]
    by: Caller
    justification: str


@dataclass(frozen=True, slots=True)
class ApproveCommand(Question[CommandReceipt]):
    """An operator agrees to exactly the command that the digest stands for."""

    command_id: str
    digest: str
    by: Caller


@dataclass(frozen=True, slots=True)
class RejectCommand(Question[CommandReceipt]):
    """An operator refuses a command that waits."""

    command_id: str
    by: Caller
    reason: str


@dataclass(frozen=True, slots=True)
class ReadApprovals(Question[tuple[CommandView, ...]]):
    """What waits for an operator?"""


@dataclass(frozen=True, slots=True)
class SwitchAgents(Question[AgentWrites]):
    """Stop, or allow again, every command that an agent proposes."""

    allowed: bool
    by: Caller
    reason: str


@dataclass(frozen=True, slots=True)
class ReadAgentWrites(Question[AgentWrites]):
    """May agents propose commands now?"""


@dataclass(frozen=True, slots=True)
class ReadDeviceCommands(Question[DeviceCommands]):
    """What is open on a device, and what would be allowed now to this caller?"""

    device_id: str
    by: Caller


@dataclass(frozen=True, slots=True)
class DeviceViewed:
    """A device as it is now, for the decision with this number."""

    number: int
    view: DeviceView


@dataclass(frozen=True, slots=True)
class ModeReported:
    """A device is in this mode, with so much of its load taken away."""

    device_id: str
    mode: Mode
    reduction_pct: float


@dataclass(frozen=True, slots=True)
class CommandProgressed:
    """A device saw how far a command has come."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class TransitionStored:
    """A step of a command is on disk, or not."""

    command_id: str
    ok: bool
    why: str = ""
    final: bool = False
    """Whether trying again cannot help."""


@dataclass(frozen=True, slots=True)
class AuditCommitted:
    """The audit row that was told with this number is on disk, or it is not."""

    number: int
    why: str = ""
    """Why it is not on disk; empty where it is."""


@dataclass(frozen=True, slots=True)
class CommandsRecalled:
    """What the store remembers of commands: told once after each start of the guard."""

    past: CommandsPast
    failure: str = ""
    """Why the store could not tell."""
