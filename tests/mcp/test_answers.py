"""What agents met in the field (part H): each test is named by its case."""

import json
from dataclasses import replace
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Stage
from tests.support.memory_plant import NOW, an_alarm

COMMAND = {
    "device_id": "pump-01",
    "command": "reduce_load",
    "justification": "vibration rises alone; bearing wear, manual section 3",
}


@pytest.mark.parametrize("given", [30, 30.0, True, ["30"]])
def test_h7_what_is_no_string_is_told_to_be_one_and_stays_refused(refusal, plant, given):
    said = refusal("execute_device_command", **COMMAND, reduction_pct=given)
    assert said.startswith(f"reduction_pct={given!r} must be a string, '20', '25', '30'")
    assert plant.requests == []


def test_h13_active_returned_and_set_aside_are_counted_apart(call, plant):
    gone: dict[str, Any] = {"cleared_at": NOW - 3_600}
    plant.alarms = [
        an_alarm(1, "pump-01"),
        replace(an_alarm(2, "pump-01"), state=AlarmState.RETURNED, **gone),
        replace(an_alarm(3, "pump-02"), state=AlarmState.RETURNED, **gone),
        replace(an_alarm(4, "pump-03"), state=AlarmState.SHELVED),
    ]
    answer = call("get_device_status")
    assert (answer["in_alarm"], answer["returned"], answer["set_aside"]) == (1, 1, 1)
    plant.alarms = plant.alarms[2:3]
    answer = call("get_device_status")
    assert (answer["in_alarm"], answer["returned"], answer["set_aside"]) == (0, 1, 0)


def test_h3_the_figures_of_a_device_are_those_of_the_device_and_say_of_what_time(call, plant):
    plant.alarms = [an_alarm(1, "pump-01"), an_alarm(2, "pump-02"), an_alarm(3, "pump-02")]
    answer = call("get_anomaly_history", device_id="pump-02", last="30d")
    assert "most frequent: 2 × pump-02 bearing_failure" in answer["figures"][4]
    assert (answer["data_from"], answer["data_to"]) == ("2026-01-31T07:59:00Z", "2026-01-31T07:59:55Z")


@pytest.mark.parametrize("written", ["pump 2", "Pump-02", "PUMP_2", "pump02", " pump-2 "])
def test_h8_a_device_is_found_by_what_can_only_mean_it(call, plant, written):
    plant.alarms = [an_alarm(1, "pump-01"), an_alarm(2, "pump-02")]
    assert call("get_device_status", device_id=written)["device"]["device_id"] == "pump-02"
    assert call("get_sensor_stream", device_id=written)["device_id"] == "pump-02"
    assert call("get_active_anomalies", device_id=written)["total"] == 1
    assert call("get_anomaly_history", device_id=written)["total"] == 1
    assert call("query_device_manual", device_id=written, query="leak of the seal")["passages"]


def test_h8_a_name_of_two_meanings_or_of_none_is_refused(refusal, plant):
    twin = replace(plant.spec.devices["pump-02"], device_id="pump-2")
    plant.spec = replace(plant.spec, devices={**plant.spec.devices, "pump-2": twin})
    for written in ("pump 2", "pump", "2", "", "pump-20", "p-02"):
        assert "unknown device" in refusal("get_device_status", device_id=written)


def test_h8_a_command_is_taken_only_as_it_is_spelt(refusal, plant):
    for changed in ({"device_id": "pump 1"}, {"command": "reduce load"}, {"reduction_pct": "30 %"}):
        refusal("execute_device_command", **(COMMAND | {"reduction_pct": "30"} | changed))
    assert plant.requests == []


@pytest.mark.parametrize(
    ("last", "start", "end"),
    [
        ("2 hours", "2026-01-31T06:00:00Z", "2026-01-31T08:00:00Z"),
        ("PT2H", "2026-01-31T06:00:00Z", "2026-01-31T08:00:00Z"),
        ("1 hour and 30 minutes", "2026-01-31T06:30:00Z", "2026-01-31T08:00:00Z"),
        ("P1DT12H", "2026-01-29T20:00:00Z", "2026-01-31T08:00:00Z"),
        ("yesterday", "2026-01-30T00:00:00Z", "2026-01-31T00:00:00Z"),
        ("Today", "2026-01-31T00:00:00Z", "2026-01-31T08:00:00Z"),
    ],
)
def test_h8_a_period_is_taken_as_people_say_it(call, last, start, end):
    for tool in ("get_sensor_stream", "get_anomaly_history"):
        answer = call(tool, device_id="pump-01", last=last)
        assert (answer["start"], answer["end"]) == (start, end)


