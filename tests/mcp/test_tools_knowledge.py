import pytest
from memory_plant import NOW, a_new_incident, size_of_json

from aegisflow.mcp.budget import BUDGET_BYTES

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
    assert answer["incident"]["author"] == "test agent"
    assert answer["incident"]["origin"] == "agent"
    assert answer["incident"]["reviewed"] is False
    assert plant.reports[0].occurred_at == NOW
    (found,) = call("get_incident_reports")["incidents"]
    assert found["untrusted_words"] == {key: REPORT[key] for key in ("title", "root_cause", "actions_taken", "outcome")}


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
