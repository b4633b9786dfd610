"""Live reconfiguration: ``plant.yaml`` read again, compared and run, while the stream goes on."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from aegisflow.actors.messages.store import AppendAudit
from aegisflow.actors.messages.supervisor import ReplacePlant
from aegisflow.actors.runtime.directory import HISTORIAN, SUPERVISOR, Directory
from aegisflow.config import Configuration, difference, load, with_known_devices
from aegisflow.domain.views import AuditEntry, PlantChange
from aegisflow.errors import ConfigError, UnavailableError

__all__ = ["FileWatch", "Reloader"]

REPLACE_S = 60.0
"""How long the supervisor may take to start, stop and change devices."""
LOOK_EVERY_MS = 500
"""How often the watching thread looks whether it was asked to reload, or to stop."""


class Reloader:
    """Brings a changed file to the supervisor; a file with mistakes changes nothing. Safe from any thread."""

    def __init__(self, configuration: Configuration, directory: Directory, now: Callable[[], float]) -> None:
        self._configuration = configuration
        self._directory = directory
        self._now = now
        self._one_at_a_time = threading.Lock()
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("aegisflow").bind(file=str(configuration.path))

    def reload(self) -> PlantChange:
        """Read the file and run it; what only a restart can bring in is named and left alone."""
        with self._one_at_a_time:
            try:
                new = with_known_devices(self._configuration, load(self._configuration.path))
            except ConfigError as error:
                return self._refuse(tuple(str(mistake) for mistake in error.mistakes))
            change = difference(self._configuration, new)
            if new.plant != self._configuration.plant:
                try:
                    self._directory.ask(SUPERVISOR, ReplacePlant(new.plant), REPLACE_S)
                except UnavailableError as error:
                    return self._refuse((str(error),))
                self._configuration = replace(self._configuration, plant=new.plant)
            change = replace(change, applied=True)
            self._log.info(
                "plant_reloaded",
                added=change.added,
                removed=change.removed,
                changed=change.changed,
                needs_restart=change.needs_restart,
            )
            self._audit(change)
            return change

    def _refuse(self, mistakes: tuple[str, ...]) -> PlantChange:
        change = PlantChange(applied=False, mistakes=mistakes)
        self._log.error("plant_not_reloaded", mistakes=mistakes)
        self._audit(change)
        return change

    def _audit(self, change: PlantChange) -> None:
        detail = {
            "applied": change.applied,
            "added": list(change.added),
            "removed": list(change.removed),
            "changed": list(change.changed),
            "needs_restart": list(change.needs_restart),
            "mistakes": list(change.mistakes),
        }
        entry = AuditEntry(self._now(), "aegisflow", "plant_reloaded", str(self._configuration.path), detail)
        self._directory.tell(HISTORIAN, AppendAudit(entry))


class FileWatch:
    """A thread that calls ``reload`` when the content of the file has changed, or when asked to.

    It watches the file's folder, since editors and container platforms put a new file in its place.
    """

    def __init__(self, path: Path, reload: Callable[[], object]) -> None:
        self._path = path
        self._reload = reload
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._seen = self._content()
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("aegisflow").bind(file=str(path))
        self._thread = threading.Thread(target=self._run, name="file-watch", daemon=True)

    def start(self) -> None:
        """Begin; changes are seen from now on."""
        self._thread.start()

    def request(self) -> None:
        """Have the thread reload soon, changed or not; safe in a signal handler."""
        self._asked.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        from watchfiles import watch

        for _ in watch(
            self._path.parent,
            stop_event=self._stopping,
            recursive=False,
            debounce=200,
            step=50,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            content = self._content()
            if content != self._seen or self._asked.is_set():
                self._asked.clear()
                self._seen = content
                try:
                    self._reload()
                except Exception:  # noqa: BLE001 - the next change of the file must still be seen
                    self._log.exception("reload_failed")

    def _content(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
