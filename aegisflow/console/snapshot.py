"""The plant at one moment, as all pages that are open show it: read once for all viewers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from aegisflow.api.schemas.alarms import ListedAlarm, ListedEvidence
from aegisflow.api.schemas.commands import AgentSwitch, Approval
from aegisflow.console.render import figure
from aegisflow.domain.alarms.first_out import first_outs
from aegisflow.domain.alarms.model import Alarm, AlarmState, Severity, Timeliness
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.views import Answer, DeviceStatus
from aegisflow.errors import AegisFlowError
from aegisflow.plant.protocol import Plant

__all__ = ["AlarmRow", "Snapshot", "Tile", "evidence_line", "listed", "read_snapshot", "severity_counts"]

_AGES = ((10.0, "under 10 s"), (60.0, "under 1 min"))
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Tile:
    """One machine on the overview. Two that are equal look the same, so nothing is sent for the second."""

    device_id: str
    line: str
    kind: str
    mode: str
    severity: str
    """Of its worst alarm that is not suppressed; empty without one."""
    fault: str
    """Of that alarm."""
    alarms: int
    unacknowledged: int
    silent: bool
    refused: int
    age: str
    """Of its newest reading, in steps, as words."""
    answers: bool = True
    """Whether its part of AegisFlow answered; else nothing is known of it."""

    @property
    def is_normal(self) -> bool:
        """Whether there is nothing about it that anybody need look at."""
        return self.answers and not (self.severity or self.silent or self.mode not in ("normal", "reduced_load"))


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One alarm in a list. Two that are equal look the same, so nothing is sent for the second."""

    alarm_id: str
    device_id: str
    line: str
    kind: str
    fault: str
    severity: Severity
    state: AlarmState
    timeliness: Timeliness
    raised_at: str
    lasts: bool
    shelved_until: str | None
    evidence: str
    """The strongest deviation: value, what is usual, limits."""
    more: int
    """How many other sensors speak for it."""
    acknowledged_by: str
    note: str
    set_aside_by: str
    set_aside_because: str
    is_first_out: bool

    @classmethod
    def of(cls, alarm: ListedAlarm, kind: str) -> "AlarmRow":
        """Return the row of an alarm of a kind of device."""
        return cls(
            alarm.alarm_id,
            alarm.device_id,
            alarm.line,
            kind,
            alarm.fault_type.replace("_", " "),
            alarm.severity,
            alarm.state,
            alarm.timeliness,
            alarm.raised_at,
            alarm.lasts,
            alarm.shelved_until,
            evidence_line(alarm.evidence[0]) if alarm.evidence else (alarm.reasons[0] if alarm.reasons else ""),
            max(0, len(alarm.evidence) - 1),
            alarm.acknowledged_by,
            alarm.note,
            alarm.set_aside_by,
            alarm.set_aside_because,
            alarm.first_out,
        )

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether nobody has acknowledged it, also where it has returned to normal."""
        return self.state in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED)


def evidence_line(evidence: ListedEvidence) -> str:
    """Return what a sensor shows, what is usual for it and where its limits are, in one line."""
    limits = [f"normal {evidence.normal}"] if evidence.normal else []
    limits += [f"alarm limit {evidence.alarm_limit}"] if evidence.alarm_limit else []
    usual = f"usual {figure(evidence.baseline)}"
    sensor = evidence.sensor.replace("_", " ")
    return f"{sensor} {figure(evidence.value, evidence.unit)} · {', '.join([usual, *limits])}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The plant at one moment."""

    number: int
    as_of: float
    """UTC epoch seconds by the plant's clock."""
    plant: PlantSpec
    tiles: tuple[Tile, ...]
    alarms: tuple[ListedAlarm, ...]
    """Not suppressed and suppressed ones, by severity and time, the worst and newest first."""
    rows: tuple[AlarmRow, ...]
    """The same, as lists show them."""
    approvals: tuple[Approval, ...]
    agents: AgentSwitch | None
    """None while the guard does not answer."""
    unavailable: Mapping[str, str]
    broker_away_since: float | None
    statuses: Mapping[str, DeviceStatus] = field(default_factory=dict)

    @property
    def open_rows(self) -> tuple[AlarmRow, ...]:
        """Those that people are asked to act on or to acknowledge."""
        return tuple(row for row in self.rows if not row.state.is_suppressed)

    @property
    def waiting_rows(self) -> tuple[AlarmRow, ...]:
        """Those that nobody has acknowledged, returned ones among them."""
        return tuple(row for row in self.rows if row.needs_acknowledgement)

    def alarm(self, alarm_id: str) -> ListedAlarm | None:
        """Return an alarm that is not history; None where there is none such."""
        return next((alarm for alarm in self.alarms if alarm.alarm_id == alarm_id), None)


