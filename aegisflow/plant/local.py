"""The plant in this process: asks the actors, each with its time limit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from aegisflow.actors.messages.device import (
    AcceptLevels,
    AcknowledgeAlarm,
    DecideLearning,
    ReadAlarms,
    ReadDeviceStatus,
    ReadFacts,
    ReadLearning,
    ReadLevels,
    RestoreLevels,
    ReturnAlarmToService,
    StateMode,
    SuppressAlarm,
)
from aegisflow.actors.messages.gateway import ReadGatewayCounts, ReadRefused
from aegisflow.actors.messages.guard import (
    ApproveCommand,
    ReadAgentWrites,
    ReadApprovals,
    ReadDeviceCommands,
    RejectCommand,
    RequestCommand,
    SwitchAgents,
)
from aegisflow.actors.messages.manuals import FindPassages, ListManuals, RankIncidents, ReadManual
from aegisflow.actors.messages.notifier import ReadEscalation
from aegisflow.actors.messages.store import (
    FindAlarmHistory,
    FindAlarmKpis,
    FindAlarms,
    FindAuditPage,
    FindCommand,
    FindCommands,
    FindDiagnoses,
    FindIncident,
    FindIncidents,
    FindPatterns,
    FindSimilarIncidents,
    FindStream,
    ReviewIncident,
    StoreAudit,
    StoreAuditOnce,
    StoreCredential,
    StoreIncident,
)
from aegisflow.actors.runtime.directory import ARCHIVE, GATEWAY, GUARD, HISTORIAN, MANUALS, NOTIFIER, Directory
from aegisflow.domain.alarms.escalation import Escalated
from aegisflow.domain.alarms.kpis import AlarmKpis
from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.links import LinkedAlarm, LinkSigner
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, device_of
from aegisflow.domain.callers import Caller, CallerKind, require_operator
from aegisflow.domain.commands.model import (
    AgentWrites,
    CommandName,
    CommandReceipt,
    CommandView,
    DeviceCommands,
    Mode,
    Stage,
    StatedMode,
)
from aegisflow.domain.credentials import Credential, OperatorSpec, Standing
from aegisflow.domain.diagnosis import AlarmDiagnosis
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
from aegisflow.domain.learning import LearningAct, LearningStatus
from aegisflow.domain.people import ProvedPerson, sign_in_entry
from aegisflow.domain.refused import RefusedLine
from aegisflow.domain.rights import Right
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    AlarmPage,
    AlarmQuery,
    Answer,
    AuditEntry,
    AuditPage,
    AuditQuery,
    CommandPage,
    DeviceStatus,
    Health,
    PassageAnswer,
    PlantChange,
    Stream,
)
from aegisflow.errors import BadValueError, RequestError, UnavailableError, UnknownNameError
from aegisflow.plant.commits import CommitListener, Commits
from aegisflow.plant.health import HealthCheck
from aegisflow.plant.identities import Identities
from aegisflow.plant.links import LinkOffice, link_signer
from aegisflow.plant.shifts import ShiftOffice
from aegisflow.plant.tokens import TokenOffice

__all__ = ["LocalPlant"]

T = TypeVar("T")

DEVICE_S = 2.0
"""Limit for a question to one device."""
ALL_DEVICES_S = 3.0
"""Limit for a question that all devices are asked at once, together."""
COUNTS_S = 0.5
"""Limit for the gateway's counts, which only complete an answer."""
READ_S = 8.0
"""Limit for what has to be looked up in the store."""
WRITE_S = 5.0
"""Limit for what has to be committed before it is answered."""
SEARCH_S = 10.0
"""Limit for manuals and reports: the first search by meaning may have to wait for the model."""
MEANING_S = 1.0
"""Limit for how near reports are to alarms by their words, which only completes an answer."""
MAX_NAMED = 20
"""Newest commands that whoever asks for another one is told of."""
MAX_RANKED = 50
"""Reports that a text or an alarm brings up at most."""


