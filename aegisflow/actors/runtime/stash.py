"""What came to an actor before it knew its past, kept in order until it does."""

from collections.abc import Callable
from typing import Any

import pykka

__all__ = ["Stash"]


class Stash:
    """Messages and questions that wait for an actor's past.

    ::

        keep ────┐                ┌─► each is handled, in the order in which it came
        keep_question ─► closed ──┤
                                  └─► abandon: who asked is told so, messages go to the successor

    It begins closed. Once open it keeps nothing any more and is never closed again.
    """

    __slots__ = ("_is_open", "_kept")

    def __init__(self) -> None:
        # A list, since an empty deque would take 600 bytes in each of ten thousand devices.
        self._kept: list[tuple[Any, pykka.Future[Any] | None]] = []
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether the actor knows its past, so that nothing has to wait any more."""
        return self._is_open

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, message: object) -> None:
        """Keep a message to which nobody waits for an answer."""
        self._kept.append((message, None))

    def keep_question(self, question: object) -> pykka.Future[Any]:
        """Keep a question and return the future that its answer will go to."""
        answer: pykka.Future[Any] = pykka.ThreadingFuture()
        self._kept.append((question, answer))
        return answer

    def open(self, handle: Callable[[Any], object]) -> None:
        """Have ``handle`` take all that was kept, and keep nothing from now on.

        An error in handling a question belongs to whoever asked.

        Raises:
            Exception: what ``handle`` raised for a message. That message is gone, as one that an actor fails
                over is; those behind it are still kept, for ``abandon``.
        """
        self._is_open = True
        kept, self._kept = self._kept, []
        for position, (message, answer) in enumerate(kept):
            try:
                made = handle(message)
            except Exception:
                if answer is None:
                    self._kept = kept[position + 1 :]
                    raise
                answer.set_exception()
            else:
                if answer is not None:
                    answer.set(made)

    def abandon(self, error: Exception) -> tuple[object, ...]:
        """Answer every question with ``error``, and return the messages, in order, for a successor."""
        kept, self._kept = self._kept, []
        for _, answer in kept:
            if answer is not None:
                answer.set_exception((type(error), error, None))
        return tuple(message for message, answer in kept if answer is None)