def read_snapshot(plant: Plant) -> Snapshot:
    """Ask the plant how it is; what cannot be asked is named in ``unavailable`` and left out."""
    spec = plant.inventory()
    unavailable: dict[str, str] = {}
    alarms = plant.active_alarms()
    statuses = plant.all_status()
    unavailable |= {**alarms.unavailable, **statuses.unavailable}
    approvals: tuple[Approval, ...] = ()
    agents = None
    try:
        approvals = tuple(Approval.wanted(view) for view in plant.approvals().value)
        agents = AgentSwitch.of(plant.agent_writes())
    except AegisFlowError as error:
        unavailable["commands"] = str(error)
    found = {status.device_id: status for status in statuses.value}
    worst = _worst_by_device(alarms.value)
    shown = listed(spec, alarms)
    return Snapshot(
        next(_numbers),
        alarms.as_of,
        spec,
        tuple(_tile(name, spec, found.get(name), worst.get(name, ()), alarms.as_of) for name in spec.devices),
        shown,
        tuple(AlarmRow.of(alarm, _kind(spec, alarm.device_id)) for alarm in shown),
        approvals,
        agents,
        unavailable,
        alarms.broker_away_since,
        found,
    )


def listed(plant: PlantSpec, answer: Answer[tuple[Alarm, ...]]) -> tuple[ListedAlarm, ...]:
    """Return alarms in their shape, without what of the past is like them: that costs a search for each."""
    first = first_outs((alarm for alarm in answer.value if not alarm.state.is_suppressed), plant)
    ordered = sorted(answer.value, key=lambda one: (-one.severity.rank, -one.raised_at, one.alarm_id))
    return tuple(
        ListedAlarm.among(
            alarm,
            plant.devices.get(alarm.device_id),
            answer.as_of,
            first_out=alarm.alarm_id in first,
            patterns=(),
            similar=(),
        )
        for alarm in ordered
    )


def _kind(plant: PlantSpec, device_id: str) -> str:
    return plant.devices[device_id].kind if device_id in plant.devices else ""


def _worst_by_device(alarms: tuple[Alarm, ...]) -> dict[str, list[Alarm]]:
    found: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        if not alarm.state.is_suppressed:
            found.setdefault(alarm.device_id, []).append(alarm)
    for several in found.values():
        several.sort(key=lambda one: (-one.severity.rank, -one.raised_at))
    return found


def _tile(
    name: str, plant: PlantSpec, status: DeviceStatus | None, alarms: list[Alarm] | tuple[()], now: float
) -> Tile:
    spec = plant.devices[name]
    worst = alarms[0] if alarms else None
    waiting = (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED)
    return Tile(
        name,
        spec.line,
        spec.kind,
        str(status.mode) if status else "unknown",
        str(worst.severity) if worst else "",
        worst.fault_type if worst else "",
        len(alarms),
        sum(alarm.state in waiting for alarm in alarms),
        bool(status and status.silent),
        sum(status.refused.values()) if status else 0,
        _age(status, now),
        status is not None,
    )


def _age(status: DeviceStatus | None, now: float) -> str:
    if status is None or status.latest_at is None:
        return "no reading yet"
    age = now - status.latest_at
    for below, text in _AGES:
        if age < below:
            return text
    if age < 3_600:
        return f"{age // 60:.0f} min"
    return f"{age // 3_600:.0f} h" if age < 172_800 else f"{age // 86_400:.0f} d"


def severity_counts(rows: Iterable[AlarmRow]) -> dict[str, int]:
    """Return how many alarms there are of each severity, the worst first; those without any are there with 0."""
    found = Counter(row.severity for row in rows)
    return {str(one): found[one] for one in sorted(Severity, key=lambda one: -one.rank)}