class Reload(Protocol):
    """Reads the plant file again and runs it."""

    def __call__(self, *, yes: bool = False, by: Caller | None = None) -> PlantChange:
        """Return what it came to; ``yes`` agrees to what a change takes away."""


class LocalPlant:
    """A ``Plant`` whose actors live in this process."""

    def __init__(
        self,
        directory: Directory,
        inventory: Callable[[], PlantSpec],
        now: Callable[[], float],
        health_check: HealthCheck,
        reload: Reload,
        identities: Identities,
        commits: Commits | None = None,
        links: LinkSigner | None = None,
    ) -> None:
        self._directory = directory
        self._commits = commits or Commits()
        self._inventory = inventory
        self._now = now
        self._health_check = health_check
        self._reload = reload
        self._shifts = ShiftOffice(
            lambda query: self.journal(query).value,
            lambda entry: directory.ask(HISTORIAN, StoreAudit(entry), WRITE_S),
            now,
        )
        self._links = LinkOffice(
            self,
            identities,
            links or link_signer(""),
            lambda entry, key: directory.ask(HISTORIAN, StoreAuditOnce(entry, key), WRITE_S),
        )
        self._tokens = TokenOffice(
            identities,
            lambda credential, entry: directory.ask(HISTORIAN, StoreCredential(credential, entry), WRITE_S),
            now,
        )

    def now(self) -> float:
        """Return the plant's clock, UTC epoch seconds."""
        return self._now()

    def inventory(self) -> PlantSpec:
        """Return lines, devices, sensors, units and limits as configured now."""
        return self._inventory()

    # --- devices ------------------------------------------------------------------------------

    def device_status(self, device_id: str) -> Answer[DeviceStatus]:
        """Return one device now."""
        self._device(device_id)
        status = self._directory.ask(device_id, ReadDeviceStatus(), DEVICE_S)
        return self._answer(_with_rejected(status, self._rejected().get(device_id, {})))

    def all_status(self) -> Answer[tuple[DeviceStatus, ...]]:
        """Return every device that answers in time; the others are named in ``unavailable``."""
        found, unavailable = self._directory.ask_all(self.inventory().devices, ReadDeviceStatus(), ALL_DEVICES_S)
        rejected = self._rejected()
        statuses = tuple(_with_rejected(status, rejected.get(name, {})) for name, status in found.items())
        return self._answer(statuses, unavailable)

    def sensor_stream(self, device_id: str, sensors: tuple[str, ...], period: Period, points: int) -> Answer[Stream]:
        """Summarise sensors (none named: all) of a device over a period."""
        device = self._device(device_id)
        for sensor in sensors:
            if sensor not in device.sensors:
                raise UnknownNameError(f"sensor of {device_id}", sensor, tuple(device.sensors))
        question = FindStream(device, sensors or tuple(device.sensors), period, points)
        return self._answer(self._directory.ask(ARCHIVE, question, READ_S))

    # --- alarms -------------------------------------------------------------------------------

    def active_alarms(self, device_ids: tuple[str, ...] = ()) -> Answer[tuple[Alarm, ...]]:
        """Return alarms that are not history, most severe first, asked of every device; some may be suppressed."""
        self._devices(device_ids)
        names = device_ids or tuple(self.inventory().devices)
        found, unavailable = self._directory.ask_all(names, ReadAlarms(), ALL_DEVICES_S)
        alarms = [alarm for several in found.values() for alarm in several]
        alarms.sort(key=lambda alarm: (-alarm.severity.rank, -alarm.raised_at, alarm.alarm_id))
        return self._answer(tuple(alarms), unavailable)

    def alarm_history(self, query: AlarmQuery) -> Answer[AlarmPage]:
        """Return alarms from the store, newest first."""
        self._devices(query.device_ids)
        return self._answer(self._directory.ask(ARCHIVE, FindAlarms(query), READ_S))

    def alarm_life(self, alarm_id: str) -> Answer[tuple[AlarmEvent, ...]]:
        """Return all that has happened to an alarm, oldest first, also to one that is history."""
        return self._answer(self._life(alarm_id))

    def alarm_kpis(self, period: Period, operators: int = 1, among: AlarmQuery | None = None) -> Answer[AlarmKpis]:
        """Return how many alarms people got, by EEMUA 191, for so many operators on duty.

        They are of the part of the period of which something is stored, with ``among`` of the alarms that it admits.
        """
        return self._answer(self._directory.ask(ARCHIVE, FindAlarmKpis(period, operators, among), READ_S))

    def diagnoses(self, alarm_ids: Sequence[str]) -> Mapping[str, AlarmDiagnosis]:
        """Return the newest diagnosis of each of these alarms, by the alarm's id; those without any are absent."""
        return self._directory.ask(ARCHIVE, FindDiagnoses(tuple(alarm_ids)), READ_S) if alarm_ids else {}

    def refused(self) -> Answer[tuple[RefusedLine, ...]]:
        """Return what was refused since the plant was started, by device, sensor and reason, the newest first."""
        return self._answer(self._directory.ask(GATEWAY, ReadRefused(), READ_S))

    def acknowledge(self, alarm_id: str, by: Caller, note: str) -> Alarm:
        """Record that somebody has taken note of an alarm; it stays active while its cause lasts."""
        return self._of_alarm(alarm_id, AcknowledgeAlarm(alarm_id, by, note))

    def escalation(self, alarm_id: str) -> Escalated:
        """Return who has been told of an alarm that nobody has acknowledged, and who is next; nobody of any other."""
        return self._directory.ask(NOTIFIER, ReadEscalation(alarm_id), DEVICE_S)

    def linked_alarm(self, text: str) -> LinkedAlarm:
        """Return what a link of a notification is for, and whether it still acknowledges; looking changes nothing."""
        return self._links.look(text)

    def acknowledge_by_link(self, text: str, note: str, address: str) -> Alarm:
        """Acknowledge the alarm of a link, once, as the person whom it was sent to; ``address`` is the request's."""
        return self._links.use(text, note, address)

    def shelve(self, alarm_id: str, by: Caller, duration_s: float, reason: str) -> Alarm:
        """Shelve an alarm for a time, an operator's right alone; it returns unacknowledged if its cause lasts."""
        return self._of_alarm(alarm_id, SuppressAlarm(alarm_id, by, reason, duration_s))

    def unshelve(self, alarm_id: str, by: Caller) -> Alarm:
        """Return the alarm to service before its shelf ends, an operator's right alone."""
        return self._of_alarm(alarm_id, ReturnAlarmToService(alarm_id, AlarmState.SHELVED, by))

    def take_out_of_service(self, alarm_id: str, by: Caller, reason: str) -> Alarm:
        """Take an alarm out of service until somebody returns it, an operator's right alone."""
        return self._of_alarm(alarm_id, SuppressAlarm(alarm_id, by, reason, None))

    def return_to_service(self, alarm_id: str, by: Caller) -> Alarm:
        """End what ``take_out_of_service`` began, an operator's right alone."""
        return self._of_alarm(alarm_id, ReturnAlarmToService(alarm_id, AlarmState.OUT_OF_SERVICE, by))

    def accept_levels(
        self, device_id: str, sensors: tuple[str, ...], by: Caller, reason: str
    ) -> tuple[AcceptedLevel, ...]:
        """Take what sensors of a device show now as normal, an operator's right alone."""
        self._device(device_id)
        return self._directory.ask(device_id, AcceptLevels(sensors, by, reason), DEVICE_S)

    def accept_alarm(self, alarm_id: str, by: Caller, reason: str) -> tuple[AcceptedLevel, ...]:
        """Take what the sensors of an alarm show now as normal, an operator's right alone; the alarm ends by itself."""
        device_id = self._device_of(alarm_id)
        return self._directory.ask(device_id, AcceptLevels((), by, reason, alarm_id), DEVICE_S)

    def restore_levels(
        self, device_id: str, sensors: tuple[str, ...], by: Caller, reason: str
    ) -> tuple[AcceptedLevel, ...]:
        """Take an acceptance back, an operator's right alone: the levels of before hold again."""
        self._device(device_id)
        return self._directory.ask(device_id, RestoreLevels(sensors, by, reason), DEVICE_S)

    def accepted_levels(self) -> Answer[tuple[AcceptedLevel, ...]]:
        """Return what people have accepted as normal, by device and sensor."""
        found, unavailable = self._directory.ask_all(tuple(self.inventory().devices), ReadLevels(), ALL_DEVICES_S)
        levels = sorted((level for several in found.values() for level in several), key=lambda level: level.key)
        return self._answer(tuple(levels), unavailable)

    def learn(self, device_id: str, act: LearningAct, until: str, by: Caller, reason: str) -> LearningStatus | None:
        """Begin, extend, accept or throw away what a device learns, an operator's right alone."""
        self._device(device_id)
        return self._directory.ask(device_id, DecideLearning(act, until, by, reason), DEVICE_S)

    def learning(self) -> Answer[Mapping[str, LearningStatus]]:
        """Return the newest commissioning period of each device that has one."""
        found, unavailable = self._directory.ask_all(tuple(self.inventory().devices), ReadLearning(), ALL_DEVICES_S)
        return self._answer({name: one for name, one in found.items() if one is not None}, unavailable)

    # --- commands -----------------------------------------------------------------------------

    def request_command(
        self,
        device_id: str,
        command: CommandName,
        parameters: Mapping[str, str | float],
        by: Caller,
        justification: str,
    ) -> CommandReceipt:
        """Propose a command; the receipt says what became of it and what happens next."""
        self._device(device_id)
        request = RequestCommand(device_id, command, dict(parameters), by, justification)
        return self._directory.ask(GUARD, request, WRITE_S)

    def device_commands(self, device_id: str, by: Caller) -> Answer[DeviceCommands]:
        """Return what is open on a device, and what policy would say now to this caller's commands."""
        self._device(device_id)
        return self._answer(self._directory.ask(GUARD, ReadDeviceCommands(device_id, by), DEVICE_S))

    def approvals(self) -> Answer[tuple[CommandView, ...]]:
        """Return the commands that wait for an operator, oldest first, with their devices as they are now."""
        waiting = self._directory.ask(GUARD, ReadApprovals(), DEVICE_S)
        names = dict.fromkeys(view.receipt.command.device_id for view in waiting)
        facts, unavailable = self._directory.ask_all(names, ReadFacts(), DEVICE_S)
        at = self._now()
        seen = tuple(
            replace(view, facts_now=facts[name], facts_now_at=at) if name in facts else view
            for view, name in ((view, view.receipt.command.device_id) for view in waiting)
        )
        return self._answer(seen, unavailable)

    def approve(self, command_id: str, digest: str, by: Caller) -> CommandReceipt:
        """Agree, as an operator, to the command that the digest stands for; it is judged again before it is sent."""
        return self._directory.ask(GUARD, ApproveCommand(command_id, digest, by), WRITE_S)

    def reject(self, command_id: str, by: Caller, reason: str) -> CommandReceipt:
        """Refuse, as an operator, a command that waits."""
        return self._directory.ask(GUARD, RejectCommand(command_id, by, reason), WRITE_S)

    def state_mode(self, device_id: str, mode: Mode, reduction_pct: float, by: Caller, reason: str) -> StatedMode:
        """Take an operator's word for the mode that a machine is in; nothing is sent to it."""
        self._device(device_id)
        return self._directory.ask(device_id, StateMode(mode, reduction_pct, by, reason), WRITE_S)

    def stop_agents(self, by: Caller, reason: str) -> AgentWrites:
        """Stop every command that an agent proposes, from now on and over restarts."""
        return self._directory.ask(GUARD, SwitchAgents(False, by, reason), WRITE_S)

    def resume_agents(self, by: Caller, reason: str) -> AgentWrites:
        """Allow agents to propose commands again."""
        return self._directory.ask(GUARD, SwitchAgents(True, by, reason), WRITE_S)

    def agent_writes(self) -> AgentWrites:
        """Return whether agents may propose commands now, and who decided that."""
        return self._directory.ask(GUARD, ReadAgentWrites(), DEVICE_S)

    def commands(
        self, device_id: str | None, limit: int, stages: tuple[Stage, ...] = (), of: CallerKind | None = None
    ) -> Answer[CommandPage]:
        """Return commands, newest first; only those at one of ``stages``, if there are any, and proposed by such."""
        if device_id is not None:
            self._device(device_id)
        return self._answer(self._directory.ask(ARCHIVE, FindCommands(device_id, limit, stages, of), READ_S))

    def command(self, command_id: str) -> Answer[CommandReceipt]:
        """Return one command as far as it came."""
        found = self._directory.ask(ARCHIVE, FindCommand(command_id), READ_S)
        if found is None:
            newest = self._directory.ask(ARCHIVE, FindCommands(None, MAX_NAMED), READ_S).commands
            raise UnknownNameError("command", command_id, tuple(one.command.command_id for one in newest))
        return self._answer(found)

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

    def log_incident(self, incident: NewIncident, by: Caller | None = None) -> Incident:
        """Store an incident report, of a person where there is one; the commands of its time are linked with it."""
        device = self._device(incident.device_id)
        alarm_id = incident.alarm_id
        if alarm_id is not None:
            alarm = self._alarm(alarm_id)
            if alarm.device_id != incident.device_id:
                raise BadValueError("alarm_id", alarm_id, f"an alarm of {incident.device_id}, not of {alarm.device_id}")
        if by is not None:
            require_operator(by, Right.REPORT, f"write a report about {incident.device_id}", on=device.line)
        report = replace(incident, kind=device.kind)
        return self._directory.ask(HISTORIAN, StoreIncident(report), WRITE_S)

    def review_incident(self, review: IncidentReview) -> Incident:
        """Have a person review, correct or withdraw a report; what it said before is kept."""
        if review.by.is_limited:  # the historian, which knows no lines, is told; for all others it is the same
            device_id = self.incident(review.incident_id).incident.device_id
            review = replace(review, on=self._inventory().line_of(device_id))
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

    # --- who may come in ----------------------------------------------------------------------

    def agents(self) -> tuple[tuple[Credential, Standing], ...]:
        """Return the tokens of agents by name, those that have ended included."""
        return self._tokens.agents()

    def operators(self) -> Mapping[str, tuple[OperatorSpec, Standing]]:
        """Return the people whom ``plant.yaml`` names, and whether their tokens open anything."""
        return self._tokens.operators()

    def add_agent(self, wanted: Credential, by: Caller) -> Credential:
        """Keep a new token of an agent, an administrator's right alone."""
        return self._tokens.add_agent(wanted, by)

    def revoke_agent(self, name: str, by: Caller, reason: str) -> Credential:
        """End the token of an agent, from now on and over restarts, an administrator's right alone."""
        return self._tokens.revoke_agent(name, by, reason)

    def revoke_operator(self, name: str, by: Caller, reason: str) -> Credential:
        """End the token of a person, from now on and over restarts, an administrator's right alone."""
        return self._tokens.revoke_operator(name, by, reason)

    # --- the journal --------------------------------------------------------------------------

    def journal(self, query: AuditQuery) -> Answer[AuditPage]:
        """Return what people, agents and the parts of AegisFlow did, newest first, from the audit."""
        return self._answer(self._directory.ask(ARCHIVE, FindAuditPage(query), READ_S))

    def note_sign_in(self, by: Caller, address: str, shown: str | ProvedPerson) -> None:
        """Keep in the audit that somebody has come in, from where, and by what: a token's hash, or a proved subject."""
        self._directory.ask(HISTORIAN, StoreAudit(sign_in_entry(self._now(), by, address, shown)), WRITE_S)

    def note_sign_out(self, by: Caller, address: str) -> None:
        """Keep in the audit that somebody has left of their own accord, and from where."""
        entry = AuditEntry(self._now(), by.name, "signed_out", "console", {"address": address})
        self._directory.ask(HISTORIAN, StoreAudit(entry), WRITE_S)

    def hand_over(self, note: str, facts: Sequence[str], by: Caller) -> AuditEntry:
        """Keep in the audit that somebody hands the shift over: their note, and what they saw, an operator's right."""
        return self._shifts.hand_over(note, facts, by)

    def take_over(self, handover_at: float, note: str, by: Caller) -> AuditEntry:
        """Keep in the audit that somebody takes over the shift that was handed over at that instant."""
        return self._shifts.take_over(handover_at, note, by)

    def changes(self) -> int:
        """Return a number that is another one whenever something is committed that people are told of at once."""
        return self._commits.newest()

    def watch(self, listener: CommitListener) -> Callable[[], None]:
        """Have ``listener`` told of every commit of an alarm or a command; return what ends that."""
        return self._commits.watch(listener)

    # --- the plant itself ---------------------------------------------------------------------

    def health(self) -> Health:
        """Return whether the plant is watched; never raises."""
        return self._health_check.run()

    def reload(self, *, yes: bool = False, by: Caller | None = None) -> PlantChange:
        """Read ``plant.yaml`` again and run it; what changes nothing, and what waits for a yes, is explained."""
        return self._reload(yes=yes, by=by)

    # --- inside -------------------------------------------------------------------------------

    def _active(self) -> Sequence[Alarm]:
        return self.active_alarms().value

    def _of_alarm(self, alarm_id: str, question: AcknowledgeAlarm | SuppressAlarm | ReturnAlarmToService) -> Alarm:
        """Ask the device that an alarm belongs to."""
        return self._directory.ask(self._device_of(alarm_id), question, DEVICE_S)

    def _device_of(self, alarm_id: str) -> str:
        device_id = device_of(alarm_id)
        if device_id not in self.inventory().devices:
            raise UnknownNameError("alarm", alarm_id, tuple(alarm.alarm_id for alarm in self._active()))
        return device_id

    def _devices(self, device_ids: Iterable[str]) -> None:
        for device_id in device_ids:
            self._device(device_id)

    def _rejected(self) -> Mapping[str, Mapping[str, int]]:
        try:
            return self._directory.ask(GATEWAY, ReadGatewayCounts(), COUNTS_S).rejected_by_device
        except UnavailableError:
            return {}

    def _about(self, text: str, query: IncidentQuery) -> IncidentPage:
        # All that the text brings up, not only this page: what is kept is then put in order, reviewed ones first.
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
        return self._life(alarm_id)[-1].alarm

    def _life(self, alarm_id: str) -> tuple[AlarmEvent, ...]:
        history = self._directory.ask(ARCHIVE, FindAlarmHistory(alarm_id), READ_S)
        if not history:
            raise UnknownNameError("alarm", alarm_id, tuple(alarm.alarm_id for alarm in self._active()))
        return history

    def _answer(self, value: T, unavailable: Mapping[str, str] | None = None) -> Answer[T]:
        # Apart from who could not be asked: devices answer all the same, and it is their machines that are not heard.
        return Answer(value, self._now(), unavailable or {}, self._health_check.broker_away_since())

    def _device(self, device_id: str) -> DeviceSpec:
        devices = self._inventory().devices
        device = devices.get(device_id)
        if device is None:
            raise UnknownNameError("device", device_id, tuple(devices))
        return device


def _with_rejected(status: DeviceStatus, rejected: Mapping[str, int]) -> DeviceStatus:
    """Return the status with what the gateway refused in the device's name; the device never sees it."""
    return replace(status, refused={**status.refused, **rejected}) if rejected else status
