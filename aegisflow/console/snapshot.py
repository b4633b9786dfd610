"""The plant at one moment, as all pages that are open show it: read once for all viewers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from aegisflow.api.schemas.alarms import ListedAlarm, ListedEvidence, listed_alarms
from aegisflow.api.schemas.commands import AgentSwitch, Approval
from aegisflow.api.schemas.devices import DeviceBrief, device_briefs
from aegisflow.console.render import figure
from aegisflow.console.shared import Shared
from aegisflow.domain.alarms.model import AlarmState, Severity, Timeliness
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.views import DeviceStatus
from aegisflow.errors import AegisFlowError
from aegisflow.plant.protocol import Plant

__all__ = ["AlarmRow", "Snapshot", "Tile", "evidence_line", "read_snapshot", "severity_counts"]

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
    is_normal: bool = True
    """Whether there is nothing about it that anybody need look at."""
    learning: str = ""
    """How far it is learned by somebody's word, or that this waits for a decision; empty for neither."""

    @classmethod
    def of(cls, brief: DeviceBrief, age: str) -> "Tile":
        """Return the tile of a device whose newest reading is so old."""
        return cls(
            brief.device_id,
            brief.line,
            brief.kind,
            str(brief.mode),
            str(brief.severity or ""),
            brief.fault_type,
            brief.alarms,
            brief.unacknowledged,
            brief.silent,
            brief.refused,
            age,
            brief.answers,
            brief.is_normal,
            brief.learning,
        )


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
        return self.state.needs_acknowledgement


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
    shared: Shared = field(default_factory=Shared, compare=False, repr=False)
    """What only some pages want to know beside it."""

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
    briefs = device_briefs(spec, found, alarms.value)
    shown = listed_alarms(spec, alarms)
    return Snapshot(
        next(_numbers),
        alarms.as_of,
        spec,
        tuple(Tile.of(brief, _age(found.get(brief.device_id), alarms.as_of)) for brief in briefs),
        shown,
        tuple(AlarmRow.of(alarm, _kind(spec, alarm.device_id)) for alarm in shown),
        approvals,
        agents,
        unavailable,
        alarms.broker_away_since,
        found,
    )


def _kind(plant: PlantSpec, device_id: str) -> str:
    return plant.devices[device_id].kind if device_id in plant.devices else ""


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
