from typing import get_args

import pytest

from aegisflow.archestra.rules import REDUCTIONS
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import FOR_OPERATORS, CommandName
from aegisflow.mcp.tools.commands import CommandChoice, ReductionPct

COMMAND = {
    "device_id": "pump-01",
    "command": "reduce_load",
    "reduction_pct": "30",
    "justification": "vibration 8.4 mm/s, z 17; manual: bearing failure, first response",
}


def test_a_command_is_proposed_in_the_clients_name_and_nothing_more_is_claimed(call, plant):
    answer = call("execute_device_command", **COMMAND)
    assert answer["stage"] == "awaiting_approval"
    assert answer["expires_at"] == "2026-01-31T08:15:00Z"
    assert answer["proposed_by"] == "agent calls itself “test agent”"
    assert answer["untrusted_justification"]["words"] == COMMAND["justification"]
    proposed = plant.requests[0].command
    assert proposed.parameters == {"reduction_pct": 30.0}
    assert (proposed.proposed_by.name, proposed.proposed_by.kind) == ("calls itself “test agent”", CallerKind.AGENT)


def test_a_setpoint_goes_by_name_and_value(call, plant):
    arguments = {key: value for key, value in COMMAND.items() if key != "reduction_pct"}
    call("execute_device_command", **(arguments | {"command": "set_parameter", "parameter": "speed", "value": 900}))
    assert plant.requests[0].command.parameters == {"name": "speed", "value": 900.0}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"device_id": "pump-77"}, "pump-01, pump-02, pump-03"),
        ({"command": "explode"}, "'emergency_shutdown'"),
        ({"command": "emergency_shutdown "}, "'emergency_shutdown'"),
        ({"command": "emergency_shutdown"}, "no such argument with emergency_shutdown"),
        ({"reduction_pct": 30}, "'20', '25', '30'"),
        ({"reduction_pct": "3e1"}, "'20', '25', '30'"),
        ({"reduction_pct": "90"}, "'20', '25', '30'"),
        ({"reduction_pct": None}, "20, 25, 30"),
        ({"value": 3}, "no parameter and no value with reduce_load"),
        ({"command": "set_parameter", "reduction_pct": None}, "both parameter and value"),
        ({"command": "set_parameter", "reduction_pct": None, "parameter": "speed", "value": "nan"}, "finite number"),
        ({"justification": "because"}, "at least 20 characters"),
        ({"justification": "x" * 1_001}, "at most 1000 characters"),
    ],
)
def test_a_command_that_cannot_be_is_refused_and_not_proposed(refusal, plant, arguments, named):
    assert named in refusal("execute_device_command", **(COMMAND | arguments))
    assert plant.requests == []


def test_a_command_without_a_justification_is_refused(refusal):
    arguments = {key: value for key, value in COMMAND.items() if key != "justification"}
    assert "justification is required" in refusal("execute_device_command", **arguments)


SPELLINGS = (
    ("command", "Emergency_Shutdown"), ("command", " restart"), ("command", "restart "),
    ("command", "restart\n"), ("command", "reduceload"), ("command", "reduce_load;restart"),
    ("command", "ｒestart"), ("command", ""), ("command", 4), ("command", ["restart"]), ("command", None),
    ("reduction_pct", "050"), ("reduction_pct", "5e1"), ("reduction_pct", "50.0"), ("reduction_pct", "+50"),
    ("reduction_pct", " 50"), ("reduction_pct", "50 "), ("reduction_pct", "50%"), ("reduction_pct", "５0"),
    ("reduction_pct", "0x32"), ("reduction_pct", "5_0"), ("reduction_pct", "51"), ("reduction_pct", ""),
    ("reduction_pct", 50), ("reduction_pct", 50.0), ("reduction_pct", True), ("reduction_pct", ["50"]),
)  # fmt: skip


@pytest.mark.parametrize(("argument", "spelling"), SPELLINGS)
def test_another_spelling_of_what_a_proxy_compares_is_refused_and_never_made_to_fit(refusal, plant, argument, spelling):
    """A proxy's rules compare exact texts, so a server that forgave a spelling would be a way round them."""
    assert argument in refusal("execute_device_command", **(COMMAND | {argument: spelling}))
    assert plant.requests == []


def test_what_the_proxy_is_told_of_is_what_the_tool_takes():
    assert get_args(ReductionPct) == REDUCTIONS
    assert set(get_args(CommandChoice)) == {name.value for name in CommandName if name not in FOR_OPERATORS}