@pytest.mark.parametrize("last", ["P1M", "1 month", "2 fortnights", "PT", "P", "a while", "1 2h", "-2 hours"])
def test_h8_a_period_of_several_meanings_or_of_none_is_refused(refusal, last):
    assert "last=" in refusal("get_sensor_stream", device_id="pump-01", last=last)


def test_h8_one_sensor_need_not_be_a_list(call):
    for written in ("pressure", "Pressure", ["pressure", "Pressure"]):
        answer = call("get_sensor_stream", device_id="pump-01", sensors=written)
        assert [one["sensor"] for one in answer["sensors"]] == ["pressure"]
    answer = call("get_sensor_stream", device_id="pump-01", sensors="pressure, vibration")
    assert len(answer["sensors"]) == 2


def test_h8_an_unknown_type_of_fault_is_refused_with_those_that_there_are(call, refusal, plant):
    plant.alarms = [an_alarm(1)]
    assert call("get_anomaly_history", fault_type="Bearing failure")["total"] == 1
    said = refusal("get_anomaly_history", fault_type="bearing")
    assert "choose one of: bearing_failure, sensor_silent, sensor_stuck, unclassified" in said


READS: dict[str, dict[str, Any]] = {
    "get_device_status": {},
    "get_sensor_stream": {"device_id": "pump-01"},
    "get_active_anomalies": {},
    "get_anomaly_history": {},
    "get_incident_reports": {},
    "query_device_manual": {"query": "leak of the seal"},
}


@pytest.mark.parametrize("tool", READS)
def test_h4_every_tool_that_reads_says_that_the_broker_is_away(call, plant, tool):
    assert "broker_away" not in call(tool, **READS[tool])
    plant.broker_away_since = NOW - 60
    answer = call(tool, **READS[tool])
    assert answer["broker_away"].startswith("since 2026-01-31T07:59:00Z no machine can be heard")
    assert answer["unavailable"] == {}
    if tool == "get_device_status":
        assert "broker_away" in call(tool, device_id="pump-01")


def test_h4_no_tool_that_reads_is_left_out(ask):
    reads = {tool.name for tool in ask("list_tools") if tool.annotations.read_only_hint}
    assert reads == set(READS)


def test_h1_a_command_that_is_over_is_found_with_its_stage_and_why(call, plant):
    for reduction in ("30", "40", "50"):
        call("execute_device_command", **COMMAND, reduction_pct=reduction)
    plant.reject("cmd-1", Caller("anna", CallerKind.OPERATOR), "the seal is being changed\x1b[2J")
    device = call("get_device_status", device_id="pump-01")["device"]
    assert [line.split()[0] for line in device["open_commands"]] == ["cmd-2", "cmd-3"]
    assert device["finished_commands"] == [
        {
            "command": "cmd-1 reduce_load (reduction_pct 30.0) rejected at 2026-01-31T08:00:00Z",
            "untrusted_why": "rejected by anna: the seal is being changed[2J",
        }
    ]
    assert call("get_device_status", device_id="pump-02")["device"]["finished_commands"] == []


def test_h1_few_commands_that_are_over_are_told_and_none_of_long_ago(call, plant):
    for _ in range(30):
        call("execute_device_command", **COMMAND, reduction_pct="30")
    old = replace(plant.requests[0], stage=Stage.VERIFIED, stage_at=NOW - 86_401)
    plant.requests = [old, *(replace(one, stage=Stage.EXPIRED, stage_at=NOW) for one in plant.requests[1:])]
    answer = call("get_device_status", device_id="pump-01")
    assert len(answer["device"]["finished_commands"]) == 5
    plant.requests = [old]
    assert call("get_device_status", device_id="pump-01")["device"]["finished_commands"] == []


def test_h1_a_command_can_be_read_by_its_id(ask, call, plant):
    call("execute_device_command", **COMMAND, reduction_pct="30")
    plant.reject("cmd-1", Caller("anna", CallerKind.OPERATOR), "the seal is being changed")
    told = json.loads(ask("read_resource", "aegisflow://commands/cmd-1")[0].text)
    assert (told["stage"], told["stage_at"]) == ("rejected", "2026-01-31T08:00:00Z")
    assert told["untrusted_reasons"] == ["rejected by anna: the seal is being changed"]
    assert told["untrusted_justification"]["words"] == COMMAND["justification"]
    with pytest.raises(MCPError, match="choose one of: cmd-1"):
        ask("read_resource", "aegisflow://commands/cmd-2")
