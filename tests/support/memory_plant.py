"""A plant in memory that keeps the promises of the Plant protocol, for tests of its edges."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from aegisflow.domain.alarms.escalation import Escalated
from aegisflow.domain.alarms.kpis import AlarmKpis, AlarmTrace, alarm_kpis
from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.alarms.lifecycle import check_reason, check_shelf, returned_to_service, suppressed
from aegisflow.domain.alarms.links import LEAST_KEY, LinkedAlarm, LinkSigner
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Evidence, Severity
from aegisflow.domain.callers import Caller, CallerKind, require_operator
from aegisflow.domain.commands.model import (
    AgentWrites,
    Command,
    CommandName,
    CommandOption,
    CommandReceipt,
    CommandView,
    DeviceCommands,
    Mode,
    Ruling,
    Stage,
    StatedMode,
)
from aegisflow.domain.credentials import Credential, OperatorSpec, Standing
from aegisflow.domain.detection import DeviceDetector
from aegisflow.domain.device_learning import DeviceLearning
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.equipment import DeviceSpec, Limits, LineSpec, ParameterSpec, PlantSpec, SensorSpec
from aegisflow.domain.handover import HANDED_OVER, TAKEN_OVER, check_take_over, handovers
from aegisflow.domain.incidents.model import (
    CORRECTABLE,
    AlarmToMatch,
    Incident,
    IncidentFile,
    IncidentPage,
    IncidentQuery,
    IncidentReview,
    IncidentRevision,
    NewIncident,
    Pattern,
    SimilarIncident,
)
from aegisflow.domain.incidents.similarity import Occurrence, most_similar, patterns
from aegisflow.domain.learning import LearningAct, LearningStatus
from aegisflow.domain.people import ProvedPerson, sign_in_entry
from aegisflow.domain.readings import Quality
from aegisflow.domain.refused import RefusedLine
from aegisflow.domain.rights import Extent, Right
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
    Gap,
    Health,
    Passage,
    PassageAnswer,
    PlantChange,
    SensorStatus,
    SensorSummary,
    SeriesPoint,
    StoreHealth,
    Stream,
)
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError
from aegisflow.plant.commits import CommitListener, Commits
from aegisflow.plant.identities import Identities
from aegisflow.plant.links import LinkOffice
from aegisflow.plant.tokens import TokenOffice

T = TypeVar("T")

NOW = 1_769_846_400.0  # 2026-01-31T08:00:00Z
SENSORS = {
    "pressure": SensorSpec("pressure", "PSI", Limits(28, 35), Limits(22, None), Limits(18, 42)),
    "vibration": SensorSpec("vibration", "mm/s", Limits(0.5, 2.5), Limits(None, 3.5), Limits(None, 5.0)),
}


def size_of_json(answer: dict[str, object]) -> int:
    return len(json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode())


def a_device(device_id: str) -> DeviceSpec:
    return DeviceSpec(
        device_id,
        line="line-1",
        kind="pump",
        sensors=SENSORS,
        parameters={"speed": ParameterSpec("speed", "rpm", Limits(800, 1500))},
        manual="pump.md",
    )


def a_plant_spec(devices: int) -> PlantSpec:
    names = tuple(f"pump-{number:02d}" for number in range(1, devices + 1))
    lines = {"line-1": LineSpec("line-1", "the first line", names)}
    return PlantSpec("Test works", lines, {name: a_device(name) for name in names})


def an_alarm(number: int, device_id: str = "pump-01", severity: Severity = Severity.HIGH, note: str = "") -> Alarm:
    evidence = Evidence("vibration", "z_score", 8.4, 1.5, 0.4, 17.25, "high", NOW - 600, NOW - 300)
    return Alarm(
        alarm_id=f"{device_id}@{number:05d}",
        device_id=device_id,
        fault_type="bearing_failure",
        first_type="unknown",
        severity=severity,
        state=AlarmState.UNACKNOWLEDGED,
        detector="z_score",
        evidence=(evidence, replace(evidence, sensor="pressure", z=-4.0, direction="low")),
        raised_at=NOW - 10_000 + number,
        changed_at=NOW - 10,
        repeats=7,
        note=note,
        acknowledged_by="an agent" if note else "",
        reasons=("vibration rises alone",),
    )


def a_new_incident(title: str = "Seal worn", device_id: str = "pump-01") -> NewIncident:
    return NewIncident(
        device_id,
        None,
        "pressure_leak",
        Severity.HIGH,
        title,
        "worn seal",
        "replaced",
        "normal",
        "A. Person",
        "person",
        NOW,
    )


def _rank(report: Incident) -> tuple[bool, float, int]:
    return report.reviewed, report.occurred_at, report.incident_id


class MemoryPlant:
    """Implements ``aegisflow.plant.protocol.Plant`` over lists."""

    def __init__(self, devices: int = 3, identities: Identities | None = None) -> None:
        self.spec = a_plant_spec(devices)
        self.alarms: list[Alarm] = []
        self.levels: list[AcceptedLevel] = []
        self.learners: dict[str, DeviceLearning] = {}
        self.audited: list[AuditEntry] = []
        self.escalated: dict[str, Escalated] = {}
        self.commits = Commits()
        self.refusals: tuple[RefusedLine, ...] = ()
        self.reports: list[Incident] = []
        self.revisions: dict[int, list[IncidentRevision]] = {}
        self.requests: list[CommandReceipt] = []
        self.acknowledged: list[tuple[str, Caller, str]] = []
        self.silent_names: dict[str, str] = {}
        self.broker_away_since: float | None = None
        self.stated: list[StatedMode] = []
        self.diagnosed: dict[str, AlarmDiagnosis] = {}
        self.points = 60
        self.facts_then: tuple[str, ...] = ("pump-01 is in normal",)
        self.facts_now: tuple[str, ...] = ("pump-01 is hotter",)
        """Of the device of each command that waits."""
        self.writes = AgentWrites(True, "", None, "")
        self.healthy = True
        self.reloads = 0
        self.change = PlantChange(applied=True, added=("pump-04",))

        self.identities = Identities() if identities is None else identities
        self.tokens = TokenOffice(self.identities, lambda credential, entry: credential, self.now)
        self.signer = LinkSigner(b"k" * LEAST_KEY)
        self.links = LinkOffice(self, self.identities, self.signer, self._keep_once)

    def agents(self) -> tuple[tuple[Credential, Standing], ...]:
        return self.tokens.agents()

    def operators(self) -> Mapping[str, tuple[OperatorSpec, Standing]]:
        return self.tokens.operators()

    def add_agent(self, wanted: Credential, by: Caller) -> Credential:
        return self.tokens.add_agent(wanted, by)

    def revoke_agent(self, name: str, by: Caller, reason: str) -> Credential:
        return self.tokens.revoke_agent(name, by, reason)

    def revoke_operator(self, name: str, by: Caller, reason: str) -> Credential:
        return self.tokens.revoke_operator(name, by, reason)

    def now(self) -> float:
        return NOW

    def inventory(self) -> PlantSpec:
        return self.spec

    def device_status(self, device_id: str) -> Answer[DeviceStatus]:
        self._device(device_id)
        return self._answer(self._status(device_id))

    def all_status(self) -> Answer[tuple[DeviceStatus, ...]]:
        names = [name for name in self.spec.devices if name not in self.silent_names]
        return self._answer(tuple(map(self._status, names)), self.silent_names)

    def sensor_stream(self, device_id: str, sensors: tuple[str, ...], period: Period, points: int) -> Answer[Stream]:
        device = self._device(device_id)
        for sensor in sensors:
            if sensor not in device.sensors:
                raise UnknownNameError("sensor", sensor, list(device.sensors))
        chosen = [device.sensors[name] for name in sensors or device.sensors]
        count = min(points, self.points)
        width = (period.end - period.start) / count
        series = tuple(
            SeriesPoint(period.start + index * width, 12, 1.5, 1.0, 99.25 if index == count // 2 else 2.0)
            for index in range(count)
        )
        summaries = tuple(
            SensorSummary(
                spec.name, spec.unit, 720, 1.5, 1.0, period.start, 99.25, period.start, 0.4, 0.01, 1.4, 1.6, 3, series
            )
            for spec in chosen
        )
        stream = Stream(device_id, period, "raw", 720, (Gap(period.start, period.start + 60),), summaries)
        return self._answer(stream)

    def active_alarms(self, device_ids: tuple[str, ...] = ()) -> Answer[tuple[Alarm, ...]]:
        for name in device_ids:
            self._device(name)
        found = [alarm for alarm in self.alarms if not device_ids or alarm.device_id in device_ids]
        return self._answer(tuple(found), self.silent_names)

    def alarm_history(self, query: AlarmQuery) -> Answer[AlarmPage]:
        for name in query.device_ids:
            self._device(name)
        found = sorted(
            (alarm for alarm in self.alarms if not query.device_ids or alarm.device_id in query.device_ids),
            key=lambda alarm: (alarm.raised_at, alarm.alarm_id),
            reverse=True,
        )
        rest = [alarm for alarm in found if query.before is None or (alarm.raised_at, alarm.alarm_id) < query.before]
        page = AlarmPage(
            tuple(rest[: query.limit]), len(found), {"pump-01": len(found)}, {"bearing_failure": len(found)}
        )
        return self._answer(page)

    def alarm_life(self, alarm_id: str) -> Answer[tuple[AlarmEvent, ...]]:
        alarm = self._alarm(alarm_id)
        events = [AlarmEvent(Change.RAISED, alarm.raised_at, alarm)]
        if alarm.acknowledged_at is not None:
            events.append(AlarmEvent(Change.ACKNOWLEDGED, alarm.acknowledged_at, alarm, alarm.acknowledged_by))
        return self._answer(tuple(events))

    def find_passages(self, text: str, device_id: str | None, limit: int) -> Answer[PassageAnswer]:
        if device_id is not None:
            self._device(device_id)
        passage = Passage("pump.md", "Pumps", "3", "Faults > Leak", "## Leak\nStop.\n" + "Compare. " * 800, 0.9)
        return self._answer(PassageAnswer((passage,) * limit, "lexical", "no model"))

    def manuals(self) -> Mapping[str, str]:
        return {"pump.md": "Pumps"}

    def read_manual(self, name: str) -> str:
        if name != "pump.md":
            raise UnknownNameError("manual", name, ["pump.md"])
        return "# Pumps\n"

    def incidents(self, query: IncidentQuery) -> Answer[IncidentPage]:
        stand = [
            report for report in self.reports if not report.withdrawn and (query.reviewed in (None, report.reviewed))
        ]
        ordered = sorted(stand, key=_rank, reverse=True)
        if query.text is not None or query.similar_to is not None:
            shown = ordered[query.skip : query.skip + query.limit]
            return self._answer(IncidentPage(tuple(shown), len(ordered), "lexical", "no model"))
        rest = [report for report in ordered if query.before is None or _rank(report) < query.before]
        return self._answer(IncidentPage(tuple(rest[: query.limit]), len(ordered)))

    def incident(self, incident_id: int) -> IncidentFile:
        for report in self.reports:
            if report.incident_id == incident_id:
                return IncidentFile(report, tuple(self.revisions.get(incident_id, ())))
        raise UnknownNameError("incident report", str(incident_id), ())

    def log_incident(self, incident: NewIncident, by: Caller | None = None) -> Incident:
        self._device(incident.device_id)
        fields = {name: getattr(incident, name) for name in NewIncident.__dataclass_fields__} | {"kind": "pump"}
        by_person = incident.origin == "person"
        stored = Incident(incident_id=len(self.reports) + 1, reviewed=by_person, reported_at=NOW, **fields)
        self.reports.append(stored)
        return stored

    def review_incident(self, review: IncidentReview) -> Incident:
        found = self.incident(review.incident_id).incident
        device = self.spec.devices.get(found.device_id)
        replace(review, on=Extent.WHOLE_PLANT if device is None else device.line).check()
        if found.revision != review.revision:
            raise ConflictError(f"report {found.incident_id} is at revision {found.revision} by now")
        values = {name: getattr(found, name) for name in CORRECTABLE}
        self.revisions.setdefault(found.incident_id, []).append(
            IncidentRevision(found.revision, NOW, review.by.name, review.note, values)
        )
        revised = replace(
            found,
            revision=found.revision + 1,
            reviewed=True,
            reviewed_by=review.by.name,
            reviewed_at=NOW,
            withdrawn=review.withdraw,
            **review.changes,  # type: ignore[arg-type]
        )
        self.reports[self.reports.index(found)] = revised
        return revised

    def similar_incidents(self, alarms: Sequence[Alarm], most: int = 3) -> Mapping[str, tuple[SimilarIncident, ...]]:
        return {alarm.alarm_id: most_similar(AlarmToMatch(alarm, "pump"), self.reports, most) for alarm in alarms}

    def patterns(self) -> tuple[Pattern, ...]:
        told = [Occurrence(one.device_id, one.kind, one.fault_type, one.occurred_at) for one in self.reports]
        return patterns(told, NOW, self.spec.repeats_within_s)

    def acknowledge(self, alarm_id: str, by: Caller, note: str) -> Alarm:
        if not self._alarm(alarm_id).state.needs_acknowledgement:
            return self._alarm(alarm_id)  # a second time changes nothing
        changed = self._change(
            alarm_id,
            lambda alarm: replace(
                alarm, state=AlarmState.ACKNOWLEDGED, acknowledged_at=NOW, acknowledged_by=by.name, note=note
            ),
        )
        self.acknowledged.append((alarm_id, by, note))
        return changed

    def escalation(self, alarm_id: str) -> Escalated:
        return self.escalated.get(alarm_id, Escalated())

    def linked_alarm(self, text: str) -> LinkedAlarm:
        return self.links.look(text)

    def acknowledge_by_link(self, text: str, note: str, address: str) -> Alarm:
        return self.links.use(text, note, address)

    def _keep_once(self, entry: AuditEntry, key: str) -> bool:
        known = [one for one in self.audited if (one.act, one.subject) == (entry.act, entry.subject)]
        if any(one.detail.get(key) == entry.detail[key] for one in known):
            return False
        self.audited.append(entry)
        return True

    def alarm_kpis(self, period: Period, operators: int = 1, among: AlarmQuery | None = None) -> Answer[AlarmKpis]:
        names = among.device_ids if among else ()
        alarms = [alarm for alarm in self.alarms if not names or alarm.device_id in names]
        traces = [AlarmTrace(a.device_id, a.fault_type, a.severity, a.raised_at, a.cleared_at) for a in alarms]
        data = Period(period.end - 60, period.end - 5)
        return self._answer(replace(alarm_kpis(traces, period, operators), data=data))

    def diagnoses(self, alarm_ids: Sequence[str]) -> Mapping[str, AlarmDiagnosis]:
        return {one: self.diagnosed[one] for one in alarm_ids if one in self.diagnosed}

    def refused(self) -> Answer[tuple[RefusedLine, ...]]:
        return self._answer(self.refusals)

    def _alarm(self, alarm_id: str) -> Alarm:
        known = {alarm.alarm_id: alarm for alarm in self.alarms}
        if alarm_id not in known:
            raise UnknownNameError("alarm", alarm_id, list(known))
        return known[alarm_id]

    def _change(self, alarm_id: str, change: Callable[[Alarm], Alarm]) -> Alarm:
        found = self._alarm(alarm_id)
        changed = change(found)
        self.alarms[self.alarms.index(found)] = changed
        return changed

    def shelve(self, alarm_id: str, by: Caller, duration_s: float, reason: str) -> Alarm:
        require_operator(by, Right.HANDLE_ALARMS, "shelve alarms", "only operators may", on=Extent.ANYWHERE)
        check_shelf(duration_s, reason)
        until = NOW + duration_s
        return self._change(alarm_id, lambda alarm: suppressed(alarm, AlarmState.SHELVED, by, reason, NOW, until))

    def accept_levels(
        self, device_id: str, sensors: tuple[str, ...], by: Caller, reason: str
    ) -> tuple[AcceptedLevel, ...]:
        require_operator(by, Right.HANDLE_ALARMS, "say what is normal", "only operators may", on=Extent.ANYWHERE)
        check_reason(reason)
        if device_id not in self.spec.devices:
            raise UnknownNameError("device", device_id, list(self.spec.devices))
        self.levels += [AcceptedLevel(device_id, name, "°C", 77.0, 72.0, 0.3, by.name, reason, NOW) for name in sensors]
        return tuple(self.levels)

    def accept_alarm(self, alarm_id: str, by: Caller, reason: str) -> tuple[AcceptedLevel, ...]:
        return self.accept_levels(alarm_id.rpartition("@")[0], ("temperature",), by, reason)

    def restore_levels(
        self, device_id: str, sensors: tuple[str, ...], by: Caller, reason: str
    ) -> tuple[AcceptedLevel, ...]:
        require_operator(by, Right.HANDLE_ALARMS, "take back what is normal", "only operators may", on=Extent.ANYWHERE)
        gone = tuple(level for level in self.levels if level.device_id == device_id and level.sensor in sensors)
        if not gone:
            raise UnknownNameError("accepted level", sensors[0], [level.sensor for level in self.levels])
        self.levels = [level for level in self.levels if level not in gone]
        return gone

    def accepted_levels(self) -> Answer[tuple[AcceptedLevel, ...]]:
        return Answer(tuple(self.levels), NOW, {})

    def learn(self, device_id: str, act: LearningAct, until: str, by: Caller, reason: str) -> LearningStatus | None:
        require_operator(by, Right.HANDLE_ALARMS, "say what is normal", "only operators may", on=Extent.ANYWHERE)
        check_reason(reason)
        if device_id not in self.spec.devices:
            raise UnknownNameError("device", device_id, list(self.spec.devices))
        learner = self.learners.get(device_id)
        if learner is None:
            spec = self.spec.devices[device_id]
            learner = self.learners[device_id] = DeviceLearning(device_id, DeviceDetector(spec))
        learner.decide(act, until, by, reason, NOW)
        return learner.status(NOW)

    def learning(self) -> Answer[Mapping[str, LearningStatus]]:
        found = {name: learner.status(NOW) for name, learner in self.learners.items()}
        return Answer({name: one for name, one in found.items() if one is not None}, NOW, {})

    def unshelve(self, alarm_id: str, by: Caller) -> Alarm:
        require_operator(by, Right.HANDLE_ALARMS, "bring alarms back", "only operators may", on=Extent.ANYWHERE)
        return self._change(alarm_id, lambda alarm: returned_to_service(alarm, NOW))

    def take_out_of_service(self, alarm_id: str, by: Caller, reason: str) -> Alarm:
        require_operator(
            by, Right.HANDLE_ALARMS, "take alarms out of service", "only operators may", on=Extent.ANYWHERE
        )
        check_reason(reason)
        return self._change(alarm_id, lambda alarm: suppressed(alarm, AlarmState.OUT_OF_SERVICE, by, reason, NOW))

    def return_to_service(self, alarm_id: str, by: Caller) -> Alarm:
        return self.unshelve(alarm_id, by)

    def request_command(
        self,
        device_id: str,
        command: CommandName,
        parameters: Mapping[str, str | float],
        by: Caller,
        justification: str,
    ) -> CommandReceipt:
        self._device(device_id)
        proposed = Command(f"cmd-{len(self.requests) + 1}", device_id, command, parameters, by, justification, NOW)
        receipt = CommandReceipt(proposed, Stage.AWAITING_APPROVAL, ("an operator approves",), "wait", NOW + 900)
        self.requests.append(receipt)
        return receipt

    def device_commands(self, device_id: str, by: Caller) -> Answer[DeviceCommands]:
        self._device(device_id)
        option = CommandOption(CommandName.RESTART, "deny", ("restart belongs to people",))
        return self._answer(DeviceCommands(tuple(one for one in self.requests if not one.stage.is_final), (option,)))

    def commands(
        self, device_id: str | None, limit: int, stages: tuple[Stage, ...] = (), of: CallerKind | None = None
    ) -> Answer[CommandPage]:
        found = [
            receipt
            for receipt in reversed(self.requests)
            if device_id in (None, receipt.command.device_id) and (not stages or receipt.stage in stages)
            if of in (None, receipt.command.proposed_by.kind)
        ]
        return self._answer(CommandPage(tuple(found[:limit])))

    def command(self, command_id: str) -> Answer[CommandReceipt]:
        known = {receipt.command.command_id: receipt for receipt in self.requests}
        if command_id not in known:
            raise UnknownNameError("command", command_id, list(known))
        return self._answer(known[command_id])

    def approvals(self) -> Answer[tuple[CommandView, ...]]:
        waiting = (receipt for receipt in self.requests if receipt.stage is Stage.AWAITING_APPROVAL)
        return self._answer(tuple(map(self._view, waiting)))

    def approve(self, command_id: str, digest: str, by: Caller) -> CommandReceipt:
        receipt = self._waiting(command_id)
        if digest != self._view(receipt).digest:
            raise ConflictError(f"{command_id} is not what you were shown; look at it again")
        if by == receipt.command.proposed_by:
            raise NotAllowedError(f"approve {command_id}", by.name, "whoever proposed a command may not approve it")
        return self._settle(receipt, Stage.APPROVED, by, f"approved by {by.name}")

    def reject(self, command_id: str, by: Caller, reason: str) -> CommandReceipt:
        return self._settle(self._waiting(command_id), Stage.REJECTED, by, f"rejected by {by.name}: {reason}")

    def state_mode(self, device_id: str, mode: Mode, reduction_pct: float, by: Caller, reason: str) -> StatedMode:
        self._device(device_id)
        require_operator(by, Right.COMMAND, "state the mode of a machine", "only operators may", on=Extent.ANYWHERE)
        stated = StatedMode(device_id, mode, reduction_pct, by.name, NOW, reason)
        stated.check()
        self.stated.append(stated)
        return stated

    def stop_agents(self, by: Caller, reason: str) -> AgentWrites:
        self.writes = AgentWrites(False, by.name, NOW, reason)
        return self.writes

    def resume_agents(self, by: Caller, reason: str) -> AgentWrites:
        self.writes = AgentWrites(True, by.name, NOW, reason)
        return self.writes

    def agent_writes(self) -> AgentWrites:
        return self.writes

    def changes(self) -> int:
        return self.commits.newest()

    def watch(self, listener: CommitListener) -> Callable[[], None]:
        return self.commits.watch(listener)

    def journal(self, query: AuditQuery) -> Answer[AuditPage]:
        found = [
            entry
            for entry in reversed(self.audited)
            if (query.period is None or query.period.start <= entry.at < query.period.end)
            and (not query.acts or entry.act.startswith(query.acts))
            and all(word in f"{entry}".lower() for word in query.text.lower().split())
        ]
        return self._answer(AuditPage(tuple(found[: query.limit]), len(found)))

    def note_sign_in(self, by: Caller, address: str, shown: str | ProvedPerson) -> None:
        self.audited.append(sign_in_entry(NOW, by, address, shown))

    def note_sign_out(self, by: Caller, address: str) -> None:
        self.audited.append(AuditEntry(NOW, by.name, "signed_out", "console", {"address": address}))

    def hand_over(self, note: str, facts: Sequence[str], by: Caller) -> AuditEntry:
        require_operator(by, Right.HANDLE_ALARMS, "hand the shift over", on=Extent.ANYWHERE)
        self.audited.append(AuditEntry(NOW, by.name, HANDED_OVER, "shift", {"note": note, "facts": list(facts)}))
        return self.audited[-1]

    def take_over(self, handover_at: float, note: str, by: Caller) -> AuditEntry:
        require_operator(by, Right.HANDLE_ALARMS, "take the shift over", on=Extent.ANYWHERE)
        check_take_over(handovers(self.audited[::-1]), handover_at, by.name)
        detail = {"note": note, "handover_at": handover_at}
        self.audited.append(AuditEntry(NOW + 1, by.name, TAKEN_OVER, "shift", detail))
        return self.audited[-1]

    def _view(self, receipt: CommandReceipt) -> CommandView:
        digest = f"digest-of-{receipt.command.command_id}"
        return CommandView(receipt, digest, self.facts_then, (), 1, self.facts_now, NOW + 900)

    def _waiting(self, command_id: str) -> CommandReceipt:
        receipt = self.command(command_id).value
        if receipt.stage is not Stage.AWAITING_APPROVAL:
            raise ConflictError(f"{command_id} is {receipt.stage.value}")
        return receipt

    def _settle(self, receipt: CommandReceipt, stage: Stage, by: Caller, why: str) -> CommandReceipt:
        detail = {"command_id": receipt.command.command_id, "reasons": [why.removeprefix("rejected by ")]}
        self.audited.append(AuditEntry(NOW, by.name, f"command_{stage}", receipt.command.device_id, detail))
        said = "" if stage is Stage.APPROVED else why.partition(": ")[2]
        ruling = Ruling(NOW, stage, by.name, said)
        settled = replace(receipt, stage=stage, reasons=(why,), stage_at=NOW, ruling=ruling)
        self.requests[self.requests.index(receipt)] = settled
        return settled

    def health(self) -> Health:
        reasons = () if self.healthy else ("the broker is away",)
        store = StoreHealth(True, "", NOW - 1, 0, 1234)
        return Health(
            self.healthy,
            reasons,
            "localhost:1883",
            self.healthy,
            "",
            store,
            (),
            len(self.spec.devices),
            99,
            {},
            NOW - 2,
        )

    def reload(self, *, yes: bool = False, by: Caller | None = None) -> PlantChange:
        self.reloads += 1
        return replace(self.change, applied=True, waits=()) if yes and self.change.waits else self.change

    def _answer(self, value: T, unavailable: Mapping[str, str] | None = None) -> Answer[T]:
        return Answer(value, NOW, unavailable or {}, self.broker_away_since)

    def _device(self, device_id: str) -> DeviceSpec:
        if device_id not in self.spec.devices:
            raise UnknownNameError("device", device_id, list(self.spec.devices))
        return self.spec.devices[device_id]

    def _status(self, device_id: str) -> DeviceStatus:
        sensors = tuple(
            SensorStatus(spec, Quality.GOOD, 31.234567, NOW - 5, 31.5, 1.0, -0.2654, 60) for spec in SENSORS.values()
        )
        alarms = tuple(alarm for alarm in self.alarms if alarm.device_id == device_id)
        return DeviceStatus(
            device_id,
            "line-1",
            "pump",
            Mode.NORMAL,
            False,
            NOW - 5,
            sensors,
            alarms,
            720,
            {},
            learning=self._learned(device_id),
        )

    def _learned(self, device_id: str) -> LearningStatus | None:
        learner = self.learners.get(device_id)
        return None if learner is None else learner.status(NOW)
