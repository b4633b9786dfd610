"""The archive's actor: answers about the past while the historian goes on writing."""

from typing import Any

from aegisflow.actors.messages.manuals import IncidentsRecalled
from aegisflow.actors.messages.store import RecallIncidents
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import Directory
from aegisflow.errors import StoreError
from aegisflow.store import Store
from aegisflow.store.archive import Archive


class ArchiveActor(ThreadedActor):
    """Has a connection of its own."""

    def __init__(self, name: str, directory: Directory, store: Store) -> None:
        super().__init__(name, directory)
        self._archive = Archive(store.reader())

    def on_receive(self, message: Any) -> Any:
        """Answer a question, with a StoreError where the store cannot; tell who recalls."""
        try:
            answer = self._archive.answer(message)
        except StoreError as error:
            answer = error
        if not isinstance(message, RecallIncidents):
            return answer
        failed = isinstance(answer, StoreError)
        self.tell(message.reply_to, IncidentsRecalled((), str(answer)) if failed else IncidentsRecalled(answer))
        return None

    def on_stop(self) -> None:
        """Give the connection back."""
        self._archive.close()

    def on_failure(self, *_: object) -> None:
        """Give the connection back."""
        self._archive.close()
