import pytest

from tests.support.console_client import ADDRESS, Browser
from tests.support.memory_plant import MemoryPlant

PATH = "/alarms/pump-01@00001/acknowledge"
FOREIGN = [
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": ADDRESS},
]


def test_a_form_without_the_secret_of_its_session_does_nothing(plant: MemoryPlant, operator: Browser) -> None:
    for fields in ({}, {"csrf": ""}, {"csrf": "guess"}, {"csrf": "\u00e9"}):
        operator.open("/")
        assert operator.send_raw(PATH, {"note": "Seen.", **fields}).status == 403
    assert not plant.acknowledged


def test_the_secret_of_one_session_opens_no_other(plant: MemoryPlant, app, operator: Browser) -> None:
    theirs = Browser(app).sign_in("admin").csrf()
    assert operator.send_raw(PATH, {"note": "Seen.", "csrf": theirs}).status == 403
    assert not plant.acknowledged


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_page_of_another_origin_sends_nothing(plant: MemoryPlant, operator: Browser, headers) -> None:
    assert operator.send(PATH, {"note": "Seen."}, headers).status == 403
    assert not plant.acknowledged
    fields = {"token": "token-of-operator"}
    assert operator.send_raw("/sign-in", fields, headers).status == 403
    assert operator.send_raw("/sign-out", {}, headers).status == 403
    assert operator.open("/").status == 200


def test_our_own_page_sends_it(plant: MemoryPlant, operator: Browser) -> None:
    operator.send(PATH, {"note": "Seen."}, {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"})
    assert [alarm for alarm, _, _ in plant.acknowledged] == ["pump-01@00001"]


def test_nothing_is_done_by_looking(plant: MemoryPlant, operator: Browser) -> None:
    assert operator.client.get(f"{PATH}?note=Seen.&csrf={operator.csrf()}").status_code in (404, 405)
    assert not plant.acknowledged


@pytest.mark.parametrize("path", [PATH, "/sign-in", "/sign-out", "/sign-in/openid"])
def test_a_form_without_end_is_refused_in_words(operator: Browser, path: str) -> None:
    operator.send(path, {"note": "x" * 1_100_000})
    assert operator.status == 413
    assert "more than 1000000 bytes" in operator.text
