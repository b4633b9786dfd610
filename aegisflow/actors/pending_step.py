"""A step of a command between whoever asks for it and the answer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import pykka

from aegisflow.actors.messages.guard import ApproveCommand, CommandProgressed, ReadDeviceCommands, RejectCommand
from aegisflow.domain.commands.model import Command, DeviceView
from aegisflow.domain.commands.transition import Transition

__all__ = ["Answer", "PendingStep", "Phase", "Request"]

Answer: TypeAlias = pykka.Future[Any]
Request: TypeAlias = Command | ApproveCommand | RejectCommand | CommandProgressed | ReadDeviceCommands | Transition
"""What is asked for: a proposal, a decision, a fact, what would be allowed, or a step that is due by itself."""


class Phase(StrEnum):
    """What a pending step waits for."""

    VIEWING = "viewing"
    """Its device has been asked how it is."""
    QUEUED = "queued"
    """Another step of the same command is being stored."""
    STORING = "storing"
    """The historian has been told to commit it."""


@dataclass(slots=True, eq=False)
class PendingStep:
    """One step, with all that is known of it so far."""

    request: Request
    command_id: str = ""
    answer: Answer | None = None
    """Where whoever asked gets the receipt or the error; None for a fact, which is nobody's question."""
    phase: Phase = Phase.QUEUED
    view: DeviceView | None = None
    """The device as it was when it told; None if it was not asked, or does not answer."""
    due_at: float = 0.0
    """Monotonic time at which its phase has lasted too long."""
    transition: Transition | None = None
    """What it has been judged to be."""

    def refuse(self, error: Exception) -> None:
        """Answer whoever asked with an error."""
        if self.answer is not None:
            self.answer.set_exception((type(error), error, None))
