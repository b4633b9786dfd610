"""``archestra apply`` against a stand-in of the API: from nothing, again, after drift, after a failure midway."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from aegisflow.archestra.api import ArchestraApi
from aegisflow.archestra.desired import LABEL, Secrets, desired
from aegisflow.archestra.export import export_files
from aegisflow.archestra.placement import make_placement
from aegisflow.archestra.reconcile import PlanStep, reconcile
from aegisflow.archestra.rules import proxy_policy
from aegisflow.cli import main
from aegisflow.errors import BadValueError, ConflictError, UnavailableError
from tests.support.archestra_api import KEY, PAGE, ArchestraStandIn, archestra
from tests.support.archestra_checks import calls
from tests.support.nine_tools import NINE
from tests.support.places import PLANT_FILE
from tests.support.proxies import ClassicPolicies, Outcome
from tests.support.terraform import read_module

POLICIES, RESULTS = "/api/autonomy-policies/tool-invocation", "/api/trusted-data-policies"
CATALOG, AGENTS, LIMITS = "/api/internal_mcp_catalog", "/api/agents", "/api/limits"


@pytest.fixture
def there():
    with archestra() as standing:
        yield standing


@pytest.fixture(params=["image", "remote"])
def walk(request, there, shipped) -> Callable[..., list[PlanStep]]:
    """Runs one walk and returns what it told."""
    placement = make_placement(remote="http://10.0.0.7:8765") if request.param == "remote" else make_placement()
    policy = proxy_policy(shipped.plant, shipped.archestra.blocked)
    wanted = desired(
        shipped,
        placement,
        policy,
        Secrets("token", "some-model", {"ANTHROPIC_API_KEY": "sk-1", "MQTT_BROKER_HOST": "mqtt"}),
    )
    pauses: list[None] = []

    def walk(apply: bool = True, restrict: bool = True) -> list[PlanStep]:
        api = ArchestraApi(there.url, KEY)
        return list(reconcile(api, wanted, apply=apply, restrict=restrict, pause=lambda: pauses.append(None)))

    return walk


def acts(changes: list[PlanStep]) -> set[str]:
    return {change.act for change in changes}


def state(there: ArchestraStandIn) -> Any:
    return copy.deepcopy((there.all, there.assigned, there.organization))


def policies(there: ArchestraStandIn) -> ClassicPolicies:
    """What the proxy has been told, for the evaluator of the export's own policies."""
    (server,) = there.all["/api/mcp_server"]
    names = {tool["id"]: tool["name"] for tool in there.tools_of(server["id"])}
    told = [
        [(names[one["toolId"]], one["conditions"], one["action"]) for one in there.all[path] if one["toolId"] in names]
        for path in (POLICIES, RESULTS)
    ]
    return ClassicPolicies(there.organization["globalToolPolicy"] == "restrictive", *told)


def judged(there: ArchestraStandIn, command: str, **more: str) -> Outcome:
    return policies(there).call("aegisflow__execute_device_command", {"command": command, **more})


def test_the_plan_changes_nothing_and_names_all_that_is_then_done(there, walk):
    before = state(there)
    plan = walk(apply=False)
    assert state(there) == before
    assert there.writes == []
    done = walk()
    assert done == plan
    assert acts(done) == {"create", "assign", "update"}


def test_from_nothing_archestra_has_everything_and_the_second_time_nothing_changes(there, walk):
    walk()
    (item,) = there.all[CATALOG]
    (server,) = there.all["/api/mcp_server"]
    assert LABEL in item["labels"]
    told = {one["key"]: (one["type"], one.get("value")) for one in item.get("localConfig", {}).get("environment", ())}
    assert told in (
        {},
        {
            "MQTT_BROKER_HOST": ("plain_text", "mqtt"),
            "MQTT_BROKER_PORT": ("plain_text", "1883"),
            "ANTHROPIC_API_KEY": ("secret", None),
        },
    )
    assert (server["scope"], server["catalogId"]) == ("org", item["id"])
    agent, gateway = there.all[AGENTS]
    assert (agent["agentType"], gateway["agentType"]) == ("agent", "mcp_gateway")
    assert agent["systemPrompt"].startswith("You are the operations engineer")
    assert gateway["toolExposureMode"] == "full"
    tools = {f"{server['id']}-{tool}" for tool in NINE}
    assert set(there.assigned[agent["id"]]) == set(there.assigned[gateway["id"]]) == tools
    assert judged(there, "reduce_load", reduction_pct="50") is Outcome.PERSON
    assert judged(there, "reduce_load", reduction_pct="050") is Outcome.REFUSED
    assert judged(there, "emergency_shutdown") is judged(there, "restart") is Outcome.REFUSED
    assert {limit["limitType"] for limit in there.all[LIMITS]} == {"token_cost", "tool_calls"}
    there.writes.clear()
    assert walk() == []
    assert there.writes == []


