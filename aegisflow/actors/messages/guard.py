"""Messages to the guard."""

from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.commands import Caller, CommandName, CommandReceipt


@dataclass(frozen=True, slots=True)
class RequestCommand(Question[CommandReceipt]):
    """Somebody proposes a command."""

    device_id: str
    command: CommandName
    parameters: Mapping[str, str | float]
    by: Caller
    justification: str
