"""The actor that searches manuals and reports: it answers at once; a thread reads files, loads the model, encodes."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.manuals import (
    FindPassages,
    IncidentKept,
    IncidentsRecalled,
    ListManuals,
    RankIncidents,
    ReadManual,
    ReadManualProblems,
)
from aegisflow.actors.messages.store import RecallIncidents
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import ARCHIVE, Directory, describe
from aegisflow.actors.runtime.helper import Helper
from aegisflow.config import ManualsSettings
from aegisflow.errors import UnavailableError
from aegisflow.search import (
    Encoder,
    IncidentIndex,
    ManualSearch,
    ModelUnavailableError,
    load_encoder,
    load_multilingual,
)

FIRST_READ_S = 2.0
"""How long the start waits for the manuals; larger folders appear when they are read."""


class ManualsActor(ThreadedActor):
    """Answers questions about the manuals, and which incident reports are about something.

    Words are searched from the start; meaning as well once the model is loaded. A broken model or
    file never ends the actor: it is told in ``ReadManualProblems`` and in the answers' notes.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        settings: ManualsSettings,
        cache: Path | None = None,
        load: Callable[[str], Encoder] = load_encoder,
        reports_cache: Path | None = None,
        load_second: Callable[[str], Encoder] = load_multilingual,
    ) -> None:
        """Name the folder and models in ``settings``, and the files in which vectors outlive the process."""
        super().__init__(name, directory)
        self._settings = settings
        self._load = load
        self._load_second = load_second
        self._search = ManualSearch(settings.folder, cache)
        self._incidents = IncidentIndex(reports_cache)
        self._recalled = 0
        """Id of the newest report that the archive told; all of them are known once ``_knows_all``."""
        self._knows_all = self._recall_failed = False
        self._meaning_due = threading.Event()
        self._read = threading.Event()
        self._helper = Helper(name, at_end=self._search.close)

    def on_start(self) -> None:
        """Read the manuals, then begin to load the model."""
        self._helper.start()
        self._helper.do(self._refresh)
        # The smaller one first: it is there within a second or two.
        if self._settings.second_model != "none":
            self._helper.do(self._load_multilingual)
        self._helper.do(self._load_model)
        self._recall()
        if not self._read.wait(FIRST_READ_S):
            self.log.warning("manuals_slow_to_read", folder=str(self._settings.folder))

    def on_stop(self) -> None:
        """Let the helper end, and wait for it a little."""
        self._helper.end()
        self._helper.join()

    # Here and not only in on_stop, which an actor that fell does not come to.
    def _actor_loop_teardown(self) -> None:
        self._helper.end()
        super()._actor_loop_teardown()

    def on_receive(self, message: object) -> Any:
        """Answer a question, take reports in, or look for changes in the folder."""
        match message:
            case Tick():
                # A tick a second would pile up behind a slow folder, or a model that is being loaded.
                if self._read.is_set() and not self._helper.is_waited_for:
                    self._helper.do(self._refresh)
                if self._recall_failed:
                    self._recall()
            case IncidentKept(incident):
                self._incidents.keep([incident])
                self._understand_soon()
            case IncidentsRecalled():
                self._take(message)
            case RankIncidents():
                if not self._knows_all:
                    raise UnavailableError(self.name, "the incident reports are still being read")
                return tuple(self._incidents.rank(text, message.query, message.least) for text in message.texts)
            case FindPassages(text, kind, limit):
                return self._search.search(text, kind, limit)
            case ListManuals():
                return self._search.manuals()
            case ReadManual(name):
                return self._search.read(name)
            case ReadManualProblems():
                return self._search.problems()
        return None

    def _recall(self) -> None:
        self._recall_failed = not self.tell(ARCHIVE, RecallIncidents(self._recalled, self.name))

    def _take(self, message: IncidentsRecalled) -> None:
        """Take what the archive told of, and ask for more until there is no more."""
        if message.failure:
            self._recall_failed = True
            self.log.warning("incidents_not_recalled", reason=message.failure)
        elif message.incidents:
            self._incidents.keep(message.incidents)
            self._recalled = message.incidents[-1].incident_id
            self._recall()
        else:
            self._knows_all = True
            self._understand_soon()

    def _understand_soon(self) -> None:
        if not self._meaning_due.is_set():
            self._meaning_due.set()
            self._helper.do(self._understand)

    # --- in the helper thread -------------------------------------------------------------------

    def _refresh(self) -> None:
        try:
            if self._search.refresh():
                manuals, problems = self._search.manuals(), dict(self._search.problems())
                self.log.info("manuals_read", manuals=len(manuals), problems=problems)
        finally:
            self._read.set()

    def _understand(self) -> None:
        self._meaning_due.clear()
        if self._knows_all:  # of a part of them, the vectors of the others would be given up and made anew
            self._incidents.add_meaning()

    def _load_model(self) -> None:
        search, incidents = self._search, self._incidents
        self._use("model", self._load, self._settings.model, search.use_encoder, incidents.use_encoder)

    def _load_multilingual(self) -> None:
        search, incidents = self._search, self._incidents
        self._use(
            "multilingual_model",
            self._load_second,
            self._settings.second_model,
            search.use_multilingual,
            incidents.use_multilingual,
        )

    def _use(self, what: str, load: Callable[[str], Encoder], model: str, *users: Callable[..., None]) -> None:
        """Load a model and hand it to its users, or tell them why there is none."""
        try:
            encoder = load(model)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the model, words still answer
            reason = str(error) if isinstance(error, ModelUnavailableError) else describe(error)
            if not self._helper.is_stopping:
                for use in users:
                    use(None, reason)
                self.log.warning(f"{what}_unavailable", reason=reason)
        else:
            for use in users:
                use(encoder)
            self._understand()
            self.log.info(f"{what}_ready", model=encoder.model_id)
