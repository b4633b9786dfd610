"""Steps of commands on their way to the store: of each command one at a time, and no fact is lost."""

import time
from collections.abc import Callable

from aegisflow.actors.messages.guard import TransitionStored
from aegisflow.actors.pending_step import PendingStep, Phase
from aegisflow.domain.commands.open_commands import OpenCommands
from aegisflow.domain.commands.transition import Transition

__all__ = ["STORE_AGAIN_S", "TransitionWriter"]

STORE_AGAIN_S = 2.0
"""A step that is not known to be stored by then is told to the historian again; storing it twice is harmless."""


class TransitionWriter:
    """Has steps committed, and takes each over into the open commands only once it is on disk.

    ::

        write ──► reserved, told to the historian ──► committed ──────────────────► applied
                        ▲                    │
                        │                    ├──► refused for good, or asked for ► released
                        └── after a while ───┴──► refused for now, and a fact
    """

    def __init__(self, commands: OpenCommands, tell_historian: Callable[[Transition], object]) -> None:
        self._commands = commands
        self._tell_historian = tell_historian
        self._storing: dict[str, PendingStep] = {}
        """Command id to its step that the historian has not answered for."""

    def __len__(self) -> int:
        return len(self._storing)

    def is_storing(self, command_id: str) -> bool:
        """Whether a step of this command is on its way, so that no other may be judged."""
        return command_id in self._storing

    def write(self, step: PendingStep) -> None:
        """Have a step that has been judged committed; no other one of its command may be on its way."""
        assert step.transition is not None
        assert step.command_id not in self._storing
        self._commands.reserve(step.transition)
        self._storing[step.command_id] = step
        step.phase = Phase.STORING
        self._tell(step)

    def settle(self, told: TransitionStored) -> PendingStep | None:
        """Take the historian's answer and return the step that it settles.

        None if it settles nothing: nobody waits for it, or the step is a fact that could not be stored for now.
        A fact is told to the historian again, while whoever asked for a step gets the error and may ask again.
        """
        step = self._storing.get(told.command_id)
        if step is None or step.transition is None:
            return None
        # What a machine or its readings have shown cannot be asked for again.
        if not told.ok and not told.final and step.answer is None:
            return None
        del self._storing[told.command_id]
        if told.ok:
            self._commands.apply(step.transition)
        else:
            self._commands.release(step.transition)
        return step

    def tell_again(self) -> None:
        """Tell the historian again what it has not answered for in time."""
        for step in self._storing.values():
            if time.monotonic() >= step.due_at:
                self._tell(step)

    def abandon(self) -> tuple[PendingStep, ...]:
        """Forget and return the steps that are on their way; each may or may not be stored."""
        left, self._storing = tuple(self._storing.values()), {}
        return left

    def _tell(self, step: PendingStep) -> None:
        assert step.transition is not None
        step.due_at = time.monotonic() + STORE_AGAIN_S
        self._tell_historian(step.transition)
