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
    """An operator approves exactly the command that the digest stands for."""

    command_id: str
    digest: str
    by: Caller


@dataclass(frozen=True, slots=True)
class RejectCommand(Question[CommandReceipt]):
    """An operator refuses a command that awaits approval."""

    command_id: str
    by: Caller
    reason: str


@dataclass(frozen=True, slots=True)
class ReadApprovals(Question[tuple[CommandView, ...]]):
    """Which commands await approval?"""


@dataclass(frozen=True, slots=True)
class SwitchAgents(Question[AgentWrites]):
    """Stop every command that an agent proposes, or allow them again."""

    allowed: bool
    by: Caller
    reason: str


@dataclass(frozen=True, slots=True)
class ReadAgentWrites(Question[AgentWrites]):
    """May agents propose commands now?"""


@dataclass(frozen=True, slots=True)
class ReadDeviceCommands(Question[DeviceCommands]):
    """Which commands of a device are open, and what would policy say about others of this caller now?"""

    device_id: str
    by: Caller


@dataclass(frozen=True, slots=True)
class DeviceViewed:
    """How a device is now, for the decision with this number."""

    number: int
    view: DeviceView


@dataclass(frozen=True, slots=True)
class ModeReported:
    """A device is in this mode, with so many per cent of its load taken away."""

    device_id: str
    mode: Mode
    reduction_pct: float


@dataclass(frozen=True, slots=True)
class CommandProgressed:
    """A device has seen a command reach a stage."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class TransitionStored:
    """The step of a command that was told last is on disk, or it is not."""

    command_id: str
    ok: bool
    why: str = ""
    final: bool = False
    """Whether it never can be: trying again does not help."""


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
