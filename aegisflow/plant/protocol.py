"""The plant as its edges see it: every question and request, and all timeouts, live here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from aegisflow.domain.alarms.escalation import Escalated
from aegisflow.domain.alarms.kpis import AlarmKpis
from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.links import LinkedAlarm
from aegisflow.domain.alarms.model import Alarm, AlarmEvent
from aegisflow.domain.callers import Caller, CallerKind
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
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.incidents.model import (
    Incident,
    IncidentFile,
    IncidentPage,
    IncidentQuery,
    IncidentReview,
    NewIncident,
    Pattern,
    SimilarIncident,
)
from aegisflow.domain.learning import LearningAct, LearningStatus
from aegisflow.domain.people import ProvedPerson
from aegisflow.domain.refused import RefusedLine
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
from aegisflow.plant.commits import CommitListener


class Plant(Protocol):
    """What the MCP server, the console and the command line may ask of a running plant.

    Every method is safe from any thread, answers within a few seconds, and raises RequestError
    (unknown name, bad value, unavailable) with a text that helps the one who asked. Every ``Answer`` says since when
    the broker is away, if it is: silence of machines is then no fault of theirs.
    """

    def now(self) -> float:
        """Return the plant's clock, UTC epoch seconds."""

    def inventory(self) -> PlantSpec:
        """Return lines, devices, sensors, units and limits as configured now."""

    def device_status(self, device_id: str) -> Answer[DeviceStatus]:
        """Return one device now."""

    def all_status(self) -> Answer[tuple[DeviceStatus, ...]]:
        """Return every device that answers in time; the others are named in ``unavailable``."""

    def sensor_stream(self, device_id: str, sensors: tuple[str, ...], period: Period, points: int) -> Answer[Stream]:
        """Summarise sensors (none named: all) of a device over a period."""

    def active_alarms(self, device_ids: tuple[str, ...] = ()) -> Answer[tuple[Alarm, ...]]:
        """Return alarms that are not history, most severe first, asked of every device.

        Suppressed ones (``state.is_suppressed``) are among them: nobody is asked to act on these.
        """

    def alarm_history(self, query: AlarmQuery) -> Answer[AlarmPage]:
        """Return alarms from the store, newest first."""

    def alarm_life(self, alarm_id: str) -> Answer[tuple[AlarmEvent, ...]]:
        """Return all that has happened to an alarm, oldest first, also to one that is history."""

    def alarm_kpis(self, period: Period, operators: int = 1, among: AlarmQuery | None = None) -> Answer[AlarmKpis]:
        """Return how many alarms people got, by EEMUA 191, for so many operators on duty.

        With ``among`` of the alarms that it admits, over the part of the period of which something is stored.
        """

    def diagnoses(self, alarm_ids: Sequence[str]) -> Mapping[str, AlarmDiagnosis]:
        """Return the newest diagnosis of each of these alarms, by the alarm's id; those without any are absent."""

    def refused(self) -> Answer[tuple[RefusedLine, ...]]:
        """Return what was refused since the plant was started, by device, sensor and reason, the newest first."""

    def find_passages(self, text: str, device_id: str | None, limit: int) -> Answer[PassageAnswer]:
        """Search the manuals; naming a device keeps other kinds' manuals out."""

    def manuals(self) -> Mapping[str, str]:
        """Return the manuals: file name to title."""

    def read_manual(self, name: str) -> str:
        """Return the text of a manual."""

    def incidents(self, query: IncidentQuery) -> Answer[IncidentPage]:
        """Return incident reports: reviewed ones first, then by time, by meaning or by likeness."""

    def incident(self, incident_id: int) -> IncidentFile:
        """Return one report with what it said before it was reviewed."""

    def log_incident(self, incident: NewIncident, by: Caller | None = None) -> Incident:
        """Store an incident report, of a person where there is one; the commands of its time are linked with it."""

    def review_incident(self, review: IncidentReview) -> Incident:
        """Have a person review, correct or withdraw a report; what it said before is kept."""

    def similar_incidents(self, alarms: Sequence[Alarm], most: int = 3) -> Mapping[str, tuple[SimilarIncident, ...]]:
        """Return for each alarm, by its id, the reports that are like it; an alarm that nothing is like has none."""

    def patterns(self) -> tuple[Pattern, ...]:
        """Return the faults that come again and again, on a device or on a kind, the most frequent first."""

    def acknowledge(self, alarm_id: str, by: Caller, note: str) -> Alarm:
        """Record that somebody has taken note of an alarm; it stays active while its cause lasts."""

    def escalation(self, alarm_id: str) -> Escalated:
        """Return who has been told of an alarm that nobody has acknowledged, and who is next; nobody of any other."""

    def linked_alarm(self, text: str) -> LinkedAlarm:
        """Return what a link of a notification is for, and whether it still acknowledges; looking changes nothing."""

    def acknowledge_by_link(self, text: str, note: str, address: str) -> Alarm:
        """Acknowledge the alarm of a link, once, as the person whom it was sent to; ``address`` is the request's."""

    def shelve(self, alarm_id: str, by: Caller, duration_s: float, reason: str) -> Alarm:
        """Shelve an alarm for a time, an operator's right alone; it returns unacknowledged if its cause lasts."""

    def unshelve(self, alarm_id: str, by: Caller) -> Alarm:
        """Return an alarm to service before its shelf ends, an operator's right alone."""

    def take_out_of_service(self, alarm_id: str, by: Caller, reason: str) -> Alarm:
        """Take an alarm out of service until somebody returns it, an operator's right alone."""

    def return_to_service(self, alarm_id: str, by: Caller) -> Alarm:
        """Return an alarm to service that somebody took out of it, an operator's right alone."""

    def accept_levels(
        self, device_id: str, sensors: tuple[str, ...], by: Caller, reason: str
    ) -> tuple[AcceptedLevel, ...]:
        """Take what sensors of a device show now as normal, an operator's right alone."""

    def accept_alarm(self, alarm_id: str, by: Caller, reason: str) -> tuple[AcceptedLevel, ...]:
        """Take what the sensors of an alarm show now as normal, an operator's right alone; the alarm ends by itself."""

    def restore_levels(
        self, device_id: str, sensors: tuple[str, ...], by: Caller, reason: str
    ) -> tuple[AcceptedLevel, ...]:
        """Take an acceptance back, an operator's right alone: the levels of before hold again."""

    def accepted_levels(self) -> Answer[tuple[AcceptedLevel, ...]]:
        """Return what people have accepted as normal, by device and sensor."""

    def learn(self, device_id: str, act: LearningAct, until: str, by: Caller, reason: str) -> LearningStatus | None:
        """Begin, extend, accept or throw away what a device learns, an operator's right alone; return how it stands."""

    def learning(self) -> Answer[Mapping[str, LearningStatus]]:
        """Return the newest commissioning period of each device that has one."""

    def request_command(
        self,
        device_id: str,
        command: CommandName,
        parameters: Mapping[str, str | float],
        by: Caller,
        justification: str,
    ) -> CommandReceipt:
        """Propose a command; the receipt says what became of it and what happens next."""

    def device_commands(self, device_id: str, by: Caller) -> Answer[DeviceCommands]:
        """Return what is open on a device, and what policy would say now to this caller's commands."""

    def approvals(self) -> Answer[tuple[CommandView, ...]]:
        """Return the commands that wait for an operator, oldest first, with their devices as they are now."""

    def approve(self, command_id: str, digest: str, by: Caller) -> CommandReceipt:
        """Agree, as an operator, to the command that the digest stands for; it is judged again before it is sent."""

    def reject(self, command_id: str, by: Caller, reason: str) -> CommandReceipt:
        """Refuse, as an operator, a command that waits."""

    def state_mode(self, device_id: str, mode: Mode, reduction_pct: float, by: Caller, reason: str) -> StatedMode:
        """Take an operator's word for the mode that a machine is in; nothing is sent to it."""

    def stop_agents(self, by: Caller, reason: str) -> AgentWrites:
        """Stop every command that an agent proposes, from now on and over restarts."""

    def resume_agents(self, by: Caller, reason: str) -> AgentWrites:
        """Allow agents to propose commands again."""

    def agent_writes(self) -> AgentWrites:
        """Return whether agents may propose commands now, and who decided that."""

    def commands(
        self, device_id: str | None, limit: int, stages: tuple[Stage, ...] = (), of: CallerKind | None = None
    ) -> Answer[CommandPage]:
        """Return commands, newest first; only those at one of ``stages``, if there are any, and proposed by such."""

    def command(self, command_id: str) -> Answer[CommandReceipt]:
        """Return one command as far as it came."""

    def journal(self, query: AuditQuery) -> Answer[AuditPage]:
        """Return what people, agents and the parts of AegisFlow did, newest first, from the audit."""

    def note_sign_in(self, by: Caller, address: str, shown: str | ProvedPerson) -> None:
        """Keep in the audit that somebody has come in, from where, and by what: a token's hash, or a proved subject."""

    def note_sign_out(self, by: Caller, address: str) -> None:
        """Keep in the audit that somebody has left of their own accord, and from where."""

    def hand_over(self, note: str, facts: Sequence[str], by: Caller) -> AuditEntry:
        """Keep in the audit that somebody hands the shift over: their note, and what they saw, an operator's right."""

    def take_over(self, handover_at: float, note: str, by: Caller) -> AuditEntry:
        """Keep in the audit that somebody takes over the shift that was handed over at that instant.

        Raises ConflictError for whoever handed it over, where it is taken already, and where there is none such.
        """

    def changes(self) -> int:
        """Return a number that is another one whenever something is committed that people are told of at once.

        That is what happens to alarms and to commands. It costs nothing, so whoever shows these may look often.
        """

    def watch(self, listener: CommitListener) -> Callable[[], None]:
        """Have ``listener`` told of every such commit, in the thread of whoever made it; return what ends that."""

    def health(self) -> Health:
        """Return whether the plant is watched; never raises."""

    def agents(self) -> tuple[tuple[Credential, Standing], ...]:
        """Return the tokens of agents by name, those that have ended included."""

    def operators(self) -> Mapping[str, tuple[OperatorSpec, Standing]]:
        """Return the people whom ``plant.yaml`` names, and whether their tokens open anything."""

    def add_agent(self, wanted: Credential, by: Caller) -> Credential:
        """Keep a new token of an agent, an administrator's right alone."""

    def revoke_agent(self, name: str, by: Caller, reason: str) -> Credential:
        """End the token of an agent, from now on and over restarts, an administrator's right alone."""

    def revoke_operator(self, name: str, by: Caller, reason: str) -> Credential:
        """End the token of a person, from now on and over restarts, an administrator's right alone."""

    def reload(self, *, yes: bool = False, by: Caller | None = None) -> PlantChange:
        """Read ``plant.yaml`` again and run it; a file with mistakes changes nothing and is explained.

        Nor does one that takes much away, or a device with an open alarm, until somebody says ``yes`` to it.
        ``by`` is who, where that is known; the audit keeps it.
        """


PlantSource = Callable[[], Plant]
"""Returns the plant, which may still be starting; raises AegisFlowError where there is none."""
