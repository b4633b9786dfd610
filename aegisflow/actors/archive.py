"""The archive's actor: answers about the past while the historian goes on writing."""

from typing import Any

from peewee import PeeweeException

from aegisflow.actors.base import Directory, ThreadedActor
from aegisflow.errors import StoreError
from aegisflow.store import Store
from aegisflow.store.archive import Archive
from aegisflow.store.connection import describe


class ArchiveActor(ThreadedActor):
    """Has a connection of its own; a question that fails is answered with why, and the next one connects anew."""

    def __init__(self, name: str, directory: Directory, store: Store) -> None:
        super().__init__(name, directory)
        self._archive = Archive(store.reader())

    def on_receive(self, message: Any) -> Any:
        """Answer a question; anything else is none of its business."""
        try:
            return self._archive.answer(message)
        except PeeweeException as error:
            self._archive.close()
            return StoreError(f"the store cannot be read: {describe(error)}")

    def on_stop(self) -> None:
        """Give the connection back."""
        self._archive.close()

    def on_failure(self, *_: object) -> None:
        """Give the connection back."""
        self._archive.close()