def test_what_the_api_is_told_is_what_the_export_says(there, walk, shipped):
    """Both ways into Archestra say the same of every call."""
    walk()
    exported = ClassicPolicies.of(read_module(export_files(shipped, make_placement())))
    applied = policies(there)
    for call in calls(shipped.plant):
        name = "aegisflow__execute_device_command"
        assert applied.call(name, call) == exported.call(name, call)
    for tool in NINE:
        assert applied.call(f"aegisflow__{tool}", {}) == exported.call(f"aegisflow__{tool}", {})
        assert applied.trusts(f"aegisflow__{tool}", {}) == exported.trusts(f"aegisflow__{tool}", {})


def test_drift_of_what_is_ours_is_told_and_brought_back(there, walk):
    walk()
    before = state(there)
    agent = there.all[AGENTS][0]
    agent["systemPrompt"] = "obey"
    shutdown = next(
        one for one in there.all[POLICIES] if one["conditions"][:1] and one["conditions"][0]["value"] == "restart"
    )
    shutdown["action"] = "allow_when_context_is_untrusted"
    there.all[POLICIES].remove(next(one for one in there.all[POLICIES] if one["conditions"] == []))
    del there.assigned[agent["id"]][next(iter(there.assigned[agent["id"]]))]
    told = walk(apply=False)
    assert acts(told) == {"update", "create", "assign"}
    assert any(change.what == "agent aegisflow: systemPrompt" for change in told)
    assert walk() == told
    assert walk() == []
    after = state(there)
    key = lambda one: (one["toolId"], str(one["conditions"]), one["action"])  # noqa: E731
    assert sorted(map(key, after[0][POLICIES])) == sorted(map(key, before[0][POLICIES]))
    assert after[1] == {
        owner: dict.fromkeys(tools, after[0]["/api/mcp_server"][0]["id"]) for owner, tools in before[1].items()
    }


def test_a_policy_of_ours_that_is_no_longer_wanted_goes(there, walk):
    walk()
    ours = next(one for one in there.all[POLICIES] if one["conditions"])
    old = {**ours, "id": "old", "conditions": [{"key": "command", "operator": "equal", "value": "fly"}]}
    there.all[POLICIES].append(old)
    assert [str(change) for change in walk()] == [
        "delete tool policy of execute_device_command (command equal fly): block_always"
    ]
    assert old not in there.all[POLICIES]


@pytest.mark.parametrize("fail_at", [1, 2, 3, 5, 12, 20, 30, 40, 55])
def test_after_a_failure_in_the_middle_it_is_finished_the_next_time(there, walk, fail_at):
    there.fail_at = fail_at
    with pytest.raises(UnavailableError, match="HTTP 500"):
        walk()
    for tools in there.assigned.values():  # no agent has a tool before its policies are there
        assert tools
        assert judged(there, "emergency_shutdown") is Outcome.REFUSED
        assert policies(there).call("aegisflow__execute_device_command", {}) is Outcome.REFUSED
    there.fail_at = 0
    walk()
    assert walk() == []
    assert len(there.all[CATALOG]) == len(there.all["/api/mcp_server"]) == 1
    assert len(there.all[AGENTS]) == 2
    assert judged(there, "reduce_load", reduction_pct="20") is Outcome.PERSON


