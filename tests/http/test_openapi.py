"""The OpenAPI document of the operators' API: whole, and true of what is really answered."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route
from starlette.testclient import TestClient

from aegisflow.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, Stage, WayBack
from aegisflow.domain.credentials import Credential
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.operators import operator_routes
from aegisflow.plant.identities import Identities
from tests.support.memory_plant import NOW, MemoryPlant, a_new_incident, an_alarm
from tests.support.operator_tokens import AGENTS, ANNA

ALARM, COMMAND = "pump-01@00001", "cmd-1"
REPORT = {
    "device_id": "pump-01",
    "fault_type": "pressure_leak",
    "severity": "high",
    "title": "Leak at the flange",
    "root_cause": "gasket aged",
    "actions_taken": "gasket replaced",
    "outcome": "tight again",
}
VERIFIED = "cmd-of-before"
BODIES: dict[str, dict[str, Any]] = {
    "approve_command": {"digest": "digest-of-cmd-1"},
    "reject_command": {"reason": "no need"},
    "go_back": {"reason": "the bearing is new"},
    "give_command": {"device_id": "pump-01", "command": "restart", "justification": "checked", "parameters": {"n": 1}},
    "state_mode": {"mode": "reduced_load", "reduction_pct": 40, "reason": "the valve is half shut"},
    "stop_agents": {"reason": "drill"},
    "resume_agents": {"reason": "over"},
    "add_agent_token": {"name": "new-agent", "token_sha256": "a" * 64, "read_only": True, "calls_per_min": 60},
    "revoke_agent_token": {"reason": "left"},
    "revoke_operator": {"reason": "left"},
    "acknowledge_alarm": {"note": "on my way"},
    "shelve_alarm": {"duration_s": 600, "reason": "welding"},
    "unshelve_alarm": {},
    "take_alarm_out_of_service": {"reason": "dismounted"},
    "return_alarm_to_service": {},
    "accept_alarm": {"reason": "recipe B"},
    "accept_levels": {"sensors": ["temperature"], "reason": "recipe B"},
    "restore_levels": {"sensors": ["temperature"], "reason": "it was none"},
    "learn_device": {"act": "begin", "until": "8h", "reason": "overhauled"},
    "reload_plant": {"yes": True},
    "hand_over": {"note": "quiet"},
    "take_over": {"handover_at": NOW, "note": "seen"},
    "write_incident": {**REPORT, "alarm_id": ALARM},
    "review_incident": {"revision": 1, "changes": {"title": "Leak"}},
}
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[one.name for one in ENDPOINTS])
each_post = pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if one.method == "POST"], ids=lambda one: str(one.name)
)
Any3 = Endpoint[Any, Any, Any]


@pytest.fixture(autouse=True)
def something_of_everything(plant: MemoryPlant) -> None:
    plant.identities.keep((Credential("line-agent", CallerKind.AGENT, "b" * 64),))
    plant.alarms = [an_alarm(1), an_alarm(30, "pump-02")]
    for device_id in ("pump-01", "pump-02"):
        plant.log_incident(a_new_incident(device_id=device_id))
    plant.accept_levels("pump-01", ("temperature",), Caller("anna", CallerKind.OPERATOR), "recipe A")
    plant.hand_over("quiet", (), Caller("ben", CallerKind.OPERATOR))  # at NOW: for anna to take over
    plant.request_command("pump-01", CommandName.RESTART, {"x": "y"}, Caller("seven", CallerKind.AGENT), "it is hot")
    back = WayBack(CommandName.RESTORE_LOAD)
    plant.requests.append(
        replace(
            plant.requests[0],
            command=replace(plant.requests[0].command, command_id=VERIFIED),
            stage=Stage.VERIFIED,
            way_back=back,
        )
    )


@pytest.fixture
def document(web: TestClient) -> dict[str, Any]:
    document: dict[str, Any] = web.get(f"{PREFIX}openapi.json", headers=ANNA).json()
    return document


def path_of(endpoint: Any3) -> str:
    ids = {
        "alarms": ALARM,
        "commands": VERIFIED if endpoint.name == "go_back" else COMMAND,
        "devices": "pump-01",
        "incidents": "1",
        "agent-tokens": "line-agent",
        "operators": "ben",
    }
    named = re.findall(r"{(\w+)}", endpoint.path)
    return PREFIX + endpoint.url(dict.fromkeys(named, ids.get(endpoint.noun, "")))


def ask(web: TestClient, endpoint: Any3, body: dict[str, Any] | None = None) -> Any:
    sent = BODIES.get(endpoint.name) if body is None else body
    content = None if sent is None else json.dumps(sent)
    return web.request(endpoint.method, path_of(endpoint), headers=ANNA, content=content)


def strict(schema: Any) -> Any:
    """Return a schema that refuses fields which it does not name."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return closed | {key: strict(value) for key, value in schema.items()}


