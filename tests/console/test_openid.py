"""People who come in by a sign-in service: the right way, and every wrong one."""

import base64
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import ECKey, RSAKey

from aegisflow.console.sessions import IDLE_S, LONGEST_S, Sessions
from aegisflow.console.signing_in import LASTS_S, MOST_OF_ADDRESS, SignInBegun, SignIns
from aegisflow.domain.credentials import AgentAccess, OperatorSpec, token_hash
from aegisflow.domain.people import SignInSpec
from aegisflow.domain.rights import Grant, Role
from aegisflow.errors import UnavailableError
from aegisflow.http.openid import MAX_AT_ONCE, SignInService
from aegisflow.plant.identities import Identities
from tests.support.console_client import ADDRESS, Browser, console_app
from tests.support.memory_plant import MemoryPlant, an_alarm
from tests.support.sign_in_service import CLIENT, SECRET, SignInServer, sign, sign_by_secret, sign_in_server, unsigned

TOKENS = {"Anna Muster": OperatorSpec(token_hash("token-of-admin"), Role.ADMIN)}
ROLES = {
    "plant-viewers": Grant(Role.VIEWER),
    "plant-approvers": Grant(Role.APPROVER),
    "pump-shift": Grant(Role.OPERATOR, ("line-1",)),
    "press-shift": Grant(Role.APPROVER, ("line-2",)),
}


@pytest.fixture(scope="module")
def server() -> Iterator[SignInServer]:
    with sign_in_server() as served:
        yield served


@pytest.fixture
def service(server: SignInServer, monkeypatch: pytest.MonkeyPatch) -> SignInServer:
    monkeypatch.setenv("AEGISFLOW_TEST_SECRET", SECRET)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    fresh = SignInServer(server.url)
    vars(server).update({name: value for name, value in vars(fresh).items() if name not in ("url", "signed", "keys")})
    server.keys, server.signed = fresh.keys, server._signed
    return server


def spec_of(service: SignInServer, **changes: object) -> SignInSpec:
    spec = SignInSpec(service.url, CLIENT, ADDRESS, ROLES, client_secret_env="AEGISFLOW_TEST_SECRET")
    return replace(spec, **changes)  # type: ignore[arg-type]


@pytest.fixture
def plant(service: SignInServer) -> MemoryPlant:
    plant = MemoryPlant(identities=Identities(TOKENS, sign_in=spec_of(service)))
    plant.alarms = [an_alarm(1)]
    return plant


@pytest.fixture
def app(plant: MemoryPlant, clock):
    return console_app(plant, Sessions(clock))


