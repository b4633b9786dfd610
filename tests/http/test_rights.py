"""The one table of rights, walked through from outside: every route, every role, and nobody."""

from http import HTTPStatus

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from aegisflow.api.endpoints import ENDPOINTS, PREFIX, Endpoint
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.credentials import AgentAccess, Credential, OperatorSpec, token_hash
from aegisflow.domain.rights import Role
from aegisflow.http.app import build_http_app
from aegisflow.http.failures import FailedLogins
from aegisflow.http.guards import I3X_PATH, OperatorTokens
from aegisflow.mcp.server import PlantServer
from aegisflow.mcp.web import mounted
from aegisflow.plant.identities import Identities
from tests.support.memory_plant import MemoryPlant

PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN)
LEAST = {
    "describe_api": Role.VIEWER,
    "show_status": Role.VIEWER,
    "show_device": Role.VIEWER,
    "show_trend": Role.VIEWER,
    "list_approvals": Role.VIEWER,
    "approve_command": Role.APPROVER,
    "reject_command": Role.APPROVER,
    "list_commands": Role.VIEWER,
    "show_command": Role.VIEWER,
    "show_way_back": Role.VIEWER,
    "go_back": Role.OPERATOR,
    "give_command": Role.OPERATOR,
    "state_mode": Role.OPERATOR,
    "show_agents": Role.VIEWER,
    "stop_agents": Role.OPERATOR,
    "resume_agents": Role.APPROVER,
    "list_agent_tokens": Role.VIEWER,
    "add_agent_token": Role.ADMIN,
    "revoke_agent_token": Role.ADMIN,
    "list_operators": Role.VIEWER,
    "revoke_operator": Role.ADMIN,
    "list_alarms": Role.VIEWER,
    "show_alarm": Role.VIEWER,
    "acknowledge_alarm": Role.OPERATOR,
    "shelve_alarm": Role.OPERATOR,
    "unshelve_alarm": Role.OPERATOR,
    "take_alarm_out_of_service": Role.OPERATOR,
    "return_alarm_to_service": Role.OPERATOR,
    "accept_alarm": Role.OPERATOR,
    "list_levels": Role.VIEWER,
    "accept_levels": Role.OPERATOR,
    "restore_levels": Role.OPERATOR,
    "list_learning": Role.VIEWER,
    "learn_device": Role.OPERATOR,
    "show_figures": Role.VIEWER,
    "list_refused": Role.VIEWER,
    "reload_plant": Role.OPERATOR,
    "show_handover": Role.VIEWER,
    "hand_over": Role.OPERATOR,
    "take_over": Role.OPERATOR,
    "list_incidents": Role.VIEWER,
    "write_incident": Role.OPERATOR,
    "show_incident": Role.VIEWER,
    "review_incident": Role.OPERATOR,
}
"""Route to the least role that it opens to; written down a second time, so that a slip in the first is seen."""


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{name}"}


def identities(access: AgentAccess | None = None) -> Identities:
    people = {str(role): OperatorSpec(token_hash(f"token-of-{role}"), role) for role in PEOPLE}
    known = Identities(people, access)
    known.keep((Credential("line-agent", CallerKind.AGENT, token_hash("token-of-agent")),))
    return known


def web(server: PlantServer, known: Identities, shared: str = "") -> TestClient:
    app = build_http_app(
        mounted(server), MemoryPlant(), shared, lambda: b"", OperatorTokens(known, shared, FailedLogins(hold_s=0))
    )
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))


@pytest.fixture(scope="session")
def client(agents_server: PlantServer) -> TestClient:
    return web(agents_server, identities())


def ask(client: TestClient, endpoint: Endpoint, headers: dict[str, str]) -> int:
    path = PREFIX + endpoint.path.replace("{id}", "1").replace("{name}", "nobody")
    body = {} if endpoint.method == "POST" else None
    return client.request(endpoint.method, path, headers=headers, json=body).status_code


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize("role", Role)
def test_every_route_opens_to_its_roles_and_to_nobody_else(client: TestClient, endpoint: Endpoint, role: Role) -> None:
    status = ask(client, endpoint, {} if role is Role.NONE else bearer(role))
    if role not in PEOPLE:
        assert status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
    elif PEOPLE.index(role) < PEOPLE.index(LEAST[endpoint.name]):
        assert status == HTTPStatus.FORBIDDEN
    else:
        assert status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)


def test_there_is_no_route_that_the_walk_leaves_out(client: TestClient) -> None:
    routes = {route.path for route in client.app.routes if isinstance(route, Route)}  # type: ignore[attr-defined]
    below = {PREFIX + endpoint.path for endpoint in ENDPOINTS}
    assert routes == below | {"/healthz", "/readyz", "/instance", "/mcp", "/metrics", "/reload"}
    mounts = [route for route in client.app.routes if isinstance(route, Mount)]  # type: ignore[attr-defined]
    assert [mount.path for mount in mounts] == [I3X_PATH, ""]
    assert LEAST.keys() == {endpoint.name for endpoint in ENDPOINTS}


@pytest.mark.parametrize("given", ["", "agent", "viewer", "nobody"])
def test_every_route_of_i3x_but_info_opens_to_agents_and_people_alone(client: TestClient, given: str) -> None:
    (mount, *_) = [route for route in client.app.routes if isinstance(route, Mount)]  # type: ignore[attr-defined]
    routes = [(route.path, method) for route in mount.routes for method in route.methods - {"HEAD"}]  # type: ignore[attr-defined]
    assert ("/objects/value", "POST") in routes
    for path, method in routes:
        headers = bearer(given) if given else {}
        status = client.request(method, I3X_PATH + path, headers=headers, json={}).status_code
        assert (status == HTTPStatus.UNAUTHORIZED) is (path != "/info" and given in ("", "nobody")), (path, method)


HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}


@pytest.mark.parametrize(
    ("access", "shared", "opens"),
    [
        (AgentAccess(), "", {"agent"}),
        (AgentAccess(anonymous=True), "", {"agent", ""}),
        (AgentAccess(), "token-of-all", {"agent", "all"}),
        (AgentAccess(anonymous=False), "token-of-all", {"agent"}),
    ],
)
def test_at_mcp_there_are_agents_by_their_own_token_and_others_only_where_the_file_lets_them(
    agents_server: PlantServer, access: AgentAccess, shared: str, opens: set[str]
) -> None:
    with web(agents_server, identities(access), shared) as client:
        for name in ("", "all", "agent", "unknown", *PEOPLE):
            headers = {"Accept": "application/json, text/event-stream"} | (bearer(name) if name else {})
            status = client.post("/mcp", headers=headers, json=HELLO).status_code
            assert status == (HTTPStatus.OK if name in opens else HTTPStatus.UNAUTHORIZED), name
