from dataclasses import replace

import pytest

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.incidents.model import IncidentReview
from aegisflow.mcp.budget import BUDGET_BYTES
from tests.support.memory_plant import NOW, a_new_incident, size_of_json

REPORT = {
    "device_id": "pump-01",
    "fault_type": "pressure_leak",
    "severity": "high",
    "title": "Leak at the flange",
    "root_cause": "gasket aged",
    "actions_taken": "gasket replaced",
    "outcome": "pressure back at 31 PSI",
}


def test_passages_are_cited_with_manual_and_section(call):
    answer = call("query_device_manual", query="pump loses pressure", device_id="pump-01", limit=1)
    (passage,) = answer["passages"]
    assert (passage["manual"], passage["section"], passage["revision"]) == ("pump.md", "Faults > Leak", "3")
    assert passage["origin"] == "added by the plant"
    assert passage["text"].startswith("## Leak\nStop.\n")
    assert answer["method"] == "lexical"
    assert answer["note"] == "no model"


def test_long_passages_are_cut_to_the_budget_and_said_to_be(call):
    answer = call("query_device_manual", query="pump loses pressure", limit=10)
    assert size_of_json(answer) <= BUDGET_BYTES
    assert len(answer["passages"]) == 10
    assert answer["truncated"] is True
    assert all(passage["text"].endswith("…") for passage in answer["passages"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"device_id": "pump-77"}, "pump-01, pump-02, pump-03"),
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": 1_000_000}, "less than or equal to 10"),
        ({"query": ""}, "at least 2 characters"),
        ({"query": "x" * 1_000}, "at most 500 characters"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_what_could_be(refusal, arguments, named):
    assert named in refusal("query_device_manual", **({"query": "leak"} | arguments))


def test_a_logged_report_is_the_agents_and_comes_back_as_its_words(call, plant):
    answer = call("log_incident_report", **REPORT)
    assert answer["incident"] == {"incident_id": 1, "origin": "agent", "reviewed": False, "commands": []}
    assert plant.reports[0].occurred_at == NOW
    (found,) = call("get_incident_reports")["incidents"]
    words = {key: REPORT[key] for key in ("title", "root_cause", "actions_taken", "outcome")}
    assert found["untrusted_words"] == {"author": "calls itself “test agent”", **words}
    assert (found["origin"], found["reviewed"]) == ("agent", False)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"device_id": "pump-77"}, "pump-01, pump-02, pump-03"),
        ({"severity": "awful"}, "'low', 'medium', 'high' or 'critical'"),
        ({"fault_type": "Bearing; DROP"}, "pattern"),
        ({"occurred_at": "soon"}, "ISO 8601"),
        ({"occurred_at": "2027-01-01T00:00:00Z"}, "not in the future"),
        ({"root_cause": "x" * 1_001}, "at most 1000 characters"),
        ({"author": "plant manager"}, "author is not an argument"),
    ],
)
def test_a_report_that_cannot_be_is_refused_and_not_stored(refusal, plant, arguments, named):
    assert named in refusal("log_incident_report", **(REPORT | arguments))
    assert plant.reports == []


def test_a_missing_part_of_a_report_is_named(refusal):
    assert "outcome is required" in refusal(
        "log_incident_report", **{k: v for k, v in REPORT.items() if k != "outcome"}
    )


def test_reports_are_paged_within_the_budget_without_loss_or_repetition(call, plant):
    for number in range(120):
        plant.log_incident(a_new_incident(f"report {number} " + "𝄞" * 300))
    seen, cursor = [], {}
    while True:
        answer = call("get_incident_reports", limit=50, last="30d", **cursor)
        assert size_of_json(answer) <= BUDGET_BYTES
        seen += [incident["incident_id"] for incident in answer["incidents"]]
        if not answer["truncated"]:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert seen == list(range(120, 0, -1))


@pytest.mark.parametrize("asked", [{"text": "worn seal"}, {"similar_to": "pump-01@00001"}])
def test_ranked_reports_are_paged_too_and_say_how_they_were_found(call, refusal, plant, asked):
    for number in range(7):
        plant.log_incident(a_new_incident(f"report {number}"))
    first = call("get_incident_reports", limit=4, **asked)
    assert (first["method"], first["note"], first["total"]) == ("lexical", "no model", 7)
    second = call("get_incident_reports", limit=4, cursor=first["next_cursor"], **asked)
    assert [one["incident_id"] for one in first["incidents"] + second["incidents"]] == [7, 6, 5, 4, 3, 2, 1]
    assert second["truncated"] is False
    assert "next_cursor of the page before" in refusal("get_incident_reports", limit=4, cursor=first["next_cursor"])


def test_reports_that_a_person_reviewed_come_first_and_withdrawn_ones_not_at_all(call, plant):
    for origin in ("agent", "person", "agent", "agent"):
        plant.log_incident(replace(a_new_incident(), origin=origin))
    plant.review_incident(IncidentReview(1, 1, Caller("anna", CallerKind.OPERATOR), {"outcome": "worse"}))
    plant.review_incident(IncidentReview(4, 1, Caller("anna", CallerKind.OPERATOR), withdraw=True))
    found = call("get_incident_reports")["incidents"]
    assert [(one["incident_id"], one["reviewed"]) for one in found] == [(2, True), (1, True), (3, False)]
    assert found[1]["reviewed_by"] == "anna"
    assert found[1]["untrusted_words"]["outcome"] == "worse"


def test_faults_that_come_again_are_told_with_the_reports_they_are_asked_with(call, plant):
    for days in (9, 4, 0):
        plant.log_incident(replace(a_new_incident(), occurred_at=NOW - days * 86_400))
    line = "3 times pressure_leak on pump-01, 5.0 d and 4.0 d apart"
    assert call("get_incident_reports")["patterns"] == [line]
    assert call("get_incident_reports", device_id="pump-01", fault_type="pressure_leak")["patterns"] == [line]
    assert call("get_incident_reports", fault_type="bearing_failure")["patterns"] == []
    logged = call("log_incident_report", **(REPORT | {"occurred_at": "2026-01-30T08:00:00Z"}))
    assert logged["patterns"] == ["4 times pressure_leak on pump-01, 5.0 d, 3.0 d and 1.0 d apart"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": 1_000_000}, "less than or equal to 50"),
        ({"start": "2026-13-01"}, "2026-01-31T08:00:00Z"),
        ({"cursor": "e30"}, "next_cursor of the page before"),
    ],
)
def test_reports_that_cannot_be_are_refused_with_what_could_be(refusal, arguments, named):
    assert named in refusal("get_incident_reports", **arguments)
