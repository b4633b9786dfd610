"""Everything that an agent and an operator can ask of a store with a past, in one session."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aegisflow.domain.times import format_instant
from benchmarks.same_behaviour.stage import Stage
from benchmarks.same_behaviour.story import DEVICES, START, STEP_S
from simulator.machine import Machine
from simulator.scenario import REFERENCE_DEVICES

Arguments = Mapping[str, object]
_MAX_PAGES = 20
_BURST = 8
"""Readings of each machine that set the clock of the stream anew."""
QUESTIONS = (
    "bearing temperature alarm",
    "what to do about cavitation",
    "pressure leak first response",
    "emergency shutdown electrical fault",
    "who approves a restart",
    "Lager Schwingung",
    "ISO 10816 zone boundary",
    "thermal runaway compressor discharge temperature",
    "colour of the paint",
    "vibratoin hihg",
    "relief valve 42 PSI",
    "recovery limits before restart",
)


def ask(stage: Stage, resume_at: float, progress: Callable[[float], None]) -> None:
    """Set the clock by some readings of every machine, then ask for everything, and last act."""
    _resume(stage, resume_at)
    said = stage.transcript.say
    said("initialize", stage.hello)
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        said(method, stage.request(method, {}))
    for uri in ("plant", "manuals", "devices/pump-02", "devices/pump-99", "manuals/pump.md", "manuals/none.md", "x"):
        said(f"resource {uri}", stage.request("resources/read", {"uri": f"aegisflow://{uri}"}))
    for task in ({}, {"task": "pump-02 leaks?"}):
        prompt = {"name": "operations_engineer", "arguments": task}
        said(f"prompt {task}", stage.request("prompts/get", prompt))
    parts = (_readings, _alarms, _manuals, _incidents)
    for done, part in enumerate(parts, start=1):
        for tool, arguments in part(stage):
            _paged(stage, tool, arguments)
        progress(done / (len(parts) + 2))
    _operators(stage)
    progress((len(parts) + 1) / (len(parts) + 2))
    _acts(stage)


def after(stage: Stage, commands: list[str]) -> None:
    """Ask of the store what its audit knows, once nobody writes to it any more."""
    stage.type("audit", "verify", url=False)
    for command_id in commands:
        stage.type("audit", "show", command_id, url=False)


def _resume(stage: Stage, at: float) -> None:
    machines = {name: Machine(name, baselines, 11) for name, baselines in REFERENCE_DEVICES.items()}
    times = [at + STEP_S * number for number in range(_BURST)]
    stage.send([(name, now, machine.step(STEP_S, now)) for now in times for name, machine in machines.items()])
    stage.settle(DEVICES, times[-1])


def _paged(stage: Stage, tool: str, arguments: Arguments) -> None:
    """Ask, and turn the pages to the last."""
    answer = stage.tool(tool, **arguments)
    for _ in range(_MAX_PAGES):
        cursor = answer.get("next_cursor")
        if not cursor:
            return
        answer = stage.page(tool, {**arguments, "cursor": cursor})


def _hour(hours: float) -> str:
    return format_instant(START + 3_600.0 * hours)


def _readings(stage: Stage) -> Iterator[tuple[str, Arguments]]:
    status, stream = "get_device_status", "get_sensor_stream"
    yield status, {}
    yield status, {"limit": 2}
    yield from ((status, {"device_id": device}) for device in DEVICES)
    for bad in ({"device_id": "pump-99"}, {"limit": 0}, {"cursor": "abc"}, {"device_id": "pump-01", "cursor": "a"}):
        yield status, bad
    yield from ((stream, {"device_id": device, "last": "24h", "points": 12}) for device in DEVICES)
    around = {"compressor-01": 3.0, "pump-02": 8.0, "motor-03": 12.0, "motor-01": 18.0, "compressor-02": 22.0}
    for device, hour in around.items():
        yield stream, {"device_id": device, "start": _hour(hour - 0.2), "end": _hour(hour + 0.5), "points": 200}
        yield stream, {"device_id": device, "sensors": ["vibration"], "end": _hour(hour + 0.1), "last": "30min"}
    yield stream, {"device_id": "pump-01"}
    yield stream, {"device_id": "pump-01", "points": 0, "last": "7d"}
    yield stream, {"device_id": "pump-01", "sensors": ["pressure", "humidity", "pressure"], "last": "2min"}
    yield stream, {"device_id": "pump-01", "start": _hour(-48), "end": _hour(-24)}
    for wrong in (
        {"device_id": "pump-99"},
        {"device_id": ""},
        {"device_id": "pump-01", "sensors": ["noise"]},
        {"device_id": "pump-01", "start": "yesterday"},
        {"device_id": "pump-01", "start": _hour(5), "end": _hour(4)},
        {"device_id": "pump-01", "start": _hour(5), "last": "1h"},
        {"device_id": "pump-01", "last": "-1h"},
        {"device_id": "pump-01", "points": 201},
        {"device_id": "pump-01", "wrong": 1},
    ):
        yield stream, wrong


def _alarms(stage: Stage) -> Iterator[tuple[str, Arguments]]:
    active, history = "get_active_anomalies", "get_anomaly_history"
    yield active, {}
    yield active, {"limit": 1}
    yield from ((active, {"min_severity": severity}) for severity in ("low", "medium", "high", "critical"))
    yield from ((active, {"device_id": device}) for device in ("compressor-01", "pump-02", "pump-99"))
    yield active, {"min_severity": "worst"}
    yield active, {"cursor": "bm8"}
    yield history, {}
    yield history, {"last": "7d", "limit": 2}
    yield history, {"start": _hour(0), "end": _hour(12)}
    yield from ((history, {"device_id": device, "last": "48h"}) for device in DEVICES)
    for fault in ("bearing_failure", "pressure_leak", "sensor_drift", "unclassified", "no_such_fault", "Not A Name"):
        yield history, {"fault_type": fault, "last": "48h"}
    yield from ((history, {"min_severity": severity, "last": "48h"}) for severity in ("low", "high", "critical"))
    yield history, {"start": _hour(12), "end": _hour(0)}
    yield history, {"last": "never"}
    yield history, {"limit": 101}


def _manuals(stage: Stage) -> Iterator[tuple[str, Arguments]]:
    manual = "query_device_manual"
    yield from ((manual, {"query": question}) for question in QUESTIONS)
    for device in ("pump-02", "motor-03", "compressor-01", "pump-99"):
        yield manual, {"query": "vibration too high", "device_id": device, "limit": 2}
    yield manual, {"query": "shutdown", "limit": 10}
    yield manual, {"query": "x"}
    yield manual, {"query": "shutdown", "limit": 11}


def _incidents(stage: Stage) -> Iterator[tuple[str, Arguments]]:
    reports = "get_incident_reports"
    yield reports, {}
    yield reports, {"limit": 1}
    yield from ((reports, {"device_id": device}) for device in ("compressor-01", "motor-03", "pump-99"))
    yield from ((reports, {"kind": kind}) for kind in ("motor", "pump", "turbine"))
    yield from ((reports, {"fault_type": fault}) for fault in ("bearing_failure", "thermal_runaway", "nothing_else"))
    yield from ((reports, {"text": text}) for text in ("bearing worn", "fan", "grease was old", "kettle"))
    known = stage.request("tools/call", {"name": "get_anomaly_history", "arguments": {"last": "48h", "limit": 100}})
    for alarm in known["result"]["structuredContent"]["alarms"]:
        yield reports, {"similar_to": alarm["alarm_id"]}
    yield reports, {"similar_to": "nothing@20260101T000000"}
    yield reports, {"last": "12h"}
    yield reports, {"start": _hour(2), "end": _hour(5)}
    yield reports, {"limit": 51}


def _operators(stage: Stage) -> None:
    for path in (
        "alarms",
        "approvals",
        "agents",
        "commands?limit=200",
        "commands?device_id=pump-02",
        "commands?limit=0",
        "figures",
        "figures?last_s=86400&operators=2",
        "figures?last_s=x",
        "incidents",
        "incidents?withdrawn=yes",
        "incidents?reviewed=no",
        "incidents?text=bearing",
        "incidents/1",
        "incidents/2",
        "incidents/99",
        "incidents/x",
        "nothing",
    ):
        stage.act("GET", path)
    for command in (
        ("alarms",),
        ("approvals",),
        ("agents",),
        ("figures", "--last", "2d", "--operators", "3"),
        ("incidents",),
        ("incidents", "--withdrawn", "--last", "30d"),
        ("incident", "1"),
        ("incident", "2"),
    ):
        stage.type(*command)


def _acts(stage: Stage) -> None:
    """Act, and be refused, on this store as it is now."""
    do, note = "execute_device_command", "Evidence in the sensor stream and in the manual."
    for arguments in (
        {"device_id": "pump-03", "command": "reduce_load", "reduction_pct": "20"},
        {"device_id": "compressor-01", "command": "reduce_load", "reduction_pct": "80"},
        {"device_id": "pump-02", "command": "emergency_shutdown"},
        {"device_id": "motor-02", "command": "restart"},
        {"device_id": "motor-01", "command": "set_parameter", "parameter": "power_limit", "value": 99},
        {"device_id": "motor-01", "command": "set_parameter", "parameter": "colour", "value": 1},
        {"device_id": "motor-01", "command": "set_parameter", "parameter": "power_limit"},
        {"device_id": "motor-01", "command": "reduce_load"},
        {"device_id": "motor-01", "command": "reduce_load", "reduction_pct": "33"},
        {"device_id": "motor-01", "command": "restart", "reduction_pct": "30"},
        {"device_id": "motor-01", "command": "restore_load"},
        {"device_id": "pump-99", "command": "reduce_load", "reduction_pct": "20"},
    ):
        stage.tool(do, justification=note, **arguments)
    stage.tool(do, device_id="motor-01", command="restart", justification="short")
    alarms = stage.tool("get_anomaly_history", last="48h", limit=100)["alarms"]
    for alarm in alarms:
        stage.tool("acknowledge_anomaly", alarm_id=alarm["alarm_id"], note="seen once more")
    stage.tool("acknowledge_anomaly", alarm_id="pump-01@20200101T000000", note="seen once more")
    stage.tool("acknowledge_anomaly", alarm_id=alarms[0]["alarm_id"], note="")
    words = {"title": "Pump hums", "root_cause": "Air in it", "actions_taken": "Vented", "outcome": "Quiet"}
    report: dict[str, Any] = {"device_id": "pump-03", "fault_type": "cavitation", "severity": "low", **words}
    for change in (
        {},
        {"alarm_id": alarms[0]["alarm_id"]},
        {"device_id": alarms[0]["device_id"], "alarm_id": alarms[0]["alarm_id"], "occurred_at": _hour(3)},
        {"device_id": "pump-99"},
        {"fault_type": "Not A Name"},
        {"severity": "awful"},
        {"occurred_at": "2099-01-01T00:00:00Z"},
        {"title": "x"},
        {"outcome": "y" * 1_001},
    ):
        stage.tool("log_incident_report", **{**report, **change})
    stage.tool("get_incident_reports")
    for method, path, body in (
        ("POST", "alarms/none/shelve", {"duration_s": 600, "reason": "why not"}),
        ("POST", f"alarms/{alarms[0]['alarm_id']}/shelve", {"duration_s": 1, "reason": "why not"}),
        ("POST", f"alarms/{alarms[0]['alarm_id']}/shelve", {"duration_s": "long", "reason": "why not"}),
        ("POST", f"alarms/{alarms[0]['alarm_id']}/unshelve", {}),
        ("POST", f"alarms/{alarms[0]['alarm_id']}/in-service", {}),
        ("POST", "commands", {}),
        ("POST", "commands", {"device_id": "pump-01", "command": "explode", "justification": "because"}),
        ("POST", "commands/cmd-000000000000/approve", {"digest": "0"}),
        ("POST", "incidents/1/review", {"revision": 7, "changes": {}}),
        ("POST", "incidents/1/review", {"revision": "x"}),
        ("POST", "incidents", {"device_id": "pump-01"}),
    ):
        stage.act(method, path, body)
