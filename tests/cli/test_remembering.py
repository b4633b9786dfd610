"""The commands over incident reports against a serve that answers what it is told to."""

import pytest

from tests.support.canned_serve import Serve, run

REPORT = {
    "incident_id": 7,
    "device_id": "pump-01",
    "kind": "pump",
    "alarm_id": "pump-01@20260131T080000",
    "fault_type": "pressure_leak",
    "severity": "high",
    "occurred_at": "2026-01-31T08:00:00Z",
    "reported_at": "2026-01-31T09:00:00Z",
    "revision": 2,
    "reviewed": True,
    "reviewed_by": "anna",
    "reviewed_at": "2026-01-31T10:00:00Z",
    "withdrawn": False,
    "commands": ["cmd-1 reduce_load (reduction_pct=30): verified"],
    "words_not_facts": {
        "of": "agent claude",
        "title": "Leak at the flange",
        "root_cause": "worn gasket",
        "actions_taken": "gasket replaced",
        "outcome": "tight again",
    },
}
LIST = {
    "as_of": "2026-01-31T08:30:00Z",
    "total": 3,
    "method": "",
    "note": "",
    "patterns": ["3 times pressure_leak on pump-01, 5.0 d and 4.0 d apart"],
}


def test_reports_are_listed_facts_first_and_whose_words_they_are(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {**REPORT, "incident_id": 8, "reviewed": False, "alarm_id": None, "commands": [], "alike": ["same fault"]}
    serve.answer = (200, {**LIST, "incidents": [{**REPORT, "alike": []}, waiting]})
    asked = ("--device", "pump-01", "--fault", "pressure_leak", "--last", "30d", "--unreviewed", "--withdrawn")
    assert run(serve, "incidents", *asked, "--text", "a leak & more") == 0
    path = serve.asked[0][1]
    assert path.startswith("/operator/incidents?device_id=pump-01&fault_type=pressure_leak&text=a+leak+%26+more")
    assert path.endswith("&last_s=2592000&reviewed=no&withdrawn=yes")
    assert capsys.readouterr().out.splitlines() == [
        "again and again: 3 times pressure_leak on pump-01, 5.0 d and 4.0 d apart",
        "",
        "#7  2026-01-31T08:00:00Z  high pressure_leak on pump-01  (reviewed by anna, revision 2)",
        "  alarm: pump-01@20260131T080000",
        "  command: cmd-1 reduce_load (reduction_pct=30): verified",
        "  in the words of agent claude: Leak at the flange",
        "    cause: worn gasket",
        "    actions: gasket replaced",
        "    outcome: tight again",
        "",
        "#8  2026-01-31T08:00:00Z  high pressure_leak on pump-01  (NOT REVIEWED, revision 2)",
        "  alike: same fault",
        "  in the words of agent claude: Leak at the flange",
        "    cause: worn gasket",
        "    actions: gasket replaced",
        "    outcome: tight again",
        "",
        "1 more; narrow the question to see them",
    ]


def test_no_reports_are_said_to_be_none_with_the_reason(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    note = "No report is about this. Found by words only: no model."
    serve.answer = (200, {**LIST, "total": 0, "note": note, "patterns": [], "incidents": []})
    assert run(serve, "incidents", "--like", "pump-01@1") == 0
    assert serve.asked[0][1] == "/operator/incidents?similar_to=pump-01%401"
    assert capsys.readouterr().out.splitlines() == ["no reports", note]
    assert run(serve, "incidents", "--last", "soon") == 2


def test_a_report_is_shown_with_what_it_said_before(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    before = {
        "revision": 1,
        "changed_at": "2026-01-31T10:00:00Z",
        "changed_by": "anna",
        "note": "looked myself",
        "was": {"root_cause": "broken flange"},
    }
    serve.answer = (200, {**REPORT, "withdrawn": True, "revisions": [before]})
    assert run(serve, "incident", "7") == 0
    shown = capsys.readouterr().out
    assert "(WITHDRAWN by anna, revision 2)" in shown
    assert shown.endswith(
        "\nrevision 1, until anna changed it at 2026-01-31T10:00:00Z\n"
        "  because looked myself\n  root_cause: broken flange\n"
    )


def test_a_person_writes_a_report(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve.answer = (200, REPORT)
    words = ("--title", "Leak", "--cause", "gasket", "--actions", "replaced", "--outcome", "tight")
    assert run(serve, "report", "pump-01", "pressure_leak", "--severity", "high", *words) == 0
    method, path, token, body = serve.asked[0]
    assert (method, path, token) == ("POST", "/operator/incidents", "Bearer token-of-anna")
    assert body == {
        "device_id": "pump-01",
        "fault_type": "pressure_leak",
        "severity": "high",
        "title": "Leak",
        "root_cause": "gasket",
        "actions_taken": "replaced",
        "outcome": "tight",
    }


def test_a_review_names_the_revision_that_was_read(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve.answer = (200, {**REPORT, "revisions": []})
    assert run(serve, "review", "7", "--cause", "bolt loose", "--severity", "low", "--note", "looked myself") == 0
    assert [(method, path) for method, path, _, _ in serve.asked] == [
        ("GET", "/operator/incidents/7"),
        ("POST", "/operator/incidents/7/review"),
    ]
    assert serve.asked[1][3] == {
        "revision": 2,
        "changes": {"root_cause": "bolt loose", "severity": "low"},
        "note": "looked myself",
        "withdraw": False,
    }
    assert run(serve, "review", "7", "--revision", "1", "--withdraw") == 0
    assert serve.asked[2][3] == {"revision": 1, "changes": {}, "note": "", "withdraw": True}
