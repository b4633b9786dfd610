"""The page behind a link in a notification, as people and as what opens links for them see it."""

import pytest

from aegisflow.domain.alarms.links import AlarmLink
from aegisflow.domain.alarms.model import Severity
from aegisflow.http.failures import MAX_FAILURES
from tests.support.console_client import Browser, attributes_of
from tests.support.memory_plant import NOW, MemoryPlant


@pytest.fixture
def path(plant: MemoryPlant) -> str:
    return f"/acknowledge/{plant.signer.write(AlarmLink('pump-03@00003', 'operator', Severity.HIGH, NOW - 60))}"


def test_whatever_opens_links_for_people_acknowledges_nothing(plant, app, path: str) -> None:
    browser = Browser(app)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        browser.client.request(method, path)
    browser.open(path).shows("pump-03: bearing failure", "vibration", "The button acknowledges it in that name, once")
    assert (plant.acknowledged, plant.audited) == ([], [])


def test_the_button_acknowledges_without_signing_in_and_opens_nothing_else(plant, app, path: str) -> None:
    browser = Browser(app).open(path)
    browser.send_raw(path, {"note": "on <b>my</b> way"}).shows("pump-03@00003 is acknowledged in the name of operator.")
    assert [(one, by.name) for one, by, _ in plant.acknowledged] == [("pump-03@00003", "operator")]
    assert "set-cookie" not in browser.client.get(path).headers
    assert browser.open("/alarms").status == 401
    assert browser.send_raw(path, {}).status == 409
    browser.shows("This link acknowledges nothing now: operator has acknowledged it at", "on <b>my</b> way")
    assert len(plant.acknowledged) == 1


def test_the_page_keeps_the_policy_of_all_pages(app, path: str) -> None:
    answer = Browser(app).client.get(path)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert attributes_of(answer.text, ["on", "style"]) == []


def test_a_page_of_another_origin_presses_no_button(plant, app, path: str) -> None:
    for headers in ({"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert Browser(app).send_raw(path, {}, headers).status == 403
    assert plant.acknowledged == []


def test_a_note_that_is_too_long_is_refused_in_words_and_kept(plant, app, path: str) -> None:
    browser = Browser(app).open(path)
    assert browser.send_raw(path, {"note": "é" * 600}).status == 400
    browser.shows("1200 bytes", "Acknowledge as operator")
    assert browser.fields()["note"] == "é" * 600
    assert Browser(app).send_raw(path, {"note": "x" * 2_000_000}).status == 413
    assert plant.acknowledged == []


def test_a_link_approves_nothing(plant, app, path: str) -> None:
    link = path.rpartition("/")[2]
    for elsewhere in (f"/approvals/{link}/approve", f"/acknowledge/{link}/approve", f"/approvals?link={link}"):
        answer = Browser(app).client.post(elsewhere, data={"digest": "x", "name": "pump-03"})
        assert answer.status_code in (401, 404, 405)


def test_guessed_links_are_counted_and_have_to_wait(app) -> None:
    browser = Browser(app)
    for _ in range(MAX_FAILURES):
        assert browser.open("/acknowledge/guess.guess").status == 403
    assert browser.open("/acknowledge/guess.guess").status == 429
    browser.shows("none of this plant's")
