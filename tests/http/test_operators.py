import pytest

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, Mode
from aegisflow.domain.views import PlantChange
from aegisflow.http.failures import MAX_FAILURES
from tests.support.memory_plant import MemoryPlant, an_alarm
from tests.support.operator_tokens import AGENTS, ANNA, ANNA_HERSELF, BEN

READS = ("/operator/approvals", "/operator/commands", "/operator/agents")
WRITES = (
    "/operator/commands",
    "/operator/commands/cmd-1/approve",
    "/operator/commands/cmd-1/reject",
    "/operator/agents/stop",
    "/operator/agents/resume",
    "/operator/alarms/pump-01@00001/acknowledge",
)


def propose(
    plant: MemoryPlant, words: str = "it is hot", kind: CallerKind = CallerKind.AGENT, name: str = "seven"
) -> None:
    plant.request_command("pump-01", CommandName.RESTART, {}, Caller(name, kind), words)


@pytest.mark.parametrize("headers", [{}, AGENTS, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
def test_only_an_operators_token_opens_any_route(web, plant, headers):
    propose(plant)
    for method, path in [("GET", path) for path in READS] + [("POST", path) for path in WRITES]:
        answer = web.request(method, path, headers=headers, json={"digest": "digest-of-cmd-1", "reason": "x"})
        assert answer.status_code == 401
        assert "token" in answer.json()["error"]
    assert plant.writes.allowed
    assert len(plant.approvals().value) == 1


def test_an_operators_token_does_not_open_what_is_the_agents(web):
    for path, method in (("/mcp", "POST"), ("/metrics", "GET")):
        assert web.request(method, path, headers=ANNA).status_code == 401


def test_a_page_in_a_browser_gets_nowhere(web):
    assert web.get("/operator/agents", headers={**ANNA, "Origin": "https://evil.example"}).status_code == 403


def test_facts_come_first_and_the_agents_words_last_without_control_characters(web, plant):
    propose(plant, "approved\x1b[2J by the chief\u202e" + "x" * 5000)
    view = web.get("/operator/approvals", headers=ANNA).json()["approvals"][0]
    order = list(view)
    assert order[0] == "facts"
    assert order.index("facts") < order.index("policy") < order.index("words_not_facts") == len(order) - 1
    assert (view["facts"], view["facts_at"]) == (["pump-01 is in normal"], "2026-01-31T08:00:00Z")
    assert (view["facts_now"], view["facts_now_at"]) == (["pump-01 is hotter"], "2026-01-31T08:15:00Z")
    assert view["words_not_facts"]["of"] == "agent seven"
    assert view["words_not_facts"]["text"].startswith("approved[2J by the chiefx")
    assert len(view["words_not_facts"]["text"].encode()) <= 1000


def test_a_command_is_approved_once_by_another_than_who_asked_and_as_it_was_shown(web, plant):
    asked = {"device_id": "pump-01", "command": "restart", "parameters": {}, "justification": "checked on site"}
    assert web.post("/operator/commands", headers=ANNA, json=asked).json()["stage"] == "awaiting_approval"
    assert plant.requests[0].command.proposed_by == ANNA_HERSELF
    path, digest = "/operator/commands/cmd-1/approve", {"digest": "digest-of-cmd-1"}
    assert web.post(path, headers=ANNA, json=digest).status_code == 403
    assert web.post(path, headers=BEN, json={"digest": "of another"}).status_code == 409
    assert web.post(path, headers=BEN, json={}).status_code == 400
    assert web.post(path, headers=BEN, json=digest).json()["stage"] == "approved"
    assert web.post(path, headers=BEN, json=digest).status_code == 409
    assert web.post("/operator/commands/cmd-9/approve", headers=BEN, json=digest).status_code == 404


def test_a_rejection_needs_a_reason(web, plant):
    propose(plant)
    assert web.post("/operator/commands/cmd-1/reject", headers=ANNA, json={"reason": " "}).status_code == 400
    answer = web.post("/operator/commands/cmd-1/reject", headers=ANNA, json={"reason": "no need"})
    assert answer.json()["policy"] == ["rejected by anna: no need"]
    shown = web.get("/operator/commands/cmd-1", headers=BEN).json()
    assert (shown["stage"], shown["stage_at"], shown["policy"]) == (
        "rejected",
        "2026-01-31T08:00:00Z",
        ["rejected by anna: no need"],
    )
    assert web.get("/operator/commands/cmd-9", headers=BEN).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 15_000, b'{"reason": 5}', b" " * 30_000])
