"""One policy, enforced twice: whatever plant.yaml says, neither proxy lets pass more than the plant would."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegisflow.archestra.export import export_files
from aegisflow.archestra.placement import make_placement
from aegisflow.archestra.rules import ACT_TOOL, REDUCTIONS, TOOLS, Passing, proxy_policy
from aegisflow.config import Configuration
from aegisflow.config.archestra import ArchestraSettings
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.commands.policy_spec import NO_ALARM, PolicyRule, PolicySpec, Rate, Verdict
from aegisflow.domain.credentials import AgentAccess, why_not
from aegisflow.domain.equipment import LineSpec, PlantSpec
from tests.support.archestra_checks import Expected, problems, strictest
from tests.support.proxies import ClassicPolicies, Outcome
from tests.support.samples import device_spec
from tests.support.terraform import read_module

NAMES = ("pump-01", "pump-02", "motor-01")
SEVERITIES = (NO_ALARM, "low", "medium", "high", "critical")


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(tuple))


def plant_with(policy: PolicySpec) -> Configuration:
    devices = {
        name: replace(device_spec(name), kind=name.partition("-")[0], line="line-2" if name == "pump-02" else "line-1")
        for name in NAMES
    }
    lines = {"line-1": LineSpec("line-1", "", ("pump-01", "motor-01")), "line-2": LineSpec("line-2", "", ("pump-02",))}
    return Configuration(path=Path("plant.yaml"), plant=PlantSpec("Works", lines, devices, policy))


RULES = st.builds(
    PolicyRule,
    name=st.sampled_from(("a", "b")),
    verdict=st.sampled_from(Verdict),
    callers=some(("agent", "operator", "bot", "ada")),
    commands=some(tuple(CommandName)).map(lambda names: tuple(map(CommandName, names))),
    devices=some(NAMES),
    lines=some(("line-1", "line-2")),
    kinds=some(("pump", "motor")),
    severities=some(SEVERITIES),
    up_to_pct=st.one_of(st.none(), st.sampled_from((20.0, 33.0, 50.0))),
    above_pct=st.one_of(st.none(), st.sampled_from((0.0, 30.0, 80.0))),
)
POLICIES = st.builds(
    PolicySpec,
    rules=st.lists(RULES, max_size=5).map(tuple),
    agents_may_propose=st.sampled_from((True, True, True, False)),
    plant_rate=st.sampled_from((Rate(12, 3600.0), Rate(0, 3600.0))),
    line_reduction_pct=st.sampled_from((150.0, 60.0)),
)


@settings(max_examples=10, deadline=None)
@given(POLICIES, st.sampled_from(([], ["restart"], ["emergency_shutdown", "restart"])), st.sampled_from(("", "bot")))
def test_no_policy_of_a_plant_is_widened_by_a_proxy(policy, blocked, agent):
    said = ArchestraSettings.model_validate({"blocked": blocked, "agent": agent})
    configuration = replace(plant_with(policy), archestra=said)
    placement = make_placement()
    assert problems(export_files(configuration, placement), Expected(configuration), placement) == []


@settings(max_examples=10, deadline=None)
@given(POLICIES)
def test_what_the_policy_leaves_to_a_person_in_every_case_is_not_refused(policy):
    configuration = plant_with(policy)
    placement = make_placement()
    classic = ClassicPolicies.of(read_module(export_files(replace(configuration, archestra=OPEN), placement)))
    for device in NAMES:
        for amount in REDUCTIONS:
            call = {"command": "reduce_load", "reduction_pct": amount, "device_id": device}
            assert classic.call(placement.tool(ACT_TOOL), call) == strictest(configuration, call)


OPEN = ArchestraSettings.model_validate({"blocked": []})


def test_the_shipped_policy_leaves_reductions_to_a_person_and_refuses_shutdown_and_restart(shipped):
    policy = proxy_policy(shipped.plant, shipped.archestra.blocked)
    assert [match.get("reduction_pct") for match in policy.asks if match["command"] == "reduce_load"] == list(
        REDUCTIONS
    )
    assert {match["command"] for match in policy.asks} == {"reduce_load", "set_parameter", "enable_maintenance_mode"}
    assert {refusal.match["command"] for refusal in policy.refusals} == {"emergency_shutdown", "restart"}
    opened = proxy_policy(shipped.plant)
    assert {"command": "emergency_shutdown"} in opened.asks
    assert "restart belongs to people" in next(
        one.reason for one in opened.refusals if one.match["command"] == "restart"
    )


def test_a_severity_that_the_proxy_cannot_see_makes_it_stricter_and_it_says_so():
    rule = PolicyRule("serious", Verdict.ASK, ("agent",), (CommandName.REDUCE_LOAD,), severities=("high", "critical"))
    policy = proxy_policy(plant_with(PolicySpec(rules=(rule,))).plant)
    assert policy.asks == ()
    assert any("denied at severity none, low, medium" in note for note in policy.notes)
    page = export_files(plant_with(PolicySpec(rules=(rule,))), make_placement())
    assert "Stricter than plant.yaml" in page["policies.tf"]
    assert "Stricter than plant.yaml" in page["openappa/appa.toml"]
    assert "Stricter than plant.yaml" in page["README.md"]


def test_a_rule_for_one_agent_counts_only_where_the_proxy_has_its_token():
    rule = PolicyRule("for the bot", Verdict.ASK, ("bot",), (CommandName.SET_PARAMETER,))
    plant = plant_with(PolicySpec(rules=(rule,))).plant
    assert proxy_policy(plant).asks == ()
    assert proxy_policy(plant, agent="bot").asks == ({"command": "set_parameter"},)
    assert proxy_policy(plant, agent="ada").asks == ()


def test_a_rule_for_some_of_many_devices_is_refused_and_told_rather_than_written_out():
    rule = PolicyRule("pumps", Verdict.ASK, ("agent",), (CommandName.REDUCE_LOAD,), kinds=("pump",))
    names = [f"pump-{number}" for number in range(2_000)]
    devices = {name: replace(device_spec(name), kind="pump") for name in names}
    devices["motor-01"] = replace(device_spec("motor-01"), kind="motor")
    plant = PlantSpec("Works", {"line-1": LineSpec("line-1", "", tuple(devices))}, devices, PolicySpec(rules=(rule,)))
    policy = proxy_policy(plant)
    assert policy.asks == ()
    assert any("for 2000 of many devices" in note for note in policy.notes)


def test_a_command_is_never_let_through_without_a_person_even_where_the_policy_allows_it():
    free = PolicySpec(rules=(PolicyRule("all", Verdict.ALLOW),))
    configuration = replace(plant_with(free), archestra=OPEN)
    placement = make_placement()
    classic = ClassicPolicies.of(read_module(export_files(configuration, placement)))
    for command in ("set_parameter", "emergency_shutdown", "restart"):
        assert classic.call(placement.tool(ACT_TOOL), {"command": command}) is Outcome.PERSON
    assert next(tool for tool in TOOLS if tool.name == ACT_TOOL).passing is Passing.REFUSED


@pytest.mark.parametrize(
    "access",
    [
        AgentAccess(read_only=True),
        AgentAccess(tools_off=frozenset({"execute_device_command", "query_device_manual"})),
        AgentAccess(tools_off=frozenset({"get_active_anomalies", "acknowledge_anomaly", "get_sensor_stream"})),
    ],
)
def test_a_tool_that_is_closed_to_agents_is_named_nowhere_and_refused(shipped, access):
    configuration = replace(shipped, agents=access)
    placement = make_placement()
    files = export_files(configuration, placement)
    assert problems(files, Expected(configuration), placement) == []
    closed = {tool.name for tool in TOOLS if why_not(tool.name, access, None)}
    text = "".join(files[name] for name in files if name.endswith((".tf", ".toml")))
    assert closed
    assert not [name for name in closed if f'{name}"' in text]
