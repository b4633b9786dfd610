"""A night shift, as the page for operators shows it: for pictures, for axe and for the walk by keyboard."""

import math
from dataclasses import replace
from math import inf

from aegisflow.config import load
from aegisflow.domain.alarms.escalation import Escalated, ToldLevel
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Evidence, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, CommandOption, DeviceCommands, Mode
from aegisflow.domain.credentials import Credential, token_hash
from aegisflow.domain.equipment import DeviceSpec, SensorSpec
from aegisflow.domain.readings import Quality
from aegisflow.domain.refused import RefusedLine
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    Answer,
    AuditEntry,
    DeviceStatus,
    Gap,
    SensorStatus,
    SensorSummary,
    SeriesPoint,
    Stream,
)
from tests.support.console_client import everyone
from tests.support.memory_plant import NOW, MemoryPlant, a_new_incident
from tests.support.places import ROOT

AGENT = Caller("line-agent", CallerKind.AGENT, authenticated=True)
RUNNING = {"temperature": 72.0, "pressure": 31.5, "vibration": 1.2, "humidity": 40.0, "power_consumption": 21.0}
FAULTY = {"compressor-01": {"vibration": 4.1, "temperature": 84.0}, "pump-02": {"pressure": 25.4}}


def facts(worst: Alarm, temperature: float, vibration: float) -> tuple[str, ...]:
    """Return the compressor in figures, as the guard tells them."""
    return (
        "mode normal",
        f"critical alarm {worst.alarm_id}: {worst.fault_type} (vibration, temperature)",
        f"temperature {temperature} °C (alarm high 90), good",
        f"vibration {vibration} mm/s (alarm high 3.5), good",
    )


class ScenePlant(MemoryPlant):
    """The plant of ``config/plant.yaml`` in the night: a bearing runs hot, a seal leaks, a pump is in maintenance."""

    def __init__(self) -> None:
        super().__init__(identities=everyone())
        self.spec = load(ROOT / "config" / "plant.yaml").plant
        self.modes, self.silent = {"pump-03": Mode.MAINTENANCE, "motor-03": Mode.UNKNOWN}, {"motor-03"}
        self.alarms = [
            alarm("compressor-01", "bearing_failure", Severity.CRITICAL, "vibration", 4.1, 1.2, 900),
            replace(
                alarm("pump-02", "pressure_leak", Severity.HIGH, "pressure", 25.4, 31.5, 5_400),
                state=AlarmState.ACKNOWLEDGED,
                acknowledged_by="approver",
                acknowledged_at=NOW - 5_000,
                note="Maintenance is informed; they look at the seal at six.",
            ),
            alarm("motor-02", "sensor_drift", Severity.MEDIUM, "temperature", 78.2, 71.0, 300),
            replace(
                alarm("pump-01", "unclassified", Severity.LOW, "humidity", 58.0, 44.0, 20_000),
                state=AlarmState.SHELVED,
                shelved_until=NOW + 5_400,
                suppressed_by="operator",
                suppression_reason="The roof leaks above the sensor; work order 4711.",
            ),
        ]
        self.facts_then, self.facts_now = facts(self.alarms[0], 82.1, 3.9), facts(self.alarms[0], 84.0, 4.1)
        self.request_command(
            "compressor-01",
            CommandName.REDUCE_LOAD,
            {"reduction_pct": 20.0},
            AGENT,
            "Vibration has doubled within a quarter of an hour while pressure is steady: less load spares the bearing.",
        )
        self.log_incident(replace(a_new_incident("Bearing of compressor 2 worn", "compressor-01"), kind="compressor"))
        told = (ToldLevel("plant manager and safety officer", NOW - 890, ()),)
        self.escalated = {self.alarms[0].alarm_id: Escalated(told, "department manager", NOW + 190)}
        self.audited = [
            AuditEntry(
                NOW - 30_000, "approver", "shift_handed_over", "shift", {"note": "Quiet. Watch pump-02.", "facts": []}
            ),
            AuditEntry(
                NOW - 20_000, "operator", "alarm_shelved", self.alarms[3].alarm_id, {"reason": "The roof leaks"}
            ),
            AuditEntry(NOW - 5_000, "approver", "alarm_acknowledged", self.alarms[1].alarm_id, {"note": "Seal at six"}),
            AuditEntry(NOW - 100, "line-agent", "command_proposed", "compressor-01", {"command": "reduce_load"}),
        ]
        self.refusals = (
            RefusedLine(
                "motor-01",
                "vibration",
                "out_of_range",
                12,
                NOW - 8_000,
                NOW - 60,
                "aegisflow/sensors/motor-01",
                "9999",
                "0 to 100",
            ),
        )
        credential = Credential(
            "line-agent", CallerKind.AGENT, token_hash("x" * 40), made_at=NOW - 1e6, made_by="admin"
        )
        self.identities.keep((credential,))

    def sensor_stream(self, device_id: str, sensors: tuple[str, ...], period: Period, points: int) -> Answer[Stream]:
        device = self._device(device_id)
        chosen = [device.sensors[name] for name in sensors or device.sensors]
        summaries = tuple(_history(device, spec, period, points) for spec in chosen)
        gap = Gap(period.start + 0.3 * (period.end - period.start), period.start + 0.34 * (period.end - period.start))
        return self._answer(Stream(device_id, period, "raw", 2_880, (gap,), summaries))

    def device_commands(self, device_id: str, by: Caller) -> Answer[DeviceCommands]:
        options = (
            CommandOption(CommandName.REDUCE_LOAD, "allow", ("mild reduction",), 25.0),
            CommandOption(CommandName.ENABLE_MAINTENANCE_MODE, "ask", ("an operator decides",)),
            CommandOption(CommandName.RESTART, "deny", ("the machine runs",)),
        )
        return self._answer(DeviceCommands((), options))

    def alarm_life(self, alarm_id: str) -> Answer[tuple[AlarmEvent, ...]]:
        found = super().alarm_life(alarm_id)
        (first, *rest) = found.value
        risen = AlarmEvent(Change.ESCALATED, first.at + 120, first.alarm)
        return self._answer((first, *((risen,) if first.alarm.severity is Severity.CRITICAL else ()), *rest))

    def _status(self, device_id: str) -> DeviceStatus:
        device = self.spec.devices[device_id]
        values = {**RUNNING, **FAULTY.get(device_id, {})}
        sensors = tuple(
            SensorStatus(spec, Quality.GOOD, values.get(name, 1.0), NOW - 4, RUNNING.get(name, 1.0), 0.3, 0.4, 60)
            for name, spec in device.sensors.items()
        )
        alarms = tuple(one for one in self.alarms if one.device_id == device_id)
        is_silent = device_id in self.silent
        at = NOW - 700 if is_silent else NOW - 4
        refused = {"out_of_range": 12} if device_id == "motor-01" else {}
        mode = self.modes.get(device_id, Mode.NORMAL)
        return DeviceStatus(
            device_id,
            device.line,
            device.kind,
            mode,
            is_silent,
            at,
            sensors,
            alarms,
            8_640,
            refused,
            silent_after_s=inf,
        )


