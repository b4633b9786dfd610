from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tests.support.memory_plant import MemoryPlant, a_new_incident
from tests.support.operator_tokens import AGENTS, ANNA

REPORT = {
    "device_id": "pump-01",
    "fault_type": "pressure_leak",
    "severity": "high",
    "title": "Leak at the flange",
    "root_cause": "gasket aged",
    "actions_taken": "gasket replaced",
    "outcome": "tight again",
}


@pytest.fixture(autouse=True)
def reports(plant: MemoryPlant) -> None:
    for title, device_id in (("one", "pump-01"), ("two", "pump-02")):
        plant.log_incident(replace(a_new_incident(title, device_id), origin="agent"))


def test_reports_are_listed_with_whose_words_they_are(web: TestClient) -> None:
    answer = web.get("/operator/incidents?limit=1&reviewed=no&last_s=86400", headers=ANNA).json()
    assert answer["total"] == 2
    (shown,) = answer["incidents"]
    assert (shown["incident_id"], shown["reviewed"], shown["revision"]) == (2, False, 1)
    assert shown["words_not_facts"]["of"] == "agent A. Person"
    assert shown["words_not_facts"]["title"] == "two"


def test_a_person_writes_a_report_under_the_own_name_whatever_the_body_says(web: TestClient) -> None:
    body = {**REPORT, "author": "the boss", "origin": "agent", "occurred_at": "2026-01-30T08:00:00Z"}
    shown = web.post("/operator/incidents", headers=ANNA, json=body).json()
    assert (shown["words_not_facts"]["of"], shown["reviewed"]) == ("person anna", True)
    assert shown["occurred_at"] == "2026-01-30T08:00:00Z"


def test_a_report_is_corrected_and_its_words_of_before_are_kept(web: TestClient) -> None:
    body = {"revision": 1, "changes": {"root_cause": "bolt loose", "severity": "low"}, "note": "looked myself"}
    shown = web.post("/operator/incidents/1/review", headers=ANNA, json=body).json()
    assert (shown["reviewed"], shown["reviewed_by"], shown["revision"], shown["severity"]) == (True, "anna", 2, "low")
    file = web.get("/operator/incidents/1", headers=ANNA).json()
    assert file["words_not_facts"]["root_cause"] == "bolt loose"
    (before,) = file["revisions"]
    assert (before["was"]["root_cause"], before["changed_by"], before["note"]) == ("worn seal", "anna", "looked myself")
    assert before["was"]["occurred_at"] == "2026-01-31T08:00:00Z"
    assert web.post("/operator/incidents/1/review", headers=ANNA, json=body).status_code == 409


def test_a_report_is_withdrawn(web: TestClient, plant: MemoryPlant) -> None:
    shown = web.post("/operator/incidents/1/review", headers=ANNA, json={"revision": 1, "withdraw": True}).json()
    assert shown["withdrawn"] is True
    assert [one["incident_id"] for one in web.get("/operator/incidents", headers=ANNA).json()["incidents"]] == [2]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"revision": True}, 400),
        ({"revision": 0}, 400),
        ({"revision": 1, "changes": []}, 400),
        ({"revision": 1, "changes": {"author": "me"}}, 400),
        ({"revision": 1, "changes": {"title": ""}}, 400),
        ({"revision": 1, "changes": {"title": 7}}, 400),
        ({"revision": 1, "changes": {"severity": "awful"}}, 400),
        ({"revision": 1, "changes": {"fault_type": "Bearing failure"}}, 400),
        ({"revision": 1, "changes": {"fault_type": ["bearing_failure"]}}, 400),
        ({"revision": 1, "changes": {"occurred_at": "soon"}}, 400),
        ({"revision": 1, "changes": {"occurred_at": "2027-01-01T00:00:00Z"}}, 400),
        ({"revision": 1, "withdraw": "yes"}, 400),
        ({"revision": 2}, 409),
    ],
)
def test_a_review_that_makes_no_sense_is_refused_and_changes_nothing(
    web: TestClient, plant: MemoryPlant, body: dict[str, object], status: int
) -> None:
    before = list(plant.reports)
    assert web.post("/operator/incidents/1/review", headers=ANNA, json=body).status_code == status
    assert plant.reports == before


@pytest.mark.parametrize(
    "wrong", [{"title": ""}, {"severity": "awful"}, {"alarm_id": 7}, {"device_id": None}, {"outcome": None}]
)
def test_a_report_that_makes_no_sense_is_refused(web: TestClient, wrong: dict[str, object]) -> None:
    assert web.post("/operator/incidents", headers=ANNA, json={**REPORT, **wrong}).status_code == 400


def test_what_is_not_there_or_cannot_be_asked_is_said(web: TestClient) -> None:
    assert web.get("/operator/incidents/99", headers=ANNA).status_code == 404
    assert web.get("/operator/incidents/x", headers=ANNA).status_code == 400
    assert web.post("/operator/incidents", headers=ANNA, json={**REPORT, "device_id": "pump-77"}).status_code == 404
    for wrong in ("limit=0", "limit=x", "last_s=-1", "last_s=nan", "reviewed=perhaps", "withdrawn=1"):
        assert web.get(f"/operator/incidents?{wrong}", headers=ANNA).status_code == 400


@pytest.mark.parametrize("headers", [{}, AGENTS])
def test_the_agents_token_reviews_nothing(web: TestClient, plant: MemoryPlant, headers: dict[str, str]) -> None:
    before = list(plant.reports)
    for method, path in (
        ("GET", "incidents"),
        ("GET", "incidents/1"),
        ("POST", "incidents"),
        ("POST", "incidents/1/review"),
    ):
        answer = web.request(method, f"/operator/{path}", headers=headers, json={"revision": 1, **REPORT})
        assert answer.status_code == 401
    assert plant.reports == before
