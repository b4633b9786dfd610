"""Behind Caddy, Traefik and nginx: who asks, under which name, and whether by https, is what a listed proxy says."""

from collections.abc import Mapping

import pytest
from starlette.testclient import TestClient

from aegisflow.config import HttpSettings
from aegisflow.console.app import console_routes
from aegisflow.http.app import MountedApp, build_http_app
from aegisflow.http.failures import FailedLogins
from aegisflow.http.guards import OperatorTokens
from tests.support.console_client import NothingToRun, everyone, no_agents
from tests.support.memory_plant import MemoryPlant

NAME = "plant.example"
PROXY = "10.0.0.2"
BEHIND = HttpSettings(hosts=(NAME,), trusted_proxies=("127.0.0.1/32", f"{PROXY}/32", "172.16.0.0/12"))
FORWARDED = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": NAME}
"""As Caddy and Traefik send it by default, with the name that was asked for in Host."""


class Door:
    """The application, asked by way of one proxy."""

    def __init__(self, settings: HttpSettings, proxy: str = PROXY, token: str = "", server: str = "127.0.0.1") -> None:
        self.plant = MemoryPlant(identities=everyone())
        self.failures = FailedLogins(hold_s=0)
        operators = OperatorTokens(self.plant.identities, token, self.failures)
        pages = console_routes(lambda: self.plant, operators)
        agents = MountedApp(no_agents, NothingToRun())
        app = build_http_app(agents, self.plant, token, lambda: b"", operators, pages=pages, settings=settings)
        self.client = TestClient(app, base_url=f"http://{server}:8765", client=(proxy, 50_000), follow_redirects=False)

    def get(self, path: str, host: str = NAME, headers: Mapping[str, str] = FORWARDED):
        return self.client.get(path, headers={"Host": host, **headers})

    def sign_in(self, headers: Mapping[str, str], token: str = "token-of-viewer", host: str = NAME):
        return self.client.post("/sign-in", data={"token": token}, headers={"Host": host, **headers})


@pytest.mark.parametrize("proxy", ["127.0.0.1", PROXY, "172.18.0.1"])
def test_a_proxys_default_reaches_pages_and_api_and_the_session_is_for_https_alone(proxy: str) -> None:
    door = Door(BEHIND, proxy)
    assert door.get("/sign-in").status_code == 200
    origin = {"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin"}
    signed_in = door.sign_in({**FORWARDED, **origin})
    assert signed_in.status_code == 303
    assert "; Secure" in signed_in.headers["set-cookie"]
    cookie = signed_in.headers["set-cookie"].partition(";")[0]
    assert door.get("/", headers={**FORWARDED, "Cookie": cookie}).status_code == 200
    bearer = {"Authorization": "Bearer token-of-viewer"}
    assert door.get("/operator/agents", headers={**FORWARDED, **bearer}).status_code == 200


def test_who_is_not_listed_is_not_believed() -> None:
    door = Door(BEHIND, proxy="10.9.9.9")
    assert "Secure" not in door.sign_in(FORWARDED).headers["set-cookie"]
    door.sign_in(FORWARDED, token="guess")
    assert door.failures.addresses() == {"10.9.9.9": 1}


@pytest.mark.parametrize(
    ("forwarded_for", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1, 192.0.2.7, 172.18.0.1", "192.0.2.7"),
        ("2001:db8::5", "2001:db8::/64"),
        ("192.0.2.7:51000", "192.0.2.7"),
        ("x" * 5_000, "unknown"),
        ("", PROXY),
    ],
)
def test_a_failed_login_counts_for_the_address_that_the_nearest_trusted_proxies_saw(
    forwarded_for: str, counted: str
) -> None:
    door = Door(BEHIND)
    door.sign_in({"X-Forwarded-For": forwarded_for}, token="guess")
    assert door.failures.addresses() == {counted: 1}


def test_other_names_are_refused_behind_a_proxy_too_whatever_else_it_forwards() -> None:
    door = Door(BEHIND)
    assert door.get("/sign-in", host="attacker.example").status_code == 421
    page = {**FORWARDED, "Origin": "https://attacker.example", "Authorization": "Bearer token-of-viewer"}
    assert door.get("/operator/agents", headers=page).status_code == 403


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", [NAME, "attacker.example", "10.1.2.3:8765", "", "[::1", "localhost:1"])
def test_probes_are_answered_under_any_name_and_learn_nothing_but_yes_or_no(path: str, host: str) -> None:
    door = Door(BEHIND)
    for healthy, status in ((True, 200), (False, 503)):
        door.plant.healthy = healthy
        answer = door.get(path, host, {**FORWARDED, "Origin": "https://attacker.example"})
        assert (answer.status_code, answer.json()) == (status, {"ready" if path == "/readyz" else "ok": healthy})


def test_reasons_of_health_are_for_this_machine_and_for_who_shows_a_token() -> None:
    door = Door(BEHIND, token="shared")
    local = Door(HttpSettings(), proxy="127.0.0.1")
    assert "reasons" in local.get("/healthz", "127.0.0.1:8765", {}).json()
    assert local.get("/healthz", "attacker.example", {}).json() == {"ok": True}
    assert local.get("/healthz", "127.0.0.1:8765", {"X-Forwarded-For": "127.0.0.1"}).json() == {"ok": True}
    for token, knows in (("token-of-viewer", True), ("shared", True), ("guess", False)):
        answer = door.get("/healthz", headers={**FORWARDED, "Authorization": f"Bearer {token}"})
        assert ("reasons" in answer.json()) == knows, token
    assert door.failures.addresses() == {"192.0.2.7": 1}


def test_what_this_machine_may_ask_without_a_token_a_proxy_on_it_may_not_pass_on() -> None:
    for settings in (BEHIND, HttpSettings(hosts=(NAME,))):
        door = Door(settings, proxy="127.0.0.1")
        assert door.get("/metrics", "127.0.0.1:8765", {}).status_code == 200
        for path in ("/metrics", "/mcp"):
            assert door.get(path).status_code == 401, path


def test_a_guesser_behind_a_proxy_keeps_nobody_else_waiting() -> None:
    door = Door(BEHIND)
    statuses = [door.sign_in(FORWARDED, token="guess").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    other = {**FORWARDED, "X-Forwarded-For": "192.0.2.8"}
    assert door.sign_in(other, token="guess").status_code == 401
    assert door.sign_in(FORWARDED).status_code == 303