def mistakes(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    whole = strict({**schema, "components": document["components"]})
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def described(document: dict[str, Any], endpoint: Any3) -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"][PREFIX + endpoint.path][endpoint.method.lower()]
    return operation


def test_every_route_is_described_and_every_description_has_its_route(
    document: dict[str, Any], plant: MemoryPlant
) -> None:
    routes = [
        route for route in operator_routes(lambda: plant, OperatorTokens(Identities())) if isinstance(route, Route)
    ]
    served = {(method, route.path) for route in routes for method in (route.methods or ()) if method != "HEAD"}
    told = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert told == served
    assert len(served) == len(ENDPOINTS) == len({one.name for one in ENDPOINTS})


@each_endpoint
def test_what_is_answered_is_what_the_document_says(web: TestClient, document: dict[str, Any], endpoint: Any3) -> None:
    answer = ask(web, endpoint)
    assert answer.status_code == 200, answer.text
    schema = described(document, endpoint)["responses"]["200"]["content"]["application/json"]["schema"]
    if endpoint.name == "describe_api":
        assert answer.json() == document
    else:
        assert mistakes(document, schema, answer.json()) == []


@each_post
def test_what_is_accepted_is_what_the_document_says(web: TestClient, document: dict[str, Any], endpoint: Any3) -> None:
    schema = described(document, endpoint)["requestBody"]["content"]["application/json"]["schema"]
    assert mistakes(document, schema, BODIES[endpoint.name]) == []
    required = document["components"]["schemas"].get(endpoint.body.__name__, {}).get("required", [])
    for field in required:
        body = {name: value for name, value in BODIES[endpoint.name].items() if name != field}
        assert mistakes(document, schema, body) != []
        refusal = ask(web, endpoint, body)
        assert refusal.status_code == 400
        assert refusal.json()["error"].startswith(f"{field}='None' cannot be used; expected ")


def test_refusals_are_described_too(web: TestClient, document: dict[str, Any]) -> None:
    by_name = {one.name: one for one in ENDPOINTS}
    refusals = [
        ask(web, by_name["stop_agents"], {"reason": 5}),
        web.get(f"{PREFIX}alarms", headers=AGENTS),
        ask(web, by_name["approve_command"], {"digest": "of another"}),
        ask(web, by_name["give_command"], {**BODIES["give_command"], "command": "fly"}),
    ]
    assert [one.status_code for one in refusals] == [400, 401, 409, 404]
    responses = described(document, by_name["stop_agents"])["responses"]
    for refusal in refusals:
        name = responses[str(refusal.status_code)]["$ref"].rpartition("/")[2]
        schema = document["components"]["responses"][name]["content"]["application/json"]["schema"]
        assert mistakes(document, schema, refusal.json()) == []


def test_everything_that_the_document_refers_to_is_in_it(document: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [one for value in node.values() for one in references(value)]
        return [one for value in node for one in references(value)] if isinstance(node, list) else []

    for reference in references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    assert document["openapi"] == "3.1.0"
    assert document["security"] == [{"operator": []}]
    assert "claims no SIL" in document["info"]["description"]


@each_endpoint
def test_the_names_in_a_path_are_declared(document: dict[str, Any], endpoint: Any3) -> None:
    parameters = described(document, endpoint)["parameters"]
    in_path = {one["name"] for one in parameters if one["in"] == "path" and one["required"]}
    assert in_path == set(re.findall(r"{(\w+)}", endpoint.path))


@pytest.mark.parametrize("headers", [{}, AGENTS])
def test_the_document_is_told_to_nobody_without_a_token(web: TestClient, headers: dict[str, str]) -> None:
    assert web.get(f"{PREFIX}openapi.json", headers=headers).status_code == 401


def test_people_and_agents_are_told_the_same_of_an_alarm(web: TestClient, plant: MemoryPlant) -> None:
    from aegisflow.mcp.tools.alarms import AlarmTools

    agents = json.loads(AlarmTools(lambda: plant).get_active_anomalies().model_dump_json())["alarms"]
    people = {one["alarm_id"]: one for one in web.get(f"{PREFIX}alarms", headers=ANNA).json()["alarms"]}
    for told in agents:
        shown = people[told["alarm_id"]]
        common = told.keys() & shown.keys() - {"patterns", "similar_incidents", "evidence"}
        assert {"alarm_id", "device_id", "fault_type", "severity", "state", "raised_at", "reasons"} <= common
        assert {name: told[name] or "" for name in common} == {name: shown[name] or "" for name in common}
        for one, other in zip(told["evidence"], shown["evidence"], strict=True):
            assert one == {name: other[name] for name in one}


@each_post
def test_letters_that_are_none_are_refused_or_left_out(web: TestClient, endpoint: Any3) -> None:
    """JSON can carry half of a surrogate pair, which no text in UTF-8 can."""
    half = "\ud800"
    for field in BODIES[endpoint.name]:
        for value in (half, {half: half}, [half], {"title": half}):
            answer = ask(web, endpoint, {**BODIES[endpoint.name], field: value})
            assert answer.status_code in (200, 400, 404, 409), answer.text
            assert answer.json().get("error", "").isprintable()