def moved_on(browser: Browser) -> str:
    """Return where a page moves on to by itself."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', browser.text)
    assert found, browser.text
    return unescape(found[1])


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def at_service(address: str) -> str:
    """Sign in at the service, and return where it leads back to on this server."""
    location = redirected(address)
    assert location.startswith(f"{ADDRESS}/sign-in/openid/back?")
    return location.removeprefix(ADDRESS)


def redirected(address: str) -> str:
    with pytest.raises(HTTPError) as led:
        urllib.request.build_opener(_Stay).open(address, timeout=5)
    return str(led.value.headers["Location"])


def leave(browser: Browser, **fields: str) -> str:
    """Begin a sign-in, and return the address at the service."""
    browser.send_raw("/sign-in/openid", {"next": "/", **fields})
    assert browser.status == 200, browser.text
    return moved_on(browser)


def come_in(browser: Browser, **fields: str) -> Browser:
    return browser.open(at_service(leave(browser, **fields)))


def names(plant: MemoryPlant) -> list[str]:
    return [entry.actor for entry in plant.audited if "subject" in entry.detail]


# --- the right way ------------------------------------------------------------------------------


def test_somebody_comes_in_by_the_service_and_goes_where_they_wanted(service, plant, app) -> None:
    browser = Browser(app).open("/alarms?state=all")
    assert browser.shows("Sign in by 127.0.0.1")
    come_in(browser, next="/alarms?state=all")
    assert browser.status == 200
    (cookie,) = [one for one in browser.client.cookies.jar if one.name.startswith("aegisflow_session")]
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie._rest["SameSite"] == "strict"  # type: ignore[attr-defined]
    assert moved_on(browser) == "/alarms?state=all"
    browser.open("/alarms?state=all")
    (name,) = names(plant)
    assert re.fullmatch(r"Anna Muster ‹[0-9a-f]{16}›", name)
    assert browser.shows(f"{name}, approver")
    browser.send("/alarms/pump-01@00001/acknowledge", {"note": "seen"})
    ((_, by, _),) = plant.acknowledged
    assert (by.name, by.kind, by.role) == (name, "operator", Role.APPROVER)


def test_what_goes_to_the_service_is_bound_to_this_sign_in(service, app) -> None:
    come_in(Browser(app))
    come_in(Browser(app))
    first, second = service.asked
    assert first["redirect_uri"] == f"{ADDRESS}/sign-in/openid/back"
    assert (first["code_challenge_method"], first["response_type"]) == ("S256", "code")
    assert "openid" in first["scope"].split()
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name]) >= 43
    form, header = service.exchanged[0]
    assert header == "Basic " + base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '%20')}".encode()).decode()
    assert SECRET not in str(form)


@pytest.mark.parametrize("key", [RSAKey.generate_key(2048, {"kid": "second"}), ECKey.generate_key("P-256")])
def test_keys_that_the_service_changes_are_known_at_once_and_old_ones_worth_nothing(service, app, key) -> None:
    old = service.keys[0]
    service.keys = [key]
    assert come_in(Browser(app)).status == 200
    service.signed = lambda claims: sign(claims, old)
    assert come_in(Browser(app)).status == 403


def test_an_audience_among_others_counts_where_it_is_for_us(service, app) -> None:
    service.change = lambda claims: claims.update(aud=["other", CLIENT], azp=CLIENT)
    assert come_in(Browser(app)).status == 200
    service.change = lambda claims: claims.update(aud=["other", CLIENT], azp="other")
    assert come_in(Browser(app)).status == 403


def test_roles_may_stand_deep_in_the_token_and_a_service_may_want_its_secret_in_the_form(service, plant, app) -> None:
    service.person = {"sub": "1", "preferred": "ben", "realm": {"roles": ["plant-viewers"]}}
    service.known = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    changed = spec_of(service, roles_claim="realm.roles", name_claim="preferred")
    plant.identities.replace(TOKENS, AgentAccess(), changed)
    assert come_in(Browser(app)).shows("You are signed in as ben")
    assert service.exchanged[-1][0]["client_secret"] == SECRET


def test_a_form_that_was_begun_before_is_shown_again_and_sent_by_nobody_else(service, plant, app, clock) -> None:
    browser = Browser(app).sign_in("admin")
    clock.at += 8 * 3_600
    browser.send("/alarms/pump-01@00001/acknowledge", {"note": "The <b>seal</b> leaks."})
    kept = browser.fields()["kept"]
    come_in(browser, kept=kept)
    assert browser.fields()["note"] == "The <b>seal</b> leaks."
    assert not plant.acknowledged
    browser.send_raw("/alarms/pump-01@00001/acknowledge", browser.fields())
    assert [by.name for _, by, _ in plant.acknowledged] == names(plant)
    browser.send_raw("/sign-in/openid", {"next": "/", "kept": f'["/x", [["note", "{"n" * 30_000}"]]]'})
    assert (browser.status, "too long to be kept" in browser.text) == (413, True)


def test_beyond_this_machine_its_cookies_are_for_https_alone_whatever_brings_the_request(service, plant) -> None:
    page = "https://plant.example"
    plant.identities.replace(TOKENS, AgentAccess(), spec_of(service, page_url=page))
    client = Browser(console_app(plant)).client
    # By http, as behind a proxy that nobody has listed.
    left = client.post("http://plant.example/sign-in/openid", data={"next": "/"})
    assert re.match(
        r"__Host-aegisflow_signing_in_\w+=.*; HttpOnly; .*Path=/; SameSite=lax; Secure", left.headers["set-cookie"]
    )
    going = Browser(client.app)
    going.text = left.text
    query = urlsplit(redirected(moved_on(going))).query
    name, value = left.headers["set-cookie"].partition(";")[0].split("=")
    came = client.get(f"http://plant.example/sign-in/openid/back?{query}", headers={"cookie": f"{name}={value}"})
    (session,) = [one for one in came.headers.get_list("set-cookie") if one.startswith("aegisflow_session")]
    assert session.endswith("HttpOnly; Path=/; SameSite=strict; Secure")


# --- wrong ways -----------------------------------------------------------------------------------

WRONG: dict[str, Callable[[SignInServer], object]] = {
    "another key": lambda it: setattr(it, "signed", lambda one: sign(one, ECKey.generate_key("P-256"), kid="first")),
    "nobody's signature": lambda it: setattr(it, "signed", unsigned),
    "a signature by the public key": lambda it: setattr(
        it, "signed", lambda one: sign_by_secret(one, it.keys[0].as_pem(private=False))
    ),
    "a signature by the secret": lambda it: setattr(it, "signed", lambda one: sign_by_secret(one, SECRET.encode())),
    "another one's signature": lambda it: setattr(
        it, "signed", lambda one: unsigned(one, "ES256") + sign({**one, "sub": "1"}, it.keys[0]).rpartition(".")[2]
    ),
    "no token": lambda it: setattr(it, "signed", lambda one: "no.token.at all"),
    "another nonce": lambda it: setattr(it, "change", lambda one: one.update(nonce="of another sign-in")),
    "no nonce": lambda it: setattr(it, "change", lambda one: one.pop("nonce")),
    "another audience": lambda it: setattr(it, "change", lambda one: one.update(aud="mail")),
    # Each of the two is enough for a client that looks at the other alone.
    "another audience and our client": lambda it: setattr(it, "change", lambda one: one.update(aud="mail", azp=CLIENT)),
    "another client beside our audience": lambda it: setattr(
        it, "change", lambda one: one.update(aud=[CLIENT, "mail"], azp="mail")
    ),
    "no audience": lambda it: setattr(it, "change", lambda one: one.pop("aud")),
    "another issuer": lambda it: setattr(it, "change", lambda one: one.update(iss="https://elsewhere.example")),
    "expired": lambda it: setattr(it, "change", lambda one: one.update(exp=one["exp"] - 400)),
    "no end": lambda it: setattr(it, "change", lambda one: one.pop("exp")),
    "an end that is none": lambda it: setattr(it, "change", lambda one: one.update(exp="never")),
    "from the future": lambda it: setattr(it, "change", lambda one: one.update(iat=one["iat"] + 400)),
    "nobody": lambda it: setattr(it, "change", lambda one: one.pop("sub")),
    "a subject that is none": lambda it: setattr(it, "change", lambda one: one.update(sub=["a"])),
    "a subject beside ASCII": lambda it: it.person.update(sub="anna\u200b"),
    "no role": lambda it: it.person.pop("groups"),
    "unknown roles": lambda it: it.person.update(groups=["plant-approver", "PLANT-APPROVERS", {"a": 1}]),
    "roles that are a mapping": lambda it: it.person.update(groups={"plant-approvers": True}),
    "refused at the service": lambda it: setattr(it, "answer", {"error": "access_denied"}),
    "a code that is nobody's": lambda it: setattr(it, "exchange", lambda *_: (400, {"error": "invalid_grant"})),
    "an answer of another service": lambda it: setattr(it, "answer", {"code": "c", "iss": "https://elsewhere.example"}),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_every_wrong_answer_signs_nobody_in_and_says_so(service, plant, app, wrong: str) -> None:
    WRONG[wrong](service)
    try:
        browser = come_in(Browser(app))
        assert browser.status == 403
        assert 'role="alert"' in browser.text
        assert browser.open("/").status == 401
        assert not names(plant)
        assert not any(one.name.startswith("aegisflow_session") for one in browser.client.cookies.jar)
    finally:
        vars(service).pop("exchange", None)


def test_whoever_has_no_role_here_is_told_which_they_have(service, app) -> None:
    service.person = {"sub": "1", "name": "Eve", "groups": ["<b>sales</b>"]}
    browser = come_in(Browser(app))
    assert browser.shows("none of your roles opens anything here", "yours: <b>sales</b>")
    assert "<b>sales" not in browser.text


def test_a_state_is_used_once_and_by_the_browser_that_began(service, plant, app) -> None:
    browser, other = Browser(app), Browser(app)
    back = at_service(leave(browser))
    assert other.open(back).status == 403  # somebody is led to an answer that is not theirs
    assert browser.open(back).status == 200
    for again in (browser, other):
        assert again.open(back).status == 403
    assert browser.open("/sign-in/openid/back").status == 403
    assert browser.open("/sign-in/openid/back?code=c&state=guessed").status == 403
    assert len(names(plant)) == 1
    assert browser.open("/").status == 200  # what was wrong ended no session


def test_sign_ins_end_by_themselves_and_the_oldest_of_an_address_make_room(clock, service) -> None:
    sign_ins, spec = SignIns(clock), spec_of(service)
    begun = [SignInBegun(spec, "/", None, "192.0.2.1") for _ in range(MOST_OF_ADDRESS + 1)]
    far = SignInBegun(spec, "/", None, "192.0.2.2")
    for one in (far, *begun):
        sign_ins.keep(one)
    assert sign_ins.take(begun[0].asked.state, begun[0].secret) is None
    assert sign_ins.take(begun[1].asked.state, begun[1].secret)
    assert sign_ins.take(far.asked.state, "another browser's") is None
    assert sign_ins.take(far.asked.state, far.secret)
    assert sign_ins.take(far.asked.state, far.secret) is None  # once, also where the service would take a code twice
    clock.at += LASTS_S + 1
    assert sign_ins.take(begun[2].asked.state, begun[2].secret) is None


def test_no_other_page_begins_a_sign_in_and_none_works_under_another_name(service, app) -> None:
    browser = Browser(app)
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "http://elsewhere.example"}):
        assert browser.send_raw("/sign-in/openid", {}, headers).status == 403
    browser.send_raw("/sign-in/openid", {}, {"host": "localhost"})
    assert (browser.status, f"works at {ADDRESS} alone" in browser.text) == (409, True)
    assert not service.asked


# --- the service is away --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"issuer": "https://elsewhere.example"}, "it calls itself https://elsewhere.example"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "its authorization_endpoint is no https address"),
        ({"authorization_endpoint": "http://elsewhere.example/"}, "is no https address"),
        ({"authorization_endpoint": "file://localhost/etc/passwd"}, "is no https address"),
        ({"authorization_endpoint": "http://["}, "is no https address"),
    ],
)
def test_a_service_that_says_nothing_of_use_leaves_the_token(service, app, known, told: str) -> None:
    service.known = known
    browser = Browser(app)
    browser.send_raw("/sign-in/openid", {"next": "/"})
    assert (browser.status, told in browser.text) == (503, True)
    assert browser.sign_in("admin").status == 200


def test_a_service_that_is_away_leaves_the_token_before_and_meanwhile(service, plant, app) -> None:
    browser = Browser(app)
    kept = '["/alarms/pump-01@00001/acknowledge", [["note", "The seal leaks."]]]'
    back = at_service(leave(browser, next="/alarms", kept=kept))
    service.known = {"jwks_uri": "http://127.0.0.1:9/"}
    browser.open(back)
    assert (browser.status, "the sign-in service did not answer".capitalize() in browser.text) == (503, True)
    assert (browser.fields()["next"], browser.fields()["kept"]) == ("/alarms", kept)
    plant.identities.replace(TOKENS, AgentAccess(), spec_of(service, issuer="http://127.0.0.1:9"))
    browser.send_raw("/sign-in/openid", {"next": "/"})
    assert (browser.status, "sign in with your operator" in browser.text) == (503, True)
    assert browser.sign_in("admin").status == 200


def test_a_service_that_hangs_takes_no_more_threads_than_a_few(service) -> None:
    free = SignInService._free
    for _ in range(MAX_AT_ONCE):
        assert free.acquire(blocking=False)
    try:
        with pytest.raises(Exception, match="too many sign in at this moment"):
            SignInService(spec_of(service)).prove("code", SignInBegun(spec_of(service), "/", None, "").asked)
    finally:
        for _ in range(MAX_AT_ONCE):
            free.release()


def test_the_store_being_away_keeps_nobody_from_the_stop(service, plant, app) -> None:
    def away(by: object, address: str, shown: object) -> None:
        raise UnavailableError("the historian", "it is not running")

    plant.note_sign_in = away
    browser = come_in(Browser(app)).open("/")
    browser.send("/agents/stop", {})
    assert not plant.writes.allowed


# --- who they are afterwards ----------------------------------------------------------------------


def test_a_name_that_is_an_operators_gives_none_of_their_rights(service, plant, app) -> None:
    service.person = {"sub": "mallory", "name": "Anna Muster", "groups": ["plant-viewers"]}
    browser = come_in(Browser(app)).open("/agents")
    assert "/people/" not in browser.text  # an operator of this name is an admin
    assert browser.send("/agents", {"name": "mine"}).status == 403
    for name in ("Anna Muster ‹0123456789abcdef›", "‹›", "\u202eanna", "\u200b", ""):
        service.person = {"sub": "mallory", "name": name, "groups": ["plant-viewers"]}
        come_in(Browser(app))
    assert len({name[-18:] for name in names(plant)}) == 1
    assert all(name.count("‹") == 1 for name in names(plant))


def test_what_plant_yaml_says_of_roles_holds_for_those_who_are_signed_in(service, plant, app) -> None:
    service.person["groups"] = ["pump-shift", "press-shift"]
    browser = come_in(Browser(app)).open("/")
    assert browser.shows("approver of line-2 and operator of line-1")
    assert browser.open("/agents").text.count("approver of line-2 and operator of line-1") == 2  # and among the people
    assert browser.open("/alarms/pump-01@00001").text.count("/acknowledge") == 1
    roles = {**ROLES, "pump-shift": Grant(Role.VIEWER)}
    plant.identities.replace(TOKENS, AgentAccess(), spec_of(service, roles=roles))
    assert "/acknowledge" not in browser.open("/alarms/pump-01@00001").text
    for gone in (spec_of(service, roles={}), spec_of(service, client_id="another"), None):
        plant.identities.replace(TOKENS, AgentAccess(), spec_of(service))
        assert browser.open("/").status == 200
        plant.identities.replace(TOKENS, AgentAccess(), gone)
        assert browser.open("/").status == 401


def test_an_administrator_ends_it_at_once_whatever_the_service_says(service, plant, app) -> None:
    service.person["name"] = "../Anna?#%2f\\"
    browser = come_in(Browser(app)).open("/")
    (name,) = names(plant)
    admin = Browser(app).sign_in("admin").open("/agents")
    (act,) = re.findall(r'action="(/people/[^"]+/revoke)"', admin.text)
    admin.send(unescape(act), {"reason": "left"})
    assert admin.shows(f"The token of {name} opens nothing any more")
    assert browser.open("/").status == 401
    assert come_in(browser).shows("an administrator has revoked that")


def test_these_sessions_end_as_others_do(service, app, clock) -> None:
    browser = come_in(Browser(app))
    assert browser.open("/").status == 200
    clock.at += IDLE_S + 1
    assert browser.open("/").status == 401
    come_in(browser)
    for _ in range(int(LONGEST_S / 3_000)):
        assert browser.open("/").status == 200
        clock.at += 3_000
    clock.at += 1_300
    assert browser.open("/").status == 401
