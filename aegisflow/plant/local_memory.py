"""What the plant remembers, asked of the actors in this process: manuals, incident reports, patterns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from aegisflow.actors.messages.manuals import FindPassages, ListManuals, RankIncidents, ReadManual
from aegisflow.actors.messages.store import (
    FindAlarmHistory,
    FindIncident,
    FindIncidents,
    FindPatterns,
    FindSimilarIncidents,
    ReviewIncident,
    StoreIncident,
)
from aegisflow.actors.runtime.directory import ARCHIVE, HISTORIAN, MANUALS, Directory
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.incidents.model import (
    AlarmToMatch,
    Incident,
    IncidentFile,
    IncidentPage,
    IncidentQuery,
    IncidentRanks,
    IncidentReview,
    NewIncident,
    Pattern,
    SimilarIncident,
)
from aegisflow.domain.incidents.similarity import wording
from aegisflow.domain.views import Answer, PassageAnswer
from aegisflow.errors import BadValueError, RequestError, UnknownNameError

__all__ = ["READ_S", "WRITE_S", "LocalMemory"]

T = TypeVar("T")

READ_S = 8.0
"""What has to be looked up in the store."""
WRITE_S = 5.0
"""What has to be committed before it is answered."""
SEARCH_S = 10.0
"""The manuals and reports: the first search by meaning may wait for the model."""
MEANING_S = 1.0
"""How near reports are to alarms by their words, which only completes an answer."""
MAX_RANKED = 50
"""Reports that a text or an alarm brings up."""


class LocalMemory:
    """The part of ``LocalPlant`` that answers from what is written."""

    def __init__(self, directory: Directory, inventory: Callable[[], PlantSpec], now: Callable[[], float]) -> None:
        self._directory = directory
        self._inventory = inventory
        self._now = now

    # --- manuals ------------------------------------------------------------------------------

    def find_passages(self, text: str, device_id: str | None, limit: int) -> Answer[PassageAnswer]:
        """Search the manuals; naming a device keeps other kinds' manuals out."""
        kind = None if device_id is None else self._device(device_id).kind
        return self._answer(self._directory.ask(MANUALS, FindPassages(text, kind, limit), SEARCH_S))

    def manuals(self) -> Mapping[str, str]:
        """Return the manuals: file name to title."""
        return {manual.name: manual.title for manual in self._directory.ask(MANUALS, ListManuals(), SEARCH_S)}

    def read_manual(self, name: str) -> str:
        """Return the text of a manual."""
        return self._directory.ask(MANUALS, ReadManual(name), SEARCH_S)

    # --- incident reports ---------------------------------------------------------------------

    def incidents(self, query: IncidentQuery) -> Answer[IncidentPage]:
        """Return incident reports: reviewed ones first, then by time, by meaning or by likeness."""
        if query.device_id is not None:
            self._device(query.device_id)
        if query.kind is not None:
            kinds = {spec.kind for spec in self._inventory().devices.values()}
            if query.kind not in kinds:
                raise UnknownNameError("kind of device", query.kind, sorted(kinds))
        if query.text is not None and query.similar_to is not None:
            raise BadValueError("similar_to", query.similar_to, "an alarm or a text to look for, not both")
        if query.similar_to is not None:
            return self._answer(self._like_alarm(query.similar_to, query))
        if query.text is not None:
            return self._answer(self._about(query.text, query))
        return self._answer(self._directory.ask(ARCHIVE, FindIncidents(query), READ_S))

    def incident(self, incident_id: int) -> IncidentFile:
        """Return one report with what it said before it was reviewed."""
        return self._directory.ask(ARCHIVE, FindIncident(incident_id), READ_S)

    def log_incident(self, incident: NewIncident) -> Incident:
        """Store an incident report; the commands of its time are linked with it."""
        device = self._device(incident.device_id)
        alarm_id = incident.alarm_id
        if alarm_id is not None:
            alarm = self._alarm(alarm_id)
            if alarm.device_id != incident.device_id:
                raise BadValueError("alarm_id", alarm_id, f"an alarm of {incident.device_id}, not of {alarm.device_id}")
        report = replace(incident, kind=device.kind)
        return self._directory.ask(HISTORIAN, StoreIncident(report), WRITE_S)

    def review_incident(self, review: IncidentReview) -> Incident:
        """Have a person review, correct or withdraw a report; what it said before is kept."""
        return self._directory.ask(HISTORIAN, ReviewIncident(review), WRITE_S)

    def similar_incidents(self, alarms: Sequence[Alarm], most: int = 3) -> Mapping[str, tuple[SimilarIncident, ...]]:
        """Return for each alarm, by its id, the reports that are like it; an alarm that nothing is like has none."""
        devices = self._inventory().devices
        kinds = [devices[alarm.device_id].kind if alarm.device_id in devices else "" for alarm in alarms]
        meanings = self._meanings([wording(alarm, kind) for alarm, kind in zip(alarms, kinds, strict=True)])
        asked = [
            AlarmToMatch(alarm, kind, meaning) for alarm, kind, meaning in zip(alarms, kinds, meanings, strict=True)
        ]
        return self._directory.ask(ARCHIVE, FindSimilarIncidents(tuple(asked), most), READ_S) if asked else {}

    def patterns(self) -> tuple[Pattern, ...]:
        """Return the faults that come again and again, on a device or on a kind, the most frequent first."""
        return self._directory.ask(ARCHIVE, FindPatterns(self._inventory(), self._now()), READ_S)

    # --- inside -------------------------------------------------------------------------------

    def _about(self, text: str, query: IncidentQuery) -> IncidentPage:
        (ranks,) = self._directory.ask(MANUALS, RankIncidents((text,), replace(query, limit=MAX_RANKED)), SEARCH_S)
        found = self._directory.ask(ARCHIVE, FindIncidents(replace(query, ids=tuple(ranks.scores))), READ_S)
        return replace(found, method=ranks.method, note=ranks.note)

    def _like_alarm(self, alarm_id: str, query: IncidentQuery) -> IncidentPage:
        alarm = self._alarm(alarm_id)
        similar = self.similar_incidents((alarm,), MAX_RANKED)[alarm_id]
        found = [one for one in similar if query.admits(one.incident)]
        shown = found[query.skip : query.skip + query.limit]
        note = "" if shown else "No report tells of something like this alarm."
        why = {one.incident.incident_id: one.why for one in shown}
        return IncidentPage(tuple(one.incident for one in shown), len(found), "similar", note, why)

    def _meanings(self, texts: list[str]) -> Iterable[Mapping[int, float]]:
        """Return the reports near to each text; none where that is not known in time, since it only completes."""
        question = RankIncidents(tuple(texts), IncidentQuery(limit=MAX_RANKED), least=0.0)
        try:
            ranks: Sequence[IncidentRanks] = self._directory.ask(MANUALS, question, MEANING_S) if texts else ()
        except RequestError:
            return [{} for _ in texts]
        return [rank.scores for rank in ranks]

    def _alarm(self, alarm_id: str) -> Alarm:
        history = self._directory.ask(ARCHIVE, FindAlarmHistory(alarm_id), READ_S)
        if not history:
            raise UnknownNameError("alarm", alarm_id, tuple(alarm.alarm_id for alarm in self._active()))
        return history[-1].alarm

    def _active(self) -> Sequence[Alarm]:
        """Return the alarms to name where one is unknown."""
        raise NotImplementedError

    def _answer(self, value: T, unavailable: Mapping[str, str] | None = None) -> Answer[T]:
        return Answer(value, self._now(), unavailable or {})

    def _device(self, device_id: str) -> DeviceSpec:
        devices = self._inventory().devices
        device = devices.get(device_id)
        if device is None:
            raise UnknownNameError("device", device_id, tuple(devices))
        return device
