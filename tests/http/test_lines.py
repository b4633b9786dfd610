"""Who acts on some lines alone, walked through from outside: every route and every form that is about a machine."""

from http import HTTPStatus
from typing import Any

import pytest
from starlette.testclient import TestClient

from aegisflow.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from aegisflow.console.pages import ACTS
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.credentials import OperatorSpec, token_hash
from aegisflow.domain.rights import Right, Role
from aegisflow.plant.identities import Identities
from tests.support.console_client import Browser, console_app
from tests.support.memory_plant import MemoryPlant, a_new_incident, an_alarm

AGENT = Caller("line-agent", CallerKind.AGENT, True)
ALARM = "pump-01@00001"
REPORT = {"title": "Seal", "root_cause": "worn", "actions_taken": "changed", "outcome": "well", "fault_type": "leak"}
ABOUT_A_MACHINE: dict[str, tuple[str, dict[str, Any]]] = {
    "approve_command": ("cmd-1", {"digest": "digest-of-cmd-1"}),
    "reject_command": ("cmd-1", {"reason": "no"}),
    "go_back": ("cmd-1", {"reason": "no"}),
    "give_command": ("", {"device_id": "pump-01", "command": "restart", "parameters": {}, "justification": "why"}),
    "state_mode": ("pump-01", {"mode": "shutdown", "reason": "seen"}),
    "acknowledge_alarm": (ALARM, {"note": "seen"}),
    "shelve_alarm": (ALARM, {"duration_s": 1800, "reason": "known"}),
    "unshelve_alarm": (ALARM, {}),
    "take_alarm_out_of_service": (ALARM, {"reason": "known"}),
    "return_alarm_to_service": (ALARM, {}),
    "accept_alarm": (ALARM, {"reason": "known"}),
    "accept_levels": ("pump-01", {"sensors": ["pressure"], "reason": "known"}),
    "restore_levels": ("pump-01", {"sensors": ["temperature"], "reason": "known"}),
    "learn_device": ("pump-01", {"act": "begin", "until": "1h", "reason": "overhauled"}),
    "write_incident": ("", {"device_id": "pump-01", "severity": "high", **REPORT}),
    "review_incident": ("1", {"revision": 1}),
}
ABOUT_EVERY_LINE: dict[str, dict[str, Any]] = {
    "resume_agents": {"reason": "well again"},
    "reload_plant": {"yes": True},
    "add_agent_token": {"name": "new", "token_sha256": "0" * 64},
    "revoke_agent_token": {"reason": "lost"},
    "revoke_operator": {"reason": "left"},
}
FOR_ANYBODY: dict[str, dict[str, Any]] = {
    "stop_agents": {"reason": "smoke"},  # the safe direction
    "hand_over": {"note": "quiet"},
    "take_over": {"handover_at": 1.0, "note": "seen"},
}
POSTS = {endpoint.name: endpoint for endpoint in ENDPOINTS if endpoint.method == "POST"}
PEOPLE = {
    "here": OperatorSpec(token_hash("token-of-here"), Role.APPROVER, lines=("line-1",)),
    "elsewhere": OperatorSpec(token_hash("token-of-elsewhere"), Role.APPROVER, lines=("line-2", "line-3")),
    "nowhere": OperatorSpec(token_hash("token-of-nowhere"), Role.ADMIN, lines=()),
    "all": OperatorSpec(token_hash("token-of-all"), Role.ADMIN),
}


@pytest.fixture
def plant() -> MemoryPlant:
    plant = MemoryPlant(identities=Identities(PEOPLE))
    plant.alarms = [an_alarm(1)]
    plant.request_command("pump-01", CommandName.RESTART, {}, AGENT, "it is hot")
    plant.log_incident(a_new_incident())
    plant.accept_levels("pump-01", ("temperature",), Caller("ada", CallerKind.OPERATOR), "new recipe")
    return plant


@pytest.fixture
def client(plant: MemoryPlant) -> TestClient:
    return Browser(console_app(plant)).client


def ask(client: TestClient, name: str, endpoint: Endpoint, which: str, body: dict[str, Any]) -> tuple[int, str]:
    path = PREFIX + endpoint.path.replace("{id}", which).replace("{name}", "nobody")
    answer = client.post(path, headers={"Authorization": f"Bearer token-of-{name}"}, json=body)
    return answer.status_code, answer.text


def test_every_route_that_does_something_is_about_one_machine_or_all_of_them_or_is_for_anybody() -> None:
    assert POSTS.keys() == ABOUT_A_MACHINE.keys() | ABOUT_EVERY_LINE.keys() | FOR_ANYBODY.keys()


@pytest.mark.parametrize("endpoint", ABOUT_A_MACHINE)
def test_acting_on_a_machine_of_another_line_is_refused_and_says_why(client, endpoint: str) -> None:
    for name in ("elsewhere", "nowhere"):
        status, text = ask(client, name, POSTS[endpoint], *ABOUT_A_MACHINE[endpoint])
        assert status == HTTPStatus.FORBIDDEN
        assert "it is about a machine of line-1, and their role is" in text
    status, text = ask(client, "here", POSTS[endpoint], *ABOUT_A_MACHINE[endpoint])
    assert status in (HTTPStatus.OK, HTTPStatus.CONFLICT), text


