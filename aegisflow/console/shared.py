"""Questions to the plant that all who look at one picture of it share: however many they are, it is asked once."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["Shared"]

T = TypeVar("T")


class Shared:
    """Answers that were asked for since a picture of the plant was taken. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def once(self, question: Hashable, ask: Callable[[], T]) -> T:
        """Return the answer to a question, which only the first one asks; whoever comes meanwhile waits for it.

        Raises:
            Exception: what the first one got, where that was no answer.
        """
        with self._lock:
            answer = self._answers.get(question)
            is_first = answer is None
            if answer is None:
                answer = self._answers[question] = Future()
        if is_first:
            try:
                answer.set_result(ask())
            except BaseException as error:
                answer.set_exception(error)
                raise
        found: T = answer.result()
        return found
