"""Commissioning periods over HTTP."""

import pytest
from starlette.testclient import TestClient

from tests.support.operator_tokens import ANNA

WHERE = "/operator/devices/pump-01/learning"


def test_a_period_is_begun_extended_accepted_and_listed_under_the_persons_name(web: TestClient) -> None:
    begin = {"act": "begin", "until": "8h", "reason": "overhauled"}
    (begun,) = web.post(WHERE, headers=ANNA, json=begin).json()["learning"]
    assert (begun["stage"], begun["until"], begun["by"], begun["words"]) == (
        "learning",
        "2026-01-31T16:00:00Z",
        "anna",
        "overhauled",
    )
    extend = {"act": "extend", "until": "2026-02-01T08:00:00+01:00", "reason": "it stood"}
    (extended,) = web.post(WHERE, headers=ANNA, json=extend).json()["learning"]
    assert extended["until"] == "2026-02-01T07:00:00Z"
    assert web.get("/operator/learning", headers=ANNA).json()["learning"] == [extended]
    assert web.get("/operator/devices/pump-01", headers=ANNA).json()["learning"] == extended
    (brief, *_) = web.get("/operator/status", headers=ANNA).json()["devices"]
    assert (brief["device_id"], brief["learning"]) == ("pump-01", "learning, 0 %")
    early = web.post(WHERE, headers=ANNA, json={"act": "accept", "reason": "it runs"})
    assert (early.status_code, "120 more healthy readings" in early.json()["error"]) == (409, True)
    assert web.post(WHERE, headers=ANNA, json={"act": "discard", "reason": "wrong"}).json()["learning"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"act": "begin", "reason": "overhauled"},
        {"act": "begin", "until": "soon", "reason": "overhauled"},
        {"act": "begin", "until": 7, "reason": "overhauled"},
        {"act": "begin", "until": "8h"},
        {"act": "forget", "until": "8h", "reason": "overhauled"},
        {"until": "8h", "reason": "overhauled"},
    ],
)
def test_a_period_without_an_end_or_a_reason_is_refused(web: TestClient, body: dict[str, object]) -> None:
    answer = web.post(WHERE, headers=ANNA, json=body)
    assert answer.status_code in (400, 404)
    assert web.get("/operator/learning", headers=ANNA).json()["learning"] == []
