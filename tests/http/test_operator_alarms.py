from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from aegisflow.domain.alarms.model import AlarmState, Timeliness
from aegisflow.domain.refused import RefusedLine
from tests.support.memory_plant import NOW, MemoryPlant, a_new_incident, an_alarm
from tests.support.operator_tokens import ANNA

ALARM = "/operator/alarms/pump-01@00001"


@pytest.fixture(autouse=True)
def alarms(plant: MemoryPlant) -> None:
    plant.alarms = [an_alarm(1), an_alarm(30, "pump-02")]


def test_the_list_says_what_was_first_out(web: TestClient) -> None:
    answer = web.get("/operator/alarms", headers=ANNA).json()
    assert [(alarm["alarm_id"], alarm["first_out"]) for alarm in answer["alarms"]] == [
        ("pump-01@00001", True),
        ("pump-02@00030", False),
    ]


def test_a4_the_list_says_what_was_over_before_it_was_known(web: TestClient, plant: MemoryPlant) -> None:
    plant.alarms = [replace(an_alarm(1), known_at=NOW, timeliness=Timeliness.HISTORY)]
    (alarm,) = web.get("/operator/alarms", headers=ANNA).json()["alarms"]
    assert (alarm["timeliness"], alarm["known_at"]) == ("history", "2026-01-31T08:00:00Z")


def test_the_list_carries_what_helped_before(web: TestClient, plant: MemoryPlant) -> None:
    plant.log_incident(replace(a_new_incident(device_id="pump-02"), fault_type="bearing_failure", origin="agent"))
    first = web.get("/operator/alarms", headers=ANNA).json()["alarms"][0]
    (like,) = first["similar_incidents"]
    assert (like["incident_id"], like["reviewed"], like["alike"]) == (1, False, ["same fault", "another pump"])
    assert like["words_not_facts"] is None  # nobody has reviewed an agent's report
    review = {"revision": 1, "changes": {}, "note": ""}
    assert web.post("/operator/incidents/1/review", headers=ANNA, json=review).status_code == 200
    (like,) = web.get("/operator/alarms", headers=ANNA).json()["alarms"][0]["similar_incidents"]
    assert like["words_not_facts"] == {"of": "agent A. Person", "actions_taken": "replaced", "outcome": "normal"}
    assert first["patterns"] == []


def test_an_alarm_is_shelved_and_taken_back_under_the_persons_name(web: TestClient) -> None:
    shelved = web.post(f"{ALARM}/shelve", headers=ANNA, json={"duration_s": 600, "reason": "welding"}).json()
    assert (shelved["state"], shelved["set_aside_by"], shelved["shelved_until"], shelved["set_aside_because"]) == (
        "shelved",
        "anna",
        "2026-01-31T08:10:00Z",
        "welding",
    )
    assert web.post(f"{ALARM}/unshelve", headers=ANNA, json={}).json()["state"] == "unacknowledged"


def test_an_alarm_is_taken_out_of_service_and_returned(web: TestClient) -> None:
    out = web.post(f"{ALARM}/out-of-service", headers=ANNA, json={"reason": "dismounted"}).json()
    assert (out["state"], out["shelved_until"]) == ("out_of_service", None)
    assert web.post(f"{ALARM}/in-service", headers=ANNA, json={}).json()["state"] == "unacknowledged"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"duration_s": "nan", "reason": "welding"},
        {"duration_s": True, "reason": "welding"},
        {"duration_s": 1e9, "reason": "welding"},
        {"duration_s": 600},
        {"duration_s": 600, "reason": 7},
    ],
)
def test_a_shelf_that_makes_no_sense_is_refused(web: TestClient, body: dict[str, object]) -> None:
    assert web.post(f"{ALARM}/shelve", headers=ANNA, json=body).status_code == 400
    assert web.post("/operator/alarms/pump-09@1/unshelve", headers=ANNA, json={}).status_code == 404