def test_what_people_made_is_left_as_it_is_and_named_where_it_stands_in_the_way(there, walk):
    walk()
    (server,) = there.all["/api/mcp_server"]
    tool = f"{server['id']}-execute_device_command"
    default = next(one for one in there.all[POLICIES] if one["toolId"] == tool and one["conditions"] == [])
    default |= {"action": "require_approval", "reason": "our own decision"}
    own = {"id": "p1", "toolId": tool, "conditions": [{"key": "device_id", "operator": "equal", "value": "pump-01"}],
           "action": "block_always", "reason": "pump-01 is under repair"}  # fmt: skip
    there.all[POLICIES].append(own)
    there.all[LIMITS][0]["limitValue"] = 7
    there.all[AGENTS][0]["labels"].append({"key": "team", "value": "night shift"})
    there.all[AGENTS][0]["suggestedPrompts"].append({"summaryTitle": "Mine", "prompt": "my own"})
    there.all[AGENTS][0]["description"] = "drifted"
    told = walk()
    assert [change.what for change in told if change.act == "update"] == ["agent aegisflow: description"]
    kept = [change.what for change in told if change.act == "keep"]
    assert any("a person's require_approval (plant.yaml: block_always)" in what for what in kept)
    assert any("device_id equal pump-01" in what for what in kept)
    assert any("limit of token_cost: 7" in what for what in kept)
    assert default["action"] == "require_approval"
    assert own in there.all[POLICIES]
    assert there.all[LIMITS][0]["limitValue"] == 7
    assert {"key": "team", "value": "night shift"} in there.all[AGENTS][0]["labels"]
    assert {"summaryTitle": "Mine", "prompt": "my own"} in there.all[AGENTS][0]["suggestedPrompts"]


@pytest.mark.parametrize("path", [CATALOG, AGENTS])
def test_something_of_the_same_name_that_is_not_ours_stops_it_before_anything_is_changed(there, walk, path):
    theirs = {"id": "x", "name": "aegisflow", "scope": "org", "labels": [{"key": "managed-by", "value": "anna"}]}
    there.all[path].append(theirs | ({"agentType": "mcp_gateway"} if path == AGENTS else {"serverType": "remote"}))
    with pytest.raises(ConflictError, match="not AegisFlow's"):
        walk()
    assert there.writes == []


def test_ours_is_found_on_a_later_page(there, walk):
    there.all[AGENTS] += [
        {"id": f"a{n}", "name": f"agent {n}", "agentType": "agent", "labels": []} for n in range(3 * PAGE)
    ]
    walk()
    there.writes.clear()
    assert walk() == []
    assert len(there.all[AGENTS]) == 3 * PAGE + 2


def test_the_organisation_is_made_restrictive_only_where_that_was_asked_for(there, walk):
    assert any("permissive" in change.what for change in walk(restrict=False) if change.act == "keep")
    assert there.organization["globalToolPolicy"] == "permissive"
    assert [change.act for change in walk(restrict=True)] == ["update"]
    assert there.organization["globalToolPolicy"] == "restrictive"


def test_the_tools_of_a_server_that_is_just_starting_are_waited_for(there, walk):
    there.tools_after = 5
    walk()
    assert walk() == []


def test_tools_that_never_come_are_named(there, walk):
    there.tools_after = 10_000
    with pytest.raises(UnavailableError, match="has not found its tools acknowledge_anomaly"):
        walk()
    assert there.assigned == {}


def test_a_wrong_key_is_refused_and_never_shown(there, shipped):
    wanted = desired(shipped, make_placement(), proxy_policy(shipped.plant))
    with pytest.raises(UnavailableError, match="HTTP 401") as caught:
        list(reconcile(ArchestraApi(there.url, "arch_wrong"), wanted, apply=True, pause=lambda: None))
    assert "arch_wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key"),
    [("ftp://x", KEY), ("http://a:b@x", KEY), ("http://[", KEY), ("http://x", ""), ("http://x", "a\nb")],
)
def test_an_address_or_a_key_that_cannot_be_used_is_refused_before_anything_is_sent(url, key):
    with pytest.raises(BadValueError) as caught:
        ArchestraApi(url, key)
    assert "a\nb" not in str(caught.value)


def test_the_command_shows_the_plan_and_does_it_when_told_to(there, capsys, monkeypatch):
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["archestra", "apply", there.url, "--plant", str(PLANT_FILE), *arguments])
        printed = capsys.readouterr()
        return int(exit_.value.code or 0), printed.out, printed.err

    assert run()[0] == 2
    monkeypatch.setenv("ARCHESTRA_API_KEY", KEY)
    code, out, _ = run("--restrict")
    assert code == 1
    assert "create registry item aegisflow" in out
    assert "nothing was changed; --yes does it" in out
    assert there.writes == []
    code, out, _ = run("--restrict", "--yes")
    assert code == 0
    assert "changes made" in out
    code, out, _ = run("--restrict")
    assert (code, out) == (0, f"{there.url}: nothing to change\n")
    code, _, err = run("--remote", "http://10.0.0.7:8765")
    assert code == 2
    assert "AEGISFLOW_TOKEN" in err
