"""Every page and every act, for every role and for nobody."""

from http import HTTPStatus

import pytest
from starlette.routing import Mount, Route

from aegisflow.console.app import console_routes
from aegisflow.console.linked import PATH
from aegisflow.console.pages import ACTS, PAGES
from aegisflow.domain.rights import Role
from aegisflow.http.guards import OperatorTokens
from tests.support.console_client import PEOPLE, Browser, console_app, everyone
from tests.support.memory_plant import MemoryPlant

LEAST = {
    "/": Role.VIEWER,
    "/alarms": Role.VIEWER,
    "/alarms/{id}": Role.VIEWER,
    "/machines/{id}": Role.VIEWER,
    "/machines/{id}/trend": Role.VIEWER,
    "/approvals": Role.VIEWER,
    "POST /approvals/{id}/approve": Role.APPROVER,
    "POST /approvals/{id}/reject": Role.APPROVER,
    "/journal": Role.VIEWER,
    "/journal/export": Role.VIEWER,
    "/journal/refused": Role.VIEWER,
    "/journal/figures": Role.VIEWER,
    "/handover": Role.VIEWER,
    "POST /handover/leave": Role.OPERATOR,
    "POST /handover/take": Role.OPERATOR,
    "/incidents": Role.VIEWER,
    "/incidents/new": Role.OPERATOR,
    "/incidents/{id}": Role.VIEWER,
    "POST /incidents": Role.OPERATOR,
    "POST /incidents/{id}/review": Role.OPERATOR,
    "/what-to-do": Role.VIEWER,
    "/what-to-do/export": Role.VIEWER,
    "/manuals": Role.VIEWER,
    "/manuals/{name}": Role.VIEWER,
    "/agents": Role.VIEWER,
    "POST /agents": Role.ADMIN,
    "POST /agents/{name}/revoke": Role.ADMIN,
    "POST /people/{name}/revoke": Role.ADMIN,
    "POST /agents/stop": Role.OPERATOR,
    "POST /agents/resume": Role.APPROVER,
    "/commands/{id}/way-back": Role.VIEWER,
    "POST /commands/{id}/way-back": Role.OPERATOR,
    "POST /machines/{id}/mode": Role.OPERATOR,
    "POST /machines/{id}/command": Role.OPERATOR,
    "POST /machines/{id}/learning": Role.OPERATOR,
    "POST /alarms/{id}/accept": Role.OPERATOR,
    **{
        f"POST /alarms{which}/{act}": Role.OPERATOR
        for which in ("", "/{id}")
        for act in ("acknowledge", "shelve", "unshelve", "out-of-service", "in-service")
    },
}
"""Page or act to the least role that it opens to; written down a second time, so that a slip in the first is seen."""
ASKED = [(page.path, "GET") for page in PAGES] + [(act.path, "POST") for act in ACTS]


@pytest.fixture(scope="module")
def browsers() -> dict[Role, Browser]:
    app = console_app(MemoryPlant(identities=everyone()))
    found = {role: Browser(app).sign_in(str(role)) for role in PEOPLE}
    return {**found, Role.NONE: Browser(app)}


@pytest.mark.parametrize(("path", "method"), ASKED)
@pytest.mark.parametrize("role", [Role.NONE, *PEOPLE])
def test_every_page_and_act_opens_to_its_roles_and_to_nobody_else(browsers, path: str, method: str, role: Role) -> None:
    least = LEAST[path if method == "GET" else f"POST {path}"]
    browser, asked = browsers[role], path.replace("{id}", "1").replace("{name}", "nobody")
    if method == "GET":
        status = browser.client.get(asked).status_code
    else:
        status = browser.client.post(asked, data={"csrf": browser.csrf()}).status_code
    if role is Role.NONE:
        assert status == HTTPStatus.UNAUTHORIZED
    elif PEOPLE.index(role) < PEOPLE.index(least):
        assert status == HTTPStatus.FORBIDDEN
    else:
        fine = (HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        assert status in fine


def test_there_is_no_route_that_the_walk_leaves_out() -> None:
    plant = MemoryPlant(identities=everyone())
    routes = console_routes(lambda: plant, OperatorTokens(plant.identities))
    walked = {(path, method) for path, method in ASKED}
    others = {("/sign-in", "GET"), ("/sign-in", "POST"), ("/sign-out", "POST"), ("/stream", "GET")}
    others |= {("/sign-in/openid", "POST"), ("/sign-in/openid/back", "GET")}
    others |= {(PATH, "GET"), (PATH, "POST")}  # a link says itself for whom it is: tests/console/test_link_pages.py
    found = {
        (route.path, method)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert found == walked | others
    assert [route.path for route in routes if isinstance(route, Mount)] == ["/static"]
    assert LEAST.keys() == {path if method == "GET" else f"POST {path}" for path, method in ASKED}


def test_what_somebody_may_not_do_is_not_offered_to_them(app) -> None:
    viewer, operator = Browser(app).sign_in("viewer"), Browser(app).sign_in("operator")
    assert "Stop all agents" not in viewer.text
    assert "Stop all agents" in operator.text
    assert "/acknowledge" not in viewer.open("/alarms").text