def alarm(
    device_id: str, fault: str, severity: Severity, sensor: str, value: float, usual: float, ago_s: float
) -> Alarm:
    """Return an alarm of the night."""
    spread = abs(value - usual) / 9
    evidence = Evidence(
        sensor, "shift", value, usual, spread, 9.0, "high" if value > usual else "low", NOW - ago_s, NOW - 30
    )
    return Alarm(
        f"{device_id}@{int(NOW - ago_s)}",
        device_id,
        fault,
        fault,
        severity,
        AlarmState.UNACKNOWLEDGED,
        "shift",
        (evidence,),
        NOW - ago_s,
        NOW - 30,
        reasons=(f"{sensor} has left its usual level and stays away", "against it: temperature follows only slowly"),
        known_at=NOW - ago_s,
    )


def _history(device: DeviceSpec, spec: SensorSpec, period: Period, points: int) -> SensorSummary:
    usual, now = RUNNING.get(spec.name, 1.0), FAULTY.get(device.device_id, {}).get(spec.name)
    width, series = (period.end - period.start) / points, []
    for index in range(points):
        at = period.start + index * width
        if 0.3 < index / points < 0.34:
            continue
        level = usual * (1 + 0.01 * math.sin(index / 9) + 0.004 * math.sin(index * 2.7))
        if now is not None and at > NOW - 900:
            level += (now - usual) * min(1.0, (at - NOW + 900) / 500)
        noise = 0.02 * usual * (1 + abs(math.sin(index * 1.3)))
        peak = 0.6 * usual if index == points // 5 else 0.0
        series.append(SeriesPoint(at, 12, level, level - noise, level + noise + peak))
    low, high = min(one.min for one in series), max(one.max for one in series)
    return SensorSummary(
        spec.name, spec.unit, 2_880, usual, low, NOW, high, NOW, 0.3, 0.0, usual, usual, 0, tuple(series)
    )
