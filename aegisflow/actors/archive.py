"""The archive's actor: answers about the past while the historian goes on writing."""

from typing import Any

from aegisflow.actors.messages.manuals import IncidentsRecalled
from aegisflow.actors.messages.store import (
    FindAlarmHistory,
    FindAlarmKpis,
    FindAlarms,
    FindAudit,
    FindAuditPage,
    FindCommand,
    FindCommands,
    FindDiagnoses,
    FindIncident,
    FindIncidents,
    FindPatterns,
    FindReadings,
    FindSimilarIncidents,
    FindStream,
    RecallIncidents,
)
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import Directory
from aegisflow.errors import StoreError
from aegisflow.store import Store
from aegisflow.store.archive import Archive


class ArchiveActor(ThreadedActor):
    """Reads the store on a connection of its own."""

    def __init__(self, name: str, directory: Directory, store: Store) -> None:
        super().__init__(name, directory)
        self._archive = Archive(store.reader())

    def on_receive(self, message: Any) -> Any:
        """Answer a question, with a StoreError where the store cannot; tell who recalls."""
        if isinstance(message, RecallIncidents):
            self._recall(message)
            return None
        try:
            return self._answer(message)
        except StoreError as error:
            return error

    def _answer(self, question: object) -> Any:
        archive = self._archive
        match question:
            case FindStream(device, sensors, period, points):
                return archive.stream(device, sensors, period, points)
            case FindReadings(device_id, period, limit):
                return archive.readings(device_id, period, limit)
            case FindAlarms(query):
                return archive.alarms(query)
            case FindAlarmKpis(period, operators, among):
                return archive.alarm_kpis(period, operators, among)
            case FindAlarmHistory(alarm_id):
                return archive.alarm_history(alarm_id)
            case FindDiagnoses(alarm_ids):
                return archive.diagnoses(alarm_ids)
            case FindIncidents(reports):
                return archive.incidents(reports)
            case FindIncident(incident_id):
                return archive.incident(incident_id)
            case FindSimilarIncidents(alarms, most):
                return archive.similar_incidents(alarms, most)
            case FindPatterns(plant, now):
                return archive.patterns(plant, now)
            case FindCommands(device_id, limit, stages, of):
                return archive.commands(device_id, limit, stages, of)
            case FindCommand(command_id):
                return archive.command(command_id)
            case FindAudit(act, limit):
                return archive.audit(act, limit)
            case FindAuditPage(query):
                return archive.audit_page(query)
            case _:
                return super().on_receive(question)

    def _recall(self, message: RecallIncidents) -> None:
        try:
            told = IncidentsRecalled(self._archive.incidents_after(message.after))
        except StoreError as error:
            told = IncidentsRecalled((), str(error))
        self.tell(message.reply_to, told)

    def on_stop(self) -> None:
        """Close the connection to the store."""
        self._archive.close()

    def on_failure(self, *_: object) -> None:
        """Close the connection to the store."""
        self._archive.close()
