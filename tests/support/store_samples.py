"""Readings, alarms and commands for the tests of the store."""

from collections.abc import Sequence

from aegisflow.actors.messages.store import StoreRecords, StoreTransition
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Evidence, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Command, CommandName, CommandReceipt, CommandRecord, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.equipment import DeviceSpec, Limits, SensorSpec
from aegisflow.domain.readings import Reading, Receipt
from aegisflow.domain.views import AuditEntry

T0 = 1_769_846_400.0
"""2026-01-31T08:00:00Z."""

PUMP = DeviceSpec(
    "pump-01",
    "line-1",
    "pump",
    {
        "temperature": SensorSpec("temperature", "°C", normal=Limits(50, 80)),
        "pressure": SensorSpec("pressure", "PSI", normal=Limits(28, 35)),
    },
)


def reading(at: float, value: float = 70.0, device_id: str = "pump-01") -> Reading:
    return Reading(device_id, at, {"temperature": value, "pressure": 31.5}, at)


def records(
    readings: Sequence[Reading], *, packets: Sequence[int] = (), alarms: Sequence[AlarmEvent] = ()
) -> StoreRecords:
    device_id = readings[0].device_id if readings else alarms[0].alarm.device_id
    receipts = tuple(Receipt(1, packet) for packet in packets)
    return StoreRecords(device_id, tuple(readings), receipts, len(packets) or len(readings), tuple(alarms))


def alarm(
    number: int = 0,
    *,
    device_id: str = "pump-01",
    fault_type: str = "pressure_leak",
    severity: Severity = Severity.HIGH,
    state: AlarmState = AlarmState.UNACKNOWLEDGED,
) -> Alarm:
    at = T0 + 60 * number
    evidence = Evidence("pressure", "zscore", 15.0, 31.5, 1.0, -16.5, "low", at - 15)
    return Alarm(
        alarm_id=f"{device_id}@{number}",
        device_id=device_id,
        fault_type=fault_type,
        first_type="unclassified",
        severity=severity,
        state=state,
        detector="zscore",
        evidence=(evidence,),
        raised_at=at,
        changed_at=at,
        repeats=3,
        reasons=("pressure fell while power rose", "no sibling shows it"),
    )


def raised(one: Alarm) -> AlarmEvent:
    return AlarmEvent(Change.RAISED, one.raised_at, one)


def audit(at: float = T0, act: str = "command_accepted", subject: str = "pump-01") -> AuditEntry:
    return AuditEntry(at, "guard", act, subject, {"why": "within policy", "count": 2})


def command(
    number: int = 0,
    *,
    name: CommandName = CommandName.REDUCE_LOAD,
    stage: Stage = Stage.VERIFIED,
    device_id: str = "pump-01",
) -> CommandReceipt:
    proposed = Command(
        f"cmd-{number}",
        device_id,
        name,
        {"reduction_pct": 30.0, "note": "x"},
        Caller("claude", CallerKind.AGENT),
        "pressure falls",
        T0 + number,
    )
    return CommandReceipt(proposed, stage, ("30 % is the mildest",), "nothing", T0 + 900)


def step(receipt: CommandReceipt, before: CommandRecord | None = None, at: float = T0) -> StoreTransition:
    """A step to the stage of this receipt."""
    record = CommandRecord(receipt, at, digest="d", state_version="normal/0/1", approvals_needed=1)
    return StoreTransition(Transition(before, record, (audit(at),)), "guard")
