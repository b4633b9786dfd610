from aegisflow.console.answers import local_path
from aegisflow.console.sessions import IDLE_S, LONGEST_S, MAX_SAID, MAX_SESSIONS, Sessions
from aegisflow.domain.credentials import OperatorSpec, token_hash
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.rights import Role
from aegisflow.errors import UnavailableError
from aegisflow.http.failures import MAX_FAILURES
from aegisflow.plant.identities import Identities
from tests.support.console_client import Browser, console_app, everyone
from tests.support.memory_plant import MemoryPlant
from tests.support.operator_tokens import ANNA_HERSELF

NOTE = "The coupling is hot; <b>Ben</b> looks at it.\nSecond line."


def test_the_cookie_of_a_session_is_for_this_server_alone(app) -> None:
    answer = Browser(app).client.post("/sign-in", data={"token": "token-of-viewer"})
    (cookie,) = answer.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "token-of-viewer" not in cookie


def test_behind_tls_the_cookie_never_travels_in_the_open(app) -> None:
    browser = Browser(app)
    answer = browser.client.post("https://127.0.0.1/sign-in", data={"token": "token-of-viewer"})
    assert "Secure" in answer.headers["set-cookie"]


def test_whoever_is_not_signed_in_is_asked_to_and_led_where_they_wanted_to_go(app) -> None:
    browser = Browser(app).open("/alarms?state=all")
    assert browser.status == 401
    assert browser.fields()["next"] == "/alarms?state=all"
    browser.send_raw("/sign-in", {"token": "token-of-viewer", **browser.fields()})
    assert browser.at.endswith("/alarms?state=all")
    assert browser.status == 200


def test_nobody_is_led_to_another_server() -> None:
    for goal in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)", ""):
        assert local_path(goal) == "/", goal
    assert local_path("/\t/elsewhere.example").startswith("/ /")


def test_wrong_tokens_open_nothing_and_soon_have_to_wait(app) -> None:
    browser = Browser(app)
    for token in ("", "token-of-nobody", "token-of-agents"):
        assert browser.send_raw("/sign-in", {"token": token}).status == 401
    for _ in range(MAX_FAILURES):
        browser.send_raw("/sign-in", {"token": "guess"})
    assert browser.status == 429
    assert browser.sign_in("viewer").status == 200  # a guesser must not keep people out


def test_the_token_that_agents_share_signs_nobody_in(plant: MemoryPlant) -> None:
    app = console_app(plant, token="token-of-all")
    browser = Browser(app)
    assert browser.send_raw("/sign-in", {"token": "token-of-all"}).status == 401
    headers = {"Authorization": "Bearer token-of-all"}
    assert browser.client.get("/", headers=headers).status_code == 401
    assert browser.sign_in("viewer").status == 200  # and people need no token of agents on the way


def test_a_revoked_token_ends_its_sessions_at_once(plant: MemoryPlant, operator: Browser) -> None:
    plant.revoke_operator("operator", ANNA_HERSELF, "left the company")
    assert operator.open("/").status == 401


def test_a_token_that_expires_ends_its_sessions_and_begins_no_other() -> None:
    now = [1_000.0]
    spec = OperatorSpec(token_hash("token-of-temp"), Role.OPERATOR, expires_at=2_000.0)
    known = Identities({"temp": spec}, wall=lambda: now[0])
    app = console_app(MemoryPlant(identities=known), identities=known)
    browser = Browser(app).sign_in("temp")
    now[0] = 1_999.0
    assert browser.open("/").status == 200
    now[0] = 2_000.0
    assert browser.open("/").status == 401
    assert browser.send_raw("/sign-in", {"token": "token-of-temp"}).status == 401


def test_a_session_that_nobody_uses_ends(operator: Browser, clock) -> None:
    clock.at += IDLE_S - 1
    assert operator.open("/").status == 200
    clock.at += IDLE_S + 1
    assert operator.open("/").status == 401


def test_no_session_is_longer_than_a_shift_however_much_it_is_used(operator: Browser, clock) -> None:
    for _ in range(int(LONGEST_S / 3_000)):
        assert operator.open("/").status == 200
        clock.at += 3_000
    clock.at += 1_300
    assert operator.open("/").status == 401


def test_signing_out_ends_the_session_and_not_only_the_cookie(operator: Browser) -> None:
    cookies = dict(operator.client.cookies)
    operator.send("/sign-out", {})
    operator.client.cookies.update(cookies)
    assert operator.open("/").status == 401


def test_the_audit_has_who_came_by_which_token_from_where_and_who_left(plant: MemoryPlant, app) -> None:
    browser = Browser(app)
    browser.send_raw("/sign-in", {"token": "token-of-nobody"})
    assert not plant.audited  # those are counted by address, and cannot fill the audit
    browser.sign_in("operator").send("/sign-out", {})
    came, left = plant.audited
    assert (came.actor, came.act, came.subject) == ("operator", "signed_in", "token")
    assert token_hash("token-of-operator").startswith(str(came.detail["token_sha256_begins"]))
    assert (came.detail["role"], came.detail["address"]) == ("operator", left.detail["address"])
    assert (left.actor, left.act) == ("operator", "signed_out")
    browser.send_raw("/sign-out", {})
    assert len(plant.audited) == 2  # nobody was there to leave