@pytest.mark.parametrize("endpoint", ABOUT_EVERY_LINE)
def test_what_is_about_every_line_needs_somebody_of_every_line(client, endpoint: str) -> None:
    for name in ("here", "nowhere"):
        assert ask(client, name, POSTS[endpoint], "", ABOUT_EVERY_LINE[endpoint])[0] == HTTPStatus.FORBIDDEN
    assert ask(client, "all", POSTS[endpoint], "", ABOUT_EVERY_LINE[endpoint])[0] != HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("endpoint", FOR_ANYBODY)
def test_stopping_the_agents_and_signing_for_a_shift_is_for_whoever_may(client, endpoint: str) -> None:
    assert ask(client, "elsewhere", POSTS[endpoint], "", FOR_ANYBODY[endpoint])[0] != HTTPStatus.FORBIDDEN


def test_everybody_sees_every_line(client) -> None:
    seen = {"id": {"alarms": ALARM, "devices": "pump-01", "commands": "cmd-1", "incidents": "1"}}
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and endpoint.right is Right.SEE:
            path = PREFIX + endpoint.path.replace("{id}", seen["id"].get(endpoint.noun, ""))
            status = client.get(path, headers={"Authorization": "Bearer token-of-elsewhere"}).status_code
            assert status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST), path


def test_a_device_that_is_gone_is_of_no_line(plant: MemoryPlant, client) -> None:
    plant.spec = MemoryPlant(devices=0).spec
    for name in ("reject_command", "review_incident"):
        status, text = ask(client, "here", POSTS[name], *ABOUT_A_MACHINE[name])
        assert (status, "a machine of no line" in text) == (HTTPStatus.FORBIDDEN, True)


# --- the page -------------------------------------------------------------------------------------

ELSEWHERE_TOO = ("/handover", "/agents/stop")
FIELDS = {
    "note": "seen",
    "alarm": ALARM,
    "duration_s": "1800",
    "reason": "known",
    "mode": "shutdown",
    "command": "restart",
    "name": "pump-01",
    "justification": "why",
    "digest": "digest-of-cmd-1",
    "device_id": "pump-01",
    **REPORT,
    "severity": "high",
    "revision": "1",
    "decision": "right",
    "token_sha256": "0" * 64,
    "handover_at": "1",
    "act": "begin",
    "until": "8h",
}
IDS = {"/commands": "cmd-1", "/alarms": ALARM, "/machines": "pump-01", "/approvals": "cmd-1", "/incidents": "1"}


@pytest.mark.parametrize("path", [act.path for act in ACTS if not act.path.startswith(ELSEWHERE_TOO)])
def test_every_form_about_another_line_is_refused_and_kept(plant: MemoryPlant, path: str) -> None:
    asked = path.replace("{id}", IDS.get(path[: path.find("/", 1)], "")).replace("{name}", "nobody")
    browser = Browser(console_app(plant)).sign_in("elsewhere")
    assert browser.send(asked, FIELDS).status == HTTPStatus.FORBIDDEN
    assert not plant.acknowledged
    assert not plant.stated
    assert not plant.learners
    assert len(plant.requests) == len(plant.reports) == 1


def test_the_page_offers_what_somebody_may_do_on_the_line_of_each_machine(plant: MemoryPlant) -> None:
    app = console_app(plant)
    here, elsewhere, everybody = (Browser(app).sign_in(name) for name in ("here", "elsewhere", "all"))
    offers = {
        "/alarms": f'value="{ALARM}"',
        f"/alarms/{ALARM}": f"/alarms/{ALARM}/acknowledge",
        "/machines/pump-01": "/machines/pump-01/mode",
        "/approvals": "/approvals/cmd-1/approve",
        "/incidents/1": "/incidents/1/review",
        "/incidents/new": "<option>pump-01",
    }
    for path, offered in offers.items():
        text = here.open(path).text.replace("%40", "@")
        assert (path, offered in text) == (path, True)
        assert offered not in elsewhere.open(path).text.replace("%40", "@"), path
    assert elsewhere.shows("elsewhere, approver of line-2, line-3")
    here.send("/agents/stop", {})
    assert "/agents/resume" not in here.open("/approvals").text
    assert "/agents/resume" in everybody.open("/approvals").text
    assert "/agents/stop" not in everybody.text


def test_a_reload_of_the_plant_file_changes_it_while_somebody_is_signed_in(plant: MemoryPlant) -> None:
    browser = Browser(console_app(plant)).sign_in("here")
    spec = PEOPLE["here"]
    limited = OperatorSpec(spec.token_sha256, spec.role, lines=("line-2",))
    plant.identities.replace({**PEOPLE, "here": limited}, plant.identities._access)
    assert browser.send(f"/alarms/{ALARM}/acknowledge", {"note": "seen"}).status == HTTPStatus.FORBIDDEN
    plant.identities.replace(PEOPLE, plant.identities._access)
    browser.open("/").send(f"/alarms/{ALARM}/acknowledge", {"note": "seen"})
    assert [alarm for alarm, _, _ in plant.acknowledged] == [ALARM]