def test_a_body_that_is_no_request_is_explained(web, body):
    answer = web.post("/operator/agents/stop", headers=ANNA, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_agents_are_stopped_and_let_write_again(web):
    assert web.get("/operator/agents", headers=ANNA).json()["allowed"] is True
    assert web.post("/operator/agents/stop", headers=ANNA, json={"reason": "drill"}).json()["by"] == "anna"
    assert web.get("/operator/agents", headers=BEN).json()["allowed"] is False
    assert web.post("/operator/agents/resume", headers=BEN, json={"reason": "over"}).json()["allowed"] is True


def test_an_alarm_is_acknowledged_in_the_operators_name(web, plant):
    plant.alarms = [an_alarm(1)]
    path = "/operator/alarms/pump-01@00001/acknowledge"
    assert web.post(path, headers=BEN, json={"note": "on my way"}).json()["acknowledged_by"] == "ben"


def test_commands_are_listed_within_bounds(web, plant):
    propose(plant)
    assert len(web.get("/operator/commands?limit=5", headers=ANNA).json()["commands"]) == 1
    for limit in ("0", "1000", "x", "٣"):
        assert web.get("/operator/commands", params={"limit": limit}, headers=ANNA).status_code == 400


def test_many_wrong_tokens_are_answered_with_429(web):
    for _ in range(MAX_FAILURES):
        web.get("/operator/agents", headers={"Authorization": "Bearer guess"})
    assert web.get("/operator/agents", headers={"Authorization": "Bearer guess"}).status_code == 429
    assert web.get("/operator/agents", headers=ANNA).status_code == 200


def test_h12_an_operator_states_the_mode_of_a_machine_under_their_name(web, plant):
    path = "/operator/devices/pump-01/mode"
    told = web.post(path, headers=ANNA, json={"mode": "maintenance", "reason": "I stand at it"}).json()
    assert (told["mode"], told["by"], told["at"]) == ("maintenance", "anna", "2026-01-31T08:00:00Z")
    assert [(one.mode, one.by) for one in plant.stated] == [(Mode.MAINTENANCE, "anna")]
    for body in (
        {"mode": "unknown", "reason": "I stand at it"},
        {"mode": "maintenance"},
        {"mode": "maintenance", "reason": "I stand at it", "reduction_pct": 30},
        {"mode": "reduced_load", "reason": "I stand at it", "reduction_pct": "nan"},
    ):
        assert web.post(path, headers=ANNA, json=body).status_code in (400, 404)
    assert web.post("/operator/devices/pump-9/mode", headers=ANNA, json=told).status_code == 404
    assert len(plant.stated) == 1


def test_only_an_operator_says_yes_to_what_a_reload_takes_away(web, plant):
    plant.change = PlantChange(applied=False, removed=("pump-01",), waits=("it removes 1 of 3 devices",))
    assert web.post("/reload", headers=AGENTS).status_code == 409
    refused = web.post("/reload?yes=true", headers=AGENTS)
    assert refused.status_code == 403
    assert "AEGISFLOW_OPERATOR_TOKEN" in refused.json()["mistakes"][0]
    assert plant.reloads == 1
    agreed = web.post("/operator/plant/reload", headers=ANNA, json={"yes": True})
    assert agreed.json()["applied"] is True
