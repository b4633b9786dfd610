"""The archive's actor: answers about the past while the historian goes on writing."""

from typing import Any

from aegisflow.actors.base import Directory, ThreadedActor
from aegisflow.errors import StoreError
from aegisflow.store import Store
from aegisflow.store.archive import Archive


class ArchiveActor(ThreadedActor):
    """Has a connection of its own."""

    def __init__(self, name: str, directory: Directory, store: Store) -> None:
        super().__init__(name, directory)
        self._archive = Archive(store.reader())

    def on_receive(self, message: Any) -> Any:
        """Answer a question, with a StoreError where the store cannot."""
        try:
            return self._archive.answer(message)
        except StoreError as error:
            return error

    def on_stop(self) -> None:
        """Give the connection back."""
        self._archive.close()

    def on_failure(self, *_: object) -> None:
        """Give the connection back."""
        self._archive.close()