def test_the_store_being_away_keeps_nobody_with_a_token_from_the_stop(plant, app) -> None:
    def away(by: object, address: str, shown: object) -> None:
        raise UnavailableError("the historian", "it is not running")

    plant.note_sign_in = away
    Browser(app).sign_in("operator").send("/agents/stop", {})
    assert not plant.writes.allowed


def test_a_tab_that_stayed_open_signs_out_whoever_signed_in_after_it(operator: Browser) -> None:
    earlier = operator.csrf()
    operator.sign_in("operator")
    cookies = dict(operator.client.cookies)
    operator.send_raw("/sign-out", {"csrf": earlier})
    operator.client.cookies.update(cookies)
    assert operator.open("/").status == 401


def test_an_ended_session_asks_to_sign_in_again_and_loses_no_form(plant: MemoryPlant, operator: Browser, clock) -> None:
    clock.at += 8 * 3_600
    path = "/alarms/acknowledge"
    operator.send(path, {"alarm": ["pump-01@00001", "pump-02@00002"], "note": NOTE, "back": "/alarms?state=all"})
    assert operator.status == 401
    assert not plant.acknowledged
    operator.send_raw("/sign-in", {**operator.fields(), "token": "token-of-operator"})
    assert operator.status == 200
    assert not plant.acknowledged  # first it is shown once more to whoever signed in
    fields = operator.fields()
    assert fields["note"] == NOTE
    again: dict[str, str | list[str]] = {**fields, "alarm": ["pump-01@00001", "pump-02@00002"]}
    operator.send_raw(path, again)
    assert [(alarm, by.name) for alarm, by, _ in plant.acknowledged] == [
        ("pump-01@00001", "operator"),
        ("pump-02@00002", "operator"),
    ]
    assert operator.at.endswith("/alarms?state=all")


def test_a_form_that_is_sent_while_the_plant_is_not_there_is_shown_again() -> None:
    class Starting(MemoryPlant):
        away = False

        def inventory(self) -> PlantSpec:
            if self.away:
                raise UnavailableError("the plant", "it is starting")
            return super().inventory()

    plant = Starting(identities=everyone())
    browser = Browser(console_app(plant)).sign_in("operator")
    plant.away = True
    browser.send("/alarms/pump-01@00001/acknowledge", {"note": NOTE})
    assert (browser.status, browser.shows("it is starting"), browser.fields()["note"]) == (503, True, NOTE)


def test_a_wrong_token_on_the_way_back_loses_no_form_either(operator: Browser, clock) -> None:
    clock.at += 8 * 3_600
    operator.send("/alarms/pump-01@00001/acknowledge", {"note": NOTE})
    operator.send_raw("/sign-in", {**operator.fields(), "token": "mistyped"})
    operator.send_raw("/sign-in", {**operator.fields(), "token": "token-of-operator"})
    assert operator.fields()["note"] == NOTE


def test_two_tabs_share_a_session_and_a_form_of_an_earlier_one_is_shown_again(plant, app) -> None:
    tab = Browser(app).sign_in("operator")
    earlier = tab.csrf()
    assert tab.open("/alarms").csrf() == earlier
    tab.send("/sign-out", {})
    tab.sign_in("operator")
    tab.send_raw("/alarms/pump-01@00001/acknowledge", {"csrf": earlier, "note": NOTE})
    assert tab.status == 403
    assert not plant.acknowledged
    tab.send_raw("/alarms/pump-01@00001/acknowledge", tab.fields())
    assert [alarm for alarm, _, _ in plant.acknowledged] == ["pump-01@00001"]


def test_what_nobody_comes_to_read_does_not_grow(clock) -> None:
    sessions = Sessions(clock)
    session = sessions.find(sessions.begin(token_hash("a")))
    assert session is not None
    for number in range(10 * MAX_SAID):
        sessions.say(session, str(number))
    assert sessions.take_said(session) == [str(number) for number in range(9 * MAX_SAID, 10 * MAX_SAID)]
    assert sessions.take_said(session) == []


def test_the_session_that_was_not_used_for_the_longest_time_makes_room(clock) -> None:
    sessions = Sessions(clock)
    first, second = sessions.begin(token_hash("a")), sessions.begin(token_hash("b"))
    for number in range(MAX_SESSIONS - 2):
        sessions.begin(token_hash(str(number)))
    clock.at += 1
    assert sessions.find(first) is not None
    sessions.begin(token_hash("one more"))
    assert sessions.find(first) is not None
    assert sessions.find(second) is None


def test_what_kept_forms_are_made_of_is_never_trusted(app) -> None:
    for kept in (
        '["https://elsewhere.example/x", [["note", "n"]]]',
        "[" * 100_000,
        "{}",
        "[1, 2, 3]",
        '["/sign-out", [1]]',
    ):
        browser = Browser(app)
        browser.send_raw("/sign-in", {"token": "token-of-viewer", "kept": kept})
        assert browser.status == 200
        assert "elsewhere.example" not in browser.text