def test_d1_a_level_is_accepted_listed_and_taken_back_under_the_persons_name(web: TestClient) -> None:
    accepted = web.post(f"{ALARM}/accept", headers=ANNA, json={"reason": "recipe B"}).json()["levels"]
    assert [(one["sensor"], one["level"], one["before"], one["by"], one["words"]) for one in accepted] == [
        ("temperature", 77.0, 72.0, "anna", "recipe B")
    ]
    assert web.get("/operator/levels", headers=ANNA).json()["levels"] == accepted
    body = {"sensors": ["temperature"], "reason": "it was none"}
    where = "/operator/devices/pump-01/levels"
    assert web.post(f"{where}/restore", headers=ANNA, json=body).json()["levels"] == accepted
    assert web.get("/operator/levels", headers=ANNA).json()["levels"] == []
    assert web.post(f"{where}/accept", headers=ANNA, json=body).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "recipe"},
        {"sensors": [], "reason": "recipe"},
        {"sensors": "temperature", "reason": "recipe"},
        {"sensors": [7], "reason": "recipe"},
        {"sensors": ["temperature"]},
        {"sensors": ["temperature"], "reason": ""},
    ],
)
def test_d1_a_level_without_sensors_or_reason_is_refused(web: TestClient, body: dict[str, object]) -> None:
    answer = web.post("/operator/devices/pump-01/levels/accept", headers=ANNA, json=body)
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"]


def test_b6_what_was_refused_is_told_with_topic_sample_and_reason(web: TestClient, plant: MemoryPlant) -> None:
    plant.refusals = (RefusedLine("pump-01", "temperature", "out_of_span", 227, 0.0, 60.0, "a/pump-01", "-127", ""),)
    (line,) = web.get("/operator/refused", headers=ANNA).json()["refused"]
    assert (line["device_id"], line["sensor"], line["reason"], line["count"]) == (
        "pump-01",
        "temperature",
        "out_of_span",
        227,
    )
    assert (line["topic"], line["sample"], line["last_at"]) == ("a/pump-01", "-127", "1970-01-01T00:01:00Z")
    assert web.get("/operator/refused").status_code == 401


def test_the_figures_are_told_for_as_many_operators_as_are_asked_for(web: TestClient) -> None:
    answer = web.get("/operator/figures?last_s=86400&operators=2", headers=ANNA).json()
    assert answer["alarms"] == 2
    assert answer["lines"][0].startswith("0.01 alarms per 10 minutes and operator over 1 d, ")
    assert (answer["data_from"], answer["data_to"]) == ("2026-01-31T07:59:01Z", "2026-01-31T07:59:56Z")
    for wrong in ("last_s=1", "last_s=x", "operators=0", "operators=1.5"):
        assert web.get(f"/operator/figures?{wrong}", headers=ANNA).status_code == 400


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer token-of-agents"}])
@pytest.mark.parametrize("act", ["shelve", "unshelve", "out-of-service", "in-service"])
def test_the_agents_token_changes_no_alarm(
    web: TestClient, plant: MemoryPlant, act: str, headers: dict[str, str]
) -> None:
    before = list(plant.alarms)
    body = {"duration_s": 600, "reason": "welding"}
    assert web.post(f"{ALARM}/{act}", headers=headers, json=body).status_code == 401
    assert web.get("/operator/alarms", headers=headers).status_code == 401
    assert plant.alarms == before


def test_h14_the_list_shows_evidence_line_duration_and_who_acknowledged(web: TestClient, plant: MemoryPlant) -> None:
    plant.alarms = [
        replace(an_alarm(1, note="bearing is warm"), acknowledged_at=NOW - 60),
        replace(an_alarm(2), state=AlarmState.RETURNED, cleared_at=NOW - 100.0, raised_at=NOW - 400.0),
    ]
    first, second = web.get("/operator/alarms", headers=ANNA).json()["alarms"]
    assert (first["line"], first["duration_s"]) == ("line-1", 9_999.0)
    assert (first["acknowledged_by"], first["acknowledged_at"]) == ("an agent", "2026-01-31T07:59:00Z")
    assert first["note"] == "bearing is warm"
    strongest = first["evidence"][0]
    assert (strongest["value"], strongest["unit"], strongest["baseline"]) == (8.4, "mm/s", 1.5)
    assert (strongest["normal"], strongest["alarm_limit"]) == ("0.5 to 2.5", "up to 3.5")
    assert second["duration_s"] == 300.0


@pytest.mark.parametrize("path", ["alarms", "figures", "refused", "approvals", "commands", "incidents"])
def test_h4_every_list_says_since_when_the_broker_is_away(web: TestClient, plant: MemoryPlant, path: str) -> None:
    assert web.get(f"/operator/{path}", headers=ANNA).json()["broker_away_since"] is None
    plant.broker_away_since = NOW - 60
    assert web.get(f"/operator/{path}", headers=ANNA).json()["broker_away_since"] == "2026-01-31T07:59:00Z"
